"""Single attributes as text, against what pydicom reads."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_charset_files, get_testdata_file

from filmroom.dicom.named_values import is_named_value, named_values
from filmroom.errors import UnreadableDicom

KEYWORDS = ["PatientID", "Rows", "StudyDate", "PixelSpacing", "ImageType", "SeriesNumber", "StudyID"]


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm"]
)
def test_as_pydicom(name: str) -> None:
    path = Path(get_testdata_file(name))  # type: ignore[arg-type]
    dataset = pydicom.dcmread(path)
    found = named_values(path, [*KEYWORDS, "FrameOfReferenceUID", "PatientComments"])
    for keyword in KEYWORDS:
        value = dataset[keyword].value
        many = value if isinstance(value, pydicom.multival.MultiValue) else [value]
        assert found[keyword] == "\\".join(str(each) for each in many)
    assert "PatientComments" not in found


@pytest.mark.parametrize("name", ["chrFren.dcm", "chrGreek.dcm", "chrH31.dcm", "chrI2.dcm", "chrRuss.dcm"])
def test_character_sets(name: str) -> None:
    path = Path(get_charset_files(name)[0])
    assert named_values(path, ["PatientName"])["PatientName"] == str(pydicom.dcmread(path).PatientName)


def test_what_is_no_dicom(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"nothing")
    with pytest.raises(UnreadableDicom, match=r"x\.dcm"):
        named_values(tmp_path / "x.dcm", ["PatientID"])
    with pytest.raises(OSError, match="absent"):
        named_values(tmp_path / "absent.dcm", ["PatientID"])


def test_which_attributes() -> None:
    assert [
        word
        for word in ("PatientID", "Rows", "PixelData", "ReferencedImageSequence", "Nothing")
        if is_named_value(word)
    ] == ["PatientID", "Rows"]
