"""What reading has in common: rows, pages with a transaction each, comparisons that indexes serve."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.schema import collection, site
from filmroom.model.row_page import Reader, RowPage

Row = dict[str, Any]
Page = Sequence[Row]

_FIRST_PAGE = 200
_PAGE = 5_000
_GROWTH = 5
_IDS = 2_000


def same_text(column: sa.ColumnElement[Any], value: str | sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    """Condition: equal without regard to case."""
    return sa.func.upper(column) == sa.func.upper(value)


_SITES_OF = (
    sa.select(site.c.id)
    .select_from(site.join(collection))
    .where(same_text(collection.c.name, sa.bindparam("name")))
)


def sites_of(database: Database, name: str) -> list[int]:
    """Return the ids of the sites of a collection, named in any case.

    Statements get the ids themselves: then the engine knows how few series these are and how to find them.
    """
    with database.reading() as connection:
        return list(connection.scalars(_SITES_OF, {"name": name}))


def _page(
    database: Database, statement: sa.Select[Any], values: Mapping[str, Any] | None = None
) -> list[Row]:
    with database.reading() as connection:
        result = connection.execute(statement, values)
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]


def readers_of(columns: Iterable[sa.ColumnElement[Any]], dialect: sa.Dialect) -> tuple[Reader | None, ...]:
    """Return what makes values of what the driver gives: SQLite keeps days as text, truth as numbers."""
    return tuple(
        column.type.dialect_impl(dialect).result_processor(dialect, None)
        if isinstance(column.type, sa.Date | sa.DateTime | sa.Boolean)
        else None
        for column in columns
    )


def tuples_of(
    connection: sa.Connection, statement: sa.Select[Any], values: Mapping[str, Any] | None = None
) -> Sequence[tuple[Any, ...]]:
    """Return rows as the driver gives them: making more of a million of them doubles the time."""
    cursor = connection.execute(statement, values).cursor
    assert cursor is not None  # noqa: S101 - a SELECT has one
    rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    cursor.close()
    return rows


def paged(
    database: Database, statement: sa.Select[Any], keys: tuple[sa.ColumnElement[Any], ...]
) -> Iterator[RowPage]:
    """Walk a statement by key, page by page, each page in a transaction of its own.

    The keys, in this order, are columns of the statement, never NULL, and together unique.
    """
    columns = tuple(statement.selected_columns)
    names = tuple(str(column.key) for column in columns)
    places = [names.index(str(key.key)) for key in keys]
    size, page = _FIRST_PAGE, statement
    while True:
        with database.reading() as connection:
            rows = tuples_of(connection, page.order_by(*keys).limit(size))
            readers = readers_of(columns, connection.dialect)
        if rows:
            yield RowPage(names, rows, readers)
        if len(rows) < size:
            return
        last = (sa.literal(rows[-1][place]) for place in places)
        page = statement.where(sa.tuple_(*keys) > sa.tuple_(*last))
        # The beginning of an answer does not wait for a whole page.
        size = min(size * _GROWTH, _PAGE)


def whole(
    database: Database, statement: sa.Select[Any], values: Mapping[str, Any] | None = None
) -> Iterator[Page]:
    """Give what a statement finds as one page, or none."""
    rows = _page(database, statement, values)
    if rows:
        yield rows


def by_ids(
    database: Database, ids: sa.Select[tuple[int]], values: Mapping[str, Any], rows: sa.Select[Any]
) -> Iterator[Page]:
    """Find the ids in order first, then their rows page by page, each page in a transaction of its own.

    For filters whose answer is in another order than the index that serves them: sorting ids once is much
    cheaper than finding the place in the order anew for each page. An id takes 8 bytes.

    :param values: the parameters of ``ids``.
    :param rows: finds rows by their ids, its parameter ``keys``, and selects these under the name ``_id``; it
        has the condition of visibility too, so that what was hidden meanwhile is left out.
    """
    with database.reading() as connection:
        found = array("q", connection.scalars(ids, values))
    start, size = 0, _FIRST_PAGE
    while start < len(found):
        some = found[start : start + size]
        by_id = {row.pop("_id"): row for row in _page(database, rows, {"keys": some})}
        page = [by_id[each] for each in some if each in by_id]
        if page:
            yield page
        start, size = start + size, _IDS


def chained(pages: Iterator[Iterator[Page]], key: str) -> Iterator[Page]:
    """Merge several ordered walks into one ordered walk; a single one passes through as it is."""
    walks = list(pages)
    if len(walks) == 1:
        yield from walks[0]
        return
    rows = heapq.merge(*(chain.from_iterable(walk) for walk in walks), key=lambda row: row[key])
    while page := list(islice(rows, _PAGE)):
        yield page
