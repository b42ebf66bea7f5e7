"""The handlers of the Collection Manager: what everybody may read, whoever asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, request_response

from filmroom import settings
from filmroom.errors import InvalidInput, NotFound
from filmroom.server.clean_html import clean_html
from filmroom.server.collection_manager.asked import Asked
from filmroom.server.cors import with_cors
from filmroom.server.datacite.conversions import as_travelling
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import error_response
from filmroom.server.service import Service
from filmroom.wire.collection_manager.resources import (
    MEDIA_PATH,
    RESOURCES,
    ROOT_PATH,
    VERSIONS,
    Field,
    Resource,
    Version,
    media,
)
from filmroom.wire.collection_manager.rows import Edition

_LAYOUT = frozenset({"h3", "h4", "table", "thead", "tbody", "tr", "td", "th"})


class CollectionManager:
    """Lists and single entries of every resource, in both versions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._datasets = service.catalog.datasets(settings.get("doi_short_name_type"))

    def routes(self) -> list[BaseRoute]:
        """Return what answers where, with and without a slash at the end."""
        found: list[BaseRoute] = []
        for version in VERSIONS:
            at = f"{ROOT_PATH}/{version}/{{resource}}"
            found += [self._route(f"{at}{end}", version, one=False) for end in ("", "/")]
            found += [self._route(f"{at}/{{number}}{end}", version, one=True) for end in ("", "/")]
        at = f"{ROOT_PATH}/{MEDIA_PATH}/{{number}}"
        return [*found, *(_route(f"{at}{end}", self.media) for end in ("", "/"))]

    def _route(self, path: str, version: Version, *, one: bool) -> Route:
        async def handler(request: Request) -> Response:
            return await self._answer(request, version, one=one)

        return _route(path, handler)

    async def media(self, request: Request) -> Response:
        """``wp/v2/media/{number}``: where the file of a download is."""
        request.scope[OPERATION_KEY] = f"collection manager/{MEDIA_PATH}"
        try:
            edition = await self._edition(request)
            found = _numbered(edition.downloads, request.path_params["number"])
            return JSONResponse(media(found))
        except Exception as error:  # noqa: BLE001 - the table of errors decides, and logs what it must
            return _problem(error, request)

    async def _answer(self, request: Request, version: Version, *, one: bool) -> Response:
        name = request.path_params["resource"]
        known = name if name in RESOURCES else "unknown"
        request.scope[OPERATION_KEY] = f"collection manager/{version}/{known}"
        try:
            if name not in RESOURCES:
                raise NotFound("There is no such resource.")
            resource = RESOURCES[name]
            asked = Asked.of(resource, version, request.query_params)
            edition = await self._edition(request)
            if one:
                return await self._service.in_thread(
                    lambda: self._one(resource, edition, asked, request.path_params["number"])
                )
            made = _listed if version == "v2" else _bare
            return await self._service.in_thread(lambda: made(request, edition, asked))
        except Exception as error:  # noqa: BLE001 - the table of errors decides, and logs what it must
            return _problem(error, request)

    async def _edition(self, request: Request) -> Edition:
        # Counting a large archive takes seconds after it changed: others do not wait for it.
        published = await self._service.in_spare_thread(self._datasets.published)
        return Edition(published, self._service.root(request), as_travelling)

    @staticmethod
    def _one(resource: Resource, edition: Edition, asked: Asked, number: str) -> Response:
        return JSONResponse(_told(_numbered(resource.rows(edition), number), asked.fields))


def _route(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, with_cors(request_response(handler)), methods=["GET", "OPTIONS"])


def _listed(_request: Request, edition: Edition, asked: Asked) -> Response:
    """Answer as v2 does: the page, and how many there are."""
    found = asked.found(asked.resource.rows(edition))
    return JSONResponse(
        {
            "results": [_told(row, asked.fields) for row in asked.part(found)],
            "page": asked.page,
            "per_page": asked.per_page,
            "total_pages": asked.pages(found),
            "total": len(found),
        }
    )


def _bare(request: Request, edition: Edition, asked: Asked) -> Response:
    """Answer as v1 does: a bare list, and in the head where the next page is."""
    found = asked.found(asked.resource.rows(edition))
    pages = asked.pages(found)
    if asked.page > pages:
        raise InvalidInput("The page number requested is larger than the number of pages available.")
    given = {name: value for name, value in request.query_params.items() if name != "page"}
    address = f"{edition.root}{ROOT_PATH}/v1/{asked.resource.name}/"
    links = [
        f'<{address}?{urlencode({**given, "page": number})}>; rel="{relation}"'
        for relation, number in (("prev", asked.page - 1), ("next", asked.page + 1))
        if 1 <= number <= pages
    ]
    headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
    if links:
        headers["Link"] = ", ".join(links)
    return JSONResponse([_told(row, asked.fields) for row in asked.part(found)], headers=headers)


def _told(row: Any, fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        each.name: clean_html(each.make(row), also=_LAYOUT) if each.markup else each.make(row)
        for each in fields
    }


def _numbered(rows: Any, text: str) -> Any:
    """Return the row of a number. :raises NotFound:"""
    if text.isascii() and text.isdigit() and len(text) <= 16:
        for row in rows:
            if row.number == int(text):
                return row
    raise NotFound("There is nothing of that number.")


def _problem(error: Exception, request: Request) -> Response:
    """Answer as WordPress does where the request is wrong; see ``server.errors`` for the rest."""
    if isinstance(error, NotFound):
        return _wrong(404, "rest_post_invalid_id", "Invalid post ID.")
    if isinstance(error, InvalidInput):
        return _wrong(400, "rest_invalid_param", str(error))
    return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))


def _wrong(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message, "data": {"status": status}}, status)
