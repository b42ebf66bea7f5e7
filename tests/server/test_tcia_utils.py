"""tcia_utils as it comes from the package index, with our server for TCIA's.

It brings a hundred megabytes of others with it, so it is not installed for the tests alone: they run where it
is, or where TCIA_UTILS_PYTHON names an interpreter that has it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.doi_import import records_from_json
from filmroom.settings import ArchiveAddress
from filmroom.testing.doi_records import doi_records
from filmroom.testing.live import running_server

PYTHON = os.environ.get("TCIA_UTILS_PYTHON") or (sys.executable if find_spec("tcia_utils") else "")
if not PYTHON:
    pytest.skip("tcia_utils is not installed, nor does TCIA_UTILS_PYTHON name it", allow_module_level=True)

# Nothing of the package is changed but the host in the address that it asks.
_ELSEWHERE = """
import json, sys
from tcia_utils import nbia
url, theirs = sys.argv[1], nbia.setApiUrl
nbia.setApiUrl = lambda *a, **k: theirs(*a, **k).replace("https://nbia.cancerimagingarchive.net", url)
"""
_DOWNLOADS = (
    _ELSEWHERE
    + """
manifest = sys.argv[2]
series = nbia.getSeries(collection="Open-CT")
frame = nbia.downloadSeries(series, path="named", format="df")
nbia.downloadSeries(manifest, input_type="manifest", path="hashed", hash="y")
nbia.downloadSeries(["1.2.1"], input_type="list", path="zipped", as_zip=True)
nbia.downloadImage("1.2.1", "1.2.1.1", path="single")
print(json.dumps({
    "collections": nbia.getCollections(),
    "counts": nbia.getCollectionPatientCounts(),
    "patients": nbia.getPatient(collection="Open-CT"),
    "studies": nbia.getStudy(collection="Open-CT"),
    "series": series,
    "sizes": nbia.getSeriesSize("1.2.1"),
    "instances": nbia.getSopInstanceUids("1.2.1"),
    "metadata": nbia.getSeriesList(uids=["1.2.1", "1.2.2"]).to_dict("records"),
    "downloaded": list(frame["Series UID" if "Series UID" in frame else "SeriesInstanceUID"]),
    "searched": nbia.getSimpleSearch(collections=["Open-CT"]) is not None,
}, default=str))
"""
)


def test_tcia_utils(live: Any, tmp_path: Path, run_client: Any) -> None:
    manifest = tmp_path / "manifest.tcia"
    manifest.write_bytes(live.ask("v4/getManifestText", list="1.2.1,1.2.2").body)
    found = run_client(PYTHON, _DOWNLOADS, live.url, manifest, folder=tmp_path)
    assert [row["Collection"] for row in found["collections"]] == ["Open-CT", "open-bare"]
    assert [row["SeriesInstanceUID"] for row in found["series"]] == found["downloaded"] == ["1.2.1"]
    assert len(found["metadata"]) == 2
    assert len(found["instances"]) == 12
    assert found["searched"]
    files = {hashlib.md5(data).hexdigest() for data in live.full.files.values()}

    def of(folder: str) -> set[str]:
        paths = (tmp_path / folder / "1.2.1").glob("*.dcm")
        return {hashlib.md5(path.read_bytes()).hexdigest() for path in paths}

    assert of("named") == of("hashed") == files
    assert sorted(path.name for path in (tmp_path / "hashed").iterdir()) == ["1.2.1", "1.2.2"]
    with zipfile.ZipFile(io.BytesIO((tmp_path / "zipped" / "1.2.1.zip").read_bytes())) as archive:
        assert len(archive.namelist()) == 13
    assert len(list((tmp_path / "single").iterdir())) == 1


_REFERENCES = (
    _ELSEWHERE
    + """
print(json.dumps([nbia.getSegRefSeries(uid) for uid in sys.argv[2:]]))
"""
)


@pytest.mark.shared
def test_tcia_utils_finds_what_segmentations_refer_to(
    tmp_path: Path, shared_dicom: Path, run_client: Any
) -> None:
    """Two SEG by different makers, and an RTSTRUCT of a collection of TCIA."""
    folder = shared_dicom / "archive"
    paths = [
        folder / "DEMO-LIVER" / "liver.dcm",
        folder / "4D-Lung" / "113_HM10395" / "581209847.35" / "5039602326691312.dcm",
        folder / "DEMO-REPORTS" / "highdicom" / "seg_image_ct_binary.dcm",
    ]
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest_paths(address, paths, IngestOptions(Rules(collection="Segmented"), 1))
    read = [dcmread(path) for path in paths]
    uids = [str(each.SeriesInstanceUID) for each in read]
    with running_server(address) as url:
        found = run_client(PYTHON, _REFERENCES, url, *uids, folder=tmp_path)
    study = read[1].ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    assert found == [
        read[0].ReferencedSeriesSequence[0].SeriesInstanceUID,
        study.RTReferencedSeriesSequence[0].SeriesInstanceUID,
        read[2].ReferencedSeriesSequence[0].SeriesInstanceUID,
    ]


_DOIS = """
import json, sys
import requests
theirs = requests.get
def ours(address, **options):
    return theirs(address.replace("https://api.datacite.org", sys.argv[1] + "/datacite"), **options)
requests.get = ours
from tcia_utils import datacite
print(json.dumps(datacite.getDoi().to_dict("records"), default=str))
"""


def test_dois_of_a_mirror(
    archive_address: ArchiveAddress, tmp_path: Path, run_client: Callable[..., Any]
) -> None:
    """Its module for DataCite, with our address for theirs."""
    documents = list(doi_records(30))
    moment = dt.datetime(2026, 1, 1)
    with Catalog.create(archive_address.database_url) as catalog:
        records = [record for each in documents for record in records_from_json(each, moment)]
        catalog.dois().import_many(records, actor="test")
    with running_server(archive_address) as url:
        rows = {row["DOI"]: row for row in run_client(PYTHON, _DOIS, url, folder=tmp_path)}
    assert len(rows) == len(documents)
    for document in documents:
        attributes = document["data"]["attributes"]
        row = rows[document["data"]["id"]]
        assert row["Identifier"] == attributes["identifiers"][0]["identifier"]
        assert (row["Title"], row["Version"]) == (attributes["titles"][0]["title"], attributes["version"])
        assert (row["URL"], row["ViewCount"]) == (attributes["url"], attributes["viewCount"])
        assert row["Rights"] == "; ".join(each["rights"] for each in attributes["rightsList"])
