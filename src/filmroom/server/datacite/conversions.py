"""Records in other formats than the API's own, and the way from a DOI to its landing page."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.to_thread
from starlette.responses import RedirectResponse, Response

from filmroom.model.dois import DoiRecord, ShownDoi
from filmroom.server.datacite.calls import DoiCall, DoiRoute, route
from filmroom.server.datacite.documents import time_text
from filmroom.server.datacite.negotiation import (
    Choice,
    choose_for_api,
    choose_for_doi,
    citation_options,
    media_in_path,
)
from filmroom.server.datacite.problems import NOT_FOUND, NOT_RECOGNIZED, ApiProblem
from filmroom.wire.datacite.change import document_of
from filmroom.wire.datacite.formats import find_format
from filmroom.wire.datacite.record import Record
from filmroom.wire.datacite.styles import APA

_MEDIA = r"(?:application|text)/[^/]+"


def as_travelling(record: DoiRecord) -> Record:
    """Return a record of the catalogue as what conversions read."""
    return Record(
        {
            **document_of(record),
            "state": record.state.value,
            "registered": time_text(record.registered),
        },
        client=record.client,
        provider=record.provider,
    )


def wanted_format(call: DoiCall) -> Choice | None:
    """Return the format that a request for the API's resources wants; None for the API's own documents.

    :raises ApiProblem: when nothing that is accepted is offered.
    """
    choice = choose_for_api(call.request.headers.get("accept"))
    if choice is None:
        raise ApiProblem.titled(406, NOT_RECOGNIZED)
    return choice if choice.format is not None else None


async def written(call: DoiCall, found: Sequence[ShownDoi], choice: Choice) -> Response:
    """Answer with records in a format."""
    chosen = choice.format
    assert chosen is not None  # noqa: S101 - see wanted_format
    names = ("style", "locale", "format")
    options = citation_options({name: call.parameters.text(name) for name in names}, choice.parameters)
    records = [as_travelling(each.record) for each in found]
    service = call.site.service
    # Styles other than our own take long: few at once, so that everything else goes on.
    limiter = service.threads if options.style == APA else service.drawing
    text = await anyio.to_thread.run_sync(lambda: chosen.write(records, options), limiter=limiter)
    # JSON may bring halves of letters that cannot be written.
    return call.tagged(text.encode(errors="replace"), f"{chosen.media}; charset=utf-8")


def format_in_path(call: DoiCall) -> Choice:
    """Return the format that a path names. :raises ApiProblem: when it is not offered."""
    named = media_in_path(call.names["media"])
    chosen = find_format(named[0]) if named else None
    if chosen is None:
        raise ApiProblem.titled(406, NOT_RECOGNIZED)
    return Choice(chosen)


async def _shown(call: DoiCall) -> ShownDoi:
    catalog = call.site.service.catalog
    return await call.site.service.in_thread(lambda: catalog.dois().shown(call.names["doi"], call.viewer))


async def in_format(call: DoiCall) -> Response:
    """Answer with one record in the format that the path names."""
    choice = format_in_path(call)
    return await written(call, [await _shown(call)], choice)


async def resolved(call: DoiCall) -> Response:
    """Answer a bare DOI as its resolver would: with a format that is asked for, else with where it leads."""
    choice = choose_for_doi(call.request.headers.get("accept"))
    found = await _shown(call)
    if choice.format is not None:
        return await written(call, [found], choice)
    address = found.record.url or ""
    if not address.lower().startswith(("http://", "https://")):
        raise ApiProblem.titled(404, NOT_FOUND)
    return RedirectResponse(address, 303)


ROUTES: tuple[DoiRoute, ...] = (
    route("GET", rf"(?:dois/)?(?P<media>{_MEDIA})/(?P<doi>10\..+)", in_format),
    route("GET", r"(?P<doi>10\..+)", resolved),
)
