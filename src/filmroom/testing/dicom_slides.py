"""Series of DICOM whole-slide images with known content: a pyramid, and the pictures of the glass."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    VLWholeSlideMicroscopyImageStorage,
    generate_uid,
)

from filmroom.testing.slides import Picture, specimen


def slide_uid(name: str, seed: int = 0) -> UID:
    """Return the UID that the slide of that seed has for its ``series`` or another of its parts."""
    return generate_uid(entropy_srcs=["filmroom slide", name, str(seed)])


def write_dicom_slide(
    folder: Path,
    *,
    width: int = 700,
    height: int = 500,
    tile: int = 128,
    seed: int = 0,
    label: bool = True,
    jpeg: bool = True,
) -> Path:
    """Write two levels (full size and half) of :func:`specimen` and, if wanted, label and overview.

    The files are ``level-0.dcm``, ``level-1.dcm``, ``label.dcm`` and ``overview.dcm``. 0.5 micrometres per
    pixel, 20x; tiles are JPEG, or not compressed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture = specimen(width, height, seed)
    for number, step in enumerate((1, 2)):
        level = slide_image(picture[::step, ::step], "VOLUME", tile=tile, step=step, seed=seed, jpeg=jpeg)
        level.save_as(folder / f"level-{number}.dcm", enforce_file_format=True)
    if label:
        for name in ("label", "overview"):
            glass = slide_image(specimen(96, 64, seed + 1), name.upper(), tile=96, seed=seed, jpeg=jpeg)
            glass.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    return folder


def slide_image(
    picture: Picture, kind: str, *, tile: int = 128, step: int = 1, seed: int = 0, jpeg: bool = True
) -> FileDataset:
    """Return one image of a slide (PS3.3 A.32.8), all of its tiles in order.

    :param kind: the third value of Image Type. :param step: pixels of the specimen to one of the image.
    """
    rows, columns = picture.shape[:2]
    across, down = -(-columns // tile), -(-rows // tile)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    meta.MediaStorageSOPInstanceUID = slide_uid(f"{kind} {step}", seed)
    meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL" if step == 1 else "DERIVED", "PRIMARY", kind, "NONE"]
    ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = f"SLIDE-{seed}", "", "", "O"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = slide_uid("study", seed), slide_uid("series", seed)
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20260115", "101500", "", "1"
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = "SM", 1, "H&E <specimen>"
    ds.InstanceNumber = step
    ds.Manufacturer, ds.FrameOfReferenceUID = "Filmroom", slide_uid("frame", seed)
    ds.ContainerIdentifier, ds.DimensionOrganizationType = "GLASS-1", "TILED_FULL"
    ds.Rows = ds.Columns = tile
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = columns, rows
    ds.NumberOfFrames, ds.TotalPixelMatrixFocalPlanes, ds.NumberOfOpticalPaths = across * down, 1, 1
    ds.ImagedVolumeWidth, ds.ImagedVolumeHeight = columns * step * 0.0005, rows * step * 0.0005
    ds.ImagedVolumeDepth, ds.ImageOrientationSlide = 0.001, [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 0, 0
    ds.TotalPixelMatrixOriginSequence = Sequence([origin])
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    path, measures, shared = Dataset(), Dataset(), Dataset()
    path.OpticalPathIdentifier, path.ObjectiveLensPower = "0", 20
    ds.OpticalPathSequence = Sequence([path])
    measures.PixelSpacing, measures.SliceThickness = [0.0005 * step, 0.0005 * step], 0.001
    shared.PixelMeasuresSequence = Sequence([measures])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    padded = np.full((down * tile, across * tile, 3), 255, np.uint8)
    padded[:rows, :columns] = picture
    tiles = [
        padded[y : y + tile, x : x + tile]
        for y in range(0, down * tile, tile)
        for x in range(0, across * tile, tile)
    ]
    ds.PixelData = encapsulate(list(map(_jpeg, tiles))) if jpeg else b"".join(map(np.ndarray.tobytes, tiles))
    if jpeg:
        ds["PixelData"].VR = "OB"
    return ds


def _jpeg(tile: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=90, subsampling="4:2:2")
    return buffer.getvalue()
