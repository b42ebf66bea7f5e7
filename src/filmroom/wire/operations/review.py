"""What a reviewer asks about series: their state beside their metadata."""

from __future__ import annotations

from dataclasses import replace

from filmroom.model.access import Scope
from filmroom.wire import bulk_views
from filmroom.wire.operation import Operation
from filmroom.wire.operations.parameters import FORMAT
from filmroom.wire.parameters import Parameter

_REVIEW = Operation(
    "getSeriesQCInfo",
    "v2",
    (
        Parameter(
            "seriesId",
            "",
            required=True,
            repeated=True,
            help="Series Instance UIDs, repeated or joined by commas",
            example="1.2.3.4,1.2.3.5",
        ),
        FORMAT,
    ),
    "State of some series, with what a reviewer looks at",
    action="bulk",
    fixed={"for_review": True},
    view=bulk_views.REVIEW,
    method="POST",
    missing_text="A parameter, SeriesInstanceUID is required for this API call.",
    no_rows="no_content",
    scope=Scope.RETRIEVE,
    auth="required",
    notes="Whoever holds NCIA.MANAGE_VISIBILITY_STATUS where it may read sees the series there in every "
    "state; everybody else those that it may fetch.",
)

REVIEW_OPERATIONS: tuple[Operation, ...] = (
    _REVIEW,
    replace(_REVIEW, version="v4", view=bulk_views.REVIEW_V4, strict=True, auth="optional"),
)
