"""A generated phantom study: CT, MR and a segmentation of the same body, the same bytes every time.

An ellipse of soft tissue with a spine, two lungs and a lesion. Pixels are computed in plain Python, so
that the demo needs no numerical library. Written after PS3.3: CT Image (A.3), MR Image (A.4) and
Segmentation (A.51) IODs, in Explicit VR Little Endian.
"""

from __future__ import annotations

import uuid
from array import array
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SegmentationStorage,
)

SIZE = 128
"""Rows and columns of a slice, in pixels."""
SLICES = 24
"""Slices of the CT and of the MR, and frames of the segmentation."""

_SPACING_MM = 3.0
_THICKNESS_MM = 5.0
_NAMESPACE = uuid.UUID("6f0e0a52-52d1-5b0e-9f3a-1d9a3ce5f9a1")


def phantom_uid(name: str) -> UID:
    """Return the UID that a name always gets (PS3.5 B.2: 2.25 and a UUID as a number)."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, name).int}")


def _inside(x: float, y: float, centre: tuple[float, float], radii: tuple[float, float]) -> bool:
    return ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1


def _tissue(column: int, row: int, slice_index: int) -> str:
    """Name the tissue at a pixel: air, soft, lung, bone or lesion."""
    x, y = 2 * column / SIZE - 1, 2 * row / SIZE - 1
    height = 2 * slice_index / (SLICES - 1) - 1
    if not _inside(x, y, (0, 0), (0.85, 0.62)):
        return "air"
    if _inside(x, y, (0, 0.42), (0.12, 0.12)):
        return "bone"
    lesion = 0.11 * max(0.0, 1 - (height / 0.35) ** 2) ** 0.5
    if lesion and _inside(x, y, (0.4, -0.08), (lesion, lesion)):
        return "lesion"
    lung = 1 - height**2 * 0.6
    if any(_inside(x, y, (side * 0.4, -0.05), (0.27 * lung, 0.4 * lung)) for side in (-1, 1)):
        return "lung"
    return "soft"


_CT = {"air": 24, "soft": 1064, "lung": 224, "bone": 1724, "lesion": 1104}  # HU + 1024
_MR = {"air": 5, "soft": 420, "lung": 60, "bone": 180, "lesion": 760}


def _pixels(slice_index: int, table: dict[str, int]) -> bytes:
    # A little texture, so that neighbouring slices differ and nothing compresses to nothing.
    values = array(
        "H",
        (
            table[_tissue(column, row, slice_index)] + (column * 7 + row * 13 + slice_index * 5) % 11
            for row in range(SIZE)
            for column in range(SIZE)
        ),
    )
    return values.tobytes()


def _base(name: str, sop_class: UID, modality: str, series: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = phantom_uid(name)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = phantom_uid("implementation")
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, phantom_uid(name)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientID, ds.PatientName = "PHANTOM-001", "Phantom^Thorax"
    ds.PatientBirthDate, ds.PatientSex, ds.QualityControlSubject = "", "O", "YES"
    ds.StudyInstanceUID, ds.StudyID = phantom_uid("study"), "1"
    ds.StudyDate, ds.StudyTime, ds.StudyDescription = "20260115", "101500", "Thorax phantom"
    ds.AccessionNumber, ds.ReferringPhysicianName = "", ""
    ds.SeriesInstanceUID, ds.Modality = phantom_uid(series), modality
    ds.SeriesDate, ds.SeriesTime, ds.BodyPartExamined = "20260115", "102000", "CHEST"
    ds.Manufacturer, ds.ManufacturerModelName, ds.SoftwareVersions = "Filmroom", "Phantom", "1"
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = phantom_uid("frame"), ""
    ds.Rows = ds.Columns = SIZE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    return ds


def _slice(modality: str, index: int) -> FileDataset:
    ct = modality == "CT"
    ds = _base(f"{modality} {index}", CTImageStorage if ct else MRImageStorage, modality, modality)
    ds.SeriesNumber = 1 if ct else 2
    ds.SeriesDescription = "Axial 5 mm" if ct else "Axial T1"
    ds.ProtocolName = "Chest"
    ds.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
    ds.AcquisitionNumber, ds.InstanceNumber = 1, index + 1
    z = index * _THICKNESS_MM
    ds.ImagePositionPatient = [-SIZE * _SPACING_MM / 2, -SIZE * _SPACING_MM / 2, z]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SliceLocation, ds.SliceThickness = z, _THICKNESS_MM
    ds.PixelSpacing = [_SPACING_MM, _SPACING_MM]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    if ct:
        ds.RescaleIntercept, ds.RescaleSlope, ds.KVP = -1024, 1, 120
        ds.WindowCenter, ds.WindowWidth = 40, 400
    else:
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "NONE", ""
        ds.MRAcquisitionType, ds.EchoTime, ds.RepetitionTime, ds.EchoTrainLength = "2D", 12, 500, 1
        ds.WindowCenter, ds.WindowWidth = 400, 800
    ds.PixelData = _pixels(index, _CT if ct else _MR)
    return ds


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _frame_groups(index: int) -> Dataset:
    content, position = Dataset(), Dataset()
    content.DimensionIndexValues = [1, index + 1]
    position.ImagePositionPatient = [
        -SIZE * _SPACING_MM / 2,
        -SIZE * _SPACING_MM / 2,
        index * _THICKNESS_MM,
    ]
    segment = Dataset()
    segment.ReferencedSegmentNumber = 1
    frame = Dataset()
    frame.FrameContentSequence = Sequence([content])
    frame.PlanePositionSequence = Sequence([position])
    frame.SegmentIdentificationSequence = Sequence([segment])
    return frame


def _segmentation() -> FileDataset:
    ds = _base("SEG", SegmentationStorage, "SEG", "SEG")
    ds.SeriesNumber, ds.InstanceNumber, ds.SeriesDescription = 3, 1, "Lesion"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "LESION", "Generated lesion", ""
    ds.ContentDate, ds.ContentTime = "20260115", "103000"
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit, ds.PixelRepresentation, ds.LossyImageCompression = 0, 0, "00"
    ds.SegmentationType, ds.NumberOfFrames = "BINARY", SLICES
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Lesion", "AUTOMATIC"
    segment.SegmentAlgorithmName = "phantom"
    segment.SegmentedPropertyCategoryCodeSequence = Sequence(
        [_code("49755003", "SCT", "Morphologic abnormality")]
    )
    segment.SegmentedPropertyTypeCodeSequence = Sequence([_code("52988006", "SCT", "Lesion")])
    ds.SegmentSequence = Sequence([segment])
    referenced = Dataset()
    referenced.SeriesInstanceUID = phantom_uid("CT")
    referenced.ReferencedInstanceSequence = Sequence([_reference(index) for index in range(SLICES)])
    ds.ReferencedSeriesSequence = Sequence([referenced])
    ds.PerFrameFunctionalGroupsSequence = Sequence([_frame_groups(index) for index in range(SLICES)])
    bits = 0
    for index in range(SLICES):
        for place in range(SIZE * SIZE):
            if _tissue(place % SIZE, place // SIZE, index) == "lesion":
                bits |= 1 << (index * SIZE * SIZE + place)
    ds.PixelData = bits.to_bytes(SLICES * SIZE * SIZE // 8, "little")
    return ds


def _reference(index: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, phantom_uid(f"CT {index}")
    return item


def write_phantom(folder: Path) -> list[Path]:
    """Write the study into ``folder`` and return its files: 24 CT slices, 24 MR slices, one segmentation."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, ds in (
        *((f"{modality.lower()}-{index + 1:02d}.dcm", _slice(modality, index))
          for modality in ("CT", "MR") for index in range(SLICES)),
        ("seg.dcm", _segmentation()),
    ):  # fmt: skip
        path = folder / name
        ds.save_as(path, enforce_file_format=True)
        written.append(path)
    return written
