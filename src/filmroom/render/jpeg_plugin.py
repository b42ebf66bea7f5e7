"""A plug-in of pydicom for JPEG that Pillow cannot read: lossless, and 12 bits. Found by its names."""

from __future__ import annotations

from typing import Any

import imagecodecs
from pydicom.pixels.decoders.base import (
    JPEGExtended12BitDecoder,
    JPEGLosslessDecoder,
    JPEGLosslessSV1Decoder,
)
from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

_LABEL = "imagecodecs"
DECODER_DEPENDENCIES = dict.fromkeys((JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1), ("numpy", _LABEL))


def is_available(uid: str) -> bool:
    """Whether frames of a transfer syntax can be decoded."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(encoded: bytes, runner: Any) -> bytes:
    """Return the samples of a frame, colour by pixel. :param runner: pydicom's; told how they lie."""
    samples = imagecodecs.jpeg_decode(encoded)
    runner.set_option("bits_allocated", samples.itemsize * 8)
    if samples.ndim == 3:
        runner.set_option("planar_configuration", 0)
    return bytes(samples.tobytes())


def register() -> None:
    """Let pydicom use it; a second call does nothing."""
    for decoder in (JPEGExtended12BitDecoder, JPEGLosslessDecoder, JPEGLosslessSV1Decoder):
        if _LABEL not in decoder.available_plugins:
            decoder.add_plugin(_LABEL, (__name__, "decode_frame"))
