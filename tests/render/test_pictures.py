"""Pictures of real files of every transfer syntax, beside other decoders and the standard's formulas."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian

from filmroom.dicom.source import BytesSource
from filmroom.errors import FilmroomError, NoPicture
from filmroom.render.frame import read_frame
from filmroom.render.grey import windowed
from filmroom.render.options import THUMBNAIL, PictureOptions
from filmroom.render.picture import jpeg
from filmroom.testing.samples import sample_root

BEST = {"quality": 100}
NEAR = 3  # what JPEG of quality 100 changes at most, in shades of 256


def picture(content: bytes, **options: Any) -> np.ndarray[Any, Any]:
    """Draw a file and return what a viewer gets, rows by columns (by 3)."""
    wanted = PictureOptions(**(BEST | options))
    drawn = jpeg(read_frame(BytesSource(content), wanted.frame), wanted)
    return np.asarray(Image.open(io.BytesIO(drawn)), np.int16)


def sample(name: str) -> bytes:
    return (sample_root() / name).read_bytes()


def image(pixels: bytes, **values: Any) -> bytes:
    """Return a file with an image of 8 by 8 pixels of 16 bits, and any attributes."""
    dataset = Dataset()
    described = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
        "SOPInstanceUID": "1.2.3",
        "Rows": 8,
        "Columns": 8,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        **values,
    }
    for name, value in described.items():
        if value is not None:
            setattr(dataset, name, value)
    if pixels:
        dataset.PixelData = pixels
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


RAMP = list(range(0, 6_400, 100))  # 64 values


def ramp(**values: Any) -> bytes:
    return image(struct.pack("<64H", *RAMP), **values)


def item(**values: Any) -> Dataset:
    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def in_rows(shades: list[float]) -> np.ndarray[Any, Any]:
    return np.array(shades).reshape(8, 8)


# Transfer syntaxes ------------------------------------------------------------------------------------

# The colours of the bars that a family of test images shows, ten rows of pixels each.
BARS = [
    (255, 0, 0),
    (255, 128, 128),
    (0, 255, 0),
    (128, 255, 128),
    (0, 0, 255),
    (128, 128, 255),
    (0, 0, 0),
    (64, 64, 64),
    (192, 192, 192),
    (255, 255, 255),
]


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit.dcm",
        "SC_rgb_rle_32bit.dcm",
        "SC_rgb_rle_2frame.dcm",
        "SC_rgb_gdcm_KY.dcm",  # JPEG 2000
        "SC_rgb_jpeg_gdcm.dcm",  # JPEG lossless
        "SC_rgb_dcmtk_+eb+cr.dcm",  # JPEG baseline, RGB
        "SC_rgb_dcmtk_+eb+cy+np.dcm",  # and YBR_FULL
        "SC_rgb_dcmtk_+eb+cy+s2.dcm",  # and YBR_FULL_422
        "SC_rgb_jpeg_lossy_gdcm.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_jls_lossy_sample.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
    ],
)
def test_the_bars_have_their_colours(name: str) -> None:
    drawn = picture(sample(name))
    assert drawn.shape == (100, 100, 3)
    for number, colour in enumerate(BARS):
        # Away from the edges, where lossy compression and shared colours mix them.
        middle = drawn[number * 10 + 3 : number * 10 + 7, 5:95].reshape(-1, 3)
        assert np.abs(middle - np.array(colour)).max() <= 8, (number, colour)


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ],
)
def test_one_image_looks_the_same_in_every_syntax(name: str) -> None:
    plain = picture(sample("MR_small.dcm"))
    assert len(np.unique(plain)) > 100
    assert (picture(sample(name)) == plain).all()


@pytest.mark.parametrize(
    ("name", "decode"),
    [
        ("JPEGLSNearLossless_16.dcm", imagecodecs.jpegls_decode),
        ("JPEGLSNearLossless_08.dcm", imagecodecs.jpegls_decode),
        ("693_J2KI.dcm", imagecodecs.jpeg2k_decode),
        ("JPEG2000.dcm", imagecodecs.jpeg2k_decode),
        ("examples_jpeg2k.dcm", imagecodecs.jpeg2k_decode),
        ("examples_ybr_color.dcm", imagecodecs.jpeg8_decode),
    ],
)
def test_another_decoder_sees_the_same(name: str, decode: Any) -> None:
    content = sample(name)
    dataset = pydicom.dcmread(io.BytesIO(content))
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
    other = decode(next(frames)).astype(np.float64)
    if other.ndim == 2:
        slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
        other = other * float(slope) + float(intercept)
        low, high = other.min(), other.max()
        if dataset.get("WindowWidth"):
            centre, width = (
                float(np.atleast_1d(dataset[k].value)[0]) for k in ("WindowCenter", "WindowWidth")
            )
            low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
        other = np.clip((other - low) / (high - low), 0, 1) * 255
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            other = 255 - other
    drawn = picture(content)
    assert drawn.shape == other.shape
    # Colours lose their resolution in a JPEG picture; shades do not.
    distance = np.abs(drawn - other)
    assert (distance.max() <= NEAR) if other.ndim == 2 else (distance.mean() < 3)


def test_jpeg_of_twelve_bits_is_the_same_body_as_in_jpeg_2000() -> None:
    one, other = (picture(sample(name)) for name in ("JPGExtended.dcm", "JPEG2000.dcm"))
    assert one.shape == other.shape == (1024, 256)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.95


def test_a_deflated_object_is_drawn() -> None:
    stored = pydicom.dcmread(io.BytesIO(sample("image_dfl.dcm"))).PixelData
    values = np.frombuffer(stored, np.uint8).reshape(512, 512).astype(float)
    expected = (values - values.min()) / (values.max() - values.min()) * 255
    assert np.abs(picture(sample("image_dfl.dcm")) - expected).max() <= NEAR


def test_a_palette_is_looked_up() -> None:
    content = sample("examples_palette.dcm")
    dataset = pydicom.dcmread(io.BytesIO(content))
    tables = [
        np.array(struct.unpack(f"<{len(data) // 2}H", data)) >> 8
        for data in (
            dataset.RedPaletteColorLookupTableData,
            dataset.GreenPaletteColorLookupTableData,
            dataset.BluePaletteColorLookupTableData,
        )
    ]
    indexes = np.frombuffer(dataset.PixelData, np.uint8).reshape(350, 800)
    expected = np.stack([table[indexes] for table in tables], axis=-1)
    assert np.abs(picture(content) - expected).mean() < 2


# Values and shades ------------------------------------------------------------------------------------


def linear(value: float, centre: float, width: float) -> float:
    """PS3.3 C.11.2.1.2.1, word for word, to 0 to 255."""
    if value <= centre - 0.5 - (width - 1) / 2:
        return 0
    if value > centre - 0.5 + (width - 1) / 2:
        return 255
    return ((value - (centre - 0.5)) / (width - 1) + 0.5) * 255


def linear_exact(value: float, centre: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.2."""
    if value <= centre - width / 2:
        return 0
    if value > centre + width / 2:
        return 255
    return ((value - centre) / width + 0.5) * 255


def sigmoid(value: float, centre: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.1."""
    return 255 / (1 + math.exp(min(-4 * (value - centre) / width, 700)))


@pytest.mark.parametrize(
    ("function", "formula"), [("LINEAR", linear), ("LINEAR_EXACT", linear_exact), ("SIGMOID", sigmoid)]
)
@pytest.mark.parametrize("window", [(3_000, 2_000), (-50, 400), (3_150.5, 3), (0, 20_000), (3_100, 1)])
def test_windows_are_those_of_the_standard(function: str, formula: Any, window: tuple[float, float]) -> None:
    values = [-1_000.0, *map(float, RAMP), 3_149.0, 3_150.0, 3_151.0, 40_000.0]
    if function == "LINEAR" and window[1] == 1:
        expected = [0 if value <= window[0] - 0.5 else 255 for value in values]
    else:
        expected = [formula(value, *window) for value in values]
    shades = windowed(np.array(values, np.float32), *window, function=function) * 255
    assert np.abs(shades - np.array(expected)).max() < 0.05


def test_values_are_rescaled_then_windowed() -> None:
    raw = struct.unpack("<16384h", pydicom.dcmread(io.BytesIO(sample("CT_small.dcm"))).PixelData)
    expected = np.array([linear(value * 1 - 1024, 40, 400) for value in raw]).reshape(128, 128)
    drawn = picture(sample("CT_small.dcm"), window=(40.0, 400.0))
    assert 0 < drawn.mean() < 255
    assert np.abs(drawn - expected).max() <= NEAR


def test_the_objects_own_window_is_taken_and_the_callers_before_it() -> None:
    own = ramp(WindowCenter=["3000", "1"], WindowWidth=["2000", "2"])
    expected = in_rows([linear(value, 3_000, 2_000) for value in RAMP])
    assert np.abs(picture(own) - expected).max() <= NEAR
    asked = in_rows([linear(value, 100, 1_000) for value in RAMP])
    assert np.abs(picture(own, window=(100.0, 1_000.0)) - asked).max() <= NEAR
    exact = ramp(WindowCenter=3_000, WindowWidth=2_000, VOILUTFunction="SIGMOID")
    expected = in_rows([sigmoid(value, 3_000, 2_000) for value in RAMP])
    assert np.abs(picture(exact) - expected).max() <= NEAR


OVER_RANGE = [value / 6_300 * 255 for value in RAMP]


@pytest.mark.parametrize(
    "useless",
    [{}, {"WindowCenter": 5, "WindowWidth": 0}, {"WindowCenter": 5, "WindowWidth": -3}, {"WindowWidth": 3}],
)
def test_without_a_window_that_means_anything_the_range_is_shown(useless: dict[str, Any]) -> None:
    assert np.abs(picture(ramp(**useless)) - in_rows(OVER_RANGE)).max() <= NEAR


def test_monochrome1_is_white_at_zero() -> None:
    drawn = picture(ramp(PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(drawn - (255 - in_rows(OVER_RANGE))).max() <= NEAR


def test_padding_does_not_count() -> None:
    values = [0] * 8 + [60_000] * 8 + RAMP[16:]
    content = image(struct.pack("<64H", *values), PixelPaddingValue=60_000, PixelPaddingRangeLimit=65_535)
    shown = [(min(value, 6_300)) / 6_300 * 255 for value in values]
    assert np.abs(picture(content) - in_rows(shown)).max() <= NEAR + 1


def test_look_up_tables() -> None:
    table = [(number * 7) % 64 * 1_000 for number in range(64)]
    modality = item(LUTDescriptor=[64, 0, 16], ModalityLUTType="US", LUTData=struct.pack("<64H", *table))
    content = image(struct.pack("<64H", *range(64)), ModalityLUTSequence=[modality])
    expected = in_rows([value / max(table) * 255 for value in table])
    assert np.abs(picture(content) - expected).max() <= NEAR
    shades = [(number * 5) % 64 * 4 for number in range(64)]
    voi = item(LUTDescriptor=[64, 100, 8], LUTData=struct.pack("<64H", *shades))
    stored = struct.pack("<64H", *range(64))
    content = image(stored, VOILUTSequence=[voi], RescaleSlope=1, RescaleIntercept=100)
    assert np.abs(picture(content) - in_rows([float(shade) for shade in shades])).max() <= NEAR
    assert (
        np.abs(picture(content, window=(132.0, 65.0)) - in_rows([n / 64 * 255 for n in range(64)])).max() <= 6
    )


def test_constant_and_signed_images() -> None:
    assert (picture(image(b"\1\0" * 64)) == 0).all()
    values = [-value for value in RAMP]
    content = image(struct.pack("<64h", *values), PixelRepresentation=1)
    assert np.abs(picture(content) - (255 - in_rows(OVER_RANGE))).max() <= NEAR
    content = image(b"", FloatPixelData=struct.pack("<64f", *values[:-1], math.nan), BitsAllocated=32)
    drawn = picture(content)
    assert abs(int(drawn[0, 0]) - 255) <= NEAR


# Frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_each_frame_is_its_own(name: str) -> None:
    stored = pydicom.dcmread(io.BytesIO(sample("rtdose.dcm"))).PixelData
    values = np.frombuffer(stored, "<u4").reshape(15, 10, 10).astype(float)
    for number in (1, 7, 15):
        frame = values[number - 1]
        low, high = frame.min(), frame.max()
        expected = (frame - low) / (high - low) * 255 if high > low else frame * 0
        assert np.abs(picture(sample(name), frame=number) - expected).max() <= NEAR
    for number in (0, 16, 10_000):
        with pytest.raises(NoPicture, match=f"has no frame {number}"):
            picture(sample(name), frame=number)


def test_compressed_frames_are_found() -> None:
    content = sample("examples_ybr_color.dcm")
    dataset = pydicom.dcmread(io.BytesIO(content))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=30))
    assert len(frames) == 30
    for number in (1, 13, 30):
        other = np.asarray(Image.open(io.BytesIO(frames[number - 1])), np.int16)
        assert np.abs(picture(content, frame=number) - other).mean() < 3


def test_windows_and_slopes_of_frames() -> None:
    per_frame = [
        item(
            FrameVOILUTSequence=[item(WindowCenter=centre, WindowWidth=2_000)],
            PixelValueTransformationSequence=[item(RescaleIntercept=0, RescaleSlope=slope, RescaleType="US")],
        )
        for centre, slope in ((1_000, 1), (4_000, 2))
    ]
    content = image(
        struct.pack("<64H", *RAMP) * 2,
        NumberOfFrames=2,
        SharedFunctionalGroupsSequence=[item(FrameVOILUTSequence=[item(WindowCenter=1, WindowWidth=1)])],
        PerFrameFunctionalGroupsSequence=per_frame,
    )
    first = in_rows([linear(value, 1_000, 2_000) for value in RAMP])
    second = in_rows([linear(value * 2, 4_000, 2_000) for value in RAMP])
    assert np.abs(picture(content, frame=1) - first).max() <= NEAR
    assert np.abs(picture(content, frame=2) - second).max() <= NEAR


# Sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (1024, 256)),
        ({"rows": 512}, (512, 128)),
        ({"columns": 512}, (2048, 512)),
        ({"rows": 100, "columns": 100}, (100, 25)),
        ({"rows": 1000, "columns": 10}, (40, 10)),
        ({"rows": 1, "columns": 1}, (1, 1)),
        ({"rows": 5_000, "enlarge": False}, (1024, 256)),
    ],
)
def test_the_aspect_is_kept(options: dict[str, Any], shape: tuple[int, int]) -> None:
    assert picture(sample("JPEG2000.dcm"), **options).shape == shape


def test_a_thumbnail_is_at_most_512_and_never_larger_than_the_frame() -> None:
    def size(name: str) -> tuple[int, int]:
        drawn = jpeg(read_frame(BytesSource(sample(name)), 1), THUMBNAIL)
        return Image.open(io.BytesIO(drawn)).size

    assert size("JPEG2000.dcm") == (128, 512)
    assert size("examples_palette.dcm") == (512, 224)
    assert size("MR_small.dcm") == (64, 64)


def test_quality_is_kept_to() -> None:
    content = sample("examples_overlay.dcm")
    sizes = [
        len(jpeg(read_frame(BytesSource(content), 1), PictureOptions(quality=quality)))
        for quality in (1, 50, 85, 100)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] * 10 < sizes[-1]


@pytest.mark.shared
def test_real_files_are_drawn_or_say_why_not(shared_dicom: Path) -> None:
    drawn, refused = 0, []
    for path in sorted(each for each in shared_dicom.rglob("*.dcm"))[::9]:
        try:
            frame = read_frame(BytesSource(path.read_bytes()), 1)
        except FilmroomError as error:
            refused.append(str(error))
            continue
        assert Image.open(io.BytesIO(jpeg(frame, THUMBNAIL))).format == "JPEG"
        drawn += 1
    assert drawn > 10
    assert set(refused) <= {"The object has no pixels.", "A segmentation has no picture of its own."}, refused
