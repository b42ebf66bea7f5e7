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

from filmroom.errors import MissingExtra, NoPicture, UnusableSlide
from filmroom.model.entities import Location, SeriesContent, StoredBytes
from filmroom.model.slides import SlideFacts, SlideFile
from filmroom.render.slide_picture import SlidePart, SlidePicture, SlideSource, draw_slide
from filmroom.server.logs import get_logger
from filmroom.server.service import Service
from filmroom.store.content import ObjectHandle

if TYPE_CHECKING:
    from filmroom.slide.tiles import OpenSlide

_log = get_logger("filmroom.slides")

_OPEN_SLIDES = 32
_OPEN_FILES = 256
_MOST_INSTANCES = 128
_SECONDS = 30
_MOST_WAITING = 1_024
"""Tiles that wait for their turn to be drawn."""
_PRESIGNED_SECONDS = 300
_GENERATION = 1
"""Raised when pictures of the same slides come to look different."""


@dataclass(frozen=True, slots=True)
class HeldSlide:
    """Where the archive has a slide: its one file, or the instances of a series of DICOM images.

    ``identity`` is the same for the same bytes; ``label`` names it in the log.
    """

    identity: str
    label: str
    contents: tuple[StoredBytes, ...]
    is_series: bool = False

    @classmethod
    def of_file(cls, file: SlideFile) -> HeldSlide:
        """Return where a slide's file is."""
        return cls(file.sha256.hex(), file.label, (file,))

    @classmethod
    def of_series(cls, content: SeriesContent) -> HeldSlide:
        """Return where a series is that may be a slide. :raises UnusableSlide: for too many images."""
        if len(content.instances) > _MOST_INSTANCES:
            raise UnusableSlide("The series has too many images to be shown as a slide.")
        digest = hashlib.sha256(b"".join(instance.sha256 for instance in content.instances))
        label = f"Series {content.series_instance_uid}"
        return cls(f"series {digest.hexdigest()}", label, content.instances, is_series=True)


@dataclass(frozen=True, slots=True)
class Shown:
    """A slide that a viewer may have bytes of, and what is known of it."""

    held: HeldSlide
    facts: SlideFacts


@dataclass(slots=True, eq=False)
class _Opened:
    slide: OpenSlide
    files: int
    lock: threading.Lock = field(default_factory=threading.Lock)


class SlideRoom:
    """Keeps slides open and draws what is asked of them; thread-safe."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        self._lock = threading.Lock()
        cores = os.cpu_count() or 1
        self._drawing = anyio.CapacityLimiter(max(2, cores))

    def look(self, held: HeldSlide) -> Shown:
        """Open a slide. May wait.

        :raises MissingExtra: :raises UnusableSlide: :raises StoreError:
        """
        return Shown(held, self._open(held).slide.facts)

    def stored_tile(self, held: HeldSlide, level: int, column: int, row: int) -> bytes | None:
        """Return a tile as it is stored, None where it has to be drawn. May wait. :raises InvalidInput:"""
        from filmroom.slide.tiles import stored_tile

        opened = self._open(held)
        with opened.lock:
            return stored_tile(opened.slide, level, column, row)

    async def draw(self, held: HeldSlide, wanted: SlidePicture) -> bytes:
        """Return a drawn picture. :raises NoPicture: also when it takes too long, or too many wait."""
        if self._drawing.statistics().tasks_waiting >= _MOST_WAITING:
            raise NoPicture("Too many tiles are asked for at once.")
        source = await self._service.in_thread(lambda: self._source(held))
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
                _log.warning("slide given up", slide=held.label, reason="time")
                raise NoPicture("The slide takes too long to be drawn.") from None
            except anyio.BrokenWorkerProcess:
                _log.warning("slide given up", slide=held.label, reason="process")
                raise NoPicture("The slide cannot be decoded.") from None

    def _source(self, held: HeldSlide) -> SlideSource:
        parts = tuple(map(self._part, held.contents))
        return SlideSource(held.identity, parts, is_series=held.is_series)

    def _part(self, content: StoredBytes) -> SlidePart:
        location = content.location
        self._service.reader.check(location)
        path = location.key if location.in_place else self._service.store.local_path(location.key)
        if path is not None:
            return SlidePart(location.offset, location.length, path=str(path))
        url = self._service.store.presigned(location.key, method="GET", seconds=_PRESIGNED_SECONDS, answer={})
        if url is None:
            raise NoPicture("The store gives out no addresses to draw slides from.")
        return SlidePart(location.offset, location.length, url=url)

    def _open(self, held: HeldSlide) -> _Opened:
        with self._lock:
            found = self._opened.get(held.identity)
            if found is not None:
                self._opened.move_to_end(held.identity)
                return found
        if any(importlib.util.find_spec(name) is None for name in ("tiffslide", "wsidicom")):
            raise MissingExtra("wsi", "Showing a slide")
        from filmroom.slide.opening import open_slide

        parts = self._positioned(held)
        opened = _Opened(open_slide(parts, is_series=held.is_series), len({part.handle for part in parts}))
        with self._lock:
            self._opened[held.identity] = opened
            while len(self._opened) > _OPEN_SLIDES or self._files() > _OPEN_FILES:
                # Whoever reads it now keeps it; its descriptors close with the last reference.
                self._opened.popitem(last=False)
        return opened

    def _files(self) -> int:
        return sum(opened.files for opened in self._opened.values())

    def _positioned(self, held: HeldSlide) -> list[_Positioned]:
        """Open the objects that a slide lies in, each once; what has changed is refused."""
        reader, handles = self._service.reader, dict[str, _Handle]()
        for content in held.contents:
            location = content.location
            if location.encoding != "identity" or location.length != content.size:
                raise UnusableSlide("The series lies compressed, and cannot be shown in pieces.")
            handle = handles.get(location.key)
            if handle is None:
                handle = handles[location.key] = _Handle(reader.open_object(location))
            if not reader.is_trusted(handle.object, content):
                reader.verify(handle.object, content)
        return [_Positioned(handles[content.location.key], content.location) for content in held.contents]


class _Handle:
    """An open object, closed with the last that reads it."""

    def __init__(self, opened: ObjectHandle) -> None:
        self.object = opened

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self.object.close()


class _Positioned:
    """A part of an object of the store, read by position."""

    def __init__(self, handle: _Handle, location: Location) -> None:
        self.handle = handle
        self.size = location.length
        self._offset = location.offset

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        return b"".join(self.handle.object.pieces(self._offset + offset, length)) if length else b""


def entity_tag(held: HeldSlide, *asked: object) -> str:
    """Return the entity tag of a picture of a slide."""
    said = repr((_GENERATION, held.identity, asked))
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:40]}"'


def scale_steps(width: int, height: int) -> Iterator[tuple[int, int, int]]:
    """Yield the sizes of a pyramid that halves: the factor, and width and height in pixels, down to one."""
    factor = 1
    while True:
        yield factor, -(-width // factor), -(-height // factor)
        if width <= factor and height <= factor:
            return
        factor *= 2
