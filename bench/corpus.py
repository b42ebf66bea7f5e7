"""The files that are measured: CT slices of 527 KB, 100 to a series, and 3.2 KB files, two to a series."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

ROOT = "1.2.826.0.1.3680043.10.999"
"""Prefix of every UID of the corpus."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files on the disk. ``size`` in bytes."""

    folder: Path
    files: tuple[Path, ...]
    series: tuple[str, ...]
    size: int


def _template(side: int, fillers: int) -> Dataset:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.SOPClassUID, data.Modality = CTImageStorage, "CT"
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = "20200102"
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = "112233.456"
    data.Manufacturer, data.ManufacturerModelName = "Example Medical", "Scanner 3000"
    data.StudyDescription, data.SeriesDescription, data.ProtocolName = "CHEST CT", "Thorax 1.0", "Thorax"
    data.PatientName, data.PatientSex, data.PatientAge = "Example^Person", "F", "064Y"
    data.BodyPartExamined, data.SoftwareVersions = "CHEST", ["1.2", "b7"]
    data.FrameOfReferenceUID, data.SeriesNumber, data.AcquisitionNumber = f"{ROOT}.9", 3, 1
    data.SliceThickness, data.PixelSpacing = "1.0", [0.66, 0.66]
    data.Rows = data.Columns = side
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    if fillers:
        data.add_new((0x0019, 0x0010), "LO", "EXAMPLE HEADER")
        for index in range(fillers):
            data.add_new((0x0019, 0x1001 + index), "DS", ["1.25", "2.5"])
    return data


def _files(count: int, per_series: int, side: int, fillers: int, kind: int) -> Iterator[tuple[int, bytes]]:
    """Yield the series number and the bytes of each file; all but the numbers is encoded once."""
    data = _template(side, fillers)
    # Placeholders of the lengths that the values have.
    study, series, instance = (f"{ROOT}.{kind}.{level}.9999999" for level in (1, 2, 3))
    data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = study, series, instance
    data.PatientID, data.InstanceNumber = "PATIENT-9999999", "777777"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PixelData = bytes(side * side * 2)
    buffer = DicomBytesIO()
    dcmwrite(buffer, data, enforce_file_format=True)
    whole = buffer.getvalue()
    head = whole[: -side * side * 2]
    for number in range(count):
        place, slice_number = divmod(number, per_series)
        text = head
        for old, new in (
            (study, f"{ROOT}.{kind}.1.1{place:06d}"),
            (series, f"{ROOT}.{kind}.2.1{place:06d}"),
            (instance, f"{ROOT}.{kind}.3.1{number:06d}"),
            ("777777", f"{slice_number + 1:06d}"),
            ("PATIENT-9999999", f"PATIENT-1{place // 2:06d}"),
        ):
            text = text.replace(old.encode(), new.encode())
        # Smooth rows under noise of four bits: about as compressible as a real slice.
        yield place, text + _pixels(side)


def _pixels(side: int) -> bytes:
    noise = os.urandom(side * side)
    pixels = bytearray(side * side * 2)
    pixels[0::2] = noise.translate(_LOW)
    pixels[1::2] = b"\x04" * (side * side)
    return bytes(pixels)


_LOW = bytes(value & 15 for value in range(256))


def make(folder: Path, count: int, *, per_series: int, side: int, fillers: int, kind: int) -> Corpus:
    """Write a corpus: one folder to a series, or 100 series to a folder where they are small."""
    files: list[Path] = []
    series: dict[int, str] = {}
    size = 0
    for number, (place, content) in enumerate(_files(count, per_series, side, fillers, kind)):
        below = folder / f"{place if per_series > 10 else place // 100:05d}"
        if place not in series:
            below.mkdir(parents=True, exist_ok=True)
            series[place] = f"{ROOT}.{kind}.2.1{place:06d}"
        path = below / f"{number:06d}.dcm"
        path.write_bytes(content)
        files.append(path)
        size += len(content)
    return Corpus(folder, tuple(files), tuple(series.values()), size)


def ct(folder: Path, count: int) -> Corpus:
    """Write CT slices of 512 x 512 pixels with 165 elements."""
    return make(folder, count, per_series=100, side=512, fillers=127, kind=1)


def tiny(folder: Path, count: int) -> Corpus:
    """Write files of 3.2 KB, two to a series."""
    return make(folder, count, per_series=2, side=32, fillers=0, kind=2)
