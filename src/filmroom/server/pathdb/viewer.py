"""The page that shows a slide, at the address that old links to caMicroscope have; all of it from here."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from filmroom.errors import NotFound
from filmroom.model.slides import Slide
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import error_response
from filmroom.server.pathdb.app import Handlers, path_number, visible_slide
from filmroom.server.pathdb.tiles import DEEPZOOM_PATH
from filmroom.server.service import Service
from filmroom.wire.pathdb import MOUNT_PATH, VIEWER_PATH, file_path

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

    def __init__(self, service: Service) -> None:
        self._service = service

    def handlers(self) -> Handlers:
        """Return what answers which path."""
        return [
            (VIEWER_PATH, self.show),
            (MOUNT_PATH + VIEWER_PATH, self.show),
            (f"{_ASSETS_PATH}/{{name}}", self.asset),
        ]

    async def show(self, request: Request) -> Response:
        """``viewer.html?mode=pathdb&slideId=N``; other parameters of caMicroscope are passed over."""
        request.scope[OPERATION_KEY] = "pathdb/viewer"
        try:
            number = path_number(request.query_params.get("slideId", ""))
            slide = await visible_slide(self._service, request, number)
        except NotFound as error:
            return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))
        return HTMLResponse(viewer_page(slide), headers=_HEADERS)

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


def viewer_page(slide: Slide) -> str:
    """Return the page of one slide."""
    facts = {
        "Subject": slide.subject_id,
        "Size": f"{slide.width} x {slide.height} pixels",
        "Stain": slide.stain or "",
        "Licence": slide.licence_name or "",
    }
    said = "".join(f"<p>{escape(name)}: {escape(text)}</p>" for name, text in facts.items() if text)
    download = f"{MOUNT_PATH}/{file_path(slide.id, slide.collection, slide.name)}"
    title = f"{slide.image_id}, {slide.collection}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{_ASSETS_PATH}/viewer.css"></head><body>'
        f"<header><h1>{escape(title)}</h1>{said}"
        f'<p><a href="{escape(download)}" download>Download</a></p><p id="status">Loading…</p></header>'
        '<main><div id="tools">'
        '<button id="in" title="Zoom in">+</button><button id="out" title="Zoom out">&minus;</button>'
        '<button id="whole" title="Show the whole slide">Whole</button>'
        '<button id="full" title="Full screen">Full</button></div>'
        f'<div id="slide" data-source="{DEEPZOOM_PATH}/{slide.id}.dzi" '
        f'data-pixel-size="{slide.pixel_size_x or ""}" '
        f'data-objective-power="{slide.objective_power or ""}"></div>'
        '<div id="scale" hidden></div><div id="power"></div></main>'
        f'<script src="{_ASSETS_PATH}/openseadragon.min.js"></script>'
        f'<script src="{_ASSETS_PATH}/viewer.js"></script></body></html>'
    )
