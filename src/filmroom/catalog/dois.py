"""DOI records: read one, write many, each change with its activity in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import doi_links
from filmroom.catalog.database import Database, chunks, insert_or_add
from filmroom.catalog.doi_rows import counts_of, record_of
from filmroom.catalog.doi_write import check, erase, stored_records, tick_of, write_records
from filmroom.catalog.schema_dois import doi, doi_document, doi_usage
from filmroom.catalog.write import now
from filmroom.errors import InvalidInput, NotFound
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import DoiRecord, DoiState, ShownDoi, normal_doi, tidied

_IMPORTED_AT_ONCE = 1_000

ANYBODY = DoiWriter()
"""The public, who sees what is findable."""


def visible_dois(viewer: DoiWriter) -> sa.ColumnElement[bool]:
    """Condition on the table ``doi``: findable, or of a repository that the viewer may write for."""
    if viewer.everywhere:
        return sa.true()
    findable = doi.c.state == DoiState.FINDABLE.value
    if not viewer.repositories:
        return findable
    return sa.or_(findable, doi.c.client.in_(sorted(viewer.repositories)))


class Dois:
    """The records themselves; lists of them are asked of :class:`~filmroom.catalog.doi_search.DoiSearch`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str, viewer: DoiWriter = ANYBODY) -> DoiRecord:
        """Return one record by its DOI in any form. :raises NotFound: also when the viewer may not see it."""
        return self.shown(name, viewer).record

    def shown(self, name: str, viewer: DoiWriter = ANYBODY) -> ShownDoi:
        """Return one record with its counts and lists. :raises NotFound:"""
        wanted = _as_stored(name)
        with self._database.reading() as connection:
            found = shown_rows(connection, doi.c.doi == wanted, visible_dois(viewer), detail=True)
        if not found:
            raise _unknown(name)
        return found[0]

    def exists(self, name: str) -> bool:
        """Whether a DOI is taken, whoever may see it."""
        with self._database.reading() as connection:
            return (
                connection.scalar(sa.select(sa.literal(1)).where(doi.c.doi == _as_stored(name))) is not None
            )

    def clients(self) -> list[str]:
        """Return the symbols of repositories that have a findable record."""
        with self._database.reading() as connection:
            return clients_with_records(connection)

    def names(self, writer: DoiWriter) -> list[str]:
        """Return the DOIs of the repositories that somebody writes for, in order."""
        owned = sa.true() if writer.everywhere else doi.c.client.in_(sorted(writer.repositories))
        with self._database.reading() as connection:
            return list(connection.scalars(sa.select(doi.c.doi).where(owned).order_by(doi.c.doi)))

    def put(self, record: DoiRecord, *, actor: str) -> DoiRecord:
        """Store a record as :meth:`put_many` does; return it as it is now."""
        return self.put_many([record], actor=actor)[0]

    def put_many(self, records: Sequence[DoiRecord], *, actor: str) -> list[DoiRecord]:
        """Store records in one transaction: document, columns, terms, lists and an activity for each change.

        Metadata is completed; times, ``metadata_version`` (when the XML is another) and ``revision`` are set
        here. What is as it was stays untouched.

        :param actor: who changes them, as activities keep it.
        :raises IdentityConflict: for a new record (revision 0) whose DOI is taken.
        :raises RecordChanged: for a record that is not of the revision that is stored.
        :raises NotPermitted: for one of another archive that is to become our own, and the other way round.
        :raises InvalidInput: for a DOI or metadata that cannot be.
        """
        given = [tidied(record) for record in records]
        if len({record.doi for record in given}) != len(given):
            raise InvalidInput("One DOI is given twice.")
        with self._database.writing() as connection:
            stored = stored_records(connection, [record.doi for record in given])
            for record in given:
                check(record, stored.get(record.doi, (0, None))[1])
            return write_records(connection, given, stored, actor)

    def import_many(self, records: Sequence[DoiRecord], *, actor: str) -> tuple[int, int, int]:
        """Store records of another archive, whatever is here of them; return new, changed and unchanged.

        They go in by thousands, each in a transaction of its own; once more imports nothing twice.

        :raises NotPermitted: when one of them is this archive's own. :raises InvalidInput:
        """
        done = [self._import_some(some, actor) for some in chunks(records, _IMPORTED_AT_ONCE)]
        new, changed, unchanged = (sum(each) for each in zip(*done, strict=True)) if done else (0, 0, 0)
        return new, changed, unchanged

    def _import_some(self, records: Sequence[DoiRecord], actor: str) -> tuple[int, int, int]:
        names = [normal_doi(record.doi) for record in records]
        with self._database.reading() as connection:
            stored = stored_records(connection, names)
        revised = [
            replace(record, revision=stored[name][1].revision if name in stored else 0)
            for record, name in zip(records, names, strict=True)
        ]
        written = self.put_many(revised, actor=actor)
        before = [each.revision for each in revised]
        after = [each.revision for each in written]
        new = before.count(0)
        changed = sum(1 for old, fresh in zip(before, after, strict=True) if old and fresh != old)
        return new, changed, len(records) - new - changed

    def delete_draft(self, name: str, *, actor: str) -> None:
        """Delete a draft. :raises NotFound: :raises InvalidInput: for a record that is none any more."""
        wanted = _as_stored(name)
        with self._database.writing() as connection:
            key, record = stored_records(connection, [wanted]).get(wanted, (0, None))
            if record is None:
                raise _unknown(name)
            if record.state is not DoiState.DRAFT:
                raise InvalidInput("Only drafts can be deleted.")
            erase(connection, key, record, actor)

    def count_views(self, views: dict[str, int]) -> None:
        """Add to how often the pages of the archive's own records were looked at, by DOI.

        The clock stands still: what lists are sorted by follows with the next change of any record.
        """
        moment = now()
        with self._database.writing(in_turn=False) as connection:
            found = connection.execute(
                sa.select(doi.c.doi, doi.c.id)
                .select_from(doi.join(doi_document))
                .where(doi.c.doi.in_(list(views)), doi_document.c.imported.is_(None))
            ).all()
            if not found:
                return
            tick = tick_of(connection) + 1
            insert_or_add(
                connection,
                doi_usage,
                [
                    {"doi_id": row.id, "month": f"{moment:%Y-%m}", "views": views[row.doi], "downloads": 0}
                    for row in found
                ],
                ["views"],
            )
            connection.execute(
                sa.update(doi)
                .where(doi.c.id == sa.bindparam("key"))
                .values(view_count=doi.c.view_count + sa.bindparam("more"), tick=tick),
                [{"key": row.id, "more": views[row.doi]} for row in found],
            )


def clients_with_records(connection: sa.Connection) -> list[str]:
    """Return the symbols of repositories that have a findable record, in order."""
    found = sa.select(doi.c.client).where(doi.c.state == DoiState.FINDABLE.value).distinct()
    return list(connection.scalars(found.order_by(doi.c.client)))


def shown_rows(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool], detail: bool
) -> list[ShownDoi]:
    """Return the records that meet conditions on ``doi``, in no order.

    :param detail: with their XML, lists and counts over time.
    """
    wanted: list[Any] = [doi, *(c for c in doi_document.c if c.name not in {"doi_id", "xml", "imported"})]
    extra = (doi_document.c.xml, doi_document.c.imported)
    wanted += extra if detail else [sa.null().label(column.name) for column in extra]
    statement = sa.select(*wanted).select_from(doi.join(doi_document)).where(*conditions)
    rows = connection.execute(statement).all()
    if not detail:
        return [ShownDoi(record_of(row), counts_of(row)) for row in rows]
    own = [row for row in rows if row.imported is None]
    lists = doi_links.relations(connection, [row.doi for row in own])
    usage = _usage(connection, [row.id for row in own])
    shown = []
    for row in rows:
        record = record_of(row)
        if record.imported is not None:
            over_time, related = record.imported.over_time, record.imported.relations
        else:
            over_time, related = usage.get(row.id, {}), lists.get(row.doi, {})
        shown.append(ShownDoi(record, counts_of(row), over_time, related))
    return shown


def _usage(connection: sa.Connection, keys: Sequence[int]) -> dict[int, dict[str, tuple[Any, ...]]]:
    found: dict[int, dict[str, list[Any]]] = {}
    for some in chunks(keys):
        rows = connection.execute(
            sa.select(doi_usage).where(doi_usage.c.doi_id.in_(some)).order_by(doi_usage.c.month)
        )
        for row in rows:
            of_record = found.setdefault(row.doi_id, {})
            for name, total in (("viewsOverTime", row.views), ("downloadsOverTime", row.downloads)):
                if total:
                    of_record.setdefault(name, []).append({"yearMonth": row.month, "total": total})
    return {key: {name: tuple(each) for name, each in named.items()} for key, named in found.items()}


def _as_stored(name: str) -> str:
    """Return a DOI as it is kept. :raises NotFound: for what can be none."""
    try:
        return normal_doi(name)
    except InvalidInput:
        raise _unknown(name) from None


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no record of {name[:300]!r}.")
