"""What the retriever asks when it starts."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from filmroom.server.service import Call, Service
from filmroom.server.servlets.passwords import SECRET_NAME

_NEWEST = "4.4"
_INSTALLERS = "https://www.cancerimagingarchive.net/nbia-data-retriever/"
"""The retriever is TCIA's: its own page says what there is for which system."""


async def version(service: Service, call: Call) -> Response:
    """``DownloadServletVersion``: six lines. Nobody is told to replace a retriever that works."""
    root = service.root(call.request)
    key = await service.in_thread(lambda: service.catalog.installation_secret(SECRET_NAME))
    lines = (_NEWEST, _INSTALLERS, key, "false", f"{root}/", f"{root}/docs", "")
    return PlainTextResponse("\n".join(lines))
