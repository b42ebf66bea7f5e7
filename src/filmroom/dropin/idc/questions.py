"""What the index knows of collections, patients, studies and series."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from filmroom.client.sources.idc_index import table
from filmroom.dropin.idc.table import alike, different, polars, shaped, versions_since
from filmroom.dropin.session import quietly

_PATIENT = ("collection_id", "PatientID", "PatientSex", "PatientAge")
_STUDY = ("collection_id", "PatientID", "StudyInstanceUID", "StudyDate", "StudyDescription")


@quietly
def getCollections(
    analysisResult: str = "",
    doi: str = "",
    age: str = "",
    sex: str = "",
    studyDesc: str = "",
    license: str = "",
    modality: str = "",
    bodyPart: str = "",
    manufacturer: str = "",
    seriesDesc: str = "",
    format: str = "",
) -> Any:
    """Return the collections that have series like this; ``%`` stands for any text in an argument."""
    patterns = _patterns(doi, age, sex, studyDesc, license, modality, bodyPart, manufacturer, seriesDesc)
    found = alike({"analysis_result_id": analysisResult, **patterns})
    return shaped(different(found, "collection_id"), format)


@quietly
def getAnalysisResults(
    collection: str = "",
    doi: str = "",
    age: str = "",
    sex: str = "",
    studyDesc: str = "",
    license: str = "",
    modality: str = "",
    bodyPart: str = "",
    manufacturer: str = "",
    seriesDesc: str = "",
    format: str = "",
) -> Any:
    """Return the analysis results that have series like this."""
    patterns = _patterns(doi, age, sex, studyDesc, license, modality, bodyPart, manufacturer, seriesDesc)
    found = alike({"collection_id": collection, **patterns})
    return shaped(different(found.drop_nulls("analysis_result_id"), "analysis_result_id"), format)


def _patterns(*given: str) -> dict[str, str]:
    columns = (
        *("source_DOI", "PatientAge", "PatientSex", "StudyDescription", "license_short_name"),
        *("Modality", "BodyPartExamined", "Manufacturer", "SeriesDescription"),
    )
    return dict(zip(columns, given, strict=True))


def _of(collection: str = "", modality: str = "", bodyPart: str = "") -> Any:
    return alike({"collection_id": collection, "Modality": modality, "BodyPartExamined": bodyPart})


def _counted(found: Any, column: str, format: str) -> Any:
    counts = found.group_by(column).agg(polars().col("SeriesInstanceUID").n_unique().alias("count"))
    return shaped(counts.sort(column, nulls_last=True), format)


@quietly
def getBodyPart(collection: str = "", modality: str = "", format: str = "") -> Any:
    """Return the body parts in use."""
    return shaped(different(_of(collection, modality), "BodyPartExamined"), format)


@quietly
def getBodyPartCounts(collection: str = "", modality: str = "", format: str = "") -> Any:
    """Return the body parts with their numbers of series."""
    return _counted(_of(collection, modality), "BodyPartExamined", format)


@quietly
def getModality(collection: str = "", bodyPart: str = "", format: str = "") -> Any:
    """Return the modalities in use."""
    return shaped(different(_of(collection, "", bodyPart), "Modality"), format)


@quietly
def getModalityCounts(collection: str = "", bodyPart: str = "", format: str = "") -> Any:
    """Return the modalities with their numbers of series."""
    return _counted(_of(collection, "", bodyPart), "Modality", format)


@quietly
def getManufacturer(collection: str = "", modality: str = "", bodyPart: str = "", format: str = "") -> Any:
    """Return the manufacturers and their models."""
    found = _of(collection, modality, bodyPart)
    return shaped(different(found, "Manufacturer", "ManufacturerModelName"), format)


@quietly
def getManufacturerCounts(
    collection: str = "", modality: str = "", bodyPart: str = "", format: str = ""
) -> Any:
    """Return the manufacturers with their numbers of series."""
    return _counted(_of(collection, modality, bodyPart), "Manufacturer", format)


@quietly
def getPatient(collection: str = "", format: str = "") -> Any:
    """Return patients."""
    return shaped(different(_of(collection), *_PATIENT), format)


@quietly
def getPatientByCollectionAndModality(collection: str, modality: str, format: str = "") -> Any:
    """Return the IDs of the patients of a collection with a modality."""
    return shaped(different(_of(collection, modality), "PatientID"), format)


@quietly
def getNewPatientsInCollection(collection: str, date: str, format: str = "") -> Any:
    """Return the patients of a collection with series released on or after a day (``YYYY/MM/DD``)."""
    new = polars().col("series_init_idc_version").is_in(versions_since(date).to_list())
    return shaped(different(_of(collection).filter(new), *_PATIENT), format)


@quietly
def getStudy(collection: str, patientId: str = "", studyUid: str = "", format: str = "") -> Any:
    """Return the studies of a collection."""
    found = alike({"collection_id": collection, "PatientID": patientId, "StudyInstanceUID": studyUid})
    return shaped(different(found, *_STUDY), format)


@quietly
def getNewStudiesInPatient(collection: str, patientId: str, date: str, format: str = "") -> Any:
    """Return the studies of a patient with series released on or after a day (``YYYY/MM/DD``)."""
    new = polars().col("series_init_idc_version").is_in(versions_since(date).to_list())
    found = alike({"collection_id": collection, "PatientID": patientId}).filter(new)
    return shaped(different(found, *_STUDY), format)


@quietly
def getSeries(
    collection: str = "",
    patientId: str = "",
    studyUid: str = "",
    seriesUid: str = "",
    modality: str = "",
    bodyPart: str = "",
    manufacturer: str = "",
    manufacturerModel: str = "",
    format: str = "",
) -> Any:
    """Return series with all that the index knows of them."""
    patterns = {
        "collection_id": collection,
        "PatientID": patientId,
        "StudyInstanceUID": studyUid,
        "SeriesInstanceUID": seriesUid,
        "Modality": modality,
        "BodyPartExamined": bodyPart,
        "Manufacturer": manufacturer,
        "ManufacturerModelName": manufacturerModel,
    }
    return shaped(alike(patterns), format)


@quietly
def getUpdatedSeries(date: str, format: str = "") -> Any:
    """Return the series released or revised on or after a day (``YYYY/MM/DD``)."""
    versions = versions_since(date).to_list()
    column = polars().col
    is_new = column("series_init_idc_version").is_in(versions)
    return shaped(table().filter(is_new | column("series_revised_idc_version").is_in(versions)), format)


@quietly
def getSeriesList(uids: Iterable[str], format: str = "df") -> Any:
    """Return what the index knows of series; those it does not know are left out."""
    return shaped(of_series(uids), format)


def of_series(uids: Iterable[str]) -> Any:
    """Return the rows of series. :raises MissingExtra: when the index is not installed."""
    frame = table()
    return frame.filter(polars().col("SeriesInstanceUID").is_in([str(uid) for uid in uids]))


@quietly
def getCollectionDescriptions(format: str = "") -> Any:
    """Return the collections with their descriptions, sources and DOIs."""
    return shaped(table("collections_index"), format)
