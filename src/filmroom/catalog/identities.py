"""Accounts of people who log in with their institute: who is who, and in which groups."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.accounts import account_id, group_id, is_email, is_login, put_member
from filmroom.catalog.administration import record_change
from filmroom.catalog.database import Database, insert_returning_ids
from filmroom.catalog.schema import account, account_group, change, membership
from filmroom.catalog.schema_identity import identity
from filmroom.catalog.tokens import end_logins
from filmroom.catalog.write import now
from filmroom.errors import AccessDenied, InvalidInput
from filmroom.model.access import Viewer
from filmroom.model.institute import Admission, Person


class Identities:
    """Find, make and link the accounts of an institute's people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def viewer(self, person: Person, admission: Admission) -> Viewer:
        """Return whose account a person's is, its groups brought in line with what the provider tells.

        An account that waits for its person is theirs from now on; never is one that others use.

        :raises AccessDenied: when there is none and none is made, and when it is switched off.
        """
        wanted = admission.memberships(person)
        with self._database.reading() as connection:
            viewer = _known(connection, person)
            if viewer is not None and wanted in {None, _memberships(connection, viewer, admission)}:
                return viewer
            if viewer is None:
                try:
                    _check_welcome(connection, person, admission)
                except AccessDenied:
                    # Another request of the same person may have made the account since we looked.
                    if _known(connection, person) is None:
                        raise
        with self._database.writing() as connection:
            viewer = _known(connection, person) or _welcome(connection, person, admission)
            if wanted is not None:
                _settle(connection, viewer, admission, wanted)
            return viewer

    def check(self, admission: Admission) -> None:
        """:raises NotFound: for a group that is named and does not exist."""
        with self._database.reading() as connection:
            for name in {*admission.groups.values(), admission.default_group} - {""}:
                group_id(connection, name)

    def link(self, login: str) -> None:
        """Let the next person who comes from the institute with this login use the account.

        :raises NotFound: :raises InvalidInput: when it has its person already.
        """
        with self._database.writing() as connection:
            found = account_id(connection, login)
            if connection.scalar(sa.select(sa.func.count()).where(identity.c.account_id == found)):
                raise InvalidInput(
                    f"Account {login!r} goes with an institute login already.",
                    advice=f"Part them first with: filmroom user unlink {login}",
                )
            connection.execute(sa.insert(identity).values(account_id=found))
            record_change(connection, f"account {login}", {"institute login": "expected"})

    def unlink(self, login: str) -> None:
        """Part an account from its institute login, whose tokens end. :raises NotFound:"""
        with self._database.writing() as connection:
            found = account_id(connection, login)
            connection.execute(sa.delete(identity).where(identity.c.account_id == found))
            end_logins(connection, found)
            record_change(connection, f"account {login}", {"institute login": "removed"})


def _known(connection: sa.Connection, person: Person) -> Viewer | None:
    """Return whose account a person's is, None without one. :raises AccessDenied: when it is off."""
    row = connection.execute(
        sa.select(account.c.id, account.c.login, account.c.active)
        .select_from(account.join(identity))
        .where(identity.c.issuer == person.issuer, identity.c.subject == person.subject)
    ).one_or_none()
    if row is not None and not row.active:
        raise AccessDenied("Your account on this archive is switched off.")
    return None if row is None else Viewer(row.id, row.login)


def _check_welcome(connection: sa.Connection, person: Person, admission: Admission) -> int | None:
    """Return the id of the account that waits for a person, None where one is to be made.

    :raises AccessDenied: where neither is so; one text for all, which tells nothing of other accounts.
    """
    row = connection.execute(
        sa.select(account.c.id, account.c.active, identity.c.account_id, identity.c.issuer)
        .select_from(account.outerjoin(identity))
        .where(account.c.login == person.login)
    ).one_or_none()
    if row is not None and row.active and row.account_id is not None and row.issuer is None:
        return int(row.id)
    if row is None and admission.register and is_login(person.login):
        return None
    raise AccessDenied(
        f"This archive has no account for the login {person.login!r} of your institute.",
        advice="Ask those who run the archive for one.",
    )


def _welcome(connection: sa.Connection, person: Person, admission: Admission) -> Viewer:
    """Give a person the account that waits for them, or a new one. :raises AccessDenied:"""
    key = _check_welcome(connection, person, admission)
    bound = {"issuer": person.issuer, "subject": person.subject}
    if key is not None:
        connection.execute(sa.update(identity).where(identity.c.account_id == key).values(bound))
        _record(connection, person.login, f"account {person.login}", {"first institute login": bound})
        return Viewer(key, person.login)
    email = person.email if is_email(person.email) else None
    [key] = insert_returning_ids(
        connection, account, [{"login": person.login, "email": email, "active": True, "created": now()}]
    )
    connection.execute(sa.insert(identity).values(account_id=key, **bound))
    if admission.default_group:
        put_member(connection, key, group_id(connection, admission.default_group), member=True)
    _record(connection, person.login, f"account {person.login}", {"registered": bound, "email": email})
    return Viewer(key, person.login)


def _memberships(connection: sa.Connection, viewer: Viewer, admission: Admission) -> frozenset[str]:
    """Return in which of the mapped groups an account is."""
    return frozenset(
        connection.scalars(
            sa.select(account_group.c.name)
            .select_from(membership.join(account_group))
            .where(
                membership.c.account_id == viewer.account_id,
                account_group.c.name.in_(set(admission.groups.values())),
            )
        )
    )


def _settle(connection: sa.Connection, viewer: Viewer, admission: Admission, wanted: frozenset[str]) -> None:
    """Bring memberships in line, and say so in the record."""
    assert viewer.account_id is not None  # noqa: S101 - it is an account's
    for name in sorted(_memberships(connection, viewer, admission) ^ wanted):
        member = name in wanted
        put_member(connection, viewer.account_id, group_id(connection, name), member=member)
        detail = {"added" if member else "removed": viewer.login, "by": "institute"}
        _record(connection, viewer.login, f"group {name}", detail)


def _record(connection: sa.Connection, actor: str, subject: str, detail: dict[str, Any]) -> None:
    connection.execute(
        sa.insert(change).values(at=now(), actor=actor, subject=subject, detail=json.dumps(detail))
    )
