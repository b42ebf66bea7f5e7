"""Columns of records as tables of other libraries, each brought in when it is asked for.

The types of the records' own fields are given, so that a table without rows, or with an empty column, has
the same types as any other. What a server sent beyond them keeps the type that its values have.
"""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from filmroom.client.extras import bring

Columns = Mapping[str, Sequence[Any]]
_PLAIN = (str, int, float, bool, dt.date, dt.datetime)


def scalar_types(kind: type) -> dict[str, type]:
    """Return the type of each field of a record class that holds single values; ``str | None`` is ``str``."""
    found = {name: _scalar(hint) for name, hint in get_type_hints(kind).items()}
    return {name: each for name, each in found.items() if each is not None}


def _scalar(hint: Any) -> type | None:
    some = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = [each for each in some if each is not types.NoneType]
    return kinds[0] if len(kinds) == 1 and get_origin(kinds[0]) is None and kinds[0] in _PLAIN else None


def pandas_frame(columns: Columns) -> Any:
    """Return a pandas data frame. :raises MissingExtra: when pandas is not installed."""
    pd = bring("pandas", "dataframe", "A data frame")
    return pd.DataFrame({name: list(values) for name, values in columns.items()}, columns=list(columns))


def polars_frame(columns: Columns, known: Mapping[str, type]) -> Any:
    """Return a polars data frame. :raises MissingExtra: when polars is not installed."""
    pl = bring("polars", "polars", "A polars data frame")
    kinds = {
        str: pl.String,
        int: pl.Int64,
        float: pl.Float64,
        bool: pl.Boolean,
        dt.date: pl.Date,
        dt.datetime: pl.Datetime("us"),
    }
    series = [
        pl.Series(name, values, dtype=kinds[known[name]] if name in known else None)
        for name, values in _single(columns, known).items()
    ]
    return pl.DataFrame(series)


def arrow_table(columns: Columns, known: Mapping[str, type]) -> Any:
    """Return a pyarrow table. :raises MissingExtra: when pyarrow is not installed."""
    pa = bring("pyarrow", "arrow", "An Arrow table")
    kinds = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        dt.date: pa.date32(),
        dt.datetime: pa.timestamp("us"),
    }
    arrays = {
        name: pa.array(values, type=kinds[known[name]]) if name in known else pa.array(values)
        for name, values in _single(columns, known).items()
    }
    return pa.table(arrays)


def _single(columns: Columns, known: Mapping[str, type]) -> Columns:
    return {name: values if name in known else same_kind(values) for name, values in columns.items()}


def same_kind(values: Sequence[Any]) -> list[Any]:
    """Return values of one type: as they are where they have one, else as text; JSON for what has parts."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if kinds == {int} and any(value is not None and abs(value) >= 2**63 for value in values):
        kinds = {object}
    if len(kinds) <= 1 and kinds <= set(_PLAIN):
        return list(values)
    return [None if value is None else cell_text(value) for value in values]


def cell_text(value: Any) -> str:
    """Return a value as text: dates in ISO 8601, what has parts in JSON, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, str | int | float) else msgspec.json.encode(value).decode()
