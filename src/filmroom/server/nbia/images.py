"""Images: a series as a ZIP, one instance as a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from starlette.responses import Response

from filmroom.errors import NotFound
from filmroom.model.entities import Download, SeriesContent
from filmroom.server.service import Call, Service
from filmroom.server.zip_response import InstanceResponse, ZipResponse
from filmroom.store.series_zip import files_zip, licence_text, series_zip
from filmroom.store.zip_layout import ZipLayout
from filmroom.wire.operation import Operation
from filmroom.wire.operations import read_parameters

Names = Literal["numbered", "acquisition"]


def values_of(call: Call) -> dict[str, Any]:
    """Return what a request's parameters and the operation itself set, by field."""
    values = read_parameters(call.operation, call.params)
    assert values is not None  # noqa: S101 - these operations take no dates
    return {**call.operation.fixed, **values}


def _kind(operation: Operation) -> str:
    return f"{operation.version}API" if operation.version else operation.name


def _denied(call: Call, series_uid: str) -> Response:
    """Unknown, hidden and denied are one answer: existence is not disclosed."""
    text = call.operation.denied_text.format(uid=series_uid)
    return Response(text, 400, media_type="application/json")


def audited(service: Service, call: Call, series_uid: str) -> Callable[[int, bool], None]:
    """Return what is to be called once when bytes have been delivered."""
    client = call.request.client
    address = client.host if client else ""

    def on_end(sent: int, complete: bool) -> None:  # noqa: FBT001 - the shape that responses call
        if sent:
            service.audit.record(
                Download(
                    series_instance_uid=series_uid,
                    kind=_kind(call.operation),
                    bytes=sent,
                    viewer=call.visible.viewer.login,
                    address=address,
                    complete=complete,
                )
            )

    return on_end


async def _series(
    service: Service, call: Call, *, names: Names, md5: bool, licence: bool, annotations: bool = False
) -> Response:
    series_uid = values_of(call)["series_instance_uid"]

    def plan() -> tuple[SeriesContent, ZipLayout]:
        content = service.catalog.series_content(series_uid, call.visible, with_files=annotations)
        text = licence_text(content, service.attribution) if licence else None
        return content, series_zip(content, names=names, licence=text, md5=md5, annotations=annotations)

    return await _zip(service, call, plan)


async def _zip(service: Service, call: Call, plan: Callable[[], tuple[SeriesContent, ZipLayout]]) -> Response:
    try:
        content, layout = await service.in_thread(plan)
    except NotFound:
        return _denied(call, values_of(call)["series_instance_uid"])
    return ZipResponse(
        layout,
        service.reader,
        filename=f"{content.series_instance_uid}.zip",
        on_end=audited(service, call, content.series_instance_uid),
    )


async def series(service: Service, call: Call) -> Response:
    """``getImage``, ``getDCMImage``: LICENSE or not, the images, and ``md5hashes.csv`` if asked for."""
    values = values_of(call)
    return await _series(
        service,
        call,
        names="acquisition" if values.get("new_file_names") else "numbered",
        md5=bool(values.get("include_md5")),
        licence=values.get("licence", True),
        annotations=bool(values.get("include_annotation")),
    )


async def series_with_digests(service: Service, call: Call) -> Response:
    """``getImageWithMD5Hash``: the images and ``md5hashes.csv``, no LICENSE."""
    return await _series(service, call, names="numbered", md5=True, licence=False)


async def series_files(service: Service, call: Call) -> Response:
    """``getImageOther``: the files that are not DICOM, an empty ZIP where there are none."""
    series_uid = values_of(call)["series_instance_uid"]

    def plan() -> tuple[SeriesContent, ZipLayout]:
        content = service.catalog.series_content(series_uid, call.visible, with_files=True)
        return content, files_zip(content)

    return await _zip(service, call, plan)


async def instance(service: Service, call: Call) -> Response:
    """``getSingleImage``: one DICOM file."""
    values = values_of(call)
    series_uid, sop_uid = values["series_instance_uid"], values["sop_instance_uid"]
    try:
        stored = await service.in_thread(lambda: service.catalog.instance(series_uid, sop_uid, call.visible))
    except NotFound:
        return _denied(call, series_uid)
    return InstanceResponse(
        stored,
        service.reader,
        redirects=service.redirects,
        on_end=audited(service, call, series_uid),
    )
