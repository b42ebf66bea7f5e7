"""A server with the phantom study and a restricted collection, and the drop-in modules turned to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread

from filmroom import nbia
from filmroom.catalog import Catalog
from filmroom.dropin.session import session
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role, Scope, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Licence
from filmroom.model.lists import NewList
from filmroom.settings import ArchiveAddress
from filmroom.testing.archives import PAIRS, shared_archive
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom

CC_BY = Licence("Creative Commons Attribution 4.0", "CC BY 4.0", "https://Example.org/BY/4.0/")
LOGIN, PASSWORD = "reader", "password of reader"


@pytest.fixture(autouse=True)
def no_doi_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports look DOIs up: nobody is asked unless a test names a server."""
    monkeypatch.setenv("FILMROOM_DOI_SERVER", "http://127.0.0.1:9")


@dataclass(frozen=True)
class Demo:
    """A server and what it has: CT and segmentation in a public collection, MR in a restricted one."""

    url: str
    ct: str
    seg: str
    mr: str
    study: str
    files: dict[str, list[bytes]]

    @property
    def public(self) -> list[str]:
        return [self.ct, self.seg]


def _by_series(paths: list[Path]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for path in paths:
        found.setdefault(str(dcmread(path).SeriesInstanceUID), []).append(path.read_bytes())
    return found


@pytest.fixture(scope="session", params=PAIRS)
def session_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    """The address of an archive that the tests of this folder share and do not change, on either pair."""
    yield from shared_archive(request, tmp_path_factory)


@pytest.fixture(scope="session")
def demo(session_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    paths = write_phantom(tmp_path_factory.mktemp("phantom"))
    closed = [path for path in paths if path.name.startswith("mr-")]
    for path in closed:  # a study of its own: one study is never in two collections
        dataset = dcmread(path)
        dataset.PatientID, dataset.StudyInstanceUID = "CLOSED-001", f"{dataset.StudyInstanceUID}.1"
        dataset.save_as(path)
    doi = "https://doi.org/10.7937/Phantom"
    for collection, part, access in (
        ("Open", [path for path in paths if path not in closed], None),
        ("Closed", closed, "restricted"),
    ):
        rules = Rules(collection=collection, licence=CC_BY, description_uri=doi, access=access)
        ingest_paths(session_address, part, IngestOptions(rules, 1))
    catalog = Catalog.open(session_address.database_url)
    catalog.accounts().add(LOGIN, PASSWORD)
    catalog.grants().add(Grant("Closed", "Closed", Role.READ.value, user=LOGIN))
    first = {name: dcmread(next(p for p in paths if p.name.startswith(name))) for name in ("ct", "mr", "seg")}
    uid = {name: str(each.SeriesInstanceUID) for name, each in first.items()}
    token = catalog.tokens().log_in(LOGIN, PASSWORD, TokenLifetimes()).access
    owner = VisibleSet(catalog.tokens().viewer(token), Scope.CURATE)
    catalog.lists().create(NewList("my cart", (uid["ct"],)), owner)
    catalog.close()
    with running_server(session_address, date_alias=False) as url:
        study = str(first["ct"].StudyInstanceUID)
        yield Demo(url, uid["ct"], uid["seg"], uid["mr"], study, _by_series(paths))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Work in a folder of the test's own; nothing of a test is left in the session."""
    monkeypatch.chdir(tmp_path)
    logging.getLogger("filmroom.nbia").setLevel(logging.INFO)
    yield tmp_path
    session.forget()
    for name in ("api_call_headers", "access_token", "token_exp_time", "refresh_token", "id_token"):
        setattr(nbia, name, None)


@pytest.fixture
def turned(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """The server, with the modules turned to it."""
    monkeypatch.setenv("FILMROOM_SERVER", demo.url)
    return demo
