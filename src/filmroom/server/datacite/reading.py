"""Single records, and what follows a DOI in a path."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from filmroom.errors import CatalogError, InvalidInput
from filmroom.model.doi_suffixes import BELOW, random_suffix, suffix_of
from filmroom.model.dois import ShownDoi
from filmroom.server.datacite.calls import DoiCall, DoiRoute, route
from filmroom.server.datacite.conversions import wanted_format, written
from filmroom.server.datacite.documents import Json, Shape, included_clients
from filmroom.server.datacite.members import client_resource
from filmroom.server.datacite.problems import ApiProblem

_MOST_SUFFIXES = 1_000
_DOI = r"dois/(?P<doi>10\..+)"


async def shown(call: DoiCall, doi: str) -> ShownDoi:
    """Return a record that the caller may see. :raises NotFound:"""
    catalog = call.site.service.catalog
    return await call.site.service.in_thread(lambda: catalog.dois().shown(doi, call.viewer))


async def one(call: DoiCall) -> Response:
    """Answer with one record."""
    choice = wanted_format(call)
    found = await shown(call, call.names["doi"])
    if choice is not None:
        return await written(call, [found], choice)
    document: Json = {"data": Shape.asked(call.parameters, in_list=False).resource(found)}
    if "client" in call.parameters.list("include"):
        directory = await call.site.directory()
        known = {symbol: client_resource(each) for symbol, each in directory.clients.items()}
        document["included"] = included_clients([found.record.client], known)
    return call.answer(document)


async def url(call: DoiCall) -> Response:
    """Answer with where a DOI leads."""
    found = await shown(call, call.names["doi"])
    if found.record.url is None:
        raise ApiProblem.titled(404, "The resource you are looking for doesn't exist.")
    return call.answer({"url": found.record.url})


async def nothing_more(call: DoiCall) -> Response:
    """Answer with an empty list: sub-resources of an older API, and link events, which are not kept."""
    await shown(call, call.names["doi"])
    return call.answer({"data": [], "meta": {"total": 0, "totalPages": 0, "page": 1}, "links": {}})


async def random(call: DoiCall) -> Response:
    """Answer with DOIs that nobody has yet; ``number`` fixes the number in the suffix."""
    prefix = call.parameters.text("prefix").strip().lower()
    if not prefix:
        raise ApiProblem.titled(422, "Parameter prefix is required")
    number, size = call.parameters.text("number"), call.parameters.text("size")
    if number:
        if not (number.isascii() and number.isdigit()) or len(number) > 12 or int(number) >= BELOW:
            raise InvalidInput(f"number must be a whole number below {BELOW}.")
        return call.answer({"dois": [f"{prefix}/{suffix_of(int(number))}"]})
    wanted = int(size) if size.isascii() and size.isdigit() and len(size) <= 6 else 1
    if wanted > _MOST_SUFFIXES:
        raise InvalidInput(f"At most {_MOST_SUFFIXES} DOIs are made at once.")
    return call.answer({"dois": [f"{prefix}/{random_suffix()}" for _ in range(wanted)]})


async def all_dois(call: DoiCall) -> Response:
    """Answer whoever has logged in with the DOIs of their repositories, in capitals as they are stored."""
    writer = call.caller.known()
    catalog = call.site.service.catalog
    found = await call.site.service.in_thread(lambda: catalog.dois().names(writer))
    return call.answer({"dois": [each.upper() for each in found]}) if found else Response(status_code=204)


async def heartbeat(call: DoiCall) -> Response:
    """Answer whether the catalogue can be read."""
    catalog = call.site.service.catalog
    try:
        await call.site.service.in_thread(catalog.dois().clients)
    except CatalogError:
        return PlainTextResponse("failed", 500)
    return PlainTextResponse("OK")


ROUTES: tuple[DoiRoute, ...] = (
    route("GET", "heartbeat", heartbeat),
    route("GET", "dois/random", random),
    route("GET", "dois/get-dois", all_dois),
    route("GET", f"{_DOI}/get-url", url),
    route("GET", f"{_DOI}/(media|metadata|events)", nothing_more),
    route("GET", _DOI, one),
)
