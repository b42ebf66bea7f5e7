"""Bytes that are read by position, as the open file that readers of slides want."""

from __future__ import annotations

import io
from typing import Protocol


class Positioned(Protocol):
    """Random access to a fixed number of bytes."""

    @property
    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...


def as_file(source: Positioned) -> io.BufferedReader:
    """Return a source as an open binary file that can seek."""
    return io.BufferedReader(_Stream(source), buffer_size=64 * 1024)


class _Stream(io.RawIOBase):
    def __init__(self, source: Positioned) -> None:
        super().__init__()
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise OSError("A position before the beginning.")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._source.read(self._position, len(buffer)) if self._position < self._source.size else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
