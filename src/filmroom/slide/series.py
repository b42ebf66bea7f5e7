"""A series of DICOM whole-slide images (PS3.3 A.32.8), opened and checked.

Only what it says of its volume is shown: label, overview and thumbnail images are passed over.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
from pydicom.filereader import read_partial
from pydicom.tag import Tag
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage
from wsidicom import Settings, WsiDicom
from wsidicom.config import use_settings
from wsidicom.file import WsiDicomFileSource
from wsidicom.file.io import WsiDicomReader
from wsidicom.file.io.wsidicom_io import WsiDicomReadIO
from wsidicom.geometry import Point, Size
from wsidicom.group import Level
from wsidicom.instance import TileType, WsiInstance
from wsidicom.instance.per_frame_group_positions import PerFrameGroupPositions

from filmroom.errors import UnusableSlide
from filmroom.model.slides import SlideFacts, SlideLevel
from filmroom.slide.stored_jpeg import whole_jpeg
from filmroom.slide.stream import Positioned, as_file

_MOST_PIXELS = 2**40
"""A scan of a whole glass at 100x has about 2**38."""
_MOST_TILES = 2**22
_LARGEST_TILE = 2**26
"""Pixels of a tile, at most: a series of larger ones cannot be shown in pieces."""
_LARGEST_VALUE = 64 * 1024 * 1024
"""Bytes of what is read at once: an element of the header, a table of tiles, a tile."""
_MOST_OF_HEADERS = 6 * 1024 * 1024
"""Bytes of headers that are parsed, at most; a program's form of them takes a hundred times as much. Colour
profiles and other long values are passed over."""
_MOST_OF_TABLES = 256 * 1024 * 1024
"""Bytes that are read to find out where the tiles are, at most."""
_MOST_MICROMETRES = 100.0
_MOST_POWER = 1_000.0
_CACHE = 16 * 1024 * 1024
_OPTICAL_PATHS = Tag("OpticalPathSequence")

# Files with faults are not news, and what they hold is not for the log.
for _name in ("wsidicom", "pydicom"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class SlideSeries:
    """An open series. Raises :class:`~filmroom.errors.UnusableSlide` for what is none, or is broken.

    :param sources: its instances, of which those of the volume are shown.

    Not to be used by several threads at once.
    """

    def __init__(self, sources: Sequence[Positioned]) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._open(sources)
        except UnusableSlide:
            raise
        except Exception as error:  # noqa: BLE001 - the reader raises anything for a broken object
            raise UnusableSlide(f"The series cannot be read as a slide ({type(error).__name__}).") from None

    def _open(self, sources: Sequence[Positioned]) -> None:
        allowance = _Allowance(_MOST_OF_HEADERS)
        opened = {str(n): _Instance(source, str(n), allowance) for n, source in enumerate(sources)}
        settings = Settings(
            strict_tile_size_check=False,
            decoded_frame_cache_size=_CACHE,
            encoded_frame_cache_size=0,
        )
        with use_settings(settings):
            source = WsiDicomFileSource(opened.values())
        if len(source.readers) != len(opened):
            raise UnusableSlide("The series holds a whole-slide image that cannot be read.")
        # Parts of a concatenation are one image.
        tiles = {str(reader.uids.identifier): _checked_tiles(reader) for reader in source.readers}
        frames = sum(int(reader.frame_count) for reader in source.readers)
        if max(sum(tiles.values()), frames) > _MOST_TILES:
            raise UnusableSlide("The slide has too many tiles.")
        (base,) = (reader for reader in source.readers if reader.dataset is source.base_dataset)
        vendor, power = opened[str(base.filepath)].said()
        allowance.left = _MOST_OF_TABLES
        self._slide = WsiDicom(source, settings=settings)
        self._levels: list[Level] = list(self._slide.levels)
        parts: dict[str, list[WsiDicomReader]] = defaultdict(list)
        for reader in source.readers:
            parts[str(reader.uids.identifier)].append(reader)
        for level in self._levels:
            for uid, each in level.instances.items():
                _refuse_misplaced(each, parts[str(uid)], opened)
        allowance.left = None
        spacing = self._levels[0].mpp
        self.facts = SlideFacts(
            format="dicom",
            vendor=vendor,
            levels=tuple(map(_level, self._levels)),
            pixel_size_x=_positive(spacing.width, _MOST_MICROMETRES),
            pixel_size_y=_positive(spacing.height, _MOST_MICROMETRES),
            objective_power=power,
            associated=frozenset(),
        )

    def samples(self, level: int, place: tuple[int, int], size: tuple[int, int]) -> npt.NDArray[Any]:
        """Return decoded samples (rows, columns, channels) of a level, from a place in its own pixels."""
        found: npt.NDArray[Any] = self._slide.read_region(
            place, self._levels[level].level, size, threads=1, as_array=True
        )
        bits = self._levels[level].default_instance.dataset.bits
        if bits > 8:
            found = (found >> (bits - 8)).astype(np.uint8)
        return found if found.ndim == 3 else found[..., np.newaxis]

    def stored(self, level: int, column: int, row: int) -> bytes | None:
        """Return a stored tile as a JPEG image; None where there is none."""
        instance = self._levels[level].default_instance
        tile, at = Point(column, row), (instance.default_z, instance.default_path)
        if instance.image_data.is_sparse(tile, *at):
            return None
        data = instance.image_data.get_encoded_tile(tile, *at)
        rgb = instance.dataset.photometric_interpretation == "RGB"
        return whole_jpeg(data, rgb=rgb)

    def close(self) -> None:
        """Forget what was read; the sources stay open."""
        self._slide.clear_cache()


@dataclass(slots=True)
class _Allowance:
    """How many more bytes may be read of all instances together; None: as many as are asked for."""

    left: int | None


class _Bounded(io.BufferedReader):
    """A file that refuses to give out more at once, or altogether, than is bearable."""

    name = ""  # it has no path
    allowance: _Allowance

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_VALUE:
            raise UnusableSlide("The series holds a value that is too large.")
        if self.allowance.left is not None:
            self.allowance.left -= size
            if self.allowance.left < 0:
                raise UnusableSlide("Too much has to be read to find the tiles of the series.")
        return super().read(size)


class _Instance(WsiDicomReadIO):  # type: ignore[misc]
    """An instance, read by position."""

    def __init__(self, source: Positioned, name: str, allowance: _Allowance) -> None:
        self._file = _Bounded(as_file(source).detach(), 64 * 1024)
        self._file.allowance = allowance
        self.size = source.size
        super().__init__(self._file, cast(Any, PurePosixPath(name)))
        if self.media_storage_sop_class_uid != VLWholeSlideMicroscopyImageStorage:
            raise UnusableSlide("The series is not one of whole-slide images.")

    @contextmanager
    def buffered(self, buffer_bytes: int) -> Iterator[BinaryIO]:
        """Give this very file: there is no path to open it by again."""
        yield self._file

    def said(self) -> tuple[str, float | None]:
        """Return who made the image and the magnification of the objective, where the header says so.

        Nothing, where too much would have to be read: colour profiles can be large.
        """
        self.seek(0)
        try:
            header = read_partial(
                self._file,
                stop_when=lambda tag, _vr, _length: tag > _OPTICAL_PATHS,
                specific_tags=[Tag("Manufacturer"), _OPTICAL_PATHS],
            )
        except UnusableSlide:
            return "", None
        powers = (path.get("ObjectiveLensPower") for path in header.get("OpticalPathSequence") or ())
        power = next((power for power in powers if power is not None), None)
        return str(header.get("Manufacturer") or ""), _positive(power, _MOST_POWER)


def _checked_tiles(reader: WsiDicomReader) -> int:
    """Return how many tiles an image says that it has, before room is made for them.

    :raises UnusableSlide: when its sizes are not those of a slide.
    """
    dataset = reader.dataset
    tile = dataset.tile_size
    if min(_pair(tile)) < 1 or math.prod(_pair(tile)) > _LARGEST_TILE:
        raise UnusableSlide("The slide is stored in pieces that are too large to be shown one by one.")
    whole = dataset.image_size
    if math.prod(_pair(whole)) > _MOST_PIXELS:
        raise UnusableSlide("A level of the slide is larger than any glass.")
    planes = int(dataset.number_of_focal_planes) * len(dataset.optical_path_identifiers)
    if min(planes, dataset.frame_count) < 1:
        raise UnusableSlide("The slide has no tiles.")
    return _tiles(whole, tile) * planes


def _refuse_misplaced(
    instance: WsiInstance, parts: Sequence[WsiDicomReader], opened: Mapping[str, _Instance]
) -> None:
    """Find every tile of an image. :raises UnusableSlide: when some are not where they should be."""
    for reader in parts:
        size, index = opened[str(reader.filepath)].size, reader.frame_index
        if len(index) != reader.frame_count:
            raise UnusableSlide("The slide does not hold as many tiles as it says.")
        if any(offset < 0 or length < 0 or offset + length > size for offset, length in index):
            raise UnusableSlide("The slide points out of its file: it may be cut off.")
    tiles = math.prod(_pair(instance.tiled_size))
    if instance.dataset.tile_type == TileType.SPARSE:
        if sum(_planes(part.dataset.frame_positions) for part in parts) * tiles > _MOST_TILES:
            raise UnusableSlide("The slide has too many planes.")
    elif sum(part.frame_count for part in parts) < tiles:
        raise UnusableSlide("The slide lacks tiles.")
    _ = instance.focal_planes  # places the tiles


def _planes(positions: PerFrameGroupPositions) -> int:
    """Return how many combinations of focal plane and optical path there may be among frames."""
    stated = (positions.z_offsets, positions.optical_path_identifiers)
    return math.prod(len(np.unique(each)) for each in stated if each is not None)


def _tiles(whole: Size, tile: Size) -> int:
    return math.prod(-(-have // piece) for have, piece in zip(_pair(whole), _pair(tile), strict=True))


def _pair(size: Size) -> tuple[int, int]:
    return int(size.width), int(size.height)


def _level(level: Level) -> SlideLevel:
    instance = level.default_instance
    data = instance.image_data
    jpeg = data.transfer_syntax == JPEGBaseline8Bit and data.bits == 8
    return SlideLevel(*_pair(level.size), *_pair(level.tile_size), jpeg)


def _positive(value: Any, most: float) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number <= most else None
