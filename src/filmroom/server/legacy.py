"""The API of before 22 June 2022: what each of its answers says of that, and what it tells of itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from email.utils import format_datetime

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from filmroom.server.openapi import operation_schema
from filmroom.server.service import Call, Service
from filmroom.wire.operation import Operation

MIGRATION_PATH = "/docs/migration"
"""The page that names the successor of every old call."""

RETIRED = dt.datetime(2022, 6, 22, tzinfo=dt.UTC)
"""When TCIA ended this API. A server that still answers says so with a sunset in the past: it does so for
old programs, for as long as its operator leaves the setting ``legacy_api`` on (RFC 8594, RFC 9745)."""

_MARKS = {"Deprecation": f"@{int(RETIRED.timestamp())}", "Sunset": format_datetime(RETIRED, usegmt=True)}


class Deprecated:
    """The ASGI application around old operations: each answer, refusals too, names what has come after it."""

    def __init__(self, app: ASGIApp, operations: Iterable[Operation]) -> None:
        self._app = app
        self._links = {
            path: f'<{operation.successor.path}>; rel="successor-version"'
            for operation in operations
            if operation.successor is not None
            for path in operation.paths
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        links = [f'<{MIGRATION_PATH}>; rel="deprecation"; type="text/html"']
        if (successor := self._links.get(scope["path"])) is not None:
            links.insert(0, successor)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.update(_MARKS)
                headers.append("Link", ", ".join(links))
                message["headers"] = headers.raw
            await send(message)

        await self._app(scope, receive, marked)


async def columns(_service: Service, call: Call) -> Response:
    """``/metadata`` after an operation: its parameters and columns."""
    return JSONResponse(operation_schema(call.operation.fixed["described"]))
