"""What the addresses of tiles name: slides by their number, series of DICOM images by their UID."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request

from filmroom.errors import NoPicture, NotFound, UnusableSlide
from filmroom.model.access import Scope, VisibleSet
from filmroom.model.slides import SlideFile
from filmroom.server.pathdb.app import agreed, path_number, slide_file
from filmroom.server.pathdb.slides import HeldSlide, Shown, SlideRoom
from filmroom.server.service import Service
from filmroom.server.viewers import viewer_of

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_UID_LENGTH = 64


class Named(Protocol):
    """Slides of one kind. ``path`` stands before their names in addresses."""

    path: str

    def name(self, text: str) -> str:
        """Return the name as it stands in our addresses. :raises NotFound: when it is none."""

    async def look(self, request: Request, name: str) -> Shown:
        """Return a slide that the viewer may have bytes of. :raises NotFound: :raises NoPicture:"""


class NamedFiles:
    """Slides that are files, by number."""

    path = ""

    def __init__(self, service: Service, room: SlideRoom) -> None:
        self._service = service
        self._room = room

    def name(self, text: str) -> str:
        """Return the number. :raises NotFound: when it is none."""
        return str(path_number(text))

    async def look(self, request: Request, name: str) -> Shown:
        """Return a slide that the viewer may have bytes of.

        :raises NotFound: :raises AgreementRequired: :raises NoPicture:
        """

        def use(file: SlideFile) -> Shown:
            return _shown(lambda: self._room.look(HeldSlide.of_file(file)))

        viewer = await viewer_of(self._service, request, "optional")
        return await slide_file(self._service, request, int(name), viewer, use)


class NamedSeries:
    """Series of DICOM whole-slide images, by Series Instance UID."""

    path = "/series"

    def __init__(self, service: Service, room: SlideRoom) -> None:
        self._service = service
        self._room = room

    def name(self, text: str) -> str:
        """Return the UID. :raises NotFound: when it is none."""
        if len(text) > _UID_LENGTH or not _UID.fullmatch(text):
            raise NotFound("There is no such series.")
        return text

    async def look(self, request: Request, name: str) -> Shown:
        """Return a series as a slide that the viewer may have bytes of.

        :raises NotFound: :raises AgreementRequired: :raises NoPicture: when it is no slide.
        """
        visible = VisibleSet(await viewer_of(self._service, request, "optional"), Scope.RETRIEVE)

        def find() -> Shown:
            content = self._service.catalog.series_content(name, visible)
            return _shown(lambda: self._room.look(HeldSlide.of_series(content)))

        return await agreed(self._service, request, find)


def _shown(look: Callable[[], Shown]) -> Shown:
    try:
        return look()
    except UnusableSlide as error:
        raise NoPicture(str(error)) from None
