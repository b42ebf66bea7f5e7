"""The drill-down of the Advanced API: from series to their studies and images."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire import drill_down_views as views
from filmroom.wire.operation import Operation
from filmroom.wire.parameters import Parameter

_IDS = Parameter(
    "list",
    "",
    required=True,
    repeated=True,
    help="internal numbers of series, repeated or joined by commas",
    example="1",
)
_UIDS = replace(_IDS, help="Series Instance UIDs, repeated or joined by commas", example="1.2.3.4")
_NOTE = "Series that the caller may not see, and unknown ones, are left out."

_STUDIES = Operation(
    "getStudyDrillDown",
    "",
    (_IDS,),
    "Studies of some series, by date, with these series",
    action="studies",
    view=views.DRILLED_STUDIES,
    method="POST",
    missing_text="A form parameter, list, is required for this API call.",
    no_rows="list",
    auth="required",
    notes=_NOTE,
)
_UNVERSIONED: tuple[Operation, ...] = (
    _STUDIES,
    replace(_STUDIES, name="getCartData", summary="Series of a cart, by study"),
    replace(
        _STUDIES,
        name="getStudyDrillDownWithSeriesIds",
        parameters=(_UIDS,),
        fixed={"by_uid": True},
        missing_text="A form parameter, list, containing at least one SeriesInstanceUID is required.",
    ),
    replace(
        _STUDIES,
        name="getImageDrillDown",
        summary="Images of some series, by instance number",
        action="images",
        view=views.DRILLED_IMAGES,
        notes=f"{_NOTE} At most 200,000 images at once.",
    ),
)

DRILL_DOWN_OPERATIONS: tuple[Operation, ...] = (
    *_UNVERSIONED,
    *(replace(operation, version="v4", strict=True, auth="optional") for operation in _UNVERSIONED),
)
