"""What commands print: tables, JSON and CSV to standard output; progress and remarks to standard error."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class Format(StrEnum):
    """The output formats of every command that lists something."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def remark(text: str) -> None:
    """Print one line for a person, on standard error."""
    sys.stderr.write(text + "\n")


def say(text: str = "") -> None:
    """Print one line of the command's answer, on standard output."""
    sys.stdout.write(text + "\n")


def progress_console() -> Console:
    """Return the console on which progress bars are drawn: standard error."""
    from rich.console import Console

    return Console(stderr=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    return value


def human_size(size: float) -> str:
    """Return a size for people, base 1000: ``1.50 MB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def print_records(
    records: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    fmt: Format,
    *,
    empty: str = "Nothing found.",
) -> None:
    """Print records in one of the formats.

    :param columns: the columns of the table and, in this order, of the CSV; JSON carries every key.
    :param empty: what to tell a person when there is nothing; JSON and CSV stay machine-readable.
    """
    if fmt is Format.JSON:
        json.dump(
            [{key: _plain(value) for key, value in record.items()} for record in records],
            sys.stdout,
            indent=2,
        )
        say()
    elif fmt is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        for record in records:
            writer.writerow(["" if record.get(key) is None else _plain(record.get(key)) for key in columns])
    else:
        _print_table(list(records), columns, empty)


def _cell(value: Any) -> str:
    """Return a value fit for a terminal, which takes control characters for orders."""
    return "" if value is None else re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", str(_plain(value)))


def _print_table(rows: list[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    if not rows:
        remark(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        # Text, not markup: values come from DICOM and may hold brackets.
        table.add_row(*(Text(_cell(row.get(key))) for key in columns))
    width = None if sys.stdout.isatty() else 240
    Console(width=width).print(table)
