"""tcia_utils.nbia over Filmroom's client: ``from filmroom import nbia``. See docs/guides/tcia_utils.md."""

from __future__ import annotations

from typing import Any

from filmroom.dropin.ask import queryData
from filmroom.dropin.calls import PLAIN
from filmroom.dropin.charts import (
    create_pie_chart,
    reportSeriesReleaseDate,
    reportSeriesSubmissionDate,
)
from filmroom.dropin.dois import getDoi
from filmroom.dropin.download import downloadImage, downloadSeries
from filmroom.dropin.removed import (
    getAdvancedQCSearch,
    getSeriesListData,
    getSeriesMetadata,
    getSimpleSearchWithModalityAndBodyPartPaged,
    getToken,
    logoutToken,
    makeCredentialFile,
    makeSharedCart,
    makeVizLinks,
    refreshToken,
    viewSeries,
    viewSeriesAnnotation,
    viewSeriesAnnotations,
    viewSeriesRT,
    viewSeriesSEG,
)
from filmroom.dropin.reports import (
    idcOhifViewer,
    makeSeriesReport,
    reportCollectionSummary,
    reportDataSummary,
    reportDoiSummary,
)
from filmroom.dropin.search import (
    Criteria,
    NPEXSpecies,
    getCollectionDescriptions,
    getDoiMetadata,
    getSimpleSearch,
)
from filmroom.dropin.series_table import formatSeriesInput, getSeriesList, manifestToList
from filmroom.dropin.session import StopExecution, session, setApiUrl, speak_up
from filmroom.dropin.tables import (
    copy_df_cols,
    format_disk_space,
    format_disk_space_binary,
    get_proxy,
    remove_html_tags,
    searchDf,
)
from filmroom.dropin.tags import getDicomTags, getSegRefSeries, reportDicomTags

getCollections = PLAIN["getCollections"]
getBodyPart = PLAIN["getBodyPart"]
getModality = PLAIN["getModality"]
getManufacturer = PLAIN["getManufacturer"]
getPatient = PLAIN["getPatient"]
getPatientByCollectionAndModality = PLAIN["getPatientByCollectionAndModality"]
getNewPatientsInCollection = PLAIN["getNewPatientsInCollection"]
getStudy = PLAIN["getStudy"]
getNewStudiesInPatient = PLAIN["getNewStudiesInPatient"]
getSeries = PLAIN["getSeries"]
getUpdatedSeries = PLAIN["getUpdatedSeries"]
getSeriesSize = PLAIN["getSeriesSize"]
getSopInstanceUids = PLAIN["getSopInstanceUids"]
getSharedCart = PLAIN["getSharedCart"]
getCollectionPatientCounts = PLAIN["getCollectionPatientCounts"]
getModalityCounts = PLAIN["getModalityCounts"]
getBodyPartCounts = PLAIN["getBodyPartCounts"]
getManufacturerCounts = PLAIN["getManufacturerCounts"]

# What getToken leaves for other programs to read.
api_call_headers: dict[str, str] | None = None
access_token: str | None = None
token_exp_time: Any = None
refresh_token: str | None = None
id_token: str | None = None
nlst_api_call_headers: dict[str, str] | None = None
nlst_access_token: str | None = None
nlst_token_exp_time: Any = None
nlst_refresh_token: str | None = None
nlst_id_token: str | None = None

session.share(globals())
speak_up()

__all__ = [
    "Criteria",
    "NPEXSpecies",
    "StopExecution",
    "copy_df_cols",
    "create_pie_chart",
    "downloadImage",
    "downloadSeries",
    "formatSeriesInput",
    "format_disk_space",
    "format_disk_space_binary",
    "getAdvancedQCSearch",
    "getBodyPart",
    "getBodyPartCounts",
    "getCollectionDescriptions",
    "getCollectionPatientCounts",
    "getCollections",
    "getDicomTags",
    "getDoi",
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
    "getSeriesListData",
    "getSeriesMetadata",
    "getSeriesSize",
    "getSharedCart",
    "getSimpleSearch",
    "getSimpleSearchWithModalityAndBodyPartPaged",
    "getSopInstanceUids",
    "getStudy",
    "getToken",
    "getUpdatedSeries",
    "get_proxy",
    "idcOhifViewer",
    "logoutToken",
    "makeCredentialFile",
    "makeSeriesReport",
    "makeSharedCart",
    "makeVizLinks",
    "manifestToList",
    "queryData",
    "refreshToken",
    "remove_html_tags",
    "reportCollectionSummary",
    "reportDataSummary",
    "reportDicomTags",
    "reportDoiSummary",
    "reportSeriesReleaseDate",
    "reportSeriesSubmissionDate",
    "searchDf",
    "setApiUrl",
    "viewSeries",
    "viewSeriesAnnotation",
    "viewSeriesAnnotations",
    "viewSeriesRT",
    "viewSeriesSEG",
]
