"""Manifests of the series that a form names; those that the viewer may not fetch are left out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from starlette.responses import Response

from filmroom.model.access import Scope, VisibleSet
from filmroom.model.queries import FindManifestSeries, FindVisibleSeries
from filmroom.server.nbia.bulk import uid_lists
from filmroom.server.service import Call, Service
from filmroom.wire.manifest import manifest_lines
from filmroom.wire.operation import MANIFEST

_ANY_VISIBILITY = "13"
_VISIBLE = "1"
_LINE_BREAKS = re.compile(r"[\r\n\x85\u2028\u2029]")


def _list(text: str) -> tuple[str, ...]:
    return tuple(word for each in text.split(",") if (word := each.strip()))


def _series(service: Service, call: Call) -> Iterator[str]:
    given = call.params
    if "list" in given:
        uids = tuple(uid for some in uid_lists(call, "list") for uid in some)
        # Whoever names a series may fetch it also when no search finds it.
        found = service.catalog.rows(FindVisibleSeries(uids), VisibleSet(call.visible.viewer, Scope.RETRIEVE))
    elif "collection" in given:
        # Of the other codes nobody but a curator may learn.
        if not {_VISIBLE, _ANY_VISIBILITY} & set(_list(given.get("visibility", _VISIBLE))):
            return
        found = service.catalog.rows(FindManifestSeries(collection=given["collection"]), call.visible)
    else:
        query = FindManifestSeries(
            patient_ids=_list(given.get("patientIDs", "")),
            study_instance_uids=_list(given.get("studyUIDs", "")),
            series_instance_uids=_list(given.get("seriesUIDs", "")),
        )
        found = service.catalog.rows(query, call.visible)
    for page in found:
        yield from (row["series_instance_uid"] for row in page)


def _name(call: Call, now: dt.datetime) -> str:
    if "collection" in call.params:
        return f"{_LINE_BREAKS.sub(' ', call.params['collection'])}-{now:%Y-%m-%d_%H-%M}.tcia"
    return f"manifest-{int(now.timestamp() * 1000)}.tcia"


async def manifest(service: Service, call: Call) -> Response:
    """Answer with the text of a manifest."""
    annotation = call.params.get("includeAnnotation", "true").lower() != "false"
    return await manifest_of(service, call, _series(service, call), include_annotation=annotation)


def restrictions_of(restricted: bool) -> Response:  # noqa: FBT001 - the answer itself
    """Answer whether series that a search found exclude commercial use, as clients know it."""
    return Response(
        b"yes" if restricted else b"no",
        headers={"Content-Type": "application/text" if restricted else MANIFEST},
    )


async def manifest_of(
    service: Service, call: Call, series: Iterator[str], *, include_annotation: bool
) -> Response:
    """Answer with a manifest of these series."""
    base = service.root(call.request)
    name = _name(call, dt.datetime.now(dt.UTC))

    def written() -> bytearray:
        # Line by line: a collection can have a million.
        text = bytearray()
        for line in manifest_lines(base, series, include_annotation=include_annotation, name=name):
            text += line.encode()
        return text

    text = await service.in_thread(written)
    # The type alone: clients compare it whole.
    return Response(memoryview(text), headers={"Content-Type": MANIFEST})
