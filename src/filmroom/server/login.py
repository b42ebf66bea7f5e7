"""Tokens over HTTP: the grants of OAuth 2.0 that NBIA's clients use (RFC 6749), and the end of a login.

Answers and errors are OAuth's, so they are not of the table in ``server.errors``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from filmroom.errors import AccessDenied, InvalidInput, TooManyAttempts
from filmroom.model.accounts import GUEST_LOGIN, IssuedTokens, TokenLifetimes
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import error_response
from filmroom.server.logs import get_logger
from filmroom.server.service import Service
from filmroom.server.viewers import bearer_token, guest_token, is_foreign_token, is_guest_token

_log = get_logger("filmroom.login")

_LONGEST_FORM = 16 * 1024
_MOST_FIELDS = 50
NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """What can be chosen about logins.

    ``failures_per_minute``: wrong passwords of one login within a minute before it must wait.
    ``in_query``: whether GET with the password in the address is answered, as the oldest clients ask.
    ``in_servlets``: whether the retriever's servlets take a password, which it hardly hides.
    """

    lifetimes: TokenLifetimes = field(default_factory=TokenLifetimes)
    guest: str = GUEST_LOGIN
    failures_per_minute: int = 10
    in_query: bool = False
    in_servlets: bool = False


class LoginRefused(Exception):
    """An answer of RFC 6749 section 5.2."""

    def __init__(self, status: int, error: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.error, self.headers = status, error, dict(headers or {})

    def response(self) -> Response:
        body = {"error": self.error, "error_description": str(self)}
        return JSONResponse(body, self.status, headers={**NOT_KEPT, **self.headers})


def _bad_request(text: str) -> LoginRefused:
    return LoginRefused(400, "invalid_request", text)


class Login:
    """The handlers of the token and logout addresses."""

    def __init__(self, service: Service, options: LoginOptions) -> None:
        self._service = service
        self._options = options

    async def token(self, request: Request) -> Response:
        """Issue tokens."""
        request.scope[OPERATION_KEY] = "token"
        try:
            fields = await self._fields(request)
            # Clients of 2022 to 2024 end without the key at a provider's address, and read no more of it.
            id_token = "" if "realm" in request.path_params else None
            return token_answer(await self._grant(request, fields), id_token=id_token)
        except LoginRefused as refused:
            _log.info(
                "token refused",
                request_id=request.scope.get(REQUEST_ID_KEY, ""),
                reason=refused.error,
                client=client_address(request),
            )
            return refused.response()
        except Exception as error:  # noqa: BLE001 - the table of errors decides, and logs what it must
            return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))

    async def logout(self, request: Request) -> Response:
        """End the login of the token."""
        request.scope[OPERATION_KEY] = "logout"
        if request.method not in {"GET", "POST"}:
            return PlainTextResponse("Log out with POST or GET.", 405, {"Allow": "GET, POST"})
        try:
            token = bearer_token(request)
            if token is None:
                raise AccessDenied("There is no token to end.")
            if self._service.provider is not None and is_foreign_token(token):
                raise InvalidInput("This token is of your institute's provider, and ends there.")
            if not is_guest_token(token):
                await self._service.in_thread(lambda: self._service.catalog.tokens().log_out(token))
        except Exception as error:  # noqa: BLE001
            return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))
        return PlainTextResponse("Logged out.", headers=NOT_KEPT)

    async def log_in(
        self, request: Request, login: str, password: str, lifetimes: TokenLifetimes
    ) -> IssuedTokens:
        """Check a password unless too many were wrong. :raises LoginRefused:"""
        try:
            return await self._attempt(
                request,
                login,
                lambda: self._service.catalog.tokens().log_in(
                    login, password, lifetimes, address=client_address(request)
                ),
            )
        except AccessDenied:
            raise LoginRefused(401, "invalid_grant", "Invalid user credentials") from None

    async def _fields(self, request: Request) -> dict[str, str]:
        if request.method == "POST":
            return await form_fields(request)
        if request.method == "GET" and self._options.in_query:
            return _fields(request.scope["query_string"])
        raise LoginRefused(405, "invalid_request", "Send the form with POST", {"Allow": "POST"})

    async def _grant(self, request: Request, fields: Mapping[str, str]) -> IssuedTokens:
        kind = _wanted(fields, "grant_type")
        grants: dict[str, Callable[[Request, Mapping[str, str]], Awaitable[IssuedTokens]]] = {
            "password": self._password,
            "refresh_token": self._refresh,
            "client_credentials": self._client,
        }
        if kind not in grants:
            raise LoginRefused(400, "unsupported_grant_type", "The grant type is not supported")
        return await grants[kind](request, fields)

    async def _password(self, request: Request, fields: Mapping[str, str]) -> IssuedTokens:
        login = _wanted(fields, "username")
        if login == self._options.guest:
            return self._guest()
        return await self.log_in(request, login, _wanted(fields, "password"), self._options.lifetimes)

    async def _client(self, request: Request, fields: Mapping[str, str]) -> IssuedTokens:
        header = request.headers.get("authorization")
        client_id, secret = _basic(header) if header else ("", "")
        if not header:
            client_id, secret = _wanted(fields, "client_id"), _wanted(fields, "client_secret")
        try:
            return await self._attempt(
                request,
                client_id,
                lambda: self._service.catalog.tokens().client_log_in(
                    client_id, secret, self._options.lifetimes, address=client_address(request)
                ),
            )
        except AccessDenied:
            ask = {"WWW-Authenticate": "Basic"} if header else {}
            raise LoginRefused(401, "invalid_client", "Invalid client credentials", ask) from None

    async def _refresh(self, request: Request, fields: Mapping[str, str]) -> IssuedTokens:
        token = _wanted(fields, "refresh_token")
        if is_guest_token(token):
            return self._guest()
        try:
            # Nothing to guess in 256 random bits: only the address is counted.
            return await self._attempt(
                request, None, lambda: self._service.catalog.tokens().refresh(token, self._options.lifetimes)
            )
        except AccessDenied:
            raise LoginRefused(400, "invalid_grant", "Invalid refresh token") from None

    async def _attempt(
        self, request: Request, name: str | None, work: Callable[[], IssuedTokens]
    ) -> IssuedTokens:
        """Let an attempt through unless too many failed, and count it when it fails.

        :raises AccessDenied: when it fails.
        """
        try:
            return await self._service.guard.attempt(
                name, client_address(request), lambda: self._service.in_thread(work)
            )
        except TooManyAttempts as error:
            wait = {"Retry-After": str(error.seconds)}
            raise LoginRefused(429, "too_many_attempts", str(error), wait) from None

    def _guest(self) -> IssuedTokens:
        lifetimes = self._options.lifetimes
        return IssuedTokens(guest_token(), lifetimes.access, guest_token(), lifetimes.refresh)


def token_answer(tokens: IssuedTokens, *, id_token: str | None = None) -> Response:
    """Return the answer of a login (RFC 6749 section 5.1).

    :param id_token: the provider's, where the login was there; empty: the key alone.
    """
    body: dict[str, Any] = {
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh:
        body |= {"refresh_token": tokens.refresh, "refresh_expires_in": tokens.refresh_expires_in}
    if id_token is not None:
        body["id_token"] = id_token
    return JSONResponse({**body, "scope": "read"}, headers=NOT_KEPT)


def _wanted(fields: Mapping[str, str], name: str) -> str:
    if not fields.get(name):
        raise _bad_request(f"Missing form parameter: {name}")
    return fields[name]


async def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a small form. :raises LoginRefused:"""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _bad_request("The body must be a form: application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise LoginRefused(413, "invalid_request", "The form is too large")
    return _fields(bytes(body))


def _fields(encoded: bytes) -> dict[str, str]:
    """Return the fields of a form, once each (RFC 6749 section 3.2). No text of theirs is told in errors."""
    try:
        pairs = parse_qsl(encoded.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _bad_request("The form cannot be read") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise _bad_request("A form parameter is repeated")
        if "\0" in value:
            raise _bad_request("A form parameter holds a NUL character")
        fields[name] = value
    return fields


def _basic(header: str) -> tuple[str, str]:
    """Return client and secret of an Authorization header (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    name, separator, secret = text.partition(":")
    if scheme.lower() != "basic" or not separator or "\0" in text:
        raise _bad_request("The Authorization header cannot be read")
    return unquote_plus(name), unquote_plus(secret)


def client_address(request: Request) -> str:
    """Return where a request comes from, for counting and for the record."""
    return request.client.host if request.client else ""
