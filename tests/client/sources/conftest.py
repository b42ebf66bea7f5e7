"""Every source with the same series in it, each behind a relay that spoils answers when told to."""

from __future__ import annotations

import io
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from filmroom import Client
from filmroom.client.sources.base import RemoteSeries
from filmroom.net.retry import RetryPolicy
from filmroom.testing.faults import FaultyRelay, Schedule
from filmroom.testing.gen3 import DataCommons, running_app, running_gen3
from filmroom.testing.services import PUBLIC_BUCKET, S3Server
from filmroom.testing.slices import dicom_file

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)
NOBODY = "http://127.0.0.1:9"
"""The client's server: no source but it may be asked."""


@dataclass
class Planned(Schedule):
    """Spoils exactly the requests that are planned, in their order; None: as it is."""

    seed: int = 0
    rate: float = 0.0
    plan: list = field(default_factory=list)  # type: ignore[type-arg]

    def next(self):  # type: ignore[no-untyped-def]
        self.requests += 1
        return self.plan.pop(0) if self.plan else None


@dataclass(frozen=True)
class Indexed:
    """A series of the index that the local bucket holds."""

    uid: str
    address: str


@pytest.fixture
def indexed(public_bucket: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Indexed:
    monkeypatch.setenv("FILMROOM_BUCKET_URL", s3.endpoint)
    return Indexed(IN_INDEX, f"s3://{public_bucket}/{IN_INDEX_FOLDER}/*")


@dataclass
class Place:
    """A source that has a series.

    ``files`` by the names they get; ``asked_before``: requests of each run before the first for a file.
    """

    name: str
    series: RemoteSeries
    files: dict[str, bytes]
    relay: FaultyRelay
    asked_before: int
    client: Callable[[], Client]
    proves: bool = True  # tells checksums

    def spoil(self, *faults: str | None) -> None:
        """Spoil the next requests for files; those for lists are let pass."""
        self.relay.schedule = Planned(plan=[*[None] * self.asked_before, *faults])


UID = "1.2.826.0.1.3680043.10.999.77"


def made(count: int = 3) -> dict[str, bytes]:
    return {
        f"{uuid.UUID(int=number)}.dcm": dicom_file(UID, number, 320_000) for number in range(1, count + 1)
    }


@pytest.fixture(scope="session")
def public_bucket(s3: S3Server) -> Iterator[str]:
    """A bucket that everybody may read, with one series laid out as IDC does it."""
    from obstore import put
    from obstore.store import S3Store

    with s3.bucket(PUBLIC_BUCKET) as name:
        store = S3Store(
            name,
            endpoint=s3.endpoint,
            access_key_id=s3.environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=s3.environment["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )
        for key, data in made().items():
            put(store, f"{_FOLDER}/{key}", data)
        for number in (1, 2, 3):
            put(store, f"{IN_INDEX_FOLDER}/{uuid.UUID(int=number)}.dcm", dicom_file(IN_INDEX, number, 8192))
        put(store, f"{_FOLDER}-and-more/other.dcm", b"of another series")
        yield name


# A series that the index of Imaging Data Commons names, with its number of images.
IN_INDEX = "1.2.840.113654.2.55.100116344279827256641884368104594674443"
IN_INDEX_FOLDER = "d74bb93f-2743-42a5-88e7-b130a77da449"
_FOLDER = "0a1b2c3d-0000-4000-8000-000000000001"


@pytest.fixture
def idc(public_bucket: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with FaultyRelay(s3.endpoint) as relay:
        monkeypatch.setenv("FILMROOM_BUCKET_URL", relay.url)
        series = RemoteSeries((f"s3://{public_bucket}/{_FOLDER}/*",), UID)
        yield Place("idc", series, made(), relay, 2, lambda: Client(NOBODY, timeout=2, retry=QUICK))


@pytest.fixture(scope="session")
def web_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("web")
    for name, data in made().items():
        (folder / name).write_bytes(data)
    with running_app(Starlette(routes=[Mount("/images", StaticFiles(directory=folder))])) as url:
        yield url, folder


@pytest.fixture
def web(web_folder: tuple[str, Path]) -> Iterator[Place]:
    url, _ = web_folder
    with FaultyRelay(url) as relay:
        addresses = tuple(f"{relay.url}/images/{name}" for name in made())
        yield Place(
            "web",
            RemoteSeries(addresses, UID),
            made(),
            relay,
            6,
            lambda: Client(NOBODY, timeout=2, retry=QUICK),
            proves=False,
        )


@pytest.fixture
def gen3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataCommons]:
    with running_gen3(tmp_path_factory.mktemp("commons")) as commons:
        yield commons


@pytest.fixture
def drs(gen3: DataCommons, tmp_path: Path) -> Iterator[Place]:
    """Single files behind Gen3."""
    with FaultyRelay(gen3.url) as relay:
        gen3.storage = relay.url
        key = gen3.key_file(tmp_path / "credentials.json")
        addresses = tuple(
            gen3.add(f"dg.TEST/{number}", name, data) for number, (name, data) in enumerate(made().items())
        )
        yield Place(
            "drs",
            RemoteSeries(addresses, UID),
            made(),
            relay,
            0,
            lambda: Client(NOBODY, timeout=2, retry=QUICK, gen3_key=key),
        )


@pytest.fixture
def drs_zip(gen3: DataCommons, tmp_path: Path) -> Iterator[Place]:
    """A series as one archive behind Gen3, with a folder in it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("series")
        archive.writestr("series/LICENSE", "Data under CC BY 4.0.")
        archive.writestr("series/md5hashes.csv", "Filename,MD5Hash\n")
        for name, data in made().items():
            archive.writestr(f"series/{name}", data)
    with FaultyRelay(gen3.url) as relay:
        gen3.storage = relay.url
        key = gen3.key_file(tmp_path / "credentials.json")
        address = gen3.add("dg.TEST/whole", "series.zip", sink.getvalue())
        yield Place(
            "drs_zip",
            RemoteSeries((address,), UID),
            made(),
            relay,
            0,
            lambda: Client(NOBODY, timeout=2, retry=QUICK, gen3_key=key),
        )


@pytest.fixture(params=["idc", "web", "drs", "drs_zip"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found
