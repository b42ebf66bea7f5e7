"""Which format an ``Accept`` header or a path asks for."""

from __future__ import annotations

import pytest

from filmroom.server.datacite.negotiation import (
    accepted,
    choose_for_api,
    choose_for_doi,
    citation_options,
    media_in_path,
)

BIBTEX, CSL = "application/x-bibtex", "application/vnd.citationstyles.csl+json"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "api"),
        ("", "api"),
        ("application/vnd.api+json", "api"),
        ("application/json", "api"),
        ("*/*", "api"),
        ("text/html", "api"),
        (BIBTEX, "BibTeX"),
        ("APPLICATION/X-BibTeX", "BibTeX"),
        ("application/citeproc+json", "CSL-JSON"),
        ("application/ld+json", "schema.org"),
        ("application/x-nothing", None),
        ("application/rdf+xml, text/turtle", None),
        (f"application/x-nothing, {BIBTEX}", "BibTeX"),
        (f"application/rdf+xml;q=1, {BIBTEX};q=0.5, */*;q=0.1", "BibTeX"),
        (f"{BIBTEX};q=0.5, {CSL};q=0.9", "CSL-JSON"),
        (f"{BIBTEX};q=0, {CSL};q=0.1", "CSL-JSON"),
        (f"{BIBTEX};q=0", None),
        (f"*/*, {BIBTEX}", "BibTeX"),
        (f"text/html, {BIBTEX}", "api"),
        (f"{BIBTEX};q=0.9, text/html", "api"),
        ("text/*", "Citation"),
        ("text/csv;charset=utf-8", "CSV"),
        (f"{BIBTEX};q=nonsense", "BibTeX"),
        ("nonsense", None),
        (",,;;", None),
        ("text/x-bibliography;style=ieee", "Citation"),
    ],
)
def test_what_the_api_answers(header: str | None, expected: str | None) -> None:
    choice = choose_for_api(header)
    found = None if choice is None else choice.format.name if choice.format else "api"
    assert found == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("*/*", None),
        ("text/html", None),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
        ("application/json", None),
        ("application/x-nothing", None),
        (BIBTEX, "BibTeX"),
        (f"{BIBTEX}, text/html;q=0.5", "BibTeX"),
        (f"text/html, {BIBTEX};q=0.5", None),
        (f"application/json, {CSL}", "CSL-JSON"),
        ("text/x-bibliography; style=nature; locale=de-DE", "Citation"),
    ],
)
def test_what_a_bare_doi_answers(header: str | None, expected: str | None) -> None:
    found = choose_for_doi(header).format
    assert (found.name if found else None) == expected


def test_preferences_are_in_order_and_bounded() -> None:
    assert [each.media for each in accepted("a/b;q=0.1, c/d, e/*;q=1.000, f/g;q=0")] == ["c/d", "e/*", "a/b"]
    assert len(accepted("a/b," * 10_000)) == 50


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("application/x-bibtex/10.1/x", ("application/x-bibtex", "10.1/x")),
        (
            "application/vnd.datacite.datacite+xml/10.1/K9/y",
            ("application/vnd.datacite.datacite+xml", "10.1/K9/y"),
        ),
        (
            "application/vnd.datacite.datacite%2Bxml/10.1/x",
            ("application/vnd.datacite.datacite+xml", "10.1/x"),
        ),
        ("application/vnd.datacite.datacite xml/10.1/x", ("application/vnd.datacite.datacite+xml", "10.1/x")),
        ("text/csv", ("text/csv", "")),
        ("10.1/application/x", None),
        ("application", None),
        ("application/", None),
        ("image/png/10.1/x", None),
    ],
)
def test_a_media_type_in_a_path(path: str, expected: tuple[str, str] | None) -> None:
    assert media_in_path(path) == expected


def test_how_a_citation_is_asked_for() -> None:
    options = citation_options({"style": "ieee"}, {"style": "nature", "locale": "de-DE"})
    assert (options.style, options.locale, options.html) == ("ieee", "de-DE", True)
    plain = citation_options({"format": "text"}, {})
    assert (plain.style, plain.locale, plain.html) == ("apa", "en-US", False)
