"""The one module that knows SQLite from PostgreSQL: engines, transactions, upserts, driver errors.

SQLite runs in WAL mode with ``synchronous=FULL``: a committed transaction survives a power cut. Writers
take the write lock at once (``BEGIN IMMEDIATE``), so that a transaction never fails half-way for want of it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import select
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from filmroom.errors import CatalogBusy, CatalogError, CatalogUnreachable, InvalidInput, QueryRefused
from filmroom.file_lock import lock_file

_BUSY_TIMEOUT_MS = 60_000
_CREATION_LOCK = 7_060_515
# PostgreSQL's codes (its manual, appendix A): connection lost; shut down, starting, too many connections.
_CONNECTION = "08"
_NOT_NOW = {"57P01", "57P02", "57P03", "53300"}
_DISK_FULL = "53100"
_CANCELLED = "57014"
_TAKE_TURNS = sa.text(
    # What a writer reads it names by key. Of a table that has grown and was never analysed PostgreSQL
    # believes that a few hundred keys are half of it, and reads it all, batch after batch.
    "SELECT pg_advisory_xact_lock(7060516), set_config('enable_seqscan', 'off', true),"
    " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('enable_material', 'off', true)"
)


def _prepare_sqlite(engine: sa.Engine, begin: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_size_limit = 67108864")
        # A page that many commits change is written back once for 64 MiB of log, not for every 4 MiB.
        cursor.execute("PRAGMA wal_autocheckpoint = 16384")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA mmap_size = 1073741824")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)


def _prepare_postgres(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # Our statements are short pages for many viewers at once. Compiling one, or starting processes to
        # share it, takes longer than answering it.
        connection.autocommit = True
        connection.execute("SET jit = off")
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.autocommit = False

    @sa.event.listens_for(engine, "checkout")
    def _check_out(connection: Any, _record: Any, _proxy: Any) -> None:
        if not _answers(connection):
            raise sa.exc.DisconnectionError  # the pool gives another one


def _answers(connection: Any) -> bool:
    """Return whether an idle connection is still one.

    A server that ends says so, and its end of the connection closes: both can be seen here, without the round
    trip that asking it would be with every question.
    """
    said = select.poll()
    said.register(connection.fileno(), select.POLLIN)
    if not said.poll(0):
        return True
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except connection.OperationalError:
        return False
    return True


class Database:
    """Connections to one catalogue; safe for threads, not to be carried over a fork."""

    def __init__(self, url: str) -> None:
        """Prepare the connections; nothing is opened yet.

        :raises InvalidInput: when the address is not one of SQLite or PostgreSQL.
        """
        try:
            self.url = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise InvalidInput("The catalogue address is not a database URL.") from None
        self.backend = self.url.get_backend_name()
        if self.backend == "sqlite":
            self._read = sa.create_engine(self.url, pool_size=16, max_overflow=32)
            self._write = sa.create_engine(self.url, pool_size=1, max_overflow=8)
            _prepare_sqlite(self._read, "BEGIN")
            _prepare_sqlite(self._write, "BEGIN IMMEDIATE")
        elif self.backend == "postgresql":
            self._write = sa.create_engine(
                self.url.set(drivername="postgresql+psycopg"), pool_size=16, max_overflow=32
            )
            _prepare_postgres(self._write)
            # Between two statements others may commit either way. Without a transaction around them there
            # are three round trips less, and the driver keeps its prepared statements, which it forgets at a
            # rollback.
            self._read = self._write.execution_options(isolation_level="AUTOCOMMIT")
        else:
            raise InvalidInput(f"A catalogue lies in SQLite or PostgreSQL, not in {self.backend!r}.")

    @property
    def path(self) -> Path | None:
        """The file of a SQLite catalogue, else None."""
        return Path(self.url.database) if self.backend == "sqlite" and self.url.database else None

    def exists(self) -> bool:
        """Return whether the catalogue has any table."""
        path = self.path
        if path is not None and not (path.exists() and path.stat().st_size):
            return False  # also when it is just being made: who opens it then disturbs the change to WAL
        with self.reading() as connection:
            return bool(sa.inspect(connection).get_table_names())

    def make_folder(self) -> None:
        """Create the folder that a SQLite catalogue lies in, readable by its owner alone."""
        path = self.path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))

    @contextmanager
    def creation_lock(self) -> Iterator[None]:
        """Let one process at a time make a new catalogue; the others wait and find it made."""
        path = self.path
        if path is None:
            with _translated(), self._write.connect() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_lock(_CREATION_LOCK)))
                try:
                    yield
                finally:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_CREATION_LOCK)))
            return
        with path.with_name(path.name + ".creating").open("w") as lock:
            lock_file(lock.fileno())
            yield

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Read; in SQLite in a transaction, which stops it from folding its log back: keep it short."""
        with _translated(), self._read.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, in_turn: bool = True) -> Iterator[sa.Connection]:
        """A write transaction: committed at the end, rolled back on any error.

        Writers of one catalogue take turns, on both engines: the identity rules read before they write.
        What touches its own rows alone (``in_turn`` False) need not wait where the engine can do without.
        """
        with _translated(), self._write.begin() as connection:
            if in_turn and self.backend == "postgresql":
                connection.execute(_TAKE_TURNS)
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._read.dispose()
        self._write.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn driver errors into ours."""
    try:
        yield
    except sa.exc.OperationalError as error:
        raise _operational(error) from error
    except sa.exc.TimeoutError as error:
        raise CatalogBusy("All connections to the catalogue stayed in use for half a minute.") from error
    except sa.exc.DBAPIError as error:
        # The first line alone: what follows can hold values of rows.
        said = str(error.orig).partition("\n")[0]
        raise CatalogError(f"The catalogue refused an operation: {said}.") from error


def _operational(error: sa.exc.OperationalError) -> CatalogError:
    text = str(error.orig).partition("\n")[0]
    state: str | None = getattr(error.orig, "sqlstate", "")
    if "locked" in text or "busy" in text:
        return CatalogBusy(
            "The catalogue stayed locked by another writer for a minute.",
            advice="Wait for the other command to end, then run this one again.",
        )
    if "disk is full" in text or state == _DISK_FULL:
        return CatalogError(
            "No space is left for the catalogue.", advice="Make space, then run the same command again."
        )
    if state is None or state.startswith(_CONNECTION) or state in _NOT_NOW:
        return CatalogUnreachable(
            f"The database does not answer: {text}.", advice="Run the same command again when it does."
        )
    return CatalogError(f"The catalogue cannot be used: {text}.")


@contextmanager
def time_limit(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """End statements that take longer. :raises QueryRefused: when one of them did."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET statement_timeout = {int(seconds * 1000)}"))
    else:
        end = time.monotonic() + seconds
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(lambda: time.monotonic() > end, 100_000)
    try:
        yield
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", "") == _CANCELLED or "interrupted" in str(error.orig):
            raise QueryRefused("The query takes too long.") from None
        raise
    finally:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SET statement_timeout = 0"))
        else:
            raw.set_progress_handler(None, 0)


def clock(connection: sa.Connection) -> dt.datetime:
    """Return the time in naive UTC, from the one clock that all who share the catalogue see."""
    if connection.dialect.name == "postgresql":
        moment: dt.datetime = connection.execute(
            sa.select(sa.func.timezone("UTC", sa.func.clock_timestamp()))
        ).scalar_one()
        return moment
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)  # a SQLite catalogue has one machine


def insert_or_add(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], add: Sequence[str]
) -> None:
    """Insert rows; where the primary key is taken, add the columns ``add`` to what is there."""
    if not rows:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    statement = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: table.c[name] + statement.excluded[name] for name in add},
    )
    connection.execute(statement, list(rows))


def insert_returning_ids(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]
) -> list[int]:
    """Insert rows and return their new ids in the order of ``rows``."""
    if not rows:
        return []
    statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [row[0] for row in connection.execute(statement, list(rows))]


class Keys(TypeDecorator[Any]):
    """Thousands of keys as the value of one parameter; one each would cost more than the rows."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(
            postgresql.ARRAY(sa.BigInteger) if dialect.name == "postgresql" else sa.Text()
        )

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        keys = list(value)
        return keys if dialect.name == "postgresql" else json.dumps(keys)


class _Among(FunctionElement[Any]):
    # Of no type: as a Boolean it would be compared with 1 in SQLite, and no index would serve it.
    inherit_cache = True


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    key, keys = (compiler.process(each, **options) for each in element.clauses)
    return f"{key} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - two compiled expressions


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    key, keys = (compiler.process(each, **options) for each in element.clauses)
    return f"{key} = ANY ({keys})"


def among(key: sa.ColumnElement[int], values: Iterable[int] | str) -> sa.ColumnElement[bool]:
    """Condition: a key is one of some; ``values`` may be the name of a parameter that they are put in for."""
    keys = sa.bindparam(values, type_=Keys()) if isinstance(values, str) else sa.literal(values, Keys())
    return cast(sa.ColumnElement[bool], _Among(key, keys))


def chunks(values: Sequence[Any], size: int = 500) -> Iterator[Sequence[Any]]:
    """Split values for ``IN`` lists, which databases bound."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
