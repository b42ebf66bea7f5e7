"""What has no picture, and what must not be decoded: said before any decoder runs."""

from __future__ import annotations

import io
import struct
from typing import Any

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLSLossless

from filmroom.dicom.source import BytesSource
from filmroom.errors import FilmroomError, NoPicture
from filmroom.render import frame as frames
from filmroom.render.codestream import codestream_size
from filmroom.render.file_part import FilePart
from filmroom.render.frame import read_frame
from filmroom.testing.samples import sample_root


def sample(name: str) -> bytes:
    return (sample_root() / name).read_bytes()


def changed(name: str, **values: Any) -> bytes:
    """Return a real file with other values; those that are None are taken out."""
    dataset = pydicom.dcmread(io.BytesIO(sample(name)))
    for keyword, value in values.items():
        if keyword == "syntax":
            dataset.file_meta.TransferSyntaxUID = value
        elif value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rtstruct.dcm", "no pixels"),
        ("test-SR.dcm", "no pixels"),
        ("rtplan.dcm", "no pixels"),
        ("waveform_ecg.dcm", "no pixels"),
        ("liver_1frame.dcm", "segmentation"),
        ("liver_expb_1frame.dcm", "segmentation"),
    ],
)
def test_what_is_no_image_says_so(name: str, reason: str) -> None:
    with pytest.raises(NoPicture, match=reason):
        read_frame(BytesSource(sample(name)), 1)


@pytest.mark.parametrize(
    "values",
    [
        {"Rows": 0},
        {"Columns": None},
        {"SamplesPerPixel": 4},
        {"SamplesPerPixel": 0xFFFF},
        {"BitsAllocated": 12},
        {"Rows": 0xFFFF, "Columns": 0xFFFF},
        {"Rows": 0xFFFF, "Columns": 0xFFFF, "NumberOfFrames": "2147483647"},
        {"NumberOfFrames": "-1", "Rows": 0},
    ],
)
def test_a_description_of_no_image_or_a_giant_is_refused(values: dict[str, Any]) -> None:
    content = changed("CT_small.dcm", **values)
    with pytest.raises(NoPicture):
        read_frame(BytesSource(content), 1)


def test_pixels_that_end_early_have_no_more_frames() -> None:
    content = changed("CT_small.dcm", NumberOfFrames="1000000")
    whole = pydicom.dcmread(io.BytesIO(content)).PixelData
    assert read_frame(BytesSource(content), 1).PixelData == whole
    assert read_frame(BytesSource(content), 999_999).PixelData == b""


JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x04ab"


def jpeg_frame(rows: int, columns: int, marker: int = 0xC0) -> bytes:
    return JPEG_HEAD + struct.pack(">BBHBHHB", 0xFF, marker, 11, 8, rows, columns, 1) + b"\x01\x11\x00"


def jpeg_2000_frame(rows: int, columns: int, left: int = 0) -> bytes:
    return b"\xff\x4f\xff\x51" + struct.pack(">HH4L", 41, 0, columns + left, rows, left, 0) + bytes(24)


@pytest.mark.parametrize(
    ("syntax", "bomb"),
    [
        (JPEGBaseline8Bit, jpeg_frame(65_535, 65_535)),
        (JPEGBaseline8Bit, jpeg_frame(65_535, 65_535, 0xC2)),
        (JPEGLSLossless, jpeg_frame(60_000, 60_000, 0xF7)),
        (JPEG2000, jpeg_2000_frame(2**31, 2**31)),
        (JPEG2000, b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60) + jpeg_2000_frame(100_000, 100_000)),
    ],
)
def test_a_frame_that_is_larger_than_its_object_says_is_not_decoded(syntax: str, bomb: bytes) -> None:
    content = changed("JPEG2000.dcm", syntax=syntax, PixelData=encapsulate([bomb]))
    with pytest.raises(NoPicture, match="not what the object says"):
        read_frame(BytesSource(content), 1)


def test_a_frame_that_is_longer_than_its_pixels_is_not_decoded() -> None:
    content = changed("MR_small_RLE.dcm", PixelData=encapsulate([bytes(2_000_000)]))
    with pytest.raises(NoPicture, match="much longer"):
        read_frame(BytesSource(content), 1)


def test_so_much_is_read_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_LARGEST_HEADER", 100_000)
    content = changed("CT_small.dcm", PatientComments="x" * 10_000)
    assert read_frame(BytesSource(content), 1).Rows == 128
    content = changed("CT_small.dcm", EncapsulatedDocument=b"x" * 500_000)
    with pytest.raises(NoPicture, match="More of the object"):
        read_frame(BytesSource(content), 1)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (jpeg_frame(12, 34), (12, 34)),
        (jpeg_frame(12, 34, 0xC3), (12, 34)),
        (jpeg_frame(0, 34), None),
        (JPEG_HEAD, None),
        (b"\xff\xd8", None),
        (b"\xff\xd8" + b"\xff" * 100, None),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\xff\xe0\x00\x00" * 50, None),
        (jpeg_2000_frame(12, 34), (12, 34)),
        (jpeg_2000_frame(12, 34, left=5), (12, 34)),
        (jpeg_2000_frame(12, 34)[:10], None),
        (b"\xff\x4f\xff\x51" + b"\xff" * 30, None),
        (b"", None),
        (b"GIF89a", None),
    ],
)
def test_sizes_of_codestreams(data: bytes, size: tuple[int, int] | None) -> None:
    assert codestream_size(data) == size


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"])
def test_a_file_that_is_cut_off_anywhere_ends_in_an_error_or_a_frame(name: str) -> None:
    content = sample(name)
    for end in range(0, len(content), max(1, len(content) // 97)):
        try:
            assert read_frame(BytesSource(content[:end]), 1).Rows > 0
        except (FilmroomError, ValueError, OSError, EOFError, AttributeError, struct.error):
            continue  # a confined process makes one error of these


def test_a_part_of_a_file_is_all_that_is_read(tmp_path: Any) -> None:
    content = sample("CT_small.dcm")
    pack = tmp_path / "pack"
    pack.write_bytes(b"before" + content + b"after")
    with FilePart(str(pack), 6, len(content)) as part:
        assert part.read(0, 10**9) == content
        assert part.read(len(content) - 2, 10) == content[-2:]
        assert part.read(len(content), 10) == part.read(10**9, 10) == b""
        found = read_frame(part, 1)
    assert found.PixelData == pydicom.dcmread(io.BytesIO(content)).PixelData
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    (tmp_path / "link").symlink_to(pack)
    with pytest.raises(OSError, match=r"symbolic|Too many"):
        FilePart(str(tmp_path / "link"), 0, 1)
