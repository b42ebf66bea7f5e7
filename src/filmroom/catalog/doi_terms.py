"""From a record to the terms it is found by: its document made flat under the names of the index."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from filmroom.catalog.doi_fields import (
    CREATOR_ORCID,
    EXISTS,
    FUNDER_DOI,
    INDEX_NAMES,
    KEYWORD_TWINS,
    Kind,
    as_term,
    keyword,
    kind_of,
    number_term,
    words,
)
from filmroom.model.doi_types import dashed
from filmroom.model.dois import DoiRecord

LONGEST_WHOLE_TEXT = 12
"""Words of a text that is also kept as a whole."""

_GAP = 100  # between the elements of an array, so that no phrase reaches from one into the next
_ROR = re.compile(r"(?:https?://)?(ror\.org/[0-9a-z]{9})/?", re.IGNORECASE)
_ORCID = re.compile(r"(?:https?://(?:www\.)?orcid\.org/)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])/?", re.I)
_FUNDER = re.compile(r"(?:https?://(?:dx\.)?doi\.org/)?(10\.13039/[0-9]+)/?", re.IGNORECASE)

Terms = dict[tuple[str, str], bytes | None]
"""Field and term to the positions of a word in its texts, None where no word has a place."""


class _Gatherer:
    def __init__(self) -> None:
        self._keywords: set[tuple[str, str]] = set()
        self._positions: dict[tuple[str, str], list[int]] = {}
        self._next: dict[str, int] = {}

    def add(self, field: str, value: Any) -> None:
        """Add one value of a field, and what can be found by it."""
        kind = kind_of(field)
        if kind is Kind.TEXT:
            self._text(field, str(value))
            if field in KEYWORD_TWINS:
                self.add(f"{field}.keyword", value)
        elif kind is Kind.NUMBER:
            number = _number(value)
            if number is not None:
                self._keywords.add((field, number_term(number)))
        else:
            self._keywords.add((field, keyword(kind, _as_text(value))))
        self.exists(field)

    def exists(self, field: str) -> None:
        """Note that a field, and what it is part of, has a value."""
        while field:
            self._keywords.add((field, EXISTS))
            field = field.rpartition(".")[0]

    def _text(self, field: str, text: str) -> None:
        start = self._next.get(field, 0)
        found = words(text)
        for place, word in enumerate(found, start):
            self._positions.setdefault((field, word), []).append(place)
        # A phrase that is all of a value finds it by this, without a look at where its words stand.
        if 1 < len(found) <= LONGEST_WHOLE_TEXT:
            self._keywords.add((field, whole_text(found)))
        self._next[field] = start + len(found) + _GAP

    def terms(self) -> Terms:
        packed: Terms = dict.fromkeys(self._keywords)
        for term, places in self._positions.items():
            packed[term] = struct.pack(f"<{len(places)}I", *places)
        return packed


def whole_text(found: list[str]) -> str:
    """Return the term of a text that consists of these words and no other."""
    return "\x02" + as_term(" ".join(found))


def positions(packed: bytes) -> tuple[int, ...]:
    """Return where a word stands, from what the catalogue keeps."""
    return struct.unpack(f"<{len(packed) // 4}I", packed)


def terms_of(record: DoiRecord) -> Terms:
    """Return everything that a record is found by."""
    gatherer = _Gatherer()
    for name, value in record.attributes.items():
        for field, leaf in _leaves(INDEX_NAMES.get(name, name), value):
            gatherer.add(field, leaf)
    for field, value in _derived(record):
        gatherer.add(field, value)
    return gatherer.terms()


def _leaves(field: str, value: Any) -> Iterator[tuple[str, Any]]:
    if field.partition(".")[0] == "publisher":
        field = field.replace("publisher", "publisher_obj", 1)
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{field}.{name}"[:100], inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(field, inner)
    elif value is not None and value != "" and field != "publication_year":
        yield field, value


def _derived(record: DoiRecord) -> Iterator[tuple[str, Any]]:
    """Yield what stands in the record's other fields, and what the index has under names of its own."""
    attributes = record.attributes
    plain = {
        "uid": record.doi,
        "prefix": record.prefix,
        "suffix": record.suffix,
        "aasm_state": record.state.value,
        "client_id": record.client,
        "provider_id": record.provider,
        "source": record.source,
        "schema_version": record.schema_version,
        "metadata_version": str(record.metadata_version),
        "url": record.url,
        "reason": record.reason,
        "agency": "datacite",
        "is_active": "true" if record.is_findable else "false",
        "publisher": (attributes.get("publisher") or {}).get("name"),
        "resource_type_id": dashed((attributes.get("types") or {}).get("resourceTypeGeneral")),
    }
    yield from ((field, value) for field, value in plain.items() if value)
    for creator in attributes.get("creators", ()):
        if creator.get("name"):
            yield "creator_names", creator["name"]
        for identifier in creator.get("nameIdentifiers") or ():
            yield from _known("organization_id", _ROR, identifier.get("nameIdentifier"))
            yield from _known(CREATOR_ORCID, _ORCID, identifier.get("nameIdentifier"))
    for people in ("creators", "contributors"):
        for affiliation in _affiliations(attributes, people):
            if affiliation.get("name"):
                yield "creators_and_contributors.affiliation.name", affiliation["name"]
    for affiliation in _affiliations(attributes, "creators"):
        yield from _known("affiliation_id", _ROR, affiliation.get("affiliationIdentifier"))
    for funding in attributes.get("fundingReferences", ()):
        yield from _known("funder_rors", _ROR, funding.get("funderIdentifier"))
        yield from _known(FUNDER_DOI, _FUNDER, funding.get("funderIdentifier"))


def _affiliations(attributes: Mapping[str, Any], people: str) -> Iterator[Mapping[str, Any]]:
    for person in attributes.get(people, ()):
        yield from person.get("affiliation") or ()


def _known(field: str, pattern: re.Pattern[str], value: Any) -> Iterator[tuple[str, str]]:
    found = known_identifier(pattern, value)
    if found is not None:
        yield field, found


def known_identifier(pattern: re.Pattern[str], value: Any) -> str | None:
    """Return an identifier in the one form that is compared, None when it is not of that kind."""
    found = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    return found[1].upper() if pattern is _ORCID else found[1].lower()


def ror_of(value: Any) -> str | None:
    """Return an organisation's ROR as ``ror.org/…``, None when it is none."""
    return known_identifier(_ROR, value)


def orcid_of(value: Any) -> str | None:
    """Return a person's ORCID as its sixteen digits with hyphens, None when it is none."""
    return known_identifier(_ORCID, value)


def funder_of(value: Any) -> str | None:
    """Return a funder's DOI at Crossref, None when it is none."""
    return known_identifier(_FUNDER, value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
