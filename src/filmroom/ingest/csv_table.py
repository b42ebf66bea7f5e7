"""Tables that a person writes, as CSV: read whole, and refused with the line that is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from filmroom.errors import InvalidInput

Cells = Mapping[str, str]
Row = TypeVar("Row")


def read_table(
    path: Path, columns: Sequence[str], make: Callable[[Cells], Row], name_of: Callable[[Row], str]
) -> list[Row]:
    """Read a CSV file (UTF-8, with or without a byte order mark) with a header of known columns.

    :param columns: those that are known; the first is required, the others may be missing, in any order.
    :param make: makes of a line's cells (blanks at their ends taken away) what is returned of it.
    :param name_of: the name of it, which may occur once.
    :raises InvalidInput: when the file, its header or any line is not legal; the sentence names the line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"Cannot read {path}: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text.", advice="Save it as CSV in UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, Row] = {}
    try:
        _check_header(path, reader.fieldnames, columns)
        for cells in reader:
            if not any(cells.values()):
                continue
            row = _row(path, reader.line_num, cells, make)
            if name_of(row) in found:
                raise InvalidInput(f"{path}, line {reader.line_num}: {name_of(row)!r} occurs twice.")
            found[name_of(row)] = row
    except csv.Error as error:
        raise InvalidInput(f"{path}, line {reader.line_num}: not legal CSV ({error}).") from None
    return list(found.values())


def _check_header(path: Path, header: Iterable[str] | None, columns: Sequence[str]) -> None:
    names = [] if header is None else list(header)
    known = f"Known columns: {', '.join(columns)}."
    if columns[0] not in names:
        raise InvalidInput(f"{path} has no header line with the column {columns[0]!r}.", advice=known)
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise InvalidInput(f"{path} has unknown columns: {', '.join(map(repr, unknown))}.", advice=known)
    if len(set(names)) < len(names):
        raise InvalidInput(f"{path} has a column twice.", advice=known)


def _row(path: Path, line: int, cells: Mapping[str | None, str | None], make: Callable[[Cells], Row]) -> Row:
    if None in cells:
        raise InvalidInput(f"{path}, line {line}: more cells than the header has columns.")
    try:
        return make({name: (value or "").strip() for name, value in cells.items() if name is not None})
    except InvalidInput as error:
        raise InvalidInput(f"{path}, line {line}: {error}", advice=error.advice) from None
