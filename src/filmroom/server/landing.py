"""Landing pages of DOIs, and the manifest of the collection that a DOI is about."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Iterator

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from filmroom.errors import NotFound
from filmroom.model.access import VisibleSet
from filmroom.model.doi_datasets import short_name_of
from filmroom.model.dois import DoiRecord, DoiView
from filmroom.model.queries import FindCollections, FindManifestSeries
from filmroom.server.datacite.conversions import as_travelling
from filmroom.server.endpoint import OPERATION_KEY, REQUEST_ID_KEY
from filmroom.server.errors import error_response
from filmroom.server.landing_page import Landing, landing_page, link_headers
from filmroom.server.pages import PAGE_HEADERS
from filmroom.server.service import Service
from filmroom.wire.manifest import manifest_lines
from filmroom.wire.operation import MANIFEST

_AT_ONCE = 1_000
# What calls itself so is no reader; what does not call itself anything neither.
_ROBOT = re.compile(r"bot|crawl|spider|slurp|curl|wget|python|java/|go-http|scan|monitor|preview", re.I)


class LandingPages:
    """The handler of ``/doi/…``: what everybody may see, whoever asks."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def show(self, request: Request) -> Response:
        """Answer with the page of a findable DOI, or with the manifest of its collection."""
        request.scope[OPERATION_KEY] = "landing page"
        try:
            landing = await self._service.in_thread(lambda: self._landing(request))
            if request.query_params.get("format") == "tcia":
                return self._manifest(landing)
            if request.method == "GET" and not _ROBOT.search(request.headers.get("user-agent", "bot")):
                self._service.audit.record(DoiView(landing.record.doi.lower()))
            headers = {**PAGE_HEADERS, "Link": link_headers(landing)}
            return HTMLResponse(landing_page(landing), headers=headers)
        except Exception as error:  # noqa: BLE001 - the table of errors decides, and logs what it must
            return error_response(error, request.scope.get(REQUEST_ID_KEY, ""))

    def _landing(self, request: Request) -> Landing:
        catalog = self._service.catalog
        record = catalog.dois().get(request.path_params["doi"])
        imported = record.imported_at
        return Landing(
            as_travelling(record),
            self._service.root(request),
            self._public_collection(record),
            f"{imported:%d %B %Y}" if imported is not None else "",
            self._service.attribution,
        )

    def _public_collection(self, record: DoiRecord) -> str:
        """Return the collection of the record's short name, empty where the public sees none."""
        name = short_name_of(record.attributes)
        if name is None:
            return ""
        rows = self._service.catalog.rows(FindCollections(collection=name), VisibleSet())
        return name if any(True for page in rows for _ in page) else ""

    def _manifest(self, landing: Landing) -> Response:
        if not landing.collection:
            raise NotFound("No collection that everybody may see is of this DOI.")
        name = f"{landing.record.doi.replace('/', '_')}-{dt.datetime.now(dt.UTC):%Y-%m-%d_%H-%M}.tcia"
        pieces = self._lines(landing, name)

        async def body() -> AsyncIterator[bytes]:
            while (piece := await self._service.next_of(pieces)) is not None:
                yield piece

        disposition = f'attachment; filename="{"".join(c for c in name if c.isalnum() or c in "-_.")}"'
        return StreamingResponse(body(), media_type=MANIFEST, headers={"Content-Disposition": disposition})

    def _lines(self, landing: Landing, name: str) -> Iterator[bytes]:
        """Yield the manifest in pieces: a collection can have a million series."""
        found = self._service.catalog.rows(FindManifestSeries(collection=landing.collection), VisibleSet())
        series = (row["series_instance_uid"] for page in found for row in page)
        piece: list[str] = []
        for line in manifest_lines(landing.root, series, include_annotation=True, name=name):
            piece.append(line)
            if len(piece) >= _AT_ONCE:
                yield "".join(piece).encode()
                piece = []
        yield "".join(piece).encode()
