"""getSimpleSearch on the index: its rows are series, where NBIA's are patients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filmroom.client.sources.idc_index import table
from filmroom.dropin.ask import save_frame, stamp
from filmroom.dropin.idc.questions import of_series
from filmroom.dropin.idc.table import day, polars, shaped
from filmroom.dropin.session import quietly
from filmroom.errors import InvalidInput

_SORTED_BY = {
    "subject": "PatientID",
    "studies": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "collection": "collection_id",
}


@quietly
def getSimpleSearch(
    collections: Iterable[str] = (),
    species: Iterable[str] = (),
    modalities: Iterable[str] = (),
    bodyParts: Iterable[str] = (),
    manufacturers: Iterable[str] = (),
    fromDate: str = "",
    toDate: str = "",
    releasedAfter: str = "",
    releasedBefore: str = "",
    patients: Iterable[str] = (),
    minStudies: int = 0,
    modalityAnded: bool = False,
    start: int = 0,
    size: int = 10,
    sortDirection: str = "ascending",
    sortField: str = "subject",
    format: str = "",
) -> Any:
    """Return a page of the series that fulfil all criteria.

    Days are ``YYYY/MM/DD``: of the study, and of the release by IDC. The formats ``uids`` (a list),
    ``manifest_text`` and ``manifest`` (``manifest-<YYYY-MM-DD_HH-MM>.csv``, and a data frame) have all pages.
    """
    if start < 0 or size < 0:
        raise InvalidInput("A page begins at 0 or later, and has 0 or more rows.")
    named = {
        "collection_id": list(collections),
        "Modality": list(modalities),
        "BodyPartExamined": list(bodyParts),
        "Manufacturer": list(manufacturers),
        "PatientID": list(patients),
    }
    found = table()
    for column, values in named.items():
        if values:
            found = found.filter(polars().col(column).is_in(values))
    found = _of_species(found, [name.title() for name in species])
    found = _of_days(found, fromDate, toDate)
    found = _of_releases(found, releasedAfter, releasedBefore)
    found = _of_patients(found, minStudies, named["Modality"] if modalityAnded else [])
    order = [_SORTED_BY.get(sortField, "PatientID"), "SeriesInstanceUID"]
    descending = [sortDirection != "ascending", False]
    found = found.sort(order, descending=descending, nulls_last=True)
    return _formed(found, start, size, format)


def _formed(found: Any, start: int, size: int, format: str) -> Any:
    if format not in {"uids", "manifest_text", "manifest"}:
        return shaped(found.slice(start, size), format)
    uids: list[str] = found.select("SeriesInstanceUID").collect()["SeriesInstanceUID"].to_list()
    if format == "uids":
        return uids
    if format == "manifest_text":
        return "\n".join(uids)
    frame = shaped(of_series(uids), "df")
    save_frame(frame, f"manifest-{stamp('%Y-%m-%d_%H-%M')}.csv")
    return frame


def _of_species(found: Any, species: list[str]) -> Any:
    if not species:
        return found
    known = table("collections_index").filter(polars().col("species").is_in(species))
    return found.filter(polars().col("collection_id").is_in(known.collect()["collection_id"].to_list()))


def _of_days(found: Any, first: str, last: str) -> Any:
    if first:
        found = found.filter(polars().col("StudyDate") >= day(first))
    return found.filter(polars().col("StudyDate") <= day(last)) if last else found


def _of_releases(found: Any, after: str, before: str) -> Any:
    if not after and not before:
        return found
    versions = table("version_metadata_index")
    if after:
        versions = versions.filter(polars().col("version_timestamp") >= day(after))
    if before:
        versions = versions.filter(polars().col("version_timestamp") <= day(before))
    numbers = versions.collect()["idc_version"].to_list()
    return found.filter(polars().col("series_init_idc_version").is_in(numbers))


def _of_patients(found: Any, studies: int, modalities: list[str]) -> Any:
    """Keep the series of patients with so many studies, and with every one of the modalities."""
    column = polars().col
    if studies > 0:
        counted = table().group_by("PatientID").agg(column("StudyInstanceUID").n_unique().alias("number"))
        found = found.join(counted.filter(column("number") >= studies), on="PatientID", how="semi")
    if modalities:
        wanted = table().filter(column("Modality").is_in(modalities))
        counted = wanted.group_by("PatientID").agg(column("Modality").n_unique().alias("number"))
        every = counted.filter(column("number") == len(set(modalities)))
        found = found.join(every, on="PatientID", how="semi")
    return found
