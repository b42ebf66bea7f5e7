"""Text search: patients, their manifest, and whether anything about them is restricted."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response

from filmroom.model.text_search import parse_question
from filmroom.server.nbia.manifests import manifest_of, restrictions_of
from filmroom.server.nbia.pieces import json_of
from filmroom.server.service import Call, Service
from filmroom.wire.simple_search import read_page
from filmroom.wire.text_search import list_pieces, page_pieces


async def everything(service: Service, call: Call) -> Response:
    """``getTextSearch``: a list of patients."""
    question = parse_question(call.params["textValue"])

    def pieces() -> Iterator[bytes]:
        _, pages = service.catalog.text_search().patients(question, call.visible)
        yield from list_pieces(pages)

    return await json_of(service, pieces())


async def page(service: Service, call: Call) -> Response:
    """``getTextSearchPaged``: some patients of the list, and how many there are."""
    question, wanted = parse_question(call.params["textValue"]), read_page(call.params)

    def pieces() -> Iterator[bytes]:
        total, pages = service.catalog.text_search().patients(question, call.visible, wanted)
        yield from page_pieces(total, pages, wanted)

    return await json_of(service, pieces())


async def manifest(service: Service, call: Call) -> Response:
    """``getManifestForTextSearch``: all series of the patients."""
    question = parse_question(call.params["textValue"])

    def uids() -> Iterator[str]:
        for some in service.catalog.text_search().series_uids(question, call.visible):
            yield from some

    return await manifest_of(service, call, uids(), include_annotation=False)


async def restrictions(service: Service, call: Call) -> Response:
    """``getRestrictionsForTextSearch``: ``yes`` when a series of the patients excludes commercial use."""
    question = parse_question(call.params["textValue"])
    search = service.catalog.text_search()
    return restrictions_of(
        await service.in_thread(lambda: search.excludes_commercial_use(question, call.visible))
    )
