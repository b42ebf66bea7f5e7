"""Lists of DOIs: ``/dois`` and what stands below providers and repositories."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from filmroom.catalog.doi_facets import DEFAULT_FACETS, FACETS
from filmroom.model.doi_directory import DoiDirectory
from filmroom.model.doi_questions import SORTS, DoiPart, FoundDois
from filmroom.server.datacite.calls import DoiCall, DoiRoute, Parameters, leading_number, route
from filmroom.server.datacite.conversions import format_in_path, wanted_format, written
from filmroom.server.datacite.documents import Json, Shape, included_clients
from filmroom.server.datacite.facet_titles import titled
from filmroom.server.datacite.filters import question_of
from filmroom.server.datacite.members import client_resource
from filmroom.server.datacite.paging import Paging, Scroll
from filmroom.server.datacite.problems import ApiProblem

_EXCLUSIVE = (
    "Cursor-based pagination and random sampling are mutually exclusive, please choose one or the other."
)
_GROUPS = {
    "client": "client",
    "data-center": "client",
    "provider": "provider",
    "resource-type": "resource_type_id",
}


async def dois(call: DoiCall) -> Response:
    """Answer with a list of records, in the API's JSON or in the format that is accepted."""
    choice = wanted_format(call)
    if choice is not None:
        return await written(call, (await found(call, call.parameters)).records, choice)
    return await listed(call)


async def in_format(call: DoiCall) -> Response:
    """Answer with a list of records in the format that the path names."""
    choice = format_in_path(call)
    return await written(call, (await found(call, call.parameters)).records, choice)


async def of_provider(call: DoiCall) -> Response:
    """Answer with the records of a provider."""
    return await listed(_with(call, {"provider-id": call.names["symbol"]}))


async def of_client(call: DoiCall) -> Response:
    """Answer with the records of a repository."""
    return await listed(_with(call, {"client-id": call.names["symbol"]}))


def _with(call: DoiCall, fixed: Mapping[str, str]) -> DoiCall:
    return replace(call, parameters=call.parameters.with_values(fixed))


async def found(
    call: DoiCall,
    parameters: Parameters,
    paging: Paging | None = None,
    *,
    directory: DoiDirectory | None = None,
) -> FoundDois:
    """Return what meets a request, with the counts that it asks for.

    :raises ApiProblem: for parameters that exclude each other. :raises QueryRefused:
    """
    site = call.site
    known = directory or await site.directory()
    paging = paging or Paging.asked(parameters)
    if _is_random(parameters) and paging.cursor is not None:
        raise ApiProblem.titled(400, _EXCLUSIVE)
    sort, descending = _order(parameters.text("sort"))
    sample = _sample(parameters)
    part = DoiPart(
        paging.size,
        paging.offset,
        sort,
        descending,
        paging.cursor,
        random=parameters.text("random").lower() == "true",
        sample=max(leading_number(sample), 0) if sample else None,
        group=_GROUPS.get(parameters.text("sample_group"), ""),
        detail=bool(parameters.text("detail")),
    )
    question = question_of(
        parameters, known, with_state=call.caller.is_known, strict=site.options.strict_query
    )
    facets = _facets(parameters, by_default=site.options.facets_by_default)
    return await site.service.in_thread(lambda: site.search.find(question, part, known, call.viewer, facets))


async def listed(call: DoiCall) -> Response:
    """Answer with a list of records as a document of the API."""
    scroll = Scroll.asked(call.parameters)
    parameters = scroll.parameters if scroll is not None else call.parameters
    paging = Paging.asked(parameters)
    if scroll is not None:
        paging = replace(paging, cursor=scroll.place)
    directory = await call.site.directory()
    result = await found(call, parameters, paging, directory=directory)
    shape = Shape.asked(parameters, in_list=True)
    last = _last(result)
    document: Json = {"data": [shape.resource(each) for each in result.records]}
    if "client" in parameters.list("include"):
        known = {symbol: client_resource(each) for symbol, each in directory.clients.items()}
        document["included"] = included_clients((each.record.client for each in result.records), known)
    if scroll is not None:
        document["meta"] = {"total": result.total, "scroll-id": scroll.identifier(last)}
        return call.answer(document)
    meta = paging.meta(result.total)
    meta |= {name: titled(name, counted, directory) for name, counted in result.facets.items()}
    document["meta"] = meta
    document["links"] = paging.links(call, result.total, len(result.records), last)
    if _is_random(parameters):
        document["links"].pop("next", None)  # what would follow is random again
    return call.answer(document)


def _sample(parameters: Parameters) -> str:
    return parameters.text("sample") or parameters.text("sample_size")


def _is_random(parameters: Parameters) -> bool:
    return parameters.text("random").lower() == "true" or bool(_sample(parameters))


def _last(result: FoundDois) -> tuple[dt.datetime, str] | None:
    record = result.records[-1].record if result.records else None
    return (record.created, record.doi) if record is not None and record.created is not None else None


def _order(text: str) -> tuple[str, bool]:
    """Return what a list is sorted by and whether from its end; whatever is none is ``-updated``."""
    if text == "relevance":
        return text, True
    descending = text.startswith("-")
    name = text.removeprefix("-").removesuffix("-count")
    is_known = name in SORTS and name != "relevance" and text.endswith("-count") == (name in _COUNTS)
    return (name, descending) if is_known else ("updated", True)


_COUNTS = {"view", "download", "citation"}


def _facets(parameters: Parameters, *, by_default: bool) -> tuple[str, ...]:
    if parameters.text("disable_facets") in {"true", "1"}:
        return ()
    if "facets" not in parameters:
        return DEFAULT_FACETS if by_default else ()
    wanted = {name.replace("_", "").lower() for name in parameters.list("facets")}
    return tuple(name for name in FACETS if name.lower() in wanted)


ROUTES: tuple[DoiRoute, ...] = (
    route("GET", "dois", dois),
    route("GET", r"dois/(?P<media>(?:application|text)/[^/]+)", in_format),
    route("GET", r"providers/(?P<symbol>[^/]+)/dois", of_provider),
    route("GET", r"(?:clients|repositories)/(?P<symbol>[^/]+)/dois", of_client),
)
