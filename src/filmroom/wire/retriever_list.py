"""The list of series that NBIA's servlets give the Data Retriever: a line each, columns between pipes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydicom.uid import UID

from filmroom.wire.cells import CellType

_CLEANED = re.compile(r"[^a-zA-Z0-9 .-]")
_CLEANED_ADDRESS = re.compile(r"[^a-zA-Z0-9 ./:-]")
# What would end a line or begin a column; values that clients need whole have none of it.
_BREAKS = re.compile(r"[|\x00-\x1f\x7f-\x9f\u2028\u2029]")

Row = Mapping[str, Any]


def _plain(source: str) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        value = row[source]
        return "null" if value is None else _BREAKS.sub(" ", str(value))

    return write


def _typed(source: str, kind: CellType) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        value = row[source]
        text = None if value is None else kind.form.text(value)
        return "null" if text is None else str(text)

    return write


def _cleaned(source: str, unwanted: re.Pattern[str] = _CLEANED) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        text = unwanted.sub("", row[source] or "")
        return text if text.strip() else "NA"

    return write


def _constant(text: str) -> Callable[[Row], str]:
    return lambda _row: text


def _sop_class_name(row: Row) -> str:
    uid = row["sop_class_uid"]
    return "null" if uid is None else _BREAKS.sub(" ", UID(uid).name)


_COLUMNS: tuple[Callable[[Row], str], ...] = (
    _plain("collection"),
    _plain("patient_id"),
    _plain("study_instance_uid"),
    _plain("series_instance_uid"),
    lambda row: "Yes" if row["annotations_flag"] else "No",
    _plain("image_count"),
    _plain("file_size"),
    _plain("annotation_size"),
    _constant("url"),
    _constant("displayName"),
    _constant("true"),
    _typed("study_date", CellType.US_DATE),
    _cleaned("study_id"),
    _cleaned("study_desc"),
    _typed("series_number", CellType.DECIMAL_TEXT),
    _cleaned("series_desc"),
    _plain("third_party_analysis"),
    _cleaned("description_uri", _CLEANED_ADDRESS),
    _cleaned("manufacturer"),
    _plain("modality"),
    _plain("sop_class_uid"),
    _sop_class_name,
    _plain("licence_name"),
    _plain("licence_url"),
)


def retriever_line(row: Row, columns: int) -> str:
    """Return the line of one series with its line feed: as many of the 24 columns as a servlet sends."""
    return "|".join(write(row) for write in _COLUMNS[:columns]) + "\n"
