"""The way to use an archive: typed questions, verified downloads.

>>> from filmroom import Client
>>> client = Client("http://127.0.0.1:8080")        # doctest: +SKIP
>>> series = client.series(collection="Demo-CT")    # doctest: +SKIP
>>> client.download(series, "data")                 # doctest: +SKIP
"""

from __future__ import annotations

from filmroom.client.async_client import AsyncClient
from filmroom.client.async_download import AsyncDownload
from filmroom.client.client import Client
from filmroom.client.crew import Stopped
from filmroom.client.planned import PlannedSeries
from filmroom.client.records import Records
from filmroom.client.repair import RepairReport, SeriesRepair, repair
from filmroom.client.report import DownloadReport, Progress, SeriesResult
from filmroom.client.search import SearchResult, TextResult
from filmroom.client.snapshot.file import SnapshotInfo
from filmroom.client.snapshot.sync import SyncProgress, SyncReport
from filmroom.client.sources.base import Promise, RemoteSeries
from filmroom.client.tags import Tag
from filmroom.client.verify import SeriesCheck, VerifyReport, verify
from filmroom.model.search import Days, Equipment, Range, SimpleSearch, TimePoint

__all__ = [
    "AsyncClient",
    "AsyncDownload",
    "Client",
    "Days",
    "DownloadReport",
    "Equipment",
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
