"""A pool of connections to a server, for tasks of an event loop: a call waits without blocking others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from filmroom.client.steps import Answer, Form, Request
from filmroom.net import answers
from filmroom.net.endpoint import AS_GUEST, Endpoint
from filmroom.net.login import Login, next_grant
from filmroom.net.retry import Patience, TransientFailure

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class AsyncConnection:
    """A pool of kept connections to one server.

    It belongs to one event loop of :mod:`asyncio`. At most ``connections`` requests of the endpoint
    are under way, others wait for their turn. A request that is cancelled gives its connection up.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http: httpx2.AsyncClient | None = None
        self._turns = asyncio.Semaphore(endpoint.connections)
        self._renewing = asyncio.Lock()

    async def close(self) -> None:
        """Close the pool; using the connection again opens it anew."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            import httpx2

            # Turns, not the pool, limit what is under way: waiting for one ends cleanly when cancelled.
            options = self._endpoint.pool_options(httpx2.AsyncHTTPTransport, most=None)
            self._http = httpx2.AsyncClient(**options)
        return self._http

    async def ask(self, request: Request) -> Answer:
        """Send what a question requests, with retries, and return the whole answer.

        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """
        operation, parameters = request.operation, request.parameters

        async def ask() -> Answer:
            async with self._turns:
                if operation.method == "POST":
                    return await self._once(operation.path, {}, parameters, **request.manner)
                return await self._once(operation.path, parameters, None, **request.manner)

        return await self._patiently(ask)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        patience = Patience(self._endpoint.policy)
        while True:
            try:
                return await work()
            except TransientFailure as failure:
                wait = patience.wait(failure)
            await asyncio.sleep(wait)

    async def _once(
        self,
        path: str,
        params: Form,
        form: Form | None = None,
        *,
        denial: bool = False,
        as_guest: bool = False,
    ) -> Answer:
        root = self._endpoint.root
        with answers.our_errors(root, self._endpoint.timeout):
            http = self._client()
            proof = await self._proof(http) or (AS_GUEST if as_guest else {})
            async with http.stream(
                "GET" if form is None else "POST",
                root + path,
                params=dict(params) or None,
                data=form,
                headers=proof,
            ) as response:
                answers.check_head(response, root, self._endpoint.login, proof)
                if response.status_code not in answers.WELCOME:
                    body = await _beginning(response)
                    raise answers.failure(response, body, root=root, path=path, denial=denial)
                content, media = await response.aread(), response.headers.get("content-type", "")
                answers.refuse_page(content, media, root)
                return Answer(content, media)

    async def _proof(self, http: httpx2.AsyncClient) -> dict[str, str]:
        """Return the header that proves who asks. :raises AccessDenied: when the login is refused."""
        login = self._endpoint.login
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
