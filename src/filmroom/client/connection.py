"""The one place where an HTTP answer becomes a result or an exception."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urljoin

from filmroom import __version__, settings
from filmroom.client.login import Login, Tokens
from filmroom.client.question import Answer, Form, Request
from filmroom.errors import (
    AccessDenied,
    AgreementRequired,
    BadAnswer,
    FilmroomError,
    IncompleteTransfer,
    InvalidInput,
    NotFound,
    ServerError,
    ServerUnreachable,
)
from filmroom.net.address import server_root
from filmroom.net.retry import RETRIED_STATUSES, RetryPolicy, retry_after_seconds

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

_LONGEST_ERROR_BODY = 64 * 1024
_READ_AT_ONCE = 256 * 1024  # bytes; more, and the allocator gives each piece back to the kernel
_NO_ANSWER_ATTEMPTS = 2  # nobody there at all is told soon; a server that was there gets more patience


class TransientFailure(Exception):
    """Something that may be better in a moment; ``error`` is what to raise when patience ends.

    ``retry_after`` is what the server asked for in seconds; ``connected`` says whether it was there.
    """

    def __init__(
        self, error: FilmroomError, *, retry_after: float | None = None, connected: bool = True
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.connected = connected


class Connection:
    """A pool of kept connections to one server.

    :param base_url: what :func:`filmroom.net.address.server_root` understands; default: the setting
        ``server``, else the public TCIA service.
    :param timeout: seconds without a single byte after which a connection is given up.
    :param login: with ``password``, or ``token`` alone: who asks; see :class:`~filmroom.client.login.Login`.
    :param proxies: address of a proxy by scheme (``http``, ``https``); default: those of the environment.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        connections: int = 8,
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self.root = server_root(base_url or settings.get("server") or settings.TCIA_SERVER)
        self.timeout = timeout
        self.policy = policy or RetryPolicy()
        anonymous = login is None and password is None and token is None
        self._login = None if anonymous else Login(self.root, login=login, password=password, token=token)
        self._connections = connections
        self._proxies = dict(proxies or {})
        self._http: httpx2.Client | None = None
        self._opening = threading.Lock()

    @property
    def has_login(self) -> bool:
        """Whether it asks as somebody."""
        return self._login is not None

    def tokens(self, *, renew: bool = False) -> Tokens:
        """Return the tokens that it asks with, fetched now when there are none yet.

        :param renew: fetch new ones.
        :raises InvalidInput: when it asks as nobody. :raises AccessDenied: when the login is refused.
        """
        login = self._login
        if login is None:
            raise InvalidInput("Nobody is logged in.")

        def fetch() -> Tokens:
            with self._speaking() as http:
                return login.tokens(http, renew=renew)

        return self.patiently(fetch)

    def close(self) -> None:
        """Close the pool; using the connection again opens it anew."""
        with self._opening:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _client(self) -> httpx2.Client:
        with self._opening:
            if self._http is None:
                import httpcore2
                import httpx2

                # In pieces of 64 KiB, as httpcore reads, a body costs four times the CPU.
                httpcore2.HTTP11Connection.READ_NUM_BYTES = _READ_AT_ONCE
                limits = httpx2.Limits(max_connections=None, max_keepalive_connections=self._connections + 2)
                self._http = httpx2.Client(
                    timeout=httpx2.Timeout(self.timeout, connect=min(15.0, self.timeout), pool=None),
                    limits=limits,
                    mounts={
                        f"{scheme}://": httpx2.HTTPTransport(proxy=address, limits=limits)
                        for scheme, address in self._proxies.items()
                    },
                    headers={"User-Agent": f"filmroom/{__version__}"},
                    follow_redirects=True,
                )
            return self._http

    def ask(self, request: Request) -> Answer:
        """Send what a question requests, with retries, and return the whole answer.

        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """
        operation, parameters = request.operation, request.parameters
        if operation.method == "POST":
            return self.post(operation.path, parameters)
        return self._whole(operation.path, parameters)

    def get(self, path: str, params: Mapping[str, str], *, denial: bool = False) -> Answer:
        """GET a whole answer, with retries.

        :param denial: the operation answers 400 for what is absent or not to be seen (images).
        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """

        return self._whole(path, params, denial=denial)

    def post(self, path: str, form: Form) -> Answer:
        """POST a form that may come twice, and return the whole answer; a field may have many values.

        :raises TransferError, AccessDenied, NotFound: as the answer says.
        """
        return self._whole(path, {}, form=form)

    def _whole(self, path: str, params: Form, **how: Any) -> Answer:
        def ask() -> Answer:
            with self.stream(path, params, **how) as response:
                content = _read(response, self.root)
                return Answer(content, response.headers.get("content-type", ""))

        return self.patiently(ask)

    def patiently(self, work: Callable[[], T]) -> T:
        """Do something that can be repeated, until it succeeds or patience ends."""
        failures = 0
        while True:
            try:
                return work()
            except TransientFailure as failure:
                failures += 1
                wait = self.policy.wait(failures, failure.retry_after)
                if wait is None or (not failure.connected and failures >= _NO_ANSWER_ATTEMPTS):
                    raise failure.error from failure
                time.sleep(wait)

    @contextmanager
    def stream(
        self,
        path: str,
        params: Form,
        headers: Mapping[str, str] | None = None,
        *,
        denial: bool = False,
        form: Form | None = None,
    ) -> Iterator[httpx2.Response]:
        """GET an answer whose status is 200, 204 or 206 and hand out its body unread.

        :param form: sent with POST instead.
        :raises TransientFailure: for what may be better in a moment, also from reading the body.
        :raises ServerError, AccessDenied, AgreementRequired, NotFound, BadAnswer: for what will not.
        """
        with self._speaking() as http:
            proof = self._login.headers(http) if self._login is not None else {}
            with http.stream(
                "GET" if form is None else "POST",
                self.root + path,
                params=dict(params),
                data=form,
                headers={**(headers or {}), **proof},
            ) as response:
                _refuse_downgrade(response)
                if response.status_code == 401 and self._login is not None and self._login.refused(proof):
                    raise TransientFailure(AccessDenied(f"{self.root} refuses the token."), retry_after=0)
                if response.status_code not in {200, 204, 206}:
                    self._raise_for(response, path, denial)
                yield response

    @contextmanager
    def _speaking(self) -> Iterator[httpx2.Client]:
        """Hand the pool out, and turn what it raises into our errors."""
        import httpx2

        try:
            yield self._client()
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise TransientFailure(self._unreachable(str(error) or "timed out"), connected=False) from error
        except httpx2.TimeoutException as error:
            raise TransientFailure(
                self._unreachable(f"it sent nothing for {self.timeout:g} seconds")
            ) from error
        except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
            message = f"The connection to {self.root} broke: {error or type(error).__name__}."
            raise TransientFailure(IncompleteTransfer(message)) from error
        except httpx2.InvalidURL as error:
            raise InvalidInput(f"Not a server address: {self.root!r}.") from error
        except httpx2.DecodingError as error:
            raise BadAnswer(f"{self.root} sent a body that cannot be decoded: {error}.") from error
        except (httpx2.TransportError, httpx2.TooManyRedirects) as error:
            raise self._unreachable(str(error)) from error

    def _unreachable(self, reason: str) -> ServerUnreachable:
        return ServerUnreachable(
            f"No answer from {self.root}: {reason.rstrip('.')}.",
            advice="Check the address (--server, FILMROOM_SERVER), the network and whether the server runs.",
        )

    def _raise_for(self, response: httpx2.Response, path: str, denial: bool) -> NoReturn:  # noqa: FBT001
        status = response.status_code
        text = _sentence(response)
        if status in RETRIED_STATUSES:
            error = ServerError(f"{self.root} is busy or under maintenance (status {status}).", status=status)
            raise TransientFailure(
                error, retry_after=retry_after_seconds(response.headers.get("retry-after"))
            )
        if status == 400 and "license" in response.links:
            address = _link(response, "license")
            raise AgreementRequired(
                f"{self.root} gives this out once you have accepted its data usage agreement.",
                address=address,
                advice=f"Read and accept it at {address or self.root}\n"
                f"or with: filmroom agreement accept --server {self.root}",
            )
        if status == 400 and denial:
            raise NotFound(text or "The server does not give this series out.")
        if status in {401, 403}:
            raise AccessDenied(text or f"{self.root} wants a login (status {status}).")
        if status == 404:
            raise NotFound(
                f"{self.root} has no {path}.",
                advice="Is this the address of an NBIA server? Some serve only api='v1'.",
            )
        raise ServerError(text or f"{self.root} answered with status {status}.", status=status)


def _refuse_downgrade(response: httpx2.Response) -> None:
    if response.url.scheme == "http" and any(step.url.scheme == "https" for step in response.history):
        raise BadAnswer(f"The server redirects from https to http ({response.url.host}).")


def _read(response: httpx2.Response, root: str) -> bytes:
    content: bytes = response.read()
    media = response.headers.get("content-type", "")
    if content.strip() and (
        media.startswith("text/html") or content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
    ):
        raise BadAnswer(
            f"{root} answered with a web page instead of data.",
            advice="It may be under maintenance, or the address may be that of a web site.",
        )
    return content


def _link(response: httpx2.Response, relation: str) -> str:
    """Return the web address that an answer links to, empty when it is none (RFC 8288)."""
    address = urljoin(str(response.url), response.links[relation].get("url", ""))
    return address if address.startswith(("http://", "https://")) and address.isprintable() else ""


def _sentence(response: httpx2.Response) -> str:
    """Return the text of an error body, fit for a terminal; nothing for pages and documents."""
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _LONGEST_ERROR_BODY:
            break
    text = body.decode("utf-8", "replace").strip()
    if text.startswith(("<", "{", "[")):
        return ""
    return one_line(text)


def one_line(text: str) -> str:
    """Return the text of a server fit for a terminal: without control characters, and short."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)[:500]
