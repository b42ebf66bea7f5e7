"""What is known of a whole-slide image."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from filmroom.model.entities import Assignment, Location

SlideFormat = Literal["svs", "ndpi", "ome-tiff", "tiff", "dicom"]
ASSOCIATED = ("label", "macro", "map")
"""Images of the glass rather than of the specimen: they may show names, and are never given out unasked."""


@dataclass(frozen=True, slots=True)
class SlideLevel:
    """One resolution of a slide; sizes in pixels. ``tile_width`` and ``tile_height`` are those stored."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    stored_jpeg: bool
    """Each stored tile is a JPEG image that can be shown as it is."""


@dataclass(frozen=True, slots=True)
class SlideFacts:
    """A slide as its file describes it.

    ``pixel_size_x`` and ``pixel_size_y`` are micrometres per pixel of the largest level,
    ``objective_power`` the magnification of the objective; None where the file does not say.
    ``levels`` go from the largest to the smallest. ``associated`` names the images of the glass that the
    file holds (:data:`ASSOCIATED`).
    """

    format: SlideFormat
    vendor: str
    levels: tuple[SlideLevel, ...]
    pixel_size_x: float | None
    pixel_size_y: float | None
    objective_power: float | None
    associated: frozenset[str]

    @property
    def width(self) -> int:
        """Pixels of the largest level."""
        return self.levels[0].width

    @property
    def height(self) -> int:
        """Pixels of the largest level."""
        return self.levels[0].height


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a slide in pixels of its largest level, and the size in pixels to show it in."""

    x: int
    y: int
    width: int
    height: int
    shown_width: int
    shown_height: int


@dataclass(frozen=True, slots=True)
class SlideFile:
    """The file that a slide is given out as: a copy without the pictures of the glass, or the original."""

    name: str
    size: int
    md5: bytes
    sha256: bytes
    crc32: int
    location: Location

    @property
    def label(self) -> str:
        return f"Slide {self.name!r}"


@dataclass(frozen=True, slots=True)
class IncomingSlide:
    """A slide that was read and stored, and where it came from.

    ``image_id`` is the slide's own identifier, ``subject_id`` the patient's. ``original_sha256`` is of the
    file as it came; ``is_original``: ``file`` is that one.
    """

    facts: SlideFacts
    file: SlideFile
    original_sha256: bytes
    is_original: bool
    image_id: str
    subject_id: str
    stain: str | None
    assignment: Assignment
    source: str

    @property
    def location(self) -> Location:
        return self.file.location

    @property
    def size(self) -> int:
        return self.file.size


@dataclass(frozen=True, slots=True)
class Slide:
    """A catalogued slide as a viewer may see it. Sizes in pixels and micrometres per pixel; times are UTC."""

    id: int
    collection_id: int
    collection: str
    site: str
    subject_id: str
    image_id: str
    name: str
    format: str
    vendor: str
    width: int
    height: int
    pixel_size_x: float | None
    pixel_size_y: float | None
    objective_power: float | None
    stain: str | None
    size: int
    md5: bytes
    sha256: bytes
    is_original: bool
    description_uri: str | None
    licence_name: str | None
    licence_url: str | None
    created: dt.datetime
    changed: dt.datetime


@dataclass(frozen=True, slots=True)
class SlideCollection:
    """A collection that has slides a viewer may see; ``changed``: when one of them last was."""

    id: int
    name: str
    slides: int
    changed: dt.datetime


@dataclass(frozen=True, slots=True)
class ListedSlide:
    """A slide as a server lists it. Sizes in pixels, micrometres per pixel and bytes; times are UTC.

    ``url`` is where its file is, ``name`` that file's, ``viewer_url`` the page that shows it. ``size`` and
    ``md5`` (hex) of the file, ``description_uri``, the collection's DOI, and the licence are told by Filmroom
    alone.
    """

    id: int
    collection: str | None
    collection_id: int | None
    subject_id: str | None
    image_id: str | None
    name: str | None
    width: int | None
    height: int | None
    pixel_size_x: float | None
    pixel_size_y: float | None
    url: str | None
    viewer_url: str
    size: int | None
    md5: str | None
    description_uri: str | None
    licence_name: str | None
    licence_url: str | None
    created: dt.datetime | None
    changed: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ListedCollection:
    """A collection with slides as a server lists it; ``changed`` is UTC."""

    id: int
    name: str
    changed: dt.datetime | None


@dataclass(frozen=True, slots=True)
class SlideDescription:
    """What a person says of a slide, which its file does not; None: nothing."""

    name: str
    subject_id: str | None = None
    image_id: str | None = None
    stain: str | None = None
