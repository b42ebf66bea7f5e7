"""Lists of series of any length as JSON: the database writes the pages, a few of them at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator

from filmroom.catalog.series_pages import SeriesPages
from filmroom.server.service import Service
from filmroom.wire.json_format import Rows, encode_rows
from filmroom.wire.row_text import row_text
from filmroom.wire.views import View

# Pages of one list that are made or wait, beside the one that is sent.
_AHEAD = 2

Piece = Callable[[], bytes]


def pieces_of(view: View, pages: SeriesPages) -> Iterator[Piece] | None:
    """Return what makes each piece of the rows that are left; None where the database cannot write them."""
    form = row_text(view)
    return None if form is None else (_piece(view, read) for read in pages.texts(form))


def _piece(view: View, read: Callable[[], str | Rows]) -> Piece:
    def piece() -> bytes:
        found = read()
        return found.encode() if isinstance(found, str) else encode_rows(view, found) if found else b""

    return piece


async def stream(service: Service, beginning: bytes, pieces: Iterator[Piece]) -> AsyncIterator[bytes]:
    """Yield a JSON array.

    :param beginning: what is there already of it: at least one row, without the closing bracket.
    """
    yield beginning
    waiting: deque[asyncio.Future[bytes]] = deque()
    try:
        while True:
            while len(waiting) <= _AHEAD and (piece := await service.next_of(pieces)) is not None:
                waiting.append(asyncio.ensure_future(service.in_spare_thread(piece)))
            if not waiting:
                break
            text = await waiting.popleft()
            if text:
                yield b"," + text
        yield b"]"
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
