"""Where the bytes of one DICOM file come from: memory or an open file, read by position."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Protocol


class ByteSource(Protocol):
    """Random access to a fixed number of bytes."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer only where the source ends."""
        ...


class BytesSource:
    """A source over bytes that are already in memory."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B")
        self.size = len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._data[offset : offset + length])


class FileSource:
    """A source over a file, read by position so that threads can share it.

    :raises OSError: when the file cannot be opened or read.
    """

    __slots__ = ("_descriptor", "size")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._descriptor = os.open(Path(path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        data = _read_at(self._descriptor, length, offset)
        if len(data) == length or offset + len(data) >= self.size:
            return data
        # A read may be cut short by a signal or by the kernel's limit of one call.
        parts = [data]
        got = len(data)
        while got < length:
            data = _read_at(self._descriptor, length - got, offset + got)
            if not data:
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


if hasattr(os, "pread"):
    _read_at = os.pread
else:  # Windows has no positioned read

    def _read_at(descriptor: int, length: int, offset: int, /) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)
