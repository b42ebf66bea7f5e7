"""Slides that are being looked at: stored tiles from here, drawn ones from processes of their own."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import anyio.to_process

from filmroom.errors import MissingExtra, NoPicture
from filmroom.model.slides import SlideFacts, SlideFile
from filmroom.render.slide_picture import SlidePicture, SlideSource, draw_slide
from filmroom.server.logs import get_logger
from filmroom.server.service import Service
from filmroom.store.content import ObjectHandle

if TYPE_CHECKING:
    from filmroom.slide.file import SlideFile as OpenSlide

_log = get_logger("filmroom.slides")

_OPEN_SLIDES = 32
_SECONDS = 30
_MOST_WAITING = 1_024
"""Tiles that wait for their turn to be drawn."""
_PRESIGNED_SECONDS = 300
_GENERATION = 1
"""Raised when pictures of the same slides come to look different."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A slide that a viewer may have bytes of: its file, and what is known of it."""

    file: SlideFile
    facts: SlideFacts


@dataclass(slots=True, eq=False)
class _Opened:
    slide: OpenSlide
    lock: threading.Lock = field(default_factory=threading.Lock)


class SlideRoom:
    """Keeps slides open and draws what is asked of them; thread-safe."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._opened: OrderedDict[bytes, _Opened] = OrderedDict()
        self._lock = threading.Lock()
        cores = os.cpu_count() or 1
        self._drawing = anyio.CapacityLimiter(max(2, cores))

    def look(self, file: SlideFile) -> Shown:
        """Open a slide. May wait.

        :raises MissingExtra: :raises UnusableSlide: :raises StoreError:
        """
        return Shown(file, self._open(file).slide.facts)

    def stored_tile(self, file: SlideFile, level: int, column: int, row: int) -> bytes | None:
        """Return a tile as it is stored, None where it has to be drawn. May wait. :raises InvalidInput:"""
        from filmroom.slide.tiles import stored_tile

        opened = self._open(file)
        with opened.lock:
            return stored_tile(opened.slide, level, column, row)

    async def draw(self, file: SlideFile, wanted: SlidePicture) -> bytes:
        """Return a drawn picture. :raises NoPicture: also when it takes too long, or too many wait."""
        if self._drawing.statistics().tasks_waiting >= _MOST_WAITING:
            raise NoPicture("Too many tiles are asked for at once.")
        source = await self._service.in_thread(lambda: self._source(file))
        async with self._drawing:
            try:
                with anyio.fail_after(_SECONDS):
                    return await anyio.to_process.run_sync(
                        draw_slide,
                        source,
                        wanted,
                        cancellable=True,  # the process is killed
                        limiter=anyio.CapacityLimiter(1),
                    )
            except TimeoutError:
                _log.warning("slide given up", slide=file.name, reason="time")
                raise NoPicture("The slide takes too long to be drawn.") from None
            except anyio.BrokenWorkerProcess:
                _log.warning("slide given up", slide=file.name, reason="process")
                raise NoPicture("The slide cannot be decoded.") from None

    def _source(self, file: SlideFile) -> SlideSource:
        self._service.reader.check(file.location)
        location, identity = file.location, file.sha256.hex()
        path = location.key if location.in_place else self._service.store.local_path(location.key)
        if path is not None:
            return SlideSource(identity, file.size, path=str(path))
        url = self._service.store.presigned(location.key, method="GET", seconds=_PRESIGNED_SECONDS, answer={})
        if url is None:
            raise NoPicture("The store gives out no addresses to draw slides from.")
        return SlideSource(identity, file.size, url=url)

    def _open(self, file: SlideFile) -> _Opened:
        with self._lock:
            found = self._opened.get(file.sha256)
            if found is not None:
                self._opened.move_to_end(file.sha256)
                return found
        if importlib.util.find_spec("tiffslide") is None:
            raise MissingExtra("wsi", "Showing a slide")
        from filmroom.slide.file import SlideFile as OpenSlide
        from filmroom.slide.stream import as_file

        # What has changed since it was catalogued is refused here.
        handle = self._service.reader.open(file)
        opened = _Opened(OpenSlide(as_file(_Positioned(handle, file.size))))
        with self._lock:
            self._opened[file.sha256] = opened
            while len(self._opened) > _OPEN_SLIDES:
                # Whoever reads it now keeps it; its descriptor closes with the last reference.
                self._opened.popitem(last=False)
        return opened


class _Positioned:
    """An object of the store, read by position."""

    def __init__(self, handle: ObjectHandle, size: int) -> None:
        self._handle = handle
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        return b"".join(self._handle.pieces(offset, length)) if length else b""

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self._handle.close()


def entity_tag(file: SlideFile, *asked: object) -> str:
    """Return the entity tag of a picture of a slide."""
    said = repr((_GENERATION, file.sha256.hex(), asked))
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:40]}"'


def scale_steps(width: int, height: int) -> Iterator[tuple[int, int, int]]:
    """Yield the sizes of a pyramid that halves: the factor, and width and height in pixels, down to one."""
    factor = 1
    while True:
        yield factor, -(-width // factor), -(-height // factor)
        if width <= factor and height <= factor:
            return
        factor *= 2
