"""Shared lists: made, read, deleted, and the series on one."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire import list_views as views
from filmroom.wire.operation import JSON, TEXT, Operation
from filmroom.wire.parameters import Parameter

_NAME = Parameter("name", "", required=True, help="name of the list, any case", example="my-cohort")

_CONTENTS = Operation(
    "getContentsByName",
    "v1",
    (_NAME,),
    "Series of a shared list",
    action="list_contents",
    view=views.LIST_CONTENTS,
    missing_text="A parameter, name is required for this API call.",
    notes="Always JSON. Series that the caller may not see are left out.",
)

LIST_OPERATIONS: tuple[Operation, ...] = (
    _CONTENTS,
    replace(
        _CONTENTS,
        version="v2",
        auth="required",
        # The wrong name of the parameter is what clients of version 2 know.
        missing_text="A parameter, SeriesInstanceUID is required for this API call.",
    ),
    Operation(
        "createSharedList",
        "",
        (
            Parameter(
                "list",
                "",
                required=True,
                repeated=True,
                help="Series Instance UIDs, repeated or joined by commas; at most 50,000",
                example="1.2.3.4,1.2.3.5",
            ),
            replace(_NAME, help="name of the list, at most 200 characters; any case finds it again"),
            Parameter("description", "", help="at most 4,000 characters", example="Lung nodules"),
            Parameter("url", "", help="a web address about the list", example="https://example.org/cohort"),
        ),
        "Make a list of series that others can ask for by its name",
        action="make_list",
        media=TEXT,
        method="POST",
        missing_text="A form parameter, name and list, is required for this API call.",
        auth="required",
        notes="The list belongs to the account that makes it; the guest cannot make one. 400 when the caller "
        "may not see every series, and when there is a list of that name.",
    ),
    Operation(
        "getSharedList",
        "",
        (replace(_NAME, name="nameValue"),),
        "A shared list with its series",
        action="list",
        media=JSON,
        method="POST",
        missing_text="A form parameter, nameValue, is required for this API call.",
        auth="required",
        notes="JSON null when there is no such list, or the caller may see none of its series. userName is "
        "told to callers with an account.",
    ),
    Operation(
        "deleteSharedList",
        "",
        (_NAME,),
        "Delete a list of the caller's own",
        action="drop_list",
        media=TEXT,
        method="POST",
        missing_text="A form parameter, name, is required for this API call.",
        auth="required",
    ),
)
