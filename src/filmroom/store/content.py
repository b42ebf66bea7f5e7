"""Reading the bytes of catalogued instances and files, and noticing when they are no longer what they were.

The catalogue remembers size and time of every object. A wrong size is refused at once. Another time alone
may be a restored backup: then the instance's CRC-32 decides, before its first byte is given out.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from typing import cast

from zlib_ng import zlib_ng

from filmroom.errors import ObjectChanged, ObjectMissing, StoreError
from filmroom.model.entities import Location, StoredBytes
from filmroom.store.base import RangeReader, Store

_PIECE = 1 << 20
_READ_AHEAD = 4 << 20
_REMEMBERED = 65_536
_PRESIGNED_SECONDS = 300
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}

crc32 = zlib_ng.crc32
_inflate_error = cast(type[Exception], zlib_ng.error)


class ObjectHandle:
    """One open object. Close it; until then its bytes stay reachable even if its name is taken away.

    ``modified_ns`` is the object's time as found at opening.
    """

    __slots__ = ("_fd", "_nowait", "_store", "key", "modified_ns")

    def __init__(
        self, key: str, modified_ns: int | None, *, fd: int = -1, store: Store | None = None
    ) -> None:
        self.key = key
        self.modified_ns = modified_ns
        self._fd = fd
        self._store = store
        self._nowait = fd >= 0 and _NOWAIT != 0

    def read_cached(self, view: memoryview, position: int) -> int:
        """Fill ``view`` from ``position`` as far as memory holds the bytes; never waits for a disk.

        Returns the number of bytes; 0 means that :meth:`read_into` must be asked (in a thread).
        """
        if not self._nowait:
            return 0
        try:
            return os.preadv(self._fd, [view], position, _NOWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            # Some file systems (overlays, network, FUSE) refuse the flag: wait in a thread instead.
            if error.errno in _UNSUPPORTED:
                self._nowait = False
                return 0
            raise StoreError(f"The object {self.key} cannot be read: {error.strerror or error}.") from error

    def pieces(self, position: int, length: int) -> Iterator[bytes]:
        """Yield ``length`` bytes from ``position``, at most 1 MiB at a time; may wait.

        :raises ObjectChanged: when the object ends before that. :raises StoreError: when reading fails.
        """
        if self._store is not None:
            yield from self._store.read(self.key, position, length)
            return
        end = position + length
        while position < end:
            buffer = bytearray(min(_PIECE, end - position))
            self.read_into(memoryview(buffer), position)
            position += len(buffer)
            yield bytes(buffer)

    def read_into(self, view: memoryview, position: int) -> None:
        """Fill the whole of ``view`` from ``position``; may wait.

        :raises ObjectChanged: when the object ends before that. :raises StoreError: when reading fails.
        """
        if self._store is not None:
            filled = 0
            for chunk in self._store.read(self.key, position, len(view)):
                view[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
            return
        try:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._fd, position, len(view) + _READ_AHEAD, os.POSIX_FADV_WILLNEED)
            while view:
                count = os.preadv(self._fd, [view], position)
                if count == 0:
                    raise ObjectChanged(f"The object {self.key} ends early, at byte {position}.")
                view = view[count:]
                position += count
        except OSError as error:
            raise StoreError(f"The object {self.key} cannot be read: {error.strerror or error}.") from error

    def close(self) -> None:
        """Give the descriptor back; a second call does nothing."""
        fd, self._fd = self._fd, -1
        self._nowait = False
        if fd >= 0:
            os.close(fd)


class ContentReader:
    """Opens instances for reading. Thread-safe; one per process is enough.

    Every function may wait for a disk or a network.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._verified: OrderedDict[tuple[str, int, int | None], None] = OrderedDict()
        self._lock = threading.Lock()
        self.is_remote = store.local_path("x") is None
        """Whether objects that were copied in lie elsewhere than in files of this machine."""

    def is_local(self, location: Location) -> bool:
        """Whether the object is a file of this machine's file systems."""
        return location.in_place or not self.is_remote

    def check(self, location: Location) -> None:
        """See whether the object is there and as large as it was, without opening it.

        :raises ObjectMissing: :raises ObjectChanged: when its size is another.
        """
        path = location.key if location.in_place else self._store.local_path(location.key)
        if path is None:
            _check_size(location, self._store.stat(location.key).size)
            return
        try:
            info = os.lstat(path)
        except OSError as error:
            raise _opening_failed(location, error) from error
        _check_file(location, info)

    def open_object(self, location: Location) -> ObjectHandle:
        """Open the object that holds a location; its size is checked, its time only noted.

        :raises ObjectMissing: :raises ObjectChanged: when it is not the regular file of that size.
        """
        path = location.key if location.in_place else self._store.local_path(location.key)
        if path is None:
            found = self._store.stat(location.key)
            _check_size(location, found.size)
            return ObjectHandle(location.key, found.modified_ns, store=self._store)
        try:
            # O_NONBLOCK: opening what has become a FIFO must not hang.
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _opening_failed(location, error) from error
        try:
            info = os.fstat(fd)
            _check_file(location, info)
        except BaseException:
            os.close(fd)
            raise
        return ObjectHandle(location.key, info.st_mtime_ns, fd=fd)

    def presigned(self, item: StoredBytes, *, method: str, answer: Mapping[str, str]) -> str | None:
        """Return an address under which anyone can fetch the instance from a remote store for some minutes;
        None where it does not lie there as one whole object. It is checked before.

        :param answer: headers that the answer there is to have.
        :raises ObjectMissing: :raises ObjectChanged:
        """
        location = item.location
        is_whole = (location.offset, location.length, location.object_size) == (
            0,
            item.size,
            item.size,
        )
        if self.is_local(location) or location.encoding != "identity" or not is_whole:
            return None
        url = self._store.presigned(location.key, method=method, seconds=_PRESIGNED_SECONDS, answer=answer)
        if url is not None:
            self.check(location)
        return url

    async def open_range(
        self, location: Location, start: int, length: int
    ) -> tuple[ObjectHandle, RangeReader]:
        """Begin to read a range of an object that is no local file; its size is checked, its time noted.

        :raises ObjectMissing: :raises ObjectChanged: when the object has another size.
        """
        reader = await self._store.open_range(location.key, start, length)
        _check_size(location, reader.stat.size)
        return ObjectHandle(location.key, reader.stat.modified_ns, store=self._store), reader

    def is_trusted(self, handle: ObjectHandle, item: StoredBytes) -> bool:
        """Whether the instance may be given out at once: the object's time is the recorded one, or the
        instance was verified since it changed. Never waits."""
        if handle.modified_ns == item.location.modified_ns or item.location.modified_ns is None:
            return True
        return self._verification(handle, item) in self._verified

    def verify(self, handle: ObjectHandle, item: StoredBytes) -> None:
        """Read the instance whole and compare its CRC-32; remember when it is right.

        :raises ObjectChanged: when it is not.
        """
        for _ in _decoded(handle, item):
            pass
        with self._lock:
            self._verified[self._verification(handle, item)] = None
            while len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)

    def open(self, item: StoredBytes) -> ObjectHandle:
        """Open an instance's object and make sure that the instance is what was catalogued.

        :raises ObjectMissing: :raises ObjectChanged:
        """
        handle = self.open_object(item.location)
        try:
            if not self.is_trusted(handle, item):
                self.verify(handle, item)
        except BaseException:
            handle.close()
            raise
        return handle

    def decoded(self, item: StoredBytes) -> Generator[bytes]:
        """Yield the instance's DICOM bytes (inflated where they lie deflated), at most 1 MiB at a time.

        :raises ObjectMissing: :raises ObjectChanged: also after the last chunk, when size or CRC-32 differ.
        """
        handle = self.open_object(item.location)
        try:
            yield from _decoded(handle, item)
        finally:
            handle.close()

    @staticmethod
    def _verification(handle: ObjectHandle, item: StoredBytes) -> tuple[str, int, int | None]:
        return (handle.key, item.location.offset, handle.modified_ns)


def _decoded(handle: ObjectHandle, item: StoredBytes) -> Generator[bytes]:
    """Yield an instance's bytes; the last piece is held back until size and CRC-32 are found right."""
    location = item.location
    inflater = zlib_ng.decompressobj(-15) if location.encoding == "deflate" else None
    stored = handle.pieces(location.offset, location.length)
    total, checksum, held = 0, 0, b""
    pending = b""
    while True:
        if not pending:
            pending = next(stored, b"")
            if not pending:
                break
        if inflater is None:
            piece, pending = pending, b""
        else:
            try:
                piece = inflater.decompress(pending, _PIECE)
            except _inflate_error as error:
                raise _content_changed(item) from error
            pending = inflater.unconsumed_tail
        total += len(piece)
        checksum = crc32(piece, checksum)
        if total > item.size:
            raise _content_changed(item)
        if held:
            yield held
        held = piece
    if inflater is not None:
        tail = inflater.flush()
        total += len(tail)
        checksum = crc32(tail, checksum)
        held += tail
        if not inflater.eof or inflater.unused_data:
            raise _content_changed(item)
    if total != item.size or checksum != item.crc32:
        raise _content_changed(item)
    if held:
        yield held


def _content_changed(item: StoredBytes) -> ObjectChanged:
    return ObjectChanged(f"{item.label} in {item.location.key} is not what was catalogued.")


def _opening_failed(location: Location, error: OSError) -> StoreError:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return ObjectMissing(f"The object {location.key} is gone.")
    if error.errno == errno.ELOOP:
        return ObjectChanged(f"The object {location.key} has become a symbolic link.")
    return StoreError(f"The object {location.key} cannot be opened: {error.strerror or error}.")


def _check_file(location: Location, info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise ObjectChanged(f"The object {location.key} is no longer a regular file.")
    _check_size(location, info.st_size)


def _check_size(location: Location, size: int) -> None:
    if size != location.object_size:
        raise ObjectChanged(
            f"The object {location.key} has {size} bytes; when it was catalogued it had "
            f"{location.object_size}."
        )
    if location.offset < 0 or location.length < 0 or location.offset + location.length > size:
        raise ObjectChanged(f"The place catalogued in the object {location.key} lies outside it.")
