"""Drawing as it runs in a process of its own, which may be killed and has a bounded memory.

Decoders read what anybody may have sent in. What one of them breaks is a process that does nothing else.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

from filmroom.errors import FilmroomError, NoPicture
from filmroom.render.options import PictureOptions

_MOST_MEMORY = 3 * 1024**3
"""Bytes of address space, where the system can bound it; several times what a largest frame takes."""


def draw(path: str, offset: int, size: int, options: PictureOptions) -> bytes:
    """Return the JPEG picture of an object that is a part of a file.

    :raises NoPicture: whatever is wrong with the object.
    """
    confine()
    from filmroom.render.file_part import FilePart
    from filmroom.render.frame import read_frame
    from filmroom.render.picture import jpeg

    try:
        with FilePart(path, offset, size) as source, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files with faults, which are not news
            return jpeg(read_frame(source, options.frame), options)
    except FilmroomError as error:
        raise NoPicture(str(error)) from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything for a broken frame
        raise NoPicture(f"The image cannot be decoded ({type(error).__name__}).") from None


def confine() -> None:
    """Bound what this process may take, before it loads what decodes. Once is enough."""
    # Before NumPy is loaded: its library would reserve memory for a thread on every core.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = _MOST_MEMORY if hard == resource.RLIM_INFINITY else min(hard, _MOST_MEMORY)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
