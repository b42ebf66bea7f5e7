"""NBIA's download servlets, which the Data Retriever speaks to: one row for each generation.

Source: NBIA Data Retriever. Version 4 is the whole; each before it knows less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filmroom.model.access import Scope
from filmroom.wire.manifest import SERVLET_FOLDER
from filmroom.wire.operation import TAR, TEXT, Operation
from filmroom.wire.parameters import Parameter, ParameterKind

_SERIES = Parameter("seriesUid", "series_instance_uid", help="Series Instance UID", example="1.2.3.4")
_COUNT = Parameter("numberOfSeries", "count", help="how many series are asked about", example="2")
_FIRST = Parameter(
    "series1", "", help="Series Instance UID; and so on to series2, series3 …", example="1.2.3.4"
)
_USER = Parameter("userId", "user", help="login; absent or empty is the guest", default="")
_INCLUDE_ANNOTATION = Parameter(
    "includeAnnotation",
    "include_annotation",
    kind=ParameterKind.SWITCH,
    help="begin with the annotation files of the series",
    example="true",
)
_HAS_ANNOTATION = Parameter(
    "hasAnnotation",
    "has_annotation",
    kind=ParameterKind.SWITCH,
    help="false: leave them out all the same",
    example="true",
    default="true",
)
_WITHOUT = Parameter(
    "sopUids",
    "without",
    help="SOP Instance UIDs to leave out, in quotes or not, joined by commas",
    example="'1.2.3.4.5'",
    default="",
)
_NEW_NAMES = Parameter(
    "newFileNames",
    "new_file_names",
    kind=ParameterKind.SAID,
    help="name files <SOPInstanceUID>^A-I.dcm, by acquisition and instance",
    example="Yes",
)
_MD5 = Parameter(
    "getMD5Hash", "include_md5", kind=ParameterKind.FLAG, help="end with md5hashes.csv", example="Yes"
)
_WHO_ASKS = (
    "An access token decides who asks; else, where the server takes passwords here, userId and the header "
    "password, encrypted; else the guest."
)
_NEEDS_SERIES = "A parameter, seriesUid, is required for this API call."
_LIST_STATUSES = {"login_needed": 460, "login_failed": 461, "not_allowed": 462}


def _servlet(name: str, parameters: tuple[Parameter, ...], summary: str, **cells: Any) -> Operation:
    return Operation(
        name,
        "",
        parameters,
        summary,
        media=TAR,
        method="POST",
        either_method=True,
        roots=(SERVLET_FOLDER,),
        scope=Scope.RETRIEVE,
        **cells,
    )


_V4 = _servlet(
    "DownloadServletV4",
    (_COUNT, _FIRST, _SERIES, _USER, _INCLUDE_ANNOTATION, _HAS_ANNOTATION, _WITHOUT, _NEW_NAMES, _MD5),
    "Step 1, with numberOfSeries: what is known of series, a line each. Step 2, with seriesUid: one as TAR",
    action="servlet",
    fixed={"columns": 24, "refused": 403, **_LIST_STATUSES},
    missing_text=_NEEDS_SERIES,
    auth="optional",
    notes=f"{_WHO_ASKS} Step 1 fails as a whole: 461 for a wrong password, 460 for the guest and 462 for "
    "others where a series is unknown or may not be had. Step 2: 403.",
)
_V3 = replace(
    _V4,
    name="DownloadServletV3",
    parameters=tuple(each for each in _V4.parameters if each is not _MD5),
    fixed={**_V4.fixed, "columns": 17},
)
_STEP_2 = (replace(_SERIES, required=True), _USER, _INCLUDE_ANNOTATION, _HAS_ANNOTATION, _WITHOUT)
_V2 = replace(
    _V4,
    name="DownloadServletV2",
    parameters=_STEP_2,
    summary="One series as TAR, for manifests of version 2.0",
    fixed={"refused": 401},
    notes=f"{_WHO_ASKS} 401 for a wrong password, 403 for a series that is unknown or may not be had.",
)
_V1 = replace(
    _V2,
    name="DownloadServlet",
    parameters=(*_STEP_2, _NEW_NAMES, _MD5),
    summary="One series as TAR, for manifests of version 1.0",
    fixed={"refused": 403},
    notes=f"{_WHO_ASKS} 403 for a wrong password and for a series that is unknown or may not be had.",
)
_VERSION = replace(
    _servlet(
        "DownloadServletVersion",
        (
            Parameter("os", "", required=True, help="the retriever's system", example="windows"),
            Parameter("appVersion", "", help="the retriever's version", example="4.4"),
        ),
        "What the retriever asks at its start: six lines",
        action="servlet_version",
        missing_text="A parameter, os, is required for this API call.",
        notes="Its newest version, where to get it, the key for passwords, whether it must be replaced, and "
        "two addresses for help.",
    ),
    media=TEXT,
    scope=Scope.SEARCH,
)

SERVLET_OPERATIONS: tuple[Operation, ...] = (_V1, _V2, _V3, _V4, _VERSION)
