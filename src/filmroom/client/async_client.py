"""The client for programs that run an event loop: the same questions, awaited."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from filmroom.client.async_connection import AsyncConnection
from filmroom.client.async_download import AsyncDownload, ended
from filmroom.client.client import Client
from filmroom.client.question import Awaiting
from filmroom.client.questions import Questions
from filmroom.client.report import DownloadReport
from filmroom.client.steps import Request, Steps, begin, fail, go_on
from filmroom.errors import FilmroomError

P = ParamSpec("P")
R = TypeVar("R")

_LONG_ANSWER = 256 * 1024  # bytes that are read in a thread: others need not wait meanwhile


def _made_like_client(
    of: Callable[Concatenate[Client, P], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    def same(method: Callable[..., None]) -> Callable[Concatenate[Any, P], None]:
        return cast("Callable[Concatenate[Any, P], None]", functools.wraps(of)(method))

    return same


def _in_thread(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    """Make a method that awaits what :class:`Client` does in a thread."""

    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self.blocking, *args, **kwargs)

    functools.update_wrapper(call, method)
    return call


def _stoppable(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    """Make a method that awaits what :class:`Client` does in a thread, and stops it when cancelled."""

    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        stop = kwargs["stop"] = kwargs.get("stop") or threading.Event()
        work = asyncio.to_thread(method, self.blocking, *args, **kwargs)
        return await ended(asyncio.create_task(work), cast("threading.Event", stop))

    functools.update_wrapper(call, method)
    return call


def _under_way(
    method: Callable[Concatenate[Client, P], DownloadReport],
) -> Callable[Concatenate[AsyncClient, P], AsyncDownload]:
    """Make a method that begins a download of :class:`Client` in threads."""

    def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncDownload:
        progress, stop = kwargs.pop("progress", None), kwargs.pop("stop", None)
        work = functools.partial(method, self.blocking, *args, **kwargs)
        return AsyncDownload(work, progress=progress, stop=stop)  # type: ignore[arg-type]

    functools.update_wrapper(call, method)
    return call


class AsyncClient(Questions, Awaiting):
    """Speaks to one NBIA server from an event loop of :mod:`asyncio`.

    It is made with what :class:`Client` is made with and has the same questions; each returns a coroutine.
    As many as ``workers`` are asked at once, others wait for their turn. A question may be cancelled at any
    time. Long answers are read, and files fetched and checked, in threads.

    ::

        async with AsyncClient("http://127.0.0.1:8080") as client:
            patients, series = await asyncio.gather(client.patients(), client.series())
            report = await client.download(series, "data")
    """

    @_made_like_client(Client.__init__)
    def __init__(self, *args: Any, **options: Any) -> None:
        self.blocking = Client(*args, **options)
        self.connection = AsyncConnection(self.blocking.connection)
        self._lines: dict[str, AsyncConnection] = {}

    def __repr__(self) -> str:
        return f"Async{self.blocking!r}"

    @property
    def chosen_api(self) -> str | None:
        """Version of the NBIA API that was given by hand."""
        return self.blocking.chosen_api

    @property
    def others(self) -> tuple[str, ...]:
        """Roots of the servers that are asked for series that this one does not have."""
        return self.blocking.others

    def note_elsewhere(self, uids: Iterable[str], root: str) -> None:
        """Take note of a server that has some series; they are fetched from there."""
        self.blocking.note_elsewhere(uids, root)

    @property
    def base_url(self) -> str:
        """Root of the server."""
        return self.blocking.base_url

    @property
    def has_login(self) -> bool:
        """Whether the client asks as somebody."""
        return self.blocking.has_login

    async def close(self) -> None:
        """Close the connections."""
        for line in (self.connection, *self._lines.values()):
            await line.close()
        self.blocking.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    plan = _in_thread(Client.plan)
    cite = _in_thread(Client.cite)
    sync = _stoppable(Client.sync)
    download = _under_way(Client.download)
    download_slides = _under_way(Client.download_slides)

    def _line(self, root: str | None) -> AsyncConnection:
        """Return the connections to this client's server, or to another one."""
        if root is None:
            return self.connection
        if root not in self._lines:
            self._lines[root] = AsyncConnection(self.blocking.at(root).connection)
        return self._lines[root]

    async def _run(self, steps: Steps[R]) -> R:
        step = begin(steps)
        while isinstance(step, Request):
            try:
                outcome = await self._outcome(step)
            except FilmroomError as error:
                step = fail(steps, error)
            else:
                step = go_on(steps, outcome)
        return step.result

    async def _outcome(self, request: Request) -> Any:
        snapshot = self.blocking.snapshot
        if snapshot is not None:
            return await asyncio.to_thread(snapshot.outcome, request)
        answer = await self._line(request.root).ask(request)
        if len(answer.content) < _LONG_ANSWER:
            return request.read(answer)
        return await asyncio.to_thread(request.read, answer)
