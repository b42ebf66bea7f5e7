"""What can be chosen about a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """One picture of an object.

    ``rows`` and ``columns`` are the most pixels that it has in height and width; the aspect is kept, and a
    side that is not given is free. ``enlarge``: a smaller frame is made as large as they allow. ``window``:
    centre and width in the units of the rescaled values (for CT, Hounsfield units); None takes what the
    object says. ``quality`` is that of JPEG, 1 to 100. ``frame`` counts from 1.
    """

    rows: int | None = None
    columns: int | None = None
    enlarge: bool = True
    window: tuple[float, float] | None = None
    quality: int = 85
    frame: int = 1


THUMBNAIL = PictureOptions(rows=512, columns=512, enlarge=False)
"""The picture of NBIA's ``getThumbnail``."""
