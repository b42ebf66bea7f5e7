"""One frame as a JPEG picture. Decodes whatever it is given: only to be run in a confined process."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut

from filmroom.render.grey import Shades, shades
from filmroom.render.options import PictureOptions

try:
    from filmroom.render import jpeg_plugin
except ImportError:
    pass  # lossless JPEG then has no picture
else:
    jpeg_plugin.register()


def jpeg(frame: Dataset, options: PictureOptions) -> bytes:
    """Return the picture of a data set of one frame."""
    samples = _samples(frame, options)
    image = Image.fromarray(samples)
    size = _size(image.width, image.height, options)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=options.quality)
    return buffer.getvalue()


def _samples(frame: Dataset, options: PictureOptions) -> Shades:
    """Return shades (rows, columns) or red, green and blue (rows, columns, 3), 0 to 255."""
    stored, changed = get_decoder(frame.file_meta.TransferSyntaxUID).as_array(frame, index=0)
    if stored.ndim == 3:
        return _eight_bits(stored, int(changed.get("bits_stored") or frame.BitsStored))
    if frame.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(stored, frame)
        return _eight_bits(colours, colours.itemsize * 8)
    return shades(stored, frame, options.window)


def _eight_bits(samples: npt.NDArray[Any], bits: int) -> Shades:
    return np.ascontiguousarray(samples >> max(0, bits - 8) if bits > 8 else samples, np.uint8)


def _size(width: int, height: int, options: PictureOptions) -> tuple[int, int]:
    """Return width and height within what is allowed, with the aspect kept."""
    scales = [
        most / have for most, have in ((options.columns, width), (options.rows, height)) if most is not None
    ]
    scale = min(scales, default=1.0)
    if scale > 1 and not options.enlarge:
        scale = 1.0
    return max(1, round(width * scale)), max(1, round(height * scale))
