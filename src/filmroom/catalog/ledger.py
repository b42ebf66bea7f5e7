"""Batches into the catalogue, and the quarantine. Runs and leases: :mod:`filmroom.catalog.runs`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import runs
from filmroom.catalog.database import chunks
from filmroom.catalog.schema import instance, quarantine, stored_object
from filmroom.catalog.schema_files import series_file
from filmroom.catalog.schema_slides import slide
from filmroom.catalog.slide_write import SlideAcceptance
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
from filmroom.model.slides import IncomingSlide

HOLDERS = (instance, quarantine, series_file, slide)
"""The tables whose rows refer to stored objects."""

Record = Callable[[Sequence[ItemOutcome]], dict[str, Any] | None]
"""Makes of the outcomes of a batch what the ledger keeps of it, ready for JSON; None: nothing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A candidate that was refused before it reached the catalogue; its bytes are kept at ``copy_key``."""

    source: str
    reason: str
    message: str
    size: int
    assignment: Assignment | None = None
    copy_key: str | None = None


def commit_batch(
    connection: sa.Connection,
    batch_id: int | None,
    incoming: Sequence[IncomingInstance],
    refused: Sequence[Refusal],
    slides: Sequence[IncomingSlide] = (),
    *,
    worker: str | None = None,
    record: Record | None = None,
) -> list[ItemOutcome]:
    """Store a batch: one outcome per incoming instance and slide, in order. See ``Catalog.commit_batch``."""
    if batch_id is not None and worker is not None:
        runs.check_lease(connection, batch_id, worker)
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
    accepted_slides = SlideAcceptance(connection, now())
    for slide_item in slides:
        try:
            outcomes.append(accepted_slides.take(slide_item))
        except IdentityConflict as conflict:
            message, source = str(conflict), slide_item.source
            outcomes.append(ItemOutcome(source, "quarantined", conflict.reason, message))
            refusal = Refusal(source, conflict.reason, message, slide_item.size, slide_item.assignment)
            conflicts.append((refusal, slide_item.location))
    _add_to_quarantine(connection, [*conflicts, *((refusal, _copy(refusal)) for refusal in refused)])
    if batch_id is not None:
        runs.finish_batch(connection, batch_id, None if record is None else record(outcomes))
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
        for holder in HOLDERS:
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
