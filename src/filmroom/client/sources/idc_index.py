"""Where series are in the buckets of Imaging Data Commons: the tables of ``idc-index-data``.

They come with that package, a table of all series among them; nothing is downloaded. Read by polars, which
of the readers measured starts soonest and needs the least memory.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filmroom.client.sources.base import Promise, RemoteSeries
from filmroom.errors import MissingExtra

_MEGABYTE = 1_000_000


def has_index() -> bool:
    """Whether the tables can be read."""
    return all(importlib.util.find_spec(name) is not None for name in ("idc_index_data", "polars"))


def table(name: str = "idc_index") -> Any:
    """Return a table, unread (a lazy frame of polars).

    :param name: ``idc_index``, ``collections_index``, ``version_metadata_index`` …
    :raises MissingExtra: when the tables or their reader are not installed.
    """
    try:
        polars = importlib.import_module("polars")
        data: Any = importlib.import_module("idc_index_data")
    except ImportError:
        raise MissingExtra("idc", "The index of Imaging Data Commons") from None
    return polars.scan_parquet(Path(data.IDC_INDEX_PARQUET_FILEPATH).with_name(f"{name}.parquet"))


def find_series(uids: Iterable[str]) -> dict[str, tuple[RemoteSeries, Promise]]:
    """Return where the series are that the index knows, and how large; the bytes are about right.

    :raises MissingExtra: see :func:`table`.
    """
    wanted = list(dict.fromkeys(uids))
    if not wanted:
        return {}
    frame = table()
    polars = importlib.import_module("polars")
    columns = ("SeriesInstanceUID", "series_aws_url", "instanceCount", "series_size_MB")
    rows = frame.filter(polars.col("SeriesInstanceUID").is_in(wanted)).select(columns).collect().rows()
    return {
        uid: (RemoteSeries((address,), uid), Promise(count, int(size * _MEGABYTE)))
        for uid, address, count, size in rows
    }


def name_series(series: Iterable[RemoteSeries]) -> dict[RemoteSeries, RemoteSeries]:
    """Return the series of folders of buckets that the index knows, with their UIDs.

    :raises MissingExtra: see :func:`table`.
    """
    wanted = {each.addresses[0]: each for each in series}
    if not wanted:
        return {}
    polars = importlib.import_module("polars")
    frame = table().filter(polars.col("series_aws_url").is_in(list(wanted)))
    rows = frame.select("series_aws_url", "SeriesInstanceUID").collect().rows()
    return {wanted[address]: RemoteSeries((address,), uid) for address, uid in rows}
