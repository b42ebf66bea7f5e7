"""Lists of series in files, read leniently: ``.tcia`` manifests, plain lists, tables, commands of s5cmd.

Source: TCIA manifests in the wild. Keys in any order and any number, CRLF, a byte order mark, blank lines, a
stray column title, quotes and commas around UIDs all occur. Tables are CSV, TSV or separated by semicolons;
they have a column of UIDs (``SeriesInstanceUID``), of controlled files (``drs_uri``) or of addresses
(``imageUrl``). Imaging Data Commons writes commands: ``cp s3://bucket/folder/* .``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

from filmroom.client.layout import is_uid
from filmroom.client.sources.base import RemoteSeries, is_address, shown
from filmroom.errors import InvalidInput

_MARKER = "listofseriestodownload"
_TITLES = frozenset({"seriesid", "seriesuid", "seriesinstanceuid", "series"})
_DRS_TITLES = frozenset({"drsuri"})
_URL_TITLES = frozenset({"imageurl", "wsiimageurl"})
_EVERY_TITLE = _TITLES | _DRS_TITLES | _URL_TITLES
_VERBS = ("cp", "sync")
_ENDINGS = frozenset({".tcia", ".csv", ".tsv", ".txt", ".s5cmd"})
_SEPARATORS = ("\t", ",", ";")
_LARGEST = 256 << 20  # bytes
_SHOWN = 80  # characters of an illegible line that an error repeats


@dataclass(frozen=True, slots=True)
class Manifest:
    """Series of a list in its order, each once.

    ``series`` are UIDs; ``server`` is where a manifest says they are, if it does. ``remote`` are those that
    are named by addresses.
    """

    series: tuple[str, ...]
    server: str | None = None
    remote: tuple[RemoteSeries, ...] = ()


def names_manifest(text: str) -> bool:
    """Return whether a text is the path of a manifest, by its ending."""
    return not is_address(text) and Path(text).suffix.lower() in _ENDINGS


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
    named = list(_rows(text, separator) if separator else _lines(text))
    if not named:
        raise InvalidInput("The manifest names no series.")
    series = dict.fromkeys(each for each in named if isinstance(each, str))
    remote = _together(each for each in named if isinstance(each, RemoteSeries))
    return Manifest(tuple(series), None if separator else _server(text), remote)


def series_of_answer(content: bytes) -> tuple[str, ...]:
    """Return the series of a manifest that a server wrote, which may name none.

    :raises InvalidInput: when it is no manifest.
    """
    _header, _marker, series = content.partition(b"ListOfSeriesToDownload=")
    return parse_manifest(content).series if series.strip() else ()


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


def _rows(text: str, separator: str) -> Iterator[str | RemoteSeries]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    places: dict[str, int] = {}
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not places:
                places = _places(cells)
                continue
            known = {kind: cells[place].strip("\"'") for kind, place in places.items() if place < len(cells)}
            found = _named(known)
            if found is None:
                word = next(filter(None, known.values()), separator.join(row))
                raise _illegible(rows.line_num, word)
            yield found
    except csv.Error as error:
        raise InvalidInput(f"Line {rows.line_num} of the manifest cannot be read: {error}.") from None


def _places(titles: list[str]) -> dict[str, int]:
    """Return in which columns UIDs, controlled files and addresses stand."""
    kinds = {"series": _TITLES, "drs": _DRS_TITLES, "url": _URL_TITLES}
    folded = [_folded(title) for title in titles]
    places = {
        kind: next(number for number, title in enumerate(folded) if title in known)
        for kind, known in kinds.items()
        if not known.isdisjoint(folded)
    }
    if not places:
        raise InvalidInput(
            "The table has no column SeriesInstanceUID.",
            advice="Name the column with the UIDs so, or those with addresses drs_uri or imageUrl.",
        )
    return places


def _named(row: Mapping[str, str]) -> str | RemoteSeries | None:
    """Return what a row names, None for nothing legible."""
    uid, drs, url = row.get("series", ""), row.get("drs", ""), row.get("url", "")
    if uid and not is_uid(uid):
        return None
    if drs:  # no server has what is controlled, though its UID is known
        return RemoteSeries((drs,), uid or None) if is_address(drs) else None
    if uid:
        return uid
    return RemoteSeries((url,)) if is_address(url) else None


def _together(found: Iterable[RemoteSeries]) -> tuple[RemoteSeries, ...]:
    """Return series each once: the files of one may stand in several rows."""
    addresses: dict[str, list[str]] = {}
    uids: dict[str, str | None] = {}
    for each in found:
        uids[each.key] = each.series_instance_uid
        addresses.setdefault(each.key, []).extend(each.addresses)
    return tuple(RemoteSeries(tuple(dict.fromkeys(addresses[key])), uid) for key, uid in uids.items())


def _lines(text: str) -> Iterator[str | RemoteSeries]:
    for number, line in enumerate(text.splitlines(), 1):
        bare = _copied(line) or line.strip(" \t\"',;")
        if is_address(bare):
            yield RemoteSeries((bare,))
            continue
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() != _MARKER:
            continue
        # A UID on the marker's own line counts.
        word = (value if equals else line).strip(" \t\"',;")
        if not word or line.lstrip().startswith("#") or _folded(word) in _EVERY_TITLE:
            continue
        if not is_uid(word):
            raise _illegible(number, word)
        yield word


def _copied(line: str) -> str | None:
    """Return which folder of a bucket a line copies, if it is a command of s5cmd."""
    words = line.split()
    if words and words[0].lower() == "s5cmd":
        words = list(dropwhile(lambda word: word.lower() not in _VERBS, words))
    if not words or words[0].lower() not in _VERBS:
        return None
    named = (word.strip("\"'") for word in reversed(words))
    return next((word for word in named if word.lower().startswith("s3://")), None)


def _server(text: str) -> str | None:
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() == "downloadserverurl":
            return value.strip() or None
    return None


def _illegible(number: int, text: str) -> InvalidInput:
    return InvalidInput(
        f"Line {number} of the manifest is not a Series Instance UID: {shown(text)[:_SHOWN]!r}."
    )
