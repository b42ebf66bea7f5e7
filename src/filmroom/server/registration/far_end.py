"""One account at one of DataCite's systems, over HTTP. Nothing is repeated here: the queue does that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from filmroom import __version__
from filmroom.errors import FilmroomError
from filmroom.net.internal_address import internal_address
from filmroom.net.retry import retry_after_seconds
from filmroom.server.registration.options import RegistrationOptions
from filmroom.server.registration.payload import FarRecord
from filmroom.wire.datacite.record import part, text

_TIMEOUT = httpx2.Timeout(60, connect=15)
_LANDING_TIMEOUT = httpx2.Timeout(20)
_LARGEST_ANSWER = 16 * 1024 * 1024
_LONGEST_REASON = 1_000


class NotNow(FilmroomError):
    """It may work later; ``retry_after`` is what the other end asked for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(FilmroomError):
    """The other end will not take it as it is."""


class AccountRefused(Refused):
    """The other end does not know the symbol or the password: nothing else will be taken either."""


class FarEnd:
    """Reads and writes records with the account's password; a context manager."""

    def __init__(self, options: RegistrationOptions) -> None:
        self._options = options
        agent = f"filmroom/{__version__}"
        self._api = httpx2.Client(
            auth=(options.symbol.upper(), options.password), timeout=_TIMEOUT, headers={"User-Agent": agent}
        )
        # Landing pages are asked for without the password, wherever they are.
        self._pages = httpx2.Client(
            timeout=_LANDING_TIMEOUT,
            follow_redirects=True,
            max_redirects=5,
            headers={"User-Agent": agent},
            event_hooks={"request": [self._refuse_internal]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()
        self._pages.close()

    def address_of(self, doi: str) -> str:
        """Return where a record is at the other end."""
        return f"{self._options.root}/dois/{quote(doi, safe='/')}"

    def get(self, doi: str) -> FarRecord | None:
        """Return a record as it is there, None where there is none.

        :raises NotNow: :raises Refused: when it is another repository's.
        """
        query = {"affiliation": "true", "publisher": "true"}
        with self._answer("GET", doi, params=query) as (status, document):
            if status == 404:
                return None
            found = _record(document)
        if found.repository not in {"", self._options.symbol}:
            raise Refused(f"{doi} belongs to the repository {found.repository.upper()}.")
        return found

    def put(self, doi: str, body: Mapping[str, Any]) -> FarRecord:
        """Make or change a record; return it as it is then. :raises NotNow: :raises Refused:"""
        headers = {"Content-Type": "application/vnd.api+json"}
        with self._answer("PUT", doi, content=json.dumps(body).encode(), headers=headers) as (
            status,
            document,
        ):
            if status == 404:
                raise Refused(f"{self._options.root} answered with status 404.")
            return _record(document)

    def check_landing_page(self, url: str) -> None:
        """:raises NotNow: when a landing page does not answer.

        :raises Refused: when it is no web page, or in an internal network that the options do not name.
        """
        if not url.startswith(("http://", "https://")):
            raise Refused(f"The landing page {url} is no web page.")
        try:
            # The body is not read: that it answers is enough.
            with self._pages.stream("GET", url) as response:
                status = response.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise NotNow(f"The landing page {url} does not answer: {_reason(error)}.") from None
        if status >= 400:
            raise NotNow(f"The landing page {url} answers with status {status}.")

    def _refuse_internal(self, request: httpx2.Request) -> None:
        """:raises Refused: for what only this machine reaches: whoever writes records chooses the page."""
        url = request.url
        if url.netloc.decode("ascii").lower() in self._options.internal_hosts:
            return
        address = internal_address(url.host, url.port or (443 if url.scheme == "https" else 80))
        if address is not None:
            raise Refused(
                f"The landing page is at {url.host}, an internal address ({address}). "
                "FILMROOM_DATACITE_INTERNAL_HOSTS names hosts that are meant."
            )

    @contextmanager
    def _answer(self, method: str, doi: str, **how: Any) -> Iterator[tuple[int, Any]]:
        """Give status and document of an answer that is 200, 201 or 404."""
        root = self._options.root
        try:
            with self._api.stream(method, self.address_of(doi), **how) as response:
                content = _bounded(response)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotNow(f"No answer from {root}: {_reason(error)}.") from None
        status = response.status_code
        if status == 429 or status >= 500:
            wait = retry_after_seconds(response.headers.get("retry-after"))
            raise NotNow(f"{root} answered with status {status}.", wait)
        if status == 401:
            raise AccountRefused(f"{root} does not take the symbol and password (status 401).")
        if status not in {200, 201, 404}:
            raise Refused(f"{root} answered with status {status}: {_errors(content)}")
        yield status, _decoded(content, root) if status != 404 else None


def _bounded(response: httpx2.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > _LARGEST_ANSWER:
            raise NotNow(f"{response.url.host} sent an answer without end.")
    return bytes(content)


def _decoded(content: bytes, root: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        # A page of a proxy, say: what it hides will be seen when it is gone.
        raise NotNow(f"{root} answered with something that is not JSON.") from None


def _record(document: Any) -> FarRecord:
    data = part(document if isinstance(document, Mapping) else {}, "data")
    attributes = part(data, "attributes")
    if not attributes:
        raise NotNow("The answer holds no record.")
    owner = part(part(part(data, "relationships"), "client"), "data")
    return FarRecord(attributes, (text(owner, "id") or "").lower())


def _errors(content: bytes) -> str:
    """Return the errors of an answer as one line of text."""
    try:
        found = json.loads(content)["errors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "no errors named"
    listed = found if isinstance(found, list) else [found]
    pairs = ((text(each, "source"), text(each, "title")) for each in listed if isinstance(each, Mapping))
    return _printable("; ".join(": ".join(filter(None, pair)) for pair in pairs)) or "no errors named"


def _reason(error: Exception) -> str:
    return _printable(str(error) or type(error).__name__).rstrip(".")


def _printable(told: str) -> str:
    return "".join(each if each.isprintable() else " " for each in told)[:_LONGEST_REASON]
