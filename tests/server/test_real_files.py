"""The whole way on real files: a folder of DICOM in, every byte out again over HTTP."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.wire import views
from filmroom.wire.formats import decode


def digests(folder: Path) -> set[str]:
    return {hashlib.md5(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def served_digests(url: str, fetch: Any, version: str) -> tuple[set[str], list[dict[str, Any]]]:
    """Fetch every series that is listed; return the MD5 of all its files, and the series."""
    found: set[str] = set()
    listed = decode(views.SERIES_V4, fetch(url, f"/nbia-api/{version}/getSeries").body)
    for row in listed:
        uid = row["series_instance_uid"]
        answer = fetch(url, f"/nbia-api/{version}/getImageWithMD5Hash?SeriesInstanceUID={uid}")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as opened:
            lines = opened.read("md5hashes.csv").decode().splitlines()[1:]
            stated = dict(line.split(",") for line in lines)
            images = [name for name in opened.namelist() if name.endswith(".dcm")]
            real = {name: hashlib.md5(opened.read(name)).hexdigest() for name in images}
        assert real == stated
        assert len(images) == row["image_count"]
        size = json.loads(fetch(url, f"/nbia-api/{version}/getSeriesSize?SeriesInstanceUID={uid}").body)
        assert size[0]["ObjectCount"] == row["image_count"]
        found |= set(real.values())
    return found, listed


def test_files_of_pydicom(archive_address: ArchiveAddress, fetch: Any) -> None:
    names = ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "JPEG2000.dcm"]
    paths = [Path(str(get_testdata_file(name))) for name in names]
    report = ingest_paths(archive_address, paths, IngestOptions(Rules(collection="Samples"), processes=1))
    with running_server(archive_address) as url:
        found, listed = served_digests(url, fetch, "v4")
    assert found == {hashlib.md5(path.read_bytes()).hexdigest() for path in paths}, report
    assert {row["collection"] for row in listed} == {"Samples"}


@pytest.mark.shared
def test_an_archive_of_many_collections(
    archive_address: ArchiveAddress, shared_dicom: Path, fetch: Any
) -> None:
    folder = shared_dicom / "archive"
    ingest_paths(archive_address, [folder], IngestOptions(Rules(collection_from="folder"), processes=1))
    with running_server(archive_address) as url:
        found, listed = served_digests(url, fetch, "v1")
        collections = json.loads(fetch(url, "/nbia-api/v4/getCollectionValues").body)
        for name in ("getPatient", "getPatientStudy", "getSeries"):
            for fmt in ("json", "csv", "xml", "html"):
                for version in ("v1", "v4"):
                    assert fetch(url, f"/nbia-api/{version}/{name}?format={fmt}").status == 200
    assert len(listed) == 100
    assert len(collections) == 22
    assert len(found) == 445
    assert found <= digests(folder)
