"""The columns of simple search follow the catalogue, in this process and in others; what a search asks."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import series
from filmroom.catalog.schema_search import patient_change, series_geometry
from filmroom.catalog.simple_search import Searches
from filmroom.errors import CatalogBusy, CatalogUnreachable
from filmroom.model.access import VisibleSet
from filmroom.model.entities import Licence
from filmroom.model.queries import CountValues
from filmroom.model.search import Page, Range, SimpleSearch

Make = Callable[..., Any]
BOUND = Licence("Not for sale", "Bound", "https://example.org/bound", commercial_use=False)


def uids(searches: Searches, **criteria: Any) -> list[str]:
    found = searches.find(SimpleSearch(**criteria), VisibleSet())
    return sorted(found.series_uids(Page(size=10_000)))


def test_an_empty_archive_finds_nothing(catalog: Catalog) -> None:
    searches = catalog.searches()
    searches.prepare()
    found = searches.find(SimpleSearch(modalities=("CT",)), VisibleSet())
    assert found.summary().patients == 0
    assert list(found.patients(Page())) == []
    assert not found.excludes_commercial(Page())


def test_what_is_committed_is_found_by_the_next_search(url: str, catalog: Catalog, make: Make) -> None:
    """By a copy that was there before, of this process and of another; also of a patient known already."""
    here = catalog.searches()
    with Catalog.open(url) as other:
        there = other.searches()
        expected: list[str] = []
        for number in range(12):
            # Old patients get new series and studies, in another order than they came.
            person = (number * 5) % 4
            catalog.commit_batch(
                None,
                [make(f"1.{number}.1", f"1.{number}", f"2.{number % 8}.{person}", f"P{person}",
                      modality="CT" if number % 2 else "MR")],
            )  # fmt: skip
            expected = sorted([*expected, f"1.{number}"])
            for searches in (here, there):
                assert uids(searches) == expected
                summary = searches.find(SimpleSearch(), VisibleSet()).summary()
                pages = catalog.rows(CountValues("modality"), VisibleSet())
                counts = {row["modality"]: row["patients"] for page in pages for row in page}
                assert summary.modalities == counts
        fresh = catalog.searches()
        every = Page(size=100, sort="subject")
        patients = [
            list(searches.find(SimpleSearch(), VisibleSet()).patients(every))
            for searches in (here, there, fresh)
        ]
        assert patients[0] == patients[1] == patients[2]
        assert [each.patient_id for each in patients[0]] == ["P0", "P1", "P2", "P3"]


def test_values_that_come_later_count(catalog: Catalog, make: Make) -> None:
    """A study's description, filled by a second series, is found with the first series too."""
    searches = catalog.searches()
    catalog.commit_batch(None, [make("1.1", "1", "9", "P")])
    assert uids(searches, descriptions=("thorax",)) == []
    catalog.commit_batch(None, [make("2.1", "2", "9", "P", study_desc="Thorax")])
    assert uids(searches, descriptions=("thorax",)) == ["1", "2"]


def test_terms_that_are_set_count_at_once(catalog: Catalog, make: Make) -> None:
    searches = catalog.searches()
    catalog.commit_batch(None, [make("1.1", "1", "8", "P", collection="A")])
    catalog.commit_batch(None, [make("2.1", "2", "9", "Q", collection="B")])
    assert uids(searches, commercial_only=True) == ["1", "2"]
    catalog.set_collection("A", licence=BOUND)
    assert uids(searches, commercial_only=True) == ["2"]
    catalog.set_collection("B", third_party=True)
    assert uids(searches, third_party=(True,)) == ["2"]
    catalog.set_collection("B", access="restricted")
    assert uids(searches) == ["1"]
    catalog.set_collection("B", access="public")
    assert uids(searches) == ["1", "2"]


def test_a_batch_that_fails_changes_nothing(catalog: Catalog, make: Make) -> None:
    searches = catalog.searches()
    catalog.commit_batch(None, [make("1.1", "1", "9", "P")])
    assert uids(searches) == ["1"]
    before = change_number(catalog)
    with pytest.raises(KeyError), catalog._database.writing() as connection:
        connection.execute(sa.update(series).values(visibility=0))
        raise KeyError
    assert change_number(catalog) == before
    assert uids(searches) == ["1"]


def change_number(catalog: Catalog) -> int:
    with catalog._database.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.max(patient_change.c.number))) or 0)


def test_geometry_is_gathered_over_batches(catalog: Catalog, make: Make) -> None:
    def add(number: int, spacing: float | None, thickness: float | None) -> None:
        instance = make(f"1.{number}", "1", "9", "P", pixel_spacing=spacing, slice_thickness=thickness)
        catalog.commit_batch(None, [instance])

    searches = catalog.searches()
    add(1, None, None)
    assert geometry(catalog) == {}
    assert uids(searches, pixel_spacings=(Range(None, None),)) == []
    add(2, 0.7, None)
    add(3, 0.1 + 0.2, 5.0)
    add(4, 0.7, 5.0)
    assert geometry(catalog) == {"1": ((0.1 + 0.2, 0.7), (5.0,))}
    assert uids(searches, pixel_spacings=(Range(0.1 + 0.2, 0.1 + 0.2),)) == ["1"]
    assert uids(searches, pixel_spacings=(Range(0.31, 0.69),)) == []
    assert uids(searches, slice_thicknesses=(Range(5, 5),), pixel_spacings=(Range(0.7, None),)) == ["1"]


def geometry(catalog: Catalog) -> dict[str, Any]:
    columns = (series_geometry.c.pixel_spacings, series_geometry.c.slice_thicknesses)
    statement = sa.select(series.c.series_instance_uid, *columns).join(series)
    with catalog._database.reading() as connection:
        return {
            uid: tuple(tuple(map(float, (text or "").split(","))) for text in texts)
            for uid, *texts in connection.execute(statement)
        }


def test_more_patients_than_are_read_at_once(catalog: Catalog, make: Make) -> None:
    """In two halves, one by the first search and one by the second."""
    searches = catalog.searches()
    for half in (range(700), range(700, 1_300)):
        catalog.commit_batch(
            None, [make(f"1.{n}.1", f"1.{n}", f"2.{n}", f"P{n:04}", key=f"k/{half.start}") for n in half]
        )
        found = searches.find(SimpleSearch(), VisibleSet())
        assert found.summary().patients == half.stop
        last = list(found.patients(Page(half.stop - 2, 5, "subject")))
        assert [each.patient_id for each in last] == [f"P{half.stop - 2:04}", f"P{half.stop - 1:04}"]
    assert len(uids(searches)) == 1_300


def test_many_search_while_one_commits(catalog: Catalog, make: Make) -> None:
    """A search never finds less than was committed before it began, and counts agree with its pages."""
    searches = catalog.searches()
    committed, stop = [0], threading.Event()

    def look() -> int:
        looks = 0
        while not stop.is_set() or not looks:
            least = committed[0]
            found = searches.find(SimpleSearch(modalities=("CT",)), VisibleSet())
            summary, patients = found.summary(), list(found.patients(Page(size=1_000)))
            assert summary.patients == len(patients) >= min(least, 5)
            assert sum(len(study.series) for each in patients for study in each.studies) >= least
            looks += 1
        return looks

    with ThreadPoolExecutor(4) as pool:
        looking = [pool.submit(look) for _ in range(4)]
        try:
            for number in range(30):
                catalog.commit_batch(
                    None, [make(f"1.{number}.1", f"1.{number}", f"2.{number % 5}", f"P{number % 5}")]
                )
                committed[0] = number + 1
        finally:
            stop.set()
        assert all(each.result() for each in looking)


def test_closing_ends_the_reading(catalog: Catalog, make: Make) -> None:
    catalog.commit_batch(None, [make()])
    searches = catalog.searches()
    searches.close()
    with pytest.raises(CatalogUnreachable):
        searches.prepare()


def test_not_everybody_waits_for_the_first_reading(catalog: Catalog, make: Make) -> None:
    """Others need the server's threads meanwhile; once it is read, all are answered."""
    catalog.commit_batch(None, [make()])
    searches = catalog.searches()
    waiting = searches._copy._waiting
    places = 0
    while waiting.acquire(blocking=False):
        places += 1
    assert places == 5
    with pytest.raises(CatalogBusy):
        uids(searches)
    waiting.release()
    assert len(uids(searches)) == 1
    assert waiting.acquire(blocking=False)
    assert len(uids(searches)) == 1


# -- what is asked of the database ---------------------------------------------------------------------


def asked(catalog: Catalog, work: Callable[[], Any]) -> list[tuple[str, Any]]:
    """Return the statements that reading sends while something is done."""
    sent: list[tuple[str, Any]] = []
    engine = catalog._database._read

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return sent


def test_a_search_asks_two_questions_whatever_it_is(catalog: Catalog, make: Make) -> None:
    """The newest change and the viewer's sites; one more for each kind of UID, and one for a manifest."""
    catalog.commit_batch(None, [make(f"1.{n}.1", f"1.{n}", f"2.{n}", f"P{n}", key="k") for n in range(400)])
    searches = catalog.searches()
    searches.prepare()

    def whole(**criteria: Any) -> Callable[[], Any]:
        def work() -> None:
            found = searches.find(SimpleSearch(**criteria), VisibleSet())
            found.summary()
            assert list(found.patients(Page(size=300)))
            found.excludes_commercial(Page(size=300))

        return work

    assert len(asked(catalog, whole())) == 2
    assert len(asked(catalog, whole(modalities=("CT",), patient_ids=("P*",)))) == 2
    assert len(asked(catalog, whole(series_instance_uids=("1.7", "1.8*")))) == 3
    assert len(asked(catalog, whole(series_instance_uids=("1.7",), study_instance_uids=("2.7",)))) == 4
    found = searches.find(SimpleSearch(), VisibleSet())
    assert len(asked(catalog, lambda: list(found.series_uids(Page(size=400))))) == 1
    # A change of one patient is read with three: what changed, and what it has now.
    catalog.commit_batch(None, [make("9.1.1", "9.1", "9", "P7")])
    assert len(asked(catalog, whole())) == 5


GROWING = {"patient", "study", "series", "instance", "patient_change", "series_geometry"}


def whole_tables(catalog: Catalog, statement: str, parameters: Any) -> list[str]:
    """Return the growing tables that a statement reads from end to end."""
    with catalog._database.reading() as connection:
        cursor = connection.connection.cursor()
        if isinstance(connection.connection.dbapi_connection, sqlite3.Connection):
            plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            return [step for step in plan if step.startswith("SCAN") and step.split()[1] in GROWING]
        # What a large table would get: with few rows the planner would read it whole.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        row = cursor.fetchone()
        cursor.execute("RESET enable_seqscan")
        found = row[0] if not isinstance(row[0], str) else json.loads(row[0])
        nodes, whole = [entry["Plan"] for entry in found], []
        for node in nodes:
            nodes += node.get("Plans", [])
            is_whole = node["Node Type"] == "Seq Scan" or (
                "Index" in node["Node Type"] and "Index Cond" not in node
            )
            if is_whole and node.get("Relation Name") in GROWING:
                whole.append(str(node))
        return whole


def test_no_search_reads_a_table_from_end_to_end(catalog: Catalog, make: Make) -> None:
    for number in range(4):
        catalog.commit_batch(
            None,
            [make(f"1.{number}.{n}.1", f"1.{number}.{n}", f"2.{number}.{n}", f"P{number}-{n}",
                  key=f"{number}", pixel_spacing=0.5) for n in range(300)],
        )  # fmt: skip
    searches = catalog.searches()
    searches.prepare()
    catalog.commit_batch(None, [make("9.1.1", "9.1", "9", "P1-7")])
    criteria = SimpleSearch(
        modalities=("CT",), study_instance_uids=("9", "2.1*", "2.2.7"), series_instance_uids=("9.1", "1.2.*")
    )

    def work() -> None:
        found = searches.find(criteria, VisibleSet())
        found.summary()
        assert list(found.series_uids(Page())) == ["9.1", "1.2.7"]

    sent = asked(catalog, work)
    assert len(sent) >= 6
    assert any("series_geometry" in statement for statement, _ in sent)
    for statement, parameters in sent:
        assert whole_tables(catalog, statement, parameters) == [], statement
