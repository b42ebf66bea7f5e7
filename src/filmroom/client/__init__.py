"""The way to use an archive: typed questions, verified downloads.

>>> from filmroom import Client
>>> client = Client("http://127.0.0.1:8080")        # doctest: +SKIP
>>> series = client.series(collection="Demo-CT")    # doctest: +SKIP
>>> client.download(series, "data")                 # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filmroom.client.async_client import AsyncClient
    from filmroom.client.async_download import AsyncDownload
    from filmroom.client.client import Client
    from filmroom.client.crew import Stopped
    from filmroom.client.planned import PlannedSeries
    from filmroom.client.records import Records
    from filmroom.client.repairing import RepairReport, SeriesRepair, repair
    from filmroom.client.report import DownloadReport, Progress, SeriesResult
    from filmroom.client.search import SearchResult, TextResult
    from filmroom.client.slide_download import SlideResult
    from filmroom.client.snapshot.file import SnapshotInfo
    from filmroom.client.snapshot.sync import SyncProgress, SyncReport
    from filmroom.client.sources.base import Promise, RemoteSeries
    from filmroom.client.tags import Tag
    from filmroom.client.verifying import SeriesCheck, VerifyReport, verify
    from filmroom.model.search import Days, Equipment, Range, SimpleSearch, TimePoint
    from filmroom.model.slides import ListedCollection, ListedSlide

__all__ = [
    "AsyncClient",
    "AsyncDownload",
    "Client",
    "Days",
    "DownloadReport",
    "Equipment",
    "ListedCollection",
    "ListedSlide",
    "PlannedSeries",
    "Progress",
    "Promise",
    "Range",
    "Records",
    "RemoteSeries",
    "RepairReport",
    "SearchResult",
    "SeriesCheck",
    "SeriesRepair",
    "SeriesResult",
    "SimpleSearch",
    "SlideResult",
    "SnapshotInfo",
    "Stopped",
    "SyncProgress",
    "SyncReport",
    "Tag",
    "TextResult",
    "TimePoint",
    "VerifyReport",
    "repair",
    "verify",
]

_PLACES = {
    "AsyncClient": "client.async_client",
    "AsyncDownload": "client.async_download",
    "Client": "client.client",
    "Stopped": "client.crew",
    "PlannedSeries": "client.planned",
    "Records": "client.records",
    "RepairReport": "client.repairing",
    "SeriesRepair": "client.repairing",
    "repair": "client.repairing",
    "DownloadReport": "client.report",
    "Progress": "client.report",
    "SeriesResult": "client.report",
    "SearchResult": "client.search",
    "TextResult": "client.search",
    "SlideResult": "client.slide_download",
    "SnapshotInfo": "client.snapshot.file",
    "SyncProgress": "client.snapshot.sync",
    "SyncReport": "client.snapshot.sync",
    "Promise": "client.sources.base",
    "RemoteSeries": "client.sources.base",
    "Tag": "client.tags",
    "SeriesCheck": "client.verifying",
    "VerifyReport": "client.verifying",
    "verify": "client.verifying",
    "Days": "model.search",
    "Equipment": "model.search",
    "Range": "model.search",
    "SimpleSearch": "model.search",
    "TimePoint": "model.search",
    "ListedCollection": "model.slides",
    "ListedSlide": "model.slides",
}
"""The module below ``filmroom`` that each name is from: loaded on first use, few programs need them all."""


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module 'filmroom.client' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"filmroom.{_PLACES[name]}"), name)
    globals()[name] = found
    return found
