"""The one table from error to HTTP status and body.

Nothing of the inside (paths, statements, keys) goes out: errors that are ours to mend say a general
sentence, and the log has the rest under the request's identifier.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.responses import Response

from filmroom import errors
from filmroom.server.logs import get_logger
from filmroom.wire.operations.texts import NOT_GRANTED

_log = get_logger("filmroom.server")

NBIA_FAILURE = "Server was not able to process your request"
_UNREADABLE = "The stored files cannot be read at present."
_INTERNAL = "An internal error occurred; the server's log has it under this answer's X-Request-ID."
_BUSY = "The catalogue is busy; try again."
_UNREACHABLE = "The catalogue cannot be reached at present; try again."
_TOKEN_NEEDED = json.dumps(
    {
        "error": "unauthorized",
        "error_description": "Full authentication is required to access this resource",
    },
    separators=(",", ":"),
)
_TOKEN_REFUSED = '{"error":"invalid_token","error_description":"Invalid access token"}'  # noqa: S105

POLICY_PATH = "/policy"
"""Where people read and accept agreements; also where an error does not know the server's own address."""

JSON = "application/json"
PLAIN = "text/plain"


@dataclass(frozen=True, slots=True)
class _Answer:
    """How one class of errors is answered; ``logged``: it is a fault on our side."""

    status: int
    media: str
    body: Callable[[Exception], str]
    headers: dict[str, str] = field(default_factory=dict)
    logged: bool = False


def _with_advice(error: Exception) -> str:
    assert isinstance(error, errors.FilmroomError)  # noqa: S101 - the table asks for these
    return f"{error} {error.advice}"


def _message(error: Exception) -> str:
    return str(error)


def _agreement_first(error: Exception) -> str:
    assert isinstance(error, errors.AgreementRequired)  # noqa: S101 - its row in the table
    refusal = NOT_GRANTED.format(uid=error.series_instance_uid)
    return f"{refusal} Please accept its data usage agreement first: {error.address or POLICY_PATH}"


# Subclasses stand before their bases: the first match decides. Plain text under the name of JSON is what
# NBIA sends and clients know.
_ANSWERS: tuple[tuple[type[Exception], _Answer], ...] = (
    (errors.MissingParameter, _Answer(400, JSON, _message)),
    (errors.UnknownParameter, _Answer(400, JSON, _message)),
    (errors.UnknownFormat, _Answer(400, PLAIN, lambda _: NBIA_FAILURE)),
    (errors.RequestTooLarge, _Answer(413, PLAIN, _message)),
    (errors.InvalidInput, _Answer(400, PLAIN, _message)),
    (errors.LoginRequired, _Answer(401, JSON, lambda _: _TOKEN_NEEDED, {"WWW-Authenticate": "Bearer"})),
    (errors.AgreementRequired, _Answer(400, JSON, _agreement_first)),
    (errors.AccessDenied, _Answer(401, JSON, lambda _: _TOKEN_REFUSED, {"WWW-Authenticate": "Bearer"})),
    (errors.NotPermitted, _Answer(403, PLAIN, _message)),
    (errors.RecordChanged, _Answer(412, PLAIN, _message)),
    (errors.TooManyAttempts, _Answer(429, PLAIN, _message, {"Retry-After": "60"})),
    (errors.MissingExtra, _Answer(501, PLAIN, _with_advice)),
    (errors.NotFound, _Answer(404, PLAIN, lambda _: "Not found")),
    (
        errors.CatalogBusy,
        _Answer(503, PLAIN, lambda _: f"{NBIA_FAILURE}\n{_BUSY}", {"Retry-After": "1"}, True),
    ),
    (
        errors.CatalogUnreachable,
        _Answer(503, PLAIN, lambda _: f"{NBIA_FAILURE}\n{_UNREACHABLE}", {"Retry-After": "2"}, True),
    ),
    (
        errors.StoreUnavailable,
        _Answer(503, PLAIN, lambda _: f"{NBIA_FAILURE}\n{_UNREADABLE}", {"Retry-After": "2"}, True),
    ),
    (errors.ProviderUnavailable, _Answer(503, PLAIN, _message, {"Retry-After": "10"})),
    (errors.StoreError, _Answer(500, PLAIN, lambda _: f"{NBIA_FAILURE}\n{_UNREADABLE}", logged=True)),
    (Exception, _Answer(500, PLAIN, lambda _: f"{NBIA_FAILURE}\n{_INTERNAL}", logged=True)),
)


def error_response(error: Exception, request_id: str = "") -> Response:
    """Return the answer to a request that failed before its answer began."""
    answer = next(answer for kind, answer in _ANSWERS if isinstance(error, kind))
    if answer.logged:
        _log.error(
            "request failed",
            request_id=request_id,
            error=type(error).__name__,
            # An outage is told in a line for each request; what is unexpected is told in full.
            exception=str(error) if answer.status == 503 else "".join(traceback.format_exception(error)),
        )
    headers = dict(answer.headers)
    if isinstance(error, errors.AgreementRequired):
        headers["Link"] = f'<{error.address or POLICY_PATH}>; rel="license"'
    return Response(answer.body(error), answer.status, headers=headers, media_type=answer.media)
