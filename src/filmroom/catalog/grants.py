"""Grants: a role on a collection, or on one site of it, for an account or a group of accounts.

Each place has one protection group, with a name that no other place can have, whatever collections are
called. That of a whole collection takes in the sites that are made later.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from filmroom.catalog.accounts import account_id, group_id
from filmroom.catalog.administration import collection_id, record_change
from filmroom.catalog.database import Database
from filmroom.catalog.schema import (
    access_grant,
    account,
    account_group,
    collection,
    protection_element,
    protection_group,
    site,
)
from filmroom.catalog.schema_access import protection_collection
from filmroom.catalog.visible import role_held
from filmroom.errors import InvalidInput, NotFound
from filmroom.model.access import Role, Viewer
from filmroom.model.accounts import Grant

_PREFIX = "NCIA."


class Grants:
    """What an administrator does with grants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, grant: Grant) -> bool:
        """Give a grant; return whether it is new.

        :raises NotFound: when there is no such collection, site, account or group.
        :raises InvalidInput: for an unknown role, or without one holder.
        """
        with self._database.writing() as connection:
            values = _holder(connection, grant)
            place = _protection_group(connection, grant)
            values |= {"protection_group_id": place, "role": grant.role}
            if connection.scalar(sa.select(sa.func.count()).where(*_same(values))):
                return False
            connection.execute(sa.insert(access_grant).values(**values))
            record_change(connection, f"grant {_place(grant)}", {"added": True, **_who(grant)})
            return True

    def remove(self, grant: Grant) -> None:
        """Take a grant away; it ends at once.

        :raises NotFound: when it was never given, or as :meth:`add`. :raises InvalidInput: as :meth:`add`.
        """
        with self._database.writing() as connection:
            values = _holder(connection, grant)
            place = _protection_group(connection, grant)
            values |= {"protection_group_id": place, "role": grant.role}
            if not connection.execute(sa.delete(access_grant).where(*_same(values))).rowcount:
                raise NotFound("There is no such grant.", advice="See them with: filmroom grant list")
            record_change(connection, f"grant {_place(grant)}", {"removed": True, **_who(grant)})

    def all(self) -> list[Grant]:
        """Return every grant, by place and holder."""
        whole = protection_collection.c.protection_group_id
        everything = (
            sa.select(whole, collection.c.name.label("collection"), sa.null().label("site"))
            .select_from(protection_collection.join(collection))
            .union_all(
                sa.select(protection_element.c.protection_group_id, collection.c.name, site.c.name)
                .select_from(protection_element.join(site).join(collection))
                .where(protection_element.c.protection_group_id.not_in(sa.select(whole)))
            )
            .subquery()
        )
        statement = (
            sa.select(
                everything.c.collection,
                everything.c.site,
                access_grant.c.role,
                account.c.login,
                account_group.c.name.label("members"),
            )
            .select_from(
                access_grant.join(
                    everything, everything.c.protection_group_id == access_grant.c.protection_group_id
                )
                .outerjoin(account, account.c.id == access_grant.c.account_id)
                .outerjoin(account_group, account_group.c.id == access_grant.c.account_group_id)
            )
            .order_by(
                everything.c.collection,
                sa.nulls_first(everything.c.site),
                sa.nulls_first(account_group.c.name),
                account.c.login,
                access_grant.c.role,
            )
        )
        with self._database.reading() as connection:
            return [
                Grant(row.collection, row.site, row.role, row.login, row.members)
                for row in connection.execute(statement)
            ]

    def roles(self, viewer: Viewer) -> tuple[Role, ...]:
        """Return the roles that a viewer holds anywhere; everybody may read what is public."""
        held = {Role.READ.value}
        if viewer.account_id is not None:
            statement = sa.select(access_grant.c.role).where(role_held(viewer.account_id)).distinct()
            with self._database.reading() as connection:
                held.update(connection.scalars(statement))
        return tuple(role for role in Role if role.value in held)


def _holder(connection: sa.Connection, grant: Grant) -> dict[str, Any]:
    if grant.role not in {role.value for role in Role}:
        known = ", ".join(role.value.removeprefix(_PREFIX) for role in Role)
        raise InvalidInput(f"There is no role {grant.role!r}; known are {known}.")
    if (grant.user is None) == (grant.group is None):
        raise InvalidInput("A grant is for one user or for one group.")
    return {
        "account_id": None if grant.user is None else account_id(connection, grant.user),
        "account_group_id": None if grant.group is None else group_id(connection, grant.group),
    }


def _same(values: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    return [access_grant.c[name].is_not_distinct_from(value) for name, value in values.items()]


def _who(grant: Grant) -> dict[str, Any]:
    who = {"user": grant.user} if grant.user is not None else {"group": grant.group}
    return {**who, "role": grant.role}


def _place(grant: Grant) -> str:
    return grant.collection if grant.site is None else f"{grant.collection}//{grant.site}"


def _protection_group(connection: sa.Connection, grant: Grant) -> int:
    """Return the id of the protection group of a place, made where there is none. :raises NotFound:"""
    whole = collection_id(connection, grant.collection)
    statement = sa.select(site.c.id).where(site.c.collection_id == whole)
    if grant.site is not None:
        statement = statement.where(site.c.name == grant.site)
    sites = list(connection.scalars(statement))
    if grant.site is not None and not sites:
        raise NotFound(f"Collection {grant.collection!r} has no site {grant.site!r}.")
    name = f"collection {whole}" if grant.site is None else f"site {sites[0]}"
    found = connection.scalar(sa.select(protection_group.c.id).where(protection_group.c.name == name))
    if found is not None:
        return int(found)
    made = connection.execute(
        sa.insert(protection_group).values(name=name, description=_place(grant))
    ).inserted_primary_key
    assert made is not None  # noqa: S101 - an insert of one row has a key
    key = int(made[0])
    if grant.site is None:
        connection.execute(
            sa.insert(protection_collection).values(protection_group_id=key, collection_id=whole)
        )
    if sites:
        connection.execute(
            sa.insert(protection_element),
            [{"protection_group_id": key, "site_id": site_id} for site_id in sites],
        )
    return key
