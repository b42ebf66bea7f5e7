"""Answers of NBIA servers back into rows: JSON and CSV, of every version, with whatever is missing.

Rows come out under *source* names with Python values, whatever the server's version: all spellings of a
column (``PatientId``, ``PatientID``, ``Subject ID``) lead to one name.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from filmroom.errors import BadAnswer
from filmroom.wire.cells import CellType
from filmroom.wire.dates import parse_any
from filmroom.wire.views import VIEWS, View

Reader = Callable[[Any], Any]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"not a text: {value!r}")


def _integer(value: Any) -> int | None:
    number = _decimal(value)
    if number is None:
        return None
    if not number.is_integer():
        raise ValueError(f"not a whole number: {value!r}")
    whole = int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdigit() else int(number)
    if not -(2**63) <= whole < 2**63:
        raise ValueError("larger than any number of this kind")
    return whole


def _decimal(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"not a number: {value!r}")
    if isinstance(value, str) and not value.strip():
        return None
    return float(value)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if not text:
        return None
    if text in {"true", "yes", "1", "y"}:
        return True
    if text in {"false", "no", "0", "n"}:
        return False
    raise ValueError(f"neither true nor false: {value!r}")


def _moment(value: Any) -> dt.datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"not a date: {value!r}")
    if isinstance(value, str) and not value.strip():
        return None
    return parse_any(value)


def _day(value: Any) -> dt.date | None:
    moment = _moment(value)
    return None if moment is None else moment.date()


_DATES = {CellType.TIMESTAMP, CellType.US_DATE, CellType.JAVA_DATE, CellType.ISO_DATE, CellType.EPOCH}
_READERS: dict[CellType, Reader] = {
    CellType.INTEGER: _integer,
    CellType.INTEGER_TEXT: _integer,
    CellType.DECIMAL: _decimal,
    CellType.DECIMAL_TEXT: _decimal,
    CellType.DOUBLE: _decimal,
    CellType.DOUBLE_TEXT: _decimal,
    CellType.BOOLEAN: _boolean,
    CellType.BOOLEAN_TEXT: _boolean,
    CellType.YES_NO: _boolean,
}
_MOMENTS = {"date_released", "max_submission_timestamp", "changed"}


def _reader(source: str, cell_type: CellType) -> Reader:
    if cell_type in _DATES:
        return _moment if source in _MOMENTS else _day
    return _READERS.get(cell_type, _text)


def _spellings(views: Iterable[View]) -> dict[str, tuple[str, Reader]]:
    return {
        column.name: (column.source, _reader(column.source, column.type))
        for view in views
        for column in view.columns
    }


# Wire name -> (source, reader), of every view: a server of any version is understood.
_SPELLINGS = _spellings(VIEWS)


def decode(view: View, content: bytes, media: str = "application/json") -> list[dict[str, Any]]:
    """Return the rows of an answer.

    Every source of ``view`` is a key of every row, ``None`` where the answer has nothing; keys that no
    view knows are kept under their own name. Zero bytes are no rows.

    :param media: content type of the answer, parameters allowed; CSV and JSON are understood.
    :raises BadAnswer: when the bytes are not such an answer.
    """
    if not content.strip():
        return []
    kind = media.partition(";")[0].strip().lower()
    if kind in {"text/csv", "application/force-download"}:
        records = _csv_records(view, content)
    elif kind == "application/json":
        records = _json_records(content)
    else:
        raise BadAnswer(f"The server answered with {kind or 'no content type'} instead of a table.")
    sources = [column.source for column in view.columns if column.source]
    # Some names mean one thing here and another there, such as ``criteria`` of the counts.
    spellings = _SPELLINGS | _spellings((view,))
    return [_row(sources, spellings, record) for record in records]


def _json_records(content: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(content, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's answer is not a JSON table: {error}.") from None


def _csv_records(view: View, content: bytes) -> list[dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadAnswer(f"The server's CSV is not UTF-8: {error}.") from None
    if view.single and not text.startswith('"'):
        header, *lines = text.removesuffix("\n").split("\n")
        return [{header: line or None} for line in lines]
    try:
        header_row, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise BadAnswer(f"The server's CSV cannot be read: {error}.") from None
    if any(len(row) != len(header_row) for row in rows):
        raise BadAnswer("The server's CSV has a row of another length than its header.")
    return [{name: value or None for name, value in zip(header_row, row, strict=True)} for row in rows]


def _row(
    sources: list[str], spellings: Mapping[str, tuple[str, Reader]], record: Mapping[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(sources)
    for name, value in record.items():
        spelling = spellings.get(name)
        if spelling is None:
            row[name] = value
            continue
        source, read = spelling
        if not source or value is None:
            continue
        try:
            row[source] = read(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadAnswer(f"The server sent {name} with a value that is {error}.") from None
    return row
