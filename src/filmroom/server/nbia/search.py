"""Tables: a question to the catalogue, its rows to the wire, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from filmroom.catalog.series_pages import SeriesPages
from filmroom.server.nbia import long_lists
from filmroom.server.service import Call, Service
from filmroom.wire.formats import Format, attachment_name, encode, find_format, media_type
from filmroom.wire.json_format import encode_rows
from filmroom.wire.operations import build_query
from filmroom.wire.views import View

# An answer that ends within this many bytes is sent whole, with its length.
_WHOLE = 64 * 1024

Pages = Iterator[Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Beginning:
    """How an answer begins: its first bytes, and what makes the others unless these are all."""

    view: View
    fmt: Format
    content: bytes
    rest: Callable[[Service], AsyncIterator[bytes]] | None = None


async def table(service: Service, call: Call) -> Response:
    """Answer an operation that lists rows."""
    query = build_query(call.operation, call.params)
    if query is None:
        return _nothing(call)
    return await table_of(service, call, service.catalog.rows(query, call.visible))


async def table_of(service: Service, call: Call, pages: Pages) -> Response:
    """Answer with rows, in the view and format of the call."""
    # One trip to the thread pool for most answers: first page, encoding, and the end of it.
    beginning = await service.in_thread(lambda: _begin(call, pages))
    if beginning is None:
        return _nothing(call)
    headers = {}
    if (filename := attachment_name(beginning.fmt)) is not None:
        headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    media = media_type(beginning.view, beginning.fmt)
    if beginning.rest is None:
        return Response(beginning.content, headers=headers, media_type=media)
    body = iter(()) if call.request.method == "HEAD" else beginning.rest(service)
    return StreamingResponse(body, headers=headers, media_type=media)


def _begin(call: Call, pages: Pages) -> _Beginning | None:
    """Return the beginning of an answer, None when there is no row.

    :raises UnknownFormat: for a format that is none, where there are rows.
    """
    view = call.operation.view
    assert view is not None  # noqa: S101 - a table has one
    first = next(pages, None)
    if first is None:
        if call.operation.no_rows != "null_row":
            return None
        first = [{column.source: None for column in view.columns}]
    fmt = _format(call)
    if fmt is Format.JSON and isinstance(pages, SeriesPages) and pages.more:
        written = long_lists.pieces_of(view, pages)
        if written is not None:
            content = b"[" + encode_rows(view, first)
            return _Beginning(
                view, fmt, content, partial(long_lists.stream, beginning=content, pieces=written)
            )
    pieces = encode(view, chain([first], pages), fmt)
    content = b""
    for piece in pieces:
        content += piece
        if len(content) > _WHOLE:
            return _Beginning(view, fmt, content, partial(_stream, beginning=content, pieces=pieces))
    return _Beginning(view, fmt, content)


def _format(call: Call) -> Format:
    """:raises UnknownFormat:"""
    # Where the operation knows no such parameter, it says nothing.
    given = call.params.get("format") if "format" in call.operation.parameter_names else None
    if call.operation.attached_csv and (not given or given.lower() == "csv"):
        return Format.CSV_DOWNLOAD
    return find_format(given)


def _nothing(call: Call) -> Response:
    """:raises UnknownFormat: where the format decides what nothing looks like."""
    operation = call.operation
    if operation.no_rows == "list" and _format(call) is Format.JSON:
        return Response("[]", media_type="application/json")
    # No content type: clients look at the length, and NBIA names none.
    return Response(status_code=204 if operation.no_rows == "no_content" else 200)


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
