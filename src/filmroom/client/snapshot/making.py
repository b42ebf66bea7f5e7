"""A snapshot under way: a working file beside the finished one, which it replaces at once when it is done."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from filmroom.client.layout import writing
from filmroom.client.snapshot.file import (
    about,
    database_errors,
    open_to_read,
    private_file,
    private_folder,
)
from filmroom.client.snapshot.tables import (
    FORMAT,
    LISTED,
    PATIENTS,
    RECORDED,
    SCHEMA,
    SERIES,
    SPELLED,
    STUDIES,
    TABLES,
    Row,
    Table,
)
from filmroom.errors import ArchiveInUse, BadAnswer, InvalidInput, NotFound
from filmroom.file_lock import try_lock_file

_RESUMED_WITHIN = dt.timedelta(days=1)
_WORKING = ".part"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a snapshot while it is made. :raises ArchiveInUse: when another process does."""
    with writing(path.parent):
        private_folder(path.parent)
        lock = path.with_name(path.name + ".lock")
        private_file(lock)
        descriptor = os.open(lock, os.O_RDWR)
    try:
        if not try_lock_file(descriptor):
            raise ArchiveInUse(f"Another process is making the snapshot {path}.")
        yield
    finally:
        os.close(descriptor)


class Making:
    """The working file of a snapshot. The caller holds the lock."""

    def __init__(self, path: Path, identity: Mapping[str, str], *, anew: bool) -> None:
        """Go on with what an earlier call left, or begin: from the snapshot that is there, or from nothing.

        :param identity: of which server, as whom, in which version of the API.
        """
        self._path = path
        self._working = path.with_name(path.name + _WORKING)
        self._before = None if anew else _earlier(path, identity)
        self.is_anew = self._before is None
        wanted = {**identity, "before": self._before or ""}
        self.resumed = _can_go_on(self._working, wanted)
        if not self.resumed:
            self._begin(wanted)
        self._connection = sqlite3.connect(self._working, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self.about = about(self._connection)

    def _begin(self, wanted: Mapping[str, str]) -> None:
        with writing(self._path.parent):
            _remove(self._working)
            private_file(self._working)
            if not self.is_anew:
                shutil.copyfile(self._path, self._working)
        connection = sqlite3.connect(self._working, isolation_level=None)
        try:
            if self.is_anew:
                for statement in SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {FORMAT}")
            else:
                connection.execute("DELETE FROM about WHERE name = 'finished'")
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            said = [*wanted.items(), ("taken", now)]
            connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", said)
        finally:
            connection.close()

    def close(self) -> None:
        """Leave the working file as it is."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN")
        try:
            yield self._connection
        except BaseException as error:
            self._connection.execute("ROLLBACK")
            if isinstance(error, OverflowError | UnicodeError):
                raise BadAnswer(f"The server sent a value that cannot be kept: {error}.") from error
            raise
        self._connection.execute("COMMIT")

    # what is there ----------------------------------------------------------------------------------
    @property
    def collections(self) -> list[str]:
        """Names of the collections that it holds."""
        found = self._connection.execute("SELECT DISTINCT collection FROM study")
        return [name for (name,) in found if name is not None]

    @property
    def done(self) -> set[str]:
        """The collections that need no more asking."""
        return {name for (name,) in self._connection.execute("SELECT collection FROM done")}

    def held_studies(self, collection: str) -> dict[str, tuple[Any, ...]]:
        """Return what is stored of the studies of a collection, by UID."""
        columns = ", ".join(STUDIES.types)
        statement = f"SELECT study_instance_uid, {columns}, extra FROM study WHERE collection = ?"  # noqa: S608
        return {row[0]: row[1:] for row in self._connection.execute(statement, [collection])}

    def held_counts(self, collection: str) -> dict[str, int]:
        """Return the number of stored series of each study of a collection."""
        statement = "SELECT study_instance_uid, count(*) FROM series WHERE collection = ? GROUP BY 1"
        return dict(self._connection.execute(statement, [collection]))

    def is_held(self, row: Row, columns: Sequence[str]) -> bool:
        """Return whether a series is stored with the same values of some columns."""
        statement = f"SELECT {', '.join(columns)} FROM series WHERE series_instance_uid = ?"  # noqa: S608
        held = self._connection.execute(statement, [row["series_instance_uid"]]).fetchone()
        return held is not None and list(held) == SERIES.values(columns, row)[:-1]

    # what comes in ----------------------------------------------------------------------------------
    @contextmanager
    def collection(self, name: str) -> Iterator[CollectionRows]:
        """Take what a server lists of a collection: all of it, and that it is done, or nothing."""
        with self._transaction() as connection:
            yield CollectionRows(connection, name)
            connection.execute("INSERT OR REPLACE INTO done VALUES (?)", [name])

    def drop_collection(self, name: str) -> None:
        """Take note that the server has a collection no more."""
        with self._transaction() as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table.name} WHERE collection = ?", [name])  # noqa: S608

    def keep_answer(self, name: str, rows: Sequence[Row]) -> None:
        """Keep a whole answer."""
        stored = msgspec.json.encode(rows).decode()
        self._connection.execute("INSERT OR REPLACE INTO answer VALUES (?, ?)", [name, stored])

    def without_record(self, most: int) -> list[str]:
        """Return the UIDs of some series that are still to be asked about."""
        statement = "SELECT series_instance_uid FROM series WHERE record_due = 1 LIMIT ?"
        return [uid for (uid,) in self._connection.execute(statement, [most])]

    def count_without_record(self) -> int:
        """Return the number of series that are still to be asked about."""
        found = self._connection.execute("SELECT count(*) FROM series WHERE record_due = 1").fetchone()
        return int(found[0])

    def take_records(self, uids: Sequence[str], rows: Iterable[Row]) -> None:
        """Take the answer about some series."""
        columns = ", ".join(f"{name} = ?" for name in RECORDED)
        statement = f"UPDATE series SET {columns} WHERE series_instance_uid = ?"  # noqa: S608
        values = ([*SERIES.values(RECORDED, row)[:-1], row["series_instance_uid"]] for row in rows)
        with self._transaction() as connection:
            connection.executemany(statement, values)
            done = "UPDATE series SET record_due = 0 WHERE series_instance_uid = ?"
            connection.executemany(done, ([uid] for uid in uids))

    # the end ----------------------------------------------------------------------------------------
    def finish(self, *, has_records: bool) -> tuple[int, int]:
        """Put the file in place; return how many series came, and how many went."""
        with self._transaction() as connection:
            for table in TABLES:
                for statement in table.create_indices:
                    connection.execute(statement)
            _spell(connection)
            connection.execute("DELETE FROM done")
            counted = {"series": SERIES, "studies": STUDIES, "patients": PATIENTS}
            said = {name: _count(connection, table) for name, table in counted.items()}
            held = connection.execute("SELECT count(DISTINCT collection) FROM study").fetchone()[0]
            said |= {"collections": held, "has_records": int(has_records), "finished": 1}
            connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", list(said.items()))
        change = self._compared()
        self._connection.execute("ANALYZE")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        with writing(self._path.parent):
            with self._working.open("rb") as stream:
                os.fsync(stream.fileno())
            self._working.replace(self._path)
        return change

    def _compared(self) -> tuple[int, int]:
        """Return how many series are new, and how many are gone, since the snapshot that is replaced."""
        if self._before is None:
            return _count(self._connection, SERIES), 0
        self._connection.execute("ATTACH DATABASE ? AS earlier", [str(self._path)])
        try:
            new, gone = (
                self._connection.execute(
                    f"SELECT count(*) FROM {one}.series AS a WHERE NOT EXISTS (SELECT 1 FROM "  # noqa: S608
                    f"{other}.series AS b WHERE b.series_instance_uid = a.series_instance_uid)"
                ).fetchone()[0]
                for one, other in (("main", "earlier"), ("earlier", "main"))
            )
        finally:
            self._connection.execute("DETACH DATABASE earlier")
        return new, gone


class CollectionRows:
    """Takes the rows of one collection, within a transaction."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def replace(self, table: Table, rows: Iterable[Row]) -> None:
        """Take all rows of the collection in place of those that are there."""
        self._connection.execute(f"DELETE FROM {table.name} WHERE collection = ?", [self._name])  # noqa: S608
        self.add(table, rows)

    def drop_series(self, study: str | None = None) -> None:
        """Drop the series of the collection, or of one of its studies."""
        if study is None:
            self._connection.execute("DELETE FROM series WHERE collection = ?", [self._name])
        else:
            statement = "DELETE FROM series WHERE study_instance_uid = ? AND collection = ?"
            self._connection.execute(statement, [study, self._name])

    def add(self, table: Table, rows: Iterable[Row]) -> int:
        """Take rows of the collection; of another one whose name differs in case they are left out."""
        columns = LISTED if table is SERIES else tuple(table.types)
        own = [table.values(columns, row) for row in rows if row.get("collection") == self._name]
        self._connection.executemany(table.insert(columns), own)
        return len(own)


def _count(connection: sqlite3.Connection, table: Table) -> int:
    return int(connection.execute(f"SELECT count(*) FROM main.{table.name}").fetchone()[0])  # noqa: S608


def _spell(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM spelling")
    for field, tables in SPELLED.items():
        for table in tables:
            statement = f"SELECT DISTINCT {field} FROM {table.name} WHERE {field} IS NOT NULL"  # noqa: S608
            spelled = [(field, value.upper(), value) for (value,) in connection.execute(statement)]
            connection.executemany("INSERT OR IGNORE INTO spelling VALUES (?, ?, ?)", spelled)


def _earlier(path: Path, identity: Mapping[str, str]) -> str | None:
    """Return when the snapshot that is there was taken; None when it is of no use."""
    try:
        connection = open_to_read(path)
    except (NotFound, InvalidInput):
        return None
    with contextlib.closing(connection), database_errors(path):
        said = about(connection)
    return said["taken"] if identity.items() <= said.items() else None


def _can_go_on(working: Path, wanted: Mapping[str, str]) -> bool:
    """Return whether the working file of an earlier call is one of what is wanted, and of today."""
    if not working.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(working)) as connection:
            said = about(connection)
            sound = connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT
    except sqlite3.Error:
        return False
    if not (sound and wanted.items() <= said.items() and "taken" in said):
        return False
    return dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(said["taken"]) < _RESUMED_WITHIN


def _remove(working: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        working.with_name(working.name + suffix).unlink(missing_ok=True)
