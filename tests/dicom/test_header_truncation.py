"""A file that ends too early is never taken for whole."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from filmroom.dicom.header import Header, read_header
from filmroom.dicom.source import BytesSource
from filmroom.errors import DicomError, TruncatedDicom

NO_PIXELS = "The object describes an image but has no pixel data."


def packaged(name: str) -> bytes:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def outcome(data: bytes) -> Header | DicomError:
    try:
        return read_header(BytesSource(data), "cut.dcm")
    except DicomError as error:
        return error


def accepted_cuts(data: bytes, step: int = 1) -> list[int]:
    """Lengths at which the cut file is accepted without the warning that its pixels are missing."""
    whole = outcome(data)
    assert isinstance(whole, Header), whole
    accepted = []
    for length in [*range(0, len(data), step), *range(max(0, len(data) - 64), len(data))]:
        header = outcome(data[:length])
        if isinstance(header, Header) and NO_PIXELS not in header.warnings:
            accepted.append(length)
    return accepted


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("MR_small.dcm", 1),
        ("MR_small_implicit.dcm", 1),
        ("MR_small_bigendian.dcm", 1),
        ("MR_small_RLE.dcm", 1),
        ("CT_small.dcm", 7),
        ("SC_rgb_rle_2frame.dcm", 1),
        ("JPEG2000.dcm", 13),
        ("rtdose.dcm", 1),
        ("liver_1frame.dcm", 13),
        ("SC_ybr_full_422_uncompressed.dcm", 5),
        ("693_J2KI.dcm", 211),
    ],
)
def test_no_cut_of_an_image_passes_but_in_what_follows_its_pixels(name: str, step: int) -> None:
    data = packaged(name)
    # Elements behind the pixels (padding, mostly) may be lost whole without a trace.
    trailing = 138 if name.startswith("MR_small") else 0
    assert all(length >= len(data) - trailing for length in accepted_cuts(data, step))


def test_a_cut_report_is_only_refused_inside_elements() -> None:
    """Between two top-level elements nothing says that more should follow."""
    data = packaged("reportsi.dcm").replace(b"\x10\x00 \x00LO\x00\x00", b"\x10\x00 \x00LO\x02\x00P1")
    accepted = accepted_cuts(data)
    assert len(accepted) <= 12
    assert len(data) - 1 not in accepted


def test_a_cut_deflated_object_is_truncated(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset(SeriesDescription="x" * 60), DeflatedExplicitVRLittleEndian)
    meta_end = data.index(b"1.2.840.10008.1.2.1.99") + 22
    for length in range(meta_end, len(data) - 1):
        assert not isinstance(outcome(data[:length]), Header), length
    # The byte that makes the length of a deflated stream even is padding.
    assert isinstance(outcome(data), Header)
    assert isinstance(outcome(data + b"\0"), Header)


def image(make_dataset: Any, **changes: object) -> Dataset:
    ds: Dataset = make_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.Rows, ds.Columns = 1, "MONOCHROME2", 3, 5
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    ("needed", "changes"),
    [
        (15, {}),
        (30, {"BitsAllocated": 16}),
        (45, {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}),
        (150, {"NumberOfFrames": 10}),
        (2, {"BitsAllocated": 1}),
        (6, {"BitsAllocated": 1, "NumberOfFrames": 3}),
        (24, {"Rows": 3, "Columns": 4, "SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}),
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_pixel_data_shorter_than_its_image_is_truncated(
    make_dataset: Any, encode: Any, needed: int, changes: dict[str, object], syntax: str
) -> None:
    ds = image(make_dataset, **changes)
    # pydicom itself cannot write odd lengths, so what is short has two bytes less than the even length.
    even = needed + needed % 2
    ds.add_new(0x7FE00010, "OW", bytes(even))
    assert isinstance(outcome(encode(ds, syntax)), Header)
    ds.add_new(0x7FE00010, "OW", bytes(even - 2))
    assert isinstance(outcome(encode(ds, syntax)), TruncatedDicom)


def test_float_pixel_data_is_measured_too(make_dataset: Any, encode: Any) -> None:
    ds = image(make_dataset, BitsAllocated=32)
    ds.add_new(0x7FE00008, "OF", bytes(60))
    assert isinstance(outcome(encode(ds)), Header)
    ds.add_new(0x7FE00008, "OF", bytes(56))
    assert isinstance(outcome(encode(ds)), TruncatedDicom)


@pytest.mark.parametrize(
    ("fragments", "frames", "syntax", "whole"),
    [
        (1, None, JPEGBaseline8Bit, True),
        (3, 3, JPEGBaseline8Bit, True),
        (4, 3, JPEGBaseline8Bit, True),
        (2, 3, JPEGBaseline8Bit, False),
        (1, 90, MPEG4HP41, True),
    ],
)
def test_encapsulated_pixel_data_has_a_fragment_per_frame(
    make_dataset: Any, encode: Any, fragments: int, frames: int | None, syntax: str, whole: bool
) -> None:
    ds = image(make_dataset)
    if frames is not None:
        ds.NumberOfFrames = frames
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xd9" * 4] * fragments)
    ds["PixelData"].VR = "OB"
    assert isinstance(outcome(encode(ds, syntax)), Header if whole else TruncatedDicom)


def test_encapsulated_pixel_data_without_any_fragment_is_truncated(make_dataset: Any, encode: Any) -> None:
    ds = image(make_dataset)
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    ds["PixelData"].VR = "OB"
    data = encode(ds, JPEGBaseline8Bit)
    at = data.index(b"\xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xd8\xff\xd9")
    empty = data[:at] + data[at + 12 :]
    assert isinstance(outcome(data), Header)
    assert isinstance(outcome(empty), TruncatedDicom)


@pytest.mark.parametrize("padding", [b"\0", bytes(7), bytes(8), bytes(1000), bytes(70_000)])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_zeros_behind_the_data_set_are_padding(
    make_dataset: Any, encode: Any, padding: bytes, syntax: str
) -> None:
    assert isinstance(outcome(encode(make_dataset(), syntax) + padding), Header)


def test_half_a_header_behind_the_data_set_is_a_cut(make_dataset: Any, encode: Any) -> None:
    assert isinstance(outcome(encode(make_dataset()) + b"\xfc\xff\xfc"), TruncatedDicom)


def test_text_behind_the_pixels_is_reported(make_dataset: Any, encode: Any) -> None:
    ds = image(make_dataset)
    ds.add_new(0x7FE00010, "OW", bytes(16))
    header = outcome(encode(ds) + b"-- end of transmission --")
    assert isinstance(header, Header)
    assert header.warnings == ("25 bytes behind the pixel data are no DICOM.",)


def test_an_image_without_pixels_is_kept_with_a_warning(make_dataset: Any, encode: Any) -> None:
    header = outcome(encode(image(make_dataset)))
    assert isinstance(header, Header)
    assert NO_PIXELS in header.warnings


def test_zeros_in_place_of_the_pixels_are_a_cut(make_dataset: Any, encode: Any) -> None:
    """So look files whose transfer broke off after their space had been reserved."""
    ds = image(make_dataset)
    whole = encode(ds)
    ds.add_new(0x7FE00010, "OW", bytes(16))
    assert isinstance(outcome(whole + bytes(len(encode(ds)) - len(whole))), TruncatedDicom)


def test_a_source_that_shrinks_while_it_is_read_is_truncated(make_dataset: Any, encode: Any) -> None:
    ds = make_dataset()
    ds.add_new(0x00090010, "LO", "SOMEONE")
    ds.add_new(0x00091001, "OB", bytes(100_000))
    data = encode(ds)
    source = BytesSource(data[:50_000])
    source.size = len(data)
    with pytest.raises(TruncatedDicom):
        read_header(source)
