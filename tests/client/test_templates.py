"""Layouts: names of folders and files, whatever the images say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmroom.client.templates import NAMED, Layout
from filmroom.errors import InvalidInput
from filmroom.model.naming import LONGEST_NAME, is_plain_file_name, made_plain

LIDC = {
    "Collection": "LIDC-IDRI",
    "collection_id": "lidc_idri",
    "PatientID": "LIDC-IDRI-0001",
    "StudyInstanceUID": "1.3.6.1.4.1.14519.5.2.1.6279.6001.298806137288633453246975630178",
    "SeriesInstanceUID": "1.3.6.1.4.1.14519.5.2.1.6279.6001.179049373636438705059720603192",
    "Modality": "CT",
    "StudyDate": "20000101",
    "StudyID": "7",
    "StudyDescription": "Chest w/o contrast",
    "SeriesNumber": "3000566",
    "SeriesDescription": "Axial",
    "InstanceNumber": "12",
}


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("flat", LIDC["SeriesInstanceUID"]),
        (
            "classic",
            f"LIDC-IDRI/LIDC-IDRI-0001/{LIDC['StudyInstanceUID']}/{LIDC['SeriesInstanceUID']}",
        ),
        (
            "descriptive",
            "LIDC-IDRI/LIDC-IDRI-0001/01-01-2000-7-Chest w-o contrast-30178/3000566.000000-Axial-03192",
        ),
        ("idc", f"lidc_idri/LIDC-IDRI-0001/{LIDC['StudyInstanceUID']}/CT_{LIDC['SeriesInstanceUID']}"),
        ("%PatientID/%Modality-%SeriesNumber", "LIDC-IDRI-0001/CT-3000566"),
        ("all %Modality/%collection_id_%PatientID", "all CT/lidc_idri_LIDC-IDRI-0001"),
        ("%PatientID/%BodyPartExamined", "LIDC-IDRI-0001/NA"),
    ],
)
def test_folders(text: str, folder: str) -> None:
    layout = Layout.parse(text)
    assert layout.folder(LIDC) == folder
    assert layout.file_name(LIDC) is None
    assert layout.is_flat == (text == "flat")


def test_descriptive_drops_what_is_blank_with_its_hyphen() -> None:
    bare = {key: LIDC[key] for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")}
    assert Layout.parse("descriptive").folder(bare) == "NA/LIDC-IDRI-0001/30178/03192"
    long = LIDC | {
        "StudyDescription": "x" * 60,
        "SeriesDescription": "y" * 60,
        "StudyDate": "2000",
        "StudyID": "",
    }
    assert Layout.parse("descriptive").folder(long) == (
        f"LIDC-IDRI/LIDC-IDRI-0001/2000-{'x' * 53}-30178/3000566.000000-{'y' * 53}-03192"
    )


def test_a_last_part_with_the_ending_of_images_names_files() -> None:
    layout = Layout.parse("%PatientID/%SeriesInstanceUID/%Modality-%InstanceNumber.dcm")
    assert layout.file_name(LIDC) == "CT-12.dcm"
    assert layout.file_name({}) == "NA-NA.dcm"
    assert (layout.keywords, layout.file_keywords) == (
        frozenset({"PatientID", "SeriesInstanceUID"}),
        frozenset({"Modality", "InstanceNumber"}),
    )
    assert not layout.needs_collection
    assert Layout.parse("%Modality/%Collection").needs_collection
    assert [name for name in NAMED if Layout.parse(name).has_collection_folder] == [
        "classic",
        "idc",
        "descriptive",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flatt", "no layout 'flatt'"),
        ("", "no layout"),
        ("%SOPInstanceUID.dcm", "folder of its own"),
        ("images/%SOPInstanceUID.dcm", "no layout"),
        ("%PatientID/../%Modality", "illegal part: '..'"),
        ("/%PatientID", "illegal part: ''"),
        ("%PatientID/", "illegal part"),
        ("%PatientID\\%Modality", "illegal part"),
        ("%PatientID/50%", "illegal part"),
        ("%PatientId", "Did you mean %PatientID"),
        ("%PixelData", "no attribute with a short value"),
        ("%ReferencedImageSequence", "no attribute"),
        ("%PatientID/" * 200 + "%Modality", "folder of its own"),
    ],
)
def test_what_is_no_layout_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Layout.parse(text)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("../../etc", "_._.._etc"),
        ("..", "__"),
        (".filmroom", "_filmroom"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\x", "C_-x"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("a\x00b\x1b[2J", "a_b_[2J"),
        ("ends. ", "ends_"),
        ("\u202egnp", "_gnp"),
        ("   ", "NA"),
        ("é" * 300, "é" * (LONGEST_NAME // 2)),
    ],
)
def test_values_stay_inside_their_part(value: str, part: str) -> None:
    folder = Layout.parse("%PatientID/%Modality").folder({"PatientID": value, "Modality": "CT"})
    assert folder == f"{part}/CT"
    described = Layout.parse("descriptive").folder(LIDC | {"PatientID": value, "StudyID": value})
    assert described.count("/") == 3
    assert all(map(is_plain_file_name, described.split("/")))


@given(st.text(max_size=400))
def test_any_text_becomes_a_plain_name(text: str) -> None:
    name = made_plain(text)
    assert name == "" or is_plain_file_name(name)
    assert not name.startswith(".")
    assert name == text or not is_plain_file_name(text) or text.startswith(".") or text != text.strip()
    layout = Layout.parse("%PatientID/%PatientName.dcm")
    file = layout.file_name({"PatientName": text})
    assert file is not None
    assert is_plain_file_name(file)
    assert file.endswith(".dcm")
