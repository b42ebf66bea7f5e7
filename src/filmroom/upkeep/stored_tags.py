"""The attributes of a stored object, read from its bytes as far as its header goes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from filmroom.dicom.start import DEFLATED, open_start
from filmroom.dicom.tag_list import TagRow, tag_rows
from filmroom.errors import InvalidInput, UnreadableDicom
from filmroom.model.entities import StoredInstance
from filmroom.store.content import ContentReader

_LARGEST_HEADER = 64 * 1024 * 1024


class HeaderTooLarge(InvalidInput):
    """The header of an object is larger than is read."""


def _too_large() -> HeaderTooLarge:
    return HeaderTooLarge(f"The header is larger than {_LARGEST_HEADER >> 20} MiB.")


class _Header(io.RawIOBase):
    """A file over pieces that come as they are needed, up to a limit."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _fetch(self, end: int) -> None:
        while len(self._held) < end:
            if len(self._held) > _LARGEST_HEADER:
                raise _too_large()
            piece = next(self._pieces, b"")
            if not piece:
                return
            self._held += piece

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        self._fetch(self._position + len(view))
        found = self._held[self._position : self._position + len(view)]
        view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            self._fetch(_LARGEST_HEADER + 1)
            offset += len(self._held)
        elif whence == io.SEEK_CUR:
            offset += self._position
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position


class _Source:
    """The same bytes by position."""

    def __init__(self, header: _Header, size: int) -> None:
        self._header = header
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        self._header.seek(offset)
        return self._header.read(length) or b""


def _read(header: _Header, size: int) -> list[TagRow]:
    start = open_start(_Source(header, size))
    # A deflated data set is inflated as a whole: a small file can hold any number of bytes.
    if start.transfer_syntax_uid in DEFLATED and start.window.size > _LARGEST_HEADER:
        raise _too_large()
    header.seek(0)
    return tag_rows(cast(BinaryIO, header))


def stored_tags(reader: ContentReader, stored: StoredInstance) -> list[TagRow]:
    """Return the attributes of an object, up to its pixels.

    :raises ObjectMissing: :raises ObjectChanged: :raises StoreUnavailable: as the store finds it.
    :raises HeaderTooLarge: beyond 64 MiB. :raises UnreadableDicom: when it cannot be read.
    """
    reader.open(stored).close()  # what has changed since it was catalogued is refused
    pieces = reader.decoded(stored)
    try:
        return _read(_Header(pieces), stored.size)
    except UnreadableDicom as error:
        if isinstance(error.__cause__, HeaderTooLarge):
            raise error.__cause__ from None
        raise
    finally:
        pieces.close()
