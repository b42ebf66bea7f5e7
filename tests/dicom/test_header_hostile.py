"""Files made to hurt: nesting, absurd lengths, bombs, random damage. Only DicomError may come out."""

from __future__ import annotations

import contextlib
import struct
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from filmroom.dicom import start as start_module
from filmroom.dicom.directory import referenced_files
from filmroom.dicom.fallback import scan_with_pydicom
from filmroom.dicom.header import is_dicomdir, read_header
from filmroom.dicom.source import BytesSource
from filmroom.dicom.start import open_start
from filmroom.errors import (
    DicomError,
    IllegalIdentifier,
    NotDicom,
    TruncatedDicom,
    UnreadableDicom,
)

PACKAGED = Path(pydicom.__file__).parent / "data" / "test_files"
SEEDS = [
    path.read_bytes()
    for path in sorted(PACKAGED.rglob("*"))
    if path.is_file() and path.suffix in {".dcm", ""} and path.stat().st_size < 12_000
]
ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
EXPLICIT_SEQUENCE = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + ITEM
IMPLICIT_SEQUENCE = b"\x08\x00\x40\x11\xff\xff\xff\xff" + ITEM


def peak_memory(data: bytes, error: type[DicomError]) -> int:
    """Read what must fail with ``error``; return the bytes allocated at the highest point."""
    source = BytesSource(data)
    tracemalloc.start()
    try:
        with pytest.raises(error):
            read_header(source)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("sequence", "syntax"),
    [(EXPLICIT_SEQUENCE, ExplicitVRLittleEndian), (IMPLICIT_SEQUENCE, ImplicitVRLittleEndian)],
)
def test_nesting_bomb_is_refused(make_dataset: Any, encode: Any, sequence: bytes, syntax: str) -> None:
    data = encode(make_dataset(), syntax) + sequence * 10_000
    assert peak_memory(data, UnreadableDicom) < 2_000_000


def test_nesting_bomb_does_not_reach_the_recursion_of_pydicom(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset()) + EXPLICIT_SEQUENCE * 10_000
    with pytest.raises(UnreadableDicom, match="nested deeper than 64"):
        scan_with_pydicom(open_start(BytesSource(data)))


def test_deep_but_sane_nesting_is_read(make_dataset: Any, encode: Any) -> None:
    close = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    data = encode(make_dataset()) + EXPLICIT_SEQUENCE * 60 + close * 60
    assert read_header(BytesSource(data)).values["patient_id"] == "P1"


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFF, 0x10000000])
@pytest.mark.parametrize(
    "header",
    [
        b"\x09\x00\x01\x10OB\0\0",
        b"\xe0\x7f\x10\x00OW\0\0",
        b"\x10\x00\x02\x22SQ\0\0",
        b"\x10\x00\x20\x00UN\0\0",
    ],
)
def test_absurd_length_is_not_allocated(make_dataset: Any, encode: Any, header: bytes, length: int) -> None:
    data = encode(make_dataset()) + header + struct.pack("<L", length) + b"short"
    assert peak_memory(data, TruncatedDicom) < 1_000_000


def test_absurd_length_of_an_item_is_not_allocated(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset()) + EXPLICIT_SEQUENCE[:-4] + struct.pack("<L", 0xFFFFFFFE) + b"short"
    assert peak_memory(data, TruncatedDicom) < 1_000_000


def test_long_indexed_value_is_cut(make_dataset: Any, encode: Any) -> None:
    ds = make_dataset()
    ds.add_new(0x00204000, "LT", "x")
    ds.add_new(0x00081030, "UT", "d" * 3_000_000)
    header = read_header(BytesSource(encode(ds)))
    assert header.values["study_desc"] == "d" * 64
    assert "Only 65,536 bytes of (0008,1030) were read." in header.warnings


def deflated(encode: Any, ds: Any, content: bytes) -> bytes:
    """A deflated object whose data set is ``content``."""
    data: bytes = encode(ds, "1.2.840.10008.1.2.1.99")
    meta_length = 132 + 12 + struct.unpack_from("<L", data, 140)[0]
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return data[:meta_length] + compressor.compress(content) + compressor.flush()


def test_deflate_bomb_is_refused(make_dataset: Any, encode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_module, "INFLATED_LIMIT", 30_000_000)
    bomb = deflated(encode, make_dataset(), bytes(40_000_000))
    assert len(bomb) < 50_000
    assert peak_memory(bomb, UnreadableDicom) < 2_000_000


def test_large_deflated_object_is_read_in_little_memory(make_dataset: Any, encode: Any) -> None:
    ds = make_dataset()
    ds.add_new(0x00090010, "LO", "SOMEONE")
    ds.add_new(0x00091001, "OB", bytes(20_000_000))
    data = encode(ds, "1.2.840.10008.1.2.1.99")
    tracemalloc.start()
    header = read_header(BytesSource(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.values["series_instance_uid"] == "1.2.3.4"
    assert peak < 2_000_000


def test_damaged_deflated_stream_is_unreadable(make_dataset: Any, encode: Any) -> None:
    data = bytearray(encode(make_dataset(), "1.2.840.10008.1.2.1.99"))
    at = 132 + 12 + struct.unpack_from("<L", data, 140)[0]
    data[at] = 0xFF
    with pytest.raises(UnreadableDicom, match="damaged"):
        read_header(BytesSource(bytes(data)))


def test_millions_of_tiny_elements_end_in_time(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset()) + b"\x09\x00\x01\x00LO\0\0" * 6_000_000
    begin = time.process_time()
    with pytest.raises(UnreadableDicom, match="more than 5,000,000"):
        read_header(BytesSource(data))
    assert time.process_time() - begin < 20


@pytest.mark.parametrize(
    ("data", "name", "error"),
    [
        (b"", "", NotDicom),
        (b"", "empty.dcm", UnreadableDicom),
        (b"hello world, this is text\n" * 40, "notes.txt", NotDicom),
        (b"\x08\x00" + b"binary of some other kind" * 40, "blob", NotDicom),
        (bytes(5000), "zeros", NotDicom),
        (bytes(128) + b"DICM", "x", TruncatedDicom),
        (bytes(128) + b"DICM" + b"garbage garbage garbage garbage", "x", DicomError),
    ],
)
def test_what_is_no_dicom(data: bytes, name: str, error: type[DicomError]) -> None:
    with pytest.raises(error):
        read_header(BytesSource(data), name)


def only_dicom_errors(data: bytes) -> None:
    source = BytesSource(data)
    is_dicomdir(source)
    try:
        read_header(source, "x.dcm")
    except DicomError as error:
        assert str(error).endswith(".")
        assert "\n" not in str(error).strip()
    with contextlib.suppress(DicomError):
        scan_with_pydicom(open_start(source))


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_mutations_of_real_files_raise_nothing_but_dicom_errors(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, max(0, min(len(content), 4000) - 1)))
        kind = data.draw(st.integers(0, 3))
        if kind == 0:
            content[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
        elif kind == 1:
            content[at : at + 4] = data.draw(
                st.sampled_from(
                    [b"\xff" * 4, b"\xfe\xff\xff\xff", b"\xfe\xff\x0d\xe0", b"\0\0\0\0", b"SQ\0\0"]
                )
            )
        elif kind == 2:
            content[at:at] = data.draw(st.binary(max_size=16))
        else:
            del content[at : at + data.draw(st.integers(1, 16))]
    only_dicom_errors(bytes(content))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", bytes(128) + b"DICM", b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"]),
)
def test_random_bytes_raise_nothing_but_dicom_errors(tail: bytes, head: bytes) -> None:
    only_dicom_errors(head + tail)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_dicomdirs_raise_nothing_but_dicom_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray((PACKAGED / "dicomdirtests" / "DICOMDIR").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(132, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"DICOMDIR-{id(content)}"
    path.write_bytes(content)
    try:
        found = referenced_files(path)
    except DicomError:
        return
    finally:
        path.unlink()
    assert all(file.is_relative_to(path.parent) for file in found.files)


def test_illegal_identifiers_say_which_and_what_to_do(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset()).replace(b"1.2.3.4.5\0", b"1.2.3..5\0\0")
    with pytest.raises(IllegalIdentifier, match=r"SOPInstanceUID is no legal UID: '1.2.3..5'") as caught:
        read_header(BytesSource(data))
    assert caught.value.advice
