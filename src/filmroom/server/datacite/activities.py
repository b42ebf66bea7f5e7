"""The history of records: what was changed, when, and for which repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from filmroom.catalog.doi_activities import ActivityQuestion
from filmroom.model.dois import DoiActivity
from filmroom.server.datacite.calls import DoiCall, DoiRoute, route
from filmroom.server.datacite.documents import Json, time_text
from filmroom.server.datacite.paging import Paging
from filmroom.server.datacite.reading import shown

_MOST_WORDS = 20


async def of_doi(call: DoiCall) -> Response:
    """Answer with the history of one record. :raises NotFound: when the caller may not see the record."""
    found = await shown(call, call.names["doi"])
    return await _list(call, doi=found.record.doi)


async def every(call: DoiCall) -> Response:
    """Answer with the history of every record that the caller may see."""
    return await _list(call)


async def of_provider(call: DoiCall) -> Response:
    """Answer with the history of the records of a provider."""
    directory = await call.site.directory()
    return await _list(call, provider=directory.provider_symbol(call.names["symbol"]))


async def of_client(call: DoiCall) -> Response:
    """Answer with the history of the records of a repository."""
    directory = await call.site.directory()
    return await _list(call, client=directory.client_symbol(call.names["symbol"]))


async def one(call: DoiCall) -> Response:
    """Answer with one activity."""
    activities = call.site.service.catalog.doi_activities()
    uid = call.names["uid"].lower()
    found = await call.site.service.in_thread(lambda: activities.one(uid, call.viewer))
    return call.answer({"data": _resource(call, found)})


async def _list(
    call: DoiCall, *, doi: str | None = None, client: str | None = None, provider: str | None = None
) -> Response:
    parameters = call.parameters
    paging = Paging.asked(parameters)
    question = ActivityQuestion(
        doi,
        client,
        provider,
        (*parameters.list("ids"), *parameters.list("id")),
        tuple(parameters.text("query").lower().split()[:_MOST_WORDS]),
    )
    activities = call.site.service.catalog.doi_activities()
    total, found = await call.site.service.in_thread(
        lambda: activities.find(
            question,
            paging.size,
            offset=paging.offset,
            after=paging.cursor,
            newest_first=parameters.text("sort") != "created",
            viewer=call.viewer,
        )
    )
    last = (found[-1].at, found[-1].uid) if found else None
    return call.answer(
        {
            "data": [_resource(call, each) for each in found],
            "meta": paging.meta(total, capped=False),
            "links": paging.links(call, total, len(found), last, capped=False),
        }
    )


def _resource(call: DoiCall, activity: DoiActivity) -> Json:
    return {
        "id": activity.uid,
        "type": "activities",
        "attributes": {
            "prov:wasGeneratedBy": f"{call.root}/activities/{activity.uid}",
            "prov:generatedAtTime": time_text(activity.at),
            "prov:wasDerivedFrom": f"https://doi.org/{activity.doi}",
            "prov:wasAttributedTo": f"{call.root}/repositories/{activity.client}",
            "action": activity.action,
            "version": activity.version,
            "changes": _changes(activity, publisher=call.parameters.is_true("publisher")),
        },
    }


def _changes(activity: DoiActivity, *, publisher: bool) -> Mapping[str, Any]:
    """Return the changes, the publisher by its name unless an object is asked for."""
    if publisher or "publisher" not in activity.changes:
        return activity.changes
    said = activity.changes["publisher"]
    names = [_name(each) for each in said] if activity.action == "update" else _name(said)
    return {**activity.changes, "publisher": names}


def _name(publisher: Any) -> Any:
    return publisher.get("name") if isinstance(publisher, Mapping) else publisher


ROUTES: tuple[DoiRoute, ...] = (
    route("GET", r"dois/(?P<doi>10\..+)/activities", of_doi),
    route("GET", "activities", every),
    route("GET", r"activities/(?P<uid>[^/]+)", one),
    route("GET", r"providers/(?P<symbol>[^/]+)/activities", of_provider),
    route("GET", r"(?:clients|repositories)/(?P<symbol>[^/]+)/activities", of_client),
)
