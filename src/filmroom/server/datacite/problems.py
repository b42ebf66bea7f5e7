"""What goes wrong, in the words and shapes of DataCite's API."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from filmroom import errors
from filmroom.server.logs import get_logger

_log = get_logger("filmroom.server")
JSON = "application/json; charset=utf-8"

NOT_FOUND = "The resource you are looking for doesn't exist."
BAD_CREDENTIALS = "Bad credentials."
NOT_AUTHORIZED = "You are not authorized to access this resource."
NOT_ALLOWED = "Method not allowed"
NOT_RECOGNIZED = "The content type is not recognized."
EXISTS = "The resource already exists."
NO_PAYLOAD = "You need to provide a payload following the JSONAPI spec"
_RATE = "Too many requests with bad credentials. Wait a minute."
_BUSY = "The catalogue is not available at present; try again."
_INTERNAL = "An internal error occurred; the server's log has it under this answer's X-Request-ID."


class ApiProblem(Exception):
    """An answer that is an error, thrown where it is found.

    ``errors`` is what stands under that name in the body.
    """

    def __init__(self, status: int, errors: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = errors
        self.headers = dict(headers or {})

    @classmethod
    def titled(cls, status: int, title: str, headers: Mapping[str, str] | None = None) -> ApiProblem:
        """Return the usual problem: status and a sentence."""
        return cls(status, [{"status": str(status), "title": title}], headers)


def _message(error: Exception) -> str:
    return str(error)


def _said(text: str) -> Callable[[Exception], str]:
    return lambda _error: text


# Subclasses stand before their bases: the first match decides.
_TITLES: tuple[tuple[type[Exception], int, Callable[[Exception], str], dict[str, str]], ...] = (
    (errors.RequestTooLarge, 413, _message, {}),
    (errors.InvalidInput, 400, _message, {}),
    (errors.AccessDenied, 401, _said(BAD_CREDENTIALS), {"WWW-Authenticate": 'Basic realm="DOIs"'}),
    (errors.NotPermitted, 403, _said(NOT_AUTHORIZED), {}),
    (errors.NotFound, 404, _said(NOT_FOUND), {}),
    (errors.IdentityConflict, 409, _said(EXISTS), {}),
    (errors.RecordChanged, 412, _message, {}),
    (errors.TooManyAttempts, 429, _said(_RATE), {"Retry-After": "60"}),
    (errors.MissingExtra, 501, _message, {}),
    (errors.ProviderUnavailable, 503, _message, {"Retry-After": "10"}),
    (errors.CatalogBusy, 503, _said(_BUSY), {"Retry-After": "1"}),
    (errors.CatalogUnreachable, 503, _said(_BUSY), {"Retry-After": "2"}),
)


def problem_of(error: Exception) -> ApiProblem:
    """Return how an error is answered."""
    if isinstance(error, ApiProblem):
        return error
    if isinstance(error, errors.QueryRefused):
        # An object, not a list: programs of DataCite look for it so.
        return ApiProblem(400, {"title": str(error)})
    for kind, status, title, headers in _TITLES:
        if isinstance(error, kind):
            return ApiProblem.titled(status, title(error), headers)
    return ApiProblem.titled(500, _INTERNAL)


def problem_response(error: Exception, request_id: str = "") -> Response:
    """Return the answer to a request that failed; what is our own fault is logged."""
    problem = problem_of(error)
    if problem.status >= 500:
        _log.error(
            "request failed",
            request_id=request_id,
            error=type(error).__name__,
            exception=str(error) if problem.status == 503 else "".join(traceback.format_exception(error)),
        )
    return Response(
        msgspec.json.encode({"errors": problem.errors}), problem.status, problem.headers, media_type=JSON
    )
