"""Landing pages of DOIs, also in a real browser: what they say, and that hostile records stay text."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.doi_metadata import complete
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.model.policy import Attribution, find_licence
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DOI = "10.5072/demo.2026/ct"
ATTRIBUTION = Attribution("The Other Archive", "https://other.example/policy", "Cite <us>.")
HOSTILE = "<script>document.title='stolen'</script>"


def related(relation: str, value: str, kind: str = "DOI") -> dict[str, str]:
    return {"relationType": relation, "relatedIdentifier": value, "relatedIdentifierType": kind}


GOOD: dict[str, Any] = {
    "creators": [
        {
            "name": "Carberry, Josiah",
            "givenName": "Josiah",
            "familyName": "Carberry",
            "nameIdentifiers": [{"nameIdentifier": "0000-0002-1825-0097", "nameIdentifierScheme": "Other"}],
        },
        {
            "name": "Wrong, Digit",
            "nameIdentifiers": [{"nameIdentifier": "https://orcid.org/0000-0002-1825-0098"}],
        },
        {"name": "A Consortium", "nameType": "Organizational"},
    ],
    "titles": [{"title": "Slices & <more> of CT"}],
    "publisher": "Example Archive",
    "publicationYear": 2026,
    "types": {"resourceTypeGeneral": "Dataset"},
    "version": "2",
    "identifiers": [{"identifier": "Demo-CT", "identifierType": "tcia short NAME"}],
    "rightsList": [{"rights": "CC BY 4.0", "rightsUri": "https://creativecommons.org/licenses/by/4.0/"}],
    "descriptions": [
        {
            "description": "Nodules &gt; 3 mm. <b>Bold</b> <a href='https://x.example'>here</a>",
            "descriptionType": "Abstract",
        }
    ],
    "relatedIdentifiers": [
        related("IsNewVersionOf", "10.5072/demo.2025/ct"),
        related("IsDerivedFrom", "10.7937/K9/TCIA.2015.LO9QL9SX"),
        related("HasMetadata", "javascript:alert(1)", "URL"),
        *(related("IsCitedBy", f"10.1000/paper-{number}") for number in range(40)),
    ],
    "fundingReferences": [
        {"funderName": "A Fund", "funderIdentifier": "https://ror.org/040gcmg81", "awardNumber": "7"}
    ],
}
EVIL: dict[str, Any] = {
    "creators": [{"name": HOSTILE, "nameIdentifiers": [{"nameIdentifier": f'"{HOSTILE}'}]}],
    "titles": [{"title": HOSTILE + "</title>"}],
    "publisher": HOSTILE,
    "publicationYear": 2026,
    "types": {"resourceTypeGeneral": "Dataset", "resourceType": "</script>" + HOSTILE},
    "version": HOSTILE,
    "identifiers": [{"identifier": HOSTILE, "identifierType": "TCIA Short Name"}],
    "rightsList": [
        {"rights": HOSTILE, "rightsUri": "javascript:alert(1)"},
        {
            "rights": "x",
            "rightsUri": 'https://x.example/">'
            + HOSTILE
            + '\r\nSet-Cookie: a=b, <https://evil.example>; rel="x"',
        },
    ],
    "descriptions": [
        {
            "description": HOSTILE
            + "<img src=x onerror=alert(1)><a href='javascript:alert(1)'>a</a><style>*{display:none}</style>"
            "<iframe src=//evil.example></iframe><p onclick=alert(1)>kept",
            "descriptionType": "Abstract",
        }
    ],
    "relatedIdentifiers": [
        related(HOSTILE, "10.1000/" + HOSTILE),
        related("Cites", "javascript:alert(1)", "URL"),
    ],
    "fundingReferences": [{"funderName": HOSTILE, "awardUri": "javascript:alert(1)", "awardNumber": HOSTILE}],
}


# A record may hold as much as it likes; the header of an answer may not.
MUCH: dict[str, Any] = {
    **GOOD,
    "creators": [GOOD["creators"][0]] * 500,
    "rightsList": [
        {"rights": "long", "rightsUri": f"https://x.example/{'y' * 100_000}"},
        *({"rights": "r", "rightsUri": f"https://x.example/{number}"} for number in range(500)),
    ],
}


def made(doi: str, attributes: dict[str, Any], state: DoiState = DoiState.FINDABLE) -> DoiRecord:
    return DoiRecord(
        doi=doi,
        client="demo.archive",
        state=state,
        attributes=complete(attributes),
        url="https://archive.example.org/x",
        created=dt.datetime(2026, 1, 1),
    )


@pytest.fixture(scope="module")
def url(module_address: ArchiveAddress) -> Iterator[str]:
    rules = Rules(collection="Demo-CT", licence=find_licence("CC BY 4.0"))
    ingest_paths(module_address, sample_files("Demo-CT"), IngestOptions(rules, processes=1))
    closed = Rules(collection="Closed", licence=find_licence("CC BY 4.0"), access="restricted")
    ingest_paths(module_address, sample_files("Demo-MR"), IngestOptions(closed, processes=1))
    shut = {**GOOD, "identifiers": [{"identifier": "Closed", "identifierType": "TCIA Short Name"}]}
    with Catalog.open(module_address.database_url) as catalog:
        catalog.dois().put_many(
            [
                made(DOI, GOOD),
                made("10.5072/evil", EVIL),
                made("10.5072/much", MUCH),
                made("10.5072/closed", shut),
                made("10.5072/draft", GOOD, DoiState.DRAFT),
                made("10.5072/hidden", GOOD, DoiState.REGISTERED),
            ],
            actor="test",
        )
        copy = replace(
            made("10.7937/copied", shut), imported_at=dt.datetime(2026, 3, 4), client="nihnci.tcia"
        )
        catalog.dois().import_many([copy], actor="test")
    with running_server(module_address, attribution=ATTRIBUTION) as served:
        yield served


@pytest.fixture
def ask(url: str, fetch: Callable[..., Any]) -> Callable[..., Any]:
    return lambda path, **headers: fetch(url, path, **headers)


def test_what_a_page_says(ask: Callable[..., Any], url: str) -> None:
    answer = ask(f"/doi/{DOI}")
    page = answer.text
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Slices &amp; &lt;more&gt; of CT</h1>" in page
    assert (
        '<a href="https://orcid.org/0000-0002-1825-0097" rel="nofollow noopener">Carberry, Josiah</a>' in page
    )
    assert "0000-0002-1825-0098" not in page.partition("<script")[0]  # its check digit is wrong
    assert (
        "Carberry, J., Wrong, Digit, &amp; A Consortium. (2026). "
        "<i>Slices &amp; &lt;more&gt; of CT</i> (Version 2) [Dataset]. Example Archive."
    ) in page
    assert (
        'Nodules &gt; 3 mm. <b>Bold</b> <a href="https://x.example" rel="nofollow noopener">here</a>' in page
    )
    assert (
        '<a href="https://creativecommons.org/licenses/by/4.0/" rel="nofollow noopener">CC BY 4.0</a>' in page
    )
    assert f"filmroom download --server {url} --collection Demo-CT" in page
    assert "These data are mirrored from The Other Archive." in page
    assert "Cite &lt;us&gt;." in page
    assert 'href="https://doi.org/10.5072/demo.2025/ct"' in page
    assert "<summary>Cited by: 40</summary>" in page
    assert "javascript:" not in page.replace("javascript:alert(1)</li>", "")
    for form in (DOI.upper(), DOI.replace("/", "%2F")):
        assert ask(f"/doi/{form}").text == page


def test_the_record_is_embedded_for_search_engines(ask: Callable[..., Any], url: str) -> None:
    page = ask(f"/doi/{DOI}").text
    (embedded,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    described = json.loads(embedded)
    assert described["@id"] == f"https://doi.org/{DOI}"
    assert described["name"] == "Slices & <more> of CT"
    assert described["isAccessibleForFree"] is True
    assert described["distribution"]["contentUrl"] == f"{url}/doi/{DOI}?format=tcia"


def test_links_that_programs_follow(ask: Callable[..., Any], url: str) -> None:
    header = ask(f"/doi/{DOI}").headers["link"]
    for wanted in (
        f'<https://doi.org/{DOI}>; rel="cite-as"',
        f'<{url}/datacite/dois/application/x-bibtex/{DOI}>; rel="describedby"; type="application/x-bibtex"',
        '<https://creativecommons.org/licenses/by/4.0/>; rel="license"',
        '<https://orcid.org/0000-0002-1825-0097>; rel="author"',
        f'<{url}/doi/{DOI}?format=tcia>; rel="item"',
        'rel="terms-of-service"',
    ):
        assert wanted in header
    for address in re.findall(rf"<{re.escape(url)}([^>]*)>", header):
        assert ask(address).status == 200


def test_headers_stay_short(ask: Callable[..., Any]) -> None:
    answer = ask("/doi/10.5072/much")
    assert answer.status == 200
    assert "https://x.example/499" in answer.text
    assert "https://x.example/0>" in answer.headers["link"]
    assert len(answer.headers["link"]) < 8_000


def test_the_manifest_names_what_everybody_may_fetch(ask: Callable[..., Any], url: str) -> None:
    answer = ask(f"/doi/{DOI}?format=tcia")
    assert answer.headers["content-disposition"].startswith('attachment; filename="10.5072_demo.2026_ct-')
    lines = answer.text.splitlines()
    assert lines[0] == f"downloadServerUrl={url}/nbia-download/servlet/DownloadServlet"
    series = json.loads(ask("/nbia-api/services/v4/getSeries?Collection=Demo-CT").body)
    assert sorted(lines[6:]) == sorted(each["SeriesInstanceUID"] for each in series)
    assert series


def test_a_closed_collection_is_not_told_of(ask: Callable[..., Any]) -> None:
    page = ask("/doi/10.5072/closed").text
    assert "Slices &amp;" in page  # its record is findable
    assert "filmroom download" not in page
    assert "isAccessibleForFree" not in page
    assert ask("/doi/10.5072/closed?format=tcia").status == 404


@pytest.mark.parametrize("doi", ["10.5072/draft", "10.5072/hidden", "10.5072/none", "", "x", "10.5072/%00"])
def test_what_is_not_findable_is_not_there(ask: Callable[..., Any], doi: str) -> None:
    answer = ask(f"/doi/{doi}")
    assert (answer.status, answer.text) == (404, "Not found")


def test_a_copied_record_is_not_shown_as_our_registration(ask: Callable[..., Any]) -> None:
    page = ask("/doi/10.7937/copied").text
    assert "This is a copy of the record, made on 04 March 2026. The DOI belongs to another archive" in page
    assert 'href="https://archive.example.org/x"' in page
    assert "This is a copy" not in ask(f"/doi/{DOI}").text


def test_a_hostile_record_stays_text(ask: Callable[..., Any]) -> None:
    answer = ask("/doi/10.5072/evil")
    page = answer.text
    assert answer.status == 200
    assert len(re.findall("<script", page)) == 1  # the embedded record
    assert "onerror=alert" not in re.sub(r'<script type="application/ld\+json">.*?</script>', "", page)
    for tag in ("<img", "<iframe", "<style>*", "onclick", 'href="javascript', "<p onclick"):
        assert tag not in page.partition('<script type="application/ld+json">')[0]
    assert "set-cookie" not in answer.headers
    assert '<https://evil.example>; rel="x"' not in answer.headers["link"]
    (embedded,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert json.loads(embedded)["name"].startswith(HOSTILE)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_in_a_browser(url: str, tmp_path: Path) -> None:
    def rendered(doi: str) -> str:
        done = subprocess.run(
            [
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--dump-dom",
                f"{url}/doi/{doi}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    good, evil = rendered(DOI), rendered("10.5072/evil")
    assert "<title>Slices &amp; &lt;more&gt; of CT</title>" in good
    assert "<title>stolen</title>" not in evil
    assert "&lt;script&gt;" in evil
    assert "kept" in evil
