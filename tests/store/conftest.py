"""Real DICOM files in a real store."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from filmroom.model.entities import SeriesContent, StoredInstance
from filmroom.store.local import LocalStore
from filmroom.store.packs import PackWriter

FILES = ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "waveform_ecg.dcm", "JPEG2000.dcm")


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture
def make_instance():
    def make(data, location, uid="1.2.3", acquisition=1, number=1):
        return StoredInstance(
            uid,
            len(data),
            hashlib.md5(data).digest(),
            hashlib.sha256(data).digest(),
            zlib.crc32(data),
            location,
            number,
            acquisition,
        )

    return make


@pytest.fixture
def make_content():
    def make(instances, licence_name="CC BY 4.0", licence_url="https://creativecommons.org/licenses/by/4.0/"):
        return SeriesContent("1.2.840.1", "DEMO", "Site", licence_name, licence_url, tuple(instances))

    return make


@pytest.fixture
def files():
    """Bytes of real DICOM files by SOP Instance UID."""
    found = {}
    for name in FILES:
        path = Path(get_testdata_file(name, download=False))
        found[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)] = path.read_bytes()
    return found


@pytest.fixture
def series(store, files, make_instance, make_content):
    """A series of real files in a pack."""
    with PackWriter(store, "1.2.840.1") as writer:
        for data in files.values():
            writer.add(data, len(data))
        locations = writer.finish()
    instances = [
        make_instance(data, location, uid, number=number)
        for number, ((uid, data), location) in enumerate(zip(files.items(), locations, strict=True), 1)
    ]
    return make_content(instances)
