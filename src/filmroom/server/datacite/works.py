"""``/works``: records in the shape of an older API, which published notebooks and programs still ask."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from filmroom.model.doi_types import dashed
from filmroom.model.dois import ShownDoi
from filmroom.server.datacite.calls import DoiCall, DoiRoute, Parameters, route
from filmroom.server.datacite.documents import Json, time_text
from filmroom.server.datacite.facet_titles import titled
from filmroom.server.datacite.listing import found
from filmroom.server.datacite.paging import Paging
from filmroom.server.datacite.reading import shown

_RENAMED = {
    "rows": "page[size]",
    "member_id": "provider-id",
    "data_center_id": "client-id",
    "person_id": "user-id",
}
_FACETS = {
    "resource-types": "resourceTypes",
    "registered": "registered",
    "providers": "providers",
    "data-centers": "clients",
    "affiliations": "affiliations",
}
"""Names of counts in this shape to ours."""


async def works(call: DoiCall) -> Response:
    """Answer with a list of records."""
    renamed = {new: call.parameters.text(old) for old, new in _RENAMED.items() if old in call.parameters}
    # The lists of this shape always have what single records have.
    parameters = call.parameters.with_values(
        {**renamed, "detail": "true", "facets": _wanted(call.parameters)}
    )
    paging = Paging.asked(parameters)
    directory = await call.site.directory()
    result = await found(call, parameters, paging, directory=directory)
    numbers = paging.meta(result.total)
    meta: Json = {
        name: titled(ours, result.facets[ours], directory)
        for name, ours in _FACETS.items()
        if ours in result.facets
    }
    meta |= {"total": numbers["total"], "total-pages": numbers["totalPages"]}
    if "page" in numbers:
        meta["page"] = numbers["page"]
    return call.answer({"data": [_work(each) for each in result.records], "meta": meta})


async def work(call: DoiCall) -> Response:
    """Answer with one record."""
    return call.answer({"data": _work(await shown(call, call.names["doi"]))})


def _wanted(parameters: Parameters) -> str:
    return "" if parameters.text("disable_facets") in {"true", "1"} else ",".join(_FACETS.values())


def _work(each: ShownDoi) -> Json:
    record, attributes = each.record, each.record.attributes
    types, licences = attributes["types"], attributes["rightsList"]
    resource_type = dashed(types.get("resourceTypeGeneral"))
    return {
        "id": f"https://doi.org/{record.doi}",
        "type": "works",
        "attributes": {
            "doi": record.doi,
            "identifier": f"https://doi.org/{record.doi}",
            "url": record.url,
            "author": [_author(creator) for creator in attributes["creators"]],
            "title": _first(attributes["titles"], "title"),
            "container-title": (attributes["publisher"] or {}).get("name"),
            "description": _first(attributes["descriptions"], "description"),
            "resource-type-subtype": types.get("resourceType"),
            "data-center-id": record.client,
            "member-id": record.provider,
            "resource-type-id": resource_type,
            "version": attributes["version"],
            "license": _first(licences, "rightsUri"),
            "schema-version": (record.schema_version or "").rpartition("kernel-")[2] or None,
            "results": [],
            "related-identifiers": [],
            "related-items": [],
            "citation-count": each.counts["citationCount"],
            "citations-over-time": list(each.over_time.get("citationsOverTime", ())),
            "view-count": each.counts["viewCount"],
            "views-over-time": list(each.over_time.get("viewsOverTime", ())),
            "download-count": each.counts["downloadCount"],
            "downloads-over-time": list(each.over_time.get("downloadsOverTime", ())),
            "published": _year(attributes["publicationYear"]),
            "registered": time_text(record.registered),
            "checked": None,
            "updated": time_text(record.updated),
            "media": [],
            "xml": None if record.xml is None else base64.b64encode(record.xml).decode(),
        },
        "relationships": {
            "data-center": {"data": {"id": record.client, "type": "data-centers"}},
            "member": {"data": {"id": record.provider, "type": "members"}},
            "resource-type": {
                "data": None if resource_type is None else {"id": resource_type, "type": "resource-types"}
            },
        },
    }


def _author(creator: Mapping[str, Any]) -> Json:
    if creator.get("familyName"):
        return {"given": creator.get("givenName"), "family": creator["familyName"]}
    return {"literal": creator.get("name")}


def _first(values: list[Mapping[str, Any]], name: str) -> Any:
    return values[0].get(name) if values else None


def _year(year: int | None) -> str | None:
    return None if year is None else str(year)


ROUTES: tuple[DoiRoute, ...] = (
    route("GET", "works", works),
    route("GET", r"works/(?:https?://(?:dx\.)?doi\.org/)?(?P<doi>10\..+)", work),
)
