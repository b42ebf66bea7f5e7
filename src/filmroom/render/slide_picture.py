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

if TYPE_CHECKING:
    from PIL.Image import Image

    from filmroom.slide.file import SlideFile
    from filmroom.slide.tiles import Region

_OPEN_SLIDES = 4
_SECONDS = 20
_BLOCK = 256 * 1024
_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class SlideSource:
    """Where a slide's file is: a path of this machine, or an address that gives out ranges of it.

    ``identity`` is the same for the same bytes. ``size`` in bytes.
    """

    identity: str
    size: int
    path: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class SlidePicture:
    """What to draw: a region, turned clockwise by ``rotation`` (0, 90, 180, 270 degrees) after it was
    mirrored, in grey or in colour."""

    region: Region
    form: Literal["jpg", "png"] = "jpg"
    quality: int = 80
    rotation: int = 0
    mirrored: bool = False
    grey: bool = False


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
    if wanted.grey:
        image = image.convert("L")
    buffer = io.BytesIO()
    if wanted.form == "png":
        image.save(buffer, "PNG", compress_level=3)
    else:
        image.save(buffer, "JPEG", quality=wanted.quality)
    return buffer.getvalue()


_open: OrderedDict[str, tuple[SlideFile, _Remote | None]] = OrderedDict()


def _opened(source: SlideSource) -> SlideFile:
    from filmroom.slide.file import SlideFile
    from filmroom.slide.stream import as_file

    if source.identity in _open:
        slide, remote = _open[source.identity]
        _open.move_to_end(source.identity)
    else:
        remote = _Remote(source.size) if source.url else None
        if remote is not None:
            remote.url = source.url
        slide = SlideFile(as_file(remote) if remote is not None else source.path)
        _open[source.identity] = slide, remote
        while len(_open) > _OPEN_SLIDES:
            _open.popitem(last=False)[1][0].close()
    if remote is not None:
        remote.url = source.url  # the one before may have expired
    return slide


class _Remote:
    """A file that an address gives out in ranges (RFC 9110 section 14), a block at a time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.url = ""
        self._block: Callable[[int], bytes] = lru_cache(_BLOCKS)(self._fetch)

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

    def _fetch(self, number: int) -> bytes:
        first = number * _BLOCK
        last = min(first + _BLOCK, self.size) - 1
        request = urllib.request.Request(self.url, headers={"Range": f"bytes={first}-{last}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - of our store
                if answer.status != 206:
                    raise NoPicture("The store does not give out ranges.")
                data: bytes = answer.read(last - first + 1)
        except (urllib.error.URLError, OSError) as error:
            raise NoPicture(f"The store does not answer ({type(error).__name__}).") from None
        return data
