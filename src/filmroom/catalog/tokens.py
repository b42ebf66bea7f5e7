"""Logins and their tokens. A token is random; the catalogue keeps its SHA-256 and cannot tell it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.passwords import verify_password
from filmroom.catalog.schema import account, change
from filmroom.catalog.schema_access import token
from filmroom.catalog.write import now
from filmroom.errors import AccessDenied
from filmroom.model.access import Viewer
from filmroom.model.accounts import IssuedTokens, TokenLifetimes

_LONGEST = 200


def new_secret() -> str:
    """Return 32 random bytes as URL-safe text."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> bytes:
    """Return what is kept of a secret that is random: SHA-256 is enough for what cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Tokens:
    """Issue, check and end tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def viewer(self, access_token: str) -> Viewer:
        """Return whose access token it is. :raises AccessDenied: when it is not valid (any more)."""
        if len(access_token) <= _LONGEST:
            statement = (
                sa.select(account.c.id, account.c.login)
                .select_from(token.join(account))
                .where(*_valid(access_token, "access"), account.c.active.is_(True))
            )
            with self._database.reading() as connection:
                row = connection.execute(statement).one_or_none()
            if row is not None:
                return Viewer(row.id, row.login)
        raise AccessDenied("The access token is not valid.")

    def log_in(
        self, login: str, password: str, lifetimes: TokenLifetimes, *, address: str = ""
    ) -> IssuedTokens:
        """Check a password; takes some 20 ms, for an unknown login too.

        :raises AccessDenied: for a wrong password, an unknown login and an account that is switched off.
        """
        with self._checked(login, password, address) as (connection, viewer):
            assert viewer.account_id is not None  # noqa: S101 - it is an account's
            return _issue(connection, viewer.account_id, lifetimes, secrets.token_bytes(16))

    def check_password(self, login: str, password: str, *, address: str = "") -> Viewer:
        """Return whose password it is, where no token is wanted; as slow as a login, and recorded as one.

        :raises AccessDenied: for a wrong password, an unknown login and an account that is switched off.
        """
        with self._checked(login, password, address) as (_, viewer):
            return viewer

    @contextmanager
    def _checked(self, login: str, password: str, address: str) -> Iterator[tuple[sa.Connection, Viewer]]:
        """Give the transaction in which a right password was recorded. :raises AccessDenied:"""
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(account.c.id, account.c.active, account.c.password_hash).where(
                    account.c.login == login
                )
            ).one_or_none()
        right, better = verify_password(password, row.password_hash if row else None)
        with self._database.writing(in_turn=False) as connection:
            # Once more: it may have been switched off, or got another password, while we were computing.
            still = row is not None and connection.scalar(
                sa.select(account.c.active).where(
                    account.c.id == row.id, account.c.password_hash == row.password_hash
                )
            )
            if row is not None and right and still:
                if better is not None:
                    _set_hash(connection, row.id, better)
                _record(connection, login, "login", address)
                yield connection, Viewer(row.id, login)
                return
            # Written for an unknown login too, or the time would tell them apart; without its text, which
            # may be a password in the wrong field.
            _record(connection, login if row else "unknown", "login refused", address)
        raise AccessDenied("The login or the password is wrong.")

    def log_in_person(self, viewer: Viewer, seconds: int, *, address: str = "") -> IssuedTokens:
        """Log in somebody whom their institute vouched for: an access token for ``seconds``, and no more.

        What the institute thinks of them later is not asked of it, so there is nothing to refresh.
        """
        assert viewer.account_id is not None  # noqa: S101 - it is an account's
        with self._database.writing(in_turn=False) as connection:
            _record(connection, viewer.login, "login by institute", address)
            lifetimes = TokenLifetimes(seconds)
            return _issue(
                connection, viewer.account_id, lifetimes, secrets.token_bytes(16), refreshable=False
            )

    def refresh(self, refresh_token: str, lifetimes: TokenLifetimes) -> IssuedTokens:
        """Exchange a refresh token for new tokens; it serves once (RFC 9700 section 2.2.2).

        One that comes a second time was stolen, or its answer was: the whole family ends.

        :raises AccessDenied: when it is not valid (any more).
        """
        if len(refresh_token) > _LONGEST:
            raise AccessDenied("The refresh token is not valid.")
        condition = sa.and_(token.c.digest == secret_digest(refresh_token), token.c.kind == "refresh")
        with self._database.writing(in_turn=False) as connection:
            taken = connection.execute(
                sa.update(token)
                .where(
                    condition,
                    token.c.revoked.is_(None),
                    token.c.expires > now(),
                    token.c.account_id.in_(sa.select(account.c.id).where(account.c.active.is_(True))),
                )
                .values(revoked=now())
            )
            row = connection.execute(
                sa.select(token.c.account_id, token.c.family).where(condition)
            ).one_or_none()
            if taken.rowcount == 1 and row is not None:
                return _issue(connection, row.account_id, lifetimes, row.family)
            if row is not None:
                _end_family(connection, row.family)
        raise AccessDenied("The refresh token is not valid.")

    def client_log_in(
        self, client_id: str, client_secret: str, lifetimes: TokenLifetimes, *, address: str = ""
    ) -> IssuedTokens:
        """Log a program in with its secret. :raises AccessDenied: when the secret is not valid."""
        if len(client_secret) <= _LONGEST:
            with self._database.writing(in_turn=False) as connection:
                row = connection.execute(
                    sa.select(token.c.client_id, token.c.family, account.c.id, account.c.login)
                    .select_from(token.join(account))
                    .where(*_valid(client_secret, "client"), account.c.active.is_(True))
                ).one_or_none()
                if row is not None and row.client_id == client_id:
                    _record(connection, row.login, f"login of client {client_id}", address)
                    return _issue(connection, row.id, lifetimes, row.family, refreshable=False)
        raise AccessDenied("The client or its secret is not valid.")

    def log_out(self, access_token: str) -> None:
        """End an access token and everything of its login. :raises AccessDenied: when it is not valid."""
        if len(access_token) <= _LONGEST:
            with self._database.writing(in_turn=False) as connection:
                row = connection.execute(
                    sa.select(token.c.family, account.c.login)
                    .select_from(token.join(account))
                    .where(*_valid(access_token, "access"))
                ).one_or_none()
                if row is not None:
                    _end_family(connection, row.family)
                    _record(connection, row.login, "logout", "")
                    return
        raise AccessDenied("The access token is not valid.")


def end_logins(connection: sa.Connection, account_id: int) -> None:
    """Forget the access and refresh tokens of an account; its programs keep their secrets."""
    connection.execute(
        sa.delete(token).where(token.c.account_id == account_id, token.c.kind.in_(("access", "refresh")))
    )


def _valid(secret: str, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Conditions on ``token``: it is the one of this secret, and it serves now."""
    return (
        token.c.digest == secret_digest(secret),
        token.c.kind == kind,
        token.c.revoked.is_(None),
        sa.or_(token.c.expires.is_(None), token.c.expires > now()),
    )


def _issue(
    connection: sa.Connection,
    account_id: int,
    lifetimes: TokenLifetimes,
    family: bytes,
    *,
    refreshable: bool = True,
) -> IssuedTokens:
    moment = now()
    connection.execute(sa.delete(token).where(token.c.expires < moment))
    seconds = {"access": lifetimes.access, "refresh": lifetimes.refresh if refreshable else 0}
    made = {kind: new_secret() for kind, lasts in seconds.items() if lasts}
    connection.execute(
        sa.insert(token),
        [
            {
                "digest": secret_digest(secret),
                "kind": kind,
                "account_id": account_id,
                "family": family,
                "created": moment,
                "expires": moment + dt.timedelta(seconds=seconds[kind]),
            }
            for kind, secret in made.items()
        ],
    )
    return IssuedTokens(made["access"], seconds["access"], made.get("refresh", ""), seconds["refresh"])


def _end_family(connection: sa.Connection, family: bytes) -> None:
    # The secret of a program is of the family of its tokens and outlives them.
    connection.execute(
        sa.update(token)
        .where(token.c.family == family, token.c.kind != "client", token.c.revoked.is_(None))
        .values(revoked=now())
    )


def _set_hash(connection: sa.Connection, account_id: int, password_hash: str) -> None:
    connection.execute(
        sa.update(account).where(account.c.id == account_id).values(password_hash=password_hash)
    )


def _record(connection: sa.Connection, login: str, subject: str, address: str) -> None:
    """Write one line of the record of changes, with the account as its actor."""
    detail: dict[str, Any] = {"address": address} if address else {}
    connection.execute(
        sa.insert(change).values(at=now(), actor=login, subject=subject, detail=json.dumps(detail))
    )
