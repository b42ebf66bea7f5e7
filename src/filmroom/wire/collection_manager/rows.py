"""What the resources of the Collection Manager are made of: datasets, their downloads, the words they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from filmroom.errors import InvalidInput
from filmroom.model.datasets import (
    OWN_DOWNLOADS,
    DatasetDownload,
    DatasetFacts,
    DatasetKind,
    Holding,
    PublishedDataset,
    joined,
    licence_class,
    slug,
    term_number,
)
from filmroom.model.doi_datasets import licence_of_rights
from filmroom.model.dois import DoiRecord
from filmroom.wire.datacite.record import Part, Record, bare_doi, text
from filmroom.wire.pathdb import IMAGES_PATH, MOUNT_PATH

HISTOPATHOLOGY = "Histopathology"
RETRIEVER = "TCIA Data Retriever"
_RETRIEVER_TEXT = "A manifest of series. The retriever reads it, and so does: filmroom download FILE.tcia"


class DatasetRow:
    """A dataset as one answer tells of it."""

    def __init__(self, edition: Edition, dataset: PublishedDataset) -> None:
        self.edition = edition
        self.dataset = dataset

    @cached_property
    def record(self) -> Record:
        """The record as conversions read it."""
        return self.edition.read(self.dataset.record)

    @property
    def number(self) -> int:
        return self.dataset.key

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def said(self) -> DatasetFacts:
        return self.dataset.said

    @property
    def holding(self) -> Holding:
        return self.dataset.holding or Holding()

    @property
    def title(self) -> str:
        return self.record.title or self.name

    @property
    def address(self) -> str:
        """Address of the archive's own page of the DOI."""
        return f"{self.edition.root}/doi/{quote(self.record.doi, safe='/')}"

    @property
    def link(self) -> str:
        """Address of the dataset's page: an editor's, the record's, or that of the archive."""
        url = self.record.url or ""
        return self.said.url or (url if url.startswith(("http://", "https://")) else self.address)

    @property
    def updated(self) -> str:
        """The day on which it last changed."""
        changed = self.dataset.record.updated
        return self.said.updated or (changed.date().isoformat() if changed else "")

    @property
    def subjects(self) -> int | None:
        """How many: what the archive holds, else what an editor says."""
        slides = self.holding.slides
        held = max(self.holding.subjects, slides.subjects if slides else 0)
        return held or self.said.subjects

    @property
    def data_types(self) -> tuple[str, ...]:
        slides = (HISTOPATHOLOGY,) if self.holding.slides else ()
        return joined(self.said.data_types, self.holding.modalities, slides)

    @property
    def licences(self) -> list[tuple[str, str]]:
        """Names and addresses: those of the record, else those that an editor names."""
        rights = [each for each in self.record.rights if text(each, "rights")]
        return list(map(_label, rights or [{"rights": name} for name in self.said.licences]))

    @cached_property
    def downloads(self) -> list[DatasetDownload]:
        """What there is to fetch: from this archive, then what an editor names."""
        return [*self._own_downloads(), *self.said.downloads]

    @property
    def is_open(self) -> bool:
        """Whether something of it has an open licence."""
        classes = {each.access for each in self.downloads} | {licence_class(n) for n, _ in self.licences}
        return any(each.startswith("open") for each in classes)

    def _own_downloads(self) -> Iterable[DatasetDownload]:
        held = self.holding
        name, url = self.licences[0] if self.licences else ("", "")
        common: dict[str, Any] = {
            "access": licence_class(name) if name else "",
            "licence": name,
            "licence_url": url,
            "updated": self.updated,
        }
        number = OWN_DOWNLOADS + 2 * self.number
        # An analysis result has no collection of its own that a manifest could be made of.
        if held.series and self.dataset.holds_collection:
            yield DatasetDownload(
                id=number,
                title="Images",
                url=f"{self.address}?format=tcia",
                types=("Radiology Images",),
                data_types=held.modalities,
                file_types=("DICOM",),
                requirement=RETRIEVER,
                requirement_text=_RETRIEVER_TEXT,
                subjects=held.subjects,
                studies=held.studies,
                series=held.series,
                images=held.images,
                size=held.size,
                **common,
            )
        if held.slides is not None:
            yield DatasetDownload(
                id=number + 1,
                title="Slides",
                url=f"{self.edition.root}{MOUNT_PATH}/{IMAGES_PATH}/{held.slides.collection_id}?_format=json",
                types=("Pathology Images",),
                data_types=(HISTOPATHOLOGY,),
                file_types=tuple(each.upper() for each in held.slides.formats),
                subjects=held.slides.subjects,
                images=held.slides.slides,
                size=held.slides.size,
                **common,
            )


@dataclass(frozen=True, slots=True)
class DownloadRow:
    """A download with the datasets that have it."""

    download: DatasetDownload
    datasets: tuple[DatasetRow, ...]

    @property
    def number(self) -> int:
        return self.download.id


@dataclass(frozen=True, slots=True)
class TermRow:
    """A word of a vocabulary, and how many use it; ``url`` and ``said`` where something is known of it."""

    name: str
    count: int
    url: str = ""
    said: str = ""

    @property
    def number(self) -> int:
        return term_number(self.name)


class Edition:
    """Everything that is published at one moment, with the server's address in front of what it gives out.

    :param datasets: by their numbers. :param read: makes of a record what conversions read.
    """

    def __init__(
        self, datasets: Iterable[PublishedDataset], root: str, read: Callable[[DoiRecord], Record]
    ) -> None:
        self.root = root
        self.read = read
        self.datasets = [DatasetRow(self, each) for each in datasets]

    def of_kind(self, kind: DatasetKind) -> list[DatasetRow]:
        """Return the datasets of a kind."""
        return [each for each in self.datasets if each.dataset.kind is kind]

    @cached_property
    def downloads(self) -> list[DownloadRow]:
        """Every download once, by number: an editor may name one for several datasets."""
        found: dict[int, list[DatasetRow]] = {}
        first: dict[int, DatasetDownload] = {}
        for row in self.datasets:
            for each in row.downloads:
                found.setdefault(each.id, []).append(row)
                first.setdefault(each.id, each)
        return [DownloadRow(first[number], tuple(found[number])) for number in sorted(found)]

    @cached_property
    def _by_doi(self) -> dict[str, DatasetRow]:
        return {each.dataset.record.doi: each for each in self.datasets}

    @cached_property
    def _derived(self) -> dict[int, list[DatasetRow]]:
        found: dict[int, list[DatasetRow]] = {}
        for row in self.datasets:
            for source in self.sources(row):
                found.setdefault(source.number, []).append(row)
        return found

    def sources(self, row: DatasetRow) -> list[DatasetRow]:
        """Return the published datasets that one is derived from."""
        named = (text(each, "relatedIdentifier") or "" for each in row.record.related("IsDerivedFrom"))
        return [self._by_doi[doi] for each in named if (doi := bare_doi(each)) in self._by_doi]

    def derived(self, row: DatasetRow) -> list[DatasetRow]:
        """Return the published datasets that are derived from one."""
        return self._derived.get(row.number, [])

    # -- vocabularies --------------------------------------------------------------------------------

    def words(self, of: Callable[[DatasetRow], Iterable[str]]) -> list[TermRow]:
        """Return the words that datasets use for something."""
        return _counted((each, "", "") for row in self.datasets for each in set(of(row)))

    def download_words(self, of: Callable[[DatasetDownload], Iterable[str]]) -> list[TermRow]:
        """Return the words that downloads use for something."""
        return _counted((each, "", "") for row in self.downloads for each in set(of(row.download)))

    def licences(self) -> list[TermRow]:
        """Return the licences of datasets and downloads; counted are downloads."""
        used = [(e.download.licence, e.download.licence_url, "") for e in self.downloads]
        named = [(name, url, "") for row in self.datasets for name, url in row.licences]
        return _counted(used, also=named)

    def requirements(self) -> list[TermRow]:
        """Return what downloads need."""
        return _counted((e.download.requirement, "", e.download.requirement_text) for e in self.downloads)


def _label(rights: Part) -> tuple[str, str]:
    """Return the short name of a known licence, else what is said, and the address."""
    try:
        licence = licence_of_rights(rights)
    except InvalidInput:
        return text(rights, "rights") or "", ""
    return licence.short_name, licence.url


Term = tuple[str, str, str]


def _counted(used: Iterable[Term], also: Sequence[Term] = ()) -> list[TermRow]:
    """Return each word once, in any case of letters, with what the first to say something says of it."""
    found: dict[str, TermRow] = {}
    for terms, more in ((used, 1), (also, 0)):
        for name, url, said in terms:
            if name:
                old = found.get(name.casefold(), TermRow(name, 0))
                found[name.casefold()] = TermRow(old.name, old.count + more, old.url or url, old.said or said)
    return sorted(found.values(), key=lambda each: each.number)


def slug_of(row: DatasetRow) -> str:
    """Return the name of a dataset as part of an address."""
    return slug(row.name)
