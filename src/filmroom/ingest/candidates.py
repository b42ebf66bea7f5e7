"""What a scan finds: candidates, bystanders, refusals and remarks, and the labels they are known by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from filmroom.errors import InvalidInput

Kind = Literal["file", "gzip", "zip", "tar"]

_MAXIMUM_LABEL = 2000


class Refused(InvalidInput):
    """A candidate cannot be taken in. ``reason`` is a short stable code, the message a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be a DICOM object.

    ``source`` is its stable label: the absolute path, for a member ``path!member``. ``path`` is the file
    that holds the bytes; ``position`` is the index of a ZIP member, or the byte offset of a TAR member.
    ``size`` is in bytes, ``mtime_ns`` in POSIX nanoseconds, both of the scan. ``folder`` is the first
    folder below the path that was asked for; ``group`` tells which candidates lie together. A ``spooled``
    candidate's ``path`` is a temporary copy.
    """

    source: str
    kind: Kind
    path: str
    size: int
    mtime_ns: int
    folder: str | None
    group: str
    member: str = ""
    position: int = 0
    spooled: bool = False

    @property
    def identity(self) -> str:
        """Text that changes whenever the source may have changed: the unit of resumption."""
        return f"{self.source}\t{self.size}\t{self.mtime_ns}"

    def row(self) -> list[Any]:
        """Return the candidate as the ledger keeps it, ready for JSON."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Candidate:
        """Return the candidate that :meth:`row` wrote down."""
        return cls(*row)


@dataclass(frozen=True, slots=True)
class Bystander:
    """Something that is not for the archive; ``reason`` is a short code."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that should have been readable and is not, found while scanning. ``size`` in bytes."""

    source: str
    reason: str
    message: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence for the person who runs the ingest."""

    text: str


ScanEvent = Candidate | Bystander | Trouble | Remark


def label(text: str) -> str:
    """Return a file or member name as printable text of at most 2,000 characters.

    Undecodable bytes and control characters are written as escapes; the end of an overlong name is
    replaced by a digest of the whole, so that labels stay distinct.
    """
    if not text.isprintable():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        text = "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
            for letter in text
        )
    if len(text) <= _MAXIMUM_LABEL:
        return text
    tail = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: _MAXIMUM_LABEL - 20]}…{tail}"
