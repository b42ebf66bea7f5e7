"""One frame of an object, taken out of its file with what is needed to show it, and not decoded."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, cast

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, SegmentationStorage

from filmroom.dicom.elements import LITTLE, UNDEFINED
from filmroom.dicom.source import ByteSource
from filmroom.dicom.start import open_start
from filmroom.errors import NoPicture
from filmroom.render.codestream import codestream_size

MOST_SAMPLES = 32 * 1024 * 1024
"""Rows by columns by samples of one frame."""
_LARGEST_HEADER = 64 * 1024 * 1024
_BUFFER = 64 * 1024
_MOST_READ = 1024 * 1024 * 1024
"""Bytes read on the way to a frame, where no table says where it begins; they are not kept."""

_SEGMENTATIONS = {SegmentationStorage, UID("1.2.840.10008.5.1.4.1.1.66.7")}  # the latter of label maps
_PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_SHARED_GROUPS, _FRAME_GROUPS = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
# PS3.3 C.7.6.3 (image pixel), C.7.6.5 to 6, C.7.9 (palette), C.11.1 and C.11.2 (LUTs and windows).
_KEYWORDS = (
    "SOPClassUID SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns "
    "BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit "
    "WindowCenter WindowWidth VOILUTFunction RescaleIntercept RescaleSlope ModalityLUTSequence "
    "VOILUTSequence PaletteColorLookupTableUID RedPaletteColorLookupTableDescriptor "
    "GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor "
    "RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData "
    "SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData "
    "SegmentedBluePaletteColorLookupTableData ExtendedOffsetTable ExtendedOffsetTableLengths "
    f"{_SHARED_GROUPS} {_FRAME_GROUPS}"
)
_TAGS = [Tag(keyword) for keyword in _KEYWORDS.split()]
# What an enhanced image says of each frame that others say of all of them (PS3.3 C.7.6.16.2).
_OF_A_FRAME = {
    "PixelValueTransformationSequence": ("RescaleIntercept", "RescaleSlope"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
}


class _File(io.RawIOBase):
    """A source as a file, that refuses to give out more than so many bytes altogether."""

    def __init__(self, source: ByteSource, most: int) -> None:
        self._source = source
        self._position = 0
        self.left = most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._source.read(self._position, len(view))
        self.left -= len(data)
        if self.left < 0:
            raise NoPicture("More of the object would have to be read than is allowed.")
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position


def read_frame(source: ByteSource, number: int) -> Dataset:
    """Return a data set of one frame: its encoded pixels, and what PS3.3 C.7.6.3 and C.11 say of them.

    :param number: of the frame, from 1.
    :raises NoPicture: when the object is no image, has no such frame, or a frame that is too large.
    :raises DicomError: when the file cannot be read.
    """
    start = open_start(source)
    raw = _File(start.window.source, _LARGEST_HEADER)
    file = cast(BinaryIO, io.BufferedReader(raw, _BUFFER))
    file.seek(start.position)
    dataset = read_dataset(
        file,
        is_implicit_VR=start.implicit,
        is_little_endian=start.order is LITTLE,
        stop_when=lambda tag, _vr, _length: tag in _PIXELS,
        specific_tags=list(_TAGS),
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(start.transfer_syntax_uid)
    keyword, encapsulated = _pixel_element(file, implicit=start.implicit, mark=start.order.mark)
    size = _check(dataset, number, keyword)
    raw.left = _MOST_READ
    if encapsulated:
        frame = _encoded_frame(file, dataset, number, size)
        dataset.PixelData = encapsulate([frame], has_bot=False)
        dataset["PixelData"].is_undefined_length = True
    else:
        file.seek((number - 1) * size, io.SEEK_CUR)
        frame = file.read(size)
        setattr(dataset, keyword, frame + b"\0" * (len(frame) % 2))
    _lift_functional_groups(dataset, number)
    dataset.NumberOfFrames = 1
    return dataset


def _pixel_element(file: BinaryIO, *, implicit: bool, mark: str) -> tuple[str, bool]:
    """Read the head of the pixel data; return its keyword and whether it is encapsulated."""
    head = file.read(8)
    if len(head) < 8:
        raise NoPicture("The object has no pixels.")
    group, element = struct.unpack(f"{mark}HH", head[:4])
    length = head[4:] if implicit else file.read(4)
    keyword = _PIXELS.get(BaseTag(group << 16 | element))
    if keyword is None or len(length) < 4:
        raise NoPicture("The object has no pixels.")
    return keyword, struct.unpack(f"{mark}L", length)[0] == UNDEFINED


def _check(dataset: Dataset, number: int, keyword: str) -> int:
    """Return the bytes of one decoded frame. :raises NoPicture: when there is none that can be shown."""
    if dataset.get("SOPClassUID") in _SEGMENTATIONS:
        raise NoPicture("A segmentation has no picture of its own.")
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    bits = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(keyword) or int(
        dataset.get("BitsAllocated") or 0
    )
    if not rows or not columns or samples not in {1, 3} or bits not in {8, 16, 32, 64}:
        raise NoPicture("The object does not describe an image.")
    if rows * columns * samples > MOST_SAMPLES:
        raise NoPicture(f"A frame of {rows} by {columns} pixels is too large to be shown.")
    if not 1 <= number <= max(1, int(dataset.get("NumberOfFrames") or 1)):
        raise NoPicture(f"The object has no frame {number}.")
    size = rows * columns * samples * bits // 8
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422" and _is_native(dataset):
        size = size // 3 * 2  # two pixels share their colour
    return size


def _is_native(dataset: Dataset) -> bool:
    return not dataset.file_meta.TransferSyntaxUID.is_encapsulated


def _encoded_frame(file: BinaryIO, dataset: Dataset, number: int, size: int) -> bytes:
    """Return one frame of encapsulated pixel data (PS3.5 annex A.4), looked at before it is decoded."""
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    frame = get_frame(
        file,
        number - 1,
        extended_offsets=offsets if all(offsets) else None,
        number_of_frames=max(1, int(dataset.get("NumberOfFrames") or 1)),
    )
    if len(frame) > 2 * size + _BUFFER:
        raise NoPicture("A frame is much longer than it would be without compression.")
    stated = codestream_size(frame)
    if stated is not None and stated != (dataset.Rows, dataset.Columns):
        raise NoPicture(f"A frame is {stated[0]} by {stated[1]} pixels, and not what the object says.")
    return frame


def _lift_functional_groups(dataset: Dataset, number: int) -> None:
    """Let the data set say of itself what it says of all frames, or of this one."""
    of_each = dataset.get(_FRAME_GROUPS) or []
    groups = [*(dataset.get(_SHARED_GROUPS) or [])[:1], *of_each[number - 1 : number]]
    for group in groups:
        for sequence, keywords in _OF_A_FRAME.items():
            for item in (group.get(sequence) or [])[:1]:
                for keyword in keywords:
                    if keyword in item:
                        setattr(dataset, keyword, item[keyword].value)
    for keyword in (_SHARED_GROUPS, _FRAME_GROUPS, "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            delattr(dataset, keyword)
