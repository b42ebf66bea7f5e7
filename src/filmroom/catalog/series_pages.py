"""Lists of series, short and long: pages of tuples, each page in a transaction of its own.

A short list is one statement over the joined tables. In a long one many series share a study, a patient and
a site: after its first page the parents of each page are read once each instead of once per series.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database, among
from filmroom.catalog.schema import collection, patient, series, site, study
from filmroom.catalog.series_rows import (
    OWN_COLUMNS,
    PATIENT_COLUMNS,
    PLACE_COLUMNS,
    SERIES_COLUMNS,
    SERIES_FROM,
    STUDY_COLUMNS,
)
from filmroom.catalog.visible import visible_in_bulk, visible_series
from filmroom.model.access import VisibleSet
from filmroom.model.row_page import Reader, RowPage

_FIRST_PAGE = 200
_PAGE = 2_000

_NAMES = tuple(str(column.key) for column in SERIES_COLUMNS)
_UID = series.c.series_instance_uid
_PARENTS = (series.c.study_key, series.c.patient_key, series.c.site_id)
_LOOK_UPS = (
    (study.c.id, STUDY_COLUMNS, study),
    (patient.c.id, PATIENT_COLUMNS, patient),
    (site.c.id, PLACE_COLUMNS, site.join(collection)),
)

Tuples = Sequence[tuple[Any, ...]]


def _tuples(connection: sa.Connection, statement: sa.Select[Any]) -> Tuples:
    """Return rows as the driver gives them: making more of a million of them doubles the time."""
    cursor = connection.execute(statement).cursor
    assert cursor is not None  # noqa: S101 - a SELECT has one
    rows: Tuples = cursor.fetchall()
    cursor.close()
    return rows


def _readers(dialect: sa.Dialect) -> tuple[Reader | None, ...]:
    """Return what makes values of what the driver gives: SQLite keeps days as text, truth as numbers."""
    return tuple(
        column.type.dialect_impl(dialect).result_processor(dialect, None)
        if isinstance(column.type, sa.Date | sa.DateTime | sa.Boolean)
        else None
        for column in SERIES_COLUMNS
    )


def _joined(connection: sa.Connection, visible: VisibleSet, *conditions: sa.ColumnElement[bool]) -> Tuples:
    statement = sa.select(*SERIES_COLUMNS).select_from(SERIES_FROM)
    return _tuples(
        connection,
        statement.where(visible_series(visible), *conditions).order_by(_UID).limit(_FIRST_PAGE),
    )


def _parents_once(connection: sa.Connection, visible: VisibleSet, limit: int, *conditions: Any) -> Tuples:
    """Return up to ``limit`` series in the order of their UIDs."""
    statement = sa.select(*OWN_COLUMNS, *_PARENTS).where(visible_in_bulk(visible), *conditions)
    rows = _tuples(connection, statement.order_by(_UID).limit(limit))
    if not rows:
        return rows
    known: list[dict[int, tuple[Any, ...]]] = []
    for place, (key, columns, source) in zip((-3, -2, -1), _LOOK_UPS, strict=True):
        wanted = {row[place] for row in rows}
        found = _tuples(
            connection, sa.select(key, *columns).select_from(source).where(among(connection, key, wanted))
        )
        known.append({row[0]: row[1:] for row in found})
    studies, patients, places = known
    # A series that was removed between the statements has lost its parents.
    return [
        row[:-3] + studies[row[-3]] + patients[row[-2]] + places[row[-1]]
        for row in rows
        if row[-3] in studies and row[-2] in patients
    ]


def _pages(database: Database, read: Callable[[sa.Connection, int], Tuples | None]) -> Iterator[RowPage]:
    """Yield what ``read`` finds, called with the number of the page, until it says None."""
    number, readers = 0, None
    while True:
        with database.reading() as connection:
            readers = readers or _readers(connection.dialect)
            rows = read(connection, number)
        if rows is None:
            return
        if rows:
            yield RowPage(_NAMES, rows, readers)
        number += 1


def walk(database: Database, visible: VisibleSet, *conditions: sa.ColumnElement[bool]) -> Iterator[RowPage]:
    """Yield series in the order of their UIDs, along an index that has this order.

    :param conditions: on ``series``: none, or a UID, or the site with which an index begins.
    """
    last: str | None = ""

    def read(connection: sa.Connection, number: int) -> Tuples | None:
        nonlocal last
        if last is None:
            return None
        if number == 0:
            rows = _joined(connection, visible, *conditions)
            last = rows[-1][0] if len(rows) == _FIRST_PAGE else None
        else:
            rows = _parents_once(connection, visible, _PAGE, *conditions, sa.literal(last) < _UID)
            last = rows[-1][0] if rows else None
        return rows

    return _pages(database, read)


def of_ids(database: Database, visible: VisibleSet, ids: Sequence[int]) -> Iterator[RowPage]:
    """Yield the series with these ids, which are in the order of their UIDs.

    What was hidden or removed since the ids were found is left out.
    """

    def read(connection: sa.Connection, number: int) -> Tuples | None:
        if number == 0:
            some = ids[:_FIRST_PAGE]
            return _joined(connection, visible, series.c.id.in_(some)) if some else None
        start = _FIRST_PAGE + (number - 1) * _PAGE
        some = ids[start : start + _PAGE]
        return (
            _parents_once(connection, visible, _PAGE, among(connection, series.c.id, some)) if some else None
        )

    return _pages(database, read)


def ids_in_order(database: Database, statement: sa.Select[Any]) -> array[int]:
    """Return the ids that a statement finds, in the order of their UIDs; each takes 8 bytes.

    The statement selects from ``series``. Sorting comes after finding: asked for both in one, an engine would
    rather read the whole index that has the order.
    """
    found = statement.with_only_columns(series.c.id, _UID).cte("found").prefix_with("MATERIALIZED")
    with database.reading() as connection:
        return array("q", connection.scalars(sa.select(found.c.id).order_by(found.c.series_instance_uid)))
