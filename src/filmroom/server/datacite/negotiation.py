"""Which format a request wants of a record. Sources: RFC 9110 section 12.5.1; DataCite's documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from filmroom.wire.datacite.formats import CITATION_MEDIA, RecordFormat, find_format
from filmroom.wire.datacite.styles import APA, ENGLISH, CitationOptions

API_MEDIA = frozenset({"application/vnd.api+json", "application/json", "*/*", "application/*", "text/html"})
"""What a record of the API is answered to; pages are for the landing page."""

_MOST_RANGES = 50
_LONGEST_HEADER = 4_096
_MEDIA = re.compile(r"[a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+")
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of an ``Accept`` header."""

    media: str
    quality: float = 1.0
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        return "*" not in self.media


@dataclass(frozen=True, slots=True)
class Choice:
    """What is answered with; no ``format`` means the document of the API, or the landing page."""

    format: RecordFormat | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def accepted(header: str | None) -> list[MediaRange]:
    """Return what a header accepts, what is liked best first; equally liked ones as they are given.

    Elements that cannot be read are left out, as are those of quality 0.
    """
    ranges = [found for each in _elements(header or "") if (found := _range(each)) is not None]
    wanted = [each for each in ranges if each.quality > 0]
    return sorted(wanted, key=lambda each: (-each.quality, not each.is_exact))


def _elements(header: str) -> list[str]:
    return header[:_LONGEST_HEADER].split(",")[:_MOST_RANGES]


def _range(element: str) -> MediaRange | None:
    media, *rest = element.split(";")
    name = media.strip().lower()
    if name == "*":  # of old programs
        name = "*/*"
    if not _MEDIA.fullmatch(name):
        return None
    parameters: dict[str, str] = {}
    for each in rest:
        key, _, value = each.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    quality = parameters.pop("q", "1")
    return MediaRange(name, float(quality) if _QUALITY.fullmatch(quality) else 1.0, parameters)


def choose_for_api(header: str | None) -> Choice | None:
    """Return what a record of the API is answered with, None when nothing that is accepted is offered."""
    ranges = accepted(header)
    if not ranges and not (header or "").strip():
        return Choice()
    for each in ranges:
        if each.media in API_MEDIA:
            return Choice()
        if (found := _offered(each)) is not None:
            return found
    return None


def choose_for_doi(header: str | None) -> Choice:
    """Return what a bare DOI is answered with: a format that is asked for by name, else the landing page."""
    for each in accepted(header):
        if each.media in {"text/html", "application/xhtml+xml", "*/*", "text/*"}:
            break
        if (found := _offered(each)) is not None:
            return found
    return Choice()


def _offered(wanted: MediaRange) -> Choice | None:
    if wanted.media == "text/*":
        citation = find_format(CITATION_MEDIA)
        return Choice(citation, wanted.parameters)
    found = find_format(wanted.media)
    return None if found is None else Choice(found, wanted.parameters)


def media_in_path(path: str) -> tuple[str, str] | None:
    """Return the media type that a path begins with, and what follows it; None where it begins with none.

    DOIs begin with ``10.``, so nothing else does that looks like ``application/x-bibtex/10.1/x``. A plus sign
    may be written as ``%2B``, and is a space where a program took the path for a form.
    """
    kind, slash, rest = path.partition("/")
    subtype, _, doi = rest.partition("/")
    if kind.lower() not in {"application", "text"} or not slash or not subtype:
        return None
    return f"{kind}/{unquote(subtype).replace(' ', '+')}".lower(), doi


def citation_options(query: Mapping[str, str], parameters: Mapping[str, str]) -> CitationOptions:
    """Return how a citation is written: by the query, else by the parameters of the media type."""
    return CitationOptions(
        style=query.get("style") or parameters.get("style") or APA,
        locale=query.get("locale") or parameters.get("locale") or ENGLISH,
        html=query.get("format") != "text",
    )
