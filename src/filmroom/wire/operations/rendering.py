"""Pictures of single objects: thumbnails, and the part of WADO-URI (PS3.18 section 9) that NBIA has."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire.operation import JPEG, Operation
from filmroom.wire.parameters import Parameter

_THUMBNAIL = Operation(
    "getThumbnail",
    "",
    (
        Parameter("seriesUID", "", required=True, help="Series Instance UID", example="1.2.3.4"),
        Parameter("objectUID", "", required=True, help="SOP Instance UID", example="1.2.3.4.5"),
    ),
    "A picture of one object, at most 512 pixels wide and high",
    action="thumbnail",
    media=JPEG,
    method="POST",
    missing_text="A parameter, seriesUID and objectUID, are required for this API call.",
    auth="required",
    notes="404 when there is no such object, and when it has no picture.",
)


def _needed(name: str, help_: str, example: str) -> Parameter:
    return Parameter(name, "", required=True, help=help_, example=example, missing_text=f"Missing {name}")


_GET_WADO = Operation(
    "getWado",
    "v1",
    (
        _needed("requestType", "WADO", "WADO"),
        _needed("studyUID", "Study Instance UID", "1.2.3"),
        _needed("seriesUID", "Series Instance UID", "1.2.3.4"),
        _needed("objectUID", "SOP Instance UID", "1.2.3.4.5"),
        Parameter("contentType", "", help="image/jpeg (default) or application/dicom", example="image/jpeg"),
        Parameter("charset", "", help="refused"),
        Parameter("anonymize", "", help="yes is refused: objects come as they are stored"),
        Parameter("annotation", "", help="refused"),
        Parameter("rows", "", help="most pixels in height, to 4096; the aspect is kept", example="512"),
        Parameter("columns", "", help="most pixels in width, to 4096; the aspect is kept", example="512"),
        Parameter("region", "", help="refused"),
        Parameter("windowCenter", "", help="centre of the window, with windowWidth", example="40"),
        Parameter("windowWidth", "", help="width of the window, at least 1", example="400"),
        Parameter("imageQuality", "", help="1 to 100", example="85"),
        Parameter("frameNumber", "", help="frame, from 1", example="1"),
        Parameter("presentationUID", "", help="refused"),
        Parameter("presentationSeriesUID", "", help="refused"),
        Parameter("transferSyntax", "", help="taken and not looked at: objects come as they are stored"),
    ),
    "One object as a picture or as a DICOM file",
    action="wado",
    media=JPEG,
    method="POST",
    notes="WADO-URI. What cannot be answered is told as plain text, with status 400.",
)

RENDERING_OPERATIONS: tuple[Operation, ...] = (
    _THUMBNAIL,
    replace(_THUMBNAIL, version="v4", strict=True, auth="optional"),
    _GET_WADO,
    replace(_GET_WADO, name="wado", method="GET"),
    replace(_GET_WADO, version="", auth="required"),
)
