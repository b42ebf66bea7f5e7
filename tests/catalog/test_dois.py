"""DOI records in the catalogue: what a write sets, what it refuses, and what follows for other records."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.doi_activities import ActivityQuestion
from filmroom.catalog.schema_dois import doi_link, doi_posting
from filmroom.errors import IdentityConflict, InvalidInput, NotFound, NotPermitted, RecordChanged
from filmroom.model.doi_directory import DoiDirectory, parsed_aliases, parsed_names
from filmroom.model.doi_import import records_from_json
from filmroom.model.doi_metadata import complete
from filmroom.model.doi_questions import DoiPart, DoiQuestion
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import DoiActivity, DoiRecord, DoiState, normal_doi
from filmroom.testing.doi_records import doi_records

A, B, C = "10.5072/a", "10.5072/b/with/slashes", "10.5072/c"
OWNER = DoiWriter("owner", frozenset({"demo.archive"}))
STRANGER = DoiWriter("stranger", frozenset({"demo.other"}))
IMPORTED = dt.datetime(2026, 8, 30, 12, 0)


def record(doi: str = A, state: DoiState = DoiState.FINDABLE, **attributes: Any) -> DoiRecord:
    return DoiRecord(
        doi=doi,
        client="demo.archive",
        state=state,
        attributes={"titles": [{"title": "A title"}], "publicationYear": 2026} | attributes,
        url="https://archive.example.org/",
        xml=b"<resource/>",
    )


def related(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"relationType": kind, "relatedIdentifier": other, "relatedIdentifierType": "DOI"}
        for kind, other in pairs
    ]


def history(catalog: Catalog, doi: str, viewer: DoiWriter = OWNER) -> Sequence[DoiActivity]:
    return catalog.doi_activities().find(ActivityQuestion(doi), 100, viewer=viewer)[1][::-1]


def test_what_a_write_sets(catalog: Catalog) -> None:
    dois = catalog.dois()
    made = dois.put(record(A.upper(), DoiState.DRAFT), actor="jane")
    assert (made.doi, made.revision, made.metadata_version, made.registered) == (A, 1, 1, None)
    assert made.created == made.updated
    assert dois.get(A, OWNER) == made

    published = dois.put(replace(made, state=DoiState.FINDABLE), actor="jane")
    assert published.registered is not None
    assert (published.created, published.metadata_version, published.revision) == (made.created, 1, 2)
    hidden = dois.put(replace(published, state=DoiState.REGISTERED, reason="withdrawn"), actor="jane")
    again = dois.put(replace(hidden, state=DoiState.FINDABLE, xml=b"<other/>"), actor="jane")
    assert (again.registered, again.metadata_version) == (published.registered, 2)
    assert dois.put(again, actor="jane") == again  # nothing new: nothing changed
    assert [each.action for each in history(catalog, A)] == ["create", "update", "update", "update"]


def test_activities_tell_what_was_changed(catalog: Catalog) -> None:
    dois = catalog.dois()
    made = dois.put(record(state=DoiState.DRAFT), actor="jane")
    changed = replace(
        made, state=DoiState.FINDABLE, attributes={**made.attributes, "version": "2", "titles": []}
    )
    dois.put(changed, actor="joe")
    created, updated = history(catalog, A)
    assert (created.version, created.client, created.actor) == (1, "demo.archive", "jane")
    assert created.changes["titles"] == [{"title": "A title"}]
    assert created.changes["language"] is None
    assert (updated.version, updated.actor) == (2, "joe")
    assert updated.changes == {
        "titles": [[{"title": "A title"}], []],
        "version_info": [None, "2"],
        "aasm_state": ["draft", "findable"],
    }
    assert catalog.doi_activities().one(updated.uid, OWNER) == updated
    moved = dois.put(replace(dois.get(A), client="demo.other"), actor="joe")
    assert history(catalog, A)[-1].changes == {"client_id": ["demo.archive", "demo.other"]}
    assert moved.provider == "demo"


def test_who_sees_a_record_and_its_history(catalog: Catalog) -> None:
    dois, activities = catalog.dois(), catalog.doi_activities()
    for state in DoiState:
        dois.put(record(f"10.5072/{state.value}", state), actor="jane")
    for viewer, visible in (
        (DoiWriter(), 1),
        (STRANGER, 1),
        (OWNER, 3),
        (DoiWriter("a", everywhere=True), 3),
    ):
        found = [state for state in DoiState if _is_seen(catalog, f"10.5072/{state.value}", viewer)]
        assert len(found) == visible
        total, _ = activities.find(ActivityQuestion(), 10, viewer=viewer)
        assert total == visible
    hidden = history(catalog, "10.5072/draft")[0].uid
    with pytest.raises(NotFound):
        activities.one(hidden)
    assert dois.clients() == ["demo.archive"]
    assert len(dois.names(OWNER)) == 3
    assert dois.names(STRANGER) == []
    # Of a draft that is gone its owner alone knows.
    dois.delete_draft("10.5072/draft", actor="jane")
    assert [each.action for each in history(catalog, "10.5072/draft")] == ["create", "destroy"]
    assert history(catalog, "10.5072/draft", STRANGER) == []


def _is_seen(catalog: Catalog, doi: str, viewer: DoiWriter) -> bool:
    try:
        return catalog.dois().get(doi, viewer).doi == doi
    except NotFound:
        return False


def test_what_a_write_refuses(catalog: Catalog) -> None:
    dois = catalog.dois()
    made = dois.put(record(), actor="jane")
    with pytest.raises(IdentityConflict):
        dois.put(record(), actor="jane")
    newer = dois.put(replace(made, reason="one"), actor="jane")
    with pytest.raises(RecordChanged):
        dois.put(replace(made, reason="two"), actor="joe")
    with pytest.raises(RecordChanged):
        dois.put(replace(made, doi=B), actor="joe")
    with pytest.raises(NotPermitted):
        dois.import_many([replace(newer, imported_at=IMPORTED)], actor="joe")
    with pytest.raises(InvalidInput):
        dois.put_many([record(B), record(B.upper())], actor="joe")
    with pytest.raises(InvalidInput):
        dois.delete_draft(A, actor="joe")
    with pytest.raises(NotFound):
        dois.delete_draft(B, actor="joe")
    assert dois.get(A) == newer
    assert dois.exists(A.upper())
    assert not dois.exists(B)


def test_a_mirrors_record_is_read_only(catalog: Catalog) -> None:
    dois = catalog.dois()
    [document] = doi_records(1)
    [mirrored] = records_from_json(document, IMPORTED)
    assert dois.import_many([mirrored], actor="import") == (1, 0, 0)
    stored = dois.get(mirrored.doi)
    assert (stored.imported_at, stored.created) == (IMPORTED, mirrored.created)
    assert stored.updated == mirrored.updated
    with pytest.raises(NotPermitted):
        dois.put(replace(stored, imported_at=None, reason="mine"), actor="jane")
    # Imported again with other counts it is changed, with the same ones it is not.
    document["data"]["attributes"]["viewCount"] += 1
    fresh = list(records_from_json(document, IMPORTED + dt.timedelta(days=1)))
    assert dois.import_many(fresh, actor="import") == (0, 1, 0)
    assert dois.import_many(fresh, actor="import") == (0, 0, 1)
    assert dois.shown(mirrored.doi).counts["viewCount"] == document["data"]["attributes"]["viewCount"]


def test_relations_count_at_both_ends(catalog: Catalog) -> None:
    dois = catalog.dois()
    dois.put(record(B), actor="jane")
    cites = related(("Cites", B.upper()), ("References", "10.1000/x"), ("IsDerivedFrom", B), ("HasPart", C))
    made = dois.put(
        record(A, relatedIdentifiers=[*cites, *related(("IsCitedBy", "not a doi"))]), actor="jane"
    )
    assert dois.shown(A).relations["references"] == ("10.1000/x", B)
    assert dois.shown(A).counts["referenceCount"] == 2
    assert (dois.shown(B).counts["citationCount"], dois.shown(B).relations["citations"]) == (1, (A,))
    # Said by both, it still counts once.
    own = dois.get(B)
    dois.put(
        replace(own, attributes={**own.attributes, "relatedIdentifiers": related(("IsCitedBy", A))}),
        actor="jane",
    )
    assert dois.shown(B).counts["citationCount"] == 1
    # What comes later finds the relation; what is hidden says nothing of others.
    dois.put(record(C), actor="jane")
    assert dois.shown(C).relations["partOf"] == (A,)
    hidden = dois.put(replace(made, state=DoiState.REGISTERED), actor="jane")
    assert dois.shown(C).counts["partOfCount"] == 0
    assert dois.shown(A, OWNER).relations["parts"] == (C,)
    dois.put(replace(hidden, attributes={**made.attributes, "relatedIdentifiers": []}), actor="jane")
    assert dois.shown(A, OWNER).counts["partCount"] == 0


def test_a_deleted_draft_leaves_nothing_but_its_history(catalog: Catalog) -> None:
    dois, search = catalog.dois(), catalog.doi_search()
    dois.put(record(A, DoiState.DRAFT, relatedIdentifiers=related(("Cites", B))), actor="jane")

    def found() -> int:
        return search.find(DoiQuestion(query="title"), DoiPart(5), DoiDirectory(), OWNER).total

    assert found() == 1
    dois.delete_draft(A.upper(), actor="jane")
    assert found() == 0
    with catalog._database.reading() as connection:
        for table in (doi_posting, doi_link):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    again = dois.put(record(A, DoiState.DRAFT), actor="jane")
    assert again.revision == 3
    assert [each.version for each in history(catalog, A)] == [1, 2, 3]


def test_a_change_is_found_at_once(catalog: Catalog) -> None:
    dois, search = catalog.dois(), catalog.doi_search()

    def found(query: str) -> int:
        return search.find(DoiQuestion(query=query), DoiPart(5), DoiDirectory()).total

    made = dois.put(record(), actor="jane")
    assert (found("titles.title:title"), found("titles.title:other")) == (1, 0)
    made = dois.put(
        replace(made, attributes={**made.attributes, "titles": [{"title": "Another other"}]}), actor="jane"
    )
    assert (found("titles.title:title"), found("titles.title:other")) == (0, 1)
    dois.put(replace(made, state=DoiState.REGISTERED), actor="jane")
    assert found("*") == 0


def test_views_are_counted_of_own_records(catalog: Catalog) -> None:
    dois = catalog.dois()
    dois.put(record(), actor="jane")
    [mirrored] = records_from_json(next(doi_records(1)), IMPORTED)
    dois.import_many([mirrored], actor="import")
    dois.count_views({A: 2, mirrored.doi: 5, "10.5072/none": 1})
    dois.count_views({A: 1})
    shown = dois.shown(A)
    month = f"{dt.datetime.now(dt.UTC):%Y-%m}"
    assert shown.counts["viewCount"] == 3
    assert sum(each["total"] for each in shown.over_time["viewsOverTime"]) == 3
    assert shown.over_time["viewsOverTime"][-1]["yearMonth"] <= month
    assert dois.shown(mirrored.doi).counts["viewCount"] == mirrored.imported.counts["viewCount"]  # type: ignore[union-attr]


def test_writers_at_once_lose_nothing(catalog: Catalog) -> None:
    dois = catalog.dois()
    made = dois.put(record(), actor="jane")

    def add(number: int) -> bool:
        try:
            dois.put(replace(made, reason=f"reason {number}"), actor=f"writer {number}")
        except RecordChanged:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(add, range(6))) == 1
    assert [each.version for each in history(catalog, A)] == [1, 2]


def test_hostile_metadata_is_stored_as_text(catalog: Catalog) -> None:
    dois = catalog.dois()
    odd = "a\0b \ud800 \\u0000 '; DROP TABLE doi; -- \N{PILE OF POO}"
    strange = {f"key\0{'k' * 300}": [{"deep": odd}]}
    made = dois.put(record(titles=[{"title": odd * 200, **strange}], sizes=[odd]), actor="x" * 500)
    assert made.attributes["sizes"] == [odd.replace("\0", "").replace("\ud800", "")]
    assert dois.get(A).attributes == made.attributes
    found = catalog.doi_search().find(DoiQuestion(query="DROP"), DoiPart(5), DoiDirectory())
    assert found.total == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {"titles": "x"},
        {"titles": ["x"]},
        {"creators": [{"name": "x", "affiliation": [7]}]},
        {"creators": [{"name": "x", "nameIdentifiers": {"a": 1}}]},
        {"publicationYear": "soon"},
        {"publicationYear": True},
        {"publisher": 7},
        {"types": []},
        {"sizes": [1]},
        {"version": {}},
        {"contentUrl": [1]},
        {"geoLocations": [{"x": float("inf")}]},
        {"descriptions": [{"x": object()}]},
        {"descriptions": [{1: "x"}]},
        {"container": json.loads('{"a":' * 50 + "1" + "}" * 50)},
    ],
)
def test_metadata_of_another_shape_is_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        complete(attributes)


def test_metadata_in_the_form_that_is_kept() -> None:
    made = complete(
        {
            "publisher": "Archive",
            "publicationYear": "2020",
            "version": 2,
            "contentUrl": "https://example.org/",
            "creators": [{"nameType": "Personal", "affiliation": "A", "name": "B"}],
            "titles": None,
            "unknown": 1,
        }
    )
    assert made["publisher"] == {"name": "Archive"}
    assert (made["publicationYear"], made["version"], made["titles"]) == (2020, "2", [])
    assert made["contentUrl"] == ["https://example.org/"]
    [creator] = made["creators"]
    assert list(creator) == ["name", "nameType", "affiliation", "nameIdentifiers"]
    assert creator["affiliation"] == [{"name": "A"}]
    assert "unknown" not in made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.7937/K9/TCIA.2014..UA0JGPDG", "10.7937/k9/tcia.2014..ua0jgpdg"),
        (" doi:10.5072/X ", "10.5072/x"),
        ("https://doi.org/10.5072/x", "10.5072/x"),
        ("http://dx.doi.org/10.5072/x", "10.5072/x"),
        ("https://handle.test.datacite.org/10.5072/x", "10.5072/x"),
        ("10.123456789/x", "10.123456789/x"),
    ],
)
def test_the_one_form_of_a_doi(text: str, expected: str) -> None:
    assert normal_doi(text) == expected


@pytest.mark.parametrize(
    "text", ["", "10.5072", "10.5072/", "11.5072/x", "10.5072/a b", "10.507/x", "10.5072/" + "x" * 300]
)
def test_what_is_no_doi(text: str) -> None:
    with pytest.raises(InvalidInput):
        normal_doi(text)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"data": "x"},
        {"data": {"attributes": {}}},
        {"data": {"attributes": {"doi": "x"}}},
        {"data": {"attributes": {"doi": A, "state": "findable"}}},
        {
            "data": {
                "attributes": {"doi": A, "state": "gone"},
                "relationships": {"client": {"data": {"id": "a.b"}}},
            }
        },
    ],
)
def test_an_import_of_something_else_is_refused(document: Any) -> None:
    if document == []:
        assert list(records_from_json(document, IMPORTED)) == []
        return
    with pytest.raises(InvalidInput):
        list(records_from_json(document, IMPORTED))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", "yesterday"),
        ("created", "2020-02-30T00:00:00Z"),
        ("viewCount", -1),
        ("viewCount", "7"),
        ("citationCount", 1 << 60),
        ("xml", "***"),
        ("url", 7),
        ("viewsOverTime", {"2020": 1}),
        ("viewsOverTime", [{"total": 1}]),
        ("titles", "x"),
    ],
)
def test_an_import_with_a_bad_value_says_which_record(name: str, value: Any) -> None:
    document = next(doi_records(1))
    document["data"]["attributes"][name] = value
    with pytest.raises(InvalidInput, match=r"The record of 10\."):
        list(records_from_json(document, IMPORTED))


def test_settings_of_names() -> None:
    assert parsed_aliases(" old = demo.archive ,tciar=NIHNCI.tcia") == {
        "old": "demo.archive",
        "tciar": "nihnci.tcia",
    }
    assert parsed_names("demo=Demo, Institute of; other=Other") == {
        "demo": "Demo, Institute of",
        "other": "Other",
    }
    for bad in ("old", "=demo.archive", "old=demo"):
        with pytest.raises(InvalidInput):
            parsed_aliases(bad)
    for bad in ("demo", "demo=", "=Demo"):
        with pytest.raises(InvalidInput):
            parsed_names(bad)
