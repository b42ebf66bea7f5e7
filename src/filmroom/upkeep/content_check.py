"""Whether what lies in one object are the bytes that were catalogued: instances, or another file."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from filmroom.catalog.inspection import HeldInstance
from filmroom.catalog.series_files import HeldFile
from filmroom.catalog.slides import HeldSlide
from filmroom.dicom.digest import Digests, digest
from filmroom.errors import FilmroomError, ObjectChanged, ObjectMissing, StoreError
from filmroom.model.entities import Location, StoredBytes
from filmroom.store.base import ObjectStat, Store

_PIECE = 1 << 20
_SKIPPED = 1 << 20  # a shorter gap is read over, a longer one jumped


Held = TypeVar("Held", HeldInstance, HeldFile, HeldSlide)


@dataclass(frozen=True, slots=True)
class Damage(Generic[Held]):
    """One instance or file that is not as catalogued; ``kind`` is a name in ``findings.KINDS``."""

    kind: str
    detail: str
    held: Held


@dataclass(slots=True)
class ObjectCheck(Generic[Held]):
    """What was found at one object: ``items`` lie in it; ``new_time`` when only its time (POSIX ns) is
    another."""

    location: Location
    items: int
    bytes_read: int = 0
    damages: list[Damage[Held]] = field(default_factory=list)
    new_time: int | None = None
    failed: StoreError | None = None


def check_object(store: Store, items: Sequence[Held], *, full: bool) -> ObjectCheck[Held]:
    """Check what lies in one object, given in the order of their places.

    :param full: read every byte; else only size and time are compared, and bytes where the time differs.
    """
    location = items[0].content.location
    result: ObjectCheck[Held] = ObjectCheck(location, len(items))
    try:
        found = _stat(store, location)
    except StoreError as error:
        return _all_damaged(result, items, error)
    if found.size != location.object_size:
        detail = f"{found.size} bytes in place of {location.object_size}"
        result.damages = [Damage("wrong-size", detail, held) for held in items]
        return result
    other_time = None not in {location.modified_ns, found.modified_ns} and (
        location.modified_ns != found.modified_ns
    )
    if full or other_time:
        _read_all(store, items, result)
        if other_time and not result.damages:
            result.new_time = found.modified_ns
    return result


def _all_damaged(result: ObjectCheck[Held], items: Iterable[Held], error: StoreError) -> ObjectCheck[Held]:
    kind = _kind(error)
    if kind == "unreadable":
        result.failed = error
    result.damages = [Damage(kind, str(error), held) for held in items]
    return result


def _kind(error: StoreError) -> str:
    if isinstance(error, ObjectMissing):
        return "missing"
    return "damaged" if isinstance(error, ObjectChanged) else "unreadable"


def _read_all(store: Store, items: Sequence[Held], result: ObjectCheck[Held]) -> None:
    with closing(_Reader(store, result.location)) as reader:
        for held in items:
            try:
                wrong = _wrong_digest(reader, held.content)
            except StoreError as error:
                kind = _kind(error)
                if kind == "unreadable":
                    result.failed = error
                result.damages.append(Damage(kind, str(error), held))
                reader.close()
            else:
                result.bytes_read += held.content.size
                if wrong:
                    result.damages.append(Damage("damaged", wrong, held))


def _wrong_digest(reader: _Reader, item: StoredBytes) -> str:
    """Return what differs, or nothing. :raises StoreError: when the bytes cannot be had."""
    place = item.location
    if place.offset < 0 or place.length < 0 or place.offset + place.length > place.object_size:
        return "its place lies outside the object"
    pieces = reader.range(place.offset, place.length)
    try:
        found = digest(_inflated(pieces, item.size) if place.encoding == "deflate" else pieces)
    except zlib.error as error:
        return f"the deflated bytes are damaged ({error})"
    expected = Digests(item.size, item.md5, item.sha256, item.crc32)
    if found == expected:
        return ""
    names = ("size", "md5", "sha256", "crc32")
    return "differs in " + ", ".join(n for n in names if getattr(found, n) != getattr(expected, n))


def _inflated(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield what a raw deflate stream holds, not much more than ``size`` bytes of it."""
    inflater = zlib.decompressobj(-15)
    total = 0
    for piece in pieces:
        pending = piece
        while pending and total <= size:
            data = inflater.decompress(pending, _PIECE)
            pending = inflater.unconsumed_tail
            total += len(data)
            yield data
    yield inflater.flush()
    if not inflater.eof:
        raise zlib.error("it ends early")


class _Reader:
    """Reads ranges of one object, ascending ones from one stream: a pack is one request."""

    def __init__(self, store: Store, location: Location) -> None:
        self._store = store
        self._location = location
        self._stream: Iterator[bytes] | None = None
        self._position = 0
        self._rest = b""

    def range(self, offset: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of a range, in pieces of at most 1 MiB. :raises StoreError:"""
        gap = offset - self._position
        if self._stream is None or not 0 <= gap <= _SKIPPED:
            self.close()
            self._stream = self._open(offset)
            self._position = offset
        else:
            for _ in self._take(gap):
                pass
        yield from self._take(length)

    def close(self) -> None:
        """Let go of the object."""
        stream, self._stream, self._rest = self._stream, None, b""
        if isinstance(stream, Generator):
            stream.close()

    def _take(self, length: int) -> Iterator[bytes]:
        while length:
            if not self._rest:
                assert self._stream is not None  # noqa: S101 - opened by range
                self._rest = next(self._stream, b"")
                if not self._rest:
                    raise ObjectChanged(f"The object {self._location.key} ends early.")
            piece, self._rest = self._rest[:length], self._rest[length:]
            self._position += len(piece)
            length -= len(piece)
            yield piece

    def _open(self, offset: int) -> Iterator[bytes]:
        if self._location.in_place:
            return _file_pieces(self._location.key, offset)
        return self._store.read(self._location.key, offset, self._location.object_size - offset)


def _file_pieces(path: str, offset: int) -> Generator[bytes]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            while piece := os.pread(fd, _PIECE, offset):
                offset += len(piece)
                yield piece
        finally:
            os.close(fd)
    except OSError as error:
        raise StoreError(f"The file {path} cannot be read: {error.strerror or error}.") from error


def _stat(store: Store, location: Location) -> ObjectStat:
    """Return size and time of an object. :raises StoreError: ObjectMissing, ObjectChanged or another"""
    if not location.in_place:
        return store.stat(location.key)
    try:
        info = os.lstat(location.key)
    except (FileNotFoundError, NotADirectoryError):
        raise ObjectMissing(f"The file {location.key} is gone.") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"The file {location.key} cannot be looked at: {error}.") from error
    if not stat.S_ISREG(info.st_mode):
        raise ObjectChanged(f"The file {location.key} is no longer a regular file.")
    return ObjectStat(info.st_size, info.st_mtime_ns)


def quarantine_fault(store: Store, location: Location) -> str:
    """Return what is wrong with the kept copy of a quarantined file, or nothing."""
    try:
        found = _stat(store, location)
    except FilmroomError as error:
        return str(error)
    if found.size != location.object_size or location.offset + location.length > found.size:
        return f"{found.size} bytes in place of {location.object_size}"
    return ""
