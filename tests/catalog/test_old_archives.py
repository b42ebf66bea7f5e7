"""An archive of the first schema: refused with the command to run, upgraded, whole, and in use again."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from pydicom.data import get_testdata_file

from filmroom.catalog import Catalog, upgrade
from filmroom.catalog.database import Database
from filmroom.errors import SchemaMismatch
from filmroom.model.access import Scope, VisibleSet
from filmroom.model.queries import FindSeries, FindValues
from filmroom.model.search import Range, SimpleSearch
from filmroom.testing.services import PostgresServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index"),
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
]
DUMP = Path(__file__).with_name("archives") / "0001.sql"
SERIES = "1.2.826.0.1.3680043.8.498.38650597770005679262845193180963168479"
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a catalogue as the program of the first schema left it, on each engine."""
    (tmp_path / "archive").mkdir()
    file = tmp_path / "archive" / "catalog.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as made:
        made.executescript(DUMP.read_text())
    if request.param == "sqlite":
        yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database(empty=True) as url:
        _carry_over(f"sqlite:///{file}", url)
        file.unlink()
        yield url


def _carry_over(source: str, target: str) -> None:
    """Fill a PostgreSQL catalogue of the first schema with the rows of the dump."""
    with contextlib.closing(Database(source)) as old, contextlib.closing(Database(target)) as new:
        with new.writing() as connection:
            command.upgrade(upgrade._config(connection), "0001")
        tables = sa.MetaData()
        with old.reading() as reading, new.writing() as writing:
            tables.reflect(writing)
            for table in tables.sorted_tables:
                rows = [dict(row) for row in reading.execute(sa.select(table)).mappings()]
                if table.name == "alembic_version" or not rows:
                    continue
                writing.execute(sa.insert(table), rows)
                if "id" in table.c:
                    counter = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), :last)"
                    writing.execute(sa.text(counter), {"last": max(row["id"] for row in rows)})


def rows_of(url: str) -> Rows:
    """Return every row of every table, in the columns of the first schema."""
    columns = {}
    with contextlib.closing(sqlite3.connect(":memory:")) as first:
        first.executescript(DUMP.read_text())
        for (table,) in first.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns[table] = [row[1] for row in first.execute(f"PRAGMA table_info({table})")]
    found: Rows = {}
    with contextlib.closing(Database(url)) as database, database.reading() as connection:
        for name, names in columns.items():
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            found[name] = sorted(
                (tuple(row) for row in connection.execute(sa.select(*(table.c[n] for n in names)))), key=repr
            )
    return found


def run(url: str, tmp_path: Path, *arguments: object, check: int = 0) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FILMROOM_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "filmroom.cli.app", *map(str, arguments)),
            *("--data", str(tmp_path / "archive"), "--database-url", url),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean,
    )
    assert done.returncode == check, (done.stdout, done.stderr)
    return done


def test_nothing_works_on_an_old_schema_until_it_is_upgraded(old: str, tmp_path: Path) -> None:
    sample = tmp_path / "ct.dcm"
    shutil.copy(str(get_testdata_file("CT_small.dcm")), sample)
    before = rows_of(old)
    with pytest.raises(SchemaMismatch):
        Catalog.open(old)
    for refused in (
        ("serve", "--port", "0"),
        ("ingest", "--collection", "NEW", sample),
    ):
        done = run(old, tmp_path, *refused, check=1)
        assert done.stderr == (
            f"Error: The catalogue has schema 0001, this program needs {upgrade.newest_revision()}.\n"
            "Make a backup, then run: filmroom upgrade\n"
        )
        assert done.stdout == ""
    assert rows_of(old) == before
    done = run(old, tmp_path, "upgrade")
    assert done.stdout == f"Schema 0001 became {upgrade.newest_revision()}.\n"
    assert run(old, tmp_path, "ingest", "--collection", "NEW", sample).stdout.startswith("1 files stored")
    with Catalog.open(old) as catalog:
        assert catalog.counts()["instances"] == 8


def test_an_upgrade_loses_nothing_and_gives_the_schema_of_a_new_archive(old: str, differences: Any) -> None:
    before = rows_of(old)
    assert Catalog.upgrade(old) == ("0001", upgrade.newest_revision())
    after = rows_of(old)
    assert len(before["ingest_batch"]) == 2
    # What the ledger held of an interrupted run is the one thing that is not carried over.
    assert after["ingest_batch"] == []
    for table in before.keys() - {"ingest_batch", "alembic_version"}:
        assert after[table] == before[table], table
    assert sum(map(len, before.values())) > 80
    with Catalog.open(old) as catalog, catalog._database.reading() as connection:
        assert differences(connection) == []


def test_an_upgraded_archive_answers_as_it_did(old: str) -> None:
    Catalog.upgrade(old)
    with Catalog.open(old) as catalog:
        assert catalog.counts() == {
            "collections": 2,
            "patients": 4,
            "studies": 4,
            "series": 4,
            "instances": 7,
            "quarantined": 2,
            "bytes": 8590,
        }
        found = [row for page in catalog.rows(FindSeries(), VisibleSet()) for row in page]
        assert [(row["collection"], row["image_count"]) for row in found] == [("LUNG", 2), ("LUNG", 3)]
        assert {row["licence_name"] for row in found} == {"CC BY 4.0"}
        values = [row for page in catalog.rows(FindValues("modality"), VisibleSet()) for row in page]
        assert values == [{"modality": "CT"}]
        content = catalog.series_content(SERIES, VisibleSet(scope=Scope.SEARCH))
        assert [instance.instance_number for instance in content.instances] == [1, 2, 3]
        assert [item.reason for item in catalog.quarantine()] == ["unreadable", "conflict"]
        assert [c.access for c in catalog.collections()] == ["restricted", "public"]
        assert catalog.downloads()[0].at == dt.datetime(2026, 11, 1, 12)
        # The run that was interrupted under the old program goes on; its files are looked at again.
        again = catalog.begin_run("0" * 64, "{}", "here o", 60)
        assert again.resumed
        assert list(catalog.batches(again.id, "done")) == []


def test_simple_search_finds_what_was_there_before(old: str) -> None:
    """By the values of instances, which are gathered when an archive is upgraded."""
    spacings = {1: 0.1 + 0.2, 2: 0.7, 3: None}
    with contextlib.closing(Database(old)) as database, database.writing() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        instance = tables.tables["instance"]
        for number, spacing in spacings.items():
            of_number = sa.update(instance).where(instance.c.instance_number == number)
            connection.execute(of_number.values(pixel_spacing=spacing, slice_thickness=5.0))
    Catalog.upgrade(old)
    with Catalog.open(old) as catalog:
        searches = catalog.searches()

        def found(**criteria: Any) -> int:
            return searches.find(SimpleSearch(**criteria), VisibleSet()).summary().patients

        assert found() == 2
        assert found(pixel_spacings=(Range(0.1 + 0.2, 0.1 + 0.2),)) == 2
        assert found(pixel_spacings=(Range(0.31, 0.69),)) == 0
        assert found(slice_thicknesses=(Range(5, 5),), pixel_spacings=(Range(0.7, None),)) == 2
