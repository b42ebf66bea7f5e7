"""Tables about series that a request names: bulk metadata, and which of them are denied."""

from __future__ import annotations

import re

from starlette.responses import Response

from filmroom.model.access import PUBLIC, VisibleSet
from filmroom.model.queries import FindSeriesRecords, FindVisibleSeries
from filmroom.server.nbia.search import table_of
from filmroom.server.service import Call, Service

_LARGEST_NUMBER = 2**63 - 1
_NOT_OF_UIDS = re.compile(r"[^0-9.,]")


def uid_lists(call: Call, name: str) -> tuple[tuple[str, ...], ...]:
    """Return the UIDs of a parameter, a tuple per repeated value; what no UID has is dropped."""
    texts = call.lists.get(name) or (call.params[name],)
    return tuple(tuple(uid for uid in _NOT_OF_UIDS.sub("", text).split(",") if uid) for text in texts)


def internal_number(text: str) -> int | None:
    """Return an internal number; None for what can be none."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST_NUMBER:
        return None
    return int(text)


def internal_numbers(call: Call, name: str) -> list[int]:
    """Return the internal numbers of a parameter; what can be none is left out, as unknown ones are."""
    texts = (word.strip() for text in call.lists[name] for word in text.split(","))
    return [number for text in texts if (number := internal_number(text)) is not None]


async def table(service: Service, call: Call) -> Response:
    """``getSeriesMetadata`` and its relatives, ``getSeriesQCInfo``: rows in the order of the lists."""
    named = next(parameter.name for parameter in call.operation.parameters if parameter.required)
    query = FindSeriesRecords(uid_lists(call, named), **call.operation.fixed)
    return await table_of(service, call, service.catalog.rows(query, call.visible))


async def denied(service: Service, call: Call) -> Response:
    """``getDeniedSeries``: what the public, or the caller, may not fetch. Nobody else can be asked about."""
    asked = [uid.strip() for uid in call.params["seriesList"].split(",")]
    viewer = call.visible.viewer
    if not viewer.login or call.params.get("userName") != viewer.login:
        viewer = PUBLIC
    visible = VisibleSet(viewer, call.visible.scope)

    def refused() -> list[dict[str, str]]:
        pages = service.catalog.rows(FindVisibleSeries(tuple(asked)), visible)
        known = {row["series_instance_uid"] for page in pages for row in page}
        return [{"series_instance_uid": uid} for uid in asked if uid and uid not in known]

    rows = await service.in_thread(refused)
    return await table_of(service, call, iter([rows] if rows else []))
