"""Repositories that own DOIs, their prefixes, and the accounts that write for them. Changes are recorded."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from filmroom.catalog.accounts import account_id, make_account
from filmroom.catalog.administration import record_change
from filmroom.catalog.database import Database, insert_returning_ids
from filmroom.catalog.passwords import hash_password
from filmroom.catalog.schema import account
from filmroom.catalog.schema_doi_registration import doi_repository, doi_repository_prefix, doi_writer
from filmroom.catalog.write import now
from filmroom.errors import InvalidInput, NotFound
from filmroom.model.access import Viewer
from filmroom.model.doi_repositories import (
    EVERY_DOMAIN,
    DoiWriter,
    Repository,
    checked_domain,
    checked_prefix,
    checked_symbol,
)

_LONGEST_NAME = 300


class DoiRepositories:
    """What an administrator does with repositories, and what the write API asks about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        symbol: str,
        name: str,
        *,
        prefixes: Sequence[str] = (),
        domains: Sequence[str] = (EVERY_DOMAIN,),
        password: str | None = None,
    ) -> Repository:
        """Make a repository; with a password also the account that has its symbol as login.

        :raises InvalidInput: for a symbol that is taken or none, and for other values that cannot be.
        """
        key = checked_symbol(symbol)
        title = _checked_name(name)
        wanted = [checked_prefix(each) for each in prefixes]
        hosts = _checked_domains(domains)
        kept = None if password is None else hash_password(password)
        with self._database.writing() as connection:
            if _find(connection, key) is not None:
                raise InvalidInput(f"There is a repository {key!r} already.")
            moment = now()
            values = {"symbol": key, "name": title, "domains": hosts, "active": True}
            [made] = insert_returning_ids(
                connection, doi_repository, [{**values, "created": moment, "changed": moment}]
            )
            for prefix in dict.fromkeys(wanted):
                _assign(connection, made, prefix)
            if kept is not None:
                holder = make_account(connection, key, kept)
                connection.execute(sa.insert(doi_writer).values(account_id=holder, doi_repository_id=made))
            record_change(
                connection, f"repository {key}", {"made": True, "prefixes": wanted, "domains": hosts}
            )
        return self.get(key)

    def all(self) -> list[Repository]:
        """Return every repository, by symbol."""
        with self._database.reading() as connection:
            return _repositories(connection)

    def find(self, symbol: str) -> Repository | None:
        """Return a repository by its symbol in any case, None where there is none."""
        with self._database.reading() as connection:
            found = _repositories(connection, doi_repository.c.symbol == symbol.lower())
        return found[0] if found else None

    def get(self, symbol: str) -> Repository:
        """Return a repository by its symbol in any case. :raises NotFound:"""
        found = self.find(symbol)
        if found is None:
            raise _unknown(symbol)
        return found

    def change(
        self,
        symbol: str,
        *,
        name: str | None = None,
        domains: Sequence[str] | None = None,
        active: bool | None = None,
    ) -> None:
        """Set what is given; None leaves it. :raises NotFound: :raises InvalidInput:"""
        values: dict[str, object] = {}
        if name is not None:
            values["name"] = _checked_name(name)
        if domains is not None:
            values["domains"] = _checked_domains(domains)
        if active is not None:
            values["active"] = active
        with self._database.writing() as connection:
            key = _key(connection, symbol)
            connection.execute(
                sa.update(doi_repository).where(doi_repository.c.id == key).values(**values, changed=now())
            )
            record_change(connection, f"repository {symbol.lower()}", values)

    def set_prefix(self, symbol: str, prefix: str, *, assigned: bool) -> None:
        """Let a repository make DOIs under a prefix, or no longer. :raises NotFound: :raises InvalidInput:"""
        wanted = checked_prefix(prefix)
        table = doi_repository_prefix
        with self._database.writing() as connection:
            key = _key(connection, symbol)
            connection.execute(
                sa.delete(table).where(table.c.doi_repository_id == key, table.c.prefix == wanted)
            )
            if assigned:
                _assign(connection, key, wanted)
            word = "assigned" if assigned else "taken away"
            record_change(connection, f"repository {symbol.lower()}", {f"prefix {word}": wanted})

    # -- who writes ----------------------------------------------------------------------------------

    def set_writer(self, login: str, symbol: str | None, *, writer: bool) -> None:
        """Let an account write for a repository, or no longer; symbol None: for all of them.

        :raises NotFound: when there is no such account or repository.
        """
        with self._database.writing() as connection:
            holder = account_id(connection, login)
            place = None if symbol is None else _key(connection, symbol)
            values = {"account_id": holder, "doi_repository_id": place}
            connection.execute(
                sa.delete(doi_writer).where(
                    doi_writer.c.account_id == holder,
                    doi_writer.c.doi_repository_id.is_not_distinct_from(place),
                )
            )
            if writer:
                connection.execute(sa.insert(doi_writer).values(values))
            word = "may write" if writer else "may not write"
            where = "repositories" if symbol is None else f"repository {symbol.lower()}"
            record_change(connection, where, {word: login})

    def administrators(self) -> list[str]:
        """Return the logins that write for every repository."""
        statement = (
            sa.select(account.c.login)
            .select_from(doi_writer.join(account))
            .where(doi_writer.c.doi_repository_id.is_(None))
            .order_by(account.c.login)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(statement))

    def writer(self, viewer: Viewer) -> DoiWriter:
        """Return what somebody may write; the public, and who has no right, nothing."""
        if viewer.account_id is None:
            return DoiWriter()
        statement = (
            sa.select(doi_repository.c.symbol)
            .select_from(doi_writer.outerjoin(doi_repository))
            .where(doi_writer.c.account_id == viewer.account_id)
        )
        with self._database.reading() as connection:
            found = set(connection.scalars(statement))
        return DoiWriter(viewer.login, frozenset(found - {None}), everywhere=None in found)


def _repositories(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Repository]:
    prefixes: dict[int, list[str]] = {}
    by_prefix = doi_repository_prefix
    for row in connection.execute(sa.select(by_prefix).order_by(by_prefix.c.created, by_prefix.c.prefix)):
        prefixes.setdefault(row.doi_repository_id, []).append(row.prefix)
    writers: dict[int, list[str]] = {}
    logins = (
        sa.select(doi_writer.c.doi_repository_id, account.c.login)
        .select_from(doi_writer.join(account))
        .where(doi_writer.c.doi_repository_id.is_not(None))
        .order_by(account.c.login)
    )
    for row in connection.execute(logins):
        writers.setdefault(row.doi_repository_id, []).append(row.login)
    statement = sa.select(doi_repository).where(*conditions).order_by(doi_repository.c.symbol)
    return [
        Repository(
            row.symbol,
            row.name,
            tuple(prefixes.get(row.id, ())),
            tuple(row.domains.split(",")),
            bool(row.active),
            tuple(writers.get(row.id, ())),
            row.created,
            row.changed,
        )
        for row in connection.execute(statement)
    ]


def _find(connection: sa.Connection, symbol: str) -> int | None:
    found = connection.scalar(sa.select(doi_repository.c.id).where(doi_repository.c.symbol == symbol.lower()))
    return None if found is None else int(found)


def _key(connection: sa.Connection, symbol: str) -> int:
    found = _find(connection, symbol)
    if found is None:
        raise _unknown(symbol)
    return found


def _unknown(symbol: str) -> NotFound:
    return NotFound(
        f"There is no repository {symbol[:80]!r}.", advice="See them with: filmroom doi repository list"
    )


def _assign(connection: sa.Connection, key: int, prefix: str) -> None:
    connection.execute(
        sa.insert(doi_repository_prefix).values(doi_repository_id=key, prefix=prefix, created=now())
    )


def _checked_name(name: str) -> str:
    text = name.strip()
    if not text.isprintable() or not 0 < len(text) <= _LONGEST_NAME:
        raise InvalidInput(f"A repository's name is 1 to {_LONGEST_NAME} printable characters.")
    return text


def _checked_domains(domains: Sequence[str]) -> str:
    text = ",".join(dict.fromkeys(checked_domain(each) for each in domains))
    if not text or len(text) > 2_000:
        raise InvalidInput("A repository has one domain at least, and 2000 characters of them at most.")
    return text
