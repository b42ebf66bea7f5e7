"""DICOM files made for the tests, and empty archives to put them into."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from filmroom.catalog import Catalog
from filmroom.dicom.digest import Digests, digest
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, Progress, ingest_paths
from filmroom.ingest.report import IngestReport
from filmroom.model.entities import Location, SeriesContent, StoredInstance
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.testing.commands import archive_options, run_filmroom


def uid(*parts: object) -> str:
    """Return a UID that is always the same for the same parts."""
    return str(generate_uid(entropy_srcs=["/".join(map(str, parts))]))


def dataset(name: str = "A", number: int = 1, side: int = 16, **values: object) -> Dataset:
    """Return a small CT slice; ``name`` makes patient, study and series."""
    made = Dataset()
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = uid("instance", name, number)
    made.StudyInstanceUID = uid("study", name)
    made.SeriesInstanceUID = uid("series", name)
    made.PatientID = f"PAT-{name}"
    made.PatientName = f"Patient^{name}"
    made.Modality = "CT"
    made.StudyDate = "20200102"
    made.InstanceNumber = number
    made.Rows = made.Columns = side
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit = 15
    made.PixelRepresentation = 0
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelData = bytes([number % 251]) * (side * side * 2)
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def write(path: Path, made: Dataset) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    dcmwrite(path, made, enforce_file_format=True)
    return path


def write_series(folder: Path, name: str = "A", slices: int = 3, side: int = 16) -> list[Path]:
    """Write the slices of one series."""
    return [
        write(folder / f"{number:04d}.dcm", dataset(name, number, side)) for number in range(1, slices + 1)
    ]


class Archive:
    """An archive, with what the tests ask of it."""

    def __init__(self, address: ArchiveAddress) -> None:
        self.address = address

    @property
    def options(self) -> tuple[str, ...]:
        return archive_options(self.address)

    def chosen(self, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
        """Make every command work on this archive: by the options returned, or by the environment."""
        if self.address.database_url.startswith("sqlite"):
            return ("--data", str(self.address.data))
        monkeypatch.setenv("FILMROOM_DATA", str(self.address.data))
        monkeypatch.setenv("FILMROOM_DATABASE_URL", self.address.database_url)
        monkeypatch.setenv("FILMROOM_STORE_URL", self.address.store_url)
        return ()

    def ingest(
        self,
        *paths: Path,
        processes: int = 1,
        report: Path | None = None,
        progress: Callable[[Progress], None] | None = None,
        **rules: object,
    ) -> IngestReport:
        given = rules or {"collection": "COLL"}
        options = IngestOptions(Rules(**given), processes, report)  # type: ignore[arg-type]
        return ingest_paths(self.address, paths, options, progress)

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.address.database_url)

    def catalog_made(self) -> Catalog:
        """Make the catalogue, for who joins before anything is ingested."""
        return Catalog.create(self.address.database_url)

    def counts(self) -> dict[str, int]:
        with self.catalog as catalog:
            return catalog.counts()

    def contents(self) -> list[SeriesContent]:
        """Return every series, whatever its access, checked: totals are right, all bytes there and whole."""
        store = open_store(self.address.store_url)
        found = []
        with self.catalog as catalog, catalog._database.reading() as database:
            series = database.execute(
                sa.text(
                    "SELECT series.id, series_instance_uid, collection.name, site.name, licence_name,"
                    " licence_url, image_count, file_size FROM series JOIN site ON site.id = site_id"
                    " JOIN collection ON collection.id = collection_id ORDER BY 2"
                )
            ).fetchall()
            for key, series_uid, *head, count, size in series:
                rows = database.execute(
                    sa.text(
                        "SELECT sop_instance_uid, instance.size, md5, sha256, crc32, object_key,"
                        " object_offset, stored_length, stored_object.size, modified_ns, in_place"
                        " FROM instance JOIN stored_object ON stored_object.id = object_id"
                        " WHERE series_key = :series"
                    ),
                    {"series": key},
                )
                items = tuple(
                    StoredInstance(*row[:5], Location(*row[5:10], in_place=bool(row[10]))) for row in rows
                )
                assert (len(items), sum(item.size for item in items)) == (count, size)
                found.append(SeriesContent(series_uid, *head, items))
        for content in found:
            for item in content.instances:
                where = item.location
                if where.in_place:
                    chunks = iter([Path(where.key).read_bytes()])
                else:
                    chunks = store.read(where.key, where.offset, where.length)
                assert digest(chunks) == Digests(item.size, item.md5, item.sha256, item.crc32)
        return found

    def objects(self) -> set[str]:
        """Return every object of the store."""
        return set(open_store(self.address.store_url).keys())

    def referenced(self) -> set[str]:
        """Return the objects that instances or quarantined items refer to."""
        keys = {i.location.key for c in self.contents() for i in c.instances if not i.location.in_place}
        with self.catalog as catalog:
            keys |= {item.location.key for item in catalog.quarantine() if item.location is not None}
        return keys

    def quarantine(self) -> list[tuple[str, str]]:
        with self.catalog as catalog:
            return [(Path(item.source).name, item.reason) for item in catalog.quarantine()]


def run_process(*arguments: object, check: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def archive(archive_address: ArchiveAddress) -> Archive:
    return Archive(archive_address)


@pytest.fixture
def another_archive(
    pair: str, make_address: Callable[[str, Path], ArchiveAddress], tmp_path: Path
) -> Callable[[str], Archive]:
    """Return ``make(name)``: one more archive, of the same kind."""
    return lambda name: Archive(make_address(pair, tmp_path / name))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def h() -> SimpleNamespace:
    """The functions above, for tests that cannot import a conftest."""
    return SimpleNamespace(
        uid=uid,
        dataset=dataset,
        write=write,
        write_series=write_series,
        run=run_filmroom,
        run_process=run_process,
        Archive=Archive,
    )
