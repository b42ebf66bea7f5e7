"""``filmroom.datacite`` over a real server: TCIA's table of DOIs, relations, what was derived."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from filmroom import datacite, nbia
from filmroom.catalog import Catalog
from filmroom.client.datacite import Datacite, StoredRecords
from filmroom.dropin.dois import COLUMNS
from filmroom.model.doi_metadata import complete
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server

SOURCE, DERIVED, BARE = "10.7937/source", "10.7937/derived", "10.7937/bare"


def related(relation: str, doi: str) -> dict[str, str]:
    return {"relationType": relation, "relatedIdentifier": doi, "relatedIdentifierType": "DOI"}


def record(doi: str, number: int, client: str = "nihnci.tcia", **attributes: Any) -> DoiRecord:
    moment = dt.datetime(2026, 1, 1) + dt.timedelta(days=number)
    return DoiRecord(
        doi=doi,
        client=client,
        state=DoiState.FINDABLE,
        attributes=complete(attributes),
        url=f"https://archive.example.org/{number}" if attributes else None,
        created=moment,
        updated=moment,
        imported_at=moment,
    )


FULL: dict[str, Any] = {
    "identifiers": [{"identifier": "Source", "identifierType": "TCIA Short Name"}],
    "creators": [
        {
            "name": "Doe, Jane",
            "givenName": "Jane",
            "familyName": "Doe",
            "nameIdentifiers": [{"nameIdentifier": "0000-0002-1825-0097", "nameIdentifierScheme": "Other"}],
        },
        {"name": "A Consortium"},
    ],
    "titles": [{"title": "The source"}],
    "publisher": "TCIA",
    "publicationYear": 2026,
    "types": {"resourceTypeGeneral": "Dataset"},
    "version": "3",
    "rightsList": [{"rights": "One", "rightsUri": "https://example.org/1"}, {"rights": "Two"}],
    "descriptions": [{"description": "About it.", "descriptionType": "Abstract"}],
    "relatedIdentifiers": [
        related("IsCitedBy", "10.1000/Paper"),
        related("IsReferencedBy", "10.1000/paper"),
        related("IsSourceOf", DERIVED),
    ],
}
OTHER = {
    **FULL,
    "identifiers": [],
    "titles": [{"title": "Derived"}],
    "relatedIdentifiers": [related("IsDerivedFrom", SOURCE.upper())],
}
# Both conditions of the query hold, of different relations.
NOT_DERIVED = {
    **OTHER,
    "relatedIdentifiers": [related("IsDerivedFrom", "10.1000/other"), related("Cites", SOURCE)],
}


@pytest.fixture(scope="module")
def url(module_address: ArchiveAddress) -> Iterator[str]:
    with Catalog.create(module_address.database_url) as catalog:
        catalog.dois().import_many(
            [
                record(SOURCE, 1, **FULL),
                record(DERIVED, 2, **OTHER),
                record("10.7937/not-derived", 3, **NOT_DERIVED),
                record(BARE, 4),
                *(
                    record(f"10.7937/many-{number:03}", number, **OTHER | {"relatedIdentifiers": []})
                    for number in range(60)
                ),
                record("10.5072/elsewhere", 5, "demo.archive", **FULL),
            ],
            actor="test",
        )
    with running_server(module_address) as served:
        yield f"{served}/datacite"


@pytest.fixture(autouse=True)
def asked(no_doi_server: None, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FILMROOM_DOI_SERVER", url)
    monkeypatch.setenv("FILMROOM_DOI_RECORDS", str(tmp_path / "dois"))
    monkeypatch.chdir(tmp_path)


def test_the_functions_are_those_of_tcia_utils() -> None:
    surface = {
        name: list(inspect.signature(getattr(datacite, name)).parameters.items())
        for name in ("getDoi", "analyze_doi_relations", "getDerivedDois")
    }
    assert {name: [(key, each.default) for key, each in found] for name, found in surface.items()} == {
        "getDoi": [("format", "")],
        "analyze_doi_relations": [("df", inspect.Parameter.empty)],
        "getDerivedDois": [("dois", inspect.Parameter.empty), ("format", "df")],
    }


def test_the_table_of_all_dois() -> None:
    frame = datacite.getDoi()
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 64
    row = frame[frame["DOI"] == SOURCE].iloc[0].to_dict()
    assert row == {
        "DOI": SOURCE,
        "Identifier": "Source",
        "CreatorNames": "Jane Doe (0000-0002-1825-0097); A Consortium",
        "Title": "The source",
        "Created": "2026-01-02T00:00:00Z",
        "Updated": "2026-01-02T00:00:00Z",
        "Related": f"IsCitedBy: 10.1000/Paper; IsReferencedBy: 10.1000/paper; IsSourceOf: {DERIVED}",
        "Version": "3",
        "Rights": "One; Two",
        "RightsURI": "https://example.org/1",
        "Description": "About it.",
        "FundingReferences": [],
        "URL": "https://archive.example.org/1",
        "ViewCount": 0,
        "CitationCount": 2,
        "ReferenceCount": 0,
    }
    bare = frame[frame["DOI"] == BARE].iloc[0]
    assert bare[["Identifier", "Title", "Related", "Version"]].isna().all()
    assert (bare["CreatorNames"], bare["Rights"]) == ("", "")


def test_as_json_and_as_a_file(tmp_path: Path) -> None:
    document = datacite.getDoi(format="json")
    assert document["meta"]["total"] == len(document["data"]) == 64
    source = next(each for each in document["data"] if each["id"] == SOURCE)
    assert source["attributes"]["publisher"] == "TCIA"
    frame = datacite.getDoi(format="csv")
    (written,) = tmp_path.glob("datacite_*.csv")
    assert len(pd.read_csv(written)) == len(frame) == 64


def test_relations() -> None:
    relations, summary, duplicates = datacite.analyze_doi_relations(datacite.getDoi())
    assert len(relations) == 6
    assert next(iter(relations["Source_DOI"])) == "10.7937/not-derived"  # the newest first
    assert dict(zip(summary["Relation_Type"], summary["Count"], strict=True)) == {
        "IsDerivedFrom": 2,
        "IsCitedBy": 1,
        "IsReferencedBy": 1,
        "IsSourceOf": 1,
        "Cites": 1,
    }
    assert summary["Percentage"].iloc[0] == 33.33
    assert duplicates[["DOI", "Duplicate_DOI", "Relation_Types"]].to_numpy().tolist() == [
        [SOURCE, "10.1000/Paper", "IsCitedBy; IsReferencedBy"]
    ]
    for nothing in datacite.analyze_doi_relations(pd.DataFrame(columns=list(COLUMNS))):
        assert nothing.empty


def test_what_was_derived(caplog: pytest.LogCaptureFixture) -> None:
    found = datacite.getDerivedDois(SOURCE, format="json")
    assert [each["id"] for each in found] == [DERIVED]
    assert found[0]["search_related_identifier"] == SOURCE
    frame = datacite.getDerivedDois([SOURCE, "10.7937/nothing"])
    assert list(frame["attributes.doi"]) == [DERIVED]
    assert datacite.getDerivedDois(SOURCE, format="csv").splitlines()[1].startswith(DERIVED)
    assert datacite.getDerivedDois(SOURCE, format="xml") is None
    assert "not 'xml'" in caplog.text


def test_without_a_server_it_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FILMROOM_DOI_SERVER", "http://127.0.0.1:9")
    assert datacite.getDoi() is None
    assert "No answer from http://127.0.0.1:9" in caplog.text


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_native_client_walks_all_records_once(url: str, size: int, tmp_path: Path) -> None:
    with Datacite(url, stored=StoredRecords(tmp_path)) as native:
        listing = native.records(client_id="nihnci.tcia", size=size)
        assert (len(listing), listing.total, listing.repeated) == (64, 64, 0)
        listing.raise_for_missing()
        assert native.count("titles.title:Derived", client_id="nihnci.tcia") == 62
        assert native.counts("licenses") == {}
        assert native.counts("states", client_id="nihnci.tcia") == {"findable": 64}
        assert [each["attributes"]["action"] for each in native.activities(SOURCE)] == ["create"]
        assert native.url(SOURCE) == "https://archive.example.org/1"


def test_the_graph_of_a_record_over_our_own_server(url: str, tmp_path: Path) -> None:
    with Datacite(url, stored=StoredRecords(tmp_path)) as native:
        graph = native.relations(SOURCE)
    told = {(each.source, each.relation, each.target) for each in graph.relations}
    assert told == {
        (SOURCE, "IsCitedBy", "10.1000/paper"),
        (SOURCE, "IsReferencedBy", "10.1000/paper"),
        (SOURCE, "IsSourceOf", DERIVED),
        (DERIVED, "IsDerivedFrom", SOURCE),
        ("10.7937/not-derived", "Cites", SOURCE),
    }


def test_reports_name_data_sets_by_their_short_names() -> None:
    addresses = [f"https://doi.org/{SOURCE.upper()}", f"https://doi.org/{DERIVED}", "10.1/unknown"]
    series = [
        {"SeriesInstanceUID": f"1.2.{number}", "Collection": "A", "DataDescriptionURI": address}
        for number, address in enumerate(addresses)
    ]
    report = nbia.reportDoiSummary(series)
    assert nbia.getDoi is datacite.getDoi
    known = report.dropna(subset=["Identifier"])
    assert dict(zip(known["DataDescriptionURI"], known["Identifier"], strict=True)) == {
        addresses[0].lower(): "Source"
    }
    assert len(report) == 3
