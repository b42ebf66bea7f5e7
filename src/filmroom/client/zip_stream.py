"""A ZIP archive read while it arrives, without I/O: bytes in, events out.

The whole is checked as strictly as a reader that can seek would: every member's CRC-32 and size, and at
the end a central directory that names exactly the members that came (PKWARE APPNOTE 6.3.10). An archive
that stops early is never taken for a short one. Memory stays bounded by one chunk and the list of members.
"""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from filmroom.client import zip_records as zr
from filmroom.client.member_names import checked_member_name
from filmroom.client.zip_directory import DirectoryReader
from filmroom.errors import BadAnswer, IncompleteTransfer
from filmroom.model.naming import folded

crc32: Callable[..., int] = zlib.crc32
_inflater: Callable[..., Any] = zlib.decompressobj
_inflate_errors: tuple[type[Exception], ...] = (zlib.error,)
if importlib.util.find_spec("zlib_ng") is not None:  # about twice as fast; comes with the extra "server"
    _fast: Any = importlib.import_module("zlib_ng.zlib_ng")
    crc32, _inflater = _fast.crc32, _fast.decompressobj
    _inflate_errors = (zlib.error, _fast.error)

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """The most members and the most bytes (unpacked, all members together) an archive may have."""

    members: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member that arrived whole; ``offset`` to ``end`` are its bytes in the archive, header included."""

    name: str
    offset: int
    end: int
    method: int
    compressed: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class MemberStart:
    """A member begins. ``size`` is None where the archive tells it only behind the data.

    ``header`` is the local header as it came; ``data_offset`` is where the data begin. Where ``plain`` is
    true, the member's bytes in the archive are the file's bytes.
    """

    name: str
    offset: int
    data_offset: int
    size: int | None
    plain: bool
    header: bytes


@dataclass(frozen=True, slots=True)
class MemberData:
    """Some unpacked bytes of the member; a view is valid only until the next event."""

    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class MemberEnd:
    """A member is whole: size and CRC-32 are as the archive says."""

    member: Member


@dataclass(frozen=True, slots=True)
class ArchiveEnd:
    """The central directory is complete and agrees with the members."""

    members: int


Event = MemberStart | MemberData | MemberEnd | ArchiveEnd
_Step = Generator[Event, None, bool]


class ZipStream:
    """Reads one archive. ``finished`` are members that arrived earlier: input goes on behind the last.

    :raises BadAnswer: from :meth:`feed`, for anything malformed, hostile or beyond the limits.
    """

    def __init__(self, limits: ZipLimits, finished: Iterable[Member] = ()) -> None:
        self._limits = limits
        self._members: dict[int, Member] = {}
        self._names: set[str] = set()
        self._total = 0
        self.position = 0  # bytes of the archive consumed so far
        for member in finished:
            self._admit(member.name, member.size)
            self._total += member.size
            self._members[member.offset] = member
            self.position = member.end
        self._input: memoryview = memoryview(b"")
        self._step: Callable[[], _Step] = self._read_signature
        self._start: MemberStart | None = None
        self._header: zr.LocalHeader | None = None
        self._inflate: Any = None
        self._crc = self._size = self._compressed = 0
        self._directory: DirectoryReader | None = None
        self.done = False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next bytes; yields the events they complete. Must be exhausted before the next call."""
        self._input = memoryview(bytes(self._input) + chunk if len(self._input) else chunk)
        while True:
            if not (yield from self._step()):
                return

    def close(self) -> None:
        """Say that no more bytes come. :raises IncompleteTransfer: when the archive is not complete."""
        if not self.done:
            raise IncompleteTransfer(f"The archive broke off after {self.position} bytes.")

    # input ------------------------------------------------------------------------------------------
    def _take(self, count: int) -> memoryview:
        taken, self._input = self._input[:count], self._input[count:]
        self.position += len(taken)
        return taken

    def _have(self, count: int) -> bool:
        return len(self._input) >= count

    def _admit(self, name: str, size: int | None) -> None:
        key = folded(checked_member_name(name))
        if key in self._names:
            raise BadAnswer(f"The archive holds the name {name!r} twice.")
        self._names.add(key)
        if len(self._names) > self._limits.members:
            raise BadAnswer(f"The archive holds more than the {self._limits.members} members promised.")
        if size is not None and self._total + size > self._limits.bytes:
            self._too_large()

    def _too_large(self) -> None:
        raise BadAnswer(f"The archive unpacks to more than the {self._limits.bytes} bytes promised.")

    # steps: each returns True when another may follow at once, False when more input is needed ---------
    def _read_signature(self) -> _Step:
        yield from ()
        if self.position == 0 and not b"PK".startswith(self._input[:2]):
            raise BadAnswer("The server sent something that is not a ZIP archive.")
        if not self._have(4):
            return False
        signature = bytes(self._input[:4])
        if signature == zr.LOCAL:
            self._step = self._read_local
        elif signature in {zr.CENTRAL, zr.END}:
            self._directory = DirectoryReader(self._members, self.position)
            self._step = self._read_directory
        elif self.position == 0:
            raise BadAnswer("The server sent something that is not a ZIP archive.")
        else:
            raise BadAnswer(f"The archive is malformed at byte {self.position}.")
        return True

    def _read_local(self) -> _Step:
        if not self._have(zr.LOCAL_SIZE):
            return False
        length = zr.LOCAL_SIZE + zr.local_tail(self._input)
        if not self._have(length):
            return False
        offset = self.position
        raw = bytes(self._take(length))
        header = zr.parse_local(raw)
        self._admit(header.name, header.size)
        self._header, self._crc, self._size, self._compressed = header, 0, 0, 0
        plain = header.method == zr.STORED and header.size is not None
        self._start = MemberStart(header.name, offset, self.position, header.size, plain, raw)
        yield self._start
        if header.method == zr.DEFLATED:
            self._inflate = _inflater(-15)
            self._step = self._read_deflated
        else:
            self._step = self._read_stored if plain else self._scan_stored
        return True

    def _count(self, piece: bytes | memoryview) -> MemberData:
        self._crc = crc32(piece, self._crc)
        self._size += len(piece)
        self._total += len(piece)
        if self._total > self._limits.bytes:
            self._too_large()
        return MemberData(piece)

    def _read_stored(self) -> _Step:
        assert self._header is not None and self._header.size is not None  # noqa: S101
        wanted = self._header.size - self._compressed
        if wanted:
            piece = self._take(wanted)
            if not len(piece):
                return False
            self._compressed += len(piece)
            yield self._count(piece)
            if len(piece) < wanted:
                return False
        return (yield from self._end_of_data())

    def _scan_stored(self) -> _Step:
        """Stored data of unknown length: it ends at the descriptor that agrees with what was read."""
        held = bytes(self._input)
        keep = zr.DESCRIPTOR_LOOKAHEAD
        at = held.find(zr.DESCRIPTOR)
        if at < 0:
            safe = max(0, len(held) - keep)
        elif at + keep <= len(held) and at == 0:
            agreed = {"crc": self._crc, "compressed": self._size, "size": self._size}
            if zr.descriptor_length(held[:keep], **agreed) is not None:
                self._compressed = self._size
                self._step = self._read_descriptor
                return True
            safe = 1
        else:
            safe = at
        if not safe:
            return False
        yield self._count(self._take(safe))
        return True

    def _read_deflated(self) -> _Step:
        assert self._header is not None  # noqa: S101
        known = self._header.compressed
        available = self._input if known is None else self._input[: known - self._compressed]
        if not len(available) and not self._inflate.unconsumed_tail:
            if known is not None and self._compressed == known:
                raise BadAnswer(f"The data of the archive's member {self._header.name!r} end early.")
            return False
        source: bytes | memoryview = available
        while True:
            try:
                piece = self._inflate.decompress(source, _PIECE)
            except _inflate_errors:
                name = self._header.name
                raise BadAnswer(f"The data of the archive's member {name!r} are damaged.") from None
            if piece:
                yield self._count(piece)
            source = self._inflate.unconsumed_tail
            if self._inflate.eof or (not source and len(piece) < _PIECE):
                break
        used = len(available) - len(self._inflate.unused_data)
        self._compressed += used
        self._take(used)
        if not self._inflate.eof:
            return True
        self._inflate = None
        return (yield from self._end_of_data())

    def _end_of_data(self) -> _Step:
        assert self._header is not None  # noqa: S101
        if self._header.descriptor:
            self._step = self._read_descriptor
            return True
        if self._header.crc != self._crc:
            raise BadAnswer(f"The archive's member {self._header.name!r} is damaged: its CRC-32 differs.")
        yield self._finish()
        return True

    def _read_descriptor(self) -> _Step:
        assert self._header is not None  # noqa: S101
        if not self._have(zr.DESCRIPTOR_LOOKAHEAD):
            return False
        length = zr.descriptor_length(
            bytes(self._input[: zr.DESCRIPTOR_LOOKAHEAD]),
            crc=self._crc,
            compressed=self._compressed,
            size=self._size,
        )
        if length is None:
            raise BadAnswer(
                f"The archive's member {self._header.name!r} is damaged: its CRC-32 or size differs."
            )
        self._take(length)
        yield self._finish()
        return True

    def _finish(self) -> MemberEnd:
        assert self._header is not None and self._start is not None  # noqa: S101
        header = self._header
        if header.size not in {None, self._size} or header.compressed not in {None, self._compressed}:
            raise BadAnswer(f"The archive's member {header.name!r} has another size than it says.")
        member = Member(
            header.name,
            self._start.offset,
            self.position,
            header.method,
            self._compressed,
            self._size,
            self._crc,
        )
        self._members[member.offset] = member
        self._step = self._read_signature
        return MemberEnd(member)

    def _read_directory(self) -> _Step:
        assert self._directory is not None  # noqa: S101
        if not len(self._input):
            return False
        self._directory.feed(self._take(len(self._input)))
        if self._directory.done and not self.done:
            self.done = True
            yield ArchiveEnd(len(self._members))
        return False
