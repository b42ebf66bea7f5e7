"""Series of DICOM whole-slide images: what is known of them, their tiles, and what is refused."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence

from filmroom.errors import InvalidInput, UnusableSlide
from filmroom.model.slides import Region
from filmroom.render.file_part import FilePart
from filmroom.slide.series import SlideSeries
from filmroom.slide.tiles import picture, stored_tile
from filmroom.testing.dicom_slides import slide_image, slide_uid, write_dicom_slide
from filmroom.testing.slides import specimen

Open = Callable[..., SlideSeries]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open files as a series."""
    with ExitStack() as files:

        def open_(*paths: Path) -> SlideSeries:
            parts = [files.enter_context(FilePart(str(path), 0, path.stat().st_size)) for path in paths]
            return SlideSeries(parts)

        yield open_


def whole(slide: SlideSeries) -> np.ndarray:
    facts = slide.facts
    shown = picture(slide, Region(0, 0, facts.width, facts.height, facts.width, facts.height))
    return np.asarray(shown, dtype=int)


def test_what_is_known_of_a_series(tmp_path: Path, opened: Open) -> None:
    facts = opened(*sorted(write_dicom_slide(tmp_path).iterdir())).facts
    assert (facts.format, facts.vendor, facts.objective_power) == ("dicom", "Filmroom", 20.0)
    assert (facts.pixel_size_x, facts.pixel_size_y) == (0.5, 0.5)
    assert [(level.width, level.height) for level in facts.levels] == [(700, 500), (350, 250)]
    assert facts.associated == frozenset()


def test_a_region_is_the_specimen_at_that_place(tmp_path: Path, opened: Open) -> None:
    source = specimen(700, 500).astype(int)
    slide = opened(*sorted(write_dicom_slide(tmp_path, jpeg=False).iterdir()))
    assert (whole(slide) == source).all()
    same = picture(slide, Region(130, 77, 256, 200, 256, 200))
    assert (np.asarray(same, dtype=int) == source[77:277, 130:386]).all()
    half = np.asarray(picture(slide, Region(100, 60, 256, 200, 128, 100)), dtype=int)
    assert (half == source[60:260:2, 100:356:2]).all()  # the second level, as it is stored
    assert stored_tile(slide, 0, 1, 1) is None


def test_a_stored_tile_is_what_decoding_shows(tmp_path: Path, opened: Open) -> None:
    folder = write_dicom_slide(tmp_path)
    slide = opened(*sorted(folder.iterdir()))
    stored = stored_tile(slide, 0, 2, 1)
    assert stored is not None
    ds = dcmread(folder / "level-0.dcm")
    frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.NumberOfFrames)))
    assert stored.rstrip(b"\0") == frames[1 * 6 + 2].rstrip(b"\0")
    drawn = np.asarray(picture(slide, Region(256, 128, 128, 128, 128, 128)), dtype=int)
    assert np.abs(np.asarray(Image.open(io.BytesIO(stored)), dtype=int) - drawn).mean() < 0.5
    assert stored_tile(slide, 0, 5, 0) is None  # reaches over the edge
    with pytest.raises(InvalidInput):
        stored_tile(slide, 0, 6, 0)


def rgb_jpeg(source: np.ndarray, *, jfif: bool) -> bytes:
    """Return JPEG data whose components are red, green and blue, but do not say so."""
    buffer = io.BytesIO()
    Image.frombytes("YCbCr", (256, 256), source.tobytes()).save(buffer, "JPEG", quality=95, subsampling=0)
    data = buffer.getvalue()
    return data if jfif else data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]


@pytest.mark.parametrize("jfif", [False, True])
def test_red_green_and_blue_stay_what_they_are(tmp_path: Path, opened: Open, jfif: bool) -> None:
    source = specimen(256, 256)
    ds = slide_image(source, "VOLUME", tile=256)
    ds.PixelData, ds.PhotometricInterpretation = encapsulate([rgb_jpeg(source, jfif=jfif)]), "RGB"
    ds.save_as(tmp_path / "rgb.dcm", enforce_file_format=True)
    slide = opened(tmp_path / "rgb.dcm")
    assert np.abs(whole(slide) - source.astype(int)).mean() < 4
    stored = stored_tile(slide, 0, 0, 0)
    if jfif:
        assert stored is None  # programs take the components of JFIF for YCbCr
        return
    assert stored is not None
    shown = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"), dtype=int)
    assert np.abs(shown - source.astype(int)).mean() < 4


def test_a_large_colour_profile_is_passed_over(tmp_path: Path, opened: Open) -> None:
    ds = slide_image(specimen(256, 256), "VOLUME", tile=128)
    ds.OpticalPathSequence[0].ICCProfile = bytes(20_000_000)
    for undefined in (False, True):
        ds["OpticalPathSequence"].is_undefined_length = undefined
        ds.OpticalPathSequence[0].is_undefined_length_sequence_item = undefined
        ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
        assert opened(tmp_path / "a.dcm").facts.width == 256


def test_a_header_of_middling_length_is_read(tmp_path: Path, opened: Open) -> None:
    ds = slide_image(specimen(256, 256), "VOLUME", tile=128)
    a_long_header(ds, paths=100)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert opened(tmp_path / "a.dcm").facts.width == 256


def parts_of(ds: Dataset, folder: Path, *sizes: int) -> list[Path]:
    """Write an image as a concatenation (PS3.3 C.7.6.16.2.2.4) of parts with so many frames."""
    frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.NumberOfFrames)))
    ds.ConcatenationUID, ds.SOPInstanceUIDOfConcatenationSource = slide_uid("all"), slide_uid("source")
    ds.InConcatenationTotalNumber = len(sizes)
    paths, before = [], 0
    for number, size in enumerate(sizes, 1):
        ds.InConcatenationNumber, ds.ConcatenationFrameOffsetNumber = number, before
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = slide_uid(f"part {number}")
        ds.NumberOfFrames, ds.PixelData = size, encapsulate(frames[before : before + size])
        before += size
        paths.append(folder / f"part-{number}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths


def test_an_image_in_parts(tmp_path: Path, opened: Open) -> None:
    source = specimen(256, 256)
    parts = parts_of(slide_image(source, "VOLUME", tile=64), tmp_path, 5, 7, 4)
    slide = opened(*parts)
    assert np.abs(whole(slide) - source.astype(int)).mean() < 8
    assert stored_tile(slide, 0, 1, 1) != stored_tile(slide, 0, 2, 1)  # the first two parts
    with pytest.raises(UnusableSlide):
        opened(*parts[:2])


def test_label_and_overview_are_never_levels(tmp_path: Path, opened: Open) -> None:
    folder = write_dicom_slide(tmp_path)
    with pytest.raises(UnusableSlide):
        opened(folder / "label.dcm", folder / "overview.dcm")


def sparse(ds: Dataset, positions: list[tuple[int, int]]) -> None:
    """Say of each frame where it is."""
    ds.DimensionOrganizationType = "TILED_SPARSE"
    groups = []
    for column, row in positions:
        place, group = Dataset(), Dataset()
        place.ColumnPositionInTotalImagePixelMatrix, place.RowPositionInTotalImagePixelMatrix = column, row
        place.XOffsetInSlideCoordinateSystem = place.YOffsetInSlideCoordinateSystem = 0
        place.ZOffsetInSlideCoordinateSystem = 0
        group.PlanePositionSlideSequence = Sequence([place])
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)


def test_tiles_that_say_where_they_are(tmp_path: Path, opened: Open) -> None:
    source = specimen(256, 256)
    ds = slide_image(source, "VOLUME", tile=128)
    frames = list(generate_frames(ds.PixelData, number_of_frames=4))
    ds.PixelData, ds.NumberOfFrames = encapsulate([frames[3], frames[0]]), 2
    sparse(ds, [(129, 129), (1, 1)])
    ds.save_as(tmp_path / "sparse.dcm", enforce_file_format=True)
    slide = opened(tmp_path / "sparse.dcm")
    found = whole(slide)
    assert np.abs(found[:128, :128] - source[:128, :128].astype(int)).mean() < 8
    assert np.abs(found[128:, 128:] - source[128:, 128:].astype(int)).mean() < 8
    assert (found[:128, 128:] == 255).all()
    assert stored_tile(slide, 0, 1, 0) is None
    assert stored_tile(slide, 0, 1, 1) == frames[3]


def too_few_frames(ds: Dataset) -> None:
    ds.NumberOfFrames = 3
    ds.PixelData = encapsulate(list(generate_frames(ds.PixelData, number_of_frames=4))[:3])


def wrong_count(ds: Dataset) -> None:
    ds.PixelData = encapsulate(list(generate_frames(ds.PixelData, number_of_frames=4))[:3])


def wrong_count_without_a_table(ds: Dataset) -> None:
    frames = list(generate_frames(ds.PixelData, number_of_frames=4))[:3]
    ds.PixelData = encapsulate(frames, has_bot=False)


def many_frames(ds: Dataset) -> None:
    ds.NumberOfFrames = 2**31 - 1


def huge(ds: Dataset) -> None:
    ds.TotalPixelMatrixColumns = ds.TotalPixelMatrixRows = 2**32 - 1


def huge_and_sparse(ds: Dataset) -> None:
    ds.TotalPixelMatrixColumns = ds.TotalPixelMatrixRows = 2**20 - 1
    ds.Rows = ds.Columns = 1
    sparse(ds, [(1, 1), (2, 1), (3, 1), (4, 1)])


def huge_tiles(ds: Dataset) -> None:
    ds.Rows = ds.Columns = 65_535
    ds.NumberOfFrames = 1


def no_size(ds: Dataset) -> None:
    ds.TotalPixelMatrixColumns = 0


def no_tile_size(ds: Dataset) -> None:
    ds.Rows = 0


def a_tile_elsewhere(ds: Dataset) -> None:
    sparse(ds, [(1, 1), (129, 1), (1, 129), (5_000, 129)])


def every_tile_its_plane(ds: Dataset) -> None:
    ds.TotalPixelMatrixColumns = ds.TotalPixelMatrixRows = 128 * 1_800
    sparse(ds, [(1, 1), (129, 1), (1, 129), (129, 129)])
    for number, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSlideSequence[0].ZOffsetInSlideCoordinateSystem = number


def a_long_header(ds: Dataset, paths: int = 1_000) -> None:
    ds.OpticalPathSequence = Sequence([Dataset() for _ in range(paths)])
    for number, path in enumerate(ds.OpticalPathSequence):
        path.OpticalPathIdentifier, path.ICCProfile = str(number), bytes(10_000)
    ds["OpticalPathSequence"].is_undefined_length = True


def no_pixels(ds: Dataset) -> None:
    del ds.PixelData


def many_planes(ds: Dataset) -> None:
    ds.TotalPixelMatrixFocalPlanes = 2**31


def an_offset_outside(ds: Dataset) -> None:
    frames = list(generate_frames(ds.PixelData, number_of_frames=4))
    data, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate(frames, has_bot=False), b"", b""
    ds.PixelData = data
    ds.ExtendedOffsetTable = (2**40).to_bytes(8, "little") * 4
    ds.ExtendedOffsetTableLengths = (2**40).to_bytes(8, "little") * 4


@pytest.mark.parametrize(
    "spoil",
    [
        too_few_frames,
        wrong_count,
        wrong_count_without_a_table,
        many_frames,
        huge,
        huge_and_sparse,
        huge_tiles,
        no_size,
        no_tile_size,
        a_tile_elsewhere,
        every_tile_its_plane,
        a_long_header,
        no_pixels,
        many_planes,
        an_offset_outside,
    ],
)
def test_broken_series_are_refused(tmp_path: Path, opened: Open, spoil: Callable[[Dataset], None]) -> None:
    ds = slide_image(specimen(256, 256), "VOLUME", tile=128)
    ds.save_as(tmp_path / "good.dcm", enforce_file_format=True)
    opened(tmp_path / "good.dcm")  # also so that what is loaded once is not counted
    spoil(ds)
    ds.save_as(tmp_path / "bad.dcm", enforce_file_format=True)
    tracemalloc.start()
    try:
        with pytest.raises(UnusableSlide):
            opened(tmp_path / "bad.dcm")
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_cut_series_are_refused(tmp_path: Path, opened: Open) -> None:
    ds = slide_image(specimen(256, 256), "VOLUME", tile=128)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    data = (tmp_path / "a.dcm").read_bytes()
    for length in (0, 200, 1_000, len(data) // 2, len(data) - 1_000):
        (tmp_path / "cut.dcm").write_bytes(data[:length])
        with pytest.raises(UnusableSlide):
            opened(tmp_path / "cut.dcm")


def test_a_level_that_cannot_be_read_is_not_passed_over(tmp_path: Path, opened: Open) -> None:
    folder = write_dicom_slide(tmp_path, label=False)
    ds = dcmread(folder / "level-0.dcm")
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.save_as(folder / "level-0.dcm", enforce_file_format=True)
    with pytest.raises(UnusableSlide):
        opened(*sorted(folder.iterdir()))


def test_other_series_are_no_slides(opened: Open) -> None:
    with pytest.raises(UnusableSlide):
        opened(Path(str(get_testdata_file("CT_small.dcm", download=False))))
