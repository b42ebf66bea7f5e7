"""Thumbnails and WADO-URI, in the words that NBIA's clients know."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import PlainTextResponse, Response

from filmroom.errors import InvalidInput, NoPicture, NotFound, ObjectMissing
from filmroom.model.entities import StoredInstance
from filmroom.model.queries import FindSeries
from filmroom.render.options import THUMBNAIL, PictureOptions
from filmroom.server.nbia.images import audited
from filmroom.server.pictures import picture_answer
from filmroom.server.service import Call, Service
from filmroom.server.zip_response import InstanceResponse

_MEDIA = ("image/jpeg", "application/dicom")
_OF_PICTURES = ("rows", "columns", "windowCenter", "windowWidth", "imageQuality", "frameNumber")
_UNSUPPORTED = {
    "charset": "NBIA does not support charset parameter",
    "annotation": "NBIA does not support annotation parameter",
    "region": "region not supported by NBIA",
    "presentationUID": "presentationUID not supported by NBIA",
    "presentationSeriesUID": "presentationSeriesUID not supported by NBIA",
}
_MOST_PIXELS = 4_096
_MOST_FRAMES = 2**31 - 1
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request of WADO-URI is for; ``options`` is None where the file is wanted as it is."""

    study_uid: str
    series_uid: str
    object_uid: str
    options: PictureOptions | None


def _whole(params: Mapping[str, str], name: str, most: int, refusal: str) -> int | None:
    """Return a whole number from 1. :raises InvalidInput: with the refusal."""
    text = params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or not 1 <= int(text) <= most:
        raise InvalidInput(refusal)
    return int(text)


def _decimal(params: Mapping[str, str], name: str) -> float:
    text = params[name].strip()
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise InvalidInput(f"{name} is not valid, should be a number")
    return float(text)


def _window(params: Mapping[str, str]) -> tuple[float, float] | None:
    given = [name in params for name in ("windowCenter", "windowWidth")]
    if not any(given):
        return None
    centre, width = _decimal(params, "windowCenter"), _decimal(params, "windowWidth")
    if width < 1:
        raise InvalidInput("windowWidth is not valid, should be at least 1")
    return centre, width


def _options(params: Mapping[str, str]) -> PictureOptions:
    pixels = f"is not valid, should be an integer between 1 and {_MOST_PIXELS}"
    quality = _whole(
        params,
        "imageQuality",
        100,
        "imageQuality is not valid, should be an integer between 1 and 100",
    )
    frame = _whole(
        params, "frameNumber", _MOST_FRAMES, "Frame Number is not valid, needs to be a positive integer"
    )
    default = PictureOptions()
    return PictureOptions(
        rows=_whole(params, "rows", _MOST_PIXELS, f"rows {pixels}"),
        columns=_whole(params, "columns", _MOST_PIXELS, f"columns {pixels}"),
        window=_window(params),
        quality=quality or default.quality,
        frame=frame or default.frame,
    )


def _read(params: Mapping[str, str]) -> _Wanted:
    """Read a request of WADO-URI that has all that is required. :raises InvalidInput:"""
    if params["requestType"] != "WADO":
        raise InvalidInput("requestType not WADO")
    media = params.get("contentType", _MEDIA[0])
    if media not in _MEDIA:
        raise InvalidInput("NBIA only supports image/jpeg or application/dicom")
    is_picture = media == _MEDIA[0]
    for name in _OF_PICTURES:
        if name in params and not is_picture:
            raise InvalidInput(f"{name} not available for application/dicom")
    if ("windowCenter" in params) != ("windowWidth" in params):
        raise InvalidInput("windowWidth and windowCenter must both be set to be used")
    for name, refusal in _UNSUPPORTED.items():
        if name in params:
            raise InvalidInput(refusal)
    if params.get("anonymize", "").lower() == "yes":
        raise InvalidInput("anonymize not supported: objects come as they are stored")
    return _Wanted(
        params["studyUID"],
        params["seriesUID"],
        params["objectUID"],
        _options(params) if is_picture else None,
    )


def _find(service: Service, call: Call, wanted: _Wanted) -> StoredInstance:
    """:raises NotFound: also when the series is of another study."""
    query = FindSeries(study_instance_uid=wanted.study_uid, series_instance_uid=wanted.series_uid)
    if next(service.catalog.rows(query, call.visible), None) is None:
        raise NotFound("There is no such series in that study.")
    return service.catalog.instance(wanted.series_uid, wanted.object_uid, call.visible)


async def wado(service: Service, call: Call) -> Response:
    """``wado``, ``getWado``: a picture, or the file as it is stored."""
    wanted = _read(call.params)
    try:
        instance = await service.in_thread(lambda: _find(service, call, wanted))
        if wanted.options is not None:
            return await picture_answer(service, call.request, instance, wanted.options)
        await service.in_thread(lambda: service.reader.check(instance.location))
    except NotFound:
        return PlainTextResponse("image not found", 400)
    except ObjectMissing:
        return PlainTextResponse("File does not exist", 400)
    except NoPicture:
        return PlainTextResponse("unable to process request", 400)
    return InstanceResponse(
        instance,
        service.reader,
        # A form that is sent on to the store would be refused there.
        redirects=service.redirects and call.operation.method == "GET",
        on_end=audited(service, call, wanted.series_uid),
    )


async def thumbnail(service: Service, call: Call) -> Response:
    """``getThumbnail``: 404 for whatever has no picture."""
    series_uid, object_uid = call.params["seriesUID"], call.params["objectUID"]
    try:
        instance = await service.in_thread(
            lambda: service.catalog.instance(series_uid, object_uid, call.visible)
        )
        return await picture_answer(service, call.request, instance, THUMBNAIL)
    except NoPicture as error:
        return PlainTextResponse(str(error), 404)
