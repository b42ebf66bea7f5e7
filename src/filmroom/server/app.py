"""The whole server as one ASGI application."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Mount, Route, request_response

from filmroom import settings
from filmroom.catalog import Catalog
from filmroom.errors import InvalidInput
from filmroom.model.access import VisibleSet
from filmroom.model.accounts import TokenLifetimes
from filmroom.model.policy import Attribution
from filmroom.model.queries import FindValues
from filmroom.server import pages
from filmroom.server.attempts import LoginGuard
from filmroom.server.audit import Audit
from filmroom.server.collection_manager.app import CollectionManager
from filmroom.server.cors import with_cors
from filmroom.server.datacite.app import MOUNT_PATH, DataCiteApi
from filmroom.server.datacite.calls import DataCiteOptions
from filmroom.server.endpoint import OPERATION_KEY, Endpoints
from filmroom.server.errors import POLICY_PATH
from filmroom.server.indexer import BackgroundIndexer
from filmroom.server.landing import LandingPages
from filmroom.server.landing_page import LANDING_PATH
from filmroom.server.legacy import MIGRATION_PATH, Deprecated
from filmroom.server.login import Login, LoginOptions
from filmroom.server.metrics import CONTENT_TYPE, Metrics
from filmroom.server.oidc_options import OidcOptions
from filmroom.server.openapi import openapi_document
from filmroom.server.pathdb.routes import slide_routes
from filmroom.server.policy import PolicyPages, policy_links
from filmroom.server.policy_page import ACCEPT_PATH, LOGIN_PATH
from filmroom.server.registration.options import RegistrationOptions
from filmroom.server.registration.worker import BackgroundRegistrar
from filmroom.server.requests import RequestRecorder
from filmroom.server.search_preparation import SearchPreparation
from filmroom.server.service import Service
from filmroom.store.base import Store
from filmroom.store.content import ContentReader
from filmroom.wire.login import LOGOUT_PATHS, TOKEN_PATHS
from filmroom.wire.manifest import SERVLET_FOLDER
from filmroom.wire.operations import OPERATIONS, Operation
from filmroom.wire.operations.legacy import REPLACED_OPERATIONS

if TYPE_CHECKING:  # its libraries come with the extra oidc
    from filmroom.server.oidc_provider import Provider


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What can be chosen about a server beside the archive it serves."""

    metrics_from_anywhere: bool = False
    public_url: str = ""
    attribution: Attribution | None = None
    s3_redirect: bool = False
    login: LoginOptions = field(default_factory=LoginOptions)
    empty_401: bool = False
    text_index: bool = False
    date_alias: bool = True
    legacy_api: bool = True
    oidc: OidcOptions | None = None
    datacite: DataCiteOptions = field(default_factory=DataCiteOptions)
    registration: RegistrationOptions | None = None

    @classmethod
    def from_settings(cls) -> ServerOptions:
        """Take everything from the environment.

        :raises InvalidInput: for a value that cannot be.
        """
        oidc = OidcOptions.from_settings()
        if oidc is not None and not settings.get("public_url"):
            raise InvalidInput(
                "With an OpenID Connect provider, FILMROOM_PUBLIC_URL is needed.",
                advice="The provider sends browsers back there.",
            )
        return cls(
            metrics_from_anywhere=settings.get_switch("metrics_from_anywhere"),
            public_url=settings.get("public_url").rstrip("/"),
            attribution=_attribution(),
            s3_redirect=settings.get_switch("s3_redirect"),
            login=LoginOptions(
                TokenLifetimes(
                    settings.get_positive("access_token_seconds"),
                    settings.get_positive("refresh_token_seconds"),
                ),
                failures_per_minute=settings.get_positive("login_failures_per_minute"),
                in_query=settings.get_switch("login_in_query"),
                in_servlets=settings.get_switch("login_in_servlets"),
            ),
            empty_401=settings.get_switch("compat_empty_401"),
            text_index=settings.get_switch("text_index"),
            date_alias=settings.get_switch("search_date_alias"),
            legacy_api=settings.get_switch("legacy_api"),
            oidc=oidc,
            datacite=DataCiteOptions.from_settings(),
            registration=RegistrationOptions.from_settings(),
        )


def _attribution() -> Attribution | None:
    """Return what the settings say of where a mirror's data come from. :raises InvalidInput:"""
    given = [settings.get(f"attribution_{part}").strip() for part in ("name", "policy_url", "citation")]
    return Attribution(*given) if any(given) else None


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
        catalog.searches(),
        redirects=options.s3_redirect,
        public_url=options.public_url,
        attribution=options.attribution,
        empty_401=options.empty_401,
        provider=_provider(options),
        guard=LoginGuard(options.login.failures_per_minute),
        servlet_passwords=options.login.in_servlets,
        date_alias=options.date_alias,
    )

    indexer = BackgroundIndexer(catalog, service.reader)
    preparation = SearchPreparation(service.searches)
    registrar = BackgroundRegistrar(catalog, options.registration) if options.registration else None

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        service.audit.start()
        preparation.start()
        if options.text_index:
            indexer.start()
        if registrar is not None:
            registrar.start()
        try:
            yield
        finally:
            if registrar is not None:
                await service.in_thread(registrar.close)
            await service.in_thread(preparation.close)
            await service.in_thread(indexer.close)
            await service.in_thread(service.audit.close)
            if on_close is not None:
                on_close()

    served = tuple(each for each in OPERATIONS if options.legacy_api or each.successor is None)
    endpoints = Endpoints(service, served)
    login = Login(service, options.login)
    return Starlette(
        routes=[
            *_datacite_routes(service, options.datacite),
            *_login_routes(login),
            *_policy_routes(PolicyPages(service, login)),
            Route(f"{LANDING_PATH}/{{doi:path}}", LandingPages(service).show),
            *_institute_routes(service, options),
            *slide_routes(service),
            *CollectionManager(service).routes(),
            Route("/nbia-api/{operation:path}", with_cors(endpoints)),
            Route(f"{SERVLET_FOLDER}/{{operation:path}}", endpoints),
            Route("/services/{operation:path}", with_cors(Deprecated(endpoints, served))),
            *_site_routes(service, options, served),
        ],
        middleware=[
            Middleware(
                RequestRecorder,
                metrics=metrics,
                links=policy_links(options.public_url, options.attribution),
            )
        ],
        exception_handlers={HTTPException: _plain_http_error},
        lifespan=lifespan,
    )


def _datacite_routes(service: Service, options: DataCiteOptions) -> list[BaseRoute]:
    api = DataCiteApi(service, options)
    own_host: list[BaseRoute] = [Host(options.host, api)] if options.host else []
    return [*own_host, Mount(MOUNT_PATH, api)]


def _login_routes(login: Login) -> list[Route]:
    token, logout = (with_cors(request_response(each)) for each in (login.token, login.logout))
    return [
        *(Route(path, token) for path in TOKEN_PATHS),
        *(Route(path, logout) for path in LOGOUT_PATHS),
    ]


def _policy_routes(policy: PolicyPages) -> list[Route]:
    return [
        Route(POLICY_PATH, policy.show),
        Route(LOGIN_PATH, policy.log_in, methods=["POST"]),
        Route(ACCEPT_PATH, policy.accept, methods=["POST"]),
    ]


def _provider(options: ServerOptions) -> Provider | None:
    if options.oidc is None:
        return None
    from filmroom.server.oidc_provider import Provider

    return Provider(options.oidc)


def _institute_routes(service: Service, options: ServerOptions) -> list[Route]:
    if options.oidc is None or service.provider is None:
        return []
    from filmroom.server.oidc import CALLBACK_PATH, BrowserLogin

    login = BrowserLogin(service, service.provider, options.oidc, options.public_url)
    return [Route(pages.INSTITUTE_LOGIN_PATH, login.start), Route(CALLBACK_PATH, login.finish)]


def _site_routes(service: Service, options: ServerOptions, operations: tuple[Operation, ...]) -> list[Route]:
    document = openapi_document(operations, options.public_url)
    api_page = pages.api_page(operations)
    migration_page = pages.migration_page(REPLACED_OPERATIONS, answered=options.legacy_api)

    async def up(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "up"
        return PlainTextResponse("up")

    async def metrics(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "metrics"
        if not options.metrics_from_anywhere and not _is_local(request):
            return PlainTextResponse("Metrics are given to this machine only.", 403)
        service.metrics.set_text_index(await service.in_thread(service.catalog.text_index().state))
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    async def openapi(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "openapi"
        return JSONResponse(document)

    async def docs(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "docs"
        return HTMLResponse(api_page, headers=pages.PAGE_HEADERS)

    async def migration(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "migration"
        return HTMLResponse(migration_page, headers=pages.PAGE_HEADERS)

    async def home(request: Request) -> Response:
        request.scope[OPERATION_KEY] = "home"
        found = await service.in_thread(lambda: _public_collections(service.catalog))
        return HTMLResponse(
            pages.home_page(found, institute=options.oidc is not None), headers=pages.PAGE_HEADERS
        )

    return [
        Route("/", home),
        Route("/docs", docs),
        Route(MIGRATION_PATH, migration),
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
