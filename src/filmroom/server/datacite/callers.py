"""Who asks for DOIs: a repository with its symbol and password (Basic), or the holder of a token (Bearer)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.requests import Request

from filmroom.errors import AccessDenied, LoginRequired
from filmroom.model.access import PUBLIC, Viewer
from filmroom.model.accounts import IssuedTokens, TokenLifetimes
from filmroom.model.doi_repositories import DoiWriter
from filmroom.server.login import client_address
from filmroom.server.service import Service
from filmroom.server.viewers import viewer_of_token

_LONGEST_HEADER = 4_096
_REMEMBERED = 1_000
_BASIC = TokenLifetimes(access=300, refresh=0)
# DataCite's tokens last a month.
_BEARER = TokenLifetimes(access=2_592_000, refresh=0)


@dataclass(frozen=True, slots=True)
class DoiCaller:
    """Who asks, and for which repositories they may write and see what is not findable."""

    viewer: Viewer = PUBLIC
    writer: DoiWriter = field(default_factory=DoiWriter)

    @property
    def is_known(self) -> bool:
        """Whether they showed who they are."""
        return self.viewer.account_id is not None

    def known(self) -> DoiWriter:
        """Return who writes. :raises LoginRequired: when nobody has logged in."""
        if not self.is_known:
            raise LoginRequired("Bad credentials.")
        return self.writer


class Callers:
    """Finds out who asks. Whoever sends a wrong password is refused, also what everybody may read.

    A program sends its password with each request, and checking one takes long on purpose. So a right one is
    exchanged for a token of minutes, which is found by a digest that serves in this process alone; it ends
    with the account and the password like any other.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._key = secrets.token_bytes(32)
        self._tokens: OrderedDict[bytes, str] = OrderedDict()

    async def caller(self, request: Request) -> DoiCaller:
        """Return who sent a request.

        :raises AccessDenied: when what they show is not valid. :raises TooManyAttempts:
        """
        header = request.headers.get("authorization")
        if header is None:
            return DoiCaller()
        scheme, _, proof = header.partition(" ")
        if scheme.lower() == "basic" and len(header) <= _LONGEST_HEADER:
            viewer = await self._basic(request, proof.strip())
        elif scheme.lower() == "bearer":
            viewer = await viewer_of_token(self._service, proof.strip())
        else:
            raise AccessDenied("Bad credentials.")
        if viewer.account_id is None:
            return DoiCaller()
        repositories = self._service.catalog.doi_repositories()
        return DoiCaller(viewer, await self._service.in_thread(lambda: repositories.writer(viewer)))

    async def log_in(self, request: Request, name: str, password: str) -> IssuedTokens:
        """Return a token for a password. :raises AccessDenied: :raises TooManyAttempts:"""
        return await self._log_in(request, name, password, _BEARER)

    async def _basic(self, request: Request, encoded: str) -> Viewer:
        name, password = _name_and_password(encoded)
        digest = hmac.digest(self._key, f"{name}\0{password}".encode(), hashlib.sha256)
        token = self._tokens.get(digest)
        if token is not None:
            try:
                return await viewer_of_token(self._service, token)
            except AccessDenied:  # its minutes are over, or the account's
                self._tokens.pop(digest, None)
        token = (await self._log_in(request, name, password, _BASIC)).access
        self._tokens[digest] = token
        while len(self._tokens) > _REMEMBERED:
            self._tokens.popitem(last=False)
        return await viewer_of_token(self._service, token)

    async def _log_in(
        self, request: Request, name: str, password: str, lifetimes: TokenLifetimes
    ) -> IssuedTokens:
        service, address = self._service, client_address(request)

        def work() -> IssuedTokens:
            found = service.catalog.doi_repositories().find(name)
            login = name if found is None else found.symbol  # symbols are known in any case
            return service.catalog.tokens().log_in(login, password, lifetimes, address=address)

        return await service.guard.attempt(name.lower(), address, lambda: service.in_thread(work))


def _name_and_password(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    name, separator, password = text.partition(":")
    if not separator or "\0" in text:
        raise AccessDenied("Bad credentials.")
    return name, password
