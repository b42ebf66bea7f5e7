"""A client's login: a token is fetched when it is first needed, and renewed before it ends.

The state and its steps, without I/O; who uses it sees to it that one renewal runs at a time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, ServerError
from filmroom.net.address import is_private

_TOKEN_PATH = "/nbia-api/oauth/token"  # noqa: S105 - an address
_EARLY_SECONDS = 60
_WRONG_SECONDS = 2
_LONGEST_ANSWER = 64 * 1024

Grant = dict[str, str]
Renewal = Generator[Grant, tuple[int, bytes], None]
"""Yields forms to POST to :attr:`Login.address`, and is sent the status and body of each answer."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login has: ``seconds`` are left to the access token; ``refresh`` may be empty."""

    access: str
    refresh: str
    seconds: float

    def __repr__(self) -> str:
        return f"Tokens(for {self.seconds:.0f} s)"


class Login:
    """What a client proves itself with: a login and its password, or a token that was got elsewhere.

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
        self.address = root + _TOKEN_PATH
        self._login, self._password = login, password
        self._access = token or ""
        self._refresh = ""
        self._wrong_until = 0.0
        self._until = self._ends = 0.0 if token is None else float("inf")

    def __repr__(self) -> str:
        return f"Login({self._login or 'token'!r})"

    @property
    def account(self) -> str:
        """Who asks, without what is secret: the login, or a digest of the token."""
        if self._login is not None:
            return f"login {self._login}"
        return f"token {hashlib.sha256(self._access.encode()).hexdigest()[:32]}"

    @property
    def is_due(self) -> bool:
        """Whether the token is missing, refused or about to end."""
        return time.monotonic() >= self._until

    @property
    def headers(self) -> dict[str, str]:
        """The header that proves who asks."""
        return {"Authorization": f"Bearer {self._access}"}

    @property
    def tokens(self) -> Tokens:
        """What it has now."""
        return Tokens(self._access, self._refresh, self._ends - time.monotonic())

    def refused(self, headers: dict[str, str]) -> bool:
        """Take note that a token was refused; return whether another one can be had."""
        if self._login is None:
            return False
        if headers == self.headers:
            self._until = 0.0
        return True

    def renewal(self) -> Renewal:
        """Get another token: by the refresh token, else by the password.

        :raises AccessDenied: when the login is refused. :raises InvalidInput: when there is none to renew.
        :raises ServerError, BadAnswer: when the server gives no token.
        """
        if self._login is None:
            raise InvalidInput("A token that was got elsewhere is not renewed here.")
        if time.monotonic() < self._wrong_until:
            raise self._wrong()
        answer = None
        if self._refresh:
            grant = {"grant_type": "refresh_token", "refresh_token": self._refresh}
            answer = _granted(*(yield grant))
        if answer is None:
            given = {"username": self._login, "password": str(self._password), "client_id": "NBIA"}
            answer = _granted(*(yield {"grant_type": "password", **given}))
        if answer is None:
            # Whoever waits for this renewal need not try the same password once more.
            self._wrong_until = time.monotonic() + _WRONG_SECONDS
            raise self._wrong()
        self._access, self._refresh = str(answer["access_token"]), str(answer.get("refresh_token", ""))
        lasts = max(0, int(answer.get("expires_in", 0)))
        self._ends = time.monotonic() + lasts
        self._until = time.monotonic() + max(lasts - _EARLY_SECONDS, lasts / 2)

    def _wrong(self) -> AccessDenied:
        return AccessDenied(f"The login {self._login!r} or its password is wrong.")


def next_grant(renewal: Renewal, status: int, content: bytes) -> Grant | None:
    """Tell a renewal what its form was answered with; return the next form, None when it is done."""
    try:
        return renewal.send((status, content))
    except StopIteration:
        return None


def _granted(status: int, content: bytes) -> dict[str, Any] | None:
    """Return the answer to a grant, None when it is refused."""
    if status in {400, 401}:
        return None
    if status != 200:
        raise ServerError(f"The server gives no token (status {status}).", status=status)
    try:
        answer = json.loads(content[:_LONGEST_ANSWER])
        int(answer.get("expires_in", 0)), str(answer["access_token"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadAnswer("The server's answer to the login holds no token.") from None
    return dict(answer)
