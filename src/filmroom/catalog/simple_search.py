"""Simple search: the sites that the viewer may see come from SQL, and nothing else is looked at.

In one transaction the viewer's sites, the number of the newest change and the UIDs of the search are asked
for; the rest is computed on the columns that this process keeps (``simple_search_copy``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import sqlalchemy as sa

from filmroom.catalog.database import Database, chunks
from filmroom.catalog.schema import collection, series, site, study
from filmroom.catalog.simple_search_changes import last_change
from filmroom.catalog.simple_search_columns import Keys
from filmroom.catalog.simple_search_copy import Copy
from filmroom.catalog.simple_search_criteria import matching
from filmroom.catalog.simple_search_summary import Result
from filmroom.catalog.visible import granted_site, visible_series
from filmroom.errors import InvalidInput
from filmroom.model.access import Scope, VisibleSet
from filmroom.model.search import FoundPatient, Page, SimpleSearch, Summary

_SERIES_AT_ONCE = 2_000
_UIDS_AT_ONCE = 500
_ANY = "*"
# What ingest lets in has digits and full stops alone: anything else names nothing.
_UID = re.compile(r"[0-9.*]{1,129}", re.ASCII)  # 64 characters, and a * around each
_LAST = ":"  # comes after digits and full stop


class Found:
    """What a search found, as it was at that moment."""

    def __init__(self, database: Database, visible: VisibleSet, result: Result) -> None:
        self._database = database
        self._visible = visible
        self._result = result

    def summary(self) -> Summary:
        """Return the counts over the whole result."""
        return self._result.summary()

    def patients(self, page: Page) -> Iterator[FoundPatient]:
        """Yield the patients of a page; none past the end."""
        return self._result.found(self._result.page(page))

    def series_uids(self, page: Page) -> Iterator[str]:
        """Yield the UIDs of the matching series of the patients of a page, patient by patient.

        What was hidden meanwhile is left out.
        """
        for keys in self._series(page):
            statement = sa.select(series.c.id, series.c.series_instance_uid).where(
                series.c.id.in_(keys), visible_series(self._visible)
            )
            with self._database.reading() as connection:
                uids = {row.id: row.series_instance_uid for row in connection.execute(statement)}
            yield from (uids[key] for key in keys if key in uids)

    def excludes_commercial(self, page: Page) -> bool:
        """Return whether a matching series of the patients of a page may not be used commercially."""
        columns = self._result.holdings.series
        return any(
            columns.restricted[self._result.rows_of(person)].any()
            for person in self._result.page(page).tolist()
        )

    def _series(self, page: Page) -> Iterator[Sequence[int]]:
        columns = self._result.holdings.series
        order = self._result.page(page).tolist()
        waiting: list[int] = []
        for person in order:
            waiting += columns.key[self._result.rows_of(person)].tolist()
            if len(waiting) >= _SERIES_AT_ONCE:
                yield from chunks(waiting, _SERIES_AT_ONCE)
                waiting = []
        yield from chunks(waiting, _SERIES_AT_ONCE)


class Searches:
    """Search for patients."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._copy = Copy(database)

    def prepare(self) -> None:
        """Read what the first search would otherwise wait for.

        :raises CatalogUnreachable: once it is closed.
        """
        with self._database.reading() as connection:
            number = last_change(connection)
        self._copy.at(number)

    def close(self) -> None:
        """Stop reading."""
        self._copy.close()

    def find(self, search: SimpleSearch, visible: VisibleSet) -> Found:
        """Search.

        :raises InvalidInput: for another scope than search: only visible series are searched.
        """
        if visible.scope is not Scope.SEARCH:
            raise InvalidInput("Only visible series are searched.")
        with self._database.reading() as connection:
            number = last_change(connection)
            sites = {row.id: row.name for row in connection.execute(_sites_statement(visible))}
            studies = _keys(connection, study.c.study_instance_uid, search.study_instance_uids, visible)
            named = _keys(connection, series.c.series_instance_uid, search.series_instance_uids, visible)
        holdings = self._copy.at(number)
        wanted = {name.upper() for name in search.collections}
        rows = matching(
            holdings,
            search,
            np.asarray(list(sites), np.int64),
            collection_sites=np.asarray(
                [key for key, name in sites.items() if name.upper() in wanted], np.int64
            ),
            studies=studies,
            series=named,
        )
        return Found(self._database, visible, Result.of(holdings, sites, rows))


def _sites_statement(visible: VisibleSet) -> sa.Select[tuple[int, str]]:
    """Return the statement for the sites that a viewer may see, with the names of their collections."""
    return (
        sa.select(site.c.id, collection.c.name)
        .select_from(site.join(collection))
        .where(granted_site(site.c.id, visible))
    )


def _keys(
    connection: sa.Connection, column: sa.ColumnElement[str], uids: Sequence[str], visible: VisibleSet
) -> Keys | None:
    """Return the keys of the studies or series with one of some UIDs; None where none is asked for."""
    if not uids:
        return None
    found: set[int] = set()
    wanted = {re.sub(r"\*+", _ANY, uid) for uid in uids}
    for some in chunks([uid for uid in wanted if _UID.fullmatch(uid)], _UIDS_AT_ONCE):
        found.update(connection.scalars(_uid_statement(column, some, visible)))
    return np.asarray(sorted(found), np.int64)


def _uid_statement(
    column: sa.ColumnElement[str], uids: Sequence[str], visible: VisibleSet
) -> sa.Select[tuple[int]]:
    """Return the statement for the keys of visible studies or series, by UIDs in which ``*`` may stand."""
    plain = [uid for uid in uids if _ANY not in uid]
    is_one = sa.or_(column.in_(plain), *(_fits(column, uid) for uid in uids if _ANY in uid))
    if column.table is study:
        seen = sa.select(sa.literal(1)).where(series.c.study_key == study.c.id, visible_series(visible))
        return sa.select(study.c.id).where(is_one, seen.correlate(study).exists())
    return sa.select(series.c.id).where(is_one, visible_series(visible))


def _fits(column: sa.ColumnElement[str], uid: str) -> sa.ColumnElement[bool]:
    # An index leads to what begins so; the rest is compared there.
    beginning = uid.partition(_ANY)[0]
    return sa.and_(column.between(beginning, beginning + _LAST), column.like(uid.replace(_ANY, "%")))
