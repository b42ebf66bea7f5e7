"""The answers of the Advanced API that are no tables: lists of names, the manufacturer tree, time points."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from starlette.responses import JSONResponse, Response

from filmroom.model.queries import FindEquipment, FindSites, TimePoints
from filmroom.server.service import Call, Service
from filmroom.wire.operations import read_parameters

Row = dict[str, Any]
_LEVELS = (
    ("Manufacturer", "manufacturer"),
    ("Model", "manufacturer_model_name"),
    ("Software Ver.", "software_versions"),
)


async def names(service: Service, call: Call) -> Response:
    """``getCollectionSite`` and ``getSitesForSeries``: a JSON list of texts."""
    of_series = "seriesId" in call.operation.parameter_names
    query = FindSites(call.lists["seriesId"] if of_series else None)

    def found() -> list[str]:
        rows = [row for page in service.catalog.rows(query, call.visible) for row in page]
        if of_series:
            return list(dict.fromkeys(row["site"] for row in rows))
        return [f"{row['collection']}//{row['site']}" for row in rows]

    return JSONResponse(await service.in_thread(found))


def _branches(rows: list[Row], level: int) -> list[Row]:
    if level == len(_LEVELS):
        return []
    criteria, column = _LEVELS[level]
    return [
        {
            "data": {"criteria": criteria, "value": value},
            "children": _branches(list(members), level + 1),
        }
        for value, members in groupby(rows, key=lambda row: row[column])
    ]


async def tree(service: Service, call: Call) -> Response:
    """``getManufacturerTree``: manufacturers, their models, and the software of these."""
    query = FindEquipment(**(read_parameters(call.operation, call.params) or {}))

    def grown() -> Row:
        # The rows come in the order of the levels.
        rows = [row for page in service.catalog.rows(query, call.visible) for row in page]
        return {"data": {"criteria": "root", "value": "All Manufactures"}, "children": _branches(rows, 0)}

    return JSONResponse(await service.in_thread(grown))


async def time_points(service: Service, call: Call) -> Response:
    """``getMinMaxTimepoints``: whole days per event type."""

    def found() -> Row:
        rows = [row for page in service.catalog.rows(TimePoints(), call.visible) for row in page]
        return {
            f"{name}Timepoints": {row["longitudinal_event_type"]: int(row[column]) for row in rows}
            for name, column in (("max", "maximum"), ("min", "minimum"))
        }

    return JSONResponse(await service.in_thread(found))
