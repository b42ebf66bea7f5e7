"""Lists of series in files, read leniently: ``.tcia`` manifests, plain lists, tables with a column of UIDs.

Source: TCIA manifests in the wild. Keys in any order and any number, CRLF, a byte order mark, blank lines, a
stray column title, quotes and commas around UIDs all occur. Tables are CSV, TSV or separated by semicolons.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filmroom.client.layout import is_uid
from filmroom.errors import InvalidInput

_MARKER = "listofseriestodownload"
_TITLES = frozenset({"seriesid", "seriesuid", "seriesinstanceuid", "series"})
_SEPARATORS = ("\t", ",", ";")
_LARGEST = 256 << 20  # bytes
_SHOWN = 80  # characters of an illegible line that an error repeats


@dataclass(frozen=True, slots=True)
class Manifest:
    """Series of a list in its order, each once; ``server`` is where a manifest says they are, if it does."""

    series: tuple[str, ...]
    server: str | None = None


def read_manifest(path: Path) -> Manifest:
    """Return what a file names.

    :raises InvalidInput: when it cannot be read, is too large, or is no manifest; with the line's number.
    """
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"The manifest {path} cannot be read: {error.strerror}.") from error
    if len(content) > _LARGEST:
        raise InvalidInput(f"{path} is too large for a manifest.")
    return parse_manifest(content)


def parse_manifest(content: bytes) -> Manifest:
    """Return what the content of a manifest names.

    :raises InvalidInput: when a line is neither a UID nor anything known, or when there is no UID.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The manifest is not a text file.") from None
    separator = _separator(text)
    server = None if separator else _server(text)
    series = dict.fromkeys(_column(text, separator) if separator else _lines(text))
    if not series:
        raise InvalidInput("The manifest names no series.")
    return Manifest(tuple(series), server)


def _separator(text: str) -> str | None:
    """Return what separates the columns of a table; None for other lists."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    for separator in _SEPARATORS:
        titles = [_folded(cell) for cell in first.split(separator)]
        # One that stands alone, or among empty cells, is the stray title of a plain list.
        if sum(map(bool, titles)) > 1 and not any(is_uid(title) or "=" in title for title in titles):
            return separator
    return None


def _folded(title: str) -> str:
    return re.sub(r"[\s_\"']+", "", title).lower()


def _column(text: str, separator: str) -> Iterator[str]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    place: int | None = None
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if place is None:
                place = _place(cells)
                continue
            word = cells[place].strip("\"'") if place < len(cells) else ""
            if not is_uid(word):
                raise _illegible(rows.line_num, word or separator.join(row))
            yield word
    except csv.Error as error:
        raise InvalidInput(f"Line {rows.line_num} of the manifest cannot be read: {error}.") from None


def _place(titles: list[str]) -> int:
    for number, title in enumerate(titles):
        if _folded(title) in _TITLES:
            return number
    raise InvalidInput(
        "The table has no column SeriesInstanceUID.", advice="Name the column with the UIDs so."
    )


def _lines(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() != _MARKER:
            continue
        # A UID on the marker's own line counts.
        word = (value if equals else line).strip(" \t\"',;")
        if not word or line.lstrip().startswith("#") or _folded(word) in _TITLES:
            continue
        if not is_uid(word):
            raise _illegible(number, word)
        yield word


def _server(text: str) -> str | None:
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() == "downloadserverurl":
            return value.strip() or None
    return None


def _illegible(number: int, text: str) -> InvalidInput:
    return InvalidInput(f"Line {number} of the manifest is not a Series Instance UID: {text[:_SHOWN]!r}.")
