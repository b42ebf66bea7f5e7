"""The words of an IIIF Image API 3.0 request: region, size, rotation, quality, format (sections 4.1-4.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from filmroom.errors import InvalidInput
from filmroom.model.slides import Region
from filmroom.render.slide_picture import SlidePicture

MOST_PIXELS = 2**24
"""Pixels of one answer at most, as ``maxArea`` of the information says."""

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_REGION = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})")
_PERCENT = re.compile(rf"pct:({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})")
_SIZE = re.compile(r"(\^?)(!?)([0-9]{0,9}),([0-9]{0,9})")
_SIZE_PERCENT = re.compile(rf"(\^?)pct:({_NUMBER})")
_ROTATION = re.compile(r"(!?)(0|90|180|270)(?:\.0{1,9})?")
_LAST = re.compile(r"(default|color|gray|bitonal)\.(jpg|png)")

_TONES: dict[str, Literal["color", "gray", "bitonal"]] = {
    "default": "color",
    "color": "color",
    "gray": "gray",
    "bitonal": "bitonal",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request's four parts, as they stand between the slashes."""

    region: str
    size: str
    rotation: str
    last: str

    def picture(self, width: int, height: int) -> SlidePicture:
        """Return what to draw of a slide of that size. :raises InvalidInput: for what cannot be."""
        turn = _ROTATION.fullmatch(self.rotation)
        if turn is None:
            raise InvalidInput("The rotation is 0, 90, 180 or 270, with ! before it to mirror.")
        last = _LAST.fullmatch(self.last)
        if last is None:
            raise InvalidInput("The picture is default, color, gray or bitonal, as .jpg or .png.")
        x, y, w, h = _region(self.region, width, height)
        shown_width, shown_height = _size(self.size, w, h)
        form: Literal["jpg", "png"] = "png" if last[2] == "png" else "jpg"
        return SlidePicture(
            Region(x, y, w, h, shown_width, shown_height),
            form=form,
            rotation=int(turn[2]),
            mirrored=bool(turn[1]),
            tones=_TONES[last[1]],
        )


def _region(text: str, width: int, height: int) -> tuple[int, int, int, int]:
    """Return x, y, width and height, cut at the slide's edges (section 4.1)."""
    if text == "full":
        return 0, 0, width, height
    if text == "square":
        side = min(width, height)
        return (width - side) // 2, (height - side) // 2, side, side
    if found := _REGION.fullmatch(text):
        x, y, w, h = map(int, found.groups())
    elif found := _PERCENT.fullmatch(text):
        parts = [Fraction(each) / 100 for each in found.groups()]
        x, y, w, h = (
            int(part * side) for part, side in zip(parts, (width, height, width, height), strict=True)
        )
    else:
        raise InvalidInput("The region is full, square, x,y,w,h or pct:x,y,w,h.")
    if w < 1 or h < 1 or x >= width or y >= height:
        raise InvalidInput("The region has no pixel of the slide.")
    return x, y, min(w, width - x), min(h, height - y)


def _size(text: str, width: int, height: int) -> tuple[int, int]:
    """Return width and height to show a region of that size in (section 4.2)."""
    if text in {"max", "^max"}:
        return _within(width, height)
    if found := _SIZE_PERCENT.fullmatch(text):
        upscale, scale = found[1], Fraction(found[2]) / 100
        wanted = round(width * scale), round(height * scale)
    elif found := _SIZE.fullmatch(text):
        upscale = found[1]
        wanted = _fitted(bool(found[2]), found[3], found[4], width, height)
    else:
        raise InvalidInput("The size is max, w, ,h w,h !w,h or pct:n, with ^ before it to enlarge.")
    if min(wanted) < 1 or wanted[0] * wanted[1] > MOST_PIXELS:
        raise InvalidInput(f"A picture has between one and {MOST_PIXELS} pixels.")
    if not upscale and (wanted[0] > width or wanted[1] > height):
        raise InvalidInput("The picture would be larger than its region; ask with ^ to enlarge it.")
    return wanted


def _fitted(confined: bool, across: str, down: str, width: int, height: int) -> tuple[int, int]:  # noqa: FBT001
    if not across and not down:
        raise InvalidInput("The size names a width, a height, or both.")
    if confined:
        if not across or not down:
            raise InvalidInput("A size to fit into names a width and a height.")
        scale = min(Fraction(int(across), width), Fraction(int(down), height))
        return max(1, int(width * scale)), max(1, int(height * scale))
    if not down:
        return int(across), max(1, round(Fraction(int(across), width) * height))
    if not across:
        return max(1, round(Fraction(int(down), height) * width)), int(down)
    return int(across), int(down)


def _within(width: int, height: int) -> tuple[int, int]:
    """Return the largest size of that shape that is answered."""
    pixels = width * height
    if pixels <= MOST_PIXELS:
        return width, height
    scale = (MOST_PIXELS / pixels) ** 0.5
    return max(1, int(width * scale)), max(1, int(height * scale))
