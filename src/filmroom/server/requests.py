"""Around every request: its identifier, its line in the log, its counts, the headers of all answers."""

from __future__ import annotations

import random
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import error_response
from filmroom.server.logs import get_logger, printable, safe_query
from filmroom.server.metrics import Metrics

_log = get_logger("filmroom.request")
_SANE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_UNKNOWN = "other"
# For HTML that is data: whatever slipped into it, nothing of it runs.
_INERT = "default-src 'none'; frame-ancestors 'none'"


class RequestRecorder:
    """ASGI middleware, the outermost one. :param links: what the ``Link`` header of all answers says."""

    def __init__(self, app: ASGIApp, metrics: Metrics, links: str) -> None:
        self._app = app
        self._metrics = metrics
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        # Unique, not secret: the kernel need not be asked for randomness with every request.
        request_id = given if _SANE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        scope[REQUEST_ID_KEY] = request_id
        status, sent, ended = 0, 0, False
        is_head = scope["method"] == "HEAD"

        async def counting_send(message: Message) -> None:
            nonlocal status, sent, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Link"] = ", ".join([*headers.getlist("Link"), self._links])
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", _INERT)
                message["headers"] = headers.raw
            elif message["type"] == "http.response.body":
                sent += 0 if is_head else len(message.get("body", b""))
                ended = not message.get("more_body", False)
            await send(message)

        started = time.perf_counter()
        failure: BaseException | None = None
        try:
            await self._app(scope, receive, counting_send)
        except Exception as error:
            failure = error
            if status:
                raise  # the answer has begun: only a broken connection can tell the client
            await error_response(error, request_id)(scope, receive, counting_send)
        finally:
            seconds = time.perf_counter() - started
            self._record(scope, status, sent, seconds, failure=failure, ended=ended)

    def _record(
        self,
        scope: Scope,
        status: int,
        sent: int,
        seconds: float,
        *,
        failure: BaseException | None,
        ended: bool,
    ) -> None:
        operation = scope.get(OPERATION_KEY, _UNKNOWN)
        self._metrics.requests.labels(operation, str(status)).inc()
        self._metrics.seconds.labels(operation).observe(seconds)
        self._metrics.bytes.labels(operation).inc(sent)
        client = scope.get("client")
        path = scope.get("raw_path") or scope["path"].encode()
        event = {
            "request_id": scope[REQUEST_ID_KEY],
            "method": printable(scope["method"]),
            "path": printable(path.decode("latin-1")),
            "query": safe_query(scope["query_string"]),
            "operation": operation,
            "status": status,
            "bytes": sent,
            "ms": round(seconds * 1000, 2),
            "client": client[0] if client else "",
        }
        if not ended:
            event["complete"] = False
        if failure is not None and status:
            _log.error("request broken off", **event, error=repr(failure))
        else:
            _log.info("request", **event)
