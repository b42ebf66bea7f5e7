"""Both steps of the retriever's servlets: what is known of many series, then one of them as TAR."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import PlainTextResponse, Response

from filmroom.errors import AccessDenied, InvalidInput, MissingParameter, NotFound
from filmroom.model.entities import SeriesContent
from filmroom.model.queries import FindRetrieverSeries
from filmroom.server.nbia.images import audited, values_of
from filmroom.server.service import Call, Service
from filmroom.server.servlets.passwords import retriever_viewer
from filmroom.server.zip_response import TarResponse
from filmroom.store.series_tar import series_tar
from filmroom.store.tar_layout import TarLayout
from filmroom.wire.retriever_list import retriever_line

_NO_SERIES = "The manifest file should include at least one series instance UID."
_WRONG_PASSWORD = "Incorrect username and/or password. Please try it again."  # noqa: S105
_LOGIN_NEEDED = "Login needed."
_NOT_ALLOWED = "Insufficient privilege."
_DENIED = "Access Denied"
_LIST_HEADERS = {"Content-Disposition": "attachment;filename=downloadname.txt"}


async def servlet(service: Service, call: Call) -> Response:
    """``DownloadServlet`` and its later generations."""
    values = values_of(call)
    is_list = values.get("count") is not None
    try:
        viewer = await retriever_viewer(service, call, values["user"])
    except AccessDenied:
        if is_list:
            return PlainTextResponse(_WRONG_PASSWORD, values["login_failed"])
        status = values["refused"]
        return PlainTextResponse(_DENIED if status == 403 else _WRONG_PASSWORD, status)
    call = replace(call, visible=replace(call.visible, viewer=viewer))
    return await (_list(service, call, values) if is_list else _series(service, call, values))


async def _list(service: Service, call: Call, values: dict[str, Any]) -> Response:
    """Step 1: all of the series or none."""
    wanted = _wanted_series(call, values["count"])
    if not wanted:
        return PlainTextResponse(_NO_SERIES, 400)

    def lines() -> list[str]:
        pages = service.catalog.rows(FindRetrieverSeries(wanted), call.visible)
        return [retriever_line(row, values["columns"]) for page in pages for row in page]

    found = await service.in_thread(lines)
    if len(found) < len(wanted):
        if call.visible.viewer.account_id is None:
            return PlainTextResponse(_LOGIN_NEEDED, values["login_needed"])
        return PlainTextResponse(_NOT_ALLOWED, values["not_allowed"])
    return PlainTextResponse("".join(found), headers=_LIST_HEADERS)


def _wanted_series(call: Call, count: str) -> tuple[str, ...]:
    """Return the UIDs of ``series1`` to ``seriesN``, each once. :raises InvalidInput: for a wrong number."""
    if not (count.isascii() and count.isdigit() and len(count) < 8):
        raise InvalidInput("The parameter numberOfSeries is a whole number.")
    wanted: dict[str, None] = {}
    for number in range(1, int(count) + 1):
        uid = call.params.get(f"series{number}")
        if uid is None:
            raise InvalidInput(f"The parameter series{number} is missing.")
        wanted[uid.strip()] = None
    return tuple(wanted)


async def _series(service: Service, call: Call, values: dict[str, Any]) -> Response:
    """Step 2: the TAR of one series."""
    uid = values.get("series_instance_uid")
    if uid is None:
        raise MissingParameter(call.operation.missing_text)
    annotations = values.get("include_annotation", False) and values["has_annotation"]

    def plan() -> tuple[SeriesContent, TarLayout]:
        content = service.catalog.series_content(uid, call.visible, with_files=annotations)
        layout = series_tar(
            content,
            new_names=values.get("new_file_names", False),
            annotations=annotations,
            md5=values.get("include_md5", False),
            without={word.strip(" \t'\"") for word in values["without"].split(",")},
        )
        return content, layout

    try:
        content, layout = await service.in_thread(plan)
    except NotFound:
        return PlainTextResponse(_DENIED, 403)
    return TarResponse(
        layout,
        service.reader,
        filename=f"{content.series_instance_uid}.tar",
        on_end=audited(service, call, content.series_instance_uid),
    )
