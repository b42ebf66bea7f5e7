"""From raw values to clean ones: character sets, numbers, dates, identifiers, where things are found."""

from __future__ import annotations

import datetime as dt
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from filmroom.dicom.header import Header, read_header
from filmroom.dicom.source import BytesSource, FileSource
from filmroom.errors import IllegalIdentifier, TruncatedDicom
from filmroom.model.attributes import BY_COLUMN

CHARSET_FILES = Path(pydicom.__file__).parent / "data" / "charset_files"


def read(data: bytes) -> Header:
    return read_header(BytesSource(data))


# The names as PS3.5 annexes H, I and J, and the makers of the files, print them.
@pytest.mark.parametrize(
    ("name", "patient_name"),
    [
        ("chrArab.dcm", "قباني^لنزار"),
        ("chrFren.dcm", "Buc^Jérôme"),
        ("chrFrenMulti.dcm", "Buc^Jérôme"),
        ("chrGerm.dcm", "Äneas^Rüdiger"),
        ("chrGreek.dcm", "Διονυσιος"),
        ("chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("chrH32.dcm", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("chrHbrw.dcm", "שרון^דבורה"),
        ("chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("chrJapMulti.dcm", "やまだ^たろう"),
        ("chrJapMultiExplicitIR6.dcm", "やまだ^たろう"),
        ("chrKoreanMulti.dcm", "김희중"),
        ("chrRuss.dcm", "\u041b\u044e\u043ace\u043c\u0431yp\u0433"),
        ("chrX1.dcm", "Wang^XiaoDong=王^小東="),
        ("chrX2.dcm", "Wang^XiaoDong=王^小东="),
    ],
)
def test_names_in_their_character_sets(name: str, patient_name: str) -> None:
    with FileSource(CHARSET_FILES / name) as source:
        assert read_header(source).values["patient_name"] == patient_name


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One explicit VR little endian element whose value is as no writer would write it."""
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


def with_text(make_dataset: Any, encode: Any, value: bytes, charset: bytes) -> Header:
    """An object whose StudyDescription and Specific Character Set have these bytes."""
    extra = element(0x00081030, "LO", value) + element(0x00080005, "CS", charset)
    return read(encode(make_dataset()) + extra)


@pytest.mark.parametrize(
    ("value", "charset", "text", "warned"),
    [
        (b"plain text  ", b"", "plain text", ""),
        (b"padded\0\0", b"", "padded", ""),
        (b"in\0side", b"", "inside", "control characters"),
        (b"tab\tand\nline", b"", "tabandline", "control characters"),
        (b"caf\xe9", b"", "café", "read as Latin-1"),
        (b"caf\xe9", b"ISO_IR 100", "café", ""),
        (b"caf\xc3\xa9", b"ISO_IR 192", "café", ""),
        (b"caf\xc3\xa9", b"UTF-8", "café", "was taken as 'ISO_IR 192'"),
        (b"caf\xe9", b"ISO-IR 100", "café", "was taken as 'ISO_IR 100'"),
        (b"caf\xe9", b"ISO_IR 999", "café", "is unknown"),
        (b"caf\xe9!", b"ISO_IR 192", "caf\ufffd!", "does not have"),
        (b"\x81\x40x", b"GB18030", "丂x", ""),
        (b"one \\two\\ ", b"", "one\\two\\", ""),
        (b"a\x7fb\x9fc", b"ISO_IR 100", "abc", "control characters"),
        (b"\x1b-F\xe1\xe2\\\xe9", b"\\ISO 2022 IR 126", "αβ\\é", ""),
        (b"\x1b-F\xe1", b"\\ISO 2022 IR 100", "-F\xe1", "escape sequence"),
        (b"\\", b"", None, ""),
        (b"\0\0", b"", None, ""),
        (b"   ", b"", None, ""),
    ],
)
def test_text_is_decoded_and_cleaned(
    make_dataset: Any, encode: Any, value: bytes, charset: bytes, text: str | None, warned: str
) -> None:
    header = with_text(make_dataset, encode, value, charset)
    assert header.values.get("study_desc") == text
    assert (warned in " ".join(header.warnings)) if warned else header.warnings == ()


def test_lines_stay_in_long_text(make_dataset: Any, encode: Any) -> None:
    header = read(encode(make_dataset(AdditionalPatientHistory="first\r\nsecond \\ half\x07")))
    assert header.values["additional_patient_history"] == "first\r\nsecond \\ half"


def test_text_is_cut_to_the_length_of_its_column(make_dataset: Any, encode: Any) -> None:
    ds = make_dataset(StationName="S")
    ds.add_new(0x00081010, "UT", "0123456789abcdefXYZ")
    header = read(encode(ds))
    assert header.values["station_name"] == "0123456789abcdef"
    assert "StationName was cut to 16 characters." in header.warnings


@pytest.mark.parametrize(
    ("given", "kept"),
    [("A" * 15, "A" * 15), ("A" * 16, "A" * 15), ("CHEST", "CHEST"), ("A" * 14 + " B", "A" * 14)],
)
def test_body_part_is_cut_to_fifteen_characters(
    make_dataset: Any, encode: Any, given: str, kept: str
) -> None:
    assert read(encode(make_dataset(BodyPartExamined=given))).values["body_part_examined"] == kept


@pytest.mark.parametrize(("given", "kept"), [("YES", "YES"), ("no", "NO"), ("MAYBE", None)])
def test_quality_control_subject(make_dataset: Any, encode: Any, given: str, kept: str | None) -> None:
    ds = make_dataset()
    ds.add_new(0x00100200, "LO", given)
    header = read(encode(ds))
    assert header.values.get("qc_subject") == kept
    assert bool(header.warnings) == (kept is None)


@pytest.mark.parametrize(
    ("given", "date"),
    [
        ("20200229", dt.date(2020, 2, 29)),
        ("2020.02.29", dt.date(2020, 2, 29)),
        ("19000101 ", dt.date(1900, 1, 1)),
        ("20210229", None),
        ("00000000", None),
        ("2020-02-29", None),
        ("yesterday", None),
    ],
)
def test_dates(make_dataset: Any, encode: Any, given: str, date: dt.date | None) -> None:
    ds = make_dataset()
    ds.add_new(0x00080020, "LO", given)
    header = read(encode(ds))
    assert header.values.get("study_date") == date
    assert bool(header.warnings) == (date is None)


@pytest.mark.parametrize(
    ("keyword", "given", "column", "number"),
    [
        ("SliceThickness", "1.25", "slice_thickness", 1.25),
        ("SliceThickness", " -1e-3 ", "slice_thickness", -0.001),
        ("SliceThickness", "1e999", "slice_thickness", None),
        ("SliceThickness", "nan", "slice_thickness", None),
        ("SliceThickness", "1,5", "slice_thickness", None),
        ("SliceThickness", "1\\2", "slice_thickness", None),
        ("PixelSpacing", "0.5\\0.25", "pixel_spacing", 0.5),
        ("InstanceNumber", "+7 ", "instance_number", 7),
        ("InstanceNumber", "7.0", "instance_number", 7),
        ("InstanceNumber", "2147483648", "instance_number", None),
        ("InstanceNumber", "1_000", "instance_number", None),
        ("InstanceNumber", "٣", "instance_number", None),
        ("SeriesNumber", "12", "series_number", 12.0),
        ("Rows", "17", "image_rows", 17),
    ],
)
def test_written_numbers(
    make_dataset: Any, encode: Any, keyword: str, given: str, column: str, number: float | None
) -> None:
    vr = "IS" if keyword == "Rows" else "LO"
    header = read(encode(make_dataset()) + element(BY_COLUMN[column].tag, vr, given.encode()))
    assert header.values.get(column) == number
    assert type(header.values.get(column)) is type(number)
    assert any(keyword in warning for warning in header.warnings) is (number is None)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_binary_numbers(make_dataset: Any, encode: Any, syntax: str) -> None:
    ds = make_dataset(Rows=300, Columns=65535, LongitudinalTemporalOffsetFromEvent=-12.5)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    values = read(encode(ds, syntax)).values
    assert (values["image_rows"], values["image_columns"], values["longitudinal_offset"]) == (
        300,
        65535,
        -12.5,
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_infinite_number_is_left_out(make_dataset: Any, encode: Any, value: float) -> None:
    header = read(encode(make_dataset(LongitudinalTemporalOffsetFromEvent=value)))
    assert "longitudinal_offset" not in header.values
    assert any("finite" in warning for warning in header.warnings)


@pytest.mark.parametrize(
    "keyword", ["PatientID", "Modality", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
)
def test_required_attributes(make_dataset: Any, encode: Any, keyword: str) -> None:
    for value, what in (("", "empty"), (None, "missing")):
        ds = make_dataset()
        data = (
            encode(make_dataset(**{keyword: value}))
            if keyword != "SOPInstanceUID"
            else _without_sop(ds, value)
        )
        with pytest.raises(IllegalIdentifier, match=f"{keyword} is {what}"):
            read(data)


def _without_sop(ds: Dataset, value: str | None) -> bytes:
    if value is None:
        del ds.SOPInstanceUID
    else:
        ds.SOPInstanceUID = value
    file = BytesIO()
    pydicom.dcmwrite(file, ds, implicit_vr=False, little_endian=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.x",
        "1..2",
        ".1.2",
        "1.2.",
        "1.2/../3",
        "1." + "2" * 63,
        "1 2",
        "1.2\\1.3",
        "-1.2",
        "\u0661.\u0662",
    ],
)
def test_illegal_uids_are_refused(make_dataset: Any, encode: Any, uid: str) -> None:
    data = encode(make_dataset()) + element(0x0020000E, "UI", uid.encode())
    with pytest.raises(IllegalIdentifier, match="SeriesInstanceUID is no legal UID"):
        read(data)


@pytest.mark.parametrize("padded", [b"1.2.840.77\0\0", b"1.2.840.77  ", b"1.2.840.77\0 "])
def test_padding_of_uids_is_removed(make_dataset: Any, encode: Any, padded: bytes) -> None:
    data = encode(make_dataset(SeriesInstanceUID="9" * 12)).replace(b"9" * 12, padded)
    assert read(data).values["series_instance_uid"] == "1.2.840.77"


def test_leading_zero_in_a_uid_is_a_warning(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset(SeriesInstanceUID="9" * 8)).replace(b"9" * 8, b"1.02.003")
    header = read(data)
    assert header.values["series_instance_uid"] == "1.02.003"
    assert header.warnings == ("SeriesInstanceUID has a component with a leading zero.",)


def test_illegal_optional_uid_is_left_out(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset(FrameOfReferenceUID="9" * 8)).replace(b"9" * 8, b"none set")
    header = read(data)
    assert "frame_of_reference_uid" not in header.values
    assert any("FrameOfReferenceUID" in warning for warning in header.warnings)


def test_patient_id_with_path_characters_is_legal_text(make_dataset: Any, encode: Any) -> None:
    assert read(encode(make_dataset(PatientID="../../etc/x"))).values["patient_id"] == "../../etc/x"


def test_too_long_patient_id_is_refused_because_cutting_could_merge_patients(
    make_dataset: Any, encode: Any
) -> None:
    ds = make_dataset()
    ds.add_new(0x00100020, "UT", "P" * 65)
    with pytest.raises(IllegalIdentifier, match="PatientID has 65 characters"):
        read(encode(ds))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("undefined", [False, True])
def test_species_code_is_that_of_the_first_item(
    make_dataset: Any, encode: Any, syntax: str, undefined: bool
) -> None:
    ds = make_dataset()
    items = []
    for value in ("447612001", "337915000"):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = value, "SCT"
        items.append(item)
    ds.PatientSpeciesCodeSequence = items
    ds["PatientSpeciesCodeSequence"].is_undefined_length = undefined
    assert read(encode(ds, syntax)).values["species_code"] == "447612001"


@pytest.mark.parametrize("block", [0x10, 0x1F])
def test_private_block_names_collection_and_site(make_dataset: Any, encode: Any, block: int) -> None:
    ds = make_dataset()
    ds.add_new(0x00130000 | block, "LO", "CTP")
    ds.add_new(0x00130010 | block << 8, "UN", b"Some-Collection\0")
    ds.add_new(0x00130012 | block << 8, "UN", b"Some Site ")
    header = read(encode(ds))
    assert (header.collection_tag, header.site_tag) == ("Some-Collection", "Some Site")


def test_private_block_of_somebody_else_is_ignored(make_dataset: Any, encode: Any) -> None:
    ds = make_dataset()
    ds.add_new(0x00130010, "LO", "OTHER")
    ds.add_new(0x00131010, "LO", "Some-Collection")
    header = read(encode(ds))
    assert (header.collection_tag, header.site_tag) == (None, None)


def test_transfer_syntax_that_lies_about_its_vr_is_read_and_reported(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset(), ImplicitVRLittleEndian)
    lying = data.replace(b"\x12\x001.2.840.10008.1.2\0", b"\x14\x001.2.840.10008.1.2.1\0")
    assert len(lying) == len(data) + 2
    header = read(lying)
    assert header.values["series_instance_uid"] == "1.2.3.4"
    assert header.transfer_syntax_uid == ExplicitVRLittleEndian
    assert any("implicit VR, although" in warning for warning in header.warnings)


def test_element_without_vr_among_explicit_ones_is_read_tolerantly(make_dataset: Any, encode: Any) -> None:
    data = encode(make_dataset(PatientSex="F")).replace(b"CS\x02\x00F ", b"\x02\0\0\0F ")
    header = read(data)
    assert (header.values["patient_sex"], header.values["study_instance_uid"]) == ("F", "1.2.3")
    assert any("read tolerantly" in warning for warning in header.warnings)


def test_tolerant_reading_takes_values_of_all_kinds(make_dataset: Any, encode: Any) -> None:
    ds = make_dataset(
        PatientName="A^B", Rows=7, SpecificCharacterSet="ISO_IR 192", StudyDescription="Ünïcode"
    )
    item = Dataset()
    item.CodeValue = "447612001"
    ds.PatientSpeciesCodeSequence = [item]
    data = encode(ds) + struct.pack("<HHL", 0x0010, 0x0040, 2) + b"F " + element(0x00204000, "ZZ", b"?")
    data += struct.pack("<HHL", 0x0010, 0x21B0, 100_000) + b"h" * 100_000
    data += b"\xfe\xff\xdd\xe0\0\0\0\0" * 3
    header = read(data)
    assert header.values["patient_name"] == "A^B"
    assert header.values["patient_sex"] == "F"
    assert header.values["study_desc"] == "Ünïcode"
    assert header.values["image_rows"] == 7
    assert header.values["species_code"] == "447612001"
    assert header.values["additional_patient_history"] == "h" * 4000
    assert "3 delimiters without a sequence were ignored." in header.warnings
    with pytest.raises(TruncatedDicom):
        read(data[:-1000])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_bare_data_set_is_recognised_and_its_transfer_syntax_guessed(make_dataset: Any, syntax: str) -> None:
    file = BytesIO()
    pydicom.dcmwrite(
        file,
        make_dataset(),
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    header = read(file.getvalue())
    assert header.transfer_syntax_uid == syntax
    assert header.values["patient_id"] == "P1"
    assert any("states no transfer syntax" in warning for warning in header.warnings)


def test_ordinary_file_is_read_without_pydicom() -> None:
    """pydicom costs a tenth of a second to import; the scan does without."""
    path = get_testdata_file("CT_small.dcm")
    code = (
        "import sys; from filmroom.dicom.header import read_header; "
        "from filmroom.dicom.source import FileSource; "
        f"print(read_header(FileSource({path!r})).values['modality'], 'pydicom' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["CT", "False"]
