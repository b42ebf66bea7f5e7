"""Ingest runs and their batches, and the quarantine.

A batch is the unit of work and of resumption: it is done exactly when the transaction that stored its
instances is committed.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import chunks
from filmroom.catalog.schema import ingest_batch, ingest_run, instance, quarantine, stored_object
from filmroom.catalog.write import Acceptance, now, object_ids
from filmroom.errors import IdentityConflict, NotFound
from filmroom.model.entities import (
    Assignment,
    IncomingInstance,
    ItemOutcome,
    Licence,
    Location,
    QuarantineItem,
)


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One run of an ingest; ``resumed`` when an unfinished run of the same key goes on."""

    id: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A candidate that was refused before it reached the catalogue; its bytes are kept at ``copy_key``."""

    source: str
    reason: str
    message: str
    size: int
    assignment: Assignment | None = None
    copy_key: str | None = None


def begin_run(connection: sa.Connection, key: str) -> IngestRun:
    """Start a run, or go on with the newest unfinished one of the same key."""
    found = connection.scalar(
        sa.select(ingest_run.c.id)
        .where(ingest_run.c.run_key == key, ingest_run.c.finished.is_(None))
        .order_by(ingest_run.c.id.desc())
        .limit(1)
    )
    if found is not None:
        return IngestRun(found, resumed=True)
    made = connection.execute(sa.insert(ingest_run).values(run_key=key, started=now())).inserted_primary_key
    assert made is not None  # noqa: S101 - an insert of one row has a key
    return IngestRun(made[0], resumed=False)


def add_batch(connection: sa.Connection, run_id: int, sources: Sequence[str]) -> int:
    """Add an open batch and return its id."""
    packed = zlib.compress(json.dumps(list(sources)).encode(), 1)
    made = connection.execute(
        sa.insert(ingest_batch).values(run_id=run_id, state="open", sources=packed)
    ).inserted_primary_key
    assert made is not None  # noqa: S101
    return int(made[0])


def finished_batches(connection: sa.Connection, run_id: int) -> list[int]:
    """Return the ids of the batches of a run that are done."""
    statement = sa.select(ingest_batch.c.id).where(
        ingest_batch.c.run_id == run_id, ingest_batch.c.state == "done"
    )
    return list(connection.scalars(statement.order_by(ingest_batch.c.id)))


def batch_sources(connection: sa.Connection, batch_id: int) -> list[str]:
    """Return the sources of a batch."""
    packed = connection.scalar(sa.select(ingest_batch.c.sources).where(ingest_batch.c.id == batch_id))
    if packed is None:
        raise NotFound(f"There is no ingest batch {batch_id}.")
    sources: list[str] = json.loads(zlib.decompress(packed))
    return sources


def end_run(connection: sa.Connection, run_id: int, summary: dict[str, Any]) -> None:
    """Close a run; what is left of unfinished batches of it goes."""
    connection.execute(
        sa.update(ingest_run)
        .where(ingest_run.c.id == run_id)
        .values(finished=now(), summary=json.dumps(summary, default=str))
    )
    # A closed run is never resumed, so what its batches held is of no more use.
    connection.execute(sa.delete(ingest_batch).where(ingest_batch.c.run_id == run_id))


def commit_batch(
    connection: sa.Connection,
    batch_id: int | None,
    incoming: Sequence[IncomingInstance],
    refused: Sequence[Refusal],
) -> list[ItemOutcome]:
    """Store a batch: one outcome per incoming instance, in order. See ``Catalog.commit_batch``."""
    acceptance = Acceptance(connection)
    acceptance.load(incoming)
    outcomes: list[ItemOutcome] = []
    conflicts: list[tuple[Refusal, Location | None]] = []
    for item in incoming:
        try:
            outcomes.append(acceptance.take(item))
        except IdentityConflict as conflict:
            message = str(conflict)
            uid = item.instance.sop_instance_uid
            outcomes.append(ItemOutcome(item.source, "quarantined", conflict.reason, message, uid))
            refusal = Refusal(item.source, conflict.reason, message, item.instance.size, item.assignment)
            conflicts.append((refusal, item.location))
    acceptance.store()
    _add_to_quarantine(connection, [*conflicts, *((refusal, _copy(refusal)) for refusal in refused)])
    if batch_id is not None:
        connection.execute(
            sa.update(ingest_batch).where(ingest_batch.c.id == batch_id).values(state="done", finished=now())
        )
    return outcomes


def _copy(refusal: Refusal) -> Location | None:
    if refusal.copy_key is None:
        return None
    return Location(refusal.copy_key, 0, refusal.size, refusal.size)


def _add_to_quarantine(
    connection: sa.Connection, refusals: Sequence[tuple[Refusal, Location | None]]
) -> None:
    for refusal, location in refusals:
        same = sa.and_(
            quarantine.c.source == refusal.source,
            quarantine.c.reason == refusal.reason,
            quarantine.c.size == refusal.size,
        )
        if connection.scalar(sa.select(sa.func.count()).select_from(quarantine).where(same)):
            continue
        values: dict[str, Any] = {
            "source": refusal.source,
            "reason": refusal.reason,
            "message": refusal.message,
            "size": refusal.size,
            "created": now(),
            "assignment": json.dumps(asdict(refusal.assignment)) if refusal.assignment else None,
        }
        if location is not None:
            values |= {
                "object_id": object_ids(connection, [location])[location.key],
                "object_offset": location.offset,
                "stored_length": location.length,
            }
        connection.execute(sa.insert(quarantine).values(values))


def quarantine_items(connection: sa.Connection, item_id: int | None = None) -> Iterator[QuarantineItem]:
    """Yield the refused objects, oldest first, or the one asked for."""
    statement = (
        sa.select(quarantine, stored_object.c.object_key, stored_object.c.in_place)
        .add_columns(stored_object.c.size.label("object_size"), stored_object.c.modified_ns)
        .select_from(quarantine.outerjoin(stored_object))
        .order_by(quarantine.c.id)
    )
    if item_id is not None:
        statement = statement.where(quarantine.c.id == item_id)
    for row in connection.execute(statement).mappings():
        yield _item(dict(row))


def _item(row: dict[str, Any]) -> QuarantineItem:
    assignment = None
    if row["assignment"]:
        fields = json.loads(row["assignment"])
        terms = fields.pop("licence")
        assignment = Assignment(**fields, licence=Licence(**terms) if terms else None)
    location = None
    if row["object_key"] is not None:
        location = Location(
            row["object_key"],
            row["object_offset"],
            row["stored_length"],
            row["object_size"],
            row["modified_ns"],
            in_place=row["in_place"],
        )
    created: dt.datetime = row["created"]
    return QuarantineItem(
        id=row["id"],
        source=row["source"],
        reason=row["reason"],
        message=row["message"],
        size=row["size"],
        created=created,
        assignment=assignment,
        location=location,
    )


def no_such_item(item_id: int) -> NotFound:
    """Return the error for a number that no refused object has."""
    return NotFound(f"There is no quarantined object {item_id}.", advice="See: filmroom quarantine list")


def drop_quarantine(connection: sa.Connection, item_id: int) -> list[str]:
    """Forget one refused object; return the store keys that nothing refers to any more."""
    found = connection.execute(
        sa.select(quarantine.c.id, stored_object.c.object_key)
        .select_from(quarantine.outerjoin(stored_object))
        .where(quarantine.c.id == item_id)
    ).one_or_none()
    if found is None:
        raise no_such_item(item_id)
    connection.execute(sa.delete(quarantine).where(quarantine.c.id == item_id))
    return forget_unused(connection, [found.object_key]) if found.object_key else []


def forget_unused(connection: sa.Connection, keys: Sequence[str]) -> list[str]:
    """Return those of the keys that nothing refers to, and drop their object rows."""
    in_use: set[str] = set()
    for some in chunks(list(keys)):
        for holder in (instance, quarantine):
            statement = (
                sa.select(stored_object.c.object_key)
                .select_from(stored_object.join(holder))
                .where(stored_object.c.object_key.in_(some))
                .distinct()
            )
            in_use.update(connection.scalars(statement))
    unused = sorted(set(keys) - in_use)
    for some in chunks(unused):
        connection.execute(sa.delete(stored_object).where(stored_object.c.object_key.in_(some)))
    return unused
