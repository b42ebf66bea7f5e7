"""The end of a ZIP archive: the central directory and the end records, checked against what came before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from filmroom.client import zip_records as zr
from filmroom.errors import BadAnswer


class Seen(Protocol):
    """What the directory is compared with: a member as it was read."""

    @property
    def name(self) -> str: ...
    @property
    def method(self) -> int: ...
    @property
    def crc(self) -> int: ...
    @property
    def compressed(self) -> int: ...
    @property
    def size(self) -> int: ...


class DirectoryReader:
    """Takes the bytes from the first central entry to the end of the archive.

    ``members`` maps the offset of each local header to the member that was read there; every one must be
    listed exactly once, and nothing else.
    """

    def __init__(self, members: Mapping[int, Seen], start: int) -> None:
        self._missing = dict(members)
        self._entries = len(members)
        self._start = start
        self._position = start
        self._size = 0
        self._buffer = bytearray()
        self._end_64: tuple[int, zr.EndRecord] | None = None
        self._comment = 0
        self._step: Callable[[], bool] = self._read_record
        self.done = False

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes. :raises BadAnswer: for anything that does not agree."""
        self._buffer += data
        while self._step():
            pass
        if self.done and self._buffer:
            raise BadAnswer("Bytes follow the end of the archive.")

    def _take(self, count: int) -> bytes:
        raw = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._position += count
        return raw

    def _read_record(self) -> bool:
        if len(self._buffer) < 4:
            return False
        signature = bytes(self._buffer[:4])
        steps = {
            zr.CENTRAL: (zr.CENTRAL_SIZE, self._read_entry),
            zr.END_64: (zr.END_64_SIZE, self._read_end_64),
            zr.LOCATOR_64: (zr.LOCATOR_64_SIZE, self._read_locator),
            zr.END: (zr.END_SIZE, self._read_end),
        }
        if signature not in steps:
            raise BadAnswer(f"The archive's central directory is malformed at byte {self._position}.")
        length, step = steps[signature]
        return len(self._buffer) >= length and step()

    def _read_entry(self) -> bool:
        head = bytes(self._buffer[: zr.CENTRAL_SIZE])
        length = zr.CENTRAL_SIZE + zr.central_tail(head)
        if len(self._buffer) < length:
            return False
        entry = zr.parse_central(self._take(length))
        self._size += length
        seen = self._missing.pop(entry.offset, None)
        if seen is None or (entry.name, entry.method, entry.crc, entry.compressed, entry.size) != (
            seen.name,
            seen.method,
            seen.crc,
            seen.compressed,
            seen.size,
        ):
            raise BadAnswer(f"The archive's central directory does not agree about {entry.name[:80]!r}.")
        return True

    def _read_end_64(self) -> bool:
        record, extension = zr.parse_end_64(bytes(self._buffer[: zr.END_64_SIZE]))
        if len(self._buffer) < zr.END_64_SIZE + extension:
            return False
        self._end_64 = (self._position, record)
        self._take(zr.END_64_SIZE + extension)
        return True

    def _read_locator(self) -> bool:
        offset = zr.parse_locator_64(self._take(zr.LOCATOR_64_SIZE))
        if self._end_64 is None or self._end_64[0] != offset:
            raise BadAnswer("The archive's ZIP64 locator points to the wrong place.")
        return True

    def _read_end(self) -> bool:
        end = zr.parse_end(self._take(zr.END_SIZE))
        sources = [end] if self._end_64 is None else [end, self._end_64[1]]
        truth = (self._entries, self._size, self._start)
        for source in sources:
            said = (source.entries, source.directory_size, source.directory_offset)
            if any(value not in {None, true} for value, true in zip(said, truth, strict=True)):
                raise BadAnswer("The archive's end record does not agree with its central directory.")
        if self._missing:
            raise BadAnswer("The archive's central directory does not list every member.")
        self._comment = end.comment
        self._step = self._read_comment
        return True

    def _read_comment(self) -> bool:
        if len(self._buffer) < self._comment:
            return False
        self._take(self._comment)
        self.done = True
        self._step = self._stop
        return False

    def _stop(self) -> bool:
        return False
