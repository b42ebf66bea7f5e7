"""Every address at which slides are listed, fetched and shown."""

from __future__ import annotations

from starlette.routing import Route, request_response

from filmroom.server.cors import with_cors
from filmroom.server.pathdb.app import PathDb
from filmroom.server.pathdb.named import NamedFiles, NamedSeries
from filmroom.server.pathdb.slides import SlideRoom
from filmroom.server.pathdb.tiles import Tiles
from filmroom.server.pathdb.viewer import ViewerPages
from filmroom.server.service import Service


def slide_routes(service: Service) -> list[Route]:
    """Return the routes of one archive's slides."""
    room = SlideRoom(service)
    files, series = NamedFiles(service, room), NamedSeries(service, room)
    handlers = [
        *PathDb(service).handlers(),
        *Tiles(service, room, series).handlers(),
        *Tiles(service, room, files).handlers(),
        *ViewerPages(service, series).handlers(),
    ]
    return [
        Route(path, with_cors(request_response(handler)), methods=["GET", "OPTIONS"])
        for path, handler in handlers
    ]
