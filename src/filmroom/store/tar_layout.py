"""A TAR file as a computation, like the ZIP of ``zip_layout``: every byte position known beforehand.

Headers are those of POSIX.1-2001 (pax), as Python's ``tarfile`` writes them: plain ustar blocks unless a name
or a size needs more. Times and owners are fixed, so the same content gives the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import tarfile
from array import array
from collections.abc import Iterable, Iterator, Sequence

from filmroom.errors import InvalidInput
from filmroom.model.entities import StoredBytes
from filmroom.store.zip_layout import (
    ArchiveLayout,
    Entry,
    LiteralSegment,
    Segment,
    StoredSegment,
    check_distinct,
    encoded_name,
)

# The header of an ordinary member, cut where its name, its size and its checksum go (POSIX.1-2001, pax). Most
# members are such, and putting those three in is a hundred times quicker than making the whole anew.
_BLANK = tarfile.TarInfo("").tobuf(tarfile.PAX_FORMAT)
_AFTER_NAME, _AFTER_SIZE, _AFTER_SUM = _BLANK[100:124], _BLANK[135:148], _BLANK[156:]
_REST_SUM = sum(_AFTER_NAME) + sum(_AFTER_SIZE) + 8 * ord(" ") + sum(_AFTER_SUM)
_LONGEST_PLAIN, _LARGEST_PLAIN = 100, 8**11 - 1


class TarLayout(ArchiveLayout):
    """A planned TAR.

    The ETag is a hash over the headers and the SHA-256 of every member.
    """

    __slots__ = ()

    def __init__(self, entries: Sequence[Entry], offsets: array[int], etag: str) -> None:
        # Two blocks of zeros, and on to the end of a record.
        size = _padded(offsets[-1] + 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE)
        super().__init__(entries, offsets, etag, size)

    @classmethod
    def plan(cls, entries: Iterable[Entry]) -> TarLayout:
        """Lay an archive out.

        :raises InvalidInput: for a name that is unsafe or appears twice, or an instance that does not lie as
            it is delivered.
        """
        members = list(entries)
        check_distinct(members)
        offsets = array("Q", [0])
        identity = hashlib.sha256()
        for entry in members:
            header, content = _header(entry), entry[1]
            offsets.append(offsets[-1] + len(header) + _padded(_size(content)))
            identity.update(header)
            identity.update(
                hashlib.sha256(content).digest() if isinstance(content, bytes) else content.sha256
            )
        return cls(members, offsets, f'"{identity.hexdigest()[:40]}"')

    def _member(self, entry: Entry, start: int, end: int) -> Iterator[Segment]:
        return _member_segments(entry, start, end)

    def _tail(self, start: int, end: int) -> bytes:
        return bytes(end - start)


def _member_segments(entry: Entry, start: int, end: int) -> Iterator[Segment]:
    """Yield the segments of one member; positions count from its header."""
    header, content = _header(entry), entry[1]
    size = _size(content)
    if start < len(header):
        yield LiteralSegment(header[start:end])
    data_start, data_end = max(start - len(header), 0), min(end - len(header), size)
    if data_start < data_end:
        if isinstance(content, bytes):
            yield LiteralSegment(content[data_start:data_end])
        else:
            yield StoredSegment(content, data_start, data_end - data_start)
    padding = end - max(start, len(header) + size)
    if padding > 0:
        yield LiteralSegment(bytes(padding))


def _header(entry: Entry) -> bytes:
    name, content = entry
    raw = encoded_name(name)
    if not isinstance(content, bytes) and content.location.length != content.size:
        raise InvalidInput(f"{content.label} does not lie as it is delivered.")
    size = _size(content)
    if len(raw) <= _LONGEST_PLAIN and raw.isascii() and size <= _LARGEST_PLAIN:
        digits = b"%011o" % size
        checksum = b"%06o\0 " % (_REST_SUM + sum(raw) + sum(digits))
        padded = raw.ljust(_LONGEST_PLAIN, b"\0")
        return b"".join((padded, _AFTER_NAME, digits, _AFTER_SIZE, checksum, _AFTER_SUM))
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT)


def _size(content: bytes | StoredBytes) -> int:
    return len(content) if isinstance(content, bytes) else content.size


def _padded(size: int, unit: int = tarfile.BLOCKSIZE) -> int:
    return -(-size // unit) * unit
