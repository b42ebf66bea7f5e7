"""Simple search: pages of patients, their manifest, and whether their series may be used commercially."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response

from filmroom.catalog.simple_search import Found
from filmroom.model.search import Page, SimpleSearch
from filmroom.server.nbia.manifests import manifest_of, restrictions_of
from filmroom.server.nbia.pieces import json_of
from filmroom.server.service import Call, Service
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

    def pieces() -> Iterator[bytes]:
        found = _find(service, call, search)
        # All of them at once: what was found refers to all columns, which no slow client should keep.
        yield from list(
            answer_pieces(
                found.patients(page),
                found.summary(),
                page,
                authorized=call.operation.version == "v4",
                with_modalities=search.all_modalities,
            )
        )

    return await json_of(service, pieces())


async def manifest(service: Service, call: Call) -> Response:
    """``getManifestForSimpleSearch``: the matching series of the patients of a page."""
    search, page = _asked(service, call)

    def uids() -> Iterator[str]:
        yield from _find(service, call, search).series_uids(page)

    return await manifest_of(service, call, uids(), include_annotation=False)


async def restrictions(service: Service, call: Call) -> Response:
    """``getRestrictionsForSimpleSearch``: ``yes`` when a series of the page excludes commercial use."""
    search, page = _asked(service, call)
    return restrictions_of(
        await service.in_thread(lambda: _find(service, call, search).excludes_commercial(page))
    )
