"""Is the pixel data all there? Judged by its length and number of fragments, without decoding it.

Sources: PS3.3 C.7.6.3 (image pixel module), PS3.5 section 8 and annex A.4 (encapsulation).
"""

from __future__ import annotations

import re
import struct

from filmroom.dicom.scan import (
    BITS_ALLOCATED,
    BITS_STORED,
    COLUMNS,
    HIGH_BIT,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    PIXEL_REPRESENTATION,
    ROWS,
    SAMPLES_PER_PIXEL,
    PixelValue,
    Scanner,
)
from filmroom.errors import TruncatedDicom

_MODULE = (
    SAMPLES_PER_PIXEL,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    COLUMNS,
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    PIXEL_REPRESENTATION,
)
_IMAGES = ("Image Storage", "Segmentation Storage", "Parametric Map Storage", "RT Dose Storage")
_BITS = {0x7FE00008: 32, 0x7FE00009: 64}
# How much of the full size a photometric interpretation with subsampled colour has (PS3.3 C.7.6.3.1.2).
_SUBSAMPLED = {b"YBR_FULL_422": (2, 3), b"YBR_PARTIAL_422": (2, 3), b"YBR_PARTIAL_420": (1, 2)}
# MPEG-2, MPEG-4 and HEVC: one fragment may hold all frames (PS3.5 A.4.5 to A.4.11).
_VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?")


def check_pixels(scanner: Scanner, transfer_syntax_uid: str) -> None:
    """Compare the pixel data with what the image attributes promise.

    An image without any pixel data is reported as a warning: such headers are handed around on purpose,
    and a file cut off exactly there looks the same.

    :raises TruncatedDicom: when pixel data is shorter than promised.
    """
    pixels = scanner.pixels
    if pixels is None:
        _check_absence(scanner)
    elif pixels.items is None:
        _check_native(scanner, pixels)
    else:
        _check_encapsulated(scanner, pixels, transfer_syntax_uid)


def _check_absence(scanner: Scanner) -> None:
    sop_class = scanner.raw.get(0x00080016, (b"", b""))[1].strip(b"\0 ")
    # Objects of other classes may have Rows and Columns without pixels, spectroscopy for one.
    if not _is_image(sop_class.decode("latin_1")):
        return
    present = sum(tag in scanner.raw for tag in _MODULE)
    if 0 < present < len(_MODULE):
        raise TruncatedDicom("The file ends in the middle of the description of its image.")
    if scanner.zeros > 1:
        raise TruncatedDicom(f"{scanner.zeros:,} zero bytes stand where the pixel data should be.")
    scanner.warnings.append("The object describes an image but has no pixel data.")


def _is_image(sop_class_uid: str) -> bool:
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    return UID(sop_class_uid, validation_mode=IGNORE).name.endswith(_IMAGES)


def _check_native(scanner: Scanner, pixels: PixelValue) -> None:
    rows, columns = _number(scanner, ROWS), _number(scanner, COLUMNS)
    bits = _BITS.get(pixels.tag) or _number(scanner, BITS_ALLOCATED)
    if not rows or not columns or not bits:
        return
    samples = _number(scanner, SAMPLES_PER_PIXEL) or 1
    frames = _frames(scanner)
    promised = rows * columns * samples * frames * bits
    photometric = scanner.raw.get(PHOTOMETRIC_INTERPRETATION, (b"", b""))[1].strip(b"\0 ")
    if samples == 3 and photometric in _SUBSAMPLED:
        part, whole = _SUBSAMPLED[photometric]
        promised = promised // whole * part
    needed = (promised + 7) // 8
    if pixels.length < needed:
        raise TruncatedDicom(
            f"The pixel data has {pixels.length:,} bytes, but {frames} frame(s) of {rows} x {columns} pixels "
            f"need {needed:,}."
        )


def _check_encapsulated(scanner: Scanner, pixels: PixelValue, transfer_syntax_uid: str) -> None:
    fragments = max(0, (pixels.items or 0) - 1)  # the first item is the offset table
    needed = 1 if _VIDEO.fullmatch(transfer_syntax_uid) else _frames(scanner)
    if fragments < needed:
        raise TruncatedDicom(
            f"The pixel data has {fragments} fragment(s), but {needed} frame(s) need one each at least."
        )


def _frames(scanner: Scanner) -> int:
    """Number of frames; one where it is absent or no number (a warning says so elsewhere)."""
    data = scanner.raw.get(NUMBER_OF_FRAMES, (b"", b""))[1].strip(b"\0 ")
    return max(1, int(data)) if re.fullmatch(rb"\+?[0-9]{1,12}", data) else 1


def _number(scanner: Scanner, tag: int) -> int:
    """An unsigned 16-bit value, 0 where it is absent or something else."""
    data = scanner.raw.get(tag, (b"", b""))[1]
    if len(data) != 2:
        return 0
    value: int = struct.unpack(scanner.order.mark + "H", data)[0]
    return value
