"""Whole-slide files with known content: what a scanner writes, names on the label included."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from filmroom.catalog import Catalog

LABEL_TEXT = "Smith_John_1234"
"""Stands in the descriptions of :func:`write_svs`, as a scanner writes the file's former name."""

Picture = npt.NDArray[np.uint8]


def specimen(width: int, height: int, seed: int = 0) -> Picture:
    """Return an RGB picture (rows, columns, 3) in which every place looks different."""
    y, x = np.mgrid[0:height, 0:width]
    squares = ((x // 50 + y // 50 + seed) % 2) * 90
    planes = (x * 255 // max(1, width), y * 255 // max(1, height), squares + (x * 7 + y * 13 + seed) % 60)
    return np.stack(planes, axis=-1).astype(np.uint8)


def write_svs(
    path: Path,
    *,
    width: int = 1300,
    height: int = 900,
    tile: int = 256,
    label: bool = True,
    seed: int = 0,
    bigtiff: bool = False,
) -> Path:
    """Write a slide in Aperio's form: two levels, a thumbnail and, if wanted, label and macro."""
    import tifffile

    picture = specimen(width, height, seed)
    small = np.ascontiguousarray(picture[::4, ::4])
    head = "Aperio Image Library v12.0.0 \r\n"
    said = (
        f"{head}{width}x{height} [0,0 {width}x{height}] ({tile}x{tile}) JPEG/RGB Q=80"
        f"|AppMag = 40|Filename = {LABEL_TEXT}|User = nurse7|MPP = 0.2520"
    )
    jpeg: dict[str, Any] = {
        "compression": "jpeg",
        "compressionargs": {"level": 80},
        "photometric": "rgb",
        "metadata": None,
    }
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as writer:
        writer.write(picture, tile=(tile, tile), description=said, **jpeg)
        thumbnail = f"{head}{width}x{height} -> {small.shape[1]}x{small.shape[0]} - |"
        writer.write(small, rowsperstrip=small.shape[0], description=thumbnail, **jpeg)
        writer.write(small, tile=(tile, tile), description=said, **jpeg)
        if label:
            writer.write(
                specimen(200, 220, seed + 1),
                compression="lzw",
                predictor=True,
                photometric="rgb",
                subfiletype=1,
                description=f"{head}label 200x220",
                metadata=None,
            )
            writer.write(
                specimen(400, 150, seed + 2),
                rowsperstrip=150,
                subfiletype=9,
                description=f"{head}macro 400x150",
                **jpeg,
            )
    return path


def write_pyramid(path: Path, *, width: int = 700, height: int = 500, tile: int = 128) -> Path:
    """Write a plain pyramid: three levels below each other, deflated, 0.5 micrometres per pixel."""
    import tifffile

    picture = specimen(width, height)
    form: dict[str, Any] = {"compression": "adobe_deflate", "photometric": "rgb", "tile": (tile, tile)}
    with tifffile.TiffWriter(path) as writer:
        writer.write(picture, **form, resolution=(20_000, 20_000), resolutionunit="CENTIMETER", metadata=None)
        for step in (2, 4):
            level = np.ascontiguousarray(picture[::step, ::step])
            writer.write(level, subfiletype=1, **form, metadata=None)
    return path


def write_ome(path: Path, *, width: int = 700, height: int = 500, tile: int = 128) -> Path:
    """Write an OME-TIFF whose lower levels stand in ``SubIFDs``."""
    import tifffile

    picture = specimen(width, height)
    form: dict[str, Any] = {"photometric": "rgb", "tile": (tile, tile), "compression": "jpeg"}
    with tifffile.TiffWriter(path, ome=True) as writer:
        metadata = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        writer.write(picture, subifds=1, metadata=metadata, **form)
        writer.write(np.ascontiguousarray(picture[::2, ::2]), subfiletype=1, **form)
    return path


def catalogued_slides(catalog: Catalog, collection: str, count: int) -> None:
    """Put slides into a catalogue for lists that are as long as is wanted; they have no files."""
    from filmroom.model.entities import Assignment, Location
    from filmroom.model.slides import IncomingSlide, SlideFacts, SlideFile, SlideLevel

    level = SlideLevel(100_000, 80_000, 256, 256, True)
    facts = SlideFacts("svs", "aperio", (level,), 0.25, 0.25, 40.0, frozenset())
    place = Assignment(collection, "Site")

    def incoming(number: int) -> IncomingSlide:
        name = f"C3L-{number:05}-21.svs"
        location = Location(f"slides/{name}", 0, 1, 1)
        file = SlideFile(name, 1, bytes(16), number.to_bytes(32, "big"), 0, location)
        subject = f"C3L-{number:05}"
        return IncomingSlide(facts, file, file.sha256, False, name[:-4], subject, "H&E", place, name)

    for start in range(0, count, 1_000):
        catalog.commit_batch(None, [], slides=[incoming(n) for n in range(start, min(start + 1_000, count))])
