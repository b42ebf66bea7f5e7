"""Single CT slices made for tests: real DICOM, of any size, not compressible."""

from __future__ import annotations

import io
import random

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def dicom_file(series_uid: str, number: int, pixels: int) -> bytes:
    """Return one CT slice of about ``pixels`` bytes, not compressible."""
    data = Dataset()
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = f"{series_uid}.{number}"
    data.Modality = "CT"
    data.PatientID = "P1"
    data.StudyInstanceUID = "1.2.3"
    data.SeriesInstanceUID = series_uid
    data.InstanceNumber = number
    side = max(1, int((pixels / 2) ** 0.5))
    data.Rows = data.Columns = side
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelData = random.Random(number).randbytes(side * side * 2)
    data["PixelData"].VR = "OW"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    sink = io.BytesIO()
    data.save_as(sink, enforce_file_format=True)
    return sink.getvalue()
