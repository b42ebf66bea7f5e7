"""The index as a table: conditions on it, and its rows in the format that was asked for."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

from filmroom.client.sources.idc_index import table
from filmroom.dropin.ask import save_frame, stamp
from filmroom.dropin.extras import pandas
from filmroom.dropin.html_table import HtmlTable
from filmroom.dropin.reports import idcOhifViewer
from filmroom.dropin.session import log, quietly
from filmroom.wire.dates import parse_ymd

COLUMN_MAPPING = {
    "collection_id": "Collection",
    "analysis_result_id": "AnalysisResult",
    "instanceCount": "ImageCount",
    "license_short_name": "LicenseName",
    "source_DOI": "DataDescriptionURI",
    "series_size_MB": "FileSizeMiB",
    "count": "Count",
} | {
    name: name
    for name in (
        *("PatientID", "SeriesInstanceUID", "StudyInstanceUID", "Modality", "BodyPartExamined"),
        *("Manufacturer", "ManufacturerModelName", "StudyDate", "SeriesDate", "SeriesDescription"),
        "SeriesNumber",
    )
}
"""Columns of the index, and the names that tcia_utils has for them."""
_PREVIEW = 20


def polars() -> Any:
    """Return polars, which :func:`filmroom.client.sources.idc_index.table` found installed."""
    return importlib.import_module("polars")


def like(column: str, pattern: str) -> Any:
    """Return the condition of SQL's ILIKE: in any case, ``%`` for any text, ``_`` for one character."""
    expression = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return polars().col(column).str.contains(f"(?is)^{expression}$")


def alike(patterns: Mapping[str, str]) -> Any:
    """Return the index with the rows whose columns are like the patterns that are not empty."""
    frame = table()
    for column, pattern in patterns.items():
        if pattern:
            frame = frame.filter(like(column, str(pattern)))
    return frame


def day(text: str) -> str:
    """Return a day ``YYYY/MM/DD`` as the index writes it. :raises InvalidInput: when it is none."""
    return parse_ymd(text).isoformat()


def versions_since(first: str) -> Any:
    """Return the numbers of the releases of the index on and after a day (``YYYY/MM/DD``)."""
    versions = table("version_metadata_index")
    return (
        versions.filter(polars().col("version_timestamp") >= day(first))
        .select("idc_version")
        .collect()["idc_version"]
    )


def different(frame: Any, *columns: str) -> Any:
    """Return the different combinations of columns, in their order."""
    return frame.select(columns).unique().sort(columns, nulls_last=True)


def shaped(frame: Any, format: str) -> Any:
    """Return a frame of polars, read or not, in a format; see :func:`format_output`."""
    columns = frame.lazy().collect().rename(COLUMN_MAPPING, strict=False)
    if format in {"df", "csv", "html"}:
        return _written(pandas().DataFrame(columns.to_dict(as_series=False)), format)
    return columns.to_dicts()


@quietly
def format_output(df: Any, format: str = "json", max_rows: int = _PREVIEW) -> Any:
    """Return a data frame under tcia_utils' names: ``df``, ``csv`` (a file too), ``html``, else rows."""
    frame = df.rename(columns=COLUMN_MAPPING)
    if format in {"df", "csv", "html"}:
        return _written(frame, format, max_rows)
    return frame.to_dict(orient="records")


def _written(frame: Any, format: str, max_rows: int = _PREVIEW) -> Any:
    if frame.empty or format == "df":
        return frame
    if format == "html":
        viewer: HtmlTable | None = idcOhifViewer(frame, max_rows=max_rows)
        return viewer
    save_frame(frame, f"idc_query_{stamp('%Y-%m-%d_%H-%M')}.csv")
    return frame


def get_client() -> Any:
    """Return idc-index's client where that is installed. :raises ImportError: where it is not."""
    log.warning("Filmroom needs no client of idc-index; this is the one that is installed beside it.")
    return importlib.import_module("idc_index").IDCClient.client()
