"""The record of a DOI: what is known of one dataset, as DataCite's API describes it.

Names are those of DataCite's JSON (camelCase). ``attributes`` holds metadata alone; who owns the record, its
state, its times and what came with it from elsewhere are fields of their own.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from filmroom.errors import InvalidInput

Attributes = Mapping[str, Any]

KERNEL_4 = "http://datacite.org/schema/kernel-4"
LONGEST_DOI = 255
_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/[0-9a-z\-._;()/:*~$=]+", re.ASCII)
_RESOLVER = re.compile(
    r"(?:doi:|https?://(?:dx\.|www\.)?doi\.org/|https?://handle\.(?:test|stage)\.datacite\.org/)"
)
_YEARS = range(1, 10_000)


class DoiState(StrEnum):
    """Draft: nobody else sees it. Registered: it resolves. Findable: it is in every list as well."""

    DRAFT = "draft"
    REGISTERED = "registered"
    FINDABLE = "findable"


COUNTS = (
    "viewCount",
    "downloadCount",
    "referenceCount",
    "citationCount",
    "partCount",
    "partOfCount",
    "versionCount",
    "versionOfCount",
)
"""Counts of a record, in the order of its JSON."""
OVER_TIME = ("viewsOverTime", "downloadsOverTime", "citationsOverTime")
RELATION_LISTS = ("references", "citations", "parts", "partOf", "versions", "versionOf")
"""Lists of other DOIs that a record shows; their place here is their number in the catalogue."""


@dataclass(frozen=True, slots=True)
class ImportedFacts:
    """What an imported record brought along beside its metadata; it is shown as it came.

    ``over_time`` and ``relations`` by the names of :data:`OVER_TIME` and :data:`RELATION_LISTS`.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    over_time: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    relations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoiRecord:
    """One DOI. ``doi`` and ``client`` (the repository's symbol) are lower case; times are naive UTC.

    ``attributes`` is complete and in order as :func:`complete` makes it: publisher and affiliations are
    objects. ``xml`` is DataCite XML, made by whoever writes the record. ``imported_at`` says that the record
    is another archive's, and read-only here. ``revision`` is that of the catalogue's copy, 0 for a new one.
    """

    doi: str
    client: str
    state: DoiState = DoiState.DRAFT
    attributes: Attributes = field(default_factory=dict)
    url: str | None = None
    source: str | None = "api"
    reason: str | None = None
    schema_version: str | None = KERNEL_4
    metadata_version: int = 0
    xml: bytes | None = None
    created: dt.datetime | None = None
    registered: dt.datetime | None = None
    updated: dt.datetime | None = None
    imported_at: dt.datetime | None = None
    imported: ImportedFacts | None = None
    revision: int = 0

    @property
    def prefix(self) -> str:
        """What stands before the first slash."""
        return self.doi.partition("/")[0]

    @property
    def suffix(self) -> str:
        """What stands after the first slash, which may hold more of them."""
        return self.doi.partition("/")[2]

    @property
    def provider(self) -> str:
        """Symbol of the provider: that of the repository up to its dot."""
        return self.client.partition(".")[0]

    @property
    def is_findable(self) -> bool:
        """Whether everybody may see it."""
        return self.state is DoiState.FINDABLE


@dataclass(frozen=True, slots=True)
class ShownDoi:
    """A record with what the archive knows about it: counts, counts over time, lists of other DOIs.

    The latter two are empty where they were not asked for.
    """

    record: DoiRecord
    counts: Mapping[str, int]
    over_time: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    relations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DoiActivity:
    """One change of a record. ``changes``: storage name to value (create) or to old and new (update)."""

    uid: str
    doi: str
    version: int
    at: dt.datetime
    action: str
    client: str
    actor: str
    changes: Mapping[str, Any]


def normal_doi(text: str) -> str:
    """Return a DOI in the one form that is compared: lower case, without resolver or ``doi:``.

    :raises InvalidInput: when it is none.
    """
    doi = text.strip().lower()
    doi = _RESOLVER.sub("", doi, count=1) if _RESOLVER.match(doi) else doi
    if not _DOI.fullmatch(doi) or len(doi) > LONGEST_DOI:
        raise InvalidInput(f"Not a DOI: {text[:300]!r}.")
    return doi


# -- metadata --------------------------------------------------------------------------------------------

_LISTS = (
    "identifiers",
    "creators",
    "titles",
    "subjects",
    "contributors",
    "dates",
    "relatedIdentifiers",
    "relatedItems",
    "rightsList",
    "descriptions",
    "geoLocations",
    "fundingReferences",
)
_TEXT_LISTS = ("sizes", "formats")

METADATA: Mapping[str, Any] = {
    "identifiers": [],
    "creators": [],
    "titles": [],
    "publisher": None,
    "container": {},
    "publicationYear": None,
    "subjects": [],
    "contributors": [],
    "dates": [],
    "language": None,
    "types": {},
    "relatedIdentifiers": [],
    "relatedItems": [],
    "sizes": [],
    "formats": [],
    "version": None,
    "rightsList": [],
    "descriptions": [],
    "geoLocations": [],
    "fundingReferences": [],
    "contentUrl": [],
}
"""Every name of ``attributes`` in order, and its value where nothing is said."""

STORAGE_NAMES: Mapping[str, str] = {
    "creators": "creators",
    "contributors": "contributors",
    "titles": "titles",
    "publicationYear": "publication_year",
    "types": "types",
    "descriptions": "descriptions",
    "container": "container",
    "sizes": "sizes",
    "formats": "formats",
    "version": "version_info",
    "language": "language",
    "dates": "dates",
    "identifiers": "identifiers",
    "relatedIdentifiers": "related_identifiers",
    "relatedItems": "related_items",
    "fundingReferences": "funding_references",
    "geoLocations": "geo_locations",
    "rightsList": "rights_list",
    "subjects": "subjects",
    "contentUrl": "content_url",
    "publisher": "publisher",
}
"""Names of attributes in activities, in their order there."""


def complete(attributes: Attributes) -> dict[str, Any]:
    """Return metadata with every name of :data:`METADATA`, in order, nested keys in DataCite's order.

    A publisher given as text becomes an object, affiliations likewise; what has another name is left out.

    :raises InvalidInput: where a value has another type than its name allows.
    """
    made: dict[str, Any] = {}
    for name, default in METADATA.items():
        value = attributes.get(name, default)
        if value is None and default is not None and name != "contentUrl":
            value = default
        made[name] = _ordered(_CHECKS.get(name, _as_given)(name, value))
    return made


def _as_given(_name: str, value: Any) -> Any:
    return value


def _objects(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InvalidInput(f"{name} must be a list of objects.")
    return value


def _people(name: str, value: Any) -> list[Any]:
    people = []
    for person in _objects(name, value):
        affiliations = person.get("affiliation")
        if affiliations is None:
            affiliations = []
        elif isinstance(affiliations, str | Mapping):
            affiliations = [affiliations]
        if not isinstance(affiliations, list) or not all(isinstance(a, str | Mapping) for a in affiliations):
            raise InvalidInput(f"affiliation of {name} must be a list of texts or objects.")
        names = person.get("nameIdentifiers") or []
        made = {**person, "nameIdentifiers": _objects("nameIdentifiers", names)}
        made["affiliation"] = [{"name": each} if isinstance(each, str) else each for each in affiliations]
        people.append(made)
    return people


def _texts(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{name} must be a list of texts.")
    return value


def _object(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object.")
    return value


def _publisher(name: str, value: Any) -> Any:
    if value is None or isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text or an object.")
    return {"name": value} if value else None


def _year(name: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,4}", text) or int(text) not in _YEARS:
        raise InvalidInput(f"{name} must be a year.")
    return int(text)


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} must be a text.")
    return str(value)


def _content_url(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    return None if value is None else _texts(name, value)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(_LISTS, _objects),
    **dict.fromkeys(("creators", "contributors"), _people),
    **dict.fromkeys(_TEXT_LISTS, _texts),
    "container": _object,
    "types": _object,
    "publisher": _publisher,
    "publicationYear": _year,
    "language": _text,
    "version": _text,
    "contentUrl": _content_url,
}


_DEEPEST = 12
_NO_CHARACTERS = re.compile("[\0\ud800-\udfff]")


def _ordered(value: Any, depth: int = 0) -> Any:
    """Return a value with the keys of its objects in DataCite's order: shorter first, then by byte.

    :raises InvalidInput: for what is no JSON, or nested without end.
    """
    if depth > _DEEPEST:
        raise InvalidInput("The metadata is nested too deeply.")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidInput("The names in an object must be texts.")
        keys = sorted(value, key=lambda key: (len(key), key))
        return {clean(key): _ordered(value[key], depth + 1) for key in keys}
    if isinstance(value, list):
        return [_ordered(each, depth + 1) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("A number of the metadata is infinite or none.")
    if value is not None and not isinstance(value, str | bool | int | float):
        raise InvalidInput(f"The metadata holds a value that is no JSON: {type(value).__name__}.")
    return clean(value) if isinstance(value, str) else value


def clean(text: str) -> str:
    """Return a text without what no database takes: NUL, and halves of characters."""
    return _NO_CHARACTERS.sub("", text)


def tidied(record: DoiRecord) -> DoiRecord:
    """Return a record in the form in which it is stored. :raises InvalidInput: where that cannot be."""
    return replace(
        record,
        doi=normal_doi(record.doi),
        client=record.client.lower(),
        attributes=complete(record.attributes),
        url=_tidy(record.url),
        source=_tidy(record.source),
        reason=_tidy(record.reason),
        schema_version=_tidy(record.schema_version),
    )


def _tidy(text: str | None) -> str | None:
    return None if text is None else clean(text)
