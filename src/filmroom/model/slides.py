"""What is known of a whole-slide image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SlideFormat = Literal["svs", "ndpi", "ome-tiff", "tiff"]
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
