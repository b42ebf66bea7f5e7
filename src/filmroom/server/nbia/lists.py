"""Shared lists: made, read and deleted in the words that NBIA's clients know."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from filmroom.errors import AccessDenied, IdentityConflict, LoginRequired, NotFound
from filmroom.model.lists import ListUse, NewList, SharedList
from filmroom.server.nbia.search import table_of
from filmroom.server.service import Call, Service
from filmroom.wire.dates import epoch_milliseconds, us_date_text


def _refused(text: str) -> Response:
    return PlainTextResponse(text, 400)


async def create(service: Service, call: Call) -> Response:
    """``createSharedList``: a list of series that the caller may all see."""
    uids = tuple(uid for text in call.lists["list"] for each in text.split(",") if (uid := each.strip()))
    new = NewList(call.params["name"], uids, call.params.get("description", ""), call.params.get("url", ""))
    try:
        await service.in_thread(lambda: service.catalog.lists().create(new, call.visible))
    except NotFound:
        return _refused("User does not have permission for all series in list")
    except IdentityConflict:
        return _refused("Duplicate list name")
    return PlainTextResponse("List created")


async def delete(service: Service, call: Call) -> Response:
    """``deleteSharedList``: by its owner."""
    try:
        await service.in_thread(lambda: service.catalog.lists().delete(call.params["name"], call.visible))
    except NotFound:
        return _refused("List name not found")
    except LoginRequired:
        raise
    except AccessDenied:
        return _refused("Only the owner can delete a list")
    return PlainTextResponse("List deleted")


def _described(found: SharedList) -> dict[str, Any]:
    return {
        "name": found.name,
        "comment": found.description or None,
        "hyperlink": found.hyperlink or None,
        "date": epoch_milliseconds(found.created),
        "id": found.id,
        "userName": found.owner or None,
        "seriesInstanceUIDs": [entry.series_instance_uid for entry in found.entries],
        "seriesInstanceUidsList": [
            {"seriesInstanceUid": entry.series_instance_uid, "id": entry.id, "parentId": found.id}
            for entry in found.entries
        ],
        "usageCount": found.usage_count,
        "dateString": us_date_text(found.created),
    }


async def one(service: Service, call: Call) -> Response:
    """``getSharedList``: JSON ``null`` when there is none."""

    def found() -> Response:
        each = service.catalog.lists().find(call.params["nameValue"], call.visible)
        service.audit.record(ListUse(each.id))
        return JSONResponse(_described(each))

    try:
        return await service.in_thread(found)
    except NotFound:
        return JSONResponse(None)


async def contents(service: Service, call: Call) -> Response:
    """``getContentsByName``: the series of a list; nothing when there is none."""
    try:
        list_id, pages = await service.in_thread(
            lambda: service.catalog.lists().rows(call.params["name"], call.visible)
        )
    except NotFound:
        return await table_of(service, call, iter(()))
    service.audit.record(ListUse(list_id))
    return await table_of(service, call, pages)
