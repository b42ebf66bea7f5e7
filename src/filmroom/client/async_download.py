"""A download that an event loop waits for, while threads do the work."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, Protocol, TypeVar

from filmroom.client.report import DownloadReport, Progress

T = TypeVar("T")


class Work(Protocol):
    """What does the work, in a thread."""

    def __call__(self, *, progress: Callable[[Progress], None], stop: threading.Event) -> DownloadReport: ...


class AsyncDownload:
    """A download under way: ``await`` it for its report, or go through its progress before.

    ::

        download = client.download(series, "data")
        async for state in download:
            print(state.series_done, state.bytes_done)
        report = await download

    It begins when it is first awaited or gone through. When what waits for it is cancelled, or the loop
    over its progress is left, it stops within moments; what arrived is kept, and the next download of
    the same series goes on there.
    """

    def __init__(
        self,
        work: Work,
        *,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._work = work
        self._progress = progress
        self._stop = stop or threading.Event()
        self._task: asyncio.Task[DownloadReport] | None = None
        self._states: deque[Progress] = deque()
        self._news = asyncio.Event()
        self._is_followed = False

    def __await__(self) -> Generator[Any, None, DownloadReport]:
        return self._finish().__await__()

    async def __aiter__(self) -> AsyncIterator[Progress]:
        self._is_followed = True
        task = self._begun()
        task.add_done_callback(lambda _: self._news.set())
        try:
            while not (task.done() and not self._states):
                if not self._states:
                    self._news.clear()
                    await self._news.wait()
                while self._states:
                    yield self._states.popleft()
        finally:
            if not task.done():
                await stopped(task, self._stop)
        await self._finish()

    async def _finish(self) -> DownloadReport:
        return await ended(self._begun(), self._stop)

    def _begun(self) -> asyncio.Task[DownloadReport]:
        if self._task is None:
            loop = asyncio.get_running_loop()

            def tell(state: Progress) -> None:
                if self._progress is not None:
                    self._progress(state)
                loop.call_soon_threadsafe(self._hear, state)

            self._task = loop.create_task(asyncio.to_thread(self._work, progress=tell, stop=self._stop))
        return self._task

    def _hear(self, state: Progress) -> None:
        if not self._is_followed:
            return
        # Nobody needs to know of every moment; what became of a series is never left out.
        if self._states and self._states[-1].finished is None:
            self._states.pop()
        self._states.append(state)
        self._news.set()


async def ended(task: asyncio.Task[T], stop: threading.Event) -> T:
    """Return what a thread comes to. When that is waited for no more, the thread is stopped first."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await stopped(task, stop)
        raise


async def stopped(task: asyncio.Task[Any], stop: threading.Event) -> None:
    """Stop a thread; wait, also while being cancelled once more, until it has left its files alone."""
    stop.set()
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    if not task.cancelled():
        task.exception()  # looked at: that it was stopped is no news to whoever stopped it
