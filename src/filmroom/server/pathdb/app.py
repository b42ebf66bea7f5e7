"""PathDB's API: collections, images, files and the cohort table; and the ways to look at a slide."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from filmroom.errors import AgreementRequired, InvalidInput, NotFound
from filmroom.model.access import Scope, Viewer, VisibleSet
from filmroom.model.slides import Slide, SlideFile
from filmroom.server.endpoint import OPERATION_KEY
from filmroom.server.errors import POLICY_PATH
from filmroom.server.pathdb.files import SlideResponse
from filmroom.server.service import Service
from filmroom.server.viewers import viewer_of
from filmroom.wire import pathdb as wire

T = TypeVar("T")

_JSON = "application/json"
_LARGEST_NUMBER = 2**31 - 1


Handlers = list[tuple[str, Callable[[Request], Awaitable[Response]]]]
"""Paths, and what answers there to GET and HEAD."""


class PathDb:
    """The handlers of PathDB's own addresses. Raise errors of the tree; the table makes answers of them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handlers(self) -> Handlers:
        """Return what answers which path."""
        at = wire.MOUNT_PATH
        return [
            (f"{at}/{wire.COLLECTIONS_PATH}", self.collections),
            (f"{at}/{wire.IMAGES_PATH}/{{tid}}", self.images),
            (f"{at}/{wire.FILES_PATH}/{{slide_id}}/{{collection:path}}/{{name}}", self.file),
            (f"{at}/{wire.COHORT_PATH}", self.cohort),
        ]

    async def collections(self, request: Request) -> Response:
        """``/collections?_format=json``: those in which the viewer may see slides."""
        request.scope[OPERATION_KEY] = "pathdb/collections"
        _check_format(request)
        visible = VisibleSet(await viewer_of(self._service, request, "optional"))
        found = await self._service.in_thread(lambda: self._service.catalog.slides().collections(visible))
        return Response(wire.collections_json(found), media_type=_JSON)

    async def images(self, request: Request) -> Response:
        """``/listofimages/{tid}?_format=json&page=N``: pages count from 0; after the last, ``[]``."""
        request.scope[OPERATION_KEY] = "pathdb/listofimages"
        _check_format(request)
        collection_id, page = path_number(request.path_params["tid"]), _page(request)
        visible = VisibleSet(await viewer_of(self._service, request, "optional"))
        offset = page * wire.PAGE_SIZE
        found = await self._service.in_thread(
            lambda: self._service.catalog.slides().page(
                collection_id, visible, offset=offset, limit=wire.PAGE_SIZE
            )
        )
        root = self._service.root(request) + wire.MOUNT_PATH
        return Response(wire.images_json(found, root), media_type=_JSON)

    async def file(self, request: Request) -> Response:
        """The file of a slide: whole, or the range that is asked for."""
        request.scope[OPERATION_KEY] = "pathdb/file"
        slide_id = path_number(request.path_params["slide_id"])
        viewer = await viewer_of(self._service, request, "optional")
        file = await slide_file(self._service, request, slide_id, viewer, lambda found: found)
        if file.name != request.path_params["name"]:
            raise NotFound("There is no such file.")
        return SlideResponse(self._service, request, slide_id, file, viewer.login)

    async def cohort(self, request: Request) -> Response:
        """The cohort table: every slide that the viewer may see, as CSV."""
        request.scope[OPERATION_KEY] = "pathdb/cohort"
        visible = VisibleSet(await viewer_of(self._service, request, "optional"))
        site = self._service.root(request)
        pages = self._service.catalog.slides().all(visible)
        # The first page is read before the answer begins, so that a failure can be told.
        first = await self._service.in_thread(lambda: next(pages, []))
        return StreamingResponse(self._table(first, pages, site), media_type="text/csv; charset=utf-8")

    async def _table(
        self, first: list[Slide], pages: Iterator[list[Slide]], site: str
    ) -> AsyncIterator[bytes]:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, wire.COHORT_COLUMNS, restval="", lineterminator="\r\n")
        writer.writeheader()
        page = first
        while True:
            for slide in page:
                writer.writerow(wire.cohort_row(slide, site + wire.MOUNT_PATH, site))
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
            page = await self._service.in_thread(lambda: next(pages, []))
            if not page:
                return


async def slide_file(
    service: Service, request: Request, slide_id: int, viewer: Viewer, use: Callable[[SlideFile], T]
) -> T:
    """Find the file of a slide that the viewer may have bytes of, and return what is made of it, in a thread.

    :raises NotFound: when there is none that it may see. :raises AgreementRequired: with where to accept.
    """
    visible = VisibleSet(viewer, Scope.RETRIEVE)
    return await agreed(service, request, lambda: use(service.catalog.slides().file(slide_id, visible)))


async def agreed(service: Service, request: Request, ask: Callable[[], T]) -> T:
    """Ask for bytes, in a thread. :raises AgreementRequired: with where to accept."""
    try:
        return await service.in_thread(ask)
    except AgreementRequired as error:
        error.address = service.root(request) + POLICY_PATH
        raise


async def visible_slide(service: Service, request: Request, slide_id: int) -> Slide:
    """Return what is known of a slide that the viewer may see. :raises NotFound:"""
    visible = VisibleSet(await viewer_of(service, request, "optional"), Scope.RETRIEVE)
    return await service.in_thread(lambda: service.catalog.slides().find(slide_id, visible))


def _check_format(request: Request) -> None:
    if request.query_params.get("_format", "json") != "json":
        raise InvalidInput("The only format is json: ?_format=json")


def path_number(text: str) -> int:
    """Return a number of a path; what is none names nothing. :raises NotFound:"""
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > _LARGEST_NUMBER:
        raise NotFound("There is nothing of that number.")
    return int(text)


def _page(request: Request) -> int:
    text = request.query_params.get("page", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidInput("A page is a number from 0.")
    return int(text)
