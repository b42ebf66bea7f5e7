"""Simple search: pages of patients, their manifest, and whether their series may be used commercially."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from starlette.responses import Response, StreamingResponse

from filmroom.catalog.simple_search import Found
from filmroom.model.search import Page, SimpleSearch
from filmroom.server.nbia.manifests import manifest_of
from filmroom.server.service import Call, Service
from filmroom.wire.operation import JSON, MANIFEST
from filmroom.wire.simple_search import answer_pieces, read_page, read_search


def _asked(service: Service, call: Call) -> tuple[SimpleSearch, Page]:
    """:raises InvalidInput:"""
    search = read_search(call.params, call.operation.version, date_alias=service.date_alias)
    return search, read_page(call.params)


def _find(service: Service, call: Call, search: SimpleSearch) -> Found:
    return service.searches.find(search, call.visible)


async def patients(service: Service, call: Call) -> Response:
    """``getSimpleSearch``: a page of patients, and counts over all that were found."""
    search, page = _asked(service, call)

    def begin() -> tuple[bytes, bytes | None, Iterator[bytes]]:
        found = _find(service, call, search)
        pieces = answer_pieces(
            found.patients(page),
            found.summary(),
            page,
            authorized=call.operation.version == "v4",
            with_modalities=search.all_modalities,
        )
        return next(pieces), next(pieces, None), pieces

    # One trip to the thread pool for most answers; only long pages come in pieces.
    first, second, rest = await service.in_thread(begin)
    if second is None:
        return Response(first, media_type=JSON)

    async def body() -> AsyncIterator[bytes]:
        yield first
        piece: bytes | None = second
        while piece is not None:
            yield piece
            piece = await service.next_of(rest)

    return StreamingResponse(body(), media_type=JSON)


async def manifest(service: Service, call: Call) -> Response:
    """``getManifestForSimpleSearch``: the matching series of the patients of a page."""
    search, page = _asked(service, call)

    def uids() -> Iterator[str]:
        yield from _find(service, call, search).series_uids(page)

    return await manifest_of(service, call, uids(), include_annotation=False)


async def restrictions(service: Service, call: Call) -> Response:
    """``getRestrictionsForSimpleSearch``: ``yes`` when a series of the page excludes commercial use."""
    search, page = _asked(service, call)
    restricted = await service.in_thread(lambda: _find(service, call, search).excludes_commercial(page))
    return Response(
        b"yes" if restricted else b"no",
        headers={"Content-Type": "application/text" if restricted else MANIFEST},
    )
