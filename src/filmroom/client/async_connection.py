"""A pool of connections to a server, for tasks of an event loop: a call waits without blocking others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from filmroom.client.question import Answer, Form, Request
from filmroom.errors import AccessDenied
from filmroom.net import answers
from filmroom.net.endpoint import Endpoint
from filmroom.net.login import Login, next_grant
from filmroom.net.retry import Patience, TransientFailure

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class AsyncConnection(Endpoint):
    """A pool of kept connections to one server; see :class:`~filmroom.net.endpoint.Endpoint`.

    It belongs to one event loop of :mod:`asyncio`. At most ``connections`` requests are under way, others
    wait for their turn. A request that is cancelled gives its connection up.
    """

    def __init__(self, base_url: str | None = None, **options: Any) -> None:
        super().__init__(base_url, **options)
        self._http: httpx2.AsyncClient | None = None
        self._turns = asyncio.Semaphore(self._connections)
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        """Close the pool; using the connection again opens it anew."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            import httpx2

            # The turns limit it: a pool that lets requests queue loses count when they are cancelled.
            self._http = httpx2.AsyncClient(**self._pool_options(httpx2.AsyncHTTPTransport, most=None))
        return self._http

    async def ask(self, request: Request) -> Answer:
        """Send what a question requests, with retries, and return the whole answer.

        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """
        operation, parameters = request.operation, request.parameters

        async def ask() -> Answer:
            async with self._turns:
                if operation.method == "POST":
                    return await self._once(operation.path, {}, parameters)
                return await self._once(operation.path, parameters)

        return await self._patiently(ask)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        patience = Patience(self.policy)
        while True:
            try:
                return await work()
            except TransientFailure as failure:
                wait = patience.wait(failure)
            await asyncio.sleep(wait)

    async def _once(self, path: str, params: Form, form: Form | None = None) -> Answer:
        with answers.our_errors(self.root, self.timeout):
            http = self._client()
            proof = await self._proof(http)
            async with http.stream(
                "GET" if form is None else "POST",
                self.root + path,
                params=dict(params),
                data=form,
                headers=proof,
            ) as response:
                answers.refuse_downgrade(response)
                if response.status_code == 401 and self._login is not None and self._login.refused(proof):
                    raise TransientFailure(AccessDenied(f"{self.root} refuses the token."), retry_after=0)
                if response.status_code not in answers.WELCOME:
                    raise answers.failure(response, await _beginning(response), root=self.root, path=path)
                content, media = await response.aread(), response.headers.get("content-type", "")
                answers.refuse_page(content, media, self.root)
                return Answer(content, media)

    async def _proof(self, http: httpx2.AsyncClient) -> dict[str, str]:
        """Return the header that proves who asks. :raises AccessDenied: when the login is refused."""
        login = self._login
        if login is None:
            return {}
        async with self._renewing:
            if login.is_due:
                await self._renew(http, login)
            return login.headers

    @staticmethod
    async def _renew(http: httpx2.AsyncClient, login: Login) -> None:
        renewal = login.renewal()
        grant = next(renewal, None)
        while grant is not None:
            # Not followed anywhere else: the password is meant for this address.
            response = await http.post(login.address, data=grant, follow_redirects=False)
            grant = next_grant(renewal, response.status_code, response.content)


async def _beginning(response: httpx2.Response) -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > answers.LONGEST_ERROR_BODY:
            break
    return body
