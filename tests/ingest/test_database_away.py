"""A database that restarts in the middle of an ingest, or loses its answers: the ingest goes on by itself."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.errors import CatalogUnreachable
from filmroom.ingest import batches, patience
from filmroom.settings import ArchiveAddress
from filmroom.testing.services import PostgresServer

SERIES, SLICES = 12, 4


@pytest.fixture
def pair() -> str:
    """Each test names its own."""
    return "embedded"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ENOUGH_FILES", SLICES)
    monkeypatch.setattr(batches, "TASK_FILES", SLICES)


@pytest.fixture
def files(h: SimpleNamespace, tmp_path: Path) -> Path:
    for n in range(SERIES):
        h.write_series(tmp_path / "source" / f"{n:02d}", f"S{n}", SLICES)
    return tmp_path / "source"


def check(archive: Any, report: Any) -> None:
    """Everything is there once, and the report says so."""
    assert (report.state, report.stored) == ("complete", SERIES * SLICES)
    assert not report.present
    assert not report.quarantined
    contents = archive.contents()
    assert [len(content.instances) for content in contents] == [SLICES] * SERIES
    assert archive.objects() == archive.referenced()
    with archive.catalog as catalog, catalog._database.reading() as connection:
        open_runs = connection.scalar(sa.text("SELECT count(*) FROM ingest_run WHERE finished IS NULL"))
        batches_left = connection.scalar(sa.text("SELECT count(*) FROM ingest_batch"))
    assert (open_runs, batches_left) == (0, 0)


class _Told(logging.Handler):
    """Does something once an ingest has noticed that its database is away."""

    def __init__(self, event: threading.Event) -> None:
        super().__init__()
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        if "Trying again" in record.getMessage():
            self._event.set()


@contextlib.contextmanager
def noticed() -> Iterator[threading.Event]:
    event = threading.Event()
    handler = _Told(event)
    logger = logging.getLogger(patience.__name__)
    logger.addHandler(handler)
    try:
        yield event
    finally:
        logger.removeHandler(handler)


def test_a_restart_in_the_middle(
    own_postgres: PostgresServer, h: SimpleNamespace, files: Path, tmp_path: Path
) -> None:
    archive = h.Archive(ArchiveAddress(tmp_path / "data", own_postgres.url, str(tmp_path / "store")))
    stopped: list[int] = []

    with noticed() as event:
        back = threading.Thread(target=lambda: event.wait(120) and own_postgres.start())

        def progress(now: Any) -> None:
            if now.files_done >= SERIES * SLICES // 2 and not stopped:
                stopped.append(now.files_done)
                own_postgres.stop()
                back.start()

        report = archive.ingest(files, processes=2, progress=progress)
        back.join()
    assert event.is_set()
    assert stopped[0] < SERIES * SLICES
    check(archive, report)


def test_patience_has_an_end(
    own_postgres: PostgresServer,
    h: SimpleNamespace,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.5)
    archive = h.Archive(ArchiveAddress(tmp_path / "data", own_postgres.url, str(tmp_path / "store")))

    def progress(now: Any) -> None:
        if now.files_done == SERIES * SLICES // 2:
            own_postgres.stop()

    with pytest.raises(CatalogUnreachable):
        archive.ingest(files, progress=progress)
    own_postgres.start()
    report = archive.ingest(files)
    assert report.resumed
    assert archive.counts()["instances"] == SERIES * SLICES
    assert archive.objects() == archive.referenced()


class ForgetfulRelay:
    """Stands before PostgreSQL's socket; once, it swallows the answer to the commit of a transaction.

    :param statement: what the transaction has in one of its statements.
    """

    def __init__(self, folder: Path, target: str, statement: bytes) -> None:
        self.swallowed = 0
        self._target, self._statement = target, statement
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        seen = False
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._target)
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(1 << 20)
                    if not data:
                        return
                    if source is server:
                        client.sendall(data)
                        continue
                    seen = seen or self._statement in data
                    server.sendall(data)
                    if seen and b"COMMIT\0" in data:
                        seen = False
                        if not self.swallowed:
                            self.swallowed += 1
                            assert server.recv(1 << 16)  # it is committed, and nobody hears of it
                            return


@pytest.mark.parametrize(
    "statement",
    [b", finished=$", b", leased_by=$", b"INSERT INTO ingest_batch"],
    ids=["a batch is stored", "a batch is leased", "a batch is added"],
)
def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    statement: bytes, postgres: PostgresServer, h: SimpleNamespace, files: Path, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("r")
    with postgres.database() as database_url:
        url = sa.make_url(database_url)
        relay = ForgetfulRelay(folder, f"{url.query['host']}/.s.PGSQL.5432", statement)
        through = url.update_query_dict({"host": str(folder)}).render_as_string(hide_password=False)
        archive = h.Archive(ArchiveAddress(folder / "data", through, str(folder / "store")))
        try:
            with noticed() as event:
                report = archive.ingest(files)
            assert relay.swallowed == 1
            assert event.is_set()
            check(archive, report)
        finally:
            relay.close()
