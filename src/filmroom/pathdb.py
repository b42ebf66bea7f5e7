"""tcia_utils.pathdb over Filmroom's client: ``from filmroom import pathdb``. See docs/guides/tcia_utils.md.

Asked is TCIA's PathDB, or the server that the setting ``FILMROOM_SERVER``, or ``filmroom.nbia``, names.
"""

from __future__ import annotations

from filmroom.dropin.session import speak_up
from filmroom.dropin.slides import (
    downloadImages,
    getCollections,
    getImages,
    reportCollections,
    reportSubmissions,
)
from filmroom.dropin.tables import copy_df_cols, get_proxy, searchDf

speak_up()

__all__ = [
    "copy_df_cols",
    "downloadImages",
    "getCollections",
    "getImages",
    "get_proxy",
    "reportCollections",
    "reportSubmissions",
    "searchDf",
]
