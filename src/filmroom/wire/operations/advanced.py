"""The Advanced API: unversioned rows, and v4 made from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filmroom.model import queries
from filmroom.model.access import Scope
from filmroom.wire import advanced_views as views
from filmroom.wire import bulk_views
from filmroom.wire.operation import JSON, MANIFEST, TEXT, Operation
from filmroom.wire.operations.parameters import (
    BODY_PART,
    COLLECTION,
    FORMAT,
    MODALITY,
    PATIENT_ID,
    SERIES_UID,
    STUDY_UID,
)
from filmroom.wire.operations.texts import NOT_GRANTED
from filmroom.wire.parameters import Parameter, ParameterKind

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


_HOLDINGS: tuple[Operation, ...] = (
    Operation(
        "getCollectionDescriptions",
        "",
        (Parameter("collectionName", "collection", help="collection, exactly", example="Demo-CT"),),
        "Collections with their descriptions",
        query=queries.FindCollections,
        view=views.COLLECTION_DESCRIPTIONS,
        no_rows="list",
        auth="required",
    ),
    Operation(
        "getCollectionOrSeriesForDOI",
        "",
        (
            Parameter(
                "DOI",
                "description_uri",
                help="address as it is stored; empty for every one",
                example="https://doi.org/10.7937/x",
            ),
            Parameter(
                "CollectionOrSeries",
                "per_series",
                kind=ParameterKind.SERIES,
                help="what to list",
                example="Series",
            ),
        ),
        "Collections or series that a DOI describes",
        query=queries.FindDescribed,
        view=views.DESCRIBED,
        method="POST",
        no_rows="list",
        auth="required",
    ),
    Operation(
        "getSpeciesTax",
        "",
        (),
        "Species, the default one always among them",
        query=queries.FindSpecies,
        view=views.SPECIES,
        no_rows="list",
        auth="required",
    ),
    Operation(
        "getCollectionSite",
        "",
        (),
        "Collections with their sites",
        action="names",
        media=JSON,
        auth="required",
    ),
    Operation(
        "getSitesForSeries",
        "",
        (
            Parameter(
                "seriesId", "", repeated=True, required=True, help="Series Instance UIDs", example="1.2.3.4"
            ),
        ),
        "Sites of the one collection that some series are of",
        action="names",
        media=JSON,
        method="POST",
        missing_text="A parameter, seriesId, is required for this API call.",
        auth="required",
    ),
    Operation(
        "getManufacturerTree",
        "",
        (COLLECTION, MODALITY, BODY_PART),
        "Manufacturers, their models and the software of these",
        action="tree",
        media=JSON,
        auth="required",
    ),
    Operation(
        "getMinMaxTimepoints",
        "",
        (),
        "Smallest and largest offset from each kind of event, in days",
        action="time_points",
        media=JSON,
        auth="required",
    ),
)

_LICENCES = Operation(
    "getLicenses",
    "",
    (),
    "Licences of the data",
    query=queries.FindLicences,
    view=views.LICENCES,
    no_rows="list",
    auth="required",
)

_OBJECTS: tuple[Operation, ...] = (
    Operation(
        "getDicomTags",
        "",
        (Parameter("SeriesUID", "", required=True, help="Series Instance UID", example="1.2.3.4"),),
        "Attributes of the first instance of a series, up to its pixels",
        action="tags",
        media=JSON,
        missing_text="A parameter, SeriesUID, is required for this API call.",
        denied_text=NOT_GRANTED,
        auth="required",
    ),
    Operation(
        "getDicomTagsByImageID",
        "",
        (Parameter("imageID", "", required=True, help="internal number of an instance", example="1"),),
        "Attributes of one instance, up to its pixels",
        action="tags",
        media=JSON,
        missing_text="A parameter, imageID, is required for this API call.",
        auth="required",
    ),
    Operation(
        "getMD5Hierarchy",
        "",
        (SERIES_UID, STUDY_UID, PATIENT_ID, COLLECTION),
        "One MD5 over a series, study, patient or collection; the widest that is given",
        action="digest",
        query=queries.HierarchyDigest,
        media=TEXT,
        method="POST",
        auth="required",
        notes="The MD5 of the sorted, joined MD5s one level below.",
    ),
)

_ANNOTATION = Parameter("includeAnnotation", "", help="true (default) or false", example="true")
_NO_OTHERS = "Series that the caller may not fetch are left out."
_MANIFESTS: tuple[Operation, ...] = (
    Operation(
        "getManifestTextV2",
        "",
        (_LIST, _ANNOTATION),
        "A manifest of some series",
        action="manifest",
        media=MANIFEST,
        method="POST",
        missing_text=_NEEDS_LIST,
        scope=Scope.RETRIEVE,
        auth="required",
        notes=_NO_OTHERS,
    ),
    Operation(
        "getManifestForCollection",
        "",
        (
            Parameter("collection", "", required=True, help="collection, exactly", example="Demo-CT"),
            Parameter("visibility", "", help="1 (default) or 13 for any; others find nothing", example="1"),
            _ANNOTATION,
        ),
        "A manifest of a collection",
        action="manifest",
        media=MANIFEST,
        method="POST",
        missing_text="A parameter, collection, is required for this API call.",
        auth="required",
        notes=_NO_OTHERS,
    ),
    Operation(
        "getManifestFromPatientStudySeries",
        "",
        (
            Parameter("patientIDs", "", help="patient IDs, joined by commas", example="PAT-001"),
            Parameter("studyUIDs", "", help="Study Instance UIDs, joined by commas", example="1.2.3"),
            Parameter("seriesUIDs", "", help="Series Instance UIDs, joined by commas", example="1.2.3.4"),
            Parameter("anyOrAll", "", help="taken and not looked at: whatever fits one list is named"),
            _ANNOTATION,
        ),
        "A manifest of what belongs to some patients, studies or series",
        action="manifest",
        media=MANIFEST,
        method="POST",
        auth="required",
        notes=_NO_OTHERS,
    ),
)


# Version 4: what differs -----------------------------------------------------------------------------
_V4_CELLS: dict[str, dict[str, Any]] = {
    "getCollectionDescriptions": {"view": views.COLLECTION_DESCRIPTIONS_V4},
    "getCollectionOrSeriesForDOI": {"view": views.DESCRIBED_V4},
    "getSpeciesTax": {"strict": False},
    "getManufacturerTree": {"parameters": ()},
    "getManifestTextV2": {"name": "getManifestText"},
}


def _v4(operation: Operation) -> Operation:
    cells: dict[str, Any] = {"version": "v4", "strict": True, "auth": "optional"}
    cells |= _V4_CELLS.get(operation.name, {})
    if operation.query is queries.CountValues:
        column = operation.fixed["column"]
        cells["fixed"] = {
            name: value for name, value in operation.fixed.items() if name != "exact_collection"
        }
        cells |= {"view": views.COUNTS_V4[column], "no_rows": "empty"}
    return replace(operation, **cells)


_BOTH = (*_COUNTS, *_HOLDINGS, *_OBJECTS, *_MANIFESTS)

ADVANCED_OPERATIONS: tuple[Operation, ...] = (*_BOTH, _LICENCES, *_BULK, *map(_v4, _BOTH))
