"""Archives to be tortured, the means, and the table of what came of it.

FILMROOM_TORTURE=200 is the number of instants of each kill test (few without it); FILMROOM_TORTURE_TABLE
names a file that the rows of the table are appended to.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from filmroom.catalog import Catalog
from filmroom.dicom.digest import Digests, digest
from filmroom.errors import CatalogError
from filmroom.model.access import PUBLIC, Scope, VisibleSet
from filmroom.model.entities import SeriesContent
from filmroom.model.queries import FindSeries
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.store.content import ContentReader
from filmroom.testing.commands import archive_options
from filmroom.testing.live import running_server
from filmroom.testing.services import institute_address
from filmroom.upkeep import Finding, FsckOptions, check_archive

EVERYONE = VisibleSet(PUBLIC, Scope.SEARCH)


def instants(usual: int) -> int:
    """Return how many instants to try."""
    return int(os.environ.get("FILMROOM_TORTURE") or usual)


def write_series(folder: Path, name: str, slices: int, pixels: int) -> None:
    """Write CT slices of about ``pixels`` bytes each; the same files for the same arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    side = max(1, int((pixels / 2) ** 0.5))
    for number in range(1, slices + 1):
        made = Dataset()
        made.SOPClassUID = CTImageStorage
        made.SOPInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
        made.StudyInstanceUID = generate_uid(entropy_srcs=["study", name])
        made.SeriesInstanceUID = generate_uid(entropy_srcs=["series", name])
        made.PatientID = f"PAT-{name}"
        made.Modality = "CT"
        made.StudyDate = "20200102"
        made.InstanceNumber = number
        made.Rows = made.Columns = side
        made.BitsAllocated = made.BitsStored = 16
        made.HighBit, made.PixelRepresentation, made.SamplesPerPixel = 15, 0, 1
        made.PhotometricInterpretation = "MONOCHROME2"
        made.PixelData = random.Random(f"{name}{number}").randbytes(side * side * 2)
        made["PixelData"].VR = "OW"
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        dcmwrite(folder / f"{number:04d}.dcm", made, enforce_file_format=True)


class Victim:
    """The program in ``victim.py``, running."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "victim.txt"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("victim.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def run(self, *arguments: object, after: float | None = None, **more: Any) -> SimpleNamespace:
        """Run a command; kill it ``after`` seconds. Returns code, killed, seconds, output."""
        job = {
            "arguments": [str(argument) for argument in arguments],
            "after": after,
            "output": str(self._output),
            "environment": {k: v for k, v in os.environ.items() if k.startswith(("AWS_", "FILMROOM_"))},
            **more,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        output = self._output.read_text(errors="replace")
        assert "Traceback" not in output, output
        return SimpleNamespace(**answer, output=output)

    def done(self, *arguments: object, code: int = 0, **more: Any) -> SimpleNamespace:
        """Run a command to its end."""
        ended = self.run(*arguments, **more)
        assert ended.code == code, (arguments, ended)
        return ended

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@dataclass
class Tally:
    """One row of the table."""

    operation: str
    pair: str
    instants: int = 0
    killed: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, ended: SimpleNamespace, state: str) -> None:
        self.instants += 1
        self.killed += ended.killed
        self.seen[state] += 1

    def __str__(self) -> str:
        seen = ", ".join(f"{count} {state}" for state, count in self.seen.most_common())
        return f"| {self.operation} | {self.pair} | {self.instants} | {self.killed} | {seen} |"


class Archive:
    """An archive, and what must hold for it at every moment."""

    def __init__(self, address: ArchiveAddress) -> None:
        self.address = address

    @property
    def options(self) -> tuple[str, ...]:
        return archive_options(self.address)

    def visible(self) -> list[SeriesContent] | None:
        """Return every series that a stranger can find, each whole; None when there is no archive yet."""
        try:
            catalog = Catalog.open(self.address.database_url)
        except CatalogError as error:
            assert "There is no archive" in str(error), error
            return None
        with catalog:
            rows = [row for page in catalog.rows(FindSeries(), EVERYONE) for row in page]
            found = [catalog.series_content(row["series_instance_uid"], EVERYONE) for row in rows]
        reader = ContentReader(open_store(self.address.store_url))
        for row, content in zip(rows, found, strict=True):
            items = content.instances
            assert (len(items), sum(i.size for i in items)) == (row["image_count"], row["file_size"])
            for item in items:
                assert digest(reader.decoded(item)) == Digests(item.size, item.md5, item.sha256, item.crc32)
        return found

    def served(self) -> list[SeriesContent] | None:
        """Like :meth:`visible`, and one of them is downloaded from a server."""
        found = self.visible()
        if found:
            with running_server(self.address) as url:
                check_download(url, random.choice(found))
        return found

    def counts(self) -> dict[str, int]:
        with Catalog.open(self.address.database_url) as catalog:
            return catalog.counts()

    def fsck(self, **options: Any) -> list[Finding]:
        found: list[Finding] = []
        check_archive(self.address, FsckOptions(**{"grace": 0.0, **options}), found.append)
        return found


def check_download(url: str, content: SeriesContent) -> None:
    """Download a series and compare every file with its digest."""
    path = f"/nbia-api/services/v4/getImage?SeriesInstanceUID={content.series_instance_uid}"
    with urllib.request.urlopen(url + path, timeout=60) as answer:
        body = answer.read()
        assert len(body) == int(answer.headers["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        got = [
            hashlib.md5(archive.read(name)).digest() for name in archive.namelist() if name.endswith(".dcm")
        ]
    assert sorted(got) == sorted(item.md5 for item in content.instances)


MakeArchive = Callable[[], contextlib.AbstractContextManager[Archive]]


@pytest.fixture(params=("embedded", "institute"))
def pair(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_archive(pair: str, request: pytest.FixtureRequest, tmp_path: Path) -> MakeArchive:
    """Return a maker of new archives, each of which is removed at the end of its ``with``."""
    numbers = iter(range(1_000_000))
    if pair == "institute":
        postgres, s3 = request.getfixturevalue("postgres"), request.getfixturevalue("s3")

    @contextlib.contextmanager
    def make() -> Iterator[Archive]:
        folder = tmp_path / f"archive-{next(numbers)}"
        if pair == "institute":
            with institute_address(folder, postgres, s3) as address:
                yield Archive(address)
        else:
            yield Archive(ArchiveAddress.resolve(folder))
        subprocess.run(["rm", "-rf", str(folder)], check=True)

    return make


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("needs Linux, which tells of the end of a process without polling")
    made = Victim(tmp_path)
    yield made
    made.close()


@pytest.fixture
def tally(pair: str) -> Iterator[Callable[..., Tally]]:
    """Return a maker of rows, which are printed and kept at the end of a test that passed."""
    made: list[Tally] = []

    def make(operation: str, on: str = pair) -> Tally:
        made.append(Tally(operation, on))
        return made[-1]

    yield make
    for row in made:
        print(row)
        table = os.environ.get("FILMROOM_TORTURE_TABLE")
        if table:
            with Path(table).open("a") as file:
                file.write(f"{row}\n")


@pytest.fixture
def archive_of() -> Callable[[ArchiveAddress], Archive]:
    """Return what makes an archive of an address."""
    return Archive


@pytest.fixture
def t() -> SimpleNamespace:
    """The functions above, for tests that cannot import a conftest."""
    return SimpleNamespace(instants=instants, write_series=write_series, check_download=check_download)
