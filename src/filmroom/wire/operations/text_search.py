"""Text search: patients by words that their series hold."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire.operation import JSON, MANIFEST, TEXT, Operation
from filmroom.wire.operations.simple_search import PAGE_PARAMETERS
from filmroom.wire.parameters import Parameter

_TEXT = Parameter(
    "textValue",
    "",
    required=True,
    help='words that must all be there; "a phrase", begin*, one OR other',
    example="lung nodule",
)
_ALL = Operation(
    "getTextSearch",
    "",
    (_TEXT,),
    "Patients whose series hold some words",
    action="text_search",
    media=JSON,
    method="POST",
    missing_text="A parameter, textValue, is required for this API call.",
    auth="required",
    notes="`hit` is HTML: escaped text in which `<em>` marks the words.",
)

TEXT_SEARCH_OPERATIONS: tuple[Operation, ...] = (
    _ALL,
    replace(
        _ALL,
        name="getTextSearchPaged",
        parameters=(_TEXT, *PAGE_PARAMETERS),
        summary="A page of the patients whose series hold some words",
        action="text_search_page",
    ),
    replace(
        _ALL,
        name="getManifestForTextSearch",
        summary="A manifest of the series of those patients",
        action="text_search_manifest",
        media=MANIFEST,
        notes="Series that the caller may not see are left out.",
    ),
    replace(
        _ALL,
        name="getRestrictionsForTextSearch",
        summary="Whether any series of those patients excludes commercial use",
        action="text_search_restrictions",
        media=TEXT,
        notes="`yes` or `no`.",
    ),
)
