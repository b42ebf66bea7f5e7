"""The resources of the Collection Manager and their fields: tables.

A field marked ``markup`` holds HTML that an author wrote: whoever sends it cleans it first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from filmroom.model.datasets import DatasetDownload, DatasetKind, slug
from filmroom.wire.collection_manager.rows import (
    DatasetRow,
    DownloadRow,
    Edition,
    TermRow,
    slug_of,
)
from filmroom.wire.datacite.apa import apa

Version = Literal["v1", "v2"]
VERSIONS: tuple[Version, ...] = ("v1", "v2")
ROOT_PATH = "/api"
MEDIA_PATH = "wp/v2/media"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``long``: v2 tells it only when asked. ``only``: the one version that has it."""

    name: str
    make: Callable[[Any], Any]
    long: bool = False
    markup: bool = False
    only: Version | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: its path, its rows in an edition, each with a ``number``, and its fields in order."""

    name: str
    rows: Callable[[Edition], Sequence[Any]]
    fields: tuple[Field, ...]

    def fields_of(self, version: Version) -> list[Field]:
        """Return the fields that a version has."""
        return [each for each in self.fields if each.only in {None, version}]


def _number(row: Any) -> int:
    return int(row.number)


def _plain(**made: Callable[[Any], Any]) -> tuple[Field, ...]:
    return tuple(Field(name, make) for name, make in made.items())


def _post(kind: str, title: Callable[[Any], str]) -> tuple[Field, ...]:
    """Return what v1 tells of everything, because it is WordPress that answers there."""
    return (
        Field("type", lambda _: kind, only="v1"),
        Field("status", lambda _: "publish", only="v1"),
        Field("title", lambda row: {"rendered": escape(title(row))}, only="v1"),
    )


# -- datasets --------------------------------------------------------------------------------------------


def _reference(row: DatasetRow) -> dict[str, Any]:
    return {
        "id": row.number,
        "ID": row.number,
        "slug": slug_of(row),
        "title": row.title,
        "post_title": row.title,
        "short_title": row.name,
        "doi": row.record.doi,
        "link": row.link,
    }


def _references(rows: Iterable[DatasetRow]) -> list[dict[str, Any]]:
    return [_reference(row) for row in rows]


def _dataset_fields(kind: DatasetKind) -> tuple[Field, ...]:
    prefix = "result" if kind is DatasetKind.ANALYSIS_RESULT else "collection"

    def long(name: str, make: Callable[[DatasetRow], str]) -> Field:
        return Field(name, make, long=True, markup=True)

    sources = "related_collections" if kind is DatasetKind.ANALYSIS_RESULT else "related_collection"
    fields = (
        Field("id", _number),
        Field("slug", slug_of),
        *_post(prefix, lambda row: row.title),
        Field("date", lambda row: row.dataset.record.created.isoformat(timespec="seconds"), only="v1"),
        Field("link", lambda row: row.link),
        Field("date_updated", lambda row: row.updated),
        Field(f"{prefix}_short_title", lambda row: row.name),
        Field(f"{prefix}_title", lambda row: row.title),
        Field(f"{prefix}_browse_title", lambda row: row.said.browse_title or row.title),
        Field(f"{prefix}_doi", lambda row: row.record.doi),
        Field(f"{prefix}_summary", lambda row: row.said.summary or row.said.description, markup=True),
        long(f"{prefix}_abstract", lambda row: row.record.description("Abstract") or row.said.description),
        long("detailed_description", lambda row: row.said.description or row.record.description() or ""),
        long(f"{prefix}_acknowledgements", lambda row: row.said.acknowledgements),
        long(f"{prefix}_funding", lambda row: row.said.funding),
        long("external_resources", lambda row: row.said.external_resources),
        Field(f"{prefix}_page_accessibility", lambda row: "Public" if row.is_open else "Limited"),
        Field("hide_from_browse_table", lambda row: "1" if row.said.hidden else "0"),
        Field("program", lambda row: [row.said.program] if row.said.program else []),
        Field("cancer_types", lambda row: list(row.said.cancer_types)),
        Field("cancer_locations", lambda row: list(row.said.cancer_locations)),
        Field("species", lambda row: list(row.said.species or row.holding.species)),
        Field("data_types", lambda row: list(row.data_types)),
        Field("supporting_data", lambda row: list(row.said.supporting_data)),
        Field("subjects", lambda row: row.subjects),
        Field("study_count", lambda row: row.holding.studies),
        Field("series_count", lambda row: row.holding.series),
        Field("image_count", lambda row: row.holding.images),
        Field("version_number", lambda row: row.record.version or "1"),
        Field("versions", lambda row: [_version_reference(row)]),
        Field("citations", lambda row: [_citation_reference(row)]),
        Field(f"{prefix}_downloads", lambda row: [_download(each) for each in row.downloads]),
    )
    if kind is DatasetKind.COLLECTION:
        related = _plain(related_analysis_results=lambda row: _references(row.edition.derived(row)))
    else:
        related = _plain(
            related_analysis_results=lambda row: _references(row.edition.derived(row)),
            collections=lambda row: _references(row.edition.sources(row)),
        )
    return (*fields, *related, Field(sources, lambda row: _references(row.edition.sources(row))))


def _citation_reference(row: DatasetRow) -> dict[str, Any]:
    return {"id": row.number, "ID": row.number, "post_title": row.title, "tcia_citation_doi": row.record.doi}


def _version_reference(row: DatasetRow) -> dict[str, Any]:
    number = row.record.version or "1"
    return {
        "id": row.number,
        "ID": row.number,
        "post_title": f"{row.name} v{number}",
        "version_number": number,
    }


# -- downloads -------------------------------------------------------------------------------------------

_UNITS = (("tb", 10**12), ("gb", 10**9), ("mb", 10**6), ("kb", 10**3))


def _size(download: DatasetDownload) -> tuple[str, str]:
    """Return the size as it is shown: a number of two decimals at most, and its unit of thousands."""
    if download.size is None:
        return "", ""
    unit, step = next((each for each in _UNITS if download.size >= each[1]), ("kb", 1_000))
    return f"{download.size / step:.2f}".rstrip("0").rstrip("."), unit


def _labelled(label: str, url: str) -> dict[str, str]:
    return {"label": label, "url": url}


def _requirement(download: DatasetDownload) -> dict[str, str]:
    return {"label": download.requirement, "url": "", "text": download.requirement_text}


_DOWNLOAD_VALUES: Mapping[str, Callable[[DatasetDownload], Any]] = {
    "download_title": lambda each: each.title,
    "date_updated": lambda each: each.updated,
    "download_url": lambda each: each.url,
    "download_type": lambda each: list(each.types),
    "data_type": lambda each: list(each.data_types),
    "file_type": lambda each: list(each.file_types),
    "download_access": lambda each: each.access,
    "download_size": lambda each: _size(each)[0],
    "download_size_unit": lambda each: _size(each)[1],
    "subjects": lambda each: each.subjects,
    "study_count": lambda each: each.studies,
    "series_count": lambda each: each.series,
    "image_count": lambda each: each.images,
    "data_license": lambda each: _labelled(each.licence, each.licence_url),
    "download_requirements": _requirement,
    "search_url": lambda each: each.search_url,
    "collection_status": lambda each: each.status,
}


def _download(download: DatasetDownload) -> dict[str, Any]:
    numbers = {"id": download.id, "ID": download.id, "post_title": download.title}
    return numbers | {name: make(download) for name, make in _DOWNLOAD_VALUES.items()}


def _of_download(name: str, make: Callable[[DatasetDownload], Any]) -> Field:
    return Field(name, lambda row: make(row.download))


_DOWNLOAD_FIELDS = (
    Field("id", _number),
    Field("slug", lambda row: f"{slug(row.download.title)}-{row.number}"),
    *_post("download", lambda row: row.download.title),
    *(_of_download(*each) for each in _DOWNLOAD_VALUES.items()),
    # A number of the media library, where its address is to be asked for.
    Field("download_file", lambda row: {"ID": row.number} if row.download.url else False, only="v1"),
    Field("download_metadata", lambda _: ""),
    Field("collections", lambda row: [each.name for each in row.datasets]),
)

# -- citations and versions ------------------------------------------------------------------------------


def _citation(row: DatasetRow) -> str:
    if row.record.creators or not row.said.citation:
        return apa(row.record, html=True)
    return row.said.citation


_CITATION_FIELDS = (
    Field("id", _number),
    Field("slug", lambda row: f"{slug_of(row)}-citation"),
    *_post("citation", lambda row: row.title),
    Field("tcia_citation_type", lambda _: "Data Citation"),
    Field("tcia_citation_text", _citation, markup=True),
    Field("tcia_citation_statement", lambda row: row.said.acknowledgements, markup=True),
    Field("tcia_citation_doi", lambda row: row.record.doi),
)


def _of_kind(row: DatasetRow, kind: DatasetKind) -> list[dict[str, Any]]:
    return [_reference(row)] if row.dataset.kind is kind else []


_VERSION_FIELDS = (
    Field("id", _number),
    Field("slug", lambda row: f"{slug_of(row)}-version"),
    *_post("version", lambda row: _version_reference(row)["post_title"]),
    Field("version_number", lambda row: row.record.version or "1"),
    Field("version_date", lambda row: row.updated),
    Field("version_text", lambda row: row.record.description("Other") or "", markup=True),
    Field("version_downloads", lambda row: [_download(each) for each in row.downloads]),
    Field("related_collection", lambda row: _of_kind(row, DatasetKind.COLLECTION)),
    Field("related_analysis_result", lambda row: _of_kind(row, DatasetKind.ANALYSIS_RESULT)),
)

_VERSION_DOWNLOAD_FIELDS = (
    *_DOWNLOAD_FIELDS,
    Field("versions", lambda row: [_version_reference(each) for each in row.datasets]),
)

# -- vocabularies ----------------------------------------------------------------------------------------


def _terms(kind: str, **more: Callable[[TermRow], Any]) -> tuple[Field, ...]:
    return (
        Field("id", _number),
        Field("slug", lambda row: slug(row.name)),
        Field("name", lambda row: row.name),
        Field("title", lambda row: row.name, only="v2"),
        *_post(kind, lambda row: row.name),
        Field("count", lambda row: row.count),
        *_plain(**more),
    )


_LICENCE_FIELDS = (
    *_terms(
        "licenses",
        license_label=lambda row: row.name,
        license_url=lambda row: row.url,
        data_license=lambda row: _labelled(row.name, row.url),
    ),
    Field("content", lambda row: _linked(row.url, row.name), markup=True),
)


def _linked(url: str, shown: str) -> str:
    return f'<a href="{escape(url)}">{escape(shown)}</a>' if url else escape(shown)


_REQUIREMENT_FIELDS = (
    *_terms("download-requirements", requirements_label=lambda row: row.name, requirements_url=lambda _: ""),
    Field("requirements_text", lambda row: escape(row.said), markup=True),
)


def _vocabulary(name: str, of: Callable[[DatasetRow], Iterable[str]]) -> Resource:
    return Resource(name, lambda edition: edition.words(of), _terms(name))


def _datasets(name: str, kind: DatasetKind) -> Resource:
    return Resource(name, lambda edition: edition.of_kind(kind), _dataset_fields(kind))


def _file_types(download: DatasetDownload) -> Iterable[str]:
    return download.file_types


_ALL = (
    _datasets("collections", DatasetKind.COLLECTION),
    _datasets("analysis-results", DatasetKind.ANALYSIS_RESULT),
    Resource("downloads", lambda edition: edition.downloads, _DOWNLOAD_FIELDS),
    Resource("citations", lambda edition: edition.datasets, _CITATION_FIELDS),
    Resource("versions", lambda edition: edition.datasets, _VERSION_FIELDS),
    Resource("version_downloads", lambda edition: edition.downloads, _VERSION_DOWNLOAD_FIELDS),
    _vocabulary("cancer-types", lambda row: row.said.cancer_types),
    _vocabulary("cancer-locations", lambda row: row.said.cancer_locations),
    _vocabulary("species", lambda row: row.said.species or row.holding.species),
    _vocabulary("data-types", lambda row: row.data_types),
    _vocabulary("supporting-data", lambda row: row.said.supporting_data),
    Resource("file-types", lambda edition: edition.download_words(_file_types), _terms("file-types")),
    Resource("licenses", lambda edition: edition.licences(), _LICENCE_FIELDS),
    Resource("download-requirements", lambda edition: edition.requirements(), _REQUIREMENT_FIELDS),
    _vocabulary("programs", lambda row: (row.said.program,)),
)
RESOURCES: Mapping[str, Resource] = {each.name: each for each in _ALL}
"""Every resource by its name in paths."""


def media(row: DownloadRow) -> dict[str, Any]:
    """Return a download as an entry of the media library."""
    title = {"rendered": escape(row.download.title)}
    return {"id": row.number, "type": "attachment", "title": title, "source_url": row.download.url}
