"""The Advanced API: unversioned rows, and v4 made from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filmroom.model import queries
from filmroom.wire import advanced_views as views
from filmroom.wire import bulk_views
from filmroom.wire.operation import Operation
from filmroom.wire.operations.parameters import BODY_PART, COLLECTION, FORMAT, MODALITY
from filmroom.wire.parameters import Parameter

# Parameters -----------------------------------------------------------------------------------------
_LIST = Parameter(
    "list",
    "",
    required=True,
    repeated=True,
    help="Series Instance UIDs, repeated or joined by commas",
    example="1.2.3.4,1.2.3.5",
)
_NEEDS_LIST = "A form parameter, list, containing at least one SeriesInstanceUID is required."


def _counts(name: str, column: str, what: str, *parameters: Parameter) -> Operation:
    return Operation(
        name,
        "",
        parameters,
        f"{what} with the number of patients of each",
        query=queries.CountValues,
        fixed={"column": column, "exact_collection": True, "uppercase": column == "body_part_examined"},
        view=views.COUNTS[column],
        no_rows="list",
        auth="required",
    )


_COUNTS: tuple[Operation, ...] = (
    _counts("getCollectionValuesAndCounts", "collection", "Collections"),
    _counts("getModalityValuesAndCounts", "modality", "Modalities", COLLECTION, BODY_PART),
    _counts("getBodyPartValuesAndCounts", "body_part_examined", "Body parts", COLLECTION, MODALITY),
    _counts(
        "getManufacturerValuesAndCounts", "manufacturer", "Manufacturers", COLLECTION, MODALITY, BODY_PART
    ),
    _counts("getSpeciesValuesAndCounts", "species_code", "Species"),
)

_BULK: tuple[Operation, ...] = (
    Operation(
        "getSeriesMetadata2",
        "",
        (replace(_LIST, repeated=False, help="Series Instance UIDs, joined by commas"),),
        "Metadata of many series, as the clients of 2023 ask for it",
        action="bulk",
        view=bulk_views.BULK_METADATA_2,
        method="POST",
        missing_text=_NEEDS_LIST,
        attached_csv=True,
        auth="required",
    ),
    Operation(
        "getSeriesMetadata3",
        "",
        (replace(_LIST, repeated=False, help="Series Instance UIDs, joined by commas"),),
        "Metadata of many series, all of it",
        action="bulk",
        view=bulk_views.BULK_METADATA_3,
        method="POST",
        missing_text=_NEEDS_LIST,
        attached_csv=True,
        auth="required",
    ),
    Operation(
        "getSeriesMetadata",
        "v4",
        (_LIST, FORMAT),
        "Metadata of many series, in the order of the lists",
        action="bulk",
        view=bulk_views.BULK_METADATA,
        method="POST",
        missing_text=_NEEDS_LIST,
        attached_csv=True,
        auth="optional",
        notes="Without a format, and with csv: an attachment, SeriesMetaData.csv.",
    ),
    Operation(
        "getSeriesMetadataCombined",
        "v4",
        (_LIST,),
        "Metadata of many series under names with spaces",
        action="bulk",
        view=bulk_views.BULK_METADATA_COMBINED,
        method="POST",
        missing_text=_NEEDS_LIST,
        attached_csv=True,
        auth="optional",
    ),
)


# Version 4: what differs -----------------------------------------------------------------------------
def _v4(operation: Operation) -> Operation:
    cells: dict[str, Any] = {"version": "v4", "strict": True, "auth": "optional"}
    if operation.query is queries.CountValues:
        column = operation.fixed["column"]
        cells["fixed"] = {
            name: value for name, value in operation.fixed.items() if name != "exact_collection"
        }
        cells |= {"view": views.COUNTS_V4[column], "no_rows": "empty"}
    return replace(operation, **cells)


ADVANCED_OPERATIONS: tuple[Operation, ...] = (
    *_COUNTS,
    *map(_v4, _COUNTS),
    *_BULK,
)
