"""Regions and tiles of a slide as pictures.

A stored JPEG tile is given out as it lies in the file, with the tables that the file keeps apart put back in
front of it. Everything else is decoded and encoded again.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from filmroom.errors import InvalidInput, UnusableSlide
from filmroom.slide.file import SlideFile

_MOST_PIXELS = 2**24
"""Pixels of one answer, and of what is read for it, at most."""
_START, _END = b"\xff\xd8", b"\xff\xd9"
_RGB = 2
# Adobe's APP14 segment with transform 0: the three components are red, green and blue.
_IS_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a slide in pixels of its largest level, and the size in pixels to show it in."""

    x: int
    y: int
    width: int
    height: int
    shown_width: int
    shown_height: int


def check_region(slide: SlideFile, region: Region) -> None:
    """:raises InvalidInput: when it has no pixels, lies outside, or is shown larger than is answered."""
    facts = slide.facts
    if min(region.width, region.height, region.shown_width, region.shown_height) < 1:
        raise InvalidInput("A region has at least one pixel.")
    if region.x < 0 or region.y < 0 or region.x >= facts.width or region.y >= facts.height:
        raise InvalidInput("The region lies outside of the slide.")
    if region.shown_width * region.shown_height > _MOST_PIXELS:
        raise InvalidInput(f"A picture has at most {_MOST_PIXELS} pixels; ask for less of it, or smaller.")


def picture(slide: SlideFile, region: Region) -> Image.Image:
    """Return a region as an RGB image of the size that is asked for.

    It is read from the smallest level that has as many pixels as are shown.

    :raises InvalidInput: see :func:`check_region`.
    """
    check_region(slide, region)
    width = min(region.width, slide.facts.width - region.x)
    height = min(region.height, slide.facts.height - region.y)
    scale = min(width / region.shown_width, height / region.shown_height)
    number = _level(slide, scale)
    level = slide.facts.levels[number]
    across, down = level.width / slide.facts.width, level.height / slide.facts.height
    left, top = int(region.x * across), int(region.y * down)
    right = min(level.width, max(left + 1, round((region.x + width) * across)))
    bottom = min(level.height, max(top + 1, round((region.y + height) * down)))
    if (right - left) * (bottom - top) > 4 * _MOST_PIXELS:
        raise InvalidInput("The slide has no level that is small enough for such a picture.")
    size = (right - left, bottom - top)
    image = _rgb(slide.slide.read_region((left, top), number, size, as_array=True, padding=False))
    wanted = (region.shown_width, region.shown_height)
    if image.size != wanted:
        image = image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3)
    return image


def _rgb(samples: npt.NDArray[Any]) -> Image.Image:
    """Return samples (rows, columns, channels) as an image; of more than three channels, the first three."""
    if samples.dtype.kind not in "bui":
        raise UnusableSlide(f"Samples of the kind {samples.dtype} are not shown.")
    if samples.dtype.itemsize > 1:
        samples = samples >> (samples.dtype.itemsize * 8 - 8)
    samples = samples.astype(np.uint8)[..., :3]
    if samples.shape[2] == 1:
        return Image.fromarray(samples[..., 0]).convert("RGB")
    if samples.shape[2] == 2:
        samples = np.pad(samples, ((0, 0), (0, 0), (0, 1)))
    return Image.fromarray(np.ascontiguousarray(samples))


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Return an image as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def stored_tile(slide: SlideFile, level: int, column: int, row: int) -> bytes | None:
    """Return a tile as it is stored, whole: None where it is no JPEG, or reaches over the edge of the level.

    Tiles at the right and lower edge are stored whole, with what lies beyond the slide: they have to be cut.

    :raises InvalidInput: when there is no such tile.
    """
    facts = slide.facts.levels[level]
    if not (0 <= column * facts.tile_width < facts.width and 0 <= row * facts.tile_height < facts.height):
        raise InvalidInput("There is no such tile.")
    inside = (column + 1) * facts.tile_width <= facts.width and (row + 1) * facts.tile_height <= facts.height
    pages = slide.levels[level]
    if not facts.stored_jpeg or not inside or len(pages) > 1:
        return None
    page = pages[0]
    number = row * -(-facts.width // facts.tile_width) + column
    offset, length = page.dataoffsets[number], page.databytecounts[number]
    if not length:
        return None
    handle = slide.tiff.filehandle
    handle.seek(offset)
    data: bytes = handle.read(length)
    return whole_jpeg(data, page)


def whole_jpeg(data: bytes, page: tifffile.TiffPage) -> bytes | None:
    """Return stored JPEG data as an image that stands alone; None where they do not begin or end as one."""
    if not data.startswith(_START) or not data.rstrip(b"\0").endswith(_END):
        return None
    # TIFF says how colours are stored, and JPEG alone would take three components for YCbCr.
    colours = _IS_RGB if page.photometric == _RGB and page.samplesperpixel == 3 else b""
    return b"".join([_START, colours, _tables(page.jpegtables), data[2:]])


def _tables(data: bytes | None) -> bytes:
    """Return the segments of ``JPEGTables`` between its first and its last marker."""
    if not data:
        return b""
    position, segments = 2, []
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == 0xFFD9 or marker >> 8 != 0xFF:
            break
        segments.append(data[position : position + 2 + length])
        position += 2 + length
    return b"".join(segments)


def _level(slide: SlideFile, scale: float) -> int:
    """Return the smallest level that is not smaller than what is shown."""
    best = 0
    for number, level in enumerate(slide.facts.levels):
        if slide.facts.width / level.width <= scale * 1.0001:
            best = number
    return best
