"""Data sets and files that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

MakeDataset = Callable[..., Dataset]
Encode = Callable[..., bytes]


def build_dataset(**attributes: object) -> Dataset:
    """A small object with legal identifiers; keywords set more attributes, None removes one."""
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    ds.SOPInstanceUID = "1.2.3.4.5"
    ds.StudyInstanceUID = "1.2.3"
    ds.SeriesInstanceUID = "1.2.3.4"
    ds.PatientID = "P1"
    ds.Modality = "CT"
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def encode_dataset(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set as a DICOM file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "1.2")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2")
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.fixture(scope="session")
def make_dataset() -> MakeDataset:
    return build_dataset


@pytest.fixture(scope="session")
def encode() -> Encode:
    return encode_dataset
