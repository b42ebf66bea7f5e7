"""tcia_utils.idc over the installed index and Filmroom's client: ``from filmroom import idc``."""

from __future__ import annotations

from filmroom.dropin.idc.files import (
    downloadImage,
    downloadSeries,
    getDicomTags,
    getSegRefSeries,
    getSopInstanceUids,
)
from filmroom.dropin.idc.questions import (
    getAnalysisResults,
    getBodyPart,
    getBodyPartCounts,
    getCollectionDescriptions,
    getCollections,
    getManufacturer,
    getManufacturerCounts,
    getModality,
    getModalityCounts,
    getNewPatientsInCollection,
    getNewStudiesInPatient,
    getPatient,
    getPatientByCollectionAndModality,
    getSeries,
    getSeriesList,
    getStudy,
    getUpdatedSeries,
)
from filmroom.dropin.idc.reports import (
    reportCollectionSummary,
    reportDataSummary,
    reportDoiSummary,
    reportSeriesReleaseDate,
)
from filmroom.dropin.idc.search import getSimpleSearch
from filmroom.dropin.idc.table import COLUMN_MAPPING, format_output, get_client
from filmroom.dropin.idc.unsupported import (
    getCollectionPatientCounts,
    getDoiMetadata,
    getSeriesSize,
    getSharedCart,
    makeSeriesReport,
    reportDicomTags,
    reportSeriesSubmissionDate,
    setApiUrl,
)
from filmroom.dropin.reports import idcOhifViewer
from filmroom.dropin.session import speak_up
from filmroom.dropin.tables import format_disk_space, format_disk_space_binary, get_proxy

speak_up()

__all__ = [
    "COLUMN_MAPPING",
    "downloadImage",
    "downloadSeries",
    "format_disk_space",
    "format_disk_space_binary",
    "format_output",
    "getAnalysisResults",
    "getBodyPart",
    "getBodyPartCounts",
    "getCollectionDescriptions",
    "getCollectionPatientCounts",
    "getCollections",
    "getDicomTags",
    "getDoiMetadata",
    "getManufacturer",
    "getManufacturerCounts",
    "getModality",
    "getModalityCounts",
    "getNewPatientsInCollection",
    "getNewStudiesInPatient",
    "getPatient",
    "getPatientByCollectionAndModality",
    "getSegRefSeries",
    "getSeries",
    "getSeriesList",
    "getSeriesSize",
    "getSharedCart",
    "getSimpleSearch",
    "getSopInstanceUids",
    "getStudy",
    "getUpdatedSeries",
    "get_client",
    "get_proxy",
    "idcOhifViewer",
    "makeSeriesReport",
    "reportCollectionSummary",
    "reportDataSummary",
    "reportDicomTags",
    "reportDoiSummary",
    "reportSeriesReleaseDate",
    "reportSeriesSubmissionDate",
    "setApiUrl",
]
