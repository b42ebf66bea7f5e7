"""Login with an institute's OpenID Connect provider in a browser: there, back, and a token to copy.

What one login holds to travels in a cookie that only this archive can read and make, so that any of its
processes can finish it. No session stays behind, and no address to go to afterwards is taken from anywhere.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from html import escape

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from filmroom.errors import AccessDenied, ProviderUnavailable
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import POLICY_PATH, error_response
from filmroom.server.login import NOT_KEPT, client_address, token_answer
from filmroom.server.logs import get_logger, printable
from filmroom.server.oidc_options import OidcOptions
from filmroom.server.oidc_provider import CodeFlow, Provider
from filmroom.server.pages import INSTITUTE_LOGIN_PATH, PAGE_HEADERS, page
from filmroom.server.service import Service
from filmroom.wire.login import LOGOUT_PATHS

CALLBACK_PATH = f"{INSTITUTE_LOGIN_PATH}/callback"

_log = get_logger("filmroom.oidc")
_COOKIE = "filmroom-login"
_FLOW_SECONDS = 600
_HEADERS = {**PAGE_HEADERS, **NOT_KEPT}
_SEALED = {"alg": "dir", "enc": "A256GCM"}


class BrowserLogin:
    """The handlers of the two addresses."""

    def __init__(self, service: Service, provider: Provider, options: OidcOptions, public_url: str) -> None:
        self._service = service
        self._provider = provider
        self._options = options
        self._callback = public_url + CALLBACK_PATH
        self._secure = public_url.startswith("https:")
        # Known to every process of this archive, and to nobody without the client's secret.
        seed = f"filmroom login cookie\0{options.issuer}\0{options.client_secret}"
        self._key = OctKey.import_key(hashlib.sha256(seed.encode()).digest())

    async def start(self, request: Request) -> Response:
        """Send the browser to the provider."""
        request.scope[OPERATION_KEY] = "institute login"
        flow = CodeFlow(self._callback, *(secrets.token_urlsafe(32) for _ in range(3)))
        try:
            answer = RedirectResponse(await self._provider.authorization_url(flow), 302, headers=NOT_KEPT)
        except Exception as error:  # noqa: BLE001 - told as every error is, see _failed
            return self._failed(request, error)
        self._set_cookie(answer, self._sealed(flow), _FLOW_SECONDS)
        return answer

    async def finish(self, request: Request) -> Response:
        """Take the provider's answer, and give a token of ours."""
        request.scope[OPERATION_KEY] = "institute login"
        try:
            answer = await self._finish(request)
        except Exception as error:  # noqa: BLE001
            answer = self._failed(request, error)
        self._set_cookie(answer, "", 0)  # it has served, whatever came of it
        return answer

    async def _finish(self, request: Request) -> Response:
        flow = self._opened(request.cookies.get(self._cookie, ""))
        given = request.query_params
        if flow is None or not secrets.compare_digest(given.get("state", "").encode(), flow.state.encode()):
            raise AccessDenied(
                "This login was not begun in this browser, or too long ago.", advice="Log in again."
            )
        if "code" not in given:
            _log.info("institute login refused", reason=printable(given.get("error", ""))[:100])
            raise AccessDenied("Your institute did not log you in.", advice="Log in again.")
        person, id_token = await self._provider.redeem(given["code"], given.get("iss"), flow)
        catalog, address = self._service.catalog, client_address(request)
        viewer = await self._service.in_thread(
            lambda: catalog.identities().viewer(person, self._options.admission)
        )
        tokens = await self._service.in_thread(
            lambda: catalog.tokens().log_in_person(viewer, self._options.token_seconds, address=address)
        )
        if request.headers.get("accept", "").startswith("application/json"):
            return token_answer(tokens, id_token=id_token)
        return HTMLResponse(_token_page(viewer.login, tokens.access, tokens.expires_in), headers=_HEADERS)

    def _failed(self, request: Request, error: Exception) -> Response:
        """Return the page that says what went wrong, with the status of the table of errors."""
        plain = error_response(error, request.scope.get(REQUEST_ID_KEY, ""))
        status, text, advice = plain.status_code, bytes(plain.body).decode(), ""
        if isinstance(error, AccessDenied | ProviderUnavailable):
            text, advice = str(error), error.advice
        if isinstance(error, AccessDenied):
            status = 403  # 401 would ask for what a browser cannot send
        return HTMLResponse(_failure_page(text, advice), status, headers=_HEADERS)

    # -- the cookie ----------------------------------------------------------------------------------

    @property
    def _cookie(self) -> str:
        # The prefix makes browsers refuse one that a neighbouring site has set.
        return f"__Host-{_COOKIE}" if self._secure else _COOKIE

    def _set_cookie(self, answer: Response, value: str, seconds: int) -> None:
        answer.set_cookie(
            self._cookie, value, max_age=seconds, secure=self._secure, httponly=True, samesite="lax"
        )

    def _sealed(self, flow: CodeFlow) -> str:
        claims = {
            "state": flow.state,
            "nonce": flow.nonce,
            "verifier": flow.verifier,
            "exp": int(time.time()) + _FLOW_SECONDS,
        }
        return jwt.encode(_SEALED, claims, self._key, registry=JWERegistry(algorithms=list(_SEALED.values())))

    def _opened(self, cookie: str) -> CodeFlow | None:
        try:
            found = jwt.decode(
                cookie, self._key, registry=JWERegistry(algorithms=list(_SEALED.values()))
            ).claims
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(found)
        except (JoseError, ValueError):
            return None
        return CodeFlow(self._callback, found["state"], found["nonce"], found["verifier"])


# The pages ---------------------------------------------------------------------------------------------


def _token_page(login: str, token: str, seconds: int) -> str:
    lasts = f"{seconds // 3600} h {seconds % 3600 // 60} min" if seconds >= 60 else f"{seconds} s"
    shown = escape(token)
    return page(
        "Logged in",
        f"<h1>Logged in as {escape(login)}</h1>"
        f"<p>Your access token, shown this once and valid for {lasts}. "
        "Whoever has it is you to this archive.</p>"
        f'<p><code id="token">{shown}</code></p>'
        "<h2>Using it</h2>"
        "<p>In a terminal, before <code>filmroom</code> commands: "
        f"<code>export FILMROOM_TOKEN={shown}</code></p>"
        "<p>In a notebook: <code>Client(ADDRESS, token=getpass())</code>, and paste it.</p>"
        "<p>In any program, with each request: <code>Authorization: Bearer TOKEN</code></p>"
        f'<p><a href="{POLICY_PATH}">Agreements</a> of restricted data are accepted with it, too.</p>'
        f"<p>It ends with <code>POST {escape(LOGOUT_PATHS[0])}</code>, sent with it.</p>",
    )


def _failure_page(text: str, advice: str) -> str:
    return page(
        "Not logged in",
        f"<h1>Not logged in</h1><p>{escape(text)}</p><p>{escape(advice)}</p>"
        f'<p><a href="{INSTITUTE_LOGIN_PATH}">Log in with your institute</a>, <a href="/">start</a></p>',
    )
