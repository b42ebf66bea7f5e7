"""The DataCite API as one ASGI application: from path and method to handler, from error to answer."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from filmroom.server.datacite import (
    activities,
    conversions,
    listing,
    member_lists,
    reading,
    works,
    writing,
)
from filmroom.server.datacite.callers import Callers
from filmroom.server.datacite.calls import DataCiteOptions, DoiCall, DoiRoute, Parameters, Site
from filmroom.server.datacite.problems import NOT_FOUND, ApiProblem, problem_response
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.service import Service

MOUNT_PATH = "/datacite"

# The first that matches and does not decline answers. Fixed words stand before paths that hold a DOI, what
# follows a DOI before the DOI alone.
ROUTES: tuple[DoiRoute, ...] = (
    *writing.ROUTES,
    *listing.ROUTES,
    *activities.ROUTES,
    *member_lists.ROUTES,
    *works.ROUTES,
    *conversions.ROUTES,
    *reading.ROUTES,
)

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Authorization, ETag, Link, Location",
}
_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, If-None-Match,"
    " X-Requested-With",
    "Access-Control-Max-Age": "7200",
}
_FRESH = "max-age=0, private, must-revalidate"


class DataCiteApi:
    """Answers below :data:`MOUNT_PATH`, and on a host of its own where one is set."""

    def __init__(self, service: Service, options: DataCiteOptions) -> None:
        self._site = Site(service, Callers(service), service.catalog.doi_search(), options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - the table of problems decides, and logs what it must
            response = problem_response(error, scope.get(REQUEST_ID_KEY, ""))
        for name, value in _CORS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Vary", "Accept, Accept-Encoding, Authorization")
        response.headers.setdefault("Cache-Control", "no-cache" if response.status_code == 404 else _FRESH)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        scope = request.scope
        scope[OPERATION_KEY] = "datacite"
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        if "\0" in path:  # no name has it, and no database takes it
            raise ApiProblem.titled(404, NOT_FOUND)
        caller = await self._site.callers.caller(request)
        call = DoiCall(self._site, request, path, Parameters(scope["query_string"]), caller)
        for route in ROUTES:
            if request.method not in route.methods:
                continue
            found = route.pattern.fullmatch(path)
            if found is not None:
                scope[OPERATION_KEY] = f"datacite/{route.handler.__name__}"
                response = await route.handler(replace(call, names=found.groupdict()))
                if response is not None:
                    return response
        raise ApiProblem.titled(404, NOT_FOUND)
