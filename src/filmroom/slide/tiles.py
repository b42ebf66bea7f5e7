"""Regions and tiles of a slide as pictures.

A stored JPEG tile is given out as it lies in the file, with the tables that the file keeps apart put back in
front of it. Everything else is decoded and encoded again.
"""

from __future__ import annotations

import io
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from filmroom.errors import InvalidInput, UnusableSlide
from filmroom.model.slides import Region, SlideFacts

_MOST_PIXELS = 2**24
"""Pixels of one answer, and of what is read for it, at most."""


class OpenSlide(Protocol):
    """A slide that can be read: a file, or a series of DICOM images."""

    facts: SlideFacts

    def samples(self, level: int, place: tuple[int, int], size: tuple[int, int]) -> npt.NDArray[Any]:
        """Return decoded samples (rows, columns, channels) of a level, from a place in its own pixels."""

    def stored(self, level: int, column: int, row: int) -> bytes | None:
        """Return a stored tile as a JPEG image; None where it is none."""

    def close(self) -> None: ...


def check_region(slide: OpenSlide, region: Region) -> None:
    """:raises InvalidInput: when it has no pixels, lies outside, or is shown larger than is answered."""
    facts = slide.facts
    if min(region.width, region.height, region.shown_width, region.shown_height) < 1:
        raise InvalidInput("A region has at least one pixel.")
    if region.x < 0 or region.y < 0 or region.x >= facts.width or region.y >= facts.height:
        raise InvalidInput("The region lies outside of the slide.")
    if region.shown_width * region.shown_height > _MOST_PIXELS:
        raise InvalidInput(f"A picture has at most {_MOST_PIXELS} pixels; ask for less of it, or smaller.")


def picture(slide: OpenSlide, region: Region) -> Image.Image:
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
    image = _rgb(slide.samples(number, (left, top), size))
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


def stored_tile(slide: OpenSlide, level: int, column: int, row: int) -> bytes | None:
    """Return a tile as it is stored, whole: None where it is no JPEG, or reaches over the edge of the level.

    Tiles at the right and lower edge are stored whole, with what lies beyond the slide: they have to be cut.

    :raises InvalidInput: when there is no such tile.
    """
    facts = slide.facts.levels[level]
    if not (0 <= column * facts.tile_width < facts.width and 0 <= row * facts.tile_height < facts.height):
        raise InvalidInput("There is no such tile.")
    inside = (column + 1) * facts.tile_width <= facts.width and (row + 1) * facts.tile_height <= facts.height
    return slide.stored(level, column, row) if facts.stored_jpeg and inside else None


def _level(slide: OpenSlide, scale: float) -> int:
    """Return the smallest level that is not smaller than what is shown."""
    best = 0
    for number, level in enumerate(slide.facts.levels):
        if slide.facts.width / level.width <= scale * 1.0001:
            best = number
    return best
