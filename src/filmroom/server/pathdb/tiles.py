"""Slides as viewers ask for them: DeepZoom and IIIF Image API 3.0, of one pyramid and one kind of tile."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from filmroom.errors import NotFound
from filmroom.model.slides import Region, SlideFacts
from filmroom.render.slide_picture import SlidePicture
from filmroom.server.endpoint import OPERATION_KEY
from filmroom.server.pathdb import iiif
from filmroom.server.pathdb.app import Handlers, path_number
from filmroom.server.pathdb.named import Named
from filmroom.server.pathdb.slides import Shown, SlideRoom, entity_tag, scale_steps
from filmroom.server.service import Service
from filmroom.server.zip_response import choose_answer
from filmroom.wire.pathdb import MOUNT_PATH

IIIF_PATH = f"{MOUNT_PATH}/iiif"
DEEPZOOM_PATH = f"{MOUNT_PATH}/deepzoom"
_TILE = 256
_STORED_TILES = range(128, 1_025)
"""Sides of stored tiles that are given out as they are."""
_DZI = "http://schemas.microsoft.com/deepzoom/2008"
_IIIF = "http://iiif.io/api/image/3/context.json"
_TILE_NAME = re.compile(r"([0-9]{1,7})_([0-9]{1,7})\.jpe?g")
# What a viewer may see can change any time: a kept tile is asked about before it is shown again.
_KEPT = {"Cache-Control": "private, no-cache"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One size of the pyramid that halves; ``stored``: the level of the slide that has just this size."""

    factor: int
    width: int
    height: int
    stored: int | None


@dataclass(frozen=True, slots=True)
class Pyramid:
    """A slide as viewers see it: square tiles, sizes that halve."""

    tile: int
    steps: tuple[_Step, ...]

    @classmethod
    def of(cls, facts: SlideFacts) -> Pyramid:
        """Choose the tiles: those of the largest level where they can be given out as they are."""
        first = facts.levels[0]
        as_stored = first.stored_jpeg and first.tile_width == first.tile_height
        tile = first.tile_width if as_stored and first.tile_width in _STORED_TILES else _TILE
        steps = tuple(
            _Step(factor, width, height, _stored(facts, tile, width, height))
            for factor, width, height in scale_steps(facts.width, facts.height)
        )
        return cls(tile, steps)


def _stored(facts: SlideFacts, tile: int, width: int, height: int) -> int | None:
    for number, level in enumerate(facts.levels):
        same_tiles = level.stored_jpeg and level.tile_width == level.tile_height == tile
        # A level that a scanner halved may have lost the last row or column.
        if same_tiles and 0 <= width - level.width <= 1 and 0 <= height - level.height <= 1:
            return number
    return None


class Tiles:
    """The handlers of tiles and pictures. Raise errors of the tree; the table makes answers of them."""

    def __init__(self, service: Service, room: SlideRoom, slides: Named) -> None:
        self._service = service
        self._room = room
        self._slides = slides

    def handlers(self) -> Handlers:
        """Return what answers which path."""
        deepzoom = f"{DEEPZOOM_PATH}{self._slides.path}/{{slide}}"
        iiif_ = f"{IIIF_PATH}{self._slides.path}/{{slide}}"
        return [
            (f"{deepzoom}.dzi", self.deepzoom),
            (f"{deepzoom}_files/{{level}}/{{tile}}", self.deepzoom_tile),
            (iiif_, self.iiif_base),
            (f"{iiif_}/info.json", self.iiif_info),
            (f"{iiif_}/{{region}}/{{size}}/{{rotation}}/{{last}}", self.iiif_picture),
        ]

    def _name(self, request: Request) -> str:
        return self._slides.name(request.path_params["slide"])

    def _address(self, request: Request) -> str:
        return f"{self._service.root(request)}{IIIF_PATH}{self._slides.path}/{self._name(request)}"

    async def _look(self, request: Request) -> Shown:
        return await self._slides.look(request, self._name(request))

    # -- DeepZoom ------------------------------------------------------------------------------------

    async def deepzoom(self, request: Request) -> Response:
        """``{id}.dzi``: the description of the pyramid."""
        request.scope[OPERATION_KEY] = "pathdb/deepzoom"
        facts = (await self._look(request)).facts
        tile = Pyramid.of(facts).tile
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?><Image xmlns="{_DZI}" Format="jpg" Overlap="0" '
            f'TileSize="{tile}"><Size Width="{facts.width}" Height="{facts.height}"/></Image>'
        )
        return Response(text, media_type="application/xml", headers=_KEPT)

    async def deepzoom_tile(self, request: Request) -> Response:
        """``{id}_files/{level}/{column}_{row}.jpg``: levels count from one pixel up."""
        request.scope[OPERATION_KEY] = "pathdb/deepzoom tile"
        name = _TILE_NAME.fullmatch(request.path_params["tile"])
        if name is None:
            raise NotFound("There is no such tile.")
        level, column, row = path_number(request.path_params["level"]), int(name[1]), int(name[2])
        shown = await self._look(request)
        pyramid = Pyramid.of(shown.facts)
        if level >= len(pyramid.steps):
            raise NotFound("There is no such level.")
        step = pyramid.steps[len(pyramid.steps) - 1 - level]
        x, y = column * pyramid.tile, row * pyramid.tile
        if x >= step.width or y >= step.height:
            raise NotFound("There is no such tile.")
        width, height = min(pyramid.tile, step.width - x), min(pyramid.tile, step.height - y)
        region = Region(
            x * step.factor,
            y * step.factor,
            min(width * step.factor, shown.facts.width - x * step.factor),
            min(height * step.factor, shown.facts.height - y * step.factor),
            width,
            height,
        )
        return await self._answer(request, shown, SlidePicture(region))

    # -- IIIF ----------------------------------------------------------------------------------------

    async def iiif_base(self, request: Request) -> Response:
        """The slide's base address leads to its information (section 2)."""
        request.scope[OPERATION_KEY] = "pathdb/iiif"
        return RedirectResponse(f"{self._address(request)}/info.json", 303)

    async def iiif_info(self, request: Request) -> Response:
        """``info.json`` (section 5)."""
        request.scope[OPERATION_KEY] = "pathdb/iiif info"
        facts = (await self._look(request)).facts
        pyramid = Pyramid.of(facts)
        factors = [step.factor for step in pyramid.steps]
        document = {
            "@context": _IIIF,
            "id": self._address(request),
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level2",
            "width": facts.width,
            "height": facts.height,
            "maxArea": iiif.MOST_PIXELS,
            "tiles": [{"width": pyramid.tile, "height": pyramid.tile, "scaleFactors": factors}],
            "extraQualities": ["color", "gray", "bitonal"],
            "extraFeatures": ["mirroring", "regionSquare", "sizeUpscaling"],
        }
        media = f'application/ld+json;profile="{_IIIF}"'
        if "application/ld+json" not in request.headers.get("accept", ""):
            media = "application/json"
        return Response(json.dumps(document), media_type=media, headers=_KEPT)

    async def iiif_picture(self, request: Request) -> Response:
        """``{region}/{size}/{rotation}/{quality}.{format}``."""
        request.scope[OPERATION_KEY] = "pathdb/iiif picture"
        asked = iiif.Request(*(request.path_params[name] for name in ("region", "size", "rotation", "last")))
        shown = await self._look(request)
        return await self._answer(request, shown, asked.picture(shown.facts.width, shown.facts.height))

    # -- both ----------------------------------------------------------------------------------------

    async def _answer(self, request: Request, shown: Shown, wanted: SlidePicture) -> Response:
        headers = {"ETag": entity_tag(shown.held, wanted), **_KEPT}
        if choose_answer("GET", request.headers, headers["ETag"], 1).status == 304:
            return Response(status_code=304, headers=headers)
        stored = await self._service.in_thread(lambda: self._stored(shown, wanted))
        if stored is not None:
            return Response(stored, media_type="image/jpeg", headers=headers)
        content = await self._room.draw(shown.held, wanted)
        media = "image/png" if wanted.form == "png" else "image/jpeg"
        return Response(content, media_type=media, headers=headers)

    def _stored(self, shown: Shown, wanted: SlidePicture) -> bytes | None:
        """Return the stored tile that is the wanted picture, where there is one."""
        region = wanted.region
        plain = wanted.form == "jpg" and not wanted.rotation and not wanted.mirrored
        pyramid = Pyramid.of(shown.facts)
        if (
            not plain
            or wanted.tones != "color"
            or (region.shown_width, region.shown_height) != (pyramid.tile, pyramid.tile)
        ):
            return None
        for step in pyramid.steps:
            side = pyramid.tile * step.factor
            if step.stored is None or (region.width, region.height) != (side, side):
                continue
            if region.x % side or region.y % side:
                continue
            return self._room.stored_tile(shown.held, step.stored, region.x // side, region.y // side)
        return None
