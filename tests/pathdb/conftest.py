"""Archives of slides, served on either pair of catalogue and store."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.settings import ArchiveAddress
from filmroom.testing.archives import PAIRS, shared_archive
from filmroom.testing.dicom_slides import slide_uid, write_dicom_slide
from filmroom.testing.live import running_server
from filmroom.testing.slides import write_ome, write_pyramid, write_svs

SVS = "TCGA-AB-1234-01Z-00-DX1.svs"
PLAIN = "plain & simple.tif"
OME = "more.ome.tiff"
SECRET = "secret.svs"


@dataclass
class Reply:
    """One answer."""

    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Slides:
    """A server with three public slides and, in the collection ``Shut``, one that ``ann`` was granted.

    Each collection also has a series of DICOM images: ``series`` and ``secret_series``.
    """

    url: str
    address: ArchiveAddress
    folder: Path
    token: str
    svs: str = SVS
    plain: str = PLAIN
    ome: str = OME
    secret: str = SECRET
    series: str = slide_uid("series", 0)
    secret_series: str = slide_uid("series", 3)

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())

    def as_ann(self, path: str) -> Reply:
        return self.get(path, Authorization=f"Bearer {self.token}")

    def images(self, collection_id: int = 1) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/pathdb/listofimages/{collection_id}?_format=json").json()
        return found

    def number(self, name: str) -> int:
        with Catalog.open(self.address.database_url) as catalog:
            records = catalog.slide_administration().records()
            return next(int(record["id"]) for record in records if record["name"] == name)


def filled(address: ArchiveAddress, folder: Path) -> str:
    """Fill an archive with slides; return the token of ``ann``."""
    for name in ("open", "shut"):
        (folder / name).mkdir(parents=True)
    write_svs(folder / "open" / SVS)
    write_pyramid(folder / "open" / PLAIN)
    write_ome(folder / "open" / OME)
    write_svs(folder / "shut" / SECRET, seed=3)
    write_dicom_slide(folder / "open" / "dicom")
    write_dicom_slide(folder / "shut" / "dicom", seed=3)
    for name, access in (("open", "public"), ("shut", "restricted")):
        rules = Rules(collection=name.title(), access=access)
        ingest_paths(address, [folder / name], IngestOptions(rules, processes=1))
    with Catalog.open(address.database_url) as catalog:
        catalog.accounts().add("ann", "correct horse battery")
        catalog.grants().add(Grant("Shut", None, Role.READ.value, user="ann"))
        return catalog.tokens().log_in("ann", "correct horse battery", TokenLifetimes()).access


@pytest.fixture(scope="session", params=PAIRS)
def session_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    """The address of an archive that the tests of this folder share and do not change, on either pair."""
    yield from shared_archive(request, tmp_path_factory)


@pytest.fixture(scope="session")
def slides(session_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slides]:
    """The server; not to be changed."""
    folder = tmp_path_factory.mktemp("slides")
    token = filled(session_address, folder)
    with running_server(session_address) as url:
        yield Slides(url, session_address, folder, token)


@pytest.fixture
def new_slides(archive_address: ArchiveAddress, tmp_path: Path) -> Iterator[Slides]:
    """A server of the test's own, to be changed."""
    token = filled(archive_address, tmp_path / "slides")
    with running_server(archive_address) as url:
        yield Slides(url, archive_address, tmp_path / "slides", token)
