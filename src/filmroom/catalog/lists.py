"""Shared lists: made, read and deleted. What a viewer sees of one is what it may see of the series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database, among, chunks, insert_returning_ids
from filmroom.catalog.pages import Page, by_ids
from filmroom.catalog.schema import account, series
from filmroom.catalog.schema_lists import shared_list, shared_list_entry
from filmroom.catalog.series_rows import SERIES_COLUMNS, SERIES_FROM
from filmroom.catalog.visible import visible_series
from filmroom.catalog.write import now
from filmroom.errors import AccessDenied, IdentityConflict, InvalidInput, LoginRequired, NotFound
from filmroom.model.access import VisibleSet
from filmroom.model.lists import MOST_LISTS, ListEntry, ListUse, NewList, SharedList, folded

_ENTRY_SERIES = shared_list_entry.join(
    series, series.c.series_instance_uid == shared_list_entry.c.series_instance_uid
)


class Lists:
    """The shared lists of a catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, new: NewList, visible: VisibleSet) -> None:
        """Make a list that belongs to the viewer.

        :raises LoginRequired: when the viewer has no account.
        :raises NotFound: when a series is not in the viewer's set.
        :raises IdentityConflict: when a list of that name is there already, in any case.
        :raises InvalidInput: when the account has :data:`~filmroom.model.lists.MOST_LISTS` already.
        """
        owner = visible.viewer.account_id
        if owner is None:
            raise LoginRequired("A list belongs to an account.")
        with self._database.reading() as connection:
            _check_series(connection, new.series_instance_uids, visible)
        with self._database.writing() as connection:
            if _find(connection, new.name) is not None:
                raise IdentityConflict(f"There is a list {new.name!r} already.")
            owned = sa.select(sa.func.count()).where(shared_list.c.account_id == owner)
            if (connection.scalar(owned) or 0) >= MOST_LISTS:
                raise InvalidInput(f"An account has at most {MOST_LISTS} lists.")
            values = {
                "name": new.name,
                "folded_name": folded(new.name),
                "description": new.description or None,
                "hyperlink": new.hyperlink or None,
                "account_id": owner,
                "created": now(),
            }
            [list_id] = insert_returning_ids(connection, shared_list, [values])
            connection.execute(
                sa.insert(shared_list_entry),
                [{"list_id": list_id, "series_instance_uid": uid} for uid in new.series_instance_uids],
            )

    def find(self, name: str, visible: VisibleSet) -> SharedList:
        """Return a list with those of its series that the viewer may see.

        :raises NotFound: when there is none, or it is another's and the viewer may see none of its series.
        """
        with self._database.reading() as connection:
            row = _visible_list(connection, name, visible)
            entries = connection.execute(
                sa.select(shared_list_entry.c.id, shared_list_entry.c.series_instance_uid)
                .select_from(_ENTRY_SERIES)
                .where(shared_list_entry.c.list_id == row.id, visible_series(visible))
                .order_by(shared_list_entry.c.id)
            )
            return SharedList(
                id=row.id,
                name=row.name,
                description=row.description or "",
                hyperlink=row.hyperlink or "",
                # Who has which login is for those who have one themselves.
                owner=row.login if visible.viewer.account_id is not None else "",
                created=row.created,
                usage_count=row.usage_count,
                entries=tuple(ListEntry(*entry) for entry in entries),
            )

    def rows(self, name: str, visible: VisibleSet) -> tuple[int, Iterator[Page]]:
        """Return a list's id and the pages of its series that the viewer may see, in the list's order.

        :raises NotFound: as :meth:`find`.
        """
        with self._database.reading() as connection:
            row = _visible_list(connection, name, visible)
        ids = (
            sa.select(series.c.id)
            .select_from(_ENTRY_SERIES)
            .where(shared_list_entry.c.list_id == row.id, visible_series(visible))
            .order_by(shared_list_entry.c.id)
        )
        rows = sa.select(*SERIES_COLUMNS, series.c.id.label("_id")).select_from(SERIES_FROM)
        rows = rows.where(visible_series(visible), among(series.c.id, "keys"))
        return row.id, by_ids(self._database, ids, {}, rows)

    def delete(self, name: str, visible: VisibleSet) -> None:
        """Delete a list of the viewer's own.

        :raises LoginRequired: when the viewer has no account. :raises NotFound: as :meth:`find`.
        :raises AccessDenied: when it is another's.
        """
        owner = visible.viewer.account_id
        if owner is None:
            raise LoginRequired("A list belongs to an account.")
        with self._database.writing() as connection:
            row = _visible_list(connection, name, visible)
            if row.account_id != owner:
                raise AccessDenied("Only the owner can delete a list.")
            connection.execute(sa.delete(shared_list_entry).where(shared_list_entry.c.list_id == row.id))
            connection.execute(sa.delete(shared_list).where(shared_list.c.id == row.id))

    def record_uses(self, uses: Sequence[ListUse]) -> None:
        """Count that lists were given out; one that was deleted meanwhile is passed over."""
        with self._database.writing(in_turn=False) as connection:
            # In one order, so that two writers never wait for each other.
            for list_id, times in sorted(Counter(use.list_id for use in uses).items()):
                connection.execute(
                    sa.update(shared_list)
                    .where(shared_list.c.id == list_id)
                    .values(usage_count=shared_list.c.usage_count + times)
                )


def _find(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    return connection.execute(
        sa.select(shared_list, account.c.login)
        .select_from(shared_list.join(account))
        .where(shared_list.c.folded_name == folded(name))
    ).one_or_none()


def _visible_list(connection: sa.Connection, name: str, visible: VisibleSet) -> sa.Row[Any]:
    """Return a list that the viewer may know of: its own, or one with a series that it may see.

    :raises NotFound: else; its name and description can tell of the series on it.
    """
    row = _find(connection, name)
    if row is not None:
        if visible.viewer.account_id == row.account_id:
            return row
        seen = (
            sa.select(sa.literal(1))
            .select_from(_ENTRY_SERIES)
            .where(shared_list_entry.c.list_id == row.id, visible_series(visible))
            .limit(1)
        )
        if connection.scalar(seen) is not None:
            return row
    raise NotFound("There is no such list.")


def _check_series(connection: sa.Connection, uids: Sequence[str], visible: VisibleSet) -> None:
    for some in chunks(uids):
        found = connection.scalar(
            sa.select(sa.func.count()).where(visible_series(visible), series.c.series_instance_uid.in_(some))
        )
        if found != len(some):
            raise NotFound("A series of the list does not exist.")
