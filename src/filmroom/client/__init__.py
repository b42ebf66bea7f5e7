"""The way to use an archive: typed questions, verified downloads.

>>> from filmroom import Client
>>> client = Client("http://127.0.0.1:8080")        # doctest: +SKIP
>>> series = client.series(collection="Demo-CT")    # doctest: +SKIP
>>> client.download(series, "data")                 # doctest: +SKIP
"""

from __future__ import annotations

from filmroom.client.client import Client
from filmroom.client.download import PlannedSeries
from filmroom.client.records import Records
from filmroom.client.repair import RepairReport, SeriesRepair, repair
from filmroom.client.report import DownloadReport, Progress, SeriesResult
from filmroom.client.transfer import Promise
from filmroom.client.verify import SeriesCheck, VerifyReport, verify
from filmroom.model.search import Days, Equipment, Range, SimpleSearch, TimePoint

__all__ = [
    "Client",
    "Days",
    "DownloadReport",
    "Equipment",
    "PlannedSeries",
    "Progress",
    "Promise",
    "Range",
    "Records",
    "RepairReport",
    "SeriesCheck",
    "SeriesRepair",
    "SeriesResult",
    "SimpleSearch",
    "TimePoint",
    "VerifyReport",
    "repair",
    "verify",
]
