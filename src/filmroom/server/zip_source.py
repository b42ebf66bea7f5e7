"""From a computed body to chunks of bytes, in bounded memory.

Chunks are assembled in reused buffers: literal bytes are copied in, stored bytes are read straight into
place, on the event loop as long as the page cache has them and in a thread where a disk must be asked.
Small members therefore share one chunk, and one write to the socket. What lies in a remote store comes as
one stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import chain
from typing import Protocol

import anyio.to_thread

from filmroom.errors import ObjectChanged
from filmroom.model.entities import Location, StoredBytes
from filmroom.server.object_stream import ObjectStream, steps
from filmroom.store.content import ContentReader, ObjectHandle, crc32
from filmroom.store.zip_layout import LiteralSegment, Segment, StoredSegment

CHUNK = 256 << 10
"""Bytes of a chunk. It fits a core's own cache, so that the socket's copy and the CRC find it there."""

_KEPT_BUFFERS = 24
_BATCH_SEGMENTS = 64
_BATCH_OBJECTS = 8
_OPENED_ON_THE_LOOP = 2
_CHECKED_OBJECTS = 256
_CHECKED_SEGMENTS = 4096
_CHECKED_REMOTE = 64
_CHECKS_AT_ONCE = 8


class Body(Protocol):
    """Something with a known size and tag whose every byte position is known."""

    @property
    def size(self) -> int: ...

    @property
    def etag(self) -> str: ...

    def segments(self, start: int = 0, end: int | None = None) -> Iterator[Segment]: ...


class ByteSource(Protocol):
    """A range of bytes to be sent: prepare it, take its chunks, close it always."""

    async def prepare(self) -> None:
        """Find out what can be found out before anything is promised. :raises StoreError:"""

    def chunks(self) -> AsyncGenerator[bytes | memoryview]:
        """Yield the bytes. A chunk may be reused once nothing refers to it. :raises StoreError:"""

    def close(self) -> None: ...


class _Buffers(threading.local):
    """Buffers of one event loop's thread, each handed out again only when nobody holds a view of it.

    They are shared by all responses and tried in the same order: a buffer that the socket has just taken
    is still in the core's cache when the next chunk is read into it.
    """

    def __init__(self) -> None:
        self._buffers: list[bytearray] = []

    def take(self) -> memoryview:
        for buffer in self._buffers:
            if _is_free(buffer):
                return memoryview(buffer)
        buffer = bytearray(CHUNK)
        if len(self._buffers) < _KEPT_BUFFERS:
            self._buffers.append(buffer)
        return memoryview(buffer)


_buffers = _Buffers()


def _is_free(buffer: bytearray) -> bool:
    """Whether no view of the buffer is alive: only then can its length be changed."""
    try:
        last = buffer.pop()
    except BufferError:
        return False
    buffer.append(last)
    return True


class SegmentSource:
    """The bytes of a body from ``start`` to before ``end``.

    Whole instances are compared with their CRC-32 before their last chunk is given out. (Instances that
    lie deflated pass through as they are: of those, only the stored size is checked on the way.)
    """

    def __init__(self, reader: ContentReader, body: Body, start: int, end: int) -> None:
        self._reader = reader
        self._body = body
        self._range = (start, end)
        self._segments: Iterator[Segment] = body.segments(start, end)
        self._batch: list[Segment] = []
        self._is_last_batch = False
        self._handles: dict[str, ObjectHandle] = {}
        self._remote: ObjectStream | None = None
        self._closed = False
        self._view = memoryview(b"")
        self._filled = 0
        self._checksum = 0

    async def prepare(self) -> None:
        if self._reader.is_remote:
            await self._prepare_remote()
        await self._open_batch()
        if self._is_last_batch:
            return
        others = [location for location in self._first_objects() if location.key not in self._handles]
        local = [location for location in others if self._reader.is_local(location)]
        if local:
            await anyio.to_thread.run_sync(self._check_all, local)

    async def _prepare_remote(self) -> None:
        """Ask for the first bytes, and meanwhile whether the other objects are there, if they are few."""
        self._remote = ObjectStream(self._reader, steps(self._body.segments(*self._range), self._reader))
        remote = [location for location in self._first_objects() if not self._reader.is_local(location)]
        others = remote[1:] if len(remote) <= _CHECKED_REMOTE else []
        checks = [
            asyncio.to_thread(self._check_all, others[first::_CHECKS_AT_ONCE])
            for first in range(min(len(others), _CHECKS_AT_ONCE))
        ]
        await asyncio.gather(self._remote.prepare(), *checks)

    async def chunks(self) -> AsyncGenerator[bytes | memoryview]:
        self._view = _buffers.take()
        while self._batch:
            for segment in self._batch:
                position = 0
                length = segment.length if isinstance(segment, StoredSegment) else len(segment.data)
                while position < length:
                    if isinstance(segment, LiteralSegment):
                        position += self._copy(segment, position)
                    else:
                        position += await self._read(segment, position)
                    if self._filled == len(self._view):
                        full, self._view, self._filled = self._view, memoryview(b""), 0
                        yield full
                        del full
                        self._view = _buffers.take()
            if self._is_last_batch:
                break
            await self._open_batch()
        if self._filled:
            yield self._view[: self._filled]

    def close(self) -> None:
        self._closed = True
        if self._remote is not None:
            self._remote.close()
        while self._handles:
            self._handles.popitem()[1].close()

    def _copy(self, segment: LiteralSegment, position: int) -> int:
        count = min(len(segment.data) - position, len(self._view) - self._filled)
        self._view[self._filled : self._filled + count] = segment.data[position : position + count]
        self._filled += count
        return count

    async def _read(self, segment: StoredSegment, position: int) -> int:
        item = segment.stored
        handle = self._handles.get(item.location.key)
        count = min(segment.length - position, len(self._view) - self._filled)
        target = self._view[self._filled : self._filled + count]
        if handle is None:
            assert self._remote is not None  # noqa: S101 - local objects of the batch are open
            await self._remote.fill(target)
        else:
            at = item.location.offset + segment.offset + position
            done = handle.read_cached(target, at)
            if done < count:
                await anyio.to_thread.run_sync(handle.read_into, target[done:], at + done)
        if segment.is_whole and item.location.encoding == "identity":
            self._checksum = crc32(target, self._checksum if position else 0)
            if position + count == segment.length and self._checksum != item.crc32:
                raise ObjectChanged(f"{item.label} in {item.location.key} is not what was catalogued.")
        self._filled += count
        return count

    def _take_batch(self) -> list[Segment]:
        """Take the next few segments, of no more objects than may be open at once."""
        batch: list[Segment] = []
        keys: set[str] = set()
        for segment in self._segments:
            if isinstance(segment, StoredSegment):
                key = segment.stored.location.key
                if key not in keys and len(keys) == _BATCH_OBJECTS:
                    self._segments = chain([segment], self._segments)
                    break
                keys.add(key)
            batch.append(segment)
            if len(batch) == _BATCH_SEGMENTS:
                break
        else:
            self._is_last_batch = True
        return batch

    async def _open_batch(self) -> None:
        self._batch = self._take_batch()
        items = [
            segment.stored
            for segment in self._batch
            if isinstance(segment, StoredSegment) and self._reader.is_local(segment.stored.location)
        ]
        wanted = {item.location.key: item.location for item in items}
        for key in self._handles.keys() - wanted.keys():
            self._handles.pop(key).close()
        missing = [location for key, location in wanted.items() if key not in self._handles]
        if len(missing) <= _OPENED_ON_THE_LOOP:
            self._open_all(missing)
        else:
            await anyio.to_thread.run_sync(self._open_all, missing)
        doubtful = [
            item for item in items if not self._reader.is_trusted(self._handles[item.location.key], item)
        ]
        if doubtful:
            await anyio.to_thread.run_sync(self._verify_all, doubtful)

    def _open_all(self, locations: Iterable[Location]) -> None:
        for location in locations:
            self._handles[location.key] = self._reader.open_object(location)
        if self._closed:  # the request was cancelled while this ran in its thread
            self.close()

    def _verify_all(self, items: Iterable[StoredBytes]) -> None:
        for item in items:
            self._reader.verify(self._handles[item.location.key], item)

    def _check_all(self, locations: Iterable[Location]) -> None:
        for location in locations:
            self._reader.check(location)

    def _first_objects(self) -> list[Location]:
        """Return all objects of the range where they are few, else none: those are checked as they come."""
        found: dict[str, Location] = {}
        for count, segment in enumerate(self._body.segments(*self._range)):
            if count == _CHECKED_SEGMENTS or len(found) > _CHECKED_OBJECTS:
                return []
            if isinstance(segment, StoredSegment):
                found.setdefault(segment.stored.location.key, segment.stored.location)
        return list(found.values())


class InflatedSource:
    """The DICOM bytes of an instance that lies deflated, from ``start`` to before ``end``.

    A deflate stream has no entrances: what lies before the range is inflated and dropped.
    """

    def __init__(self, reader: ContentReader, instance: StoredBytes, start: int, end: int) -> None:
        self._reader = reader
        self._instance = instance
        self._start, self._end = start, end
        self._pieces = reader.decoded(instance)

    async def prepare(self) -> None:
        await anyio.to_thread.run_sync(self._reader.check, self._instance.location)

    async def chunks(self) -> AsyncGenerator[bytes | memoryview]:
        position = 0
        while position < self._end:
            piece = await anyio.to_thread.run_sync(next, self._pieces, b"")
            if not piece:
                return
            wanted = piece[max(self._start - position, 0) : self._end - position]
            position += len(piece)
            if wanted:
                yield wanted

    def close(self) -> None:
        # Still running in its thread when the request was cancelled: it closes itself when it is dropped.
        with contextlib.suppress(ValueError):
            self._pieces.close()
