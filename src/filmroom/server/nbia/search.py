"""Tables: a question to the catalogue, its rows to the wire, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from filmroom.server.service import Call, Service
from filmroom.wire.formats import attachment_name, encode, find_format, media_type
from filmroom.wire.operation import Operation
from filmroom.wire.operations import build_query

# An answer that ends within this many bytes is sent whole, with its length.
_WHOLE = 64 * 1024


async def table(service: Service, call: Call) -> Response:
    """Answer an operation that lists rows."""
    operation = call.operation
    query = build_query(operation, call.params)
    if query is None:
        return _nothing(operation)
    pages = service.catalog.rows(query, call.visible)
    first = await service.next_of(pages)
    if first is None:
        if operation.no_rows != "null_row":
            return _nothing(operation)
        assert operation.view is not None  # noqa: S101 - a table has one
        first = [{column.source: None for column in operation.view.columns}]
    return await _rows(service, call, chain([first], pages))


def _nothing(operation: Operation) -> Response:
    # No content type: clients look at the length, and NBIA names none.
    return Response(status_code=204 if operation.no_rows == "no_content" else 200)


async def _rows(service: Service, call: Call, pages: Iterator[list[dict[str, Any]]]) -> Response:
    view = call.operation.view
    assert view is not None  # noqa: S101 - a table has one
    fmt = find_format(call.params.get("format"))
    pieces = encode(view, pages, fmt)
    headers = {}
    if (filename := attachment_name(fmt)) is not None:
        headers["Content-Disposition"] = f'attachment; filename="{filename}"'

    def begin() -> tuple[bytes, bool]:
        beginning = b""
        for piece in pieces:
            beginning += piece
            if len(beginning) > _WHOLE:
                return beginning, False
        return beginning, True

    beginning, whole = await service.in_thread(begin)
    if whole:
        return Response(beginning, headers=headers, media_type=media_type(view, fmt))
    if call.request.method == "HEAD":
        return StreamingResponse(iter(()), headers=headers, media_type=media_type(view, fmt))
    return StreamingResponse(
        _stream(service, beginning, pieces), headers=headers, media_type=media_type(view, fmt)
    )


async def _stream(service: Service, beginning: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    # An error from here on goes up to the server, which breaks the connection: the answer has begun.
    yield beginning
    while (piece := await service.next_of(pieces)) is not None:
        yield piece


async def digest(service: Service, call: Call) -> Response:
    """Answer with the MD5 of one instance, or with nothing."""
    query = build_query(call.operation, call.params)
    page = None if query is None else await service.next_of(service.catalog.rows(query, call.visible))
    return PlainTextResponse(str(page[0]["md5"])) if page else Response()
