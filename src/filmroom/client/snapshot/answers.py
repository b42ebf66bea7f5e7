"""Answers to questions from a snapshot, as the server would have given them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from filmroom.client.snapshot.file import SnapshotInfo, database_errors, describe, open_to_read
from filmroom.client.snapshot.search import find_patients, find_series_uids
from filmroom.client.snapshot.tables import PATIENTS, SERIES, STUDIES, Table
from filmroom.client.steps import Request, Rows
from filmroom.errors import NotOffline
from filmroom.model import queries as q
from filmroom.wire.operations import Operation
from filmroom.wire.views import View

Conditions = list[tuple[str, list[Any]]]
"""Conditions in SQL with their values; all must hold."""

_FOLDED = (
    "collection",
    "patient_id",
    "modality",
    "body_part_examined",
    "manufacturer",
    "manufacturer_model_name",
)
_UIDS_AT_ONCE = 500
_WITH_SPECIES = (
    "(SELECT collection, patient_id, site, patient.species_code FROM series "
    "JOIN patient USING (collection, patient_id))"
)


class Snapshot:
    """Answers requests from a file. It may be shared among threads.

    :raises NotFound: when there is no such file. :raises InvalidInput: when it is no snapshot.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_to_read(path)
        self._lock = threading.Lock()
        try:
            with database_errors(path):
                self.info: SnapshotInfo = describe(self._connection, path)
        except BaseException:
            self._connection.close()
            raise
        self._answer: dict[type, Callable[[Operation, Any], Any]] = {
            q.FindValues: self._values,
            q.CountValues: self._counts,
            q.FindPatients: self._patients,
            q.FindStudies: self._studies,
            q.FindSeries: self._series,
            q.SeriesSize: self._size,
            q.FindSeriesRecords: self._records,
            q.FindCollections: self._kept_collections,
            q.FindLicences: self._kept,
        }

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def outcome(self, request: Request) -> Any:
        """Return what :attr:`Request.read` would have made of the server's answer.

        :raises NotOffline: for what a snapshot does not hold.
        """
        query = request.query
        with self._lock, database_errors(self.info.path):
            if isinstance(query, Mapping):
                return self._search(request.operation, query)
            answer = self._answer.get(type(query))
            if answer is None:
                raise self._unknown(request.operation)
            known = {each.name for each in dataclasses.fields(query)}
            fixed = {name: value for name, value in request.operation.fixed.items() if name in known}
            return answer(request.operation, dataclasses.replace(query, **fixed))

    def _unknown(self, operation: Operation) -> NotOffline:
        return NotOffline(
            f"A snapshot cannot answer this: {operation.summary.lower()} ({operation.name}).",
            advice="Ask the server: leave --offline, or snapshot=, out.",
        )

    # conditions -------------------------------------------------------------------------------------
    def _same(self, field: str, text: str, *, exact: bool = False) -> tuple[str, list[Any]]:
        if exact:
            return f"{field} = ?", [text]
        return (
            f"{field} IN (SELECT value FROM spelling WHERE field = ? AND upper = ?)",  # noqa: S608
            [field, text.upper()],
        )

    def _filters(self, query: Any, exact: Iterable[str] = ()) -> Conditions:
        conditions = [
            self._same(name, value, exact=name in exact)
            for name in _FOLDED
            if (value := getattr(query, name, None)) is not None
        ]
        uids = ("study_instance_uid", "series_instance_uid")
        named = ((name, getattr(query, name, None)) for name in uids)
        return conditions + [(f"{name} = ?", [value]) for name, value in named if value is not None]

    def _released(self, query: Any) -> Conditions:
        """Return the conditions on days of release. Of a moment the newer API tells the day alone."""
        after, since = getattr(query, "released_after", None), getattr(query, "released_since", None)
        if after is not None and self.info.api != "v4":
            return [("date_released > ?", [f"{after.isoformat()} 00:00:00"])]
        return [("date_released >= ?", [day.isoformat()]) for day in (after, since) if day is not None]

    # rows -------------------------------------------------------------------------------------------
    def _rows(
        self, table: Table, view: View | None, conditions: Conditions, order: str, *, distinct: bool = False
    ) -> Rows:
        assert view is not None  # noqa: S101 - tables of the API
        sources = [column.source for column in view.columns if column.source in table.types]
        readers = table.readers(sources)
        where, values = _where(conditions)
        statement = (
            f"SELECT {'DISTINCT ' if distinct else ''}{', '.join(sources)}, "  # noqa: S608
            f"{'NULL' if distinct else 'extra'} FROM {table.name}{where} ORDER BY {order}"
        )
        rows: Rows = []
        for *stored, extra in self._connection.execute(statement, values):
            row = {
                name: value if read is None or value is None else read(value)
                for name, value, read in zip(sources, stored, readers, strict=True)
            }
            if extra is not None:
                row |= msgspec.json.decode(extra)
            rows.append(row)
        return rows

    def _series(self, operation: Operation, query: q.FindSeries) -> Rows:
        if operation.public_only and self.info.account:
            raise NotOffline(
                "A snapshot of an account does not know which series the public sees, which alone "
                f"{operation.name} tells of.",
                advice="Ask the server: leave --offline, or snapshot=, out.",
            )
        exact = ("body_part_examined", "manufacturer", "manufacturer_model_name") if query.exact_case else ()
        conditions = self._filters(query, exact) + self._released(query)
        return self._rows(SERIES, operation.view, conditions, "series_instance_uid")

    def _studies(self, operation: Operation, query: q.FindStudies) -> Rows:
        conditions = self._filters(query)
        released = self._released(query)
        if released:
            conditions.append(_found_in("study_instance_uid", released))
        return self._rows(STUDIES, operation.view, conditions, "study_instance_uid")

    def _patients(self, operation: Operation, query: q.FindPatients) -> Rows:
        exact = ("patient_id",) if query.exact_patient_id else ()
        conditions = self._filters(dataclasses.replace(query, modality=None), exact)
        by_series = self._released(query)
        if query.modality is not None:
            by_series.append(self._same("modality", query.modality))
        if by_series:
            conditions.append(_found_in("patient_id, collection", by_series))
        return self._rows(PATIENTS, operation.view, conditions, "patient_id, collection")

    def _size(self, operation: Operation, query: q.SeriesSize) -> Rows:
        return self._rows(SERIES, operation.view, self._filters(query), "series_instance_uid")

    def _records(self, operation: Operation, query: q.FindSeriesRecords) -> Rows:
        if not self.info.has_records:
            raise self._unknown(operation)
        found: Rows = []
        for uids in query.series_instance_uids:
            wanted = list(dict.fromkeys(uids))
            rows: dict[str, dict[str, Any]] = {}
            for some in _portions(wanted):
                marks = ", ".join("?" * len(some))
                condition = (f"series_instance_uid IN ({marks})", list(some))
                for row in self._rows(SERIES, operation.view, [condition], "series_instance_uid"):
                    rows[row["series_instance_uid"]] = row
            found += (rows[uid] for uid in wanted if uid in rows)
        return found

    # values -----------------------------------------------------------------------------------------
    def _values(self, operation: Operation, query: q.FindValues) -> Rows:
        del operation
        filters = dataclasses.replace(query, column="collection", uppercase=False)
        conditions = self._filters(filters)
        if any("" in values for _, values in conditions):
            return []
        where, values = _where(conditions)
        statement = f"SELECT DISTINCT {query.column} FROM series{where}"  # noqa: S608
        found = {value or None for (value,) in self._connection.execute(statement, values)}
        if query.uppercase:
            found = {value and value.upper() for value in found}

        def order(value: str | None) -> tuple[bool, str, str]:
            text = value or ""
            return value is not None, text if query.column == "collection" else text.upper(), text

        return [{query.column: value} for value in sorted(found, key=order)]

    def _counts(self, operation: Operation, query: q.CountValues) -> Rows:
        exact = ("collection",) if query.exact_collection else ()
        conditions = self._filters(query, exact)
        if any("" in values for _, values in conditions):
            return []
        where, values = _where(conditions)
        value = f"upper({query.column})" if query.uppercase else query.column
        told_by_patients = query.column == "species_code" and not self.info.has_records
        source = "series" if not told_by_patients else _WITH_SPECIES
        statement = (
            f"SELECT {value}, COUNT(DISTINCT collection || char(0) || "  # noqa: S608
            f"ifnull(site, '') || char(0) || patient_id) FROM {source}{where} GROUP BY 1"
        )
        counts: dict[str, int] = {}
        for value, patients in self._connection.execute(statement, values):
            counts[value or ""] = counts.get(value or "", 0) + patients
        assert operation.view is not None  # noqa: S101 - a table of the API
        missing = operation.view.columns[0].default
        return [{query.column: value or missing, "patients": counts[value]} for value in sorted(counts)]

    # whole answers, searches ------------------------------------------------------------------------
    def _kept(self, operation: Operation, query: q.Query) -> Rows:
        del query
        found = self._connection.execute(
            "SELECT rows FROM answer WHERE name = ?", [operation.name]
        ).fetchone()
        if found is None:
            raise self._unknown(operation)
        return msgspec.json.decode(found[0], type=list[dict[str, Any]])

    def _kept_collections(self, operation: Operation, query: q.FindCollections) -> Rows:
        rows = self._kept(operation, query)
        for row in rows:
            if isinstance(row.get("changed"), str):
                row["changed"] = dt.datetime.fromisoformat(row["changed"])
        return [row for row in rows if query.collection in {None, row["collection"]}]

    def _search(self, operation: Operation, query: Mapping[str, Any]) -> Any:
        if operation.action not in {"simple_search", "simple_search_manifest"} or not self.info.has_records:
            raise self._unknown(operation)
        if operation.action == "simple_search":
            return find_patients(self._connection, query["search"], query["page"])
        return find_series_uids(self._connection, query["search"])


def _where(conditions: Conditions) -> tuple[str, list[Any]]:
    if not conditions:
        return "", []
    return f" WHERE {' AND '.join(each for each, _ in conditions)}", [
        value for _, values in conditions for value in values
    ]


def _found_in(columns: str, conditions: Conditions) -> tuple[str, list[Any]]:
    where, values = _where(conditions)
    return f"({columns}) IN (SELECT {columns} FROM series{where})", values  # noqa: S608


def _portions(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        yield uids[start : start + _UIDS_AT_ONCE]
