"""The queue of registration: which records the other end does not have as they are now.

Nothing is put into it. A record waits when it was changed after it was last sent, so no change can be lost
between the record and the queue, and what was sent twice is the same.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database, clock
from filmroom.catalog.dois import shown_rows
from filmroom.catalog.schema_doi_registration import doi_push
from filmroom.catalog.schema_dois import doi
from filmroom.model.doi_registration import Push, PushStatus, System
from filmroom.model.dois import DoiState

_LONGEST_ERROR = 4_000


class DoiPushes:
    """The records of one repository on their way to one system of DataCite.

    :param symbol: the repository's, in lower case. :param worker: who holds the leases.
    """

    def __init__(self, database: Database, system: System, symbol: str, worker: str = "") -> None:
        self._database = database
        self._system = system
        self._symbol = symbol
        self._worker = worker

    def is_any_due(self) -> bool:
        """Whether something is to be sent now; whoever else is at it."""
        with self._database.reading() as connection:
            statement = self._due(connection).with_only_columns(doi.c.doi)
            return connection.scalar(statement) is not None

    def take(self, lease: float, name: str | None = None) -> Push | None:
        """Return what to send next, None when nothing is due or another worker is sending.

        :param lease: seconds after which it is given to another. :param name: only this DOI.
        """
        with self._database.writing() as connection:
            moment = clock(connection)
            others = sa.select(sa.func.count()).where(
                doi_push.c.system == self._system,
                doi_push.c.lease_expires > moment,
                doi_push.c.leased_by != self._worker,
            )
            if connection.scalar(others):
                return None
            conditions = [] if name is None else [doi.c.doi == name]
            row = connection.execute(self._due(connection).where(*conditions)).first()
            if row is None:
                return None
            # What was changed since it failed is tried as if it never had been.
            tries = row.tries if row.known == row.revision else 0
            values = {
                "wanted": row.state,
                "state": "waiting",
                "tries": tries or 0,
                "revision": row.revision,
                "leased_by": self._worker,
                "lease_expires": moment + dt.timedelta(seconds=lease),
            }
            if row.known is None:
                connection.execute(sa.insert(doi_push).values(system=self._system, doi=row.doi, **values))
            else:
                self._set(connection, row.doi, values)
            [found] = shown_rows(connection, doi.c.doi == row.doi, detail=True)
            return Push(found.record, self._system, tries or 0)

    def done(self, push: Push, digest: str) -> None:
        """Note that the other end has a record. :param digest: of what it has."""
        with self._database.writing() as connection:
            values = {"state": "done", "digest": digest, "tries": 0, "error": None, "next_try": None}
            self._set(connection, push.record.doi, {**values, "done": clock(connection)}, held=True)

    def failed(self, push: Push, error: str, seconds: float | None) -> None:
        """Note that a record was not taken.

        :param seconds: after which it is tried again; None: not before it changes or a person says so.
        """
        with self._database.writing() as connection:
            wait = None if seconds is None else clock(connection) + dt.timedelta(seconds=seconds)
            values = {
                "state": "stopped" if seconds is None else "waiting",
                "tries": push.tries + 1,
                "error": error[:_LONGEST_ERROR],
                "next_try": wait,
            }
            self._set(connection, push.record.doi, values, held=True)

    def retry(self, name: str | None = None) -> int:
        """Let what was stopped, or waits after a failure, be tried at once; return how many.

        :param name: only this DOI.
        """
        table = doi_push
        conditions = [] if name is None else [table.c.doi == name]
        statement = (
            sa.update(table)
            .where(table.c.system == self._system, table.c.state != "done", *conditions)
            .values(state="waiting", tries=0, next_try=None)
        )
        with self._database.writing() as connection:
            return connection.execute(statement).rowcount

    def status(self) -> list[PushStatus]:
        """Return how far every record is that has left its draft, by DOI."""
        statement = self._records().order_by(doi.c.doi)
        with self._database.reading() as connection:
            return [_status(row) for row in connection.execute(statement)]

    def _records(self) -> sa.Select[Any]:
        """The repository's own records that are not drafts, with what is known of their registration."""
        at_system = sa.and_(doi_push.c.doi == doi.c.doi, doi_push.c.system == self._system)
        known = [doi_push.c[name] for name in ("tries", "error", "next_try", "done")]
        labelled = (doi_push.c.state.label("push"), doi_push.c.revision.label("known"))
        return (
            sa.select(doi.c.doi, doi.c.state, doi.c.revision, *labelled, *known)
            .select_from(doi.outerjoin(doi_push, at_system))
            .where(
                doi.c.client == self._symbol,
                doi.c.imported_at.is_(None),
                doi.c.state != DoiState.DRAFT.value,
            )
        )

    def _due(self, connection: sa.Connection) -> sa.Select[Any]:
        moment = clock(connection)
        waits = sa.and_(
            doi_push.c.state == "waiting",
            sa.or_(doi_push.c.next_try.is_(None), doi_push.c.next_try <= moment),
            sa.or_(
                doi_push.c.lease_expires.is_(None),
                doi_push.c.lease_expires <= moment,
                doi_push.c.leased_by == self._worker,
            ),
        )
        changed = doi_push.c.revision != doi.c.revision
        return (
            self._records()
            .where(sa.or_(doi_push.c.doi.is_(None), changed, waits))
            .order_by(doi.c.updated, doi.c.doi)
            .limit(1)
        )

    def _set(
        self, connection: sa.Connection, name: str, values: dict[str, Any], *, held: bool = False
    ) -> None:
        """Set values of a row. :param held: only while it is this worker's, and give it back."""
        conditions = [doi_push.c.leased_by == self._worker] if held else []
        free = {"leased_by": None, "lease_expires": None} if held else {}
        connection.execute(
            sa.update(doi_push)
            .where(doi_push.c.system == self._system, doi_push.c.doi == name, *conditions)
            .values(**values, **free)
        )


def _status(row: Any) -> PushStatus:
    wanted = DoiState(row.state)
    if row.known != row.revision:
        return PushStatus(row.doi, wanted, "waiting", error=row.error, done=row.done)
    return PushStatus(row.doi, wanted, row.push, row.tries, row.error, row.next_try, row.done)
