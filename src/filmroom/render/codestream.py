"""How large an image a compressed frame says that it is, before anything decodes it.

Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS), T.800 annex A (JPEG 2000).
"""

from __future__ import annotations

import struct

_START_OF_IMAGE = b"\xff\xd8"
_JPEG_2000 = b"\xff\x4f\xff\x51"
_WRAPPER = 4_096  # within so many bytes the codestream of a wrapped JPEG 2000 begins
# Start of frame: baseline to lossless, in every coding, and JPEG-LS.
_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}


def codestream_size(data: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a JPEG, JPEG-LS or JPEG 2000 frame; None where it does not say."""
    if data.startswith(_START_OF_IMAGE):
        return _jpeg_size(data)
    place = data.find(_JPEG_2000, 0, _WRAPPER)
    return None if place < 0 else _jpeg_2000_size(data[place + len(_JPEG_2000) :])


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = len(_START_OF_IMAGE)
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _FRAMES:
            rows, columns = struct.unpack_from(">HH", data, place + 5)
            return (rows, columns) if rows and columns else None
        else:
            place += 2 + max(length, 2)
    return None


def _jpeg_2000_size(data: bytes) -> tuple[int, int] | None:
    """Read the parameters that follow the marker SIZ: length, capabilities, size and offset of the grid."""
    if len(data) < 20:
        return None
    width, height, left, top = struct.unpack_from(">4L", data, 4)
    return (height - top, width - left) if height > top and width > left else None
