"""Published datasets: a findable DOI record, what the archive holds of it, and what an editor says of it.

Nothing here is about one viewer: these are the facts that everybody may read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from filmroom.errors import InvalidInput
from filmroom.model.dois import DoiRecord

OWN_DOWNLOADS = 2**31
"""Numbers of downloads from here on are the archive's own; those that an editor gives are below."""
_LONGEST = {"url": 8_000, "text": 200_000}
_LONGEST_LINE = 1_000
_LARGEST_COUNT = 2**53
_NON_COMMERCIAL = re.compile(r"\bNC\b|non-?\s?commercial", re.IGNORECASE)
_OPEN = re.compile(r"creative commons|\bCC[ -]?(?:BY|0)|public domain|\bMIT\b|\bBSD\b|apache", re.IGNORECASE)


class DatasetKind(StrEnum):
    """The two kinds of datasets."""

    COLLECTION = "Collection"
    ANALYSIS_RESULT = "Analysis Result"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDownload:
    """Something of a dataset to be fetched. Times are ISO days; ``size`` is in bytes; None: not known.

    ``access`` is the class of its licence: ``open``, ``open_noncommercial`` or ``controlled``.
    """

    id: int
    title: str = ""
    url: str = ""
    search_url: str = ""
    types: tuple[str, ...] = ()
    data_types: tuple[str, ...] = ()
    file_types: tuple[str, ...] = ()
    access: str = ""
    licence: str = ""
    licence_url: str = ""
    requirement: str = ""
    requirement_text: str = ""
    subjects: int | None = None
    studies: int | None = None
    series: int | None = None
    images: int | None = None
    size: int | None = None
    updated: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What an editor says of a dataset that its DOI record does not hold. ``doi`` is lower case.

    Long texts may be HTML of the editor's; whoever shows them cleans them. Empty: nothing is said.
    """

    doi: str
    kind: DatasetKind | None = None
    short_name: str = ""
    browse_title: str = ""
    url: str = ""
    program: str = ""
    cancer_types: tuple[str, ...] = ()
    cancer_locations: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    data_types: tuple[str, ...] = ()
    supporting_data: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    subjects: int | None = None
    updated: str = ""
    citation: str = ""
    summary: str = ""
    description: str = ""
    acknowledgements: str = ""
    funding: str = ""
    external_resources: str = ""
    hidden: bool = False
    downloads: tuple[DatasetDownload, ...] = ()


@dataclass(frozen=True, slots=True)
class SlideTotals:
    """The slides of a collection that somebody may see; ``size`` in bytes."""

    collection_id: int
    slides: int
    subjects: int
    size: int
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What the archive holds of a dataset that everybody may see; ``size`` in bytes, of the series."""

    subjects: int = 0
    studies: int = 0
    series: int = 0
    images: int = 0
    size: int = 0
    modalities: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    third_party: bool = False
    slides: SlideTotals | None = None


@dataclass(frozen=True, slots=True)
class PublishedDataset:
    """A dataset that everybody may read of. ``key`` is the number that clients know it by.

    ``holds_collection``: there is a collection of its name that everybody may see.
    """

    key: int
    record: DoiRecord
    name: str
    facts: DatasetFacts | None = None
    holding: Holding | None = None
    holds_collection: bool = False

    @property
    def kind(self) -> DatasetKind:
        """What an editor says it is; else whether it is others' analysis, or derived from another dataset."""
        if self.facts is not None and self.facts.kind is not None:
            return self.facts.kind
        if self.holding is not None:
            is_analysis = self.holding.third_party
        else:
            related = self.record.attributes.get("relatedIdentifiers") or ()
            is_analysis = any(each.get("relationType") == "IsDerivedFrom" for each in related)
        return DatasetKind.ANALYSIS_RESULT if is_analysis else DatasetKind.COLLECTION

    @property
    def said(self) -> DatasetFacts:
        """What an editor says, empty where nobody said anything."""
        return self.facts or DatasetFacts(doi=self.record.doi)


@dataclass(frozen=True, slots=True)
class FactsChange:
    """What became of facts that were put: numbers of datasets."""

    new: int = 0
    changed: int = 0
    same: int = 0


def licence_class(label: str) -> str:
    """Return the class of a licence by its name: open, open_noncommercial, or controlled for any other."""
    if not _OPEN.search(label):
        return "controlled"
    return "open_noncommercial" if _NON_COMMERCIAL.search(label) else "open"


def term_number(text: str) -> int:
    """Return the number of a word of a vocabulary: always the same one, in any case of letters."""
    return int.from_bytes(hashlib.sha256(text.casefold().encode()).digest()[:6], "big")


def slug(text: str) -> str:
    """Return a text as part of an address: lower case, hyphens for what is neither letter nor digit."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "unnamed"


def split_terms(text: str) -> tuple[str, ...]:
    """Return the words of a cell, which stand between semicolons, each once."""
    return tuple(dict.fromkeys(each for part in text.split(";") if (each := checked_line(part))))


def checked_line(text: str) -> str:
    """Return a short text, stripped. :raises InvalidInput: when it is long, or not printable."""
    line = text.strip()
    if len(line) > _LONGEST_LINE or not line.isprintable():
        raise InvalidInput(f"Not a text of at most {_LONGEST_LINE} printable characters: {line[:100]!r}.")
    return line


def checked_text(text: str) -> str:
    """Return a long text. :raises InvalidInput: when it is too long, or has control characters."""
    if len(text) > _LONGEST["text"] or re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        raise InvalidInput(f"A text has at most {_LONGEST['text']} characters, none for control.")
    return text.strip()


def checked_link(text: str) -> str:
    """Return a web address, empty for none; quotation marks around it, as spreadsheets leave them, go.

    :raises InvalidInput: when it is none of http or https.
    """
    address = text.strip().strip('"')
    legal = address.isprintable() and not re.search(r"[\s<>\"]", address) and len(address) <= _LONGEST["url"]
    if address and not (legal and re.match(r"https?://[^/]", address, re.IGNORECASE)):
        raise InvalidInput(f"Not a web address: {address[:200]!r}.")
    return address


def _link_or_nothing(text: str) -> str:
    """Return a web address, empty for what is none: TCIA's own table has such among its searches."""
    try:
        return checked_link(text)
    except InvalidInput:
        return ""


def checked_day(text: str) -> str:
    """Return a day in ISO form, empty for none. :raises InvalidInput:"""
    day = text.strip()
    try:
        return dt.date.fromisoformat(day).isoformat() if day else ""
    except ValueError:
        raise InvalidInput(f"Not a day (YYYY-MM-DD): {day[:40]!r}.") from None


def checked_count(text: str) -> int | None:
    """Return a number, None for an empty cell. :raises InvalidInput: when it is none, or negative."""
    number = text.strip()
    if not number:
        return None
    if not (number.isascii() and number.isdigit() and len(number) <= 16) or int(number) > _LARGEST_COUNT:
        raise InvalidInput(f"Not a number: {number[:40]!r}.")
    return int(number)


def facts_of_cells(cells: Mapping[str, str], doi: str) -> DatasetFacts:
    """Return what a line of a table of datasets says, by the names of its columns. :raises InvalidInput:"""
    kind = cells.get("dataset_type", "").strip()
    if kind and kind not in list(DatasetKind):
        raise InvalidInput(f"dataset_type is one of {', '.join(DatasetKind)}, not {kind[:40]!r}.")

    def terms(name: str) -> tuple[str, ...]:
        return split_terms(cells.get(name, ""))

    def line(name: str) -> str:
        return checked_line(cells.get(name, ""))

    def text(name: str) -> str:
        return checked_text(cells.get(name, ""))

    return DatasetFacts(
        doi=doi,
        kind=DatasetKind(kind) if kind else None,
        short_name=line("short_title"),
        browse_title=line("browse_title"),
        url=checked_link(cells.get("url", "")),
        program=line("program"),
        cancer_types=terms("cancer_types"),
        cancer_locations=terms("cancer_locations"),
        species=terms("species"),
        data_types=terms("data_types"),
        supporting_data=terms("supporting_data"),
        licences=terms("licenses"),
        subjects=checked_count(cells.get("subjects", "")),
        updated=checked_day(cells.get("date_updated", "")),
        citation=text("citation"),
        summary=text("summary"),
        description=text("description"),
        acknowledgements=text("acknowledgements"),
        funding=text("funding"),
        external_resources=text("external_resources"),
        hidden=line("hide_from_browse_table") in {"1", "yes", "true"},
    )


def download_of_cells(cells: Mapping[str, str]) -> DatasetDownload:
    """Return what a line of a table of downloads says, by the names of its columns. :raises InvalidInput:"""
    number = checked_count(cells.get("download_id", ""))
    if number is None or not 0 < number < OWN_DOWNLOADS:
        raise InvalidInput(f"download_id is a number from 1 to {OWN_DOWNLOADS - 1}.")
    licence = checked_line(cells.get("license_label", ""))
    return DatasetDownload(
        id=number,
        title=checked_line(cells.get("download_title", "")),
        url=checked_link(cells.get("download_url", "")),
        search_url=_link_or_nothing(cells.get("search_url", "")),
        types=split_terms(cells.get("download_types", "")),
        data_types=split_terms(cells.get("data_types", "")),
        file_types=split_terms(cells.get("file_types", "")),
        access=checked_line(cells.get("access_level", "")) or (licence_class(licence) if licence else ""),
        licence=licence,
        licence_url=checked_link(cells.get("license_url", "")),
        requirement=checked_line(cells.get("requirements_label", "")),
        size=checked_count(cells.get("size_bytes", "")),
        updated=checked_day(cells.get("date_updated", "")),
        status=checked_line(cells.get("collection_status", "")),
        subjects=checked_count(cells.get("subjects", "")),
        studies=checked_count(cells.get("studies", "")),
        series=checked_count(cells.get("series", "")),
        images=checked_count(cells.get("images", "")),
    )


def joined(*parts: Iterable[str]) -> tuple[str, ...]:
    """Return texts of several lists, each once, in order; what is empty is left out."""
    return tuple(dict.fromkeys(each for part in parts for each in part if each))
