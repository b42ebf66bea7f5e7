"""A copy of a slide file without the pictures of the glass.

Label and macro images show names, numbers and handwriting. The copy holds exactly what the images of the
specimen need: their directories, the values of their tags and their data. Every other byte of the file is
zero in the copy, so that nothing which a directory no longer points to stays in it. Lengths and places stay
as they are, and every tile is the same, byte for byte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import tifffile

from filmroom.errors import UnusableSlide
from filmroom.slide.file import SlideFile, every_page

_PIECE = 1024 * 1024
_DESCRIPTION = 270
# Tags that say who, or hold whatever a program put there: Artist, HostComputer, XMP, IPTC, Photoshop, Exif,
# GPS, and NDPI's reference and barcode.
_PERSONAL = frozenset({315, 316, 700, 33723, 34377, 34665, 34853, 65427, 65468})
# In the descriptions that scanners write: Aperio's "Filename = x|", Philips' attributes.
_APERIO = re.compile(rb"(?<=\|)(?:Filename|User|Title|Barcode|Patient[^=|]*|Name)\s*=([^|]*)", re.IGNORECASE)
_PHILIPS = re.compile(
    rb'<Attribute\s+Name="(?:PIM_DP_IMAGE_DATA|PIM_DP_UFS_BARCODE|DICOM_OPERATORS_NAME|DICOM_PATIENT[A-Z_]*)"'
    rb"[^>]*>(.*?)</Attribute>",
    re.DOTALL,
)

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class StripPlan:
    """What of a file is kept (sorted ranges of bytes that do not touch) and what is written over it."""

    size: int
    kept: tuple[Range, ...]
    written: tuple[tuple[int, bytes], ...]


def plan_strip(slide: SlideFile) -> StripPlan:
    """Find what of a slide file belongs to the images of the specimen.

    :raises UnusableSlide: when the file's parts overlap, or its directories cannot be joined anew.
    """
    tiff = slide.tiff
    chain = [page.aspage() for page in tiff.pages]
    levels = {page.offset for pages in slide.levels for page in pages} | _thumbnail(tiff)
    kept = [page for page in chain if levels & {below.offset for below in every_page([page])}]
    if not kept or kept[0] is not chain[0]:
        raise UnusableSlide("The first image of the file is not the specimen.")
    everything = list(every_page(kept))
    ranges = [(0, _header_size(tiff))]
    written: list[tuple[int, bytes]] = []
    for page in everything:
        ranges += [_directory(tiff, page), *_values(page), *_data(page)]
        written += _descriptions(tiff, page)
    for page, following in zip(kept, [*kept[1:], None], strict=True):
        written.append(_link(tiff, page, following))
    dropped = [page for page in every_page(chain) if page.offset not in {p.offset for p in everything}]
    merged = _merged(ranges, tiff.filehandle.size)
    _refuse_shared(merged, [part for page in dropped for part in _data(page)])
    return StripPlan(tiff.filehandle.size, merged, tuple(sorted(written)))


def stripped(source: IO[bytes], plan: StripPlan) -> Iterator[bytes]:
    """Yield the copy, a piece at a time.

    :param source: the file that the plan was made for.
    """
    position = 0
    for begin, end in [*plan.kept, (plan.size, plan.size)]:
        while position < begin:
            length = min(_PIECE, begin - position)
            yield bytes(length)
            position += length
        source.seek(begin)
        while position < end:
            piece = bytearray(source.read(min(_PIECE, end - position)))
            if not piece:
                raise UnusableSlide("The slide became shorter while it was copied.")
            _write_over(piece, position, plan.written)
            yield bytes(piece)
            position += len(piece)


def _write_over(piece: bytearray, position: int, written: Sequence[tuple[int, bytes]]) -> None:
    for offset, new in written:
        begin, end = max(offset, position), min(offset + len(new), position + len(piece))
        if begin < end:
            piece[begin - position : end - position] = new[begin - offset : end - offset]


def _thumbnail(tiff: tifffile.TiffFile) -> set[int]:
    """Return where the directory of the scan's thumbnail is, which readers of SVS expect to be the second."""
    if not tiff.is_svs:
        return set()
    return {
        page.offset
        for series in tiff.series
        if series.name == "Thumbnail"
        for page in series.pages
        if page is not None and not re.search("label|macro", page.aspage().description, re.IGNORECASE)
    }


def _header_size(tiff: tifffile.TiffFile) -> int:
    if tiff.is_bigtiff:
        return 16
    return 4 + tiff.tiff.offsetsize


def _directory(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Range:
    form = tiff.tiff
    size = form.tagnosize + _entries(tiff, page) * form.tagsize + form.offsetsize
    if tiff.is_ndpi:
        size += 4 * _entries(tiff, page)  # the upper halves of values
    return page.offset, page.offset + size


def _entries(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> int:
    handle = tiff.filehandle
    handle.seek(page.offset)
    return int(struct.unpack(tiff.tiff.tagnoformat, handle.read(tiff.tiff.tagnosize))[0])


def _link(
    tiff: tifffile.TiffFile, page: tifffile.TiffPage, following: tifffile.TiffPage | None
) -> tuple[int, bytes]:
    """Return where a directory says what comes after it, and what it shall say."""
    form = tiff.tiff
    place = page.offset + form.tagnosize + _entries(tiff, page) * form.tagsize
    return place, struct.pack(form.offsetformat, following.offset if following is not None else 0)


def _values(page: tifffile.TiffPage) -> Iterator[Range]:
    """Yield where the values of tags are that are not within the directory, but those of a personal kind."""
    for tag in page.tags:
        if tag.code not in _PERSONAL:
            yield tag.valueoffset, tag.valueoffset + tag.valuebytecount


def _data(page: tifffile.TiffPage) -> Iterator[Range]:
    """Yield where an image's tiles or strips are, as its tags say."""
    for places, lengths in ((324, 325), (273, 279)):
        if places in page.tags and lengths in page.tags:
            yield from (
                (offset, offset + length)
                for offset, length in zip(
                    _numbers(page.tags[places].value), _numbers(page.tags[lengths].value), strict=False
                )
                if length
            )


def _numbers(value: int | Iterable[int]) -> Iterable[int]:
    return (value,) if isinstance(value, int) else value


def _descriptions(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Iterator[tuple[int, bytes]]:
    """Yield what is written over the names in an image's descriptions: spaces, as many."""
    for tag in page.tags:
        if tag.code != _DESCRIPTION:
            continue
        tiff.filehandle.seek(tag.valueoffset)
        said = tiff.filehandle.read(tag.valuebytecount)
        for pattern in (_APERIO, _PHILIPS):
            for match in pattern.finditer(said):
                yield tag.valueoffset + match.start(1), b" " * len(match[1])


def _merged(ranges: Iterable[Range], size: int) -> tuple[Range, ...]:
    merged: list[Range] = []
    for begin, end in sorted(ranges):
        if begin < 0 or end > size:
            raise UnusableSlide("The slide points out of its file: it may be cut off.")
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return tuple(merged)


def _refuse_shared(kept: Sequence[Range], dropped: Sequence[Range]) -> None:
    """:raises UnusableSlide: when data of a picture of the glass lie where those of the specimen do."""
    at = 0
    for begin, end in sorted(dropped):
        while at < len(kept) and kept[at][1] <= begin:
            at += 1
        if at < len(kept) and kept[at][0] < end:
            raise UnusableSlide(
                "Images of the file share their data: the pictures of the glass cannot be left out."
            )
