"""Lists of series in files: plain text and ``.tcia`` manifests, read leniently.

Source: TCIA manifests in the wild. Keys in any order, CRLF, a byte order mark, blank lines, a stray column
title, quotes and commas around UIDs all occur.
"""

from __future__ import annotations

from dataclasses import dataclass

from filmroom.client.layout import is_uid
from filmroom.errors import InvalidInput

_MARKER = "listofseriestodownload"
_TITLES = frozenset({"seriesid", "seriesuid", "seriesinstanceuid", "series"})


@dataclass(frozen=True, slots=True)
class UidList:
    """Series of a list in its order; ``server`` is where a manifest says they are, if it does."""

    series: tuple[str, ...]
    server: str | None = None


def parse_uid_list(content: bytes) -> UidList:
    """Return the series of a plain list or a ``.tcia`` manifest, each once.

    :raises InvalidInput: when a line is neither a UID nor anything known, or when there is no UID.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The manifest is not a text file.") from None
    series: dict[str, None] = {}
    server: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = line.partition("=")
        if equals:
            if key.strip().lower() == "downloadserverurl":
                server = value.strip() or None
            if key.strip().lower() != _MARKER:
                continue
            line = value  # noqa: PLW2901 - a UID on the marker's own line counts
        word = line.strip(" \t\"',;")
        if not word or line.lstrip().startswith("#") or word.replace(" ", "").lower() in _TITLES:
            continue
        if not is_uid(word):
            raise InvalidInput(f"Line {number} of the manifest is not a Series Instance UID: {word[:80]!r}.")
        series[word] = None
    if not series:
        raise InvalidInput("The manifest names no series.")
    return UidList(tuple(series), server)
