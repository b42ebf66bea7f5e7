"""From a row of the operations' table to an answer: paths, methods, parameters, tokens, errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from filmroom.errors import (
    AccessDenied,
    AgreementRequired,
    InvalidInput,
    MissingParameter,
    RequestTooLarge,
    UnknownParameter,
)
from filmroom.model.access import PUBLIC, VisibleSet
from filmroom.server.errors import POLICY_PATH, error_response
from filmroom.server.legacy import columns
from filmroom.server.nbia import (
    advanced,
    agreements,
    bulk,
    drill_down,
    images,
    lists,
    manifests,
    rendering,
    search,
    simple_search,
    system,
    tags,
    text_search,
)
from filmroom.server.service import Call, Service
from filmroom.server.servlets import delivery, version
from filmroom.server.viewers import viewer_of
from filmroom.server.zip_response import RangedResponse
from filmroom.wire.operation import Action, Operation

OPERATION_KEY = "filmroom.operation"
REQUEST_ID_KEY = "filmroom.request_id"
"""Keys of the connection scope: the operation's name for log and metrics, the request's identifier."""

_MOST_PARAMETERS = 1_000
_FORM_TYPE = "application/x-www-form-urlencoded"
_LARGEST_FORM = 2 * 1024 * 1024
_MOST_FIELDS = 100_000


Handler = Callable[[Service, Call], Awaitable[Response]]


def _all_values(query: bytes, most: int) -> dict[str, list[str]]:
    """Return the parameters of a query string or form, each with its values in order.

    :raises InvalidInput: when there are absurdly many, or a value holds NUL, which no database takes.
    """
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=most
        )
    except ValueError:
        raise InvalidInput("The request has too many parameters.") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise InvalidInput("A parameter holds a NUL character.")
        values.setdefault(name, []).append(value)
    return values


def _as_declared(operation: Operation, values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the values under the parameters' own names, however the request spells these."""
    declared = {_folded(name): name for name in operation.parameter_names}
    renamed: dict[str, list[str]] = {}
    for name, given in values.items():
        renamed.setdefault(declared.get(_folded(name), name), []).extend(given)
    return renamed


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


async def _form(request: Request) -> bytes:
    """Return the body of a form.

    :raises InvalidInput: when it is another kind of body. :raises RequestTooLarge: beyond 2 MiB.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise RequestTooLarge(f"A form has at most {_LARGEST_FORM} bytes.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != _FORM_TYPE:
        raise InvalidInput(f"The parameters of this operation come as {_FORM_TYPE}.")
    return bytes(body)


async def _given(operation: Operation, request: Request) -> dict[str, list[str]]:
    """Return the parameters of a request, each with its values in order."""
    values = {}
    if operation.method == "GET" or operation.either_method:
        values = _all_values(request.scope["query_string"], _MOST_PARAMETERS)
    if request.method == "POST":
        for name, given in _all_values(await _form(request), _MOST_FIELDS).items():
            values.setdefault(name, []).extend(given)
    return _as_declared(operation, values) if operation.any_case else values


def _is_list_with_login(operation: Operation) -> bool:
    return operation.auth == "required" and operation.action == "table"


def _check(operation: Operation, params: Mapping[str, object]) -> None:
    """:raises UnknownParameter: first, where unknown ones are refused. :raises MissingParameter:"""
    if operation.strict:
        kind = "form" if operation.method == "POST" else "query"
        for name in params:
            if name not in operation.parameter_names:
                allowed = ", ".join(operation.parameter_names)
                raise UnknownParameter(
                    f"Invalid {kind} parameter: '{name}'. Allowed parameters are: [{allowed}]"
                )
    for parameter in operation.parameters:
        if parameter.required and parameter.name not in params:
            if parameter.missing_text:
                raise InvalidInput(parameter.missing_text)
            raise MissingParameter(operation.missing_text)


_HANDLERS: dict[Action, Handler] = {
    "table": search.table,
    "digest": search.digest,
    "series_zip": images.series,
    "series_zip_with_digests": images.series_with_digests,
    "series_files_zip": images.series_files,
    "instance": images.instance,
    "servlet": delivery.servlet,
    "servlet_version": version.version,
    "bulk": bulk.table,
    "denied": bulk.denied,
    "names": advanced.names,
    "tree": advanced.tree,
    "time_points": advanced.time_points,
    "simple_search": simple_search.patients,
    "simple_search_manifest": simple_search.manifest,
    "simple_search_restrictions": simple_search.restrictions,
    "tags": tags.tags,
    "manifest": manifests.manifest,
    "agreement": system.agreement,
    "agreements": agreements.shown,
    "accept_agreement": agreements.accept,
    "sop_classes": system.sop_classes,
    "status": system.status,
    "host_name": system.host_name,
    "text_search": text_search.everything,
    "text_search_page": text_search.page,
    "text_search_manifest": text_search.manifest,
    "text_search_restrictions": text_search.restrictions,
    "make_list": lists.create,
    "drop_list": lists.delete,
    "list": lists.one,
    "list_contents": lists.contents,
    "roles": system.roles,
    "thumbnail": rendering.thumbnail,
    "wado": rendering.wado,
    "login_parameters": system.login_parameters,
    "studies": drill_down.studies,
    "images": drill_down.images,
    "columns": columns,
}


class Endpoints:
    """The ASGI application that answers operations, each under all its paths."""

    def __init__(self, service: Service, operations: tuple[Operation, ...]) -> None:
        self._service = service
        self._by_path = {path: operation for operation in operations for path in operation.paths}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        if isinstance(response, RangedResponse):
            with self._service.metrics.downloads.track_inprogress():
                await response(scope, receive, send)
        else:
            await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        operation = self._by_path.get(scope["path"])
        if operation is None:
            return PlainTextResponse("There is no such operation.", 404)
        scope[OPERATION_KEY] = operation.label
        allowed = operation.methods
        if scope["method"] not in allowed:
            return PlainTextResponse(
                f"This operation answers {' and '.join(allowed)} only.", 405, {"Allow": ", ".join(allowed)}
            )
        request = Request(scope, receive)
        try:
            values = await _given(operation, request)
            _check(operation, values)
            viewer = await viewer_of(self._service, request, operation.auth)
            call = Call(
                operation,
                {name: given[0] for name, given in values.items()},
                VisibleSet(PUBLIC if operation.public_only else viewer, operation.scope),
                request,
                {p.name: tuple(values.get(p.name, ())) for p in operation.parameters if p.repeated},
            )
            return await _HANDLERS[operation.action](self._service, call)
        except AgreementRequired as error:
            error.address = self._service.root(request) + POLICY_PATH
            return error_response(error, scope.get(REQUEST_ID_KEY, ""))
        except Exception as error:  # noqa: BLE001 - the table of errors decides, and logs what it must
            if isinstance(error, AccessDenied) and self._service.empty_401 and _is_list_with_login(operation):
                return Response()
            return error_response(error, scope.get(REQUEST_ID_KEY, ""))
