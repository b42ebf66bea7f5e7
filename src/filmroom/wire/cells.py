"""How one value is written: the types that a column of the API can have.

Each type has two writers, because JSON and the text formats (CSV, XML, HTML) print numbers differently:
JSON drops trailing zeros, the text formats print what Java's ``toString`` prints. A writer never gets
``None``; what cannot be written at all (a number that is not finite) becomes ``None``, which is NULL.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from filmroom.model.access import Visibility
from filmroom.wire.dates import epoch_milliseconds, java_date_text, timestamp_text, us_date_text

Writer = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _json_number(value: float) -> int | float | None:
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _six_decimals(value: float) -> str | None:
    return f"{value:.6f}" if math.isfinite(value) else None


def _java_double(value: float) -> str | None:
    """Return a number as ``java.lang.Double.toString`` prints it."""
    value = float(value)
    if not math.isfinite(value):
        return None
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, _, exponent = format(Decimal(repr(value)).normalize(), "e").partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _joined_decimals(values: tuple[float, ...]) -> str | None:
    return ", ".join(text for value in values if (text := _six_decimals(value)) is not None) or None


def _iso_date(value: dt.date) -> str:
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"


def _yes_no(value: Any) -> str:
    return "YES" if value else "NO"


def _visibility(value: int) -> str:
    return Visibility(value).label


def _boolean_text(value: Any) -> str:
    return "true" if value else "false"


_UNSAFE = re.compile(r"[^a-zA-Z0-9 .-]")


def _cleaned(value: str) -> str:
    return _UNSAFE.sub("", value)


def _without_commas(value: str) -> str:
    return value.replace(",", " ")


@dataclass(frozen=True, slots=True)
class _Form:
    """The two writers of a type and the Java class that XML names for it."""

    json: Writer
    text: Writer
    java: str


class CellType(Enum):
    """The type of a column. Sources: NBIA API guides; the names are ours."""

    TEXT = "text"
    UPPERCASE = "uppercase text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIMESTAMP = "yyyy-MM-dd HH:mm:ss.S"
    US_DATE = "MM-dd-yyyy"
    JAVA_DATE = "EEE MMM dd HH:mm:ss zzz yyyy"
    INTEGER_TEXT = "integer as text"
    DECIMAL_TEXT = "decimal as text, six places"
    DOUBLE_TEXT = "double as text"
    DECIMALS = "decimals, six places, joined by commas"
    BOOLEAN_TEXT = "true or false as text"
    YES_NO = "YES or NO"
    VISIBILITY = "label of the state"
    ISO_DATE = "yyyy-MM-dd"
    EPOCH = "milliseconds since 1970"
    CLEANED = "text of [a-zA-Z0-9 .-]"
    NO_COMMAS = "text with commas made spaces"
    CONSTANT = "constant number"

    @property
    def form(self) -> _Form:
        return _FORMS[self]


STRING = "java.lang.String"
_FORMS: dict[CellType, _Form] = {
    CellType.TEXT: _Form(_same, _same, STRING),
    CellType.UPPERCASE: _Form(str.upper, str.upper, STRING),
    CellType.INTEGER: _Form(_same, str, "java.lang.Integer"),
    CellType.DECIMAL: _Form(_json_number, _six_decimals, "java.math.BigDecimal"),
    CellType.DOUBLE: _Form(_json_number, _java_double, "java.lang.Double"),
    CellType.BOOLEAN: _Form(bool, _boolean_text, "java.lang.Boolean"),
    CellType.TIMESTAMP: _Form(timestamp_text, timestamp_text, "java.sql.Timestamp"),
    CellType.US_DATE: _Form(us_date_text, us_date_text, STRING),
    CellType.JAVA_DATE: _Form(java_date_text, java_date_text, STRING),
    CellType.INTEGER_TEXT: _Form(str, str, STRING),
    CellType.DECIMAL_TEXT: _Form(_six_decimals, _six_decimals, STRING),
    CellType.DOUBLE_TEXT: _Form(_java_double, _java_double, STRING),
    CellType.DECIMALS: _Form(_joined_decimals, _joined_decimals, STRING),
    CellType.YES_NO: _Form(_yes_no, _yes_no, STRING),
    CellType.VISIBILITY: _Form(_visibility, _visibility, STRING),
    CellType.ISO_DATE: _Form(_iso_date, _iso_date, STRING),
    CellType.EPOCH: _Form(epoch_milliseconds, lambda value: str(epoch_milliseconds(value)), "java.lang.Long"),
    CellType.BOOLEAN_TEXT: _Form(_boolean_text, _boolean_text, STRING),
    CellType.CLEANED: _Form(_cleaned, _cleaned, STRING),
    CellType.NO_COMMAS: _Form(_without_commas, _without_commas, STRING),
    CellType.CONSTANT: _Form(_same, str, "java.lang.Integer"),
}
