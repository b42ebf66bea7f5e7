"""DICOMDIR: which files it names, and that it never leads out of its folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from filmroom.dicom.directory import referenced_files
from filmroom.dicom.header import is_dicomdir, read_header
from filmroom.dicom.source import BytesSource, FileSource
from filmroom.errors import IllegalIdentifier, NotDicom, TruncatedDicom, UnreadableDicom

TESTS = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"


@pytest.mark.parametrize("name", ["DICOMDIR", "TINY_ALPHA/DICOMDIR"])
def test_finds_what_pydicom_finds(name: str) -> None:
    found = referenced_files(TESTS / name)
    assert found.missing == ()
    records = pydicom.dcmread(TESTS / name).DirectoryRecordSequence
    named = [record.ReferencedFileID for record in records if "ReferencedFileID" in record]
    folder = (TESTS / name).parent
    assert list(found.files) == [folder.joinpath(*identifier) for identifier in named]
    assert len(found.files) == {"DICOMDIR": 31, "TINY_ALPHA/DICOMDIR": 50}[name]


@pytest.mark.parametrize(
    "name", ["DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-reordered", "DICOMDIR-nooffset"]
)
def test_other_encodings_name_the_same_files(name: str) -> None:
    assert set(referenced_files(TESTS / name).files) == set(referenced_files(TESTS / "DICOMDIR").files)


def test_empty_directory_names_nothing() -> None:
    found = referenced_files(TESTS / "DICOMDIR-empty.dcm")
    assert (found.files, found.missing) == ((), ())


def test_names_are_matched_without_case_and_missing_ones_are_reported(tmp_path: Path) -> None:
    shutil.copy(TESTS / "DICOMDIR", tmp_path / "DICOMDIR")
    for number in ("6154", "6247"):
        original = next(TESTS.rglob(number))
        target = tmp_path / str(original.relative_to(TESTS)).lower()
        target.parent.mkdir(parents=True)
        shutil.copy(original, target)
    (tmp_path / "77654033" / "cr1" / "6154").rename(tmp_path / "77654033" / "cr1" / "6154.;1")
    found = referenced_files(tmp_path / "DICOMDIR")
    assert {path.name for path in found.files} == {"6154.;1", "6247"}
    assert len(found.missing) == 29
    assert "77654033/CR3/6278" in found.missing


def dicomdir(folder: Path, encode: Any, *identifiers: str) -> Path:
    """Write a DICOMDIR with one record per file ID (its components joined by a backslash)."""
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.1.3.10"
    ds.DirectoryRecordSequence = []
    for identifier in identifiers:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        # Another VR of the same layout, because pydicom writes no illegal code strings.
        record.add_new(0x00041500, "LO", identifier.split("\\"))
        ds.DirectoryRecordSequence.append(record)
    path = folder / "DICOMDIR"
    path.write_bytes(encode(ds))
    return path


def test_never_leads_out_of_its_folder(tmp_path: Path, encode: Any) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "SECRET").write_text("x")
    folder = tmp_path / "medium"
    (folder / "SUB").mkdir(parents=True)
    (folder / "SUB" / "FINE").write_text("x")
    (folder / "LINK").symlink_to(outside)
    path = dicomdir(
        folder,
        encode,
        "..\\OUTSIDE\\SECRET",
        "SUB\\..\\..\\OUTSIDE\\SECRET",
        "LINK\\SECRET",
        "/etc/passwd",
        "SUB",
        "SUB\\FINE",
        "SUB\\FINE",
    )
    found = referenced_files(path)
    assert found.files == (folder / "SUB" / "FINE",)
    assert len(found.missing) == 5


def test_dicomdir_is_told_from_objects() -> None:
    for name, expected in (
        ("DICOMDIR", True),
        ("DICOMDIR-bigEnd", True),
        ("77654033/CR1/6154", False),
        ("README.txt", False),
    ):
        with FileSource(TESTS / name) as source:
            assert is_dicomdir(source) is expected
    assert is_dicomdir(BytesSource(b"")) is False


def test_dicomdir_is_no_object() -> None:
    with FileSource(TESTS / "DICOMDIR") as source, pytest.raises(IllegalIdentifier, match="DICOMDIR"):
        read_header(source)


def test_unusable_dicomdirs(tmp_path: Path) -> None:
    data = (TESTS / "DICOMDIR").read_bytes()
    path = tmp_path / "DICOMDIR"
    path.write_bytes(data[:5000])
    with pytest.raises(TruncatedDicom):
        referenced_files(path)
    path.write_bytes(b"text")
    with pytest.raises(NotDicom):
        referenced_files(path)
    with pytest.raises(UnreadableDicom, match="not a DICOMDIR"):
        referenced_files(TESTS / "77654033" / "CR1" / "6154")
