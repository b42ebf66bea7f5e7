"""Writing DOI records: rows, terms, lists of relations and activities, all in the caller's transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import doi_links
from filmroom.catalog.database import among, chunks, insert_returning_ids
from filmroom.catalog.doi_rows import document_of, imported_counts, record_of, row_of
from filmroom.catalog.doi_terms import Terms, terms_of
from filmroom.catalog.schema_dois import (
    doi,
    doi_activity,
    doi_clock,
    doi_document,
    doi_posting,
    doi_term,
    doi_usage,
)
from filmroom.catalog.write import now
from filmroom.errors import IdentityConflict, NotPermitted, RecordChanged
from filmroom.model.doi_changes import changes, next_version
from filmroom.model.dois import DoiRecord, ImportedFacts

StoredRecords = dict[str, tuple[int, DoiRecord]]
"""DOI to key and record."""


def stored_records(connection: sa.Connection, names: Sequence[str]) -> StoredRecords:
    """Return what is stored of these DOIs, with their keys."""
    found: StoredRecords = {}
    for some in chunks(names):
        for row in connection.execute(
            sa.select(doi, doi_document).select_from(doi.join(doi_document)).where(doi.c.doi.in_(some))
        ):
            found[row.doi] = (row.id, record_of(row))
    return found


def check(record: DoiRecord, stored: DoiRecord | None) -> None:
    """Check that a record may follow on what is stored: see ``Dois.put_many``."""
    if stored is None:
        if record.revision:
            raise RecordChanged(f"The record of {record.doi} was deleted meanwhile.")
        return
    if (stored.imported_at is None) != (record.imported_at is None):
        whose = "this archive's own" if stored.imported_at is None else "another archive's"
        raise NotPermitted(f"The record of {record.doi} is {whose}.")
    if not record.revision:
        raise IdentityConflict(f"There is a record of {record.doi} already.")
    if record.revision != stored.revision:
        raise RecordChanged(f"The record of {record.doi} was changed meanwhile.")


def write_records(
    connection: sa.Connection, given: Iterable[DoiRecord], stored: StoredRecords, actor: str
) -> list[DoiRecord]:
    """Store records that were checked; return them as they are now."""
    moment, results, written = now(), [], []
    for record in given:
        old = stored.get(record.doi, (0, None))[1]
        changed = changes(old, record)
        if old is not None and not changed and _is_as_it_was(old, record):
            results.append(old)
            continue
        new = next_version(old, record, moment)
        written.append((old, new, changed))
        results.append(new)
    if not written:
        return results
    last = _last_versions(connection, [new.doi for old, new, _ in written if old is None])
    tick = next_tick(connection)
    numbered = {
        new.doi: replace(new, revision=(old.revision if old is not None else last.get(new.doi, 0)) + 1)
        for old, new, _ in written
    }
    fresh = [numbered[new.doi] for old, new, _ in written if old is None]
    keys = _insert(connection, fresh, tick)
    for old, new, _ in written:
        if old is not None:
            keys[new.doi] = stored[new.doi][0]
            _update(connection, keys[new.doi], numbered[new.doi], tick)
    _index(connection, {keys[name]: terms_of(record) for name, record in numbered.items()})
    touched = {name for name, record in numbered.items() if record.imported is None}
    for name, record in numbered.items():
        touched |= doi_links.replace_links(connection, keys[name], record)
    doi_links.recount(connection, touched, tick)
    _note(
        connection,
        [
            (new, numbered[new.doi].revision, "create" if old is None else "update", changed)
            for old, new, changed in written
        ],
        actor,
    )
    return [numbered.get(record.doi, record) for record in results]


def erase(connection: sa.Connection, key: int, record: DoiRecord, actor: str) -> None:
    """Delete a record."""
    tick = next_tick(connection)
    touched = doi_links.replace_links(connection, key, None)
    for table in (doi_posting, doi_usage, doi_document):
        connection.execute(sa.delete(table).where(table.c.doi_id == key))
    connection.execute(sa.delete(doi).where(doi.c.id == key))
    doi_links.recount(connection, touched - {record.doi}, tick)
    _note(connection, [(record, record.revision + 1, "destroy", {})], actor)


def _is_as_it_was(old: DoiRecord, new: DoiRecord) -> bool:
    """Whether also what no activity tells of is the same."""
    return (old.xml, old.imported) == (new.xml, new.imported) and (
        new.imported_at is None
        or (old.created, old.registered, old.updated) == (new.created, new.registered, new.updated)
    )


def _insert(connection: sa.Connection, records: Sequence[DoiRecord], tick: int) -> dict[str, int]:
    rows = [row_of(record) | _own_counts(record) | {"tick": tick} for record in records]
    ids = insert_returning_ids(connection, doi, rows)
    keys = {record.doi: key for record, key in zip(records, ids, strict=True)}
    if records:
        connection.execute(
            sa.insert(doi_document),
            [document_of(record) | {"doi_id": keys[record.doi]} for record in records],
        )
    return keys


def _own_counts(record: DoiRecord) -> dict[str, int]:
    return imported_counts(record.imported or ImportedFacts())


def _update(connection: sa.Connection, key: int, record: DoiRecord, tick: int) -> None:
    counts = imported_counts(record.imported) if record.imported is not None else {}
    connection.execute(sa.update(doi).where(doi.c.id == key).values(row_of(record) | counts | {"tick": tick}))
    connection.execute(
        sa.update(doi_document).where(doi_document.c.doi_id == key).values(document_of(record))
    )


def _index(connection: sa.Connection, terms: dict[int, Terms]) -> None:
    """Set the terms of records, by their keys."""
    connection.execute(sa.delete(doi_posting).where(among(doi_posting.c.doi_id, terms)))
    wanted = sorted({term for each in terms.values() for term in each})
    known: dict[tuple[str, str], int] = {}
    for field, of_field in groupby(wanted, key=lambda term: term[0]):
        for some in chunks([term for _, term in of_field]):
            rows = connection.execute(
                sa.select(doi_term.c.term, doi_term.c.id).where(
                    doi_term.c.field == field, doi_term.c.term.in_(some)
                )
            )
            known.update({(field, row.term): row.id for row in rows})
    missing = [term for term in wanted if term not in known]
    for some in chunks(missing, 5_000):
        ids = insert_returning_ids(
            connection, doi_term, [{"field": field, "term": term} for field, term in some]
        )
        known.update(zip(some, ids, strict=True))
    # In the order of the index, so that many records at once touch each of its pages once.
    postings = sorted(
        ((known[term], key, places) for key, each in terms.items() for term, places in each.items()),
        key=lambda row: row[:2],
    )
    for some in chunks(postings, 20_000):
        connection.execute(
            sa.insert(doi_posting),
            [{"term_id": term, "doi_id": key, "positions": places} for term, key, places in some],
        )


def tick_of(connection: sa.Connection) -> int:
    """Return the time of the clock of records."""
    return int(connection.execute(sa.select(doi_clock.c.tick)).scalar_one())


def next_tick(connection: sa.Connection) -> int:
    """Move the clock of records on by one; return its time."""
    statement = sa.update(doi_clock).values(tick=doi_clock.c.tick + 1).returning(doi_clock.c.tick)
    return int(connection.execute(statement).scalar_one())


def _last_versions(connection: sa.Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the number of the last activity of DOIs that were there before and are gone."""
    found: dict[str, int] = {}
    for some in chunks(names):
        rows = connection.execute(
            sa.select(doi_activity.c.doi, sa.func.max(doi_activity.c.version).label("last"))
            .where(doi_activity.c.doi.in_(some))
            .group_by(doi_activity.c.doi)
        )
        found.update({row.doi: row.last for row in rows})
    return found


def _note(
    connection: sa.Connection, done: Sequence[tuple[DoiRecord, int, str, dict[str, Any]]], actor: str
) -> None:
    connection.execute(
        sa.insert(doi_activity),
        [
            {
                "uid": str(uuid.uuid4()),
                "doi": record.doi,
                "version": version,
                "at": now(),
                "action": action,
                "client": record.client,
                "actor": actor[:200],
                "changes": json.dumps(changed, ensure_ascii=False),
            }
            for record, version, action, changed in done
        ],
    )
