"""The write API: DOI records made, changed, moved and deleted, and the login for it.

Source: DataCite's REST API; the rules themselves are the editor's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from filmroom.errors import NotFound, RecordChanged
from filmroom.model.dois import COUNTS, DoiRecord, ShownDoi
from filmroom.server.datacite.bodies import json_body
from filmroom.server.datacite.calls import DoiCall, DoiRoute, route
from filmroom.server.datacite.documents import Json, Shape
from filmroom.server.datacite.editor import DoiEditor, NotADraft
from filmroom.server.datacite.problems import NOT_ALLOWED, ApiProblem
from filmroom.server.datacite.reading import shown
from filmroom.server.login import NOT_KEPT, LoginRefused, form_fields
from filmroom.wire.datacite.change import DoiChange, InvalidRecord, read_change

T = TypeVar("T")

_DOI = r"dois/(?P<doi>10\..+)"
_NOT_AS_SEEN = "The record is not the one that If-Match names."
_STILL_ALLOWED = {"Allow": "HEAD, GET, POST, PATCH, PUT, OPTIONS"}


async def create(call: DoiCall) -> Response:
    """Make a record."""
    writer = call.caller.known()
    change = await _change(call)
    made = await _written(call, lambda editor: editor.create(writer, change))
    return await _answer(call, made, 201)


async def update(call: DoiCall) -> Response:
    """Merge into a record, or make it."""
    writer, doi = call.caller.known(), call.names["doi"].lower()
    change = await _change(call)
    expected = await _expected(call, doi)
    record, made = await _written(call, lambda editor: editor.update(writer, doi, change, expected=expected))
    return await _answer(call, record, 201 if made else 200)


async def delete(call: DoiCall) -> Response:
    """Delete a draft."""
    writer, doi = call.caller.known(), call.names["doi"].lower()
    await _written(call, lambda editor: editor.delete(writer, doi))
    return Response(status_code=204)


async def validate(call: DoiCall) -> Response:
    """Answer with the record that would be made, or with what is wrong; with 200 either way."""
    writer = call.caller.known()
    try:
        change = read_change(await json_body(call.request))
        record = await _in_thread(call, lambda editor: editor.preview(writer, change))
    except InvalidRecord as error:
        return call.answer({"errors": [each.as_dict() for each in error.problems]})
    return call.answer({"data": _resource(call, ShownDoi(record, dict.fromkeys(COUNTS, 0)))})


async def status(_call: DoiCall) -> Response:
    """Answer that this was never made."""
    raise ApiProblem.titled(501, "Not implemented")


async def token(call: DoiCall) -> Response:
    """Exchange a symbol and a password for an access token."""
    try:
        fields = await form_fields(call.request)
    except LoginRefused as refused:
        raise ApiProblem.titled(refused.status, str(refused)) from None
    name, password = fields.get("username", ""), fields.get("password", "")
    if fields.get("grant_type") != "password" or not name or not password:
        raise ApiProblem.titled(400, "A form with grant_type=password, username and password is needed.")
    issued = await call.site.callers.log_in(call.request, name, password)
    body = {"access_token": issued.access, "token_type": "Bearer", "expires_in": issued.expires_in}
    return JSONResponse(body, headers=NOT_KEPT)


ROUTES: tuple[DoiRoute, ...] = (
    route("POST", "token", token),
    route("POST", "dois/validate", validate),
    route("POST", "dois/status", status),
    route("POST", "dois", create),
    route("PUT PATCH", _DOI, update),
    route("DELETE", _DOI, delete),
)


async def _change(call: DoiCall) -> DoiChange:
    body = await json_body(call.request)
    try:
        return read_change(body)
    except InvalidRecord as error:
        raise _unprocessable(error) from None


async def _expected(call: DoiCall, doi: str) -> Callable[[DoiRecord], bool] | None:
    """Return what tells whether a record is the one that If-Match names. :raises RecordChanged:"""
    given = call.request.headers.get("if-match")
    if given is None:
        return None
    try:
        seen = await shown(call, doi)
    except NotFound:
        raise RecordChanged(_NOT_AS_SEEN) from None
    tag = call.answer({"data": _resource(call, seen)}).headers["etag"]
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    if given.strip() != "*" and tag.removeprefix("W/") not in tags:
        raise RecordChanged(_NOT_AS_SEEN)
    return lambda record: record.revision == seen.record.revision


async def _in_thread(call: DoiCall, work: Callable[[DoiEditor], T]) -> T:
    service = call.site.service
    return await service.in_thread(lambda: work(DoiEditor(service.catalog)))


async def _written(call: DoiCall, work: Callable[[DoiEditor], T]) -> T:
    try:
        return await _in_thread(call, work)
    except InvalidRecord as error:
        raise _unprocessable(error) from None
    except NotADraft:
        raise ApiProblem.titled(405, NOT_ALLOWED, _STILL_ALLOWED) from None


async def _answer(call: DoiCall, record: DoiRecord, status: int) -> Response:
    found = await shown(call, record.doi)
    place = {"Location": f"{call.root}/dois/{quote(record.doi, safe='/:()*~$=;')}"} if status == 201 else {}
    return call.answer({"data": _resource(call, found)}, status, place)


def _resource(call: DoiCall, found: ShownDoi) -> Json:
    return Shape.asked(call.parameters, in_list=False).resource(found)


def _unprocessable(error: InvalidRecord) -> ApiProblem:
    return ApiProblem(422, [each.as_dict() for each in error.problems])
