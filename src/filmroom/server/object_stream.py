"""Bytes of objects in a remote store as one stream, in the order in which a body needs them.

Neighbours inside an object are fetched by one request, whatever lies between them in the body. While a
chunk is being sent the next one is fetched, and the next requests have already been made.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio.to_thread

from filmroom.model.entities import StoredInstance
from filmroom.store.base import RangeReader
from filmroom.store.content import ContentReader, ObjectHandle
from filmroom.store.zip_layout import Segment, StoredSegment

_T = TypeVar("_T")

_RUN_INSTANCES = 1024
_OPEN_RUNS = 8
_OPEN_BYTES = 4 << 20


@dataclass(slots=True)
class Run:
    """Neighbouring bytes of one object, and the instances that they are of."""

    start: int
    end: int
    instances: list[StoredInstance] = field(default_factory=list)


def runs(segments: Iterable[Segment], reader: ContentReader) -> Iterator[Run]:
    """Join the stored segments of remote objects, as far as they follow each other there."""
    run: Run | None = None
    for segment in segments:
        if not isinstance(segment, StoredSegment) or reader.is_local(segment.instance.location):
            continue
        location = segment.instance.location
        start = location.offset + segment.offset
        if (
            run is not None
            and run.end == start
            and run.instances[-1].location.key == location.key
            and len(run.instances) < _RUN_INSTANCES
        ):
            run.end += segment.length
            run.instances.append(segment.instance)
            continue
        if run is not None:
            yield run
        run = Run(start, start + segment.length, [segment.instance])
    if run is not None:
        yield run


def _task(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Start work that may never be waited for."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


class ObjectStream:
    """The bytes of runs, one after the other. Close it always.

    Memory: the chunk in hand, the next one, and what the system's sockets hold of the requests made ahead.
    """

    def __init__(self, reader: ContentReader, wanted: Iterator[Run]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._opening: deque[tuple[int, asyncio.Task[RangeReader]]] = deque()
        self._current: RangeReader | None = None
        self._ahead: asyncio.Task[bytes] | None = None
        self._chunk = memoryview(b"")

    async def prepare(self) -> None:
        """Open the first run, so that its errors show before anything is promised. :raises StoreError:"""
        self._open_ahead()
        if self._opening:
            await asyncio.shield(self._opening[0][1])

    async def fill(self, view: memoryview) -> None:
        """Fill ``view`` with the bytes that come next. :raises StoreError:"""
        filled = 0
        while filled < len(view):
            if not self._chunk:
                self._chunk = memoryview(await self._next_chunk())
            count = min(len(self._chunk), len(view) - filled)
            view[filled : filled + count] = self._chunk[:count]
            self._chunk = self._chunk[count:]
            filled += count

    def close(self) -> None:
        """Give up what is on its way."""
        for task in (self._ahead, *(task for _, task in self._opening)):
            if task is not None:
                task.cancel()
        self._ahead = self._current = None
        self._opening.clear()
        self._wanted = iter(())

    async def _next_chunk(self) -> bytes:
        chunk = await (self._ahead or self._read())
        self._ahead = _task(self._read())
        return chunk

    async def _read(self) -> bytes:
        """Return the next bytes from the store, of the next run when one has ended."""
        while True:
            if self._current is None:
                if not self._opening:
                    return b""
                self._current = await self._opening[0][1]
                self._opening.popleft()
                self._open_ahead()
            chunk = await self._current.read()
            if chunk:
                return chunk
            self._current = None

    def _open_ahead(self) -> None:
        """Make the next requests: one, and more as long as they are for few bytes."""
        waiting = sum(length for length, _ in self._opening)
        while len(self._opening) < _OPEN_RUNS and (not self._opening or waiting < _OPEN_BYTES):
            run = next(self._wanted, None)
            if run is None:
                return
            self._opening.append((run.end - run.start, _task(self._open(run))))
            waiting += run.end - run.start

    async def _open(self, run: Run) -> RangeReader:
        handle, reader = await self._reader.open_range(
            run.instances[0].location, run.start, run.end - run.start
        )
        doubtful = [item for item in run.instances if not self._reader.is_trusted(handle, item)]
        if doubtful:
            await anyio.to_thread.run_sync(self._verify_all, handle, doubtful)
        return reader

    def _verify_all(self, handle: ObjectHandle, instances: list[StoredInstance]) -> None:
        for instance in instances:
            self._reader.verify(handle, instance)
