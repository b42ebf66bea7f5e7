"""Who may log in, and what was granted to whom."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

GUEST_LOGIN = "nbia_guest"
"""The login under which NBIA's clients ask without one; it needs no password and sees what is public."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person or program. An account that is not active keeps its grants and cannot use them.

    ``institute`` is the OpenID Connect provider whose person uses it, empty before that person's first
    login, None for an account of this archive alone.
    """

    login: str
    email: str | None
    active: bool
    groups: tuple[str, ...]
    created: dt.datetime
    has_password: bool = True
    institute: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of accounts."""

    name: str
    description: str | None
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on ``collection`` as a whole (``site`` None) or on one of its sites, for a user or a group."""

    collection: str
    site: str | None
    role: str
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ProgramSecret:
    """What a program logs in with; ``client_secret`` is told once, when it is made."""

    client_id: str
    login: str
    created: dt.datetime
    client_secret: str = ""


@dataclass(frozen=True, slots=True)
class TokenLifetimes:
    """Seconds for which tokens last (NBIA guides: two hours)."""

    access: int = 7_200
    refresh: int = 2_592_000


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What a login is answered with; ``refresh`` is empty where the client has a lasting secret."""

    access: str
    expires_in: int
    refresh: str = ""
    refresh_expires_in: int = 0
