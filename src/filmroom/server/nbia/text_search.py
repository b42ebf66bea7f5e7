"""Text search: patients, their manifest, and whether anything about them is restricted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, cast, get_args

import msgspec
from starlette.responses import Response, StreamingResponse

from filmroom.errors import InvalidInput
from filmroom.model.search import Page, SortField
from filmroom.model.text_search import TextHit, parse_question
from filmroom.server.nbia.manifests import manifest_of
from filmroom.server.service import Call, Service
from filmroom.wire.operation import JSON, MANIFEST

_LARGEST = 2**31 - 1
_ASCENDING = "ascending"
_encoder = msgspec.json.Encoder()


def _item(hit: TextHit) -> dict[str, Any]:
    return {
        "subjectId": hit.patient_id,
        "project": hit.collection,
        "id": hit.id,
        "totalNumberOfStudies": len(hit.studies),
        "totalNumberOfSeries": sum(len(study.series) for study in hit.studies),
        "studyIdentifiers": [
            {"seriesIdentifiers": study.series, "studyIdentifier": study.id} for study in hit.studies
        ],
        "hit": hit.excerpt,
    }


def _array(pages: Iterator[list[TextHit]]) -> Iterator[bytes]:
    opening = b"["
    for page in pages:
        # The piece is the page's own array without its brackets.
        yield opening + _encoder.encode([_item(hit) for hit in page])[1:-1]
        opening = b","
    yield b"[]" if opening == b"[" else b"]"


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > _LARGEST:
        raise InvalidInput(f"The parameter {name} is a whole number from 0.")
    return int(text)


def _page(params: Mapping[str, str]) -> Page:
    """:raises InvalidInput: for a number that is none."""
    sort = params.get("sortField", "")
    return Page(
        _number(params, "start", 0),
        _number(params, "size", 10),
        cast(SortField, sort if sort in get_args(SortField) else "collection"),
        descending=params.get("sortDirection") != _ASCENDING,
    )


async def _streamed(service: Service, pieces: Iterator[bytes]) -> Response:
    """Answer with pieces as they are made; what fails before the first one is still an answer of its own."""
    first = await service.next_of(pieces)

    async def body() -> AsyncIterator[bytes]:
        piece = first
        while piece is not None:
            yield piece
            piece = await service.next_of(pieces)

    return StreamingResponse(body(), media_type=JSON)


async def everything(service: Service, call: Call) -> Response:
    """``getTextSearch``: a list of patients."""
    question = parse_question(call.params["textValue"])

    def pieces() -> Iterator[bytes]:
        yield from _array(service.catalog.text_search().patients(question, call.visible)[1])

    return await _streamed(service, pieces())


async def page(service: Service, call: Call) -> Response:
    """``getTextSearchPaged``: some patients of the list, and how many there are."""
    question, wanted = parse_question(call.params["textValue"]), _page(call.params)
    sort = f"{wanted.sort}-{'descending' if wanted.descending else _ASCENDING}"

    def pieces() -> Iterator[bytes]:
        total, pages = service.catalog.text_search().patients(question, call.visible, wanted)
        yield b'{"resultSet":'
        yield from _array(pages)
        yield _encoder.encode({"totalPatients": total, "sort": sort}).replace(b"{", b",", 1)

    return await _streamed(service, pieces())


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
    restricted = await service.in_thread(lambda: search.excludes_commercial_use(question, call.visible))
    return Response(
        b"yes" if restricted else b"no",
        headers={"Content-Type": "application/text" if restricted else MANIFEST},
    )
