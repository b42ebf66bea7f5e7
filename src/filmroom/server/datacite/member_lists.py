"""Lists of providers, repositories and prefixes, and each of them by its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from starlette.responses import Response

from filmroom.catalog.doi_fields import words
from filmroom.model.doi_directory import Client, DoiDirectory, Provider
from filmroom.model.doi_types import RESOURCE_TYPES, dashed, spaced
from filmroom.server.datacite.calls import DoiCall, DoiRoute, route
from filmroom.server.datacite.documents import Json
from filmroom.server.datacite.members import client_resource, prefix_resource, provider_resource
from filmroom.server.datacite.paging import Paging
from filmroom.server.datacite.problems import NOT_FOUND, ApiProblem

_Member = TypeVar("_Member", bound=Client | Provider)

_REGIONS = {"AMER": "Americas", "APAC": "Asia and Pacific", "EMEA": "Europe, Middle East and Africa"}


async def providers(call: DoiCall) -> Response:
    """Answer with the providers."""
    directory = await call.site.directory()
    chosen = _chosen(call, directory.providers.values())
    regions = (each.region for each in chosen if each.region)
    non_profit = (each.non_profit for each in chosen if each.non_profit)
    facets = {
        "years": _years(chosen),
        "regions": _counted(regions, lambda key: (key.lower(), _REGIONS.get(key, key))),
        "memberTypes": _counted("direct_member" for _ in chosen),
        "organizationTypes": [],
        "focusAreas": [],
        "nonProfitStatuses": _counted(non_profit),
        "hasRequiredContacts": [],
    }
    return _page(call, [provider_resource(each, directory) for each in chosen], facets)


async def provider(call: DoiCall) -> Response:
    """Answer with one provider."""
    directory = await call.site.directory()
    found = directory.providers.get(directory.provider_symbol(call.names["symbol"]))
    if found is None:
        raise ApiProblem.titled(404, NOT_FOUND)
    count = len([each for each in directory.clients.values() if each.provider == found.symbol])
    return call.answer({"data": provider_resource(found, directory), "meta": {"repositoryCount": count}})


async def clients(call: DoiCall) -> Response:
    """Answer with the repositories, of one provider where the path or a parameter names it."""
    directory = await call.site.directory()
    of = call.names.get("symbol") or call.parameters.text("provider_id")
    known = [
        each
        for each in directory.clients.values()
        if not of or each.provider == directory.provider_symbol(of)
    ]
    chosen = _chosen(call, known)
    kind = call.names["kind"]
    facets = {
        "years": _years(chosen),
        "providers": _counted(
            (each.provider for each in chosen), lambda key: (key, directory.provider_name(key))
        ),
        "software": [],
        "certificates": [],
        "repository_types": [],
        "clientTypes": _counted("repository" for _ in chosen),
    }
    return _page(call, [client_resource(each, kind) for each in chosen], facets)


async def client(call: DoiCall) -> Response:
    """Answer with one repository."""
    directory = await call.site.directory()
    found = directory.clients.get(directory.client_symbol(call.names["symbol"]))
    if found is None:
        raise ApiProblem.titled(404, NOT_FOUND)
    return call.answer({"data": client_resource(found, call.names["kind"])})


async def prefixes(call: DoiCall) -> Response:
    """Answer with the prefixes, those of one provider or repository where the path names it."""
    directory = await call.site.directory()
    known = directory.prefixes()
    symbol = call.names.get("symbol")
    if symbol is not None:
        wanted = _owner(call, directory, symbol)
        known = {
            each: some
            for each, some in known.items()
            if any(wanted in {one.symbol, one.provider} for one in some)
        }
    asked = call.parameters.text("query").strip()
    chosen = {each: some for each, some in known.items() if asked in each}
    owners: list[Client] = [one for some in chosen.values() for one in some]
    facets = {
        "years": _years(owners),
        "states": _counted("with-repository" for _ in chosen),
        "providers": _counted(
            (each.provider for each in owners), lambda key: (key, directory.provider_name(key))
        ),
        "clients": _counted((each.symbol for each in owners), lambda key: (key, directory.client_name(key))),
    }
    return _page(call, [prefix_resource(each, some) for each, some in chosen.items()], facets)


async def prefix(call: DoiCall) -> Response:
    """Answer with one prefix."""
    owners = (await call.site.directory()).prefixes().get(call.names["prefix"])
    if owners is None:
        raise ApiProblem.titled(404, NOT_FOUND)
    return call.answer({"data": prefix_resource(call.names["prefix"], owners)})


async def resource_types(call: DoiCall) -> Response:
    """Answer with the general types, which are fixed."""
    return _page(call, [_type_resource(each) for each in RESOURCE_TYPES], {})


async def resource_type(call: DoiCall) -> Response:
    """Answer with one general type."""
    for each in RESOURCE_TYPES:
        if dashed(each) == call.names["type"].lower():
            return call.answer({"data": _type_resource(each)})
    raise ApiProblem.titled(404, NOT_FOUND)


def _type_resource(name: str) -> Json:
    key = str(dashed(name))
    return {"id": key, "type": "resource-types", "attributes": {"title": spaced(key)}}


def _owner(call: DoiCall, directory: DoiDirectory, symbol: str) -> str:
    if call.path.startswith("providers/"):
        return directory.provider_symbol(symbol)
    return directory.client_symbol(symbol)


def _chosen(call: DoiCall, members: Iterable[_Member]) -> list[_Member]:
    """Return the members that the parameters ask for, in the order that they ask for."""
    wanted = set(words(call.parameters.text("query")))
    years = set(call.parameters.list("year"))
    chosen: list[_Member] = []
    for member in members:
        year = "" if member.created is None else str(member.created.year)
        if wanted <= {*words(member.name), *words(member.symbol)} and (not years or year in years):
            chosen.append(member)
    sort = call.parameters.text("sort")
    by_creation = sort.removeprefix("-") == "created"

    def place(member: _Member) -> tuple[str, str]:
        return (str(member.created or "") if by_creation else member.name.lower(), member.symbol)

    return sorted(chosen, key=place, reverse=sort in {"-created", "-name"})


def _page(call: DoiCall, resources: Sequence[Json], facets: dict[str, list[Json]]) -> Response:
    paging = Paging.asked(call.parameters)
    shown = resources[paging.offset : paging.offset + paging.size]
    number = Paging(paging.size, paging.number)  # so few that a cursor would lead nowhere
    return call.answer(
        {
            "data": list(shown),
            "meta": number.meta(len(resources)) | facets,
            "links": number.links(call, len(resources), len(shown), None),
        }
    )


def _years(members: Iterable[Client | Provider]) -> list[Json]:
    counted = Counter(str(each.created.year) for each in members if each.created is not None)
    years = sorted(counted, reverse=True)
    return [{"id": year, "title": year, "count": counted[year]} for year in years]


def _counted(
    values: Iterable[str], named: Callable[[str], tuple[str, str]] = lambda key: (key, key)
) -> list[Json]:
    counted = Counter(values)
    made = []
    for value in sorted(counted, key=lambda value: (-counted[value], value)):
        key, title = named(value)
        made.append({"id": key, "title": title, "count": counted[value]})
    return made


_KIND = "(?P<kind>clients|repositories)"
_OF_PROVIDER = r"providers/(?P<symbol>[^/]+)"

ROUTES: tuple[DoiRoute, ...] = (
    route("GET", "providers", providers),
    route("GET", _OF_PROVIDER, provider),
    route("GET", f"{_OF_PROVIDER}/{_KIND}", clients),
    route("GET", f"{_OF_PROVIDER}/prefixes", prefixes),
    route("GET", _KIND, clients),
    route("GET", rf"{_KIND}/(?P<symbol>[^/]+)", client),
    route("GET", r"(?:clients|repositories)/(?P<symbol>[^/]+)/prefixes", prefixes),
    route("GET", "prefixes", prefixes),
    route("GET", r"prefixes/(?P<prefix>[^/]+)", prefix),
    route("GET", "resource-types", resource_types),
    route("GET", r"resource-types/(?P<type>[^/]+)", resource_type),
)
