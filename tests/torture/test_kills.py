"""SIGKILL at random instants: what is visible is whole, and a rerun ends complete."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.testing.live import running_server

SERIES, SLICES = 8, 24
# Transactions and packs of a size that so few files fill several of.
SMALL_BATCHES = {"filmroom.ingest.batches.ENOUGH_FILES": 2 * SLICES, "filmroom.ingest.batches.TASK_FILES": 16}
SMALL_PACKS = {"filmroom.store.packs.PACK_LIMIT": 256 << 10, "filmroom.store.packs.LONE_SIZE": 200_000}


class Instants:
    """Instants over the whole time that an operation takes, and a little beyond.

    The machine is busy with other things, too: what the operation took lately decides.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._chance = random.Random(seed)
        self._lately: deque[float] = deque(maxlen=5)

    def took(self, seconds: float) -> None:
        """Note how long the operation took when nobody killed it."""
        self._lately.append(seconds)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Yield the number and the seconds of each instant, in random order."""
        order = list(range(self._count))
        self._chance.shuffle(order)
        for number in order:
            whole = sorted(self._lately)[len(self._lately) // 2]
            yield number, whole * 1.05 * (number + self._chance.random()) / self._count


def state_of(found: list[Any] | None, everything: int) -> str:
    if found is None:
        return "no archive yet"
    return "nothing visible" if not found else "all visible" if len(found) == everything else "part visible"


def check_ingest(
    victim: Any, new_archive: Any, row: Any, source: Path, count: int, whole: tuple[int, int], patches: Any
) -> None:
    """Kill an ingest of ``source`` again and again; ``whole`` is its series and the files of each."""
    series, files = whole
    command = ("ingest", "--collection", "C")
    instants = {processes: Instants(count, processes) for processes in (1, 2)}
    for processes, moments in instants.items():
        for _ in range(2):
            with new_archive() as archive:
                arguments = (*command, *archive.options, "--processes", processes, source)
                moments.took(victim.done(*arguments, patches=patches).seconds)
    moments_of = {processes: iter(moments) for processes, moments in instants.items()}
    for turn in range(count):
        several = 2 if turn % 4 == 3 else 1
        number, after = next(moments_of[several])
        with new_archive() as archive:
            arguments = (*command, *archive.options, "--processes", several, source)
            ended = victim.run(*arguments, after=after, group=number % 2 == 0, patches=patches)
            assert ended.killed or ended.code == 0, ended
            found = archive.served()
            assert {len(content.instances) for content in found or ()} <= {files}, "half a series is visible"
            row.add(ended, state_of(found, series))
            again = victim.done(*arguments, patches=patches)
            if not found:
                instants[several].took(again.seconds)
            after_all = archive.visible()
            assert after_all is not None
            assert [len(content.instances) for content in after_all] == [files] * series
            counts = archive.counts()
            assert (counts["instances"], counts["quarantined"]) == (series * files, 0)
            left = [finding for finding in archive.fsck(repair=True) if finding.kind != "leftover"]
            assert left == [], "catalogue and store agree after the rerun"
            assert archive.fsck(full=False) == []


def test_ingest(victim: Any, new_archive: Any, tally: Callable[[str], Any], t: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(SERIES):
        t.write_series(source / f"s{number}", f"S{number}", SLICES, 1200)
    check_ingest(victim, new_archive, tally("ingest"), source, t.instants(5), (SERIES, SLICES), SMALL_BATCHES)


def test_packs_of_a_large_series(
    victim: Any, new_archive: Any, tally: Callable[[str], Any], t: Any, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    t.write_series(source, "large", 47, 64_000)
    check_ingest(victim, new_archive, tally("pack writing"), source, t.instants(4), (1, 47), SMALL_PACKS)


def test_download(victim: Any, new_archive: Any, tally: Callable[[str], Any], t: Any, tmp_path: Path) -> None:
    row = tally("download")
    source = tmp_path / "source"
    for number in range(4):
        t.write_series(source / f"s{number}", f"D{number}", 12, 400_000)
    with new_archive() as archive:
        victim.done("ingest", "--collection", "C", *archive.options, source)
        expected = {
            content.series_instance_uid: sorted(item.md5 for item in content.instances)
            for content in archive.visible()
        }

        def complete(target: Path) -> int:
            """Count the series in a folder; each must be whole."""
            folders = (
                [f for f in target.iterdir() if f.is_dir() and f.name[0] != "."] if target.exists() else []
            )
            for folder in folders:
                got = sorted(hashlib.md5(file.read_bytes()).digest() for file in folder.glob("*.dcm"))
                assert got == expected[folder.name], "a series appears whole or not at all"
            return len(folders)

        with running_server(archive.address) as url:
            command = ("download", "--server", url, "--collection", "C", "--yes", "--workers", 2, "--to")
            moments = Instants(t.instants(6), 2)
            for number in range(2):
                moments.took(victim.done(*command, tmp_path / f"t{number}").seconds)
            for number, after in moments:
                target = tmp_path / f"target-{number}"
                ended = victim.run(*command, target, after=after, group=True)
                assert ended.killed or ended.code == 0, ended
                there = complete(target)
                row.add(ended, f"{there} of {len(expected)} series there")
                again = victim.done(*command, target)
                if not there:
                    moments.took(again.seconds)
                assert complete(target) == len(expected)
                victim.done("verify", target)
                assert [path for path in (target / ".filmroom").iterdir() if path.suffix == ".partial"] == []


@contextlib.contextmanager
def first_schema(pair: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Give the address of a catalogue of the first schema with a few rows in it."""
    dump = (Path(__file__).parents[1] / "catalog" / "archives" / "0001.sql").read_text()
    folder.mkdir()
    import sqlite3

    database = sqlite3.connect(folder / "catalog.sqlite")
    database.executescript(dump)
    database.close()
    url = f"sqlite:///{folder / 'catalog.sqlite'}"
    if pair == "embedded":
        yield url
        return
    from alembic import command

    from filmroom.catalog import upgrade
    from filmroom.catalog.database import Database

    with request.getfixturevalue("postgres").database(empty=True) as target:
        made = Database(target)
        with made.writing() as connection:
            command.upgrade(upgrade._config(connection), "0001")
        _copy_rows(url, made)
        made.close()
        yield target


def _copy_rows(url: str, target: Any) -> None:
    source = sa.create_engine(url)
    tables = sa.MetaData()
    with source.connect() as old, target.writing() as new:
        tables.reflect(new)
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            new.execute(sa.delete(table))
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            rows = [dict(row) for row in old.execute(sa.select(table)).mappings()]
            if rows:
                new.execute(sa.insert(table), rows)
    source.dispose()


def test_upgrade(
    victim: Any,
    pair: str,
    tally: Callable[[str], Any],
    t: Any,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    from filmroom.catalog import upgrade
    from filmroom.catalog.database import Database

    row = tally("migration")

    def state(url: str) -> tuple[str | None, dict[str, int]]:
        database = Database(url)
        with contextlib.closing(database):
            revision = upgrade.present_revision(database)
            with database.reading() as connection:
                tables = {
                    name: connection.scalar(sa.text(f"SELECT count(*) FROM {name}"))
                    for name in ("series", "instance", "patient", "facet", "stored_object", "quarantine")
                }
        return revision, tables

    newest = upgrade.newest_revision()
    with first_schema(pair, request, tmp_path / "first") as url:
        assert state(url)[0] == "0001"
        before = state(url)[1]
        moments = Instants(t.instants(5), 3)
        moments.took(victim.done("upgrade", "--database-url", url).seconds)
        assert state(url) == (newest, before)
    for number, after in moments:
        with first_schema(pair, request, tmp_path / f"first-{number}") as url:
            ended = victim.run("upgrade", "--database-url", url, after=after)
            assert ended.killed or ended.code == 0, ended
            revision, tables = state(url)
            assert tables == before
            assert revision in {"0001", newest}
            row.add(ended, f"schema {revision}")
            again = victim.done("upgrade", "--database-url", url)
            if revision != newest:
                moments.took(again.seconds)
            assert state(url) == (newest, before)
            with Catalog.open(url) as catalog:
                inspection = catalog.inspection()
                assert list(inspection.wrong_totals()) == []
                assert list(inspection.wrong_facets()) == []


def test_repair(victim: Any, new_archive: Any, tally: Callable[[str], Any], t: Any, tmp_path: Path) -> None:
    row = tally("fsck --repair --heal")
    source = tmp_path / "source"
    for number in range(3):
        t.write_series(source / f"s{number}", f"R{number}", 10, 20_000)
    with new_archive() as archive:
        for folder in sorted(source.iterdir()):
            victim.done("ingest", "--collection", "C", *archive.options, folder)
        expected = sorted(
            (content.series_instance_uid, *(item.md5 for item in content.instances))
            for content in archive.visible()
        )
        command = ("fsck", "--repair", "--grace", 0, "--heal", source, *archive.options)
        damage(archive, 0)
        moments = Instants(t.instants(6), 4)
        moments.took(victim.done(*command).seconds)
        for number, after in moments:
            damage(archive, number + 1)
            ended = victim.run(*command, after=after)
            assert ended.killed or ended.code == 0, ended
            left = {finding.kind for finding in archive.fsck()}
            row.add(ended, f"{len(left)} kinds left" if left else "all mended")
            victim.done(*command)
            assert archive.fsck() == []
            found = sorted(
                (content.series_instance_uid, *(item.md5 for item in content.instances))
                for content in archive.visible()
            )
            assert found == expected


def damage(archive: Any, number: int) -> None:
    """Spoil an archive in every way that can be mended."""
    from filmroom.store import open_store

    store = open_store(archive.address.store_url)
    with Catalog.open(archive.address.database_url) as catalog:
        lost = next(group for group in catalog.inspection().objects())[0].instance.location.key
        store.delete(lost)
        for stray in range(5):
            store.write(f"ab/orphan-{number}-{stray}.pack", [b"x" * 1000])
        store.write(f"ab/unused-{number}.pack", [b"x"])
        with catalog._database.writing() as connection:
            connection.execute(
                sa.text("INSERT INTO stored_object (object_key, in_place, size) VALUES (:key, :no, 1)"),
                {"key": f"ab/unused-{number}.pack", "no": False},
            )
            connection.execute(sa.text("UPDATE series SET image_count = image_count + 3, file_size = 1"))
            connection.execute(sa.text("UPDATE facet SET series = series + 1"))
