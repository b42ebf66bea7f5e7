"""What an HTTP answer, or the lack of one, means: a result, something to repeat, or an error.

Nothing here reads from a socket: clients that block and clients that wait decide alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from filmroom.errors import (
    AccessDenied,
    AgreementRequired,
    BadAnswer,
    FilmroomError,
    IncompleteTransfer,
    InvalidInput,
    NoSuchOperation,
    NotFound,
    ServerError,
    ServerUnreachable,
)
from filmroom.net.login import Login
from filmroom.net.retry import RETRIED_STATUSES, TransientFailure, retry_after_seconds

if TYPE_CHECKING:
    import httpx2

WELCOME = frozenset({200, 204, 206})
"""Statuses of answers; every other one is an error."""
LONGEST_ERROR_BODY = 64 * 1024
"""Bytes of an error's body that are worth reading."""


@contextmanager
def our_errors(root: str, timeout: float) -> Iterator[None]:
    """Turn what the HTTP library raises into our errors.

    :raises TransientFailure: for what may be better in a moment.
    :raises ServerUnreachable, BadAnswer, InvalidInput: for what will not.
    """
    import httpx2

    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise TransientFailure(_unreachable(root, str(error) or "timed out"), connected=False) from error
    except httpx2.TimeoutException as error:
        raise TransientFailure(_unreachable(root, f"it sent nothing for {timeout:g} seconds")) from error
    except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
        message = f"The connection to {root} broke: {error or type(error).__name__}."
        raise TransientFailure(IncompleteTransfer(message)) from error
    except httpx2.InvalidURL as error:
        raise InvalidInput(f"Not a server address: {root!r}.") from error
    except httpx2.DecodingError as error:
        raise BadAnswer(f"{root} sent a body that cannot be decoded: {error}.") from error
    except (httpx2.TransportError, httpx2.TooManyRedirects) as error:
        raise _unreachable(root, str(error)) from error


def _unreachable(root: str, reason: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"No answer from {root}: {reason.rstrip('.')}.",
        advice="Check the network, and that the server runs at this address.",
    )


def check_head(response: httpx2.Response, root: str, login: Login | None, proof: dict[str, str]) -> None:
    """Look at an answer before its body.

    :param login: who asked, with ``proof`` as headers.
    :raises BadAnswer: when a redirect led from https to http.
    :raises TransientFailure: when the token was refused and another one can be had.
    """
    if response.url.scheme == "http" and any(step.url.scheme == "https" for step in response.history):
        raise BadAnswer(f"The server redirects from https to http ({response.url.host}).")
    if response.status_code == 401 and login is not None and login.refused(proof):
        raise TransientFailure(AccessDenied(f"{root} refuses the token."), retry_after=0)


def failure(
    response: httpx2.Response,
    body: bytes,
    *,
    root: str,
    path: str,
    denial: bool = False,
) -> FilmroomError | TransientFailure:
    """Return what to raise for an answer whose status is not of :data:`WELCOME`.

    :param body: its body, or the beginning of it.
    :param denial: the operation answers 400 for what is absent or not to be seen (images).
    """
    status, text = response.status_code, _sentence(body)
    if status in RETRIED_STATUSES:
        error = ServerError(f"{root} is busy or under maintenance (status {status}).", status=status)
        return TransientFailure(error, retry_after=retry_after_seconds(response.headers.get("retry-after")))
    if status == 400 and "license" in response.links:
        address = _link(response, "license")
        return AgreementRequired(
            f"{root} gives this out once you have accepted its data usage agreement.",
            address=address,
            advice=f"Read and accept it at {address or root}\n"
            f"or with: filmroom agreement accept --server {root}",
        )
    if status == 400 and denial:
        return NotFound(text or "The server does not give this series out.")
    if status in {401, 403}:
        return AccessDenied(text or f"{root} wants a login (status {status}).")
    if status in {404, 405}:
        return NoSuchOperation(f"{root} has no {path}.", advice="Is this the address of an NBIA server?")
    return ServerError(text or f"{root} answered with status {status}.", status=status)


def refuse_page(content: bytes, media: str, root: str) -> None:
    """See that a whole answer is data. :raises BadAnswer: when it is a web page."""
    if content.strip() and (
        media.startswith("text/html") or content[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))
    ):
        raise BadAnswer(
            f"{root} answered with a web page instead of data.",
            advice="It may be under maintenance, or the address may be that of a web site.",
        )


def _link(response: httpx2.Response, relation: str) -> str:
    """Return the web address that an answer links to, empty when it is none (RFC 8288)."""
    address = urljoin(str(response.url), response.links[relation].get("url", ""))
    return address if address.startswith(("http://", "https://")) and address.isprintable() else ""


def _sentence(body: bytes) -> str:
    """Return the text of an error body, fit for a terminal; nothing for pages and documents."""
    text = body.decode("utf-8", "replace").strip()
    return "" if text.startswith(("<", "{", "[")) else one_line(text)


def one_line(text: str) -> str:
    """Return the text of a server fit for a terminal: without control characters, and short."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)[:500]
