"""A part of a file, which holds one DICOM object among others or alone."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self


class FilePart:
    """Bytes of a file by position, a source for :mod:`filmroom.dicom.start`.

    :raises OSError: when the file cannot be opened, or is a symbolic link.
    """

    def __init__(self, path: str, offset: int, size: int) -> None:
        """:param offset: where the part begins. :param size: its length; both in bytes."""
        # O_NONBLOCK: opening what has become a FIFO must not hang.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        self._offset = offset
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer only where the part or the file ends."""
        parts, wanted = [], max(0, min(length, self.size - offset))
        while wanted and (data := os.pread(self._descriptor, wanted, self._offset + offset)):
            parts.append(data)
            offset += len(data)
            wanted -= len(data)
        return b"".join(parts)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
