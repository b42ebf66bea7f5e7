"""Text search in the catalogue: what is found when, by whom, and who works on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import series
from filmroom.catalog.schema_text import series_text
from filmroom.catalog.text_documents import unpacked
from filmroom.catalog.text_index import MOST_ATTEMPTS, Reading
from filmroom.catalog.text_words import indexed_keys, remove_words
from filmroom.model.access import Role, Scope, Viewer, VisibleSet
from filmroom.model.accounts import Grant
from filmroom.model.entities import Assignment
from filmroom.model.search import Page
from filmroom.model.text_search import TextHit, parse_question

PUBLIC = VisibleSet()
OPEN = Assignment("Open", "Open")
HIDDEN = Assignment("Open", "Open", visibility=0)
CLOSED = Assignment("Closed", "Closed", access="restricted")


def hits(
    catalog: Catalog, text: str, visible: VisibleSet = PUBLIC, page: Page | None = None
) -> list[TextHit]:
    total, pages = catalog.text_search().patients(parse_question(text), visible, page)
    found = [hit for some in pages for hit in some]
    assert page is not None or total == len(found)
    return found


def subjects(catalog: Catalog, text: str, visible: VisibleSet = PUBLIC) -> list[str]:
    return [hit.patient_id for hit in hits(catalog, text, visible)]


def read(catalog: Catalog, tags: dict[str, Sequence[str]]) -> None:
    """Index every series that waits; ``tags`` are the values of the files by Series Instance UID."""
    work = catalog.text_index()
    with catalog._database.reading() as connection:
        rows = connection.execute(sa.select(series.c.id, series.c.series_instance_uid))
        uids = {row.id: row.series_instance_uid for row in rows}
    while leased := work.lease("test", 100, 60):
        keys = [unread.series_key for unread in leased]
        work.store("test", keys, {key: Reading(tags.get(uids[key], ())) for key in keys})


@pytest.fixture
def words(catalog: Catalog, make: Any) -> Catalog:
    """Two patients of Open, one of them with a hidden series too, and one of Closed."""
    catalog.commit_batch(
        None,
        [
            make("1.1.1.1", "1.1.1", "1.1", "A", assignment=OPEN, series_desc="Lung window"),
            make("1.1.2.1", "1.1.2", "1.1", "A", assignment=OPEN, modality="MR", series_desc="Liver"),
            make("1.1.3.1", "1.1.3", "1.1", "A", assignment=HIDDEN, series_desc="Unreleased"),
            make("1.2.1.1", "1.2.1", "1.2", "B", assignment=OPEN, series_desc="window of the lung"),
            make("1.3.1.1", "1.3.1", "1.3", "C", assignment=CLOSED, series_desc="Lung of a secret"),
        ],
    )
    return catalog


def test_fields_are_found_with_the_commit(words: Catalog) -> None:
    assert subjects(words, "lung") == ["A", "B"]
    assert subjects(words, "open ct") == ["A", "B"]
    assert subjects(words, "1.2.1") == ["B"]
    assert words.text_index().state().waiting == 5


def test_words_of_one_patient_may_stand_in_different_series(words: Catalog) -> None:
    assert subjects(words, "lung liver") == ["A"]
    assert subjects(words, "window lung") == ["A", "B"]
    assert subjects(words, "liver OR secret") == ["A"]
    assert subjects(words, "lung absent") == []


def test_phrases_and_beginnings(words: Catalog) -> None:
    assert subjects(words, '"lung window"') == ["A"]
    assert subjects(words, "win*") == ["A", "B"]
    assert subjects(words, '"the lu"*') == ["B"]
    assert subjects(words, "wind") == []


def test_no_phrase_reaches_over_two_values(words: Catalog) -> None:
    [hit] = hits(words, '"lung window"')
    read(words, {"1.2.1": ["first value", "second value"]})
    assert subjects(words, '"second value"') == ["B"]
    assert subjects(words, '"value second"') == []
    assert hit.excerpt == "<em>Lung</em> <em>window</em>"


def test_a_patient_is_told_with_everything_that_may_be_seen_of_it(words: Catalog) -> None:
    [hit] = hits(words, "liver")
    assert (hit.patient_id, hit.collection, hit.excerpt) == ("A", "Open", "<em>Liver</em>")
    [study] = hit.studies
    assert study.modalities == ("CT", "MR")
    assert len(study.series) == 2


def test_words_of_hidden_series_neither_find_nor_mark(words: Catalog) -> None:
    read(words, {"1.1.1": ["public tag"], "1.1.3": ["buried treasure", "public tag"]})
    for text in ("unreleased", "buried", '"buried treasure"', "bur*", "1.1.3", "lung buried"):
        assert subjects(words, text) == []
    assert subjects(words, "lung OR buried") == ["A", "B"]
    assert [hit.excerpt for hit in hits(words, "public OR buried")] == ["<em>public</em> tag"]
    curator = VisibleSet(scope=Scope.CURATE)
    assert [hit.excerpt for hit in hits(words, "buried", curator)] == ["<em>buried</em> treasure"]


def test_words_of_restricted_series_are_for_their_grantees(words: Catalog) -> None:
    words.accounts().add("reader", "a long password")
    words.grants().add(Grant("Closed", None, Role.READ.value, user="reader"))
    with words._database.reading() as connection:
        account_id = connection.scalar(sa.text("SELECT id FROM account"))
    reader = VisibleSet(Viewer(account_id, "reader"))
    assert subjects(words, "lung") == ["A", "B"]
    assert subjects(words, "lung", reader) == ["C", "A", "B"]  # Closed before Open
    assert subjects(words, "secret") == []
    assert subjects(words, "secret", reader) == ["C"]


def test_hiding_a_series_hides_its_words_at_once(words: Catalog) -> None:
    with words._database.writing() as connection:
        connection.execute(sa.update(series).values(visibility=2).where(series.c.series_desc == "Liver"))
    assert subjects(words, "liver") == []
    assert subjects(words, "lung liver") == []
    assert len(hits(words, "A")[0].studies[0].series) == 1


def test_a_patient_of_two_sites_is_one(catalog: Catalog, make: Any) -> None:
    sites = [Assignment("Open", name) for name in ("North", "South")]
    catalog.commit_batch(
        None,
        [make(f"1.{n}.1.1", f"1.{n}.1", f"1.{n}", "A", assignment=site) for n, site in enumerate(sites, 1)],
    )
    [hit] = hits(catalog, "north")
    assert len(hit.studies) == 2
    assert [each.id for each in hits(catalog, "south")] == [hit.id]
    assert sorted(
        uid for some in catalog.text_search().series_uids(parse_question("north"), PUBLIC) for uid in some
    ) == [
        "1.1.1",
        "1.2.1",
    ]


def test_values_that_are_filled_later_are_found_once_they_are_indexed(words: Catalog, make: Any) -> None:
    read(words, {"1.1.1": ["tag of a file"]})
    words.commit_batch(
        None, [make("1.1.1.2", "1.1.1", "1.1", "A", assignment=OPEN, study_desc="Afterthought")]
    )
    state = words.text_index().state()
    assert state.waiting == 3  # every series of the study
    read(words, {"1.1.1": ["tag of a file"]})
    [hit] = hits(words, "afterthought")
    assert [each.patient_id for each in hits(words, "afterthought file")] == ["A"]
    assert subjects(words, "lung") == ["A", "B"]
    assert hit.excerpt == "<em>Afterthought</em>"


def test_reading_again_replaces_what_was_known(words: Catalog) -> None:
    read(words, {"1.2.1": ["before"]})
    assert subjects(words, "before") == ["B"]
    with words._database.writing() as connection:
        connection.execute(sa.update(series_text).values(waiting_since=dt.datetime(2020, 1, 1)))
    assert words.text_index().state().behind > 0
    read(words, {"1.2.1": ["after"]})
    assert subjects(words, "before") == []
    assert subjects(words, "after") == ["B"]
    assert words.text_index().state().behind == 0


def test_pages_and_orders(words: Catalog, make: Any) -> None:
    more = Assignment("Another", "Another")
    words.commit_batch(
        None,
        [make(f"1.9.{n}.1", f"1.9.{n}", "1.9", "a1", assignment=more, series_desc="lung") for n in range(3)],
    )

    def ordered(sort: Any, *, descending: bool = False, start: int = 0, size: int = 10) -> list[str]:
        found = hits(words, "lung", page=Page(start, size, sort, descending))
        return [hit.patient_id for hit in found]

    assert ordered("collection") == ["a1", "A", "B"]
    assert ordered("collection", descending=True) == ["A", "B", "a1"]
    assert ordered("subject") == ["A", "a1", "B"]
    assert ordered("subject", descending=True) == ["B", "a1", "A"]
    assert ordered("totalNumberOfSeries") == ["B", "A", "a1"]
    assert ordered("series", descending=True) == ["a1", "A", "B"]
    assert ordered("totalNumberOfStudies") == ["a1", "A", "B"]
    assert ordered("subject", start=1, size=1) == ["a1"]
    assert ordered("subject", start=3) == []
    total, _ = words.text_search().patients(parse_question("lung"), PUBLIC, Page(2, 1))
    assert total == 3


HOSTILE = [
    '"',
    'a"b',
    '"a" OR',
    "series_words:a",
    "words : lung",
    "NEAR(a b, 2)",
    "lung) OR (1=1",
    "a NOT b",
    "^lung",
    "{words}: lung",
    "' | '",
    "lung & !lung",
    "a <-> b",
    "lung:*",
    "\\'lung\\",
    "lung\x00",
    "\ud800",
    "-lung",
    "x" * 4000,
    "😀",
    "%_",
    "'; DROP TABLE series_words; --",
]


def test_no_text_is_taken_for_a_language_of_the_database(words: Catalog) -> None:
    for text in HOSTILE:
        assert set(subjects(words, text)) <= {"A", "B"}, text
    assert list(words.text_search().series_uids(parse_question("9.9.9"), PUBLIC)) == []
    assert subjects(words, "lung") == ["A", "B"]


def test_hostile_values_are_indexed_and_found(words: Catalog) -> None:
    tags = ["O'Neil \\ \"quoted\" -- 'x':1", "nul\x00byte", "😀 smile", "\ud800 alone", "w" * 3000, "ﷺ", "."]
    read(words, {"1.2.1": tags, "1.1.1": [f"v{n} " * 600 for n in range(40)]})
    for text in ("o'neil", "smile", '"neil quoted"', "nul", "alone", "w" * 100, "v39"):
        assert len(subjects(words, text)) == 1, text
    read(words, {})
    assert words.text_index().state().waiting == 0


# Who works on it ----------------------------------------------------------------------------------------


def test_a_series_is_leased_to_one_worker(words: Catalog) -> None:
    work = words.text_index()
    first = work.lease("one", 2, 60)
    second = work.lease("two", 10, 60)
    assert (len(first), len(second)) == (2, 3)
    assert not {each.series_key for each in first} & {each.series_key for each in second}
    assert work.lease("three", 10, 60) == []
    keys = [each.series_key for each in second]
    work.store("two", keys, {keys[0]: Reading(["read by two"])})
    # What was not read is free again.
    assert [each.series_key for each in work.lease("three", 10, 60)] == keys[1:]


def test_a_series_that_was_given_to_another_is_left_to_it(words: Catalog) -> None:
    work = words.text_index()
    keys = [each.series_key for each in work.lease("slow", 10, -1)]
    assert [each.series_key for each in work.lease("fast", 10, 60)] == keys
    work.store("slow", keys, {key: Reading(["slowly"]) for key in keys})
    assert subjects(words, "slowly") == []
    work.store("fast", keys, {key: Reading(["quickly"]) for key in keys})
    assert subjects(words, "quickly") == ["A", "B"]


def test_a_change_while_a_file_is_read_is_not_lost(words: Catalog, make: Any) -> None:
    work = words.text_index()
    keys = [each.series_key for each in work.lease("busy", 10, 60)]
    words.commit_batch(None, [make("1.2.1.2", "1.2.1", "1.2", "B", assignment=OPEN, study_desc="Late")])
    work.store("busy", keys, {key: Reading(["read"]) for key in keys})
    assert work.state().waiting == 1
    read(words, {})
    assert subjects(words, "late") == ["B"]


def test_what_cannot_be_read_is_told_and_tried_when_asked(words: Catalog) -> None:
    work = words.text_index()
    keys = [each.series_key for each in work.lease("one", 1, 60)]
    work.store("one", keys, {keys[0]: Reading(problem="It is broken.")})
    state = work.state()
    assert (state.waiting, state.unreadable) == (4, 1)
    assert subjects(words, "lung") == ["A", "B"]  # its fields are found all the same
    assert keys[0] not in [each.series_key for each in work.lease("two", 10, -1)]
    assert work.retry() == 1
    assert keys[0] in [each.series_key for each in work.lease("two", 10, 60)]


def test_a_series_that_ends_its_reader_is_left_alone(words: Catalog) -> None:
    work = words.text_index()
    for _ in range(MOST_ATTEMPTS):
        assert len(work.lease("crashes", 10, -1)) == 5
    assert work.lease("crashes", 10, -1) == []
    assert (work.state().waiting, work.state().unreadable) == (0, 5)


def test_what_the_index_lacks_is_found_and_indexed(words: Catalog) -> None:
    read(words, {})
    work = words.text_index()
    assert work.missing(repair=True) == 0
    with words._database.writing() as connection:
        keys = list(connection.scalars(sa.select(series.c.id).order_by(series.c.id)))
        rows = connection.execute(sa.select(series_text).where(series_text.c.series_key.in_(keys[:2]))).all()
        remove_words(connection, {row.series_key: unpacked(row.fields) for row in rows})
        connection.execute(sa.delete(series_text).where(series_text.c.series_key == keys[0]))
    assert work.missing(repair=False) == 2
    assert work.missing(repair=True) == 2
    assert work.missing(repair=False) == 0
    read(words, {})
    assert subjects(words, "lung liver") == ["A"]
    with words._database.reading() as connection:
        assert indexed_keys(connection, 0, 100) == set(keys)
