"""JSON that is made piece by piece, so that an answer of any length takes little memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from starlette.responses import Response, StreamingResponse

from filmroom.server.service import Service
from filmroom.wire.operation import JSON


async def json_of(service: Service, pieces: Iterator[bytes]) -> Response:
    """Answer with pieces, of which there is at least one; making them may block.

    What goes wrong before the third one is an error of its own; after that only the connection can tell it.
    """
    # One trip to the thread pool for most answers; only long ones come in several.
    first, second, third = await service.in_thread(
        lambda: (next(pieces), next(pieces, None), next(pieces, None))
    )
    begun = first + (second or b"")
    if third is None:
        return Response(begun, media_type=JSON)

    async def body() -> AsyncIterator[bytes]:
        yield begun
        piece: bytes | None = third
        while piece is not None:
            yield piece
            piece = await service.next_of(pieces)

    return StreamingResponse(body(), media_type=JSON)
