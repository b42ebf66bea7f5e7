"""Putting the instances of one series into few objects.

An object costs an fsync or a request whatever its size, so instances under 8 MiB lie together in packs of
at most 64 MiB; larger ones lie alone, and files that stay where they are (``in_place``) are only noted.
"""

from __future__ import annotations

import hashlib
import os
import stat
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from filmroom.errors import InvalidInput, ObjectMissing
from filmroom.model.entities import Location
from filmroom.store.base import Store

PACK_LIMIT = 64 << 20
"""Largest pack, in bytes."""

LONE_SIZE = 8 << 20
"""From this size in bytes an instance has an object of its own."""


def new_key(series_uid: str, extension: str) -> str:
    """Return a key that was never used, near the other objects of its series."""
    digest = hashlib.sha256(series_uid.encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:18]}/{uuid.uuid4().hex}.{extension}"


class PackWriter:
    """Writes the instances of one series; not for use by several threads at once.

    Every object is durable before its locations are known, and nothing refers to it until the catalogue
    does: :meth:`discard` takes back whatever was written. As a context manager it does so on an exception.
    Memory: at most one pack (64 MiB).
    """

    def __init__(self, store: Store, series_uid: str) -> None:
        self._store = store
        self._series_uid = series_uid
        self._pending: list[tuple[int, bytes]] = []
        self._pending_size = 0
        self._locations: list[Location | None] = []
        self._written: list[str] = []
        self._finished = False

    def add(self, data: bytes | Iterable[bytes], size: int) -> int:
        """Take one instance of ``size`` bytes and return its index in the list that ``finish`` gives.

        Large instances are streamed to the store at once; of the others the bytes are kept.

        :raises InvalidInput: when ``data`` has not exactly ``size`` bytes, or after ``finish``.
        :raises StoreFull: when space runs out.
        """
        if self._finished:
            raise InvalidInput("The pack writer has already finished.")
        index = len(self._locations)
        chunks = _exactly([data] if isinstance(data, bytes) else data, size)
        if size >= LONE_SIZE:
            key = new_key(self._series_uid, "dcm")
            info = self._store.write(key, chunks)
            self._written.append(key)
            self._locations.append(Location(key, 0, size, info.size, info.modified_ns))
            return index
        content = b"".join(chunks)
        if self._pending_size + size > PACK_LIMIT:
            self._flush()
        self._pending.append((index, content))
        self._pending_size += size
        self._locations.append(None)
        return index

    def finish(self) -> list[Location]:
        """Write what is pending and return the locations in the order of ``add``."""
        self._flush()
        self._finished = True
        return [location for location in self._locations if location is not None]

    def discard(self) -> None:
        """Remove every object that was written and forget the rest."""
        self._pending.clear()
        self._pending_size = 0
        self._finished = True
        while self._written:
            self._store.delete(self._written[-1])
            self._written.pop()
        self._locations.clear()

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()

    def _flush(self) -> None:
        if not self._pending:
            return
        key = new_key(self._series_uid, "pack")
        info = self._store.write(key, (content for _, content in self._pending))
        self._written.append(key)
        offset = 0
        for index, content in self._pending:
            self._locations[index] = Location(key, offset, len(content), info.size, info.modified_ns)
            offset += len(content)
        self._pending.clear()
        self._pending_size = 0


def _exactly(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > size:
            break
        yield chunk
    if total != size:
        raise InvalidInput(f"The instance has {'more' if total > size else 'fewer'} bytes than its {size}.")


def in_place_location(path: Path) -> Location:
    """Return the location of a file that stays where it is, with its present size and time.

    :raises InvalidInput: when the path is not absolute, not text, or not a regular file (a symbolic link
        is none: give its target). :raises ObjectMissing: when there is no such file.
    """
    key = str(path)
    if not path.is_absolute() or ".." in path.parts:
        raise InvalidInput(f"An in-place file needs an absolute path without '..': {key!r}.")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"The file name is not valid text: {key!r}.") from None
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ObjectMissing(f"There is no file {key}.") from None
    except OSError as error:
        raise InvalidInput(f"The file {key} cannot be used: {error.strerror or error}.") from error
    if not stat.S_ISREG(info.st_mode):
        raise InvalidInput(f"Not a regular file: {key}.")
    return Location(key, 0, info.st_size, info.st_size, info.st_mtime_ns, in_place=True)
