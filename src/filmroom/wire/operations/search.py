"""The Search operations: version 1, and what versions 2 and 4 do differently."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filmroom.model import queries
from filmroom.model.access import Scope
from filmroom.wire import views
from filmroom.wire.operation import DICOM, TEXT, ZIP, Operation
from filmroom.wire.operations import parameters as p
from filmroom.wire.operations.texts import NOT_GRANTED

# Texts, word for word as clients know them -----------------------------------------------------------
_NEEDS_SERIES = "A parameter, SeriesInstanceUID is required for this API call."
_ZIP_NEEDS_SERIES = "A parameter, SeriesInstanceUID, is required for this API call."
_NEEDS_BOTH_UIDS = "A parameter, SeriesInstanceUID and SOPInstanceUID, are required for this API call."
_NEEDS_SERIES_LIST = "A parameter, seriesList,  a list of SeriesInstanceUID is required for this API call."
_NEEDS_MODALITY = "A parameter, Collection and Modality, are required for this API call."
_NEEDS_DATE = "A parameter, Collection and Date are required for this API call."
_NOT_PUBLIC = "Image with given SeriesInstanceUID,{uid}, is not in public domain."

# Version 1 -------------------------------------------------------------------------------------------
_V1_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "getCollectionValues",
        "v1",
        (p.FORMAT,),
        "Names of the collections",
        query=queries.FindValues,
        fixed={"column": "collection"},
        view=views.COLLECTION_VALUES,
    ),
    Operation(
        "getModalityValues",
        "v1",
        (p.COLLECTION, p.FORMAT, p.BODY_PART),
        "Modalities",
        query=queries.FindValues,
        fixed={"column": "modality"},
        view=views.MODALITY_VALUES,
    ),
    Operation(
        "getBodyPartValues",
        "v1",
        (p.COLLECTION, p.FORMAT, p.MODALITY),
        "Body parts, in upper case",
        query=queries.FindValues,
        fixed={"column": "body_part_examined", "uppercase": True},
        view=views.BODY_PART_VALUES,
        notes="Series without a body part make an empty first row.",
    ),
    Operation(
        "getManufacturerValues",
        "v1",
        (p.COLLECTION, p.FORMAT, p.MODALITY, p.BODY_PART),
        "Manufacturers",
        query=queries.FindValues,
        fixed={"column": "manufacturer"},
        view=views.MANUFACTURER_VALUES_V1,
        notes="Series without a manufacturer make an empty first row.",
    ),
    Operation(
        "getPatient",
        "v1",
        (p.COLLECTION, p.FORMAT, p.PATIENT_ID_OF_PATIENTS),
        "Patients",
        query=queries.FindPatients,
        view=views.PATIENTS_V1,
    ),
    Operation(
        "getPatientByCollectionAndModality",
        "v1",
        (p.required(p.COLLECTION), p.required(p.MODALITY), p.FORMAT),
        "Patients of a collection that have series of a modality",
        query=queries.FindPatients,
        view=views.PATIENT_IDS_V1,
        missing_text=_NEEDS_MODALITY,
    ),
    Operation(
        "NewPatientsInCollection",
        "v1",
        (p.required(p.COLLECTION), p.required(p.DATE_V1), p.FORMAT),
        "Patients of a collection with series released since a day",
        query=queries.FindPatients,
        view=views.PATIENTS_V1,
        missing_text=_NEEDS_DATE,
    ),
    Operation(
        "getPatientStudy",
        "v1",
        (p.COLLECTION, p.PATIENT_ID, p.STUDY_UID, p.FORMAT),
        "Studies",
        query=queries.FindStudies,
        view=views.STUDIES_V1,
    ),
    Operation(
        "NewStudiesInPatientCollection",
        "v1",
        (p.required(p.COLLECTION), p.PATIENT_ID, p.required(p.DATE_V1), p.FORMAT),
        "Studies of a collection with series released since a day",
        query=queries.FindStudies,
        view=views.STUDIES_V1,
        missing_text=_NEEDS_DATE,
    ),
    Operation(
        "getSeries",
        "v1",
        (
            p.COLLECTION,
            p.FORMAT,
            p.PATIENT_ID,
            p.STUDY_UID,
            p.MODALITY,
            p.BODY_PART,
            p.MODEL,
            p.MANUFACTURER,
            p.SERIES_UID,
        ),
        "Series",
        query=queries.FindSeries,
        fixed={"exact_case": True},
        view=views.SERIES_V1,
        notes="Without any parameter: the whole archive.",
    ),
    Operation(
        "getUpdatedSeries",
        "v1",
        (p.UPDATED_V1, p.FORMAT),
        "Series released after a day",
        query=queries.FindSeries,
        fixed={"exact_case": True},
        view=views.SERIES_BRIEF,
    ),
    Operation(
        "getSeriesSize",
        "v1",
        (p.required(p.SERIES_UID), p.FORMAT),
        "Bytes and number of instances of a series",
        query=queries.SeriesSize,
        view=views.SERIES_SIZE,
        missing_text=_NEEDS_SERIES,
        no_rows="null_row",
    ),
    Operation(
        "getSOPInstanceUIDs",
        "v1",
        (p.required(p.SERIES_UID), p.FORMAT),
        "SOP Instance UIDs of a series",
        query=queries.FindInstances,
        view=views.SOP_INSTANCE_UIDS,
        missing_text=_NEEDS_SERIES,
    ),
    Operation(
        "getImage",
        "v1",
        (p.required(p.SERIES_UID), p.NEW_NAMES),
        "A series as ZIP, with its licence",
        action="series_zip",
        media=ZIP,
        missing_text=_ZIP_NEEDS_SERIES,
        denied_text=_NOT_PUBLIC,
    ),
    Operation(
        "getImageWithMD5Hash",
        "v1",
        (p.required(p.SERIES_UID),),
        "A series as ZIP, with the MD5 of each file",
        action="series_zip_with_digests",
        media=ZIP,
        missing_text=_ZIP_NEEDS_SERIES,
        denied_text=_NOT_PUBLIC,
    ),
    Operation(
        "getDCMImage",
        "v1",
        (p.required(p.SERIES_UID), p.INCLUDE_ANNOTATION, p.MD5_VERIFICATION),
        "A series as ZIP for the retriever: files named by acquisition and instance",
        action="series_zip",
        fixed={"new_file_names": True, "licence": False},
        media=ZIP,
        missing_text=_ZIP_NEEDS_SERIES,
        denied_text=_NOT_PUBLIC,
        scope=Scope.RETRIEVE,
    ),
    Operation(
        "getImageOther",
        "v1",
        (p.required(p.SERIES_UID),),
        "The files of a series that are not DICOM as ZIP, under their own names",
        action="series_files_zip",
        media=ZIP,
        missing_text=_ZIP_NEEDS_SERIES,
        denied_text=_NOT_PUBLIC,
        notes="An empty ZIP where the series has none.",
    ),
    Operation(
        "getSingleImage",
        "v1",
        (p.required(p.SERIES_UID), p.required(p.SOP_UID)),
        "One instance as a DICOM file",
        action="instance",
        media=DICOM,
        missing_text=_NEEDS_BOTH_UIDS,
        denied_text=_NOT_PUBLIC,
    ),
    Operation(
        "getM5HashForImage",
        "v1",
        (p.required(replace(p.SOP_UID, name="SOPInstanceUid")),),
        "MD5 of one instance",
        action="digest",
        query=queries.InstanceDigest,
        media=TEXT,
        missing_text="A parameter, SOPInstanceUid is required for this API call.",
    ),
    Operation(
        "getSeriesMetaData",
        "v1",
        (p.required(p.SERIES_UID), p.FORMAT),
        "Everything about one series",
        query=queries.SeriesMetadata,
        view=views.SERIES_METADATA,
        missing_text=_NEEDS_SERIES,
        no_rows="no_content",
        scope=Scope.RETRIEVE,
    ),
    Operation(
        "getDeniedSeries",
        "v1",
        (p.required(p.SERIES_LIST), p.USER_NAME, p.FORMAT),
        "Those of some series that may not be fetched",
        action="denied",
        view=views.DENIED_SERIES,
        missing_text=_NEEDS_SERIES_LIST,
        no_rows="no_content",
        scope=Scope.RETRIEVE,
        notes="For the public, or for the caller where userName is its own login. Unknown series count as "
        "denied.",
    ),
)

# Version 2: version 1 for whoever has a token ---------------------------------------------------------
_V2_ABSENT = {
    "getDeniedSeries",
    "getImageOther",
    "wado",
    "getWado",
    "getAllSOPClassDefinition",
    "getUserAgreementTxt",
}


def _v2(operation: Operation) -> Operation:
    denied = NOT_GRANTED if operation.denied_text else ""
    return replace(operation, version="v2", auth="required", denied_text=denied)


# Version 4: what differs -----------------------------------------------------------------------------
_V4_VIEWS = {
    views.MANUFACTURER_VALUES_V1.name: views.MANUFACTURER_VALUES_V4,
    views.PATIENTS_V1.name: views.PATIENTS_V4,
    views.PATIENT_IDS_V1.name: views.PATIENT_IDS_V4,
    views.STUDIES_V1.name: views.STUDIES_V4,
    views.SERIES_V1.name: views.SERIES_V4,
    views.SERIES_BRIEF.name: views.SERIES_V4,
}
_V4_PARAMETERS = {p.required(p.DATE_V1): p.required(p.DATE_V4), p.UPDATED_V1: p.UPDATED_V4}
_V4_ABSENT = {"getSeriesMetaData"}
_V4_CELLS: dict[str, dict[str, Any]] = {
    "getManufacturerValues": {"fixed": {"column": "manufacturer", "uppercase": True}},
    "getPatient": {"fixed": {"exact_patient_id": True}},
    "getSeries": {"fixed": {}},
    "getUpdatedSeries": {"fixed": {}, "public_only": True},
    "getSeriesSize": {"no_rows": "empty", "public_only": True},
    "getImage": {"parameters": (p.required(p.SERIES_UID), p.NEW_NAMES, p.INCLUDE_MD5)},
    "getM5HashForImage": {
        "name": "getMD5HashForImage",
        "parameters": (p.required(p.SOP_UID),),
        "missing_text": "A parameter, SOPInstanceUID is required for this API call.",
    },
}


def _v4(operation: Operation) -> Operation:
    cells: dict[str, Any] = {
        "version": "v4",
        "strict": True,
        "auth": "optional",
        "parameters": tuple(_V4_PARAMETERS.get(each, each) for each in operation.parameters),
        "denied_text": NOT_GRANTED if operation.denied_text else "",
    }
    if operation.view is not None:
        cells["view"] = _V4_VIEWS.get(operation.view.name, operation.view)
    return replace(operation, **(cells | _V4_CELLS.get(operation.name, {})))


SEARCH_OPERATIONS: tuple[Operation, ...] = (
    *_V1_OPERATIONS,
    *(_v2(operation) for operation in _V1_OPERATIONS if operation.name not in _V2_ABSENT),
    *(_v4(operation) for operation in _V1_OPERATIONS if operation.name not in _V4_ABSENT),
)
