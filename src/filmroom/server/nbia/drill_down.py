"""The drill-down: studies, and images, of series that a form names by number or UID."""

from __future__ import annotations

from starlette.responses import Response

from filmroom.server.nbia.bulk import internal_numbers, uid_lists
from filmroom.server.nbia.search import table_of
from filmroom.server.service import Call, Service


async def studies(service: Service, call: Call) -> Response:
    """``getStudyDrillDown`` and its relatives: studies with their series."""
    named: list[int] | list[str] = internal_numbers(call, "list")
    if call.operation.fixed.get("by_uid"):
        named = [uid for uids in uid_lists(call, "list") for uid in uids]
    return await table_of(service, call, service.catalog.drill_down().studies(named, call.visible))


async def images(service: Service, call: Call) -> Response:
    """``getImageDrillDown``: the images of some series."""
    named = internal_numbers(call, "list")
    return await table_of(service, call, service.catalog.drill_down().images(named, call.visible))
