"""The schema's version: made once, checked at every start, raised by a command."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import metadata
from filmroom.catalog.upgrade import newest_revision
from filmroom.errors import CatalogError, InvalidInput, SchemaMismatch
from filmroom.testing.services import PostgresServer


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_make_the_schema_of_the_tables(catalog: Catalog, differences: Any) -> None:
    with catalog._database.reading() as connection:
        engine = connection.dialect.name
        assert differences(connection) == []
        indexes = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
            "postgresql": "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'",
        }[engine]
        made = {row[0] for row in connection.execute(sa.text(indexes))}
    declared = {str(index.name) for table in metadata.tables.values() for index in table.indexes}
    if engine == "sqlite":
        declared.remove("ix_series_words_words")
    assert declared <= made


def test_opening_nothing_says_so_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no archive"):
        Catalog.open(f"sqlite:///{tmp_path / 'absent.sqlite'}")
    assert list(tmp_path.iterdir()) == []


def test_another_schema_refuses_and_names_the_command(url: str, catalog: Catalog) -> None:
    for revision, advice in (("0000", "newer filmroom"), ("9999", "newer filmroom")):
        with catalog._database.writing() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        with pytest.raises(SchemaMismatch) as caught:
            Catalog.open(url)
        assert advice in caught.value.advice


def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'foreign.sqlite'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE recipes (id INTEGER)"))
    engine.dispose()
    with pytest.raises(SchemaMismatch, match="not a Filmroom catalogue"):
        Catalog.create(url)
    with pytest.raises(SchemaMismatch, match="not a Filmroom catalogue"):
        Catalog.upgrade(url)


def test_upgrading_the_newest_changes_nothing(url: str, catalog: Catalog) -> None:
    newest = newest_revision()
    assert Catalog.upgrade(url) == (newest, newest)


def test_many_at_once_make_one_archive(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'catalog.sqlite'}"

    def create(_: int) -> dict[str, int]:
        with Catalog.create(url) as made:
            return made.counts()

    with ThreadPoolExecutor(8) as pool:
        assert all(counts["series"] == 0 for counts in pool.map(create, range(8)))


@pytest.mark.parametrize("bad", ["nonsense", "mysql://localhost/x"])
def test_an_address_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput):
        Catalog.create(bad)


def test_an_empty_database_becomes_an_archive(postgres: PostgresServer) -> None:
    with postgres.database(empty=True) as url:
        with pytest.raises(CatalogError, match="There is no archive"):
            Catalog.open(url)
        with ThreadPoolExecutor(4) as pool:
            for made in pool.map(Catalog.create, [url] * 4):
                assert made.counts()["series"] == 0
                made.close()
