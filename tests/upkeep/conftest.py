"""A small archive on each pair of engine and store, and hands to damage it with."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.inspection import HeldInstance, Inspection
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress
from filmroom.store import Store, open_store
from filmroom.testing.commands import archive_options, run_filmroom
from filmroom.testing.phantom import write_phantom
from filmroom.upkeep import Finding, FsckOptions, FsckReport, check_archive


class Archive:
    """An archive under test."""

    def __init__(self, address: ArchiveAddress) -> None:
        self.address = address

    @property
    def options(self) -> tuple[str, ...]:
        return archive_options(self.address)

    def ingest(self, *paths: Path, **rules: Any) -> None:
        given = Rules(**(rules or {"collection": "COLL"}))
        ingest_paths(self.address, paths, IngestOptions(given, 1))

    def fsck(self, **options: Any) -> tuple[FsckReport, list[Finding]]:
        found: list[Finding] = []
        report = check_archive(self.address, FsckOptions(**{"grace": 0.0, **options}), found.append)
        assert sum(report.found.values()) == len(found)
        assert sum(report.left.values()) == sum(finding.state == "left" for finding in found)
        return report, found

    def agrees(self) -> None:
        report, found = self.fsck()
        assert found == []
        assert report.instances == self.counts()["instances"]

    def counts(self) -> dict[str, int]:
        with Catalog.open(self.address.database_url) as catalog:
            return catalog.counts()

    @contextlib.contextmanager
    def inspection(self) -> Iterator[Inspection]:
        with Catalog.open(self.address.database_url) as catalog:
            yield catalog.inspection()

    def held(self) -> list[HeldInstance]:
        with self.inspection() as inspection:
            return [held for group in inspection.objects() for held in group]

    @property
    def store(self) -> Store:
        return open_store(self.address.store_url)

    def sql(self, statement: str, **values: Any) -> None:
        with Catalog.open(self.address.database_url) as catalog, catalog._database.writing() as connection:
            connection.execute(sa.text(statement), values)

    def rewrite(self, key: str, content: bytes) -> None:
        """Put other bytes under a key, as a broken disk or a hand in the store would."""
        self.store.delete(key)
        self.store.write(key, [content])

    def content(self, key: str) -> bytes:
        return b"".join(self.store.read(key))


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder)
    return folder


@pytest.fixture
def source(tmp_path: Path, phantom: Path) -> Path:
    """A folder with three series of DICOM files."""
    return Path(shutil.copytree(phantom, tmp_path / "source"))


@pytest.fixture
def archive(archive_address: ArchiveAddress, source: Path) -> Archive:
    """An archive that holds the files of ``source``."""
    made = Archive(archive_address)
    made.ingest(source)
    return made


@pytest.fixture
def embedded(tmp_path: Path) -> Archive:
    """An empty embedded archive, for what has to do with files in place and temporary files."""
    return Archive(ArchiveAddress.resolve(tmp_path / "embedded"))


@pytest.fixture
def run() -> Any:
    return run_filmroom


@pytest.fixture
def read_json() -> Any:
    return lambda path: json.loads(Path(path).read_text())
