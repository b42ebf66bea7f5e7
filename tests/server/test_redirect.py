"""One image straight from the bucket: only where it is a whole object there, and only when allowed."""

from __future__ import annotations

import io
import random
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from filmroom import Client
from filmroom.catalog import Catalog
from filmroom.client import repair, verify
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.testing.live import running_server

LARGE, SMALL = "1.2.840.77.1", "1.2.840.77.2"
IMAGE = "/nbia-api/services/v4/getSingleImage?SeriesInstanceUID={0}&SOPInstanceUID={0}.{1}"


def make_slice(series: str, number: int, size: int) -> bytes:
    """Return a CT slice of about ``size`` bytes."""
    made = Dataset()
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = f"{series}.{number}"
    made.SeriesInstanceUID = series
    made.StudyInstanceUID = "1.2.840.77"
    made.PatientID, made.Modality, made.InstanceNumber = "P", "CT", number
    made.Rows, made.Columns = 1000, size // 2000
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation, made.SamplesPerPixel = 15, 0, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelData = random.Random(f"{series}.{number}").randbytes(2000 * (size // 2000))
    made["PixelData"].VR = "OW"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = CTImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    sink = io.BytesIO()
    made.save_as(sink, enforce_file_format=True)
    return sink.getvalue()


@pytest.fixture
def filled(archive_address: ArchiveAddress, tmp_path: Path) -> dict[str, bytes]:
    """An archive with a series of two large images and one of two small ones; their bytes by UID."""
    files = {
        f"{series}.{number}": make_slice(series, number, size)
        for series, size in ((LARGE, 9 << 20), (SMALL, 10_000))
        for number in (1, 2)
    }
    for uid, data in files.items():
        (tmp_path / f"{uid}.dcm").write_bytes(data)
    paths = [tmp_path / f"{uid}.dcm" for uid in files]
    ingest_paths(archive_address, paths, IngestOptions(Rules(collection="C"), 1))
    return files


def downloads(address: ArchiveAddress, count: int) -> list[tuple[Any, ...]]:
    """Return the audit's rows, when there are so many."""
    with Catalog.open(address.database_url) as catalog:
        for _ in range(100):
            with catalog._database.reading() as connection:
                rows = connection.execute(sa.text("SELECT bytes, kind FROM download ORDER BY id")).fetchall()
            if len(rows) >= count:
                break
            time.sleep(0.1)
    return [tuple(row) for row in rows]


def test_images_in_a_bucket(
    archive_address: ArchiveAddress, pair: str, filled: dict[str, bytes], fetch: Any
) -> None:
    is_far = pair == "institute"
    with running_server(archive_address, s3_redirect=True) as url:
        path = IMAGE.format(LARGE, 2)
        content = filled[f"{LARGE}.2"]
        answer = fetch(url, path)
        if is_far:
            assert (answer.status, answer.body) == (307, b"")
            assert answer.headers["cache-control"] == "no-store"
            address = answer.headers["location"]
            assert int(parse_qs(urlsplit(address).query)["X-Amz-Expires"][0]) <= 300
            with urllib.request.urlopen(address, timeout=30) as response:
                assert response.read() == content
                assert response.headers["Content-Type"] == "application/dicom"
                assert response.headers["Content-Disposition"] == f"attachment; filename={LARGE}.2.dcm"
            head = fetch(url, path, "HEAD")
            request = urllib.request.Request(head.headers["location"], method="HEAD")
            with urllib.request.urlopen(request, timeout=30) as response:
                assert response.headers["Content-Length"] == str(len(content))
        else:
            assert (answer.status, answer.body) == (200, content)
        with urllib.request.urlopen(f"{url}{path}", timeout=30) as response:
            assert response.read() == content, "clients follow by themselves"
        request = urllib.request.Request(f"{url}{path}", headers={"Range": "bytes=1000-1999"})
        with urllib.request.urlopen(request, timeout=30) as response:
            assert (response.status, response.read()) == (206, content[1000:2000])
        # What is a part of a pack, and what is more than one image, comes through the server.
        assert fetch(url, IMAGE.format(SMALL, 1)).body == filled[f"{SMALL}.1"]
        assert fetch(url, f"/nbia-api/services/v1/getImage?SeriesInstanceUID={LARGE}").status == 200
        assert fetch(url, IMAGE.format(LARGE, 3)).status == 400
        rows = downloads(archive_address, 5)
    sizes = [size for size, _ in rows]
    assert sizes[:4] == [len(content), len(content), 1000, len(filled[f"{SMALL}.1"])]
    assert len(sizes) == 5


def test_a_lost_object_is_not_redirected_to(
    archive_address: ArchiveAddress, filled: dict[str, bytes], fetch: Any
) -> None:
    store = open_store(archive_address.store_url)
    for key in list(store.keys()):
        store.delete(key)
    with running_server(archive_address, s3_redirect=True) as url:
        assert fetch(url, IMAGE.format(LARGE, 1)).status == 500


def test_nothing_is_redirected_unless_allowed(
    archive_address: ArchiveAddress, filled: dict[str, bytes], fetch: Any
) -> None:
    with running_server(archive_address) as url:
        answer = fetch(url, IMAGE.format(LARGE, 1))
    assert (answer.status, answer.body) == (200, filled[f"{LARGE}.1"])


def test_our_client_repairs_by_it(
    archive_address: ArchiveAddress, filled: dict[str, bytes], tmp_path: Path
) -> None:
    with running_server(archive_address, s3_redirect=True) as url, Client(url) as client:
        client.download(client.series(collection="C"), tmp_path / "out").raise_for_failures()
        assert verify(tmp_path / "out").ok
        damaged = next(
            path for path in (tmp_path / "out").rglob("*.dcm") if path.read_bytes() == filled[f"{LARGE}.1"]
        )
        damaged.write_bytes(b"x")
        repair(tmp_path / "out", client)
        assert damaged.read_bytes() == filled[f"{LARGE}.1"]
