"""Which series text search does not know yet, who works on them, and what they found.

Several machines index one archive: each leases some series, reads their files outside of any transaction
and stores what it found in a short one. What a machine leased and did not finish goes to another one when
its lease has run out; a series that ended so three times is taken to be the cause, and left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from filmroom.catalog.content import INSTANCE_COLUMNS, stored_instance
from filmroom.catalog.database import Database, chunks, clock
from filmroom.catalog.schema import instance, series, stored_object
from filmroom.catalog.schema_text import series_text
from filmroom.catalog.text_documents import rewrite
from filmroom.catalog.text_words import indexed_keys
from filmroom.model.entities import StoredInstance
from filmroom.model.text_search import TextIndexState

MOST_ATTEMPTS = 3
_KEYS = 20_000
_WAITS = series_text.c.waiting_since.is_not(None)


@dataclass(frozen=True, slots=True)
class Unread:
    """A series whose file is to be read: its first instance, None where it has none."""

    series_key: int
    instance: StoredInstance | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a file: its values, or why there are none."""

    values: Sequence[str] = ()
    problem: str | None = None


class TextIndex:
    """The work of indexing, each step in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> TextIndexState:
        """Return how far the index is."""
        with self._database.reading() as connection:
            waiting, since = connection.execute(
                sa.select(sa.func.count(), sa.func.min(series_text.c.waiting_since)).where(_WAITS)
            ).one()
            unreadable = connection.scalar(
                sa.select(sa.func.count()).select_from(series_text).where(series_text.c.problem.is_not(None))
            )
            behind = (clock(connection) - since).total_seconds() if since is not None else 0.0
        return TextIndexState(waiting, int(unreadable or 0), max(behind, 0.0))

    def lease(self, worker: str, most: int, seconds: int) -> list[Unread]:
        """Give the series that wait longest, and that nobody works on, to a worker for ``seconds``."""
        with self._database.reading() as connection:
            # Who finds nothing to do stands in no writer's way.
            if connection.execute(sa.select(sa.literal(1)).where(_WAITS).limit(1)).one_or_none() is None:
                return []
        with self._database.writing(in_turn=False) as connection:
            moment = clock(connection)
            is_free = sa.or_(
                series_text.c.lease_expires.is_(None),
                series_text.c.lease_expires <= moment,
                series_text.c.leased_by == worker,
            )
            waiting = (
                sa.select(series_text.c.series_key, series_text.c.attempts)
                .where(_WAITS, is_free)
                .order_by(series_text.c.waiting_since, series_text.c.series_key)
                .limit(most)
                .with_for_update(skip_locked=True)
            )
            rows = connection.execute(waiting).all()
            tried = [row.series_key for row in rows if row.attempts >= MOST_ATTEMPTS]
            keys = [row.series_key for row in rows if row.attempts < MOST_ATTEMPTS]
            _update(
                connection,
                tried,
                waiting_since=None,
                leased_by=None,
                lease_expires=None,
                problem=f"Reading it was broken off {MOST_ATTEMPTS} times.",
            )
            _update(
                connection,
                keys,
                leased_by=worker,
                lease_expires=moment + dt.timedelta(seconds=seconds),
                attempts=series_text.c.attempts + 1,
            )
            found = _first_instances(connection, keys)
        return [Unread(key, found.get(key)) for key in keys]

    def store(self, worker: str, leased: Sequence[int], readings: Mapping[int, Reading]) -> None:
        """Index what a worker read of the series that it leased, and give back those that it did not read.

        What was given to another meanwhile is left to it.
        """
        with self._database.writing(in_turn=False) as connection:
            held: list[int] = []
            for keys in chunks(sorted(leased)):
                statement = sa.select(series_text.c.series_key).where(
                    series_text.c.series_key.in_(keys),
                    series_text.c.leased_by == worker,
                    _WAITS,
                )
                held += connection.scalars(statement.order_by(series_text.c.series_key).with_for_update())
            mine = [key for key in held if key in readings]
            unread = [key for key in held if key not in readings]
            attempts = series_text.c.attempts - 1
            _update(connection, unread, leased_by=None, lease_expires=None, attempts=attempts)
            values = {key: readings[key].values for key in mine if readings[key].problem is None}
            rewrite(connection, mine, values, clock(connection))
            done = {"waiting_since": None, "leased_by": None, "lease_expires": None, "attempts": 0}
            _update(connection, list(values), **done, problem=None)
            for key in mine:
                if key not in values:
                    _update(connection, [key], **done, problem=readings[key].problem)

    def retry(self) -> int:
        """Let the series whose files could not be read wait again; return their number."""
        with self._database.writing(in_turn=False) as connection:
            return connection.execute(
                sa.update(series_text)
                .where(series_text.c.problem.is_not(None))
                .values(waiting_since=clock(connection), problem=None, attempts=0)
            ).rowcount

    def missing(self, *, repair: bool) -> int:
        """Return how many series the index does not know of; with ``repair`` they wait for it from now on."""
        with self._database.reading() as connection:
            highest = int(connection.scalar(sa.select(sa.func.max(series.c.id))) or 0)
        count = 0
        for first in range(0, highest + 1, _KEYS):
            with self._database.reading() as connection:
                keys = _unknown(connection, first, first + _KEYS - 1)
            if keys and repair:
                with self._database.writing() as connection:
                    # Once more while nobody writes.
                    keys = _unknown(connection, first, first + _KEYS - 1)
                    _make_known(connection, keys)
            count += len(keys)
        return count


def _update(connection: sa.Connection, keys: Sequence[int], **values: object) -> None:
    for some in chunks(keys):
        connection.execute(sa.update(series_text).where(series_text.c.series_key.in_(some)).values(values))


def _first_instances(connection: sa.Connection, keys: Sequence[int]) -> dict[int, StoredInstance]:
    found: dict[int, StoredInstance] = {}
    for some in chunks(keys):
        first = (
            sa.select(sa.func.min(instance.c.id))
            .where(instance.c.series_key.in_(some))
            .group_by(instance.c.series_key)
        )
        rows = connection.execute(
            sa.select(*INSTANCE_COLUMNS, instance.c.series_key)
            .select_from(instance.join(stored_object))
            .where(instance.c.id.in_(first))
        )
        found.update((row.series_key, stored_instance(row)) for row in rows)
    return found


def _unknown(connection: sa.Connection, first: int, last: int) -> list[int]:
    """Return the series of a range of keys that are neither in the index nor wait for it."""
    everything = set(connection.scalars(sa.select(series.c.id).where(series.c.id.between(first, last))))
    rows = connection.execute(
        sa.select(series_text.c.series_key, series_text.c.waiting_since).where(
            series_text.c.series_key.between(first, last)
        )
    ).all()
    waiting = {row.series_key for row in rows if row.waiting_since is not None}
    known = {row.series_key for row in rows} & indexed_keys(connection, first, last)
    return sorted(everything - waiting - known)


def _make_known(connection: sa.Connection, keys: Sequence[int]) -> None:
    moment = clock(connection)
    for some in chunks(keys):
        # What stands there has no words in the index: without it, nothing is taken out that is not in it.
        connection.execute(sa.delete(series_text).where(series_text.c.series_key.in_(some)))
        connection.execute(
            sa.insert(series_text),
            [
                {"series_key": key, "fields": b"", "tags": b"", "waiting_since": moment, "attempts": 0}
                for key in some
            ],
        )
