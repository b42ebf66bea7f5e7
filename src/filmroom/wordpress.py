"""tcia_utils.wordpress over Filmroom's client: ``from filmroom import wordpress``.

Asked is TCIA's Collection Manager, or that of the server which the setting ``FILMROOM_SERVER`` names.
"""

from __future__ import annotations

from filmroom.dropin.collection_pages import FUNCTIONS, getQuery, update_download_file_column
from filmroom.dropin.session import speak_up
from filmroom.dropin.tables import copy_df_cols, get_proxy, remove_html_tags, searchDf

speak_up()

getCollections = FUNCTIONS["getCollections"]
getAnalyses = FUNCTIONS["getAnalyses"]
getDownloads = FUNCTIONS["getDownloads"]
getCitations = FUNCTIONS["getCitations"]
getVersions = FUNCTIONS["getVersions"]
getVersionDownloads = FUNCTIONS["getVersionDownloads"]
getCancerTypes = FUNCTIONS["getCancerTypes"]
getCancerLocations = FUNCTIONS["getCancerLocations"]
getSpecies = FUNCTIONS["getSpecies"]
getDataTypes = FUNCTIONS["getDataTypes"]
getSupportingData = FUNCTIONS["getSupportingData"]
getFileTypes = FUNCTIONS["getFileTypes"]
getLicenses = FUNCTIONS["getLicenses"]
getDownloadRequirements = FUNCTIONS["getDownloadRequirements"]
getPrograms = FUNCTIONS["getPrograms"]

__all__ = [
    "copy_df_cols",
    "getAnalyses",
    "getCancerLocations",
    "getCancerTypes",
    "getCitations",
    "getCollections",
    "getDataTypes",
    "getDownloadRequirements",
    "getDownloads",
    "getFileTypes",
    "getLicenses",
    "getPrograms",
    "getQuery",
    "getSpecies",
    "getSupportingData",
    "getVersionDownloads",
    "getVersions",
    "get_proxy",
    "remove_html_tags",
    "searchDf",
    "update_download_file_column",
]
