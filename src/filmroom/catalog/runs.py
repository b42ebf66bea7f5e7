"""Ingest runs, their batches, and who works on them.

A batch is the unit of work and of resumption: it is done exactly when the transaction that stored its
instances is committed. The machine that owns a run scans and adds batches; every machine, the owner too,
*leases* batches to work on. A lease that is not renewed runs out, and the batch goes to whoever asks next.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import clock
from filmroom.catalog.schema import ingest_batch, ingest_run
from filmroom.catalog.write import now
from filmroom.errors import ArchiveInUse, LeaseLost, NotFound


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One run of an ingest; ``resumed`` when an unfinished run of the same key goes on."""

    id: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is not finished, as a helper sees it.

    ``plan`` is what :meth:`filmroom.catalog.Catalog.begin_run` was given; ``alive`` tells whether its owner
    still renews it; ``unfinished`` counts the batches for everybody that are not done.
    """

    id: int
    plan: str
    owner: str
    alive: bool
    unfinished: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: ``sources`` as they were added."""

    id: int
    run_id: int
    sources: list[Any]


def _packed(value: object) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def _unpacked(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))


# -- runs --------------------------------------------------------------------------------------------------


def begin_run(
    connection: sa.Connection, key: str, plan: str | None = None, owner: str | None = None, seconds: int = 0
) -> IngestRun:
    """Start a run, or go on with the newest unfinished one of the same key. See ``Catalog.begin_run``."""
    moment = clock(connection)
    lead = {"plan": plan, "owner": owner, "owner_expires": moment + dt.timedelta(seconds=seconds)}
    found = connection.execute(
        sa.select(ingest_run)
        .where(ingest_run.c.run_key == key, ingest_run.c.finished.is_(None))
        .order_by(ingest_run.c.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        made = connection.execute(
            sa.insert(ingest_run).values(run_key=key, started=now(), **lead)
        ).inserted_primary_key
        assert made is not None  # noqa: S101 - an insert of one row has a key
        return IngestRun(made[0], resumed=False)
    if found.owner not in {None, owner} and found.owner_expires > moment:
        raise ArchiveInUse(
            f"The same ingest is already running on {_host(found.owner)}.",
            advice="Help it with: filmroom ingest --join. If that machine is gone, try again in a while.",
        )
    # What nobody works on any more is scanned anew: its files may have changed since.
    abandoned = sa.or_(
        ingest_batch.c.state == "open",
        ingest_batch.c.leased_by.in_([name for name in (found.owner, owner) if name is not None]),
        ingest_batch.c.lease_expires <= moment,
    )
    connection.execute(
        sa.delete(ingest_batch).where(
            ingest_batch.c.run_id == found.id, ingest_batch.c.state != "done", abandoned
        )
    )
    connection.execute(sa.update(ingest_run).where(ingest_run.c.id == found.id).values(lead))
    return IngestRun(found.id, resumed=True)


def _host(worker: str) -> str:
    return worker.partition(" ")[0]


def end_run(connection: sa.Connection, run_id: int, summary: dict[str, Any]) -> None:
    """Close a run; what is left of unfinished batches of it goes."""
    connection.execute(
        sa.update(ingest_run)
        .where(ingest_run.c.id == run_id)
        .values(finished=now(), summary=json.dumps(summary, default=str))
    )
    # A closed run is never resumed, so what its batches held is of no more use.
    connection.execute(sa.delete(ingest_batch).where(ingest_batch.c.run_id == run_id))


def open_runs(connection: sa.Connection) -> list[OpenRun]:
    """Return the runs that are not finished and that others can work on, oldest first."""
    moment = clock(connection)
    unfinished = (
        sa.select(sa.func.count())
        .where(
            ingest_batch.c.run_id == ingest_run.c.id,
            ingest_batch.c.state.in_(("open", "leased")),
            ingest_batch.c.shared,
        )
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(ingest_run, unfinished.label("unfinished"))
        .where(ingest_run.c.finished.is_(None), ingest_run.c.plan.is_not(None))
        .order_by(ingest_run.c.id)
    )
    return [
        OpenRun(row.id, row.plan, row.owner or "", row.owner_expires > moment, row.unfinished) for row in rows
    ]


# -- batches -----------------------------------------------------------------------------------------------


def add_batch(
    connection: sa.Connection,
    run_id: int,
    sources: Sequence[Any],
    *,
    shared: bool = True,
    again: bool = False,
) -> int:
    """Add an open batch and return its id. See ``Catalog.add_batch``."""
    packed = _packed(list(sources))
    if again:
        last = connection.execute(
            sa.select(ingest_batch.c.id, ingest_batch.c.sources)
            .where(ingest_batch.c.run_id == run_id)
            .order_by(ingest_batch.c.id.desc())
            .limit(1)
        ).one_or_none()
        if last is not None and last.sources == packed:
            return int(last.id)
    made = connection.execute(
        sa.insert(ingest_batch).values(run_id=run_id, state="open", shared=shared, sources=packed)
    ).inserted_primary_key
    assert made is not None  # noqa: S101
    return int(made[0])


def batch_ids(connection: sa.Connection, run_id: int, state: str) -> list[int]:
    """Return the ids of the batches of a run that are in a state, in order."""
    statement = sa.select(ingest_batch.c.id).where(
        ingest_batch.c.run_id == run_id, ingest_batch.c.state == state
    )
    return list(connection.scalars(statement.order_by(ingest_batch.c.id)))


def batch_sources(connection: sa.Connection, batch_id: int) -> list[Any]:
    """Return the sources of a batch."""
    packed = connection.scalar(sa.select(ingest_batch.c.sources).where(ingest_batch.c.id == batch_id))
    if packed is None:
        raise NotFound(f"There is no ingest batch {batch_id}.")
    sources: list[Any] = _unpacked(packed)
    return sources


def batch_records(
    connection: sa.Connection, run_id: int, known: set[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what was recorded of the batches of a run that are done, but for those that are ``known``."""
    statement = sa.select(ingest_batch.c.id).where(
        ingest_batch.c.run_id == run_id,
        ingest_batch.c.state == "done",
        ingest_batch.c.outcome.is_not(None),
    )
    for batch_id in list(connection.scalars(statement.order_by(ingest_batch.c.id))):
        if batch_id not in known:
            one = sa.select(ingest_batch.c.outcome).where(ingest_batch.c.id == batch_id)
            yield batch_id, _unpacked(connection.execute(one).scalar_one())


def finish_batch(connection: sa.Connection, batch_id: int, record: dict[str, Any] | None) -> None:
    """Mark a batch as done, in the transaction that stores it."""
    connection.execute(
        sa.update(ingest_batch)
        .where(ingest_batch.c.id == batch_id)
        .values(state="done", finished=now(), outcome=None if record is None else _packed(record))
    )


# -- leases ------------------------------------------------------------------------------------------------


def lease_batch(connection: sa.Connection, run_id: int | None, worker: str, seconds: int) -> Batch | None:
    """Give the oldest batch that nobody works on to a worker. See ``Catalog.lease_batch``."""
    moment = clock(connection)
    ran_out = sa.and_(
        ingest_batch.c.state == "leased",
        ingest_batch.c.lease_expires <= moment,
        ingest_batch.c.leased_by != worker,  # its own, it is still at
    )
    statement = (
        sa.select(ingest_batch.c.id, ingest_batch.c.run_id, ingest_batch.c.sources)
        .select_from(ingest_batch.join(ingest_run))
        .where(
            ingest_run.c.finished.is_(None),
            ingest_batch.c.state.in_(
                ("open", "leased")
            ),  # what is done is many, and the index passes it over
            sa.or_(ingest_batch.c.state == "open", ran_out),
            sa.or_(ingest_batch.c.shared, ingest_run.c.owner == worker),
        )
        .order_by(ingest_batch.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=ingest_batch)
    )
    if run_id is not None:
        statement = statement.where(ingest_batch.c.run_id == run_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    connection.execute(
        sa.update(ingest_batch)
        .where(ingest_batch.c.id == row.id)
        .values(
            state="leased", leased_by=worker, lease_expires=clock(connection) + dt.timedelta(seconds=seconds)
        )
    )
    return Batch(row.id, row.run_id, _unpacked(row.sources))


def renew(connection: sa.Connection, worker: str, seconds: int) -> None:
    """Push out the end of everything that a worker holds."""
    expires = clock(connection) + dt.timedelta(seconds=seconds)
    connection.execute(_held(worker).values(lease_expires=expires))
    connection.execute(_owned(worker).values(owner_expires=expires))


def release(connection: sa.Connection, worker: str) -> None:
    """Give back everything that a worker holds."""
    connection.execute(_held(worker).values(state="open", leased_by=None, lease_expires=None))
    connection.execute(_owned(worker).values(owner_expires=clock(connection)))


def release_others(connection: sa.Connection, worker: str, kept: Collection[int]) -> None:
    """Give back the batches that a worker holds but for those that it knows of."""
    connection.execute(
        _held(worker)
        .where(ingest_batch.c.id.not_in(kept))
        .values(state="open", leased_by=None, lease_expires=None)
    )


def _held(worker: str) -> sa.Update:
    return sa.update(ingest_batch).where(ingest_batch.c.leased_by == worker, ingest_batch.c.state == "leased")


def _owned(worker: str) -> sa.Update:
    return sa.update(ingest_run).where(ingest_run.c.owner == worker, ingest_run.c.finished.is_(None))


def finished_by(connection: sa.Connection, batch_id: int) -> str | None:
    """Return who finished a batch, None where it is not done."""
    statement = sa.select(ingest_batch.c.leased_by).where(
        ingest_batch.c.id == batch_id, ingest_batch.c.state == "done"
    )
    return connection.scalar(statement)


def check_lease(connection: sa.Connection, batch_id: int, worker: str) -> None:
    """Check, and hold until the end of the transaction, that a batch is a worker's.

    :raises LeaseLost: when it is not any more.
    """
    statement = sa.select(ingest_batch.c.state, ingest_batch.c.leased_by).where(ingest_batch.c.id == batch_id)
    row = connection.execute(statement.with_for_update()).one_or_none()
    if row is None or (row.state, row.leased_by) != ("leased", worker):
        raise LeaseLost(f"Batch {batch_id} was given to another worker.")
