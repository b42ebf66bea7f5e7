"""Simple search: unversioned rows, and v4 made from them."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire.operation import JSON, MANIFEST, TEXT, Operation
from filmroom.wire.parameters import Parameter
from filmroom.wire.simple_search import CRITERIA

PAGE_PARAMETERS: tuple[Parameter, ...] = (
    Parameter("start", "", help="how many patients to pass over; 0 where it is missing", example="0"),
    Parameter("size", "", help="how many patients to give; 10 where it is missing", example="10"),
    Parameter(
        "sortField",
        "",
        help="collection, subject, study, series, totalNumberOfStudies or totalNumberOfSeries; others mean "
        "collection",
        example="subject",
    ),
    Parameter("sortDirection", "", help="ascending, else descending", example="ascending"),
)
_FIELDS: tuple[Parameter, ...] = (
    Parameter(
        "criteriaType0",
        "",
        help="what the first criterion is about; the fields of others end in 1, 2, 3 and so on. One of "
        f"{', '.join(CRITERIA)}; other names are passed over",
        example="SeriesCriteria",
    ),
    Parameter("value0", "", help="its value, where it has one", example="1.2.3.4"),
    Parameter("fromDate0", "", help="first day of a DateRangeCriteria", example="31/01/2024"),
    Parameter("toDate0", "", help="its last day", example="31/12/2024"),
    Parameter("from0", "", help="lower bound of an age, pixel spacing or slice thickness", example="030Y"),
    Parameter("to0", "", help="its upper bound", example="040Y"),
    Parameter("fromDay0", "", help="first day of a TimePointCriteria", example="0"),
    Parameter("toDay0", "", help="its last day", example="90"),
    Parameter("eventType0", "", help="the event that its days are counted from", example="DIAGNOSIS"),
    *PAGE_PARAMETERS,
    Parameter("tool", "", help="name of the calling program; not looked at", example="portal"),
)
_OF_THE_PAGE = "Of the page that start and size name."

_UNVERSIONED: tuple[Operation, ...] = (
    Operation(
        "getSimpleSearchWithModalityAndBodyPartPaged",
        "",
        _FIELDS,
        "Patients by criteria, in pages, with counts over the whole result",
        action="simple_search",
        media=JSON,
        method="POST",
        auth="required",
        notes="Criteria of one type are alternatives, those of different types must all hold.",
    ),
    Operation(
        "getManifestForSimpleSearch",
        "",
        _FIELDS,
        "A manifest of the series that a simple search finds",
        action="simple_search_manifest",
        media=MANIFEST,
        method="POST",
        auth="required",
        notes=_OF_THE_PAGE,
    ),
    Operation(
        "getRestrictionsForSimpleSearch",
        "",
        _FIELDS,
        "Whether a series that a simple search finds may not be used commercially: yes or no",
        action="simple_search_restrictions",
        media=TEXT,
        method="POST",
        auth="required",
        notes=_OF_THE_PAGE,
    ),
)

_V4_NAMES = {"getSimpleSearchWithModalityAndBodyPartPaged": "getSimpleSearch"}
_V4_EXAMPLES = {"fromDate0": "01-31-2024", "toDate0": "12-31-2024"}


def _v4(operation: Operation) -> Operation:
    # Not strict: fields are numbered without end.
    return replace(
        operation,
        name=_V4_NAMES.get(operation.name, operation.name),
        version="v4",
        auth="optional",
        parameters=tuple(
            replace(each, example=_V4_EXAMPLES.get(each.name, each.example)) for each in operation.parameters
        ),
    )


SIMPLE_SEARCH_OPERATIONS: tuple[Operation, ...] = (*_UNVERSIONED, *map(_v4, _UNVERSIONED))
