"""What the server says of itself: state, host, user agreement, the names of SOP classes."""

from __future__ import annotations

from pydicom._uid_dict import UID_dictionary
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from filmroom.model.access import VisibleSet
from filmroom.model.queries import FindValues
from filmroom.server.nbia.search import table_of
from filmroom.server.service import Call, Service
from filmroom.wire.login import PROVIDER_PATH

_OCTETS = "application/octet-stream"
# Names that clients of TCIA send; any others do as well.
_REALM, _CLIENT = "TCIA", "nbia"
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
    if kind == "up":
        return PlainTextResponse("up")
    if kind == "version":
        return HTMLResponse(f"<p>Version:{_VERSION}</p>")
    if kind == "database":
        # Fails with the answer of a catalogue that cannot be reached.
        await service.next_of(service.catalog.rows(FindValues("collection"), VisibleSet()))
        behind = (await service.in_thread(service.catalog.text_index().state)).behind
        index = f"{behind:.0f} seconds behind" if behind else "up to date"
        return HTMLResponse(f"<p>Database connection: OK</p><p>Text search: {index}</p>")
    return HTMLResponse(f"<p>NBIA Restful Web Service version {_VERSION} is running</p>")


async def host_name(_service: Service, call: Call) -> Response:
    """The name under which the caller reached this server; never one of the inside."""
    return PlainTextResponse(call.request.url.hostname or "")


async def roles(service: Service, call: Call) -> Response:
    """``getRoles``: the names of the caller's roles."""
    held = await service.in_thread(lambda: service.catalog.grants().roles(call.visible.viewer))
    return JSONResponse([role.value for role in held])


async def login_parameters(service: Service, call: Call) -> Response:
    """``getKeycloakParams``: where tokens are issued; whoever asks brings a login of its own."""
    root = service.root(call.request)
    parameters = {
        "auth-server-url": f"{root}/auth",
        "realm": _REALM,
        "resource": _CLIENT,
        "token-endpoint": root + PROVIDER_PATH.format(realm=_REALM),
    }
    rows = [{"name": name, "value": value} for name, value in parameters.items()]
    return await table_of(service, call, iter([rows]))
