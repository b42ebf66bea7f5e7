"""Stored JPEG tiles as images that stand alone."""

from __future__ import annotations

import struct

_HEAD = 1_024
"""Bytes at the beginning of an image in which programs say how its colours are stored."""
_START, _END = b"\xff\xd8", b"\xff\xd9"
# Adobe's APP14 segment with transform 0: the three components are red, green and blue.
_IS_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


def whole_jpeg(data: bytes, *, tables: bytes | None = None, rgb: bool = False) -> bytes | None:
    """Return stored JPEG data as an image that stands alone; None where there is none.

    That is where the data do not begin or end as one, or say themselves that their colours are others than
    the file says.

    :param tables: a TIFF file's ``JPEGTables``. :param rgb: the file says that the three components are red,
        green and blue, which JPEG alone would take for YCbCr.
    """
    if not data.startswith(_START) or not data.rstrip(b"\0").endswith(_END):
        return None
    head = data[:_HEAD]
    if rgb and b"Adobe" in head:
        # Version (2), flags (2 and 2), transform (1): 0 is red, green and blue, as the file says too.
        if head[head.index(b"Adobe") + 11 :][:1] != b"\0":
            return None
        rgb = False
    elif rgb and b"JFIF\0" in head:
        return None  # its colours are always YCbCr, whatever is put before it
    return b"".join([_START, _IS_RGB if rgb else b"", _segments(tables), data[2:]])


def _segments(tables: bytes | None) -> bytes:
    """Return the segments of ``JPEGTables`` between its first and its last marker."""
    if not tables:
        return b""
    position, segments = 2, []
    while position + 4 <= len(tables):
        marker, length = struct.unpack_from(">HH", tables, position)
        if marker == 0xFFD9 or marker >> 8 != 0xFF:
            break
        segments.append(tables[position : position + 2 + length])
        position += 2 + length
    return b"".join(segments)
