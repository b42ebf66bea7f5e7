"""How long reading a header takes, against pydicom, on a generated 527 KB CT of about 165 elements."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from filmroom.dicom.header import read_header, scan
from filmroom.dicom.source import FileSource
from filmroom.dicom.start import open_start

ROUNDS = 1000


def make_ct(path: Path, syntax: UID) -> int:
    """Write a CT slice of 512 x 512 pixels; return its number of top-level elements."""
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = generate_uid(entropy_srcs=["ct"])
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame"])
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(ds, keyword, "20200229")
    for keyword in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(ds, keyword, "112233.456")
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "CT", "Example Medical", "Scanner 3000"
    ds.InstitutionName, ds.StationName, ds.SoftwareVersions = "Hospital", "CT01", ["1.2", "b7"]
    ds.StudyDescription, ds.SeriesDescription, ds.ProtocolName = "CHEST CT", "Thorax 1.0 B31f", "Thorax"
    ds.PatientName, ds.PatientID, ds.PatientSex, ds.PatientAge = "Example^Person", "EX-0001", "F", "064Y"
    ds.PatientBirthDate, ds.PatientWeight, ds.BodyPartExamined = "19560101", "71.5", "CHEST"
    ds.SeriesNumber, ds.AcquisitionNumber, ds.InstanceNumber, ds.StudyID = 3, 1, 42, "S1"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-170.5, -170.5, 20], [1, 0, 0, 0, 1, 0]
    ds.SliceThickness, ds.SliceLocation, ds.PixelSpacing = "1.0", "20.0", [0.66, 0.66]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.Rows, ds.Columns = 1, "MONOCHROME2", 512, 512
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    for number in range(165 - len(ds) - 2):
        ds.add_new((0x0019, 0x1001 + number), "DS", ["1.25", "2.5"])
    ds.add_new((0x0019, 0x0010), "LO", "EXAMPLE HEADER")
    ds.add_new((0x7FE0, 0x0010), "OW", bytes(512 * 512 * 2))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path, enforce_file_format=True)
    return len(ds)


def microseconds(function: Callable[[], object]) -> float:
    """Best of five averages of CPU time per call, in microseconds."""
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for _ in range(ROUNDS // 5):
            function()
        best = min(best, (time.process_time() - begin) / (ROUNDS // 5))
    return best * 1e6


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        for name, syntax in (("explicit", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)):
            path = Path(folder) / f"{name}.dcm"
            elements = make_ct(path, syntax)
            with FileSource(path) as source:
                rows = {
                    "scan (open to end)": microseconds(lambda source=source: scan(open_start(source))),
                    "read_header": microseconds(lambda source=source: read_header(source)),
                    "pydicom stop_before_pixels": microseconds(
                        lambda path=path: pydicom.dcmread(path, stop_before_pixels=True)
                    ),
                }
            print(f"{name} VR little endian, {elements} elements, {path.stat().st_size:,} bytes")
            for label, value in rows.items():
                print(f"  {label:<28}{value:8.0f} us")


if __name__ == "__main__":
    main()
