"""A JSON table as it arrives: in parts of some megabytes, each a table of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from filmroom.errors import BadAnswer

_PART = 2 << 20  # bytes that are gathered before a part is cut off
_LONGEST = 64 << 20  # bytes without an end of a row that are waited for
_BETWEEN = re.compile(rb"\}\s*,\s*(?=\{)")
_TRIES = 8


def json_parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a JSON array of objects into smaller arrays, without holding more than a part of it.

    :param pieces: the body as it comes.
    :raises BadAnswer: when it is no such array, or a row of it is longer than any is.
    """
    gathered, enough = bytearray(), _PART
    begun = False
    for piece in pieces:
        gathered += piece
        if len(gathered) < enough:
            continue
        begun = begun or _begin(gathered)
        cut = _last_cut(gathered)
        if cut is not None:
            end, start = cut
            yield b"[" + gathered[:end] + b"]"
            del gathered[:start]
            enough = _PART
        elif len(gathered) > _LONGEST:
            raise BadAnswer("The server's answer is not a JSON table, or one of its rows has no end.")
        else:
            enough = 2 * len(gathered)
    if not begun and not gathered.strip():
        return
    if not begun:
        _begin(gathered)
    yield b"[" + gathered


def _begin(gathered: bytearray) -> bool:
    """Take the opening bracket off."""
    start = len(gathered) - len(gathered.lstrip())
    if gathered[start : start + 1] != b"[":
        raise BadAnswer(f"The server's answer is not a JSON table: it begins with {bytes(gathered[:40])!r}.")
    del gathered[: start + 1]
    return True


def _last_cut(gathered: bytearray) -> tuple[int, int] | None:
    """Return where the last whole row ends and the next one starts; None where that is not to be seen.

    What looks like the end of a row may stand inside a text. Then what is before it is no JSON.
    """
    end = len(gathered)
    for _ in range(_TRIES):
        end = gathered.rfind(b"}", 0, end)
        if end < 0:
            return None
        found = _BETWEEN.match(gathered, end)
        if found is None:
            continue
        try:
            msgspec.json.decode(b"[" + gathered[: end + 1] + b"]", type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        return end + 1, found.end()
    return None
