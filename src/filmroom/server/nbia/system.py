"""What the server says of itself: state, host, user agreement, the names of SOP classes."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from filmroom.model.access import VisibleSet
from filmroom.model.queries import FindValues
from filmroom.server.service import Call, Service

_OCTETS = "application/octet-stream"
_VERSION = "00.01.00"
"""The version of the service that clients know."""


def _attachment(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode(), media_type=_OCTETS, headers=headers)


async def agreement(service: Service, _call: Call) -> Response:
    """The archive's own current agreement, 404 where none is set."""
    found = await service.in_thread(service.catalog.agreements().own)
    if found is None:
        return PlainTextResponse("No user agreement file found.", 404)
    return _attachment(found.text, "UserAgreement.txt")


async def sop_classes(_service: Service, _call: Call) -> Response:
    """A Java properties file: ``<UID>=<name>`` of every SOP class (PS3.6 annex A)."""
    lines = [f"{uid}={entry[0]}" for uid, entry in UID_dictionary.items() if "SOP Class" in entry[1]]
    return _attachment("\n".join([*lines, ""]), "UIDNames.properties")


async def status(service: Service, call: Call) -> Response:
    """``status`` and below: that the server runs, its version, that its catalogue answers."""
    kind = call.operation.fixed["kind"]
    if kind == "version":
        return HTMLResponse(f"<p>Version:{_VERSION}</p>")
    if kind == "database":
        # Fails with the answer of a catalogue that cannot be reached.
        await service.next_of(service.catalog.rows(FindValues("collection"), VisibleSet()))
        return HTMLResponse("<p>Database connection: OK</p>")
    return HTMLResponse(f"<p>NBIA Restful Web Service version {_VERSION} is running</p>")


async def host_name(_service: Service, call: Call) -> Response:
    """The name under which the caller reached this server; never one of the inside."""
    return PlainTextResponse(call.request.url.hostname or "")
