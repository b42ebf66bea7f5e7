"""Connections to the places that addresses name, one pool for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from filmroom.client.connection import Connection
from filmroom.client.sources.base import shown
from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, NotFound, ServerError
from filmroom.net.retry import RetryPolicy

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class Origins:
    """Anonymous connections, opened when they are first needed; may be shared among threads.

    :param options: of every :class:`~filmroom.client.connection.Connection`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self.policy: RetryPolicy = options.get("policy") or RetryPolicy()
        self._lock = threading.Lock()
        self._open: dict[str, Connection] = {}

    def connection(self, origin: str) -> Connection:
        """Return the connection to ``scheme://host:port``."""
        with self._lock:
            if origin not in self._open:
                self._open[origin] = Connection(origin, **self._options)
            return self._open[origin]

    def place(self, address: str) -> tuple[Connection, str]:
        """Return the connection for an address, and the path with the query. :raises InvalidInput:"""
        origin, path = _parts(address)
        return self.connection(origin), path

    @contextmanager
    def get(self, address: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """GET an address and hand out the answer's body unread; see :meth:`Connection.stream`.

        :raises NotFound, AccessDenied: in words that do not repeat a signature.
        """
        connection, path = self.place(address)
        try:
            with connection.stream(path, {}, headers) as response:
                yield response
        except NotFound:
            raise NotFound(f"There is nothing at {shown(address)}.") from None
        except AccessDenied:
            raise AccessDenied(f"{shown(address)} is not given to everybody.") from None
        except ServerError as error:
            if error.status == 410:
                raise NotFound(f"There is nothing at {shown(address)} any more.") from None
            raise

    def patiently(self, address: str, work: Callable[[], T]) -> T:
        """Do something with an address that can be repeated, until it succeeds or patience ends."""
        return self.place(address)[0].patiently(work)

    def whole(self, address: str, headers: Mapping[str, str], *, largest: int) -> bytes:
        """GET a whole answer, with retries. :raises BadAnswer: when it has more bytes than ``largest``."""

        def read() -> bytes:
            with self.get(address, headers) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > largest:
                        raise BadAnswer(f"The answer of {shown(address)} is too large.")
                return body

        return self.patiently(address, read)

    def close(self) -> None:
        """Close all connections; using one again opens it anew."""
        with self._lock:
            for connection in self._open.values():
                connection.close()


class OwnOrigins(Origins):
    """Origins of what a server itself names: what lies below that server is asked for with its login.

    :param own: the connection to the server; it stays open when these are closed.
    """

    def __init__(self, own: Connection, **options: Any) -> None:
        super().__init__(**options)
        self._own = own

    def place(self, address: str) -> tuple[Connection, str]:
        """See :meth:`Origins.place`."""
        if address.startswith(f"{self._own.root}/"):
            return self._own, address.removeprefix(self._own.root)
        return super().place(address)


def _parts(address: str) -> tuple[str, str]:
    """Return origin, and path with query. :raises InvalidInput: for no web address."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput(f"Not an address: {shown(address)!r}.") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidInput(f"Not an address: {shown(address)!r}.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("An address must not hold a user name or password.")
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    path = parts.path or "/"
    return f"{parts.scheme}://{netloc}", path + (f"?{parts.query}" if parts.query else "")
