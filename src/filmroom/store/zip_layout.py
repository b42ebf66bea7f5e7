"""A ZIP file as a computation: every byte position known before the first byte is read.

The structure (PKWARE APPNOTE 6.3.x) is laid out from names, sizes and CRC-32 alone. Sizes always stand in
the local headers, never in data descriptors, so that stream readers such as Java's ``ZipInputStream`` take
stored members; ZIP64 records appear exactly where a 32-bit (or 16-bit) field would overflow. Times are
fixed, so the same content gives the same bytes on every machine, for ever.
"""

from __future__ import annotations

import hashlib
import re
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from filmroom.errors import InvalidInput
from filmroom.model.entities import StoredBytes
from filmroom.store.content import crc32

_LOCAL = struct.Struct("<14s3L2H")
_CENTRAL = struct.Struct("<16s3L2H10sL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_OFFSET64 = struct.Struct("<2HQ")
_END = struct.Struct("<4s4H2LH")

_MAX32 = 0xFFFFFFFF
_MAX16 = 0xFFFF
_MADE_BY = 3 << 8 | 45  # Unix: the permissions below are read
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01 00:00, the earliest that the format can say
# Comment length, disk, internal attributes, external attributes: a regular file with permissions 0644.
_ATTRIBUTES = struct.pack("<3HL", 0, 0, 0, 0o100644 << 16)

# How headers begin, by (needs ZIP64, name is UTF-8 beyond ASCII, method): few, so packed once.
_KINDS = [(wide, utf8, method) for wide in (False, True) for utf8 in (False, True) for method in (0, 8)]
_LOCAL_START = {
    (wide, utf8, method): struct.pack(
        "<4s5H", b"PK\3\4", 45 if wide else 20, 0x0800 if utf8 else 0, method, _TIME, _DATE
    )
    for wide, utf8, method in _KINDS
}
_CENTRAL_START = {
    (wide, utf8, method): struct.pack(
        "<4s6H", b"PK\1\2", _MADE_BY, 45 if wide else 20, 0x0800 if utf8 else 0, method, _TIME, _DATE
    )
    for wide, utf8, method in _KINDS
}

_PLAIN_NAME = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,200}")
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|^/|^[A-Za-z]:|(?:^|/)\.{0,2}(?:/|$)")


Entry = tuple[str, bytes | StoredBytes]
"""One member: its name inside the archive, and its bytes or where they are stored."""


@dataclass(frozen=True, slots=True)
class LiteralSegment:
    """Bytes of the archive that are given as they are."""

    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """Bytes of the archive: ``length`` stored bytes of an instance or file, from ``offset`` among them."""

    stored: StoredBytes
    offset: int
    length: int

    @property
    def is_whole(self) -> bool:
        """Whether these are all the stored bytes of it."""
        return self.length == self.stored.location.length


Segment = LiteralSegment | StoredSegment


class ArchiveLayout:
    """A planned archive: ``size`` in bytes, a strong ``etag`` (quoted), and where every byte comes from.

    :param offsets: where each member begins; last: where what follows the members begins.
    """

    __slots__ = ("_entries", "_offsets", "etag", "size")

    def __init__(self, entries: Sequence[Entry], offsets: array[int], etag: str, size: int) -> None:
        self._entries = entries
        self._offsets = offsets
        self.etag = etag
        self.size = size

    def segments(self, start: int = 0, end: int | None = None) -> Iterator[Segment]:
        """Yield, in order, where the bytes from ``start`` to before ``end`` come from.

        :raises InvalidInput: when the range does not lie inside the archive.
        """
        stop = self.size if end is None else end
        if not 0 <= start <= stop <= self.size:
            raise InvalidInput(f"No range of the archive: {start} to {stop}.")
        position = start
        index = bisect_right(self._offsets, start) - 1
        while position < stop and index < len(self._entries):
            begin, after = self._offsets[index], self._offsets[index + 1]
            yield from self._member(self._entries[index], position - begin, min(stop, after) - begin)
            position = after
            index += 1
        if position < stop:
            begin = self._offsets[-1]
            yield LiteralSegment(self._tail(position - begin, stop - begin))

    def _member(self, entry: Entry, start: int, end: int) -> Iterator[Segment]:
        """Yield the segments of one member; positions count from its header."""
        raise NotImplementedError

    def _tail(self, start: int, end: int) -> bytes | memoryview:
        """Return bytes of what follows the members; positions count from its beginning."""
        raise NotImplementedError


class ZipLayout(ArchiveLayout):
    """A planned ZIP.

    The ETag is a hash over the central directory and the SHA-256 of every member, so it is the same in
    every process and differs whenever a byte does.
    """

    __slots__ = ("_directory",)

    def __init__(self, entries: Sequence[Entry], offsets: array[int], directory: bytes, etag: str) -> None:
        super().__init__(entries, offsets, etag, offsets[-1] + len(directory))
        self._directory = directory

    @classmethod
    def plan(cls, entries: Iterable[Entry]) -> ZipLayout:
        """Lay an archive out.

        :raises InvalidInput: for a name that is unsafe or appears twice, or an instance whose sizes
            contradict each other.
        """
        members = list(entries)
        check_distinct(members)
        offsets = array("Q", [0])
        directory: list[bytes] = []
        digests: list[bytes] = []
        pack = _CENTRAL.pack
        offset = 0
        for name, content in members:
            raw = name.encode() if _PLAIN_NAME.fullmatch(name) else encoded_name(name)
            method, checksum, stored, size, digest = _measures(content)
            utf8 = len(raw) != len(name)
            large = stored >= _MAX32 or size >= _MAX32
            if not large and offset < _MAX32:
                start = _CENTRAL_START[False, utf8, method]
                fixed = pack(start, checksum, stored, size, len(raw), 0, _ATTRIBUTES, offset)
                directory.append(fixed + raw)
            else:
                start = _CENTRAL_START[True, utf8, method]
                extra = _zip64_extra(size, stored, offset) if large else _OFFSET64.pack(1, 8, offset)
                narrow = (min(stored, _MAX32), min(size, _MAX32)) if large else (stored, size)
                at = offset if offset < _MAX32 else _MAX32
                fixed = pack(start, checksum, *narrow, len(raw), len(extra), _ATTRIBUTES, at)
                directory.append(fixed + raw + extra)
            # A large member's local header states both sizes in 4 + 16 bytes more.
            offset += 30 + len(raw) + stored + (20 if large else 0)
            offsets.append(offset)
            digests.append(digest)
        central = b"".join(directory)
        identity = hashlib.sha256(b"".join(digests))
        identity.update(central)
        tail = _end_records(len(members), len(central), offset)
        return cls(members, offsets, central + tail, f'"{identity.hexdigest()[:40]}"')

    def _member(self, entry: Entry, start: int, end: int) -> Iterator[Segment]:
        return _member_segments(entry, start, end)

    def _tail(self, start: int, end: int) -> bytes | memoryview:
        return memoryview(self._directory)[start:end]


def encoded_name(name: str) -> bytes:
    """Return a member's name as bytes. :raises InvalidInput: when it is unsafe, no text, or too long."""
    if _BAD_NAME.search(name):
        raise InvalidInput(f"Not a safe name inside an archive: {name!r}.")
    try:
        raw = name.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"Not a text name: {name!r}.") from None
    if len(raw) > _MAX16:
        raise InvalidInput(f"The name is too long for an archive: {name[:60]!r}…")
    return raw


def _measures(content: bytes | StoredBytes) -> tuple[int, int, int, int, bytes]:
    """Return method, CRC-32, stored size, size, and what else makes the stored bytes what they are."""
    if isinstance(content, bytes):
        return 0, crc32(content), len(content), len(content), hashlib.sha256(content).digest()
    location = content.location
    if location.encoding == "deflate":
        # One content has many deflate streams: the object's key, never used twice, tells them apart.
        identity = content.sha256 + f"{location.key}\0{location.offset}\0".encode()
        return 8, content.crc32, location.length, content.size, identity
    if location.length != content.size:
        raise InvalidInput(f"{content.label} is catalogued with two sizes.")
    return 0, content.crc32, content.size, content.size, content.sha256


def _zip64_extra(*values: int) -> bytes:
    """Return the ZIP64 extra field for those values that overflow 32 bits."""
    large = [value for value in values if value >= _MAX32]
    return struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large)


def check_distinct(members: Sequence[Entry]) -> None:
    """:raises InvalidInput: when a name appears twice."""
    if len({name for name, _ in members}) == len(members):
        return
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise InvalidInput(f"The name appears twice in the archive: {name!r}.")
        seen.add(name)


def _member_segments(entry: Entry, start: int, end: int) -> Iterator[Segment]:
    """Yield the segments of one member; positions count from its local header."""
    header = _local_header(entry)
    content = entry[1]
    data_start, data_end = max(start - len(header), 0), end - len(header)
    if isinstance(content, bytes):
        if start < end:
            yield LiteralSegment((header + content)[start:end])
        return
    if start < len(header):
        yield LiteralSegment(header[start:end])
    if data_start < data_end:
        yield StoredSegment(content, data_start, data_end - data_start)


def _local_header(entry: Entry) -> bytes:
    name, content = entry
    raw = name.encode()
    method, checksum, stored, size, _ = _measures(content)
    extra = b""
    if stored >= _MAX32 or size >= _MAX32:
        extra = struct.pack("<2H2Q", 1, 16, size, stored)
        stored = size = _MAX32
    start = _LOCAL_START[bool(extra), len(raw) != len(name), method]
    return _LOCAL.pack(start, checksum, stored, size, len(raw), len(extra)) + raw + extra


def _end_records(count: int, directory_size: int, directory_offset: int) -> bytes:
    end = _END.pack(
        b"PK\5\6",
        0,
        0,
        min(count, _MAX16),
        min(count, _MAX16),
        min(directory_size, _MAX32),
        min(directory_offset, _MAX32),
        0,
    )
    if count < _MAX16 and directory_size < _MAX32 and directory_offset < _MAX32:
        return end
    end64 = _END64.pack(b"PK\6\6", 44, _MADE_BY, 45, 0, 0, count, count, directory_size, directory_offset)
    locator = _LOCATOR64.pack(b"PK\6\7", 0, directory_offset + directory_size, 1)
    return end64 + locator + end
