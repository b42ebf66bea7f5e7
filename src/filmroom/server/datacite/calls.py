"""One request to the DataCite API: its path, its parameters, who asks, and how it is answered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from filmroom import settings
from filmroom.catalog.doi_search import DoiSearch
from filmroom.errors import InvalidInput
from filmroom.model.doi_directory import DoiDirectory, parsed_aliases, parsed_names
from filmroom.model.doi_repositories import DoiWriter
from filmroom.server.datacite.callers import Callers, DoiCaller
from filmroom.server.datacite.problems import JSON
from filmroom.server.service import Service

_MOST_PARAMETERS = 500
_CALLBACK = re.compile(r"[A-Za-z_$][0-9A-Za-z_$]*(\.[A-Za-z_$][0-9A-Za-z_$]*)*", re.ASCII)
_LONGEST_CALLBACK = 100
_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,15})", re.ASCII)
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DataCiteOptions:
    """What can be chosen: the host of its own, names, and how it answers where DataCite varies.

    ``aliases`` and ``provider_names`` are as the settings have them.
    """

    host: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    provider_names: Mapping[str, str] = field(default_factory=dict)
    facets_by_default: bool = True
    strict_query: bool = False

    @classmethod
    def from_settings(cls) -> DataCiteOptions:
        """Take everything from the environment. :raises InvalidInput: for a value that cannot be."""
        host = settings.get("datacite_host").strip().lower()
        if host and not _HOST.fullmatch(host):
            raise InvalidInput(f"FILMROOM_DATACITE_HOST must be a host name, not {host[:80]!r}.")
        return cls(
            host,
            parsed_aliases(settings.get("datacite_aliases")),
            parsed_names(settings.get("datacite_providers")),
            facets_by_default=settings.get_switch("datacite_facets"),
            strict_query=settings.get_switch("datacite_strict_query"),
        )


@dataclass(frozen=True, slots=True)
class Site:
    """The API as it is served: the archive, who may ask, and what was chosen."""

    service: Service
    callers: Callers
    search: DoiSearch
    options: DataCiteOptions

    async def directory(self) -> DoiDirectory:
        """Return the repositories that are known at this moment."""
        catalog = self.service.catalog

        def read() -> DoiDirectory:
            return DoiDirectory(
                catalog.doi_repositories().all(),
                with_records=self.search.clients(),
                aliases=self.options.aliases,
                provider_names=self.options.provider_names,
            )

        return await self.service.in_thread(read)


class Parameters:
    """The parameters of a request. Hyphens in a name count as underscores; the last of equal names counts."""

    def __init__(self, query: bytes) -> None:
        """Read a query string. :raises InvalidInput: for absurdly many parameters."""
        try:
            self.given = parse_qsl(
                query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS
            )
        except ValueError:
            raise InvalidInput("The request has too many parameters.") from None
        self._values = {_folded(name): value.replace("\0", "") for name, value in self.given}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return a value, empty without one."""
        return self._values.get(name, "")

    def is_true(self, name: str) -> bool:
        """Whether a value is ``true``."""
        return self.text(name) == "true"

    def list(self, name: str) -> tuple[str, ...]:
        """Return the values between commas."""
        return tuple(part for part in (each.strip() for each in self.text(name).split(",")) if part)

    def query_with(self, changed: Mapping[str, str]) -> str:
        """Return the query string with some parameters set, all in order of their names."""
        kept = {name: value for name, value in self.given if _folded(name) not in changed}
        both = sorted({**kept, **changed}.items())
        return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in both)

    def with_values(self, fixed: Mapping[str, str]) -> Parameters:
        """Return the same parameters where some have other values, which the request did not send."""
        made = Parameters(b"")
        made.given = self.given
        made._values = {**self._values, **{_folded(name): value for name, value in fixed.items()}}
        return made


def leading_number(text: str) -> int:
    """Return the whole number that a text begins with, 0 where it begins with none."""
    found = _NUMBER.match(text)
    return int(found[1]) if found else 0


def _folded(name: str) -> str:
    head, bracket, rest = name.partition("[")
    return head.replace("-", "_") + bracket + rest


@dataclass(frozen=True, slots=True)
class DoiCall:
    """One request. ``names`` are the parts that its route found in the path."""

    site: Site
    request: Request
    path: str
    parameters: Parameters
    caller: DoiCaller
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def viewer(self) -> DoiWriter:
        """Whose records that are not findable may be shown."""
        return self.caller.writer

    @property
    def root(self) -> str:
        """Address of the API, without a slash at the end."""
        mounted: str = self.request.scope.get("root_path", "")
        if mounted:
            return self.site.service.root(self.request) + mounted
        return str(self.request.base_url).rstrip("/")

    @property
    def address(self) -> str:
        """Address of this request as it was sent."""
        query = self.request.scope["query_string"].decode("latin-1")
        return f"{self.root}/{self._path}" + (f"?{query}" if query else "")

    def next_address(self, changed: Mapping[str, str]) -> str:
        """Return the address of this request with parameters changed."""
        return f"{self.root}/{self._path.rstrip('/')}?{self.parameters.query_with(changed)}"

    @property
    def _path(self) -> str:
        sent: bytes = self.request.scope.get("raw_path") or quote(self.request.scope["path"]).encode()
        mounted: str = self.request.scope.get("root_path", "")
        return sent.decode("latin-1").partition("?")[0].removeprefix(mounted).lstrip("/")

    def answer(self, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """Return a JSON document as an answer, or 304 where the asker has it already.

        :raises InvalidInput: for a callback that is no name of a function.
        """
        body = msgspec.json.encode(document)
        callback = self.parameters.text("callback")
        if callback and self.request.method in {"GET", "HEAD"} and not self.caller.is_known:
            if not _CALLBACK.fullmatch(callback) or len(callback) > _LONGEST_CALLBACK:
                raise InvalidInput("The callback is no name of a function.")
            # The comment keeps the name from being the first bytes, which old plug-ins took for a format.
            body = b"/**/" + callback.encode() + b"(" + body + b")"
            return self.tagged(body, "application/javascript; charset=utf-8", status, headers)
        return self.tagged(body, JSON, status, headers)

    def tagged(
        self, body: bytes, media: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return an answer with its ETag, or 304 where the asker has it already."""
        tag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        more = {**(headers or {}), "ETag": tag}
        if status == 200 and self.request.method in {"GET", "HEAD"} and self._has(tag):
            return Response(status_code=304, headers=more)
        return Response(body, status, more, media_type=media)

    def _has(self, tag: str) -> bool:
        known = self.request.headers.get("if-none-match", "")
        tags = {part.strip().removeprefix("W/") for part in known.split(",")}
        return known.strip() == "*" or tag.removeprefix("W/") in tags


Handler = Callable[[DoiCall], Awaitable[Response | None]]
"""Answers a request; None leaves it to the next route that matches."""


@dataclass(frozen=True, slots=True)
class DoiRoute:
    """Which requests a handler is for: methods, and a pattern of the path without slashes at its ends."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    handler: Handler


def route(methods: str, pattern: str, handler: Handler) -> DoiRoute:
    """Return a route. :param methods: between spaces; GET answers HEAD as well."""
    allowed = frozenset(methods.split())
    return DoiRoute(
        allowed | {"HEAD"} if "GET" in allowed else allowed, re.compile(pattern, re.DOTALL), handler
    )
