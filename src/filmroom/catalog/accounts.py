"""Accounts, their groups and the secrets of their programs. Every change is recorded, without secrets."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.administration import record_change
from filmroom.catalog.database import Database, insert_returning_ids
from filmroom.catalog.passwords import hash_password
from filmroom.catalog.schema import account, account_group, membership
from filmroom.catalog.schema_access import token
from filmroom.catalog.schema_identity import identity
from filmroom.catalog.tokens import end_logins, new_secret, secret_digest
from filmroom.catalog.write import now
from filmroom.errors import InvalidInput, NotFound
from filmroom.model.accounts import GUEST_LOGIN, Account, Group, ProgramSecret

_LONGEST_NAME = 200
_LONGEST_EMAIL = 320


class Accounts:
    """What an administrator does with accounts and groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- accounts ------------------------------------------------------------------------------------

    def add(self, login: str, password: str | None, email: str | None = None) -> None:
        """Make an account.

        :param password: None for somebody who will come from the institute's provider with this login.
        :raises InvalidInput: for a name that is taken or none, or a short password.
        """
        kept = None if password is None else hash_password(password)
        with self._database.writing() as connection:
            made = make_account(connection, login, kept, email)
            if kept is None:
                connection.execute(sa.insert(identity).values(account_id=made))

    def all(self) -> list[Account]:
        """Return every account, by login."""
        with self._database.reading() as connection:
            groups = _names(
                connection, membership.c.account_id, account_group.c.name, membership.join(account_group)
            )
            statement = sa.select(
                account, identity.c.account_id.is_not(None).label("linked"), identity.c.issuer
            )
            return [
                Account(
                    row.login,
                    row.email,
                    bool(row.active),
                    groups.get(row.id, ()),
                    row.created,
                    has_password=row.password_hash is not None,
                    institute=(row.issuer or "") if row.linked else None,
                )
                for row in connection.execute(
                    statement.select_from(account.outerjoin(identity)).order_by(account.c.login)
                )
            ]

    def set_active(self, login: str, *, active: bool) -> None:
        """Switch an account on, or off: then its tokens end at once. :raises NotFound:"""
        with self._database.writing() as connection:
            found = account_id(connection, login)
            connection.execute(sa.update(account).where(account.c.id == found).values(active=active))
            if not active:
                end_logins(connection, found)
            record_change(connection, f"account {login}", {"active": active})

    def set_password(self, login: str, password: str) -> None:
        """Give an account another password; what logged in with the old one is logged out.

        :raises NotFound: :raises InvalidInput: when it is too short.
        """
        kept = hash_password(password)
        with self._database.writing() as connection:
            found = account_id(connection, login)
            connection.execute(sa.update(account).where(account.c.id == found).values(password_hash=kept))
            end_logins(connection, found)
            record_change(connection, f"account {login}", {"password": "changed"})

    # -- programs ------------------------------------------------------------------------------------

    def add_client(self, login: str) -> ProgramSecret:
        """Make a secret with which a program logs in as an account. :raises NotFound:"""
        secret = ProgramSecret(f"client-{secrets.token_hex(8)}", login, now(), new_secret())
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(token).values(
                    digest=secret_digest(secret.client_secret),
                    kind="client",
                    account_id=account_id(connection, login),
                    family=secrets.token_bytes(16),
                    client_id=secret.client_id,
                    created=secret.created,
                )
            )
            record_change(connection, f"account {login}", {"client made": secret.client_id})
        return secret

    def clients(self) -> list[ProgramSecret]:
        """Return the programs that can log in, without their secrets."""
        statement = (
            sa.select(token.c.client_id, account.c.login, token.c.created)
            .select_from(token.join(account))
            .where(token.c.kind == "client")
            .order_by(account.c.login, token.c.id)
        )
        with self._database.reading() as connection:
            return [
                ProgramSecret(row.client_id, row.login, row.created) for row in connection.execute(statement)
            ]

    def drop_client(self, client_id: str) -> None:
        """End the secret of a program and what it logged in with. :raises NotFound:"""
        with self._database.writing() as connection:
            family = connection.scalar(sa.select(token.c.family).where(token.c.client_id == client_id))
            if family is None:
                raise NotFound(f"There is no client {client_id!r}.")
            connection.execute(sa.delete(token).where(token.c.family == family))
            record_change(connection, f"client {client_id}", {"removed": True})

    # -- groups --------------------------------------------------------------------------------------

    def add_group(self, name: str, description: str | None = None) -> None:
        """Make a group. :raises InvalidInput: when the name is taken or none."""
        _check_name(name, "group")
        with self._database.writing() as connection:
            if _find(connection, account_group, account_group.c.name, name) is not None:
                raise InvalidInput(f"There is a group {name!r} already.")
            connection.execute(sa.insert(account_group).values(name=name, description=description))
            record_change(connection, f"group {name}", {"made": True})

    def groups(self) -> list[Group]:
        """Return every group with its members, by name."""
        with self._database.reading() as connection:
            members = _names(
                connection, membership.c.account_group_id, account.c.login, membership.join(account)
            )
            return [
                Group(row.name, row.description, members.get(row.id, ()))
                for row in connection.execute(sa.select(account_group).order_by(account_group.c.name))
            ]

    def set_member(self, group: str, login: str, *, member: bool) -> None:
        """Put an account into a group, or take it out. :raises NotFound:"""
        with self._database.writing() as connection:
            put_member(connection, account_id(connection, login), group_id(connection, group), member=member)
            record_change(connection, f"group {group}", {"added" if member else "removed": login})


def make_account(
    connection: sa.Connection, login: str, password_hash: str | None, email: str | None = None
) -> int:
    """Make an account and return its id. :raises InvalidInput: for a name that is taken or none."""
    _check_name(login, "login")
    if login == GUEST_LOGIN:
        raise InvalidInput(f"{GUEST_LOGIN} is the guest, who needs no account.")
    if email is not None and not is_email(email):
        raise InvalidInput(f"Not an e-mail address: {email[:330]!r}.")
    if _find(connection, account, account.c.login, login) is not None:
        raise InvalidInput(f"There is an account {login!r} already.")
    values = {
        "login": login,
        "email": email,
        "password_hash": password_hash,
        "active": True,
        "created": now(),
    }
    [made] = insert_returning_ids(connection, account, [values])
    record_change(connection, f"account {login}", {"made": True, "email": email})
    return made


def account_id(connection: sa.Connection, login: str) -> int:
    """Return the id of an account. :raises NotFound:"""
    found = _find(connection, account, account.c.login, login)
    if found is None:
        raise NotFound(f"There is no account {login!r}.", advice="See the logins with: filmroom user list")
    return found


def group_id(connection: sa.Connection, name: str) -> int:
    """Return the id of a group of accounts. :raises NotFound:"""
    found = _find(connection, account_group, account_group.c.name, name)
    if found is None:
        raise NotFound(f"There is no group {name!r}.", advice="See the groups with: filmroom group list")
    return found


def put_member(connection: sa.Connection, account_key: int, group_key: int, *, member: bool) -> None:
    """Put an account into a group, or take it out."""
    pair = {"account_id": account_key, "account_group_id": group_key}
    connection.execute(
        sa.delete(membership).where(*(membership.c[name] == value for name, value in pair.items()))
    )
    if member:
        connection.execute(sa.insert(membership).values(pair))


def is_login(text: str) -> bool:
    """Whether an account can be called so."""
    return _is_name(text) and text != GUEST_LOGIN


def is_email(text: str) -> bool:
    """Whether it looks like an address of one person."""
    name, _, host = text.rpartition("@")
    return bool(name and host and len(text) <= _LONGEST_EMAIL and text.isprintable() and " " not in text)


def _find(connection: sa.Connection, table: sa.Table, column: sa.Column[Any], name: str) -> int | None:
    found = connection.scalar(sa.select(table.c.id).where(column == name))
    return None if found is None else int(found)


def _names(
    connection: sa.Connection, key: sa.Column[int], name: sa.Column[Any], source: sa.FromClause
) -> dict[int, tuple[str, ...]]:
    """Return names gathered by key, in order."""
    found: dict[int, tuple[str, ...]] = {}
    for row in connection.execute(sa.select(key, name).select_from(source).order_by(name)):
        found[row[0]] = (*found.get(row[0], ()), row[1])
    return found


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable() and text == text.strip()


def _check_name(name: str, what: str) -> None:
    if not _is_name(name):
        raise InvalidInput(f"A {what} is 1 to {_LONGEST_NAME} printable characters, not {name[:210]!r}.")
