"""What a client of DataCite sees of a mirror, against DataCite's own records and answers beside the checkout.

The tests are named after the items of the acceptance list. Where the records are missing they are skipped;
``test_datacite_lists`` and ``test_doi_queries`` hold the same rules with records of their own. Item 11 is in
``test_tcia_utils`` and ``test_datacite_write``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from filmroom.catalog import Catalog
from filmroom.model.doi_import import records_from_json
from filmroom.server.datacite.calls import DataCiteOptions
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server

pytestmark = pytest.mark.shared
ALL = "?client-id=nihnci.tcia"


class Mirror:
    """A server with DataCite's records, and how it is asked."""

    def __init__(self, url: str, folder: Path, fetch: Callable[..., Any]) -> None:
        self.url = url
        self.folder = folder
        self._fetch = fetch

    def get(self, path: str, **headers: str) -> Any:
        return self._fetch(self.url, f"/datacite{path}", **headers)

    def json(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)

    def expected(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    def records(self) -> list[Any]:
        return [json.loads(path.read_text()) for path in sorted((self.folder / "records").glob("*.json"))]

    def at_datacite(self, document: Any) -> Any:
        """The document with DataCite's address for ours."""
        return json.loads(json.dumps(document).replace(f"{self.url}/datacite", "https://api.datacite.org"))


@pytest.fixture(scope="module")
def mirror(
    module_address: ArchiveAddress, shared_datacite: Path, fetch: Callable[..., Any]
) -> Iterator[Mirror]:
    made = Mirror("", shared_datacite, fetch)
    with Catalog.create(module_address.database_url) as catalog:
        records = [
            record
            for document in made.records()
            for record in records_from_json(document, dt.datetime(2026, 8, 30))
        ]
        assert catalog.dois().import_many(records, actor="test") == (13, 0, 0)
        assert catalog.dois().import_many(records, actor="test") == (0, 0, 13)
    with running_server(module_address, datacite=DataCiteOptions(strict_query=True)) as url:
        yield Mirror(url, shared_datacite, fetch)


def same(one: Any, other: Any) -> bool:
    """Equal, the order of keys included."""
    return json.dumps(one) == json.dumps(other)


def ids(document: Any) -> list[str]:
    return [each["id"] for each in document["data"]]


def test_item_1_records_come_back_as_they_went_in(mirror: Mirror) -> None:
    for record in mirror.records():
        doi = record["data"]["id"]
        for spelled in (doi, doi.upper(), quote(doi, safe=""), f"{doi}/"):
            answer = mirror.get(f"/dois/{spelled}")
            if record["data"]["attributes"]["state"] == "findable":
                assert same(json.loads(answer.text), record)
            else:
                assert answer.status == 404


def test_item_2_lists_by_symbol_alias_path_and_slash(mirror: Mirror) -> None:
    first = mirror.json(f"/dois{ALL}")
    assert same(mirror.at_datacite(first), mirror.expected("list-default"))
    for path in (
        "/dois?provider-id=tciar",
        "/dois/?client_id=NIHNCI.TCIA",
        "/providers/tciar/dois",
        "/clients/sml.tcia/dois",
        "/repositories/nihnci.tcia/dois/",
    ):
        found = mirror.json(path)
        assert same([found["data"], found["meta"]], [first["data"], first["meta"]]), path
    page = mirror.json(f"/dois{ALL}&page[size]=5&disable-facets=true")
    assert same(mirror.at_datacite(page), mirror.expected("list-size5-page1"))
    nested = mirror.json("/providers/tciar/dois?page[size]=5")
    assert nested["data"] == page["data"]
    follow = f"{mirror.url}/datacite/providers/tciar/dois?page%5Bnumber%5D=2&page%5Bsize%5D=5"
    assert nested["links"]["next"] == follow


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_item_3_a_cursor_visits_each_record_once(mirror: Mirror, size: int) -> None:
    path: str | None = f"/dois{ALL}&page[cursor]=1&page[size]={size}&disable-facets=true"
    if size == 5:
        assert same(mirror.at_datacite(mirror.json(str(path))), mirror.expected("list-cursor-size5-page1"))
    seen: list[str] = []
    while path is not None:
        document = mirror.json(path)
        seen += ids(document)
        assert "page" not in document["meta"]
        path = document["links"].get("next", "").removeprefix(f"{mirror.url}/datacite") or None
    assert len(seen) == len(set(seen)) == document["meta"]["total"] == 11


def test_item_4_every_query_finds_what_it_must(mirror: Mirror) -> None:
    queries = mirror.expected("queries")
    assert (len(queries["cases"]), len(queries["unparseable"])) == (59, 7)
    wrong = {}
    for case in queries["cases"]:
        found = sorted(ids(mirror.json(f"/dois?page[size]=100&query={quote(case['query'])}")))
        if found != case["expected"]:
            wrong[case["query"]] = found
    assert not wrong
    for text in queries["unparseable"]:
        answer = mirror.get(f"/dois?query={quote(text)}")
        assert answer.status == 400
        assert json.loads(answer.text) == {"errors": {"title": f"Failed to parse query [{text}]"}}


@pytest.mark.parametrize(
    ("asked", "meta", "items"),
    [
        ("page[size]=0", {"total": 11, "totalPages": 0, "page": 1}, 0),
        ("page[size]=1001", {"total": 11, "totalPages": 1, "page": 1}, 11),
        ("page[size]=abc", {"total": 11, "totalPages": 0, "page": 1}, 0),
        ("page[size]=-3", {"total": 11, "totalPages": 1, "page": 1}, 11),
        ("page[size]=5&page[number]=0", {"total": 11, "totalPages": 3, "page": 1}, 5),
        ("page%5Bsize%5D=5&page[number]=-1", {"total": 11, "totalPages": 3, "page": 1}, 5),
        ("page[size]=5&page[number]=3", {"total": 11, "totalPages": 3, "page": 3}, 1),
        ("page[number]=999", {"total": 11, "totalPages": 1, "page": 400}, 0),
    ],
)
def test_item_5_sizes_and_numbers(mirror: Mirror, asked: str, meta: dict[str, int], items: int) -> None:
    document = mirror.json(f"/dois{ALL}&{asked}")
    numbers = {name: document["meta"][name] for name in ("total", "totalPages", "page")}
    assert (numbers, len(document["data"])) == (meta, items)
    assert "states" in document["meta"]
    follows = meta["page"] < meta["totalPages"] and items == 5
    assert ("next" in document["links"]) is follows


def test_item_6_what_is_shown(mirror: Mirror) -> None:
    path = "/dois/10.7937/bq0z-xa62"
    plain, full = mirror.json(path), mirror.json(f"{path}?affiliation=true&publisher=true")
    texts = [each["affiliation"] for each in plain["data"]["attributes"]["creators"] if each["affiliation"]]
    objects = [each["affiliation"] for each in full["data"]["attributes"]["creators"] if each["affiliation"]]
    assert texts
    assert objects == [[{"name": text} for text in each] for each in texts]
    assert plain["data"]["attributes"]["publisher"] == "The Cancer Imaging Archive"
    assert full["data"]["attributes"]["publisher"] == {"name": "The Cancer Imaging Archive"}

    listed = mirror.json(f"/dois{ALL}&page[size]=1&detail=1")["data"][0]
    [single] = [each["data"] for each in mirror.records() if each["data"]["id"] == listed["id"]]
    assert list(listed["attributes"]) == list(single["attributes"])
    names = [name for name in single["relationships"] if name != "media"]
    assert list(listed["relationships"]) == names
    composite = mirror.json(f"/dois{ALL}&composite=1")["data"][0]["attributes"]
    left_out = {"contributors", "fundingReferences", "relatedIdentifiers", "geoLocations", "subjects"}
    default = mirror.expected("list-default")["data"][0]["attributes"]
    assert set(default) - set(composite) == left_out

    some = mirror.json(f"/dois{ALL}&fields[dois]=id&page[size]=2&disable-facets=true")
    assert same(mirror.at_datacite(some), mirror.expected("list-fields-id"))
    assert mirror.json(f"{path}?fields[dois]=titles,client")["data"]["attributes"].keys() == {"titles"}
    for off in ("true", "1"):
        assert list(mirror.json(f"/dois{ALL}&disable-facets={off}")["meta"]) == [
            "total",
            "totalPages",
            "page",
        ]
    chosen = mirror.json(f"/dois{ALL}&facets=licenses,states")["meta"]
    assert list(chosen)[3:] == ["states", "licenses"]
    empty = mirror.json(f"/dois{ALL}&query=nosuchword")
    assert same(mirror.at_datacite(empty), mirror.expected("list-empty"))
    with_client = mirror.json(f"/dois{ALL}&include=client")
    assert same(with_client["included"], [mirror.expected("client")["data"]])
    assert same(mirror.json(f"{path}?include=client")["included"], [mirror.expected("client")["data"]])


def test_item_7_activities_keep_their_scope(mirror: Mirror) -> None:
    shape = mirror.expected("activities_10.7937_s17z-r072")
    found = mirror.json("/dois/10.7937/S17Z-R072/activities")
    made, expected = found["data"][0], shape["data"][-1]
    assert list(made) == list(expected)
    assert list(made["attributes"]) == list(expected["attributes"])
    assert (made["attributes"]["action"], made["attributes"]["version"]) == ("create", 1)
    assert list(made["attributes"]["changes"]) == list(expected["attributes"]["changes"])
    assert list(found["meta"]) == list(shape["meta"])
    path, seen = "/providers/tciar/activities?page[size]=4", []
    while path:
        document = mirror.json(path)
        seen += ids(document)
        path = document["links"].get("next", "").removeprefix(f"{mirror.url}/datacite")
    assert len(seen) == len(set(seen)) == 11
    assert mirror.json(f"/activities/{seen[0]}")["data"]["id"] == seen[0]


def test_item_8_errors_of_reading(mirror: Mirror) -> None:
    reads = [each for each in mirror.expected("errors") if each["request"].startswith("GET ")]
    assert len(reads) == 8
    for case in reads:
        path, _, accept = case["request"].removeprefix("GET ").partition(" with Accept: ")
        answer = mirror.get(path, **({"Accept": accept} if accept else {}))
        assert (answer.status, json.loads(answer.text)) == (case["status"], case["body"]), case["case"]


def test_members_as_datacite_shows_them(mirror: Mirror) -> None:
    for path, name in (("/clients/tciar", "client"), ("/providers/tciar", "provider")):
        assert same(mirror.json(path), mirror.expected(name))
    assert same(mirror.json("/prefixes/10.7937"), mirror.expected("prefix"))
