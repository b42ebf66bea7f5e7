"""A whole-slide TIFF file, opened and checked: SVS, NDPI, OME-TIFF and plain pyramids."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy.typing as npt
import tifffile
from tiffslide import TiffSlide

from filmroom.errors import UnusableSlide
from filmroom.model.slides import ASSOCIATED, SlideFacts, SlideFormat, SlideLevel
from filmroom.slide.stored_jpeg import whole_jpeg

if TYPE_CHECKING:
    from tiffslide._types import TiffFileIO

_MOST_PIXELS = 2**40
"""A scan of a whole glass at 100x has about 2**38."""
_MOST_LEVELS = 32
_MOST_PAGES = 10_000
_LARGEST_CHUNK = 2**26
"""Pixels that have to be decoded together, at most: a file of larger ones cannot be shown in pieces."""
_JPEG, _RGB = 7, 2
_MOST_MICROMETRES = 100.0
"""A pixel that is said to be larger is of a file that does not know: programs then write 72 to the inch."""
_MICROMETRES = ("\u00b5m", "\u03bcm", "um", "&#181;m", "&#956;m")
_MOST_POWER = 1_000.0

Pages = list[tifffile.TiffPage]


class _ByLevel(TiffSlide):
    """The reader, with places in pixels of the level that is read: those of the largest are not exact."""

    def _read_region_loc_transform(self, location: tuple[int, int], level: int) -> tuple[int, int]:
        return location


class SlideFile:
    """An open slide. Raises :class:`~filmroom.errors.UnusableSlide` for what is none, or is broken.

    :param source: path of the file, or an open binary file that can seek.

    Not to be used by several threads at once.
    """

    def __init__(self, source: str | Path | TiffFileIO) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of metadata that is not needed here
                self.slide = _ByLevel(source)
        except Exception as error:  # noqa: BLE001 - the readers raise anything for a broken file
            raise UnusableSlide(f"The file is no slide that can be read ({type(error).__name__}).") from None
        self.tiff: tifffile.TiffFile = self.slide.ts_tifffile
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.levels: list[Pages] = [_pages(level) for level in self._series().levels]
                self.facts = self._facts()
        except UnusableSlide:
            self.close()
            raise
        except Exception as error:  # noqa: BLE001 - as above
            self.close()
            raise UnusableSlide(f"The slide cannot be read ({type(error).__name__}).") from None

    def samples(self, level: int, place: tuple[int, int], size: tuple[int, int]) -> npt.NDArray[Any]:
        """Return decoded samples (rows, columns, channels) of a level, from a place in its own pixels."""
        found: npt.NDArray[Any] = self.slide.read_region(place, level, size, as_array=True, padding=False)
        return found

    def stored(self, level: int, column: int, row: int) -> bytes | None:
        """Return a stored tile as a JPEG image; None where it is none."""
        pages = self.levels[level]
        if len(pages) > 1:
            return None
        page = pages[0]
        number = row * -(-page.imagewidth // page.tilewidth) + column
        offset, length = page.dataoffsets[number], page.databytecounts[number]
        if not length:
            return None
        handle = self.tiff.filehandle
        handle.seek(offset)
        # TIFF says how colours are stored.
        rgb = page.photometric == _RGB and page.samplesperpixel == 3
        return whole_jpeg(handle.read(length), tables=page.jpegtables, rgb=rgb)

    def close(self) -> None:
        """Close the file."""
        self.slide.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _series(self) -> tifffile.TiffPageSeries:
        return self.tiff.series[int(self.slide.properties.get("tiffslide.series-index") or 0)]

    def _facts(self) -> SlideFacts:
        _refuse_broken(self.tiff, self.levels)
        properties = self.slide.properties
        size_x, size_y = (
            _pixel_size(self.tiff, properties.get(f"tiffslide.mpp-{axis}"), axis) for axis in "xy"
        )
        return SlideFacts(
            format=_format(self.tiff),
            vendor=str(properties.get("tiffslide.vendor") or ""),
            levels=tuple(_level(pages[0]) for pages in self.levels),
            pixel_size_x=size_x,
            pixel_size_y=size_y,
            objective_power=_positive(properties.get("tiffslide.objective-power"), _MOST_POWER),
            associated=frozenset(map(str.lower, self.slide.associated_images)) & frozenset(ASSOCIATED),
        )


def _pages(level: tifffile.TiffPageSeries) -> Pages:
    return [page.aspage() for page in level.pages if page is not None]


def _format(tiff: tifffile.TiffFile) -> SlideFormat:
    if tiff.is_svs:
        return "svs"
    if tiff.is_ndpi:
        return "ndpi"
    return "ome-tiff" if tiff.is_ome else "tiff"


def _level(page: tifffile.TiffPage) -> SlideLevel:
    tiled = page.is_tiled and 322 in page.tags  # NDPI has strips, which the reader shows as tiles
    jpeg = tiled and page.compression == _JPEG and page.bitspersample == 8 and page.samplesperpixel in {1, 3}
    width, height, _ = _chunk(page)
    return SlideLevel(page.imagewidth, page.imagelength, width, height, jpeg)


def _chunk(page: tifffile.TiffPage) -> tuple[int, int, int]:
    """Return width, height and depth in pixels of what is decoded together."""
    if page.is_tiled:
        return page.tilewidth, page.tilelength, max(1, page.tiledepth)
    return page.imagewidth, min(page.rowsperstrip, page.imagelength), 1


def _refuse_broken(tiff: tifffile.TiffFile, levels: list[Pages]) -> None:
    """:raises UnusableSlide: when the pyramid cannot be shown in pieces, or points out of the file."""
    if not levels or not all(levels) or len(levels) > _MOST_LEVELS:
        raise UnusableSlide("The slide has no pyramid of images.")
    if sum(map(len, levels)) > _MOST_PAGES:
        raise UnusableSlide("The slide has too many images.")
    before = math.inf
    for pages in levels:
        for page in pages:
            _refuse_broken_page(page, tiff.filehandle.size)
        pixels = pages[0].imagewidth * pages[0].imagelength
        if pixels > min(before, _MOST_PIXELS):
            raise UnusableSlide("A level of the slide is larger than one before it, or than any glass.")
        before = pixels


def _refuse_broken_page(page: tifffile.TiffPage, size: int) -> None:
    if page.imagewidth < 1 or page.imagelength < 1:
        raise UnusableSlide("A level of the slide has no pixels.")
    if page.imagedepth > 1:
        raise UnusableSlide("Volumes are not shown as slides.")
    width, height, depth = _chunk(page)
    if width < 1 or height < 1 or width * height * depth > _LARGEST_CHUNK:
        raise UnusableSlide("The slide is stored in pieces that are too large to be shown one by one.")
    wanted = math.prod(
        -(-have // piece) for have, piece in ((page.imagewidth, width), (page.imagelength, height))
    )
    if len(page.dataoffsets) < wanted or len(page.dataoffsets) != len(page.databytecounts):
        raise UnusableSlide("The slide does not say where all of its pieces are.")
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        if offset < 0 or length < 0 or offset + length > size:
            raise UnusableSlide("The slide points out of its file: it may be cut off.")


def _pixel_size(tiff: tifffile.TiffFile, found: Any, axis: str) -> float | None:
    """Return micrometres per pixel: as the reader found them, or as OME-XML says."""
    said = tiff.ome_metadata if tiff.is_ome else None
    if said is not None:
        size = re.search(rf'\bPhysicalSize{axis.upper()}="([0-9.eE+-]{{1,30}})"', said)
        unit = re.search(rf'\bPhysicalSize{axis.upper()}Unit="([^"]*)"', said)
        found = size[1] if size and (unit is None or unit[1] in _MICROMETRES) else None
    return _positive(found, _MOST_MICROMETRES)


def _positive(value: Any, most: float) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number <= most else None


def every_page(pages: list[tifffile.TiffPage]) -> Iterator[tifffile.TiffPage]:
    """Yield pages and those below them (``SubIFDs``)."""
    for page in pages:
        yield page
        if page.subifds:
            yield from every_page([below.aspage() for below in page.pages or ()])
