"""Formats of DOI records from a real server: by path, by ``Accept``, by the bare DOI."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from filmroom.catalog import Catalog
from filmroom.model.doi_metadata import complete
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.wire.datacite.formats import RECORD_FORMATS
from filmroom.wire.datacite.kernel import parse_xml, schema_errors

DOI = "10.5072/demo.2026/abcd-1234"
URL = "https://archive.example.org/collection/demo-lung/"
ATTRIBUTES: dict[str, Any] = {
    "creators": [{"name": "Doe, Jane", "nameType": "Personal", "givenName": "Jane", "familyName": "Doe"}],
    "titles": [{"title": "Phantoms <b>& friends"}],
    "publisher": {"name": "Example Archive"},
    "publicationYear": 2026,
    "types": {"resourceTypeGeneral": "Dataset", "resourceType": "DICOM"},
    "rightsList": [{"rights": "CC BY 4.0", "rightsUri": "https://creativecommons.org/licenses/by/4.0/"}],
    "descriptions": [{"description": "CT of phantoms.", "descriptionType": "Abstract"}],
    "version": "2",
}
NOT_FOUND = {"errors": [{"status": "404", "title": "The resource you are looking for doesn't exist."}]}
NOT_RECOGNIZED = {"errors": [{"status": "406", "title": "The content type is not recognized."}]}
BIBTEX = "application/x-bibtex"
PLAIN = (
    "Doe, J. (2026). Phantoms <b>& friends (Version 2) [Dataset]. Example Archive. "
    "https://doi.org/10.5072/DEMO.2026/ABCD-1234"
)


def doi_record(doi: str, state: DoiState = DoiState.FINDABLE, **changes: Any) -> DoiRecord:
    now = dt.datetime(2026, 8, 2, 10, 0)
    return DoiRecord(
        doi=doi,
        client="demo.archive",
        state=state,
        attributes=complete({**ATTRIBUTES, **changes}),
        url=URL,
        created=now,
        registered=now,
        updated=now,
    )


@pytest.fixture(scope="module")
def served(module_address: ArchiveAddress) -> Iterator[str]:
    with Catalog.create(module_address.database_url) as catalog:
        catalog.dois().put_many(
            [
                doi_record(DOI),
                doi_record("10.5072/draft", DoiState.DRAFT),
                doi_record("10.5072/hidden", DoiState.REGISTERED),
            ],
            actor="test",
        )
    with running_server(module_address) as url:
        yield url


@pytest.fixture
def ask(served: str, fetch: Callable[..., Any]) -> Callable[..., Any]:
    """Ask the served archive: ``ask(path, **headers)``."""
    return functools.partial(asked, fetch, served)


def asked(fetch: Callable[..., Any], url: str, path: str, **headers: str) -> Any:
    return fetch(url, f"/datacite{path}", **headers)


@pytest.mark.parametrize("each", RECORD_FORMATS, ids=lambda each: each.name)
@pytest.mark.parametrize("prefix", ["/dois", ""])
def test_every_format_by_its_path(ask: Callable[..., Any], each: Any, prefix: str) -> None:
    for media in (each.media, *each.aliases, each.media.replace("+", "%2B")):
        answer = ask(f"{prefix}/{media}/{DOI}")
        assert answer.status == 200, answer.text
        assert answer.headers["content-type"] == f"{each.media}; charset=utf-8"
        assert DOI in answer.text.lower()
        assert "accept" in answer.headers["vary"].lower()


@pytest.mark.parametrize("each", RECORD_FORMATS, ids=lambda each: each.name)
def test_the_path_and_the_header_give_the_same(ask: Callable[..., Any], each: Any) -> None:
    by_path = ask(f"/dois/{each.media}/{DOI}")
    assert ask(f"/dois/{DOI}", Accept=each.media).body == by_path.body
    assert ask(f"/dois/{quote(DOI.upper(), safe='')}", Accept=each.media).body == by_path.body
    assert ask(f"/{DOI}", Accept=f"{each.media}, text/html;q=0.5").body == by_path.body


def test_the_xml_is_valid_and_has_the_record(ask: Callable[..., Any]) -> None:
    answer = ask(f"/dois/application/vnd.datacite.datacite+xml/{DOI}")
    root = parse_xml(answer.body)
    assert schema_errors(root) == []
    assert root.findtext(".//{*}title") == "Phantoms <b>& friends"


def test_the_api_document_stays_what_programs_ask_for(ask: Callable[..., Any]) -> None:
    for accept in ("application/vnd.api+json", "application/json", "*/*", "text/html", f"*/*, {BIBTEX};q=0"):
        answer = ask(f"/dois/{DOI}", Accept=accept)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert json.loads(answer.body)["data"]["id"] == DOI


def test_what_is_not_offered_is_406(ask: Callable[..., Any]) -> None:
    for answer in (
        ask(f"/dois/{DOI}", Accept="application/x-nothing"),
        ask(f"/dois/{DOI}", Accept=f"{BIBTEX};q=0"),
        ask(f"/dois/application/x-nothing/{DOI}"),
        ask(f"/dois/text/turtle/{DOI}"),
    ):
        assert (answer.status, json.loads(answer.body)) == (406, NOT_RECOGNIZED)


def test_a_bare_doi_leads_to_its_landing_page(ask: Callable[..., Any]) -> None:
    for accept in ("text/html", "*/*", "application/json", "application/x-nothing", ""):
        answer = ask(f"/{DOI.upper()}", **({"Accept": accept} if accept else {}))
        assert (answer.status, answer.headers["location"]) == (303, URL)


@pytest.mark.parametrize("hidden", ["10.5072/draft", "10.5072/hidden", "10.5072/none", "10.5072/"])
def test_only_findable_records_are_negotiable(ask: Callable[..., Any], hidden: str) -> None:
    for path, accept in (
        (f"/{hidden}", "text/html"),
        (f"/{hidden}", BIBTEX),
        (f"/dois/{hidden}", BIBTEX),
        (f"/dois/{BIBTEX}/{hidden}", "*/*"),
        (f"/{BIBTEX}/{hidden}", "*/*"),
    ):
        answer = ask(path, Accept=accept)
        assert (answer.status, json.loads(answer.body)) == (404, NOT_FOUND), path


def test_citations(ask: Callable[..., Any]) -> None:
    path = f"/dois/text/x-bibliography/{DOI}"
    assert ask(f"{path}?format=text").text == PLAIN
    assert ask(f"{path}?format=text&style=no-such-style&locale=../../etc").text == PLAIN
    html = ask(path).text
    assert "<i>Phantoms &lt;b&gt;&amp; friends</i>" in html
    assert ask(f"/{DOI}", Accept="text/x-bibliography; style=apa; locale=en-US").text == html


def test_many_records(ask: Callable[..., Any]) -> None:
    for path, headers in (
        (f"/dois/{BIBTEX}?query=phantoms", {}),
        (f"/dois/{BIBTEX}?client-id=demo.archive&page[size]=10", {}),
        ("/dois?client-id=demo.archive", {"Accept": BIBTEX}),
    ):
        answer = ask(path, **headers)
        assert (answer.status, answer.headers["content-type"]) == (200, f"{BIBTEX}; charset=utf-8")
        assert re.findall("@misc{https://doi.org/([^,]+),", answer.text) == [DOI], path  # the findable one
    assert ask("/dois/text/csv?client-id=nobody").text.count("\n") == 1  # the header alone
    assert json.loads(ask("/dois/application/ld+json?client-id=nobody").body) == []
    assert ask("/dois", Accept="application/x-nothing").status == 406
    assert ask("/dois/application/x-nothing").status == 406


def test_an_answer_that_one_has_is_not_sent_again(ask: Callable[..., Any]) -> None:
    first = ask(f"/dois/{BIBTEX}/{DOI}")
    again = ask(f"/dois/{BIBTEX}/{DOI}", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_fixtures_are_answered_as_datacite_does(
    tmp_path: Path, shared_datacite: Path, fetch: Callable[..., Any]
) -> None:
    name, doi = "10.7937_k9_tcia.2015.lo9ql9sx", "10.7937/K9/TCIA.2015.LO9QL9SX"
    data = json.loads((shared_datacite / "records" / f"{name}.json").read_text())["data"]["attributes"]
    address = ArchiveAddress.resolve(tmp_path / "archive")
    with Catalog.create(address.database_url) as catalog:
        made = DoiRecord(
            doi=doi.lower(),
            client="nihnci.tcia",
            state=DoiState.FINDABLE,
            attributes=complete(data),
            url=data["url"],
            created=dt.datetime(2015, 1, 1),
        )
        catalog.dois().put_many([made], actor="test")
    with running_server(address) as url:
        for media, ending in (
            ("application/x-bibtex", "bib"),
            ("application/x-research-info-systems", "ris"),
            ("application/vnd.datacite.datacite+json", "datacite.json"),
        ):
            expected = (shared_datacite / "expected" / f"{name}.{ending}").read_bytes()
            assert asked(fetch, url, f"/dois/{media}/{doi}").body == expected
        xml = asked(fetch, url, f"/dois/application/x-datacite+xml/{doi}").body
        assert xml == (shared_datacite / "xml" / f"{name}.xml").read_bytes()
        cited = asked(fetch, url, f"/dois/text/x-bibliography/{doi}?format=text").text
        assert cited == json.loads((shared_datacite / "expected" / "apa.json").read_text())[doi.lower()]
