"""The page that shows a slide, at the address that old links to caMicroscope have; all of it from here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from filmroom.errors import NotFound
from filmroom.model.access import Scope, VisibleSet
from filmroom.model.queries import FindSeries
from filmroom.model.slides import Slide
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import error_response
from filmroom.server.pathdb.app import Handlers, path_number, visible_slide
from filmroom.server.pathdb.named import NamedSeries
from filmroom.server.pathdb.tiles import DEEPZOOM_PATH
from filmroom.server.service import Service
from filmroom.server.viewers import viewer_of
from filmroom.wire.operations import find_operation
from filmroom.wire.pathdb import MOUNT_PATH, VIEWER_PATH, file_path

_GET_IMAGE = find_operation("v4", "getImage")
_ASSETS = {
    "openseadragon.min.js": "text/javascript",
    "viewer.js": "text/javascript",
    "viewer.css": "text/css",
}
_ASSETS_PATH = f"{MOUNT_PATH}/assets"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class ViewerPages:
    """The handlers of the viewer's page and of what it is made of."""

    def __init__(self, service: Service, series: NamedSeries) -> None:
        self._service = service
        self._series = series

    def handlers(self) -> Handlers:
        """Return what answers which path."""
        return [
            (VIEWER_PATH, self.show),
            (MOUNT_PATH + VIEWER_PATH, self.show),
            (f"{_ASSETS_PATH}/{{name}}", self.asset),
        ]

    async def show(self, request: Request) -> Response:
        """``viewer.html?mode=pathdb&slideId=N``, or ``?seriesUID=`` of DICOM images; other parameters of
        caMicroscope are passed over."""
        request.scope[OPERATION_KEY] = "pathdb/viewer"
        params = request.query_params
        try:
            if "seriesUID" in params:
                page = await self._of_series(request, params["seriesUID"])
            else:
                slide = await visible_slide(self._service, request, path_number(params.get("slideId", "")))
                page = _of_slide(slide)
        except NotFound as error:
            return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))
        return HTMLResponse(viewer_page(page), headers=_HEADERS)

    async def _of_series(self, request: Request, text: str) -> Page:
        uid = self._series.name(text)
        facts = (await self._series.look(request, uid)).facts
        visible = VisibleSet(await viewer_of(self._service, request, "optional"), Scope.RETRIEVE)
        query = FindSeries(series_instance_uid=uid)
        pages = self._service.catalog.rows(query, visible)
        found = await self._service.in_thread(lambda: next(pages, []))
        if not found:
            raise NotFound(f"There is no series {uid}.")
        series = found[0]
        return Page(
            title=f"{series['series_desc'] or uid}, {series['collection']}",
            subject=series["patient_id"] or "",
            stain="",
            licence=series["licence_name"] or "",
            download=f"{_GET_IMAGE.path}?{urlencode({'SeriesInstanceUID': uid})}",
            source=f"{DEEPZOOM_PATH}{self._series.path}/{uid}.dzi",
            width=facts.width,
            height=facts.height,
            pixel_size=facts.pixel_size_x,
            objective_power=facts.objective_power,
        )

    async def asset(self, request: Request) -> Response:
        """A file that the page loads."""
        request.scope[OPERATION_KEY] = "pathdb/asset"
        name = request.path_params["name"]
        if name not in _ASSETS:
            raise NotFound("There is no such file.")
        return Response(_asset(name), media_type=_ASSETS[name], headers={"Cache-Control": "max-age=3600"})


@lru_cache
def _asset(name: str) -> bytes:
    return (files("filmroom.server.pathdb") / "assets" / name).read_bytes()


@dataclass(frozen=True, slots=True)
class Page:
    """What the page of a slide says. ``source`` is its pyramid's address; sizes as in the facts of slides."""

    title: str
    subject: str
    stain: str
    licence: str
    download: str
    source: str
    width: int
    height: int
    pixel_size: float | None
    objective_power: float | None


def _of_slide(slide: Slide) -> Page:
    return Page(
        title=f"{slide.image_id}, {slide.collection}",
        subject=slide.subject_id,
        stain=slide.stain or "",
        licence=slide.licence_name or "",
        download=f"{MOUNT_PATH}/{file_path(slide.id, slide.collection, slide.name)}",
        source=f"{DEEPZOOM_PATH}/{slide.id}.dzi",
        width=slide.width,
        height=slide.height,
        pixel_size=slide.pixel_size_x,
        objective_power=slide.objective_power,
    )


def viewer_page(page: Page) -> str:
    """Return the page of one slide."""
    facts = {
        "Subject": page.subject,
        "Size": f"{page.width} x {page.height} pixels",
        "Stain": page.stain,
        "Licence": page.licence,
    }
    said = "".join(f"<p>{escape(name)}: {escape(text)}</p>" for name, text in facts.items() if text)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{_ASSETS_PATH}/viewer.css"></head><body>'
        f"<header><h1>{escape(page.title)}</h1>{said}"
        f'<p><a href="{escape(page.download)}" download>Download</a></p><p id="status">Loading…</p></header>'
        '<main><div id="tools">'
        '<button id="in" title="Zoom in">+</button><button id="out" title="Zoom out">&minus;</button>'
        '<button id="whole" title="Show the whole slide">Whole</button>'
        '<button id="full" title="Full screen">Full</button></div>'
        f'<div id="slide" data-source="{escape(page.source)}" '
        f'data-pixel-size="{page.pixel_size or ""}" '
        f'data-objective-power="{page.objective_power or ""}"></div>'
        '<div id="scale" hidden></div><div id="power"></div></main>'
        f'<script src="{_ASSETS_PATH}/openseadragon.min.js"></script>'
        f'<script src="{_ASSETS_PATH}/viewer.js"></script></body></html>'
    )
