"""An archive with published datasets: a collection, others' analysis, a closed one; and what is hidden."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.settings import ArchiveAddress
from filmroom.testing.datasets import publish_datasets
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom
from filmroom.testing.slides import write_svs


@dataclass
class Reply:
    """One answer."""

    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A server and its archive; ``token`` is of somebody who may read the closed collection."""

    url: str
    address: ArchiveAddress
    token: str = ""

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())

    def rows(self, version: str, resource: str, query: str = "") -> list[dict[str, Any]]:
        """Return the entries of one page."""
        reply = self.get(f"/api/{version}/{resource}?per_page=100&{query}")
        assert reply.status == 200, reply.body
        found = reply.json()
        return list(found if version == "v1" else found["results"])

    def one(self, resource: str, doi: str) -> dict[str, Any]:
        """Return the entry of a dataset, long texts included."""
        rows = self.rows("v2", resource, "v=1")
        return next(row for row in rows if doi in (row.get("collection_doi"), row.get("result_doi")))


def filled(address: ArchiveAddress, folder: Path) -> str:
    """Fill an archive; return the token of ``ann``, who was granted the closed collection."""
    folder.mkdir()
    paths = write_phantom(folder / "phantom")
    closed = [path for path in paths if path.name.startswith("mr-")]
    for path in closed:  # one study is never in two collections
        dataset = dcmread(path)
        dataset.PatientID, dataset.StudyInstanceUID = "CLOSED-001", f"{dataset.StudyInstanceUID}.1"
        dataset.save_as(path)
    opened = [path for path in paths if path not in closed]
    (folder / "slides").mkdir()
    write_svs(folder / "slides" / "a.svs")
    for name, files, access in (
        ("Open", [*opened, folder / "slides"], "public"),
        ("Closed", closed, "restricted"),
    ):
        ingest_paths(address, files, IngestOptions(Rules(collection=name, access=access), 1))
    with Catalog.open(address.database_url) as catalog:
        publish_datasets(catalog)
        catalog.accounts().add("ann", "correct horse battery")
        catalog.grants().add(Grant("Closed", None, Role.READ.value, user="ann"))
        return catalog.tokens().log_in("ann", "correct horse battery", TokenLifetimes()).access


@pytest.fixture(scope="module")
def served(module_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server; not to be changed."""
    token = filled(module_address, tmp_path_factory.mktemp("datasets") / "files")
    with running_server(module_address) as url:
        yield Served(url, module_address, token)


@pytest.fixture
def changing(archive_address: ArchiveAddress, tmp_path: Path) -> Iterator[Served]:
    """A server of the test's own, to be changed."""
    token = filled(archive_address, tmp_path / "files")
    with running_server(archive_address) as url:
        yield Served(url, archive_address, token)
