"""Regions of slides as pictures, drawn in a process of its own like every other picture.

The process keeps the slides open that it was asked for last: opening one reads its directories.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from filmroom.errors import FilmroomError, NoPicture
from filmroom.render.confined import confine
from filmroom.render.file_part import FilePart

if TYPE_CHECKING:
    from PIL.Image import Image

    from filmroom.model.slides import Region
    from filmroom.slide.tiles import OpenSlide

_OPEN_SLIDES = 4
_SECONDS = 20
_BLOCK = 256 * 1024
_BLOCKS = 64
"""Kept of each remote slide."""


@dataclass(frozen=True, slots=True)
class SlidePart:
    """A file of a slide: bytes of a file of this machine, or of an object that an address gives ranges of.

    :param path: the file, or :param url: the address. ``offset`` and ``size`` in bytes.
    """

    offset: int
    size: int
    path: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class SlideSource:
    """Where a slide is: one file, or the instances of a series of DICOM images.

    ``identity`` is the same for the same bytes.
    """

    identity: str
    parts: tuple[SlidePart, ...]
    is_series: bool = False


@dataclass(frozen=True, slots=True)
class SlidePicture:
    """What to draw: a region, turned clockwise by ``rotation`` (0, 90, 180, 270 degrees) after it was
    mirrored, in colour, grey, or black and white."""

    region: Region
    form: Literal["jpg", "png"] = "jpg"
    quality: int = 80
    rotation: int = 0
    mirrored: bool = False
    tones: Literal["color", "gray", "bitonal"] = "color"


def draw_slide(source: SlideSource, wanted: SlidePicture) -> bytes:
    """Return a picture of a region of a slide. :raises NoPicture: whatever is wrong."""
    confine()
    from filmroom.slide.tiles import picture

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files with faults, which are not news
            return _encoded(picture(_opened(source), wanted.region), wanted)
    except FilmroomError as error:
        raise NoPicture(str(error)) from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything for a broken tile
        raise NoPicture(f"The slide cannot be decoded ({type(error).__name__}).") from None


def _encoded(image: Image, wanted: SlidePicture) -> bytes:
    from PIL import ImageOps
    from PIL.Image import Transpose

    if wanted.mirrored:
        image = ImageOps.mirror(image)
    if wanted.rotation:
        turns = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180}
        image = image.transpose(turns.get(wanted.rotation, Transpose.ROTATE_90))
    if wanted.tones != "color":
        image = image.convert("L" if wanted.tones == "gray" else "1")
    buffer = io.BytesIO()
    if wanted.form == "png":
        image.save(buffer, "PNG", compress_level=3)
    else:
        image.save(buffer, "JPEG", quality=wanted.quality)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Opened:
    slide: OpenSlide
    parts: tuple[FilePart | _Remote, ...]

    def close(self) -> None:
        self.slide.close()
        for part in self.parts:
            part.close()


_open: OrderedDict[str, _Opened] = OrderedDict()


def _opened(source: SlideSource) -> OpenSlide:
    opened = _open.get(source.identity)
    if opened is None:
        opened = _open[source.identity] = _new(source)
        while len(_open) > _OPEN_SLIDES:
            _open.popitem(last=False)[1].close()
    _open.move_to_end(source.identity)
    for part, said in zip(opened.parts, source.parts, strict=True):
        if isinstance(part, _Remote):
            part.url = said.url  # the one before may have expired
    return opened.slide


def _new(source: SlideSource) -> _Opened:
    from filmroom.slide.opening import open_slide

    parts: list[FilePart | _Remote] = []
    try:
        parts.extend(_part(part, len(source.parts)) for part in source.parts)
        return _Opened(open_slide(parts, is_series=source.is_series), tuple(parts))
    except BaseException:
        for opened in parts:
            opened.close()
        raise


def _part(part: SlidePart, count: int) -> FilePart | _Remote:
    if part.url:
        return _Remote(part, max(2, _BLOCKS // count))
    return FilePart(part.path, part.offset, part.size)


class _Remote:
    """A file that an address gives out in ranges (RFC 9110 section 14), a block at a time."""

    def __init__(self, part: SlidePart, blocks: int) -> None:
        self.size = part.size
        self.url = part.url
        self._offset = part.offset
        self._block: Callable[[int], bytes] = lru_cache(blocks)(self._fetch)

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        parts = []
        while offset < end:
            number, inside = divmod(offset, _BLOCK)
            part = self._block(number)[inside : inside + end - offset]
            if not part:
                raise NoPicture("The slide ends early.")
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Forget what was fetched."""
        self._block = self._fetch

    def _fetch(self, number: int) -> bytes:
        first = self._offset + number * _BLOCK
        last = min(first + _BLOCK, self._offset + self.size) - 1
        request = urllib.request.Request(self.url, headers={"Range": f"bytes={first}-{last}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - of our store
                if answer.status != 206:
                    raise NoPicture("The store does not give out ranges.")
                data: bytes = answer.read(last - first + 1)
        except (urllib.error.URLError, OSError) as error:
            raise NoPicture(f"The store does not answer ({type(error).__name__}).") from None
        return data
