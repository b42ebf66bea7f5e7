"""Opens slides of either kind: a file, or a series of DICOM images."""

from __future__ import annotations

from collections.abc import Sequence

from filmroom.slide.stream import Positioned, as_file
from filmroom.slide.tiles import OpenSlide


def open_slide(parts: Sequence[Positioned], *, is_series: bool) -> OpenSlide:
    """Open a slide. :param parts: the file, or the instances of the series. :raises UnusableSlide:"""
    if is_series:
        from filmroom.slide.series import SlideSeries

        return SlideSeries(parts)
    from filmroom.slide.file import SlideFile

    (part,) = parts
    return SlideFile(as_file(part))
