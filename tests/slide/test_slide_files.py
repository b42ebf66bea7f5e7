"""Slides as files: what is known of them, what is refused, their tiles, and copies without labels."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from filmroom.errors import InvalidInput, UnusableSlide
from filmroom.model.slides import Region
from filmroom.slide.file import SlideFile
from filmroom.slide.strip import plan_strip, stripped
from filmroom.slide.tiles import jpeg, picture, stored_tile
from filmroom.testing.slides import LABEL_TEXT, specimen, write_ome, write_pyramid, write_svs

WRITERS = {"svs": write_svs, "tiff": write_pyramid, "ome-tiff": write_ome}


@pytest.fixture(params=sorted(WRITERS))
def slide_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return WRITERS[request.param](tmp_path / f"slide-{request.param}.tiff")


def whole(slide: SlideFile) -> np.ndarray:
    facts = slide.facts
    shown = picture(slide, Region(0, 0, facts.width, facts.height, facts.width, facts.height))
    return np.asarray(shown, dtype=int)


def test_what_is_known_of_a_scanners_slide(tmp_path: Path) -> None:
    with SlideFile(write_svs(tmp_path / "a.svs")) as slide:
        facts = slide.facts
    assert (facts.format, facts.vendor, facts.width, facts.height) == ("svs", "aperio", 1300, 900)
    assert [(level.width, level.height) for level in facts.levels] == [(1300, 900), (325, 225)]
    assert (facts.pixel_size_x, facts.pixel_size_y, facts.objective_power) == (0.252, 0.252, 40.0)
    assert facts.associated == {"label", "macro"}


def test_what_is_known_of_plain_pyramids(tmp_path: Path) -> None:
    with SlideFile(write_pyramid(tmp_path / "a.tif")) as slide:
        assert (slide.facts.format, len(slide.facts.levels)) == ("tiff", 3)
        assert slide.facts.pixel_size_x == pytest.approx(0.5)
        assert slide.facts.objective_power is None
    with SlideFile(write_ome(tmp_path / "b.ome.tif")) as slide:
        assert (slide.facts.format, len(slide.facts.levels)) == ("ome-tiff", 2)
        assert slide.facts.pixel_size_x == pytest.approx(0.5)


def test_a_region_is_the_specimen_at_that_place(tmp_path: Path) -> None:
    source = specimen(700, 500).astype(int)
    with SlideFile(write_pyramid(tmp_path / "a.tif")) as slide:
        same = picture(slide, Region(130, 77, 256, 200, 256, 200))
        assert (np.asarray(same, dtype=int) == source[77:277, 130:386]).all()
        half = np.asarray(picture(slide, Region(100, 60, 256, 200, 128, 100)), dtype=int)
        assert (half == source[60:260:2, 100:356:2]).all()  # the second level, as it is stored
        edge = picture(slide, Region(600, 400, 256, 256, 100, 100))
        assert (np.asarray(edge, dtype=int) == source[400:500, 600:700]).all()


def test_a_stored_tile_is_what_decoding_shows(tmp_path: Path) -> None:
    with SlideFile(write_svs(tmp_path / "a.svs")) as slide:
        stored = stored_tile(slide, 0, 2, 1)
        assert stored is not None
        shown = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"), dtype=int)
        decoded = np.asarray(picture(slide, Region(512, 256, 256, 256, 256, 256)), dtype=int)
        assert (shown == decoded).all()
        assert np.abs(shown - specimen(1300, 900)[256:512, 512:768]).mean() < 12
        assert stored_tile(slide, 0, 5, 0) is None  # reaches over the edge
        with pytest.raises(InvalidInput):
            stored_tile(slide, 0, 6, 0)


def test_what_is_not_stored_as_jpeg_has_no_stored_tiles(tmp_path: Path) -> None:
    with SlideFile(write_pyramid(tmp_path / "a.tif")) as slide:
        assert stored_tile(slide, 0, 0, 0) is None
        assert jpeg(picture(slide, Region(0, 0, 64, 64, 64, 64)), 80).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "region",
    [
        Region(0, 0, 0, 10, 10, 10),
        Region(-1, 0, 10, 10, 10, 10),
        Region(1300, 0, 10, 10, 10, 10),
        Region(0, 0, 10, 10, 100_000, 100_000),
        Region(0, 0, 10, 10, 0, 10),
    ],
)
def test_a_region_that_cannot_be_shown_is_refused(tmp_path: Path, region: Region) -> None:
    with SlideFile(write_svs(tmp_path / "a.svs")) as slide, pytest.raises(InvalidInput):
        picture(slide, region)


def copy_without_label(path: Path) -> bytes:
    with SlideFile(path) as slide, path.open("rb") as source:
        return b"".join(stripped(source, plan_strip(slide)))


def test_a_copy_shows_the_same_specimen_and_no_glass(slide_path: Path) -> None:
    data = copy_without_label(slide_path)
    assert len(data) == slide_path.stat().st_size
    with SlideFile(slide_path) as slide, SlideFile(io.BytesIO(data)) as copy:
        assert copy.facts.associated == frozenset()
        assert (copy.facts.levels, copy.facts.pixel_size_x) == (slide.facts.levels, slide.facts.pixel_size_x)
        assert (whole(copy) == whole(slide)).all()
        if slide.facts.format == "svs":
            assert stored_tile(copy, 0, 1, 1) == stored_tile(slide, 0, 1, 1)


@pytest.mark.parametrize("bigtiff", [False, True])
def test_nothing_of_the_glass_is_left_in_a_copy(tmp_path: Path, bigtiff: bool) -> None:
    path = write_svs(tmp_path / "a.svs", bigtiff=bigtiff)
    original = path.read_bytes()
    data = copy_without_label(path)
    assert LABEL_TEXT.encode() in original
    for secret in (LABEL_TEXT.encode(), b"nurse7", b"label 200x220", b"macro 400x150"):
        assert secret not in data
    with tifffile.TiffFile(path) as tiff:
        for page in tiff.pages[-2:]:
            for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
                assert original[offset : offset + length].strip(b"\0")
                assert not data[offset : offset + length].strip(b"\0")


def test_what_no_directory_points_to_is_not_copied(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "a.svs", label=False)
    with path.open("ab") as file:  # as programs leave it that only unlink a label
        file.write(b"MRN 0000815 " * 100)
    assert b"MRN 0000815" not in copy_without_label(path)


def test_other_readers_open_a_copy(slide_path: Path) -> None:
    data = copy_without_label(slide_path)
    with Image.open(io.BytesIO(data)) as image, SlideFile(io.BytesIO(data)) as ours:  # by libtiff
        assert image.size == (ours.facts.width, ours.facts.height)
        assert image.n_frames == len(ours.tiff.pages)
        theirs = np.asarray(image.convert("RGB"), dtype=int)
        # Subsampled colours are put between pixels in more than one way.
        assert np.abs(theirs - whole(ours)).mean() <= 4
        for frame in range(image.n_frames):
            image.seek(frame)
            image.load()


def broken(path: Path, change: str) -> bytes:
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        if change == "cut":
            return bytes(data[: len(data) // 3])
        name = {"zero": "ImageWidth", "huge": "ImageLength", "bomb": "TileWidth", "outside": "TileOffsets"}[
            change
        ]
        tag = tags[name]
        value = {"zero": 0, "huge": 2**31 - 1, "bomb": 2**20, "outside": 2**31}[change]
        form = {1: "<B", 3: "<H", 4: "<I"}[int(tag.dtype)]
        value = min(value, 2 ** (8 * struct.calcsize(form)) - 1)
        struct.pack_into(form, data, tag.valueoffset, value)
    return bytes(data)


@pytest.mark.parametrize("change", ["cut", "zero", "huge", "bomb", "outside"])
def test_broken_pyramids_are_refused(tmp_path: Path, change: str) -> None:
    path = write_svs(tmp_path / "a.svs")
    path.write_bytes(broken(path, change))
    with pytest.raises(UnusableSlide):
        SlideFile(path)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"<html>", b"MM\0*" + b"\xff" * 100])
def test_what_is_no_slide_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.svs"
    path.write_bytes(content)
    with pytest.raises(UnusableSlide):
        SlideFile(path)


def test_directories_that_go_in_circles_end(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "a.svs", label=False)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        last = tiff.pages[-1].aspage()
        place = last.offset + 2 + 12 * len(last.tags)
        struct.pack_into("<I", data, place, tiff.pages[0].offset)
    path.write_bytes(data)
    with SlideFile(path) as slide:
        assert slide.facts.width == 1300
