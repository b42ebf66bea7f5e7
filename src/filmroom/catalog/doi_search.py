"""Lists of DOIs: which records meet a question, counted, sorted, and the part that is asked for.

What the viewer may see is a condition of the statement that every result begins with, and of the one that
reads the records of a page.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator, Sequence

import numpy as np
import sqlalchemy as sa

from filmroom.catalog.database import Database, among, time_limit
from filmroom.catalog.doi_columns import Columns, KeptColumns, Numbers, milliseconds
from filmroom.catalog.doi_evaluation import Evaluation
from filmroom.catalog.doi_facets import facets_of
from filmroom.catalog.doi_fields import keyword, kind_of
from filmroom.catalog.doi_keys import KeptKeys, Keys, both, keys_of
from filmroom.catalog.doi_query import parsed
from filmroom.catalog.doi_relevance import scores
from filmroom.catalog.doi_write import tick_of
from filmroom.catalog.dois import ANYBODY, clients_with_records, shown_rows, visible_dois
from filmroom.catalog.schema_dois import doi, doi_posting, doi_term
from filmroom.model.doi_directory import DoiDirectory
from filmroom.model.doi_questions import (
    AtLeast,
    Condition,
    DoiPart,
    DoiQuestion,
    FoundDois,
    HasTerm,
    InYears,
    OneOf,
)
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import ShownDoi

_SECONDS = 5.0
_SORTED_BY_HAND = 10_000  # for more, the order of all DOIs is worth finding out
_MOST_KEPT = 4_000_000
"""Keys of results that are kept in memory for the next page or the next question, eight bytes each."""


class DoiSearch:
    """Answers questions. It keeps columns and results in memory, so one of them is enough."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._columns = KeptColumns()
        self._kept = (-1, KeptKeys(_MOST_KEPT))
        self._clients: tuple[int, list[str]] = (-1, [])

    def clients(self) -> list[str]:
        """Return the symbols of repositories that have a findable record; asked anew after a change."""
        with self._database.reading() as connection:
            tick = tick_of(connection)
            if self._clients[0] != tick:
                self._clients = (tick, clients_with_records(connection))
            return self._clients[1]

    def find(
        self,
        question: DoiQuestion,
        part: DoiPart,
        directory: DoiDirectory,
        viewer: DoiWriter = ANYBODY,
        facets: Sequence[str] = (),
    ) -> FoundDois:
        """Return a part of what meets a question.

        :raises QueryRefused: for a query string that is none, or takes longer than five seconds.
        """
        with self._database.reading() as connection:
            tick = tick_of(connection)
            kept = self._kept_at(tick)
            with time_limit(connection, _SECONDS):
                key = ("question", question, viewer, directory.names)
                found = kept.get(key, lambda: _matching(connection, kept, question, viewer, directory))
            columns = self._columns.at(connection, tick)
            places = columns.places(found)
            chosen = self._chosen(connection, columns, places, question, part)
            records = self._records(connection, columns.keys[chosen], viewer, detail=part.detail)
        return FoundDois(len(found), records, facets_of(columns, places, facets) if len(found) else {})

    def _kept_at(self, tick: int) -> KeptKeys:
        known, kept = self._kept
        if known != tick:
            kept = KeptKeys(_MOST_KEPT)
            self._kept = (tick, kept)
        return kept

    def _chosen(
        self,
        connection: sa.Connection,
        columns: Columns,
        places: Numbers,
        question: DoiQuestion,
        part: DoiPart,
    ) -> Numbers:
        """Return the rows of a part in its order."""
        if part.size == 0:
            return places[:0]
        if part.cursor is not None:
            return _after(columns, places, part)
        if part.sample is not None:
            return _sampled(columns, places, part.group, part.sample)[part.offset : part.offset + part.size]
        if part.random:
            wanted = min(part.size, len(places))
            return np.array(random.sample(places.tolist(), wanted), np.int64)
        if part.sort == "relevance":
            found = columns.keys[places]
            score = scores(
                connection, parsed(question.query), found, strict=question.strict, total=len(columns.keys)
            )
            order = np.lexsort((columns.rank("name")[places], -score))
        else:
            rank = columns.rank(part.sort)[places]
            order = _sorted(columns, places, -rank if part.descending else rank, part.offset + part.size)
        return places[order[part.offset : part.offset + part.size]]

    def _records(
        self, connection: sa.Connection, keys: Keys, viewer: DoiWriter, *, detail: bool
    ) -> list[ShownDoi]:
        if not len(keys):
            return []
        wanted = keys.tolist()
        rows = shown_rows(connection, among(doi.c.id, wanted), visible_dois(viewer), detail=detail)
        by_doi = {each.record.doi: each for each in rows}
        return [by_doi[name] for name in self._names(connection, wanted) if name in by_doi]

    @staticmethod
    def _names(connection: sa.Connection, keys: Sequence[int]) -> Iterator[str]:
        names = {
            row.id: row.doi
            for row in connection.execute(sa.select(doi.c.id, doi.c.doi).where(among(doi.c.id, keys)))
        }
        return (names[key] for key in keys if key in names)


def _sorted(columns: Columns, places: Numbers, rank: Numbers, wanted: int) -> Numbers:
    """Return the order of rows by rank, then by DOI, as far as it is wanted."""
    some = np.arange(len(places))
    if wanted * 4 < len(places):
        # Whoever ranks with the last one that is wanted comes along: the DOI decides among these.
        last = np.partition(rank, wanted - 1)[wanted - 1]
        some = np.flatnonzero(rank <= last)
        if len(some) > 4 * wanted + 1_000:
            before = np.flatnonzero(rank < last)
            ties = np.flatnonzero(rank == last)
            names = columns.rank("name")[places[ties]]
            needed = min(wanted - len(before), len(ties) - 1)
            some = np.concatenate([before, ties[np.argpartition(names, needed)[: needed + 1]]])
    if len(some) > _SORTED_BY_HAND:
        return some[np.lexsort((columns.rank("name")[places[some]], rank[some]))]
    named = zip(rank[some].tolist(), columns.dois[places[some]].tolist(), some.tolist(), strict=True)
    return np.array([place for _, _, place in sorted(named)], np.int64)


def _after(columns: Columns, places: Numbers, part: DoiPart) -> Numbers:
    """Return the rows that follow on a cursor, oldest first."""
    assert part.cursor is not None  # noqa: S101 - asked by the only caller
    created = columns.numbers["created"]
    start = milliseconds(part.cursor.created)
    later = places[created[places] >= start]
    taken = created[later] == start
    for index in np.flatnonzero(taken).tolist():
        taken[index] = columns.dois[later[index]] <= part.cursor.doi
    later = later[~taken]
    order = _sorted(columns, later, created[later], part.size)
    chosen: Numbers = later[order[: part.size]]
    return chosen


def _sampled(columns: Columns, places: Numbers, group: str, number: int) -> Numbers:
    """Return so many random rows of each group."""
    if not group:
        return np.array(random.sample(places.tolist(), min(number, len(places))), np.int64)
    codes = columns.single[group].codes[places]
    chosen: list[int] = []
    for code in np.unique(codes).tolist():
        members = places[codes == code].tolist()
        chosen += random.sample(members, min(number, len(members)))
    return np.array(chosen, np.int64)


def _matching(
    connection: sa.Connection,
    kept: KeptKeys,
    question: DoiQuestion,
    viewer: DoiWriter,
    directory: DoiDirectory,
) -> Keys:
    """Return what meets a question, as far as the viewer may see it."""
    deadline = time.monotonic() + _SECONDS
    everything = kept.get(viewer, lambda: keys_of(connection, doi.c.id, visible_dois(viewer)))
    found = _meeting(connection, kept, question, viewer) if question.has_conditions else everything
    tree = parsed(question.query)
    if tree is None:
        return found
    evaluation = Evaluation(
        connection, everything, directory, kept, strict=question.strict, deadline=deadline
    )
    return both(found, evaluation.matching(tree))


def _meeting(connection: sa.Connection, kept: KeptKeys, question: DoiQuestion, viewer: DoiWriter) -> Keys:
    """Return what meets the conditions of a question, as far as the viewer may see it."""
    conditions = [_condition(each) for each in question.all_of]
    if question.any_of:
        conditions.append(sa.or_(*map(_condition, question.any_of)))
    key = (viewer, question.all_of, question.any_of)
    return kept.get(key, lambda: keys_of(connection, doi.c.id, visible_dois(viewer), *conditions))


def _condition(condition: Condition) -> sa.ColumnElement[bool]:
    if isinstance(condition, OneOf):
        return doi.c[condition.column].in_(condition.values)
    if isinstance(condition, AtLeast):
        return doi.c[condition.column] >= condition.number
    if isinstance(condition, InYears):
        return _in_years(condition)
    return doi.c.id.in_(
        sa.select(doi_posting.c.doi_id).where(doi_posting.c.term_id.in_(_term_ids(condition)))
    )


def _in_years(condition: InYears) -> sa.ColumnElement[bool]:
    column = doi.c[condition.column]
    if condition.column == "publication_year":
        return column.between(condition.first, condition.last)
    start = dt.datetime(condition.first, 1, 1)  # noqa: DTZ001 - naive UTC as everywhere
    if condition.last >= dt.MAXYEAR:
        return column >= start
    return sa.and_(column >= start, column < dt.datetime(condition.last + 1, 1, 1))  # noqa: DTZ001


def _term_ids(condition: HasTerm) -> sa.Select[tuple[int]]:
    kind = kind_of(condition.field)
    terms = [keyword(kind, value) for value in condition.values] or [""]
    return sa.select(doi_term.c.id).where(doi_term.c.field == condition.field, doi_term.c.term.in_(terms))
