"""The whole server as one ASGI application."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp

from filmroom import settings
from filmroom.catalog import Catalog
from filmroom.errors import InvalidInput
from filmroom.model.access import VisibleSet
from filmroom.model.accounts import TokenLifetimes
from filmroom.model.queries import FindValues
from filmroom.server import pages
from filmroom.server.audit import Audit
from filmroom.server.endpoint import OPERATION_KEY, Endpoints
from filmroom.server.login import LOGOUT_PATHS, TOKEN_PATHS, Login, LoginOptions
from filmroom.server.metrics import CONTENT_TYPE, Metrics
from filmroom.server.openapi import openapi_document
from filmroom.server.requests import RequestRecorder
from filmroom.server.service import Service
from filmroom.store.base import Store
from filmroom.store.content import ContentReader
from filmroom.wire.operations import OPERATIONS

_LONGEST_AGREEMENT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What can be chosen about a server beside the archive it serves."""

    agreement: str = ""
    metrics_from_anywhere: bool = False
    public_url: str = ""
    s3_redirect: bool = False
    login: LoginOptions = field(default_factory=LoginOptions)
    empty_401: bool = False

    @classmethod
    def from_settings(cls) -> ServerOptions:
        """Take everything from the environment.

        :raises InvalidInput: when the agreement file cannot be read as text, or a number is none.
        """
        return cls(
            agreement=_agreement(settings.get("agreement_file")),
            metrics_from_anywhere=settings.get_switch("metrics_from_anywhere"),
            public_url=settings.get("public_url").rstrip("/"),
            s3_redirect=settings.get_switch("s3_redirect"),
            login=LoginOptions(
                TokenLifetimes(_positive("access_token_seconds"), _positive("refresh_token_seconds")),
                failures_per_minute=_positive("login_failures_per_minute"),
                in_query=settings.get_switch("login_in_query"),
            ),
            empty_401=settings.get_switch("compat_empty_401"),
        )


def _positive(name: str) -> int:
    value = settings.get_integer(name)
    if value < 1:
        raise InvalidInput(f"The setting {name} must be at least 1, not {value}.")
    return value


def _agreement(path: str) -> str:
    if not path:
        return ""
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_LONGEST_AGREEMENT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The agreement file cannot be read: {error}.") from None
    if len(text) > _LONGEST_AGREEMENT:
        raise InvalidInput("The agreement file is longer than 1 MiB.")
    return text


def create_app(
    catalog: Catalog,
    store: Store,
    *,
    options: ServerOptions | None = None,
    on_close: Callable[[], None] | None = None,
) -> Starlette:
    """Return the application that serves one archive.

    :param on_close: called when the application ends, after the last record is written.
    """
    options = options or ServerOptions()
    metrics = Metrics()
    service = Service(
        catalog,
        store,
        ContentReader(store),
        Audit(catalog),
        metrics,
        agreement=options.agreement,
        redirects=options.s3_redirect,
        empty_401=options.empty_401,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.audit.start()
        try:
            yield
        finally:
            await service.in_thread(service.audit.close)
            if on_close is not None:
                on_close()

    return Starlette(
        routes=[
            *_login_routes(Login(service, options.login)),
            Route("/nbia-api/{operation:path}", _with_cors(Endpoints(service, OPERATIONS))),
            *_site_routes(service, options),
        ],
        middleware=[Middleware(RequestRecorder, metrics=metrics)],
        exception_handlers={HTTPException: _plain_http_error},
        lifespan=lifespan,
    )


def _login_routes(login: Login) -> list[Route]:
    token, logout = (_with_cors(request_response(each)) for each in (login.token, login.logout))
    return [
        *(Route(path, token) for path in TOKEN_PATHS),
        *(Route(path, logout) for path in LOGOUT_PATHS),
    ]


def _with_cors(app: ASGIApp) -> CORSMiddleware:
    """Let pages of every origin use the API; the rest of the server is not theirs."""
    return CORSMiddleware(
        app,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "HEAD", "OPTIONS", "PUT"],
        allow_headers=[
            "Content-Type",
            "X-Requested-With",
            "accept",
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
            "Authorization",
            "Range",
            "If-Range",
        ],
        expose_headers=["Content-Disposition", "Content-Range", "Accept-Ranges", "ETag", "X-Request-ID"],
        max_age=10,
    )


def _site_routes(service: Service, options: ServerOptions) -> list[Route]:
    document = openapi_document(OPERATIONS, options.public_url)
    api_page = pages.api_page(OPERATIONS)

    async def up(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "up"
        return PlainTextResponse("up")

    async def metrics(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "metrics"
        if not options.metrics_from_anywhere and not _is_local(request):
            return PlainTextResponse("Metrics are given to this machine only.", 403)
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    async def openapi(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "openapi"
        return JSONResponse(document)

    async def docs(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "docs"
        return HTMLResponse(api_page, headers=pages.PAGE_HEADERS)

    async def home(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "home"
        found = await service.in_thread(lambda: _public_collections(service.catalog))
        return HTMLResponse(pages.home_page(found), headers=pages.PAGE_HEADERS)

    return [
        Route("/", home),
        Route("/docs", docs),
        Route("/openapi.json", openapi),
        Route("/up", up),
        Route("/metrics", metrics),
    ]


def _public_collections(catalog: Catalog) -> list[str]:
    query = FindValues(column="collection")
    return [row["collection"] for page in catalog.rows(query, VisibleSet()) for row in page]


def _is_local(request: Request) -> bool:
    """Whether a request comes from this machine and not through a proxy on it."""
    if request.client is None or any(
        name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via")
    ):
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


async def _plain_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    text = {404: "There is no such page.", 405: "This page answers GET and HEAD only."}
    return PlainTextResponse(text.get(error.status_code, error.detail), error.status_code, error.headers)
