"""The record of a DOI: what is known of one dataset, as DataCite's API describes it.

Names are those of DataCite's JSON (camelCase). ``attributes`` holds metadata alone; who owns the record, its
state, its times and what came with it from elsewhere are fields of their own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from filmroom.errors import InvalidInput
from filmroom.model.doi_metadata import Attributes, clean, complete

KERNEL_4 = "http://datacite.org/schema/kernel-4"
LONGEST_DOI = 255
_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/[0-9a-z\-._;()/:*~$=]+", re.ASCII)
_RESOLVER = re.compile(
    r"(?:doi:|https?://(?:dx\.|www\.)?doi\.org/|https?://handle\.(?:test|stage)\.datacite\.org/)"
)


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


@dataclass(frozen=True, slots=True)
class DoiView:
    """Somebody looked at the page of a DOI."""

    doi: str


def normal_doi(text: str) -> str:
    """Return a DOI in the one form that is compared: lower case, without resolver or ``doi:``.

    :raises InvalidInput: when it is none.
    """
    doi = text.strip().lower()
    doi = _RESOLVER.sub("", doi, count=1) if _RESOLVER.match(doi) else doi
    if not _DOI.fullmatch(doi) or len(doi) > LONGEST_DOI:
        raise InvalidInput(f"Not a DOI: {text[:300]!r}.")
    return doi


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
