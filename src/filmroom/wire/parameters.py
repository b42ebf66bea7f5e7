"""Parameters of operations: how their text becomes a value of a query, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from filmroom.wire.dates import parse_dmy_lenient, parse_mdy, parse_ymd


def _flag(text: str) -> bool:
    return text.lower() == "yes"


def _flag_text(value: bool) -> str:  # noqa: FBT001 - one value in, its text out
    return "Yes" if value else "No"


def _is_true(text: str) -> bool:
    return text.lower() == "true"


def _true_text(value: bool) -> str:  # noqa: FBT001 - one value in, its text out
    return "true" if value else "false"


def _is_series(text: str) -> bool:
    return text.lower() == "series"


def _series_text(value: bool) -> str:  # noqa: FBT001 - one value in, its text out
    return "Series" if value else "Collection"


def _is_said(text: str) -> bool:
    return len(text) > 1


def _plain(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class _Form:
    """Both directions of a parameter's text. ``read`` raises ValueError for what it cannot read."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    help: str


class ParameterKind(Enum):
    """What the text of a parameter means."""

    TEXT = "text"
    FORMAT = "format"
    FLAG = "flag"
    SWITCH = "switch"
    SERIES = "series"
    SAID = "said"
    DATE_YMD = "yyyy/MM/dd"
    DATE_DMY = "dd/MM/yyyy"
    DATE_MDY = "MM-dd-yyyy"

    @property
    def form(self) -> _Form:
        return _FORMS[self]


def _ymd_text(value: dt.date) -> str:
    return f"{value.year:04d}/{value.month:02d}/{value.day:02d}"


def _dmy_text(value: dt.date) -> str:
    return f"{value.day:02d}/{value.month:02d}/{value.year:04d}"


def _mdy_text(value: dt.date) -> str:
    return f"{value.month:02d}-{value.day:02d}-{value.year:04d}"


_FORMS: dict[ParameterKind, _Form] = {
    ParameterKind.TEXT: _Form(_plain, str, ""),
    ParameterKind.FORMAT: _Form(_plain, str, ""),
    ParameterKind.FLAG: _Form(_flag, _flag_text, "Yes, in any case; everything else means no"),
    ParameterKind.SWITCH: _Form(_is_true, _true_text, "true, in any case; everything else means no"),
    ParameterKind.SERIES: _Form(
        _is_series, _series_text, "Series, in any case; everything else means collections"
    ),
    ParameterKind.SAID: _Form(_is_said, _flag_text, "any text of two characters or more; less means no"),
    ParameterKind.DATE_YMD: _Form(parse_ymd, _ymd_text, "yyyy/MM/dd or yyyy-MM-dd"),
    ParameterKind.DATE_DMY: _Form(parse_dmy_lenient, _dmy_text, "dd/MM/yyyy, read leniently"),
    ParameterKind.DATE_MDY: _Form(parse_mdy, _mdy_text, "MM-dd-yyyy"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation.

    ``field`` is the attribute of the query that it sets. ``default`` is the text that an absent parameter
    stands for. Of a ``repeated`` one every value counts, of the others the first. ``missing_text`` is said
    where a required one is absent, in place of the operation's.
    """

    name: str
    field: str
    required: bool = False
    kind: ParameterKind = ParameterKind.TEXT
    help: str = ""
    example: str = ""
    default: str | None = None
    repeated: bool = False
    missing_text: str = ""
