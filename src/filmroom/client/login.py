"""A client's login: a token is fetched when it is first needed, and renewed before it ends."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, ServerError
from filmroom.net.address import is_private

if TYPE_CHECKING:
    import httpx2

_TOKEN_PATH = "/nbia-api/oauth/token"  # noqa: S105 - an address
_EARLY_SECONDS = 60
_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login has: ``seconds`` are left to the access token; ``refresh`` may be empty."""

    access: str
    refresh: str
    seconds: float

    def __repr__(self) -> str:
        return f"Tokens(for {self.seconds:.0f} s)"


class Login:
    """What a connection proves itself with: a login and its password, or a token that was got elsewhere.

    :raises InvalidInput: when half of it is missing, or it would travel in clear over a network.
    """

    def __init__(
        self, root: str, *, login: str | None = None, password: str | None = None, token: str | None = None
    ) -> None:
        if (login is None) != (password is None) or (login is None) == (token is None):
            raise InvalidInput("A client logs in with a login and its password, or with a token.")
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token and token):
            raise InvalidInput("The token is not one.")
        if not is_private(root):
            raise InvalidInput("A login goes over https only, or to this machine.")
        self._address = root + _TOKEN_PATH
        self._login, self._password = login, password
        self._access = token or ""
        self._refresh = ""
        self._until = self._ends = 0.0 if token is None else float("inf")
        self._asking = threading.Lock()

    def __repr__(self) -> str:
        return f"Login({self._login or 'token'!r})"

    def headers(self, http: httpx2.Client) -> dict[str, str]:
        """Return the header that proves who asks. :raises AccessDenied: when the login is refused."""
        with self._asking:
            if time.monotonic() >= self._until:
                self._fetch(http)
            return {"Authorization": f"Bearer {self._access}"}

    def tokens(self, http: httpx2.Client, *, renew: bool = False) -> Tokens:
        """Return the tokens, fetched anew when they ended or on wish.

        :raises AccessDenied: when the login is refused. :raises InvalidInput: when there is none to renew.
        """
        with self._asking:
            if renew and self._login is None:
                raise InvalidInput("A token that was got elsewhere is not renewed here.")
            if renew or time.monotonic() >= self._until:
                self._fetch(http)
            return Tokens(self._access, self._refresh, self._ends - time.monotonic())

    def refused(self, headers: dict[str, str]) -> bool:
        """Take note that a token was refused; return whether another one can be had."""
        with self._asking:
            if self._login is None:
                return False
            if headers["Authorization"] == f"Bearer {self._access}":
                self._until = 0.0
            return True

    def _fetch(self, http: httpx2.Client) -> None:
        answer = None
        if self._refresh:
            answer = self._ask(http, {"grant_type": "refresh_token", "refresh_token": self._refresh})
        if answer is None:
            given = {"username": str(self._login), "password": str(self._password), "client_id": "NBIA"}
            answer = self._ask(http, {"grant_type": "password", **given})
        if answer is None:
            raise AccessDenied(f"The login {self._login!r} or its password is wrong.")
        self._access, self._refresh = str(answer["access_token"]), str(answer.get("refresh_token", ""))
        lasts = max(0, int(answer.get("expires_in", 0)))
        self._ends = time.monotonic() + lasts
        self._until = time.monotonic() + max(lasts - _EARLY_SECONDS, lasts / 2)

    def _ask(self, http: httpx2.Client, form: dict[str, str]) -> dict[str, Any] | None:
        """Return the answer to a grant, None when it is refused."""
        # Not followed anywhere else: the password is meant for this address.
        response = http.post(self._address, data=form, follow_redirects=False)
        if response.status_code in {400, 401}:
            return None
        if response.status_code != 200:
            text = f"The server gives no token (status {response.status_code})."
            raise ServerError(text, status=response.status_code)
        try:
            answer = json.loads(response.content[:_LONGEST_ANSWER])
            int(answer.get("expires_in", 0)), str(answer["access_token"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadAnswer("The server's answer to the login holds no token.") from None
        return dict(answer)
