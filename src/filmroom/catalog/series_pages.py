"""Lists of series, short and long: pages of tuples, each page in a transaction of its own.

A short list is one statement over the joined tables. In a long one many series share a study, a patient and
a site: after its first page the parents of each page are read once each instead of once per series.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database, among
from filmroom.catalog.pages import readers_of, tuples_of
from filmroom.catalog.schema import collection, patient, series, site, study
from filmroom.catalog.series_rows import (
    OWN_COLUMNS,
    PATIENT_COLUMNS,
    PLACE_COLUMNS,
    SERIES_COLUMNS,
    SERIES_FROM,
    STUDY_COLUMNS,
)
from filmroom.catalog.series_texts import page_statement
from filmroom.catalog.visible import visible_in_bulk, visible_series
from filmroom.model.access import VisibleSet
from filmroom.model.row_page import Reader, RowPage
from filmroom.model.row_text import RowText

_FIRST_PAGE = 200
_PAGE = 2_000

_NAMES = tuple(str(column.key) for column in SERIES_COLUMNS)
_UID = series.c.series_instance_uid
_PARENTS = (series.c.study_key, series.c.patient_key, series.c.site_id)
_LOOK_UPS = tuple(
    sa.select(key, *columns).select_from(source).where(among(key, "keys"))
    for key, columns, source in (
        (study.c.id, STUDY_COLUMNS, study),
        (patient.c.id, PATIENT_COLUMNS, patient),
        (site.c.id, PLACE_COLUMNS, site.join(collection)),
    )
)
# No UID is greater.
_HIGHEST = "\U0010ffff"
_RANGE = sa.and_(sa.bindparam("after") < _UID, sa.bindparam("until") >= _UID)
_PARTS: dict[str, sa.ColumnElement[bool]] = {
    "uid": sa.bindparam("uid") == _UID,
    "all": _RANGE,
    "site": sa.and_(series.c.site_id == sa.bindparam("site"), _RANGE),
    "keys": among(series.c.id, "keys"),
}

Tuples = Sequence[tuple[Any, ...]]
Part = dict[str, Any]
"""Parameters that say which part of a list is read."""


@lru_cache(2)
def _page_ends(kind: str) -> sa.Select[Any]:
    conditions = [sa.bindparam("after") < _UID]
    if kind == "site":
        conditions.append(series.c.site_id == sa.bindparam("site"))
    return sa.select(_UID).where(*conditions).order_by(_UID).limit(1).offset(sa.bindparam("skipped"))


@cache
def _readers(dialect: sa.Dialect) -> tuple[Reader | None, ...]:
    return readers_of(SERIES_COLUMNS, dialect)


def _page(connection: sa.Connection, rows: Tuples) -> RowPage:
    return RowPage(_NAMES, rows, _readers(connection.dialect))


@dataclass(frozen=True, slots=True)
class _Statements:
    """What reads a list. Parameters say which part of it: see :class:`Walk` and :class:`Found`."""

    joined: sa.Select[Any]
    own: sa.Select[Any]
    condition: sa.ColumnElement[bool]


@lru_cache(512)
def _statements(visible: VisibleSet, kind: str) -> _Statements:
    condition = _PARTS[kind]
    bulk = sa.and_(visible_in_bulk(visible), condition)
    return _Statements(
        sa.select(*SERIES_COLUMNS)
        .select_from(SERIES_FROM)
        .where(visible_series(visible), condition)
        .order_by(_UID)
        .limit(sa.bindparam("most")),
        sa.select(*OWN_COLUMNS, *_PARENTS).where(bulk).order_by(_UID),
        bulk,
    )


@lru_cache(64)
def _text_statement(visible: VisibleSet, kind: str, form: RowText, backend: str) -> sa.Select[Any]:
    return page_statement(form, _statements(visible, kind).condition, backend)


def _with_parents(connection: sa.Connection, rows: Tuples) -> Tuples:
    """Return series with their parents, each of which is read once."""
    if not rows:
        return rows
    known: list[dict[int, tuple[Any, ...]]] = []
    for place, look_up in zip((-3, -2, -1), _LOOK_UPS, strict=True):
        found = tuples_of(connection, look_up, {"keys": {row[place] for row in rows}})
        known.append({row[0]: row[1:] for row in found})
    studies, patients, places = known
    # A series that was removed between the statements has lost its parents.
    return [
        row[:-3] + studies[row[-3]] + patients[row[-2]] + places[row[-1]]
        for row in rows
        if row[-3] in studies and row[-2] in patients
    ]


class Walk:
    """Series in the order of their UIDs, along an index that has this order: all, those of a site, or one."""

    def __init__(self, database: Database, *, site_id: int | None = None, uid: str | None = None) -> None:
        self._database = database
        self._given = {name: value for name, value in (("site", site_id), ("uid", uid)) if value is not None}
        self.kind = "uid" if uid is not None else "site" if site_id is not None else "all"

    def first(self) -> Part:
        """Return the parameters of the first page."""
        return self._given if self.kind == "uid" else {**self._given, "after": "", "until": _HIGHEST}

    def others(self, first: Tuples) -> Iterator[Part] | None:
        """Return the parameters of each page after the first one; None where that is all."""
        if self.kind == "uid" or len(first) < _FIRST_PAGE:
            return None
        return self._after(first[-1][0])

    def _after(self, after: str | None) -> Iterator[Part]:
        # The place where a page ends is found in the index alone, so that pages can be read side by side.
        statement = _page_ends(self.kind)
        while after is not None:
            with self._database.reading() as connection:
                end = connection.scalar(statement, {**self._given, "after": after, "skipped": _PAGE - 1})
            yield {**self._given, "after": after, "until": _HIGHEST if end is None else end}
            after = end


class Found:
    """Series with certain ids, which are in the order of their UIDs.

    What was hidden or removed since they were found is left out.
    """

    kind = "keys"

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = ids

    def first(self) -> Part:
        """Return the parameters of the first page."""
        return {"keys": self._ids[:_FIRST_PAGE]}

    def others(self, _first: Tuples) -> Iterator[Part] | None:
        """Return the parameters of each page after the first one; None where that is all."""
        starts = range(_FIRST_PAGE, len(self._ids), _PAGE)
        return ({"keys": self._ids[start : start + _PAGE]} for start in starts) if starts else None


class SeriesPages(Iterator[RowPage]):
    """A list of series: pages of rows, none of them empty; each is read when it is asked for."""

    def __init__(self, database: Database, visible: VisibleSet, path: Walk | Found) -> None:
        self._database = database
        self._visible = visible
        self._path = path
        self._statements = _statements(visible, path.kind)
        self._begun = False
        self._others: Iterator[Part] | None = None

    @property
    def more(self) -> bool:
        """Whether there may be pages after the first one, which was read."""
        return self._others is not None

    def __next__(self) -> RowPage:
        if not self._begun:
            page = self._first()
            if page:
                return page
        for part in self._others or ():
            page = self._rows(part)
            if page:
                return page
        raise StopIteration

    def texts(self, form: RowText) -> Iterator[Callable[[], str | RowPage]]:
        """Yield what reads each page after those that were read; several may be called at once.

        The first page was read before. Called, each returns the texts of its series joined by commas, nothing
        where no series is left, or else the rows, where the database does not write them as we do.
        """
        statement = _text_statement(self._visible, self._path.kind, form, self._database.backend)
        for part in self._others or ():
            yield partial(self._text, statement, part)

    def _first(self) -> RowPage:
        part = self._path.first()
        with self._database.reading() as connection:
            rows = tuples_of(connection, self._statements.joined, {**part, "most": _FIRST_PAGE})
            page = _page(connection, rows)
        self._begun, self._others = True, self._path.others(rows)
        return page

    def _rows(self, part: Part) -> RowPage:
        with self._database.reading() as connection:
            return _page(
                connection, _with_parents(connection, tuples_of(connection, self._statements.own, part))
            )

    def _text(self, statement: sa.Select[Any], part: Part) -> str | RowPage:
        with self._database.reading() as connection:
            text, odd = connection.execute(statement, part).one()
        return self._rows(part) if odd else text or ""


def ids_in_order(database: Database, found: sa.Select[Any], values: Mapping[str, Any]) -> array[int]:
    """Return the ids that a statement of :func:`in_order` finds; each takes 8 bytes."""
    with database.reading() as connection:
        return array("q", connection.scalars(found, values))


def in_order(statement: sa.Select[Any]) -> sa.Select[tuple[int]]:
    """Return the statement for the ids of the series that a statement selects, in the order of their UIDs.

    Sorting comes after finding: asked for both in one, an engine would rather read the whole index that has
    the order.
    """
    found = statement.with_only_columns(series.c.id, _UID).cte("found").prefix_with("MATERIALIZED")
    return sa.select(found.c.id).order_by(found.c.series_instance_uid)
