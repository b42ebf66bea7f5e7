"""Bytes of objects in a remote store as one stream, in the order in which a body needs them.

Neighbours inside an object are fetched by one request, whatever lies between them in the body: also where
a body takes turns with several objects, of which each is then read from its start to its end. While a
chunk is being sent the next one is fetched, and the next requests have already been made.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import anyio.to_thread

from filmroom.errors import ObjectChanged
from filmroom.model.entities import StoredBytes
from filmroom.store.base import RangeReader
from filmroom.store.content import ContentReader, ObjectHandle
from filmroom.store.zip_layout import Segment, StoredSegment

_T = TypeVar("_T")

_PLANNED_SEGMENTS = 1024
_OPEN_RUNS = 8
_OPEN_BYTES = 4 << 20


@dataclass(slots=True, eq=False)
class Run:
    """Neighbouring bytes of one object, and what they are of; and how far they were read."""

    start: int
    end: int
    items: list[StoredBytes] = field(default_factory=list)
    opening: asyncio.Task[RangeReader] | None = None
    ahead: asyncio.Task[bytes] | None = None
    chunk: memoryview = field(default_factory=lambda: memoryview(b""))
    left: int = 0

    def give_up(self) -> None:
        """End what is on its way."""
        for task in (self.opening, self.ahead):
            if task is not None:
                task.cancel()
        self.opening = self.ahead = None


Step = tuple[Run, int]
"""Take so many bytes from a run."""


def steps(segments: Iterable[Segment], reader: ContentReader) -> Iterator[Step]:
    """Plan the stored segments of remote objects: from which run each of them is taken.

    A run goes on while its object's segments follow each other there, whatever comes between them here. So
    many objects as may be open at once take turns; the plan is made piece by piece.
    """
    remote = (
        segment
        for segment in segments
        if isinstance(segment, StoredSegment) and not reader.is_local(segment.stored.location)
    )
    while True:
        planned = _planned(islice(remote, _PLANNED_SEGMENTS))
        if not planned:
            return
        yield from planned


def _planned(segments: Iterable[StoredSegment]) -> list[Step]:
    growing: dict[str, Run] = {}  # by object, the longest unused first
    planned: list[Step] = []
    for segment in segments:
        location = segment.stored.location
        start = location.offset + segment.offset
        run = growing.pop(location.key, None)
        if run is None or run.end != start:
            run = Run(start, start)
        growing[location.key] = run
        if len(growing) > _OPEN_RUNS:
            del growing[next(iter(growing))]
        run.end += segment.length
        run.items.append(segment.stored)
        if planned and planned[-1][0] is run:
            planned[-1] = (run, planned[-1][1] + segment.length)
        else:
            planned.append((run, segment.length))
    return planned


def _task(work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Start work that may never be waited for."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


class ObjectStream:
    """The bytes of a plan, one step after the other. Close it always.

    Memory: the chunk in hand and the next one, what is left of the chunks of the other open runs, and what
    the system's sockets hold of the requests made ahead.
    """

    def __init__(self, reader: ContentReader, plan: Iterator[Step]) -> None:
        self._reader = reader
        self._plan = plan
        self._next: deque[Step] = deque()
        self._open: dict[Run, None] = {}
        self._run: Run | None = None
        self._left = 0  # bytes of the present step

    async def prepare(self) -> None:
        """Open the first run, so that its errors show before anything is promised. :raises StoreError:"""
        self._take_step()
        if self._run is not None and self._run.opening is not None:
            await asyncio.shield(self._run.opening)

    async def fill(self, view: memoryview) -> None:
        """Fill ``view`` with the bytes that come next. :raises StoreError:"""
        filled = 0
        while filled < len(view):
            if self._left == 0:
                self._take_step()
            run = self._run
            if run is None:
                raise ValueError("More bytes are wanted than were planned.")
            if not run.chunk:
                run.chunk = memoryview(await self._next_chunk(run))
            count = min(len(run.chunk), len(view) - filled, self._left)
            view[filled : filled + count] = run.chunk[:count]
            run.chunk = run.chunk[count:]
            run.left -= count
            self._left -= count
            filled += count
            if run.left == 0:
                run.give_up()
                self._open.pop(run, None)

    def close(self) -> None:
        """Give up what is on its way."""
        for run in self._open:
            run.give_up()
        self._open.clear()
        self._next.clear()
        self._plan = iter(())
        self._run, self._left = None, 0

    def _take_step(self) -> None:
        self._look_ahead()
        self._run, self._left = self._next.popleft() if self._next else (None, 0)

    def _look_ahead(self) -> None:
        """Make the requests of the next steps: of one, and more as long as few bytes are waiting."""
        waiting = 0
        seen = 0
        while len(self._open) < _OPEN_RUNS or seen == 0:
            if seen == len(self._next):
                step = next(self._plan, None)
                if step is None:
                    return
                self._next.append(step)
            run, count = self._next[seen]
            if run not in self._open:
                if seen > 1 and waiting >= _OPEN_BYTES:
                    return
                run.left = run.end - run.start
                run.opening = _task(self._open_run(run))
                self._open[run] = None
            waiting += count
            seen += 1
            if seen > _OPEN_RUNS:
                return

    async def _next_chunk(self, run: Run) -> bytes:
        """Return a run's next bytes and begin to fetch those that will be needed after them."""
        chunk = await (run.ahead or self._read(run))
        run.ahead = None
        following = run if len(chunk) < self._left else self._next[0][0] if self._next else None
        if following is not None and following.opening is not None:
            is_short = following is not run and following.chunk
            if following.ahead is None and not is_short:
                following.ahead = _task(self._read(following))
        return chunk

    async def _read(self, run: Run) -> bytes:
        if run.opening is None:
            raise ValueError("The run is not open.")
        chunk = await (await run.opening).read()
        if not chunk:
            raise ObjectChanged(f"The object {run.items[0].location.key} ends early.")
        return chunk

    async def _open_run(self, run: Run) -> RangeReader:
        handle, reader = await self._reader.open_range(run.items[0].location, run.start, run.end - run.start)
        doubtful = [item for item in run.items if not self._reader.is_trusted(handle, item)]
        if doubtful:
            await anyio.to_thread.run_sync(self._verify_all, handle, doubtful)
        return reader

    def _verify_all(self, handle: ObjectHandle, items: list[StoredBytes]) -> None:
        for item in items:
            self._reader.verify(handle, item)
