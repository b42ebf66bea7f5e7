"""The fields that DOI records are found by: their names in the index, and how the values of each compare."""

from __future__ import annotations

import hashlib
import re
import struct
from enum import Enum

EXISTS = ""
"""The term of a field that every record has which has any value there."""

_LONGEST_TERM = 400  # bytes of a term that are kept as they are; no index takes much more than a thousand


class Kind(Enum):
    """How a field compares."""

    TEXT = "text"  # words without case, and where they stand
    FOLDED = "folded"  # the whole value without case
    EXACT = "exact"  # the whole value
    NUMBER = "number"  # by size
    DATE = "date"  # a column, from year to millisecond
    YEAR = "year"  # a column
    COUNT = "count"  # a column
    LINKS = "links"  # DOIs of a list of relations


INDEX_NAMES = {
    "publicationYear": "publication_year",
    "relatedIdentifiers": "related_identifiers",
    "relatedItems": "related_items",
    "rightsList": "rights_list",
    "fundingReferences": "funding_references",
    "geoLocations": "geo_locations",
    "version": "version_info",
    "contentUrl": "content_url",
}
"""Names of metadata that are others in the index."""

_PERSON_TEXTS = ("name", "givenName", "familyName", "affiliation.name")
_TEXT = {
    *(f"{people}.{name}" for people in ("creators", "contributors") for name in _PERSON_TEXTS),
    *(f"related_items.{people}.{name}" for people in ("creators", "contributors") for name in _PERSON_TEXTS),
    "titles.title",
    "descriptions.description",
    "creator_names",
    "publisher",
    "publisher_obj.name",
    "subjects.subject",
    "funding_references.funderName",
    "dates.date",
    "url",
    "related_items.titles.title",
    "related_items.publisher",
}
_FOLDED = {
    "uid",
    "identifiers.identifier",
    "related_identifiers.relatedIdentifier",
    "related_items.relatedItemIdentifier.relatedItemIdentifier",
    "types.resourceType",
    "funding_references.funderIdentifier",
    "rights_list.rightsIdentifier",
    "container.identifier",
    "publisher_obj.publisherIdentifier",
}
DATE_COLUMNS = ("created", "registered", "updated")
YEAR_FIELDS = ("publication_year", "published")
COUNT_COLUMNS = (
    "view_count",
    "download_count",
    "citation_count",
    "reference_count",
    "part_count",
    "part_of_count",
    "version_count",
    "version_of_count",
)
LINK_FIELDS = {
    "reference_ids": 0,
    "citation_ids": 1,
    "part_ids": 2,
    "part_of_ids": 3,
    "version_ids": 4,
    "version_of_ids": 5,
}
"""Lists of relations, by their number."""

KEYWORD_TWINS = ("titles.title", "subjects.subject")
"""Texts that can be compared as a whole as well, under the name with ``.keyword``."""

DEFAULT_FIELDS = {
    "uid": 50.0,
    "related_identifiers.relatedIdentifier": 3.0,
    "titles.title": 3.0,
    "creator_names": 3.0,
    "creators.id": 3.0,
    "publisher": 3.0,
    "descriptions.description": 3.0,
    "subjects.subject": 3.0,
}
"""Where words without a field are looked for, and what they weigh there."""

_SYNONYMS = {"doi": "uid", "id": "uid"}

# Fields that only filters ask for: values in one form, whatever form the record has them in.
CREATOR_ORCID = "@creator_orcid"
FUNDER_DOI = "@funder_doi"

_ALIASES = {
    "state": "aasm_state",
    "alternateIdentifiers.alternateIdentifier": "identifiers.identifier",
    "alternateIdentifiers.alternateIdentifierType": "identifiers.identifierType",
    "version": "version_info",
}
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(_TEXT, Kind.TEXT),
    **dict.fromkeys(_FOLDED, Kind.FOLDED),
    **dict.fromkeys(DATE_COLUMNS, Kind.DATE),
    **dict.fromkeys(YEAR_FIELDS, Kind.YEAR),
    **dict.fromkeys(COUNT_COLUMNS, Kind.COUNT),
    **dict.fromkeys(LINK_FIELDS, Kind.LINKS),
}
_CAMEL = re.compile(r"(?<=[a-z])([A-Z])")


def kind_of(field: str) -> Kind:
    """Return how a field compares; one that nobody declared is an exact keyword."""
    known = _KINDS.get(field)
    if known is not None:
        return known
    if field.endswith(".relationTypeInformation"):
        return Kind.TEXT
    if field.startswith("geo_locations.") and field.endswith(("Latitude", "Longitude")):
        return Kind.NUMBER
    return Kind.EXACT


def index_name(field: str, *, strict: bool) -> str:
    """Return the name under which a field that somebody asks for is indexed.

    :param strict: only names that DataCite's index has; else also those of the JSON.
    """
    if field.startswith("@"):
        return "@unknown"
    name = field
    if not strict:
        head, dot, rest = _ALIASES.get(field, field).partition(".")
        # Whatever stands below keeps the names of the JSON.
        name = _CAMEL.sub(lambda found: f"_{found[1].lower()}", head) + dot + rest
    return _SYNONYMS.get(name, name)


# -- words and terms -------------------------------------------------------------------------------------

# Unicode's rule for words (UAX 29) as far as Latin script needs it: an apostrophe or a dot between letters,
# a dot or a comma between digits, do not end a word.
_WORD = re.compile(r"\w+(?:(?:(?<=[^\W\d_])[.'\u2019\u00b7](?=[^\W\d_])|(?<=\d)[.,;'\u2019](?=\d))\w+)*")


def words(text: str) -> list[str]:
    """Return the words of a text in order, in lower case, cut to what the index keeps."""
    return [as_term(word.lower()) for word in _WORD.findall(text)]


def as_term(value: str) -> str:
    """Return a value as the index keeps it: one that is very long by its beginning and a digest."""
    if len(value) <= _LONGEST_TERM // 4 or len(value.encode("utf-8", "replace")) <= _LONGEST_TERM:
        return value.replace("\0", " ")
    digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
    return f"{value[: _LONGEST_TERM // 4]}\x01{digest}".replace("\0", " ")


def keyword(kind: Kind, value: str) -> str:
    """Return the term of a whole value."""
    return as_term(value.lower() if kind is Kind.FOLDED else value)


def number_term(value: float) -> str:
    """Return text that sorts as numbers do."""
    bits = struct.unpack(">Q", struct.pack(">d", value + 0.0))[0]
    ordered = bits ^ ((1 << 64) - 1) if bits >> 63 else bits | (1 << 63)
    return f"{ordered:016x}"
