"""Making a snapshot of a server's catalogue: what changed since the last one, or all of it.

The studies and patients of every collection are listed each time: a study that is new or gone, that says
something else, or has another number of series than are kept, has its series listed anew. Series that were
released since are compared one by one. What an archivist changes of a series without any of that shows
with a full check, which lists everything.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filmroom.client.crew import Stopped
from filmroom.client.holdings import records_request
from filmroom.client.snapshot.file import (
    SnapshotInfo,
    account_of,
    database_errors,
    default_path,
    describe,
    open_to_read,
)
from filmroom.client.snapshot.making import CollectionRows, Making, locked
from filmroom.client.snapshot.tables import PATIENTS, SERIES, STUDIES, Row
from filmroom.client.steps import Request
from filmroom.errors import AccessDenied, BadAnswer, NotFound
from filmroom.model import queries as q
from filmroom.wire.decode import decode
from filmroom.wire.operation import Operation, encode_params
from filmroom.wire.operations import find_operation
from filmroom.wire.table_stream import json_parts

if TYPE_CHECKING:
    from filmroom.client.connection import Connection

_RECORDS_AT_ONCE = 2_000
_LISTED_SINGLY = 50  # studies of a collection that are listed one by one; more, and all of it is
_OVERLAP = dt.timedelta(days=2)  # between the clocks and days of two machines
_TELLING = ("date_released", "max_submission_timestamp", "image_count", "file_size")


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far it is: collections, series that were listed, and those that are still to be asked about."""

    collections_done: int
    collections_total: int
    series: int
    records_left: int = 0


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What became of it: the snapshot, how many series came and went since the last one, and how it was."""

    info: SnapshotInfo
    added: int
    removed: int
    full: bool
    resumed: bool
    seconds: float


class Asked(Protocol):
    """What a snapshot is made of: a client that speaks to its server."""

    @property
    def connection(self) -> Connection: ...
    @property
    def api(self) -> str: ...
    def collections(self) -> list[str]: ...


class Sync:
    """One call of ``client.sync``."""

    def __init__(
        self,
        client: Asked,
        path: Path | None,
        *,
        full: bool,
        progress: Callable[[SyncProgress], None] | None,
        stop: threading.Event | None,
    ) -> None:
        self._client = client
        self._connection = client.connection
        self._account = account_of(self._connection)
        self._path = path or default_path(self._connection.root, self._account)
        self._full = full
        self._progress = progress
        self._stop = stop or threading.Event()
        self._listed = self._done = self._total = 0

    def run(self) -> SyncReport:
        """Make the snapshot.

        :raises ArchiveInUse: when another process makes it.
        :raises StoreFull, StoreError: when it cannot be written.
        :raises Stopped: when it was told to.
        """
        began = time.monotonic()
        with locked(self._path), database_errors(self._path):
            names = self._client.collections()  # finds the version of the API as well
            identity = {
                "server": self._connection.root,
                "account": self._account,
                "api": self._client.api,
            }
            making = Making(self._path, identity, anew=self._full)
            try:
                has_records = self._fill(making, names)
                added, removed = making.finish(has_records=has_records)
            finally:
                making.close()
            connection = open_to_read(self._path)
            try:
                info = describe(connection, self._path)
            finally:
                connection.close()
        return SyncReport(info, added, removed, making.is_anew, making.resumed, time.monotonic() - began)

    def _fill(self, making: Making, names: Sequence[str]) -> bool:
        for gone in set(making.collections) - set(names):
            making.drop_collection(gone)
        due = {} if making.is_anew else self._updated(making)
        done = making.done
        self._total = len(names)
        for self._done, name in enumerate(names):
            self._tell()
            if name not in done:
                self._connection.patiently(partial(self._collection, making, name, due.get(name, set())))
        self._done = self._total
        self._tell()
        for operation, query in (
            (self._shared("getCollectionDescriptions"), q.FindCollections()),
            (find_operation("", "getLicenses"), q.FindLicences()),
        ):
            rows = self._if_known(operation, query)
            if rows is not None:
                making.keep_answer(operation.name, rows)
        return self._records(making)

    def _tell(self, left: int = 0) -> None:
        if self._stop.is_set():
            raise Stopped
        if self._progress is not None:
            self._progress(SyncProgress(self._done, self._total, self._listed, left))

    # lists ------------------------------------------------------------------------------------------
    def _operation(self, name: str) -> Operation:
        return find_operation(self._client.api, name)

    def _shared(self, name: str) -> Operation:
        return find_operation("v4" if self._client.api == "v4" else "", name)

    def _streamed(self, operation: Operation, query: q.Query) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of a list as they come, some thousands at a time.

        :raises TransientFailure: when the connection breaks.
        :raises BadAnswer: when a row does not say what it is of.
        """
        assert operation.view is not None  # noqa: S101 - a table of the API
        identifier = operation.view.columns[0].source
        with self._connection.stream(operation.path, encode_params(operation, query)) as response:
            for part in json_parts(response.iter_bytes()):
                rows = decode(operation.view, part)
                if any(row[identifier] is None for row in rows):
                    raise BadAnswer(f"A row of {operation.name} has no {operation.view.columns[0].name}.")
                yield rows

    def _rows(self, operation: Operation, query: q.Query) -> list[dict[str, Any]]:
        return [row for some in self._streamed(operation, query) for row in some]

    def _updated(self, making: Making) -> dict[str, set[str]]:
        """Return the studies, by collection, of series that were released since the last snapshot."""
        since = dt.datetime.fromisoformat(making.about["before"]).date() - _OVERLAP
        query = q.FindSeries(released_after=since)
        operation = self._operation("getUpdatedSeries")
        assert operation.view is not None  # noqa: S101 - a table of the API
        columns = [each.source for each in operation.view.columns if each.source in _TELLING]

        def ask() -> dict[str, set[str]]:
            due: dict[str, set[str]] = {}
            for rows in self._streamed(operation, query):
                for row in rows:
                    if not making.is_held(row, columns):
                        due.setdefault(row["collection"] or "", set()).add(row["study_instance_uid"])
            return due

        return self._connection.patiently(ask)

    def _collection(self, making: Making, name: str, updated: set[str]) -> None:
        """List a collection, or what changed of it."""
        listed = self._listed
        try:
            with making.collection(name) as rows:
                studies = self._rows(self._operation("getPatientStudy"), q.FindStudies(name))
                due = _changed(making, name, studies) | updated
                rows.replace(STUDIES, studies)
                rows.replace(PATIENTS, self._rows(self._operation("getPatient"), q.FindPatients(name)))
                self._series(rows, name, due, all_due=len(due) > min(_LISTED_SINGLY, len(studies) // 2))
        except BaseException:
            self._listed = listed
            raise

    def _series(self, rows: CollectionRows, name: str, due: Iterable[str], *, all_due: bool) -> None:
        queries: Iterable[tuple[str | None, q.FindSeries]]
        if all_due:
            queries = [(None, q.FindSeries(collection=name))]
        else:
            queries = [(uid, q.FindSeries(collection=name, study_instance_uid=uid)) for uid in due]
        for uid, query in queries:
            rows.drop_series(uid)
            for some in self._streamed(self._operation("getSeries"), query):
                self._listed += rows.add(SERIES, some)
                self._tell()

    # whole answers ----------------------------------------------------------------------------------
    def _if_known(self, operation: Operation, query: q.Query) -> list[dict[str, Any]] | None:
        """Return the rows of an answer; None where the server has none for who asks."""
        view = operation.view
        assert view is not None  # noqa: S101 - a table of the API
        request = Request(operation, query, lambda answer: decode(view, answer.content))
        try:
            rows: list[dict[str, Any]] = request.read(self._connection.ask(request))
        except (NotFound, AccessDenied):
            return None
        return rows

    def _records(self, making: Making) -> bool:
        """Ask about the series that are new; return whether the server answers that."""
        if self._client.api != "v4":
            return False  # the versions before tell nothing that the lists do not
        operation = self._operation("getSeriesMetadata")
        left = making.count_without_record()
        while uids := making.without_record(_RECORDS_AT_ONCE):
            self._tell(left)
            try:
                request = records_request(operation, uids)
                rows = request.read(self._connection.ask(request))
            except (NotFound, AccessDenied):
                return False
            making.take_records(uids, rows)
            left -= len(uids)
        return True


def _changed(making: Making, collection: str, studies: Iterable[Row]) -> set[str]:
    """Return the studies whose series are to be listed anew: not as stored, or no more there."""
    held, counts = making.held_studies(collection), making.held_counts(collection)
    columns = tuple(STUDIES.types)
    due = set()
    for row in studies:
        uid = row["study_instance_uid"]
        stored = held.pop(uid, None)
        if stored != tuple(STUDIES.values(columns, row)) or counts.pop(uid, 0) != row.get("series_count"):
            due.add(uid)
    return due | held.keys() | counts.keys()
