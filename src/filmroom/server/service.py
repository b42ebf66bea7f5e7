"""What every handler needs: the archive, how to reach it without blocking the event loop, and the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from filmroom.catalog import Catalog
from filmroom.catalog.simple_search import Searches
from filmroom.model.access import VisibleSet
from filmroom.model.policy import Attribution
from filmroom.server.attempts import LoginGuard
from filmroom.server.audit import Audit
from filmroom.server.metrics import Metrics
from filmroom.store.base import Store
from filmroom.store.content import ContentReader
from filmroom.wire.operation import Operation

if TYPE_CHECKING:  # its libraries come with the extra oidc
    from filmroom.server.oidc_provider import Provider

T = TypeVar("T")

# Catalogue work that may run at once; more threads only wait for each other's interpreter lock.
_THREADS = 16
# Pictures that are drawn at once; each takes a process, and one of these a core.
_PICTURES = 2


@dataclass(frozen=True, slots=True)
class Service:
    """One archive as it is served.

    ``redirects``: whether clients of one image may be sent to a remote store. ``empty_401``: lists that need
    a token answer without one as NBIA did, with nothing. ``public_url`` is the address under which users
    reach the server, empty where that is whatever they ask for. ``attribution`` is what a mirror owes.
    ``date_alias``: simple search takes ``Criteria.DateRange`` for the range of days that it means.
    """

    catalog: Catalog
    store: Store
    reader: ContentReader
    audit: Audit
    metrics: Metrics
    searches: Searches
    empty_401: bool = False
    redirects: bool = False
    provider: Provider | None = None
    public_url: str = ""
    attribution: Attribution | None = None
    guard: LoginGuard = field(default_factory=lambda: LoginGuard(10))
    servlet_passwords: bool = False
    date_alias: bool = True
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_THREADS))
    spare: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    drawing: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_PICTURES))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in the thread pool and return what it returns."""
        return await anyio.to_thread.run_sync(work, limiter=self.threads)

    async def in_spare_thread(self, work: Callable[[], T]) -> T:
        """Do the same for long work that can wait, one at a time beside what others ask for."""
        limiter = self.spare if self.threads.borrowed_tokens else self.threads
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    def root(self, request: Request) -> str:
        """Return the server's address for whoever sent a request, without a slash at the end."""
        return self.public_url or str(request.base_url).rstrip("/")

    async def next_of(self, items: Iterator[T]) -> T | None:
        """Return the next item of an iterator that may block, None at its end."""
        return await self.in_thread(lambda: next(items, None))


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one operation, its parameters read and its viewer known.

    ``params`` has the first value of each parameter, ``lists`` all values of those that may be repeated.
    """

    operation: Operation
    params: Mapping[str, str]
    visible: VisibleSet
    request: Request
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
