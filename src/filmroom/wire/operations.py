"""The operations of the API: one row each, read by the server, the client and the documentation.

v4 is v1 with the cells that differ (:func:`_v4`); a further version is one more such function.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filmroom.model import queries
from filmroom.model.access import Scope
from filmroom.wire import views
from filmroom.wire.operation import (
    DICOM,
    ROOTS,
    TEXT,
    ZIP,
    Operation,
    build_query,
    encode_params,
    read_parameters,
)
from filmroom.wire.parameters import Parameter, ParameterKind

__all__ = [
    "OPERATIONS",
    "ROOTS",
    "Operation",
    "build_query",
    "encode_params",
    "find_operation",
    "read_parameters",
]

# Parameters -----------------------------------------------------------------------------------------
_FORMAT = Parameter(
    "format",
    "",
    kind=ParameterKind.FORMAT,
    help="json (default), csv, csvquoted, csv-download, xml, html",
    example="json",
)
_COLLECTION = Parameter("Collection", "collection", help="collection, any case", example="Demo-CT")
_MODALITY = Parameter("Modality", "modality", help="modality, any case", example="CT")
_BODY_PART = Parameter("BodyPartExamined", "body_part_examined", help="body part", example="CHEST")
_MANUFACTURER = Parameter("Manufacturer", "manufacturer", help="manufacturer", example="SIEMENS")
_MODEL = Parameter("ManufacturerModelName", "manufacturer_model_name", help="model", example="Sensation 16")
_PATIENT_ID = Parameter("PatientID", "patient_id", help="patient ID, any case", example="PAT-001")
_PATIENT_ID_OF_PATIENTS = replace(_PATIENT_ID, name="PatientId", help="patient ID")
_STUDY_UID = Parameter("StudyInstanceUID", "study_instance_uid", help="Study Instance UID", example="1.2.3")
_SERIES_UID = Parameter(
    "SeriesInstanceUID", "series_instance_uid", help="Series Instance UID", example="1.2.3.4"
)
_SOP_UID = Parameter("SOPInstanceUID", "sop_instance_uid", help="SOP Instance UID", example="1.2.3.4.5")
_DATE_V1 = Parameter(
    "Date",
    "released_after",
    kind=ParameterKind.DATE_YMD,
    help="released after this day",
    example="2024/01/31",
)
_DATE_V4 = Parameter(
    "fromDate",
    "released_since",
    kind=ParameterKind.DATE_MDY,
    help="released on or after this day",
    example="01-31-2024",
)
_UPDATED_V1 = Parameter(
    "fromDate",
    "released_after",
    kind=ParameterKind.DATE_DMY,
    help="released after this day",
    example="31/01/2024",
    default="01/01/1900",
)
_UPDATED_V4 = replace(_UPDATED_V1, kind=ParameterKind.DATE_MDY, example="01-31-2024", default="01-01-1900")
_NEW_NAMES = Parameter(
    "NewFileNames",
    "new_file_names",
    kind=ParameterKind.FLAG,
    help="name files by acquisition and instance, 1-001.dcm, instead of numbering them",
    example="Yes",
)
_INCLUDE_MD5 = Parameter(
    "IncludeMD5", "include_md5", kind=ParameterKind.FLAG, help="add md5hashes.csv", example="Yes"
)


def _required(parameter: Parameter) -> Parameter:
    return replace(parameter, required=True)


# Texts, word for word as clients know them -----------------------------------------------------------
_NEEDS_SERIES = "A parameter, SeriesInstanceUID is required for this API call."
_ZIP_NEEDS_SERIES = "A parameter, SeriesInstanceUID, is required for this API call."
_NEEDS_BOTH_UIDS = "A parameter, SeriesInstanceUID and SOPInstanceUID, are required for this API call."
_NEEDS_MODALITY = "A parameter, Collection and Modality, are required for this API call."
_NEEDS_DATE = "A parameter, Collection and Date are required for this API call."
_NOT_PUBLIC = "Image with given SeriesInstanceUID,{uid}, is not in public domain."
_NOT_GRANTED = (
    "The user has not been granted the access to image with given SeriesInstanceUID,{uid}. "
    "Please contact System Admin to resolve this issue."
)

# Version 1 -------------------------------------------------------------------------------------------
_V1_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "getCollectionValues",
        "v1",
        (_FORMAT,),
        "Names of the collections",
        query=queries.FindValues,
        fixed={"column": "collection"},
        view=views.COLLECTION_VALUES,
    ),
    Operation(
        "getModalityValues",
        "v1",
        (_COLLECTION, _FORMAT, _BODY_PART),
        "Modalities",
        query=queries.FindValues,
        fixed={"column": "modality"},
        view=views.MODALITY_VALUES,
    ),
    Operation(
        "getBodyPartValues",
        "v1",
        (_COLLECTION, _FORMAT, _MODALITY),
        "Body parts, in upper case",
        query=queries.FindValues,
        fixed={"column": "body_part_examined", "uppercase": True},
        view=views.BODY_PART_VALUES,
        notes="Series without a body part make an empty first row.",
    ),
    Operation(
        "getManufacturerValues",
        "v1",
        (_COLLECTION, _FORMAT, _MODALITY, _BODY_PART),
        "Manufacturers",
        query=queries.FindValues,
        fixed={"column": "manufacturer"},
        view=views.MANUFACTURER_VALUES_V1,
        notes="Series without a manufacturer make an empty first row.",
    ),
    Operation(
        "getPatient",
        "v1",
        (_COLLECTION, _FORMAT, _PATIENT_ID_OF_PATIENTS),
        "Patients",
        query=queries.FindPatients,
        view=views.PATIENTS_V1,
    ),
    Operation(
        "getPatientByCollectionAndModality",
        "v1",
        (_required(_COLLECTION), _required(_MODALITY), _FORMAT),
        "Patients of a collection that have series of a modality",
        query=queries.FindPatients,
        view=views.PATIENT_IDS_V1,
        missing_text=_NEEDS_MODALITY,
    ),
    Operation(
        "NewPatientsInCollection",
        "v1",
        (_required(_COLLECTION), _required(_DATE_V1), _FORMAT),
        "Patients of a collection with series released since a day",
        query=queries.FindPatients,
        view=views.PATIENTS_V1,
        missing_text=_NEEDS_DATE,
    ),
    Operation(
        "getPatientStudy",
        "v1",
        (_COLLECTION, _PATIENT_ID, _STUDY_UID, _FORMAT),
        "Studies",
        query=queries.FindStudies,
        view=views.STUDIES_V1,
    ),
    Operation(
        "NewStudiesInPatientCollection",
        "v1",
        (_required(_COLLECTION), _PATIENT_ID, _required(_DATE_V1), _FORMAT),
        "Studies of a collection with series released since a day",
        query=queries.FindStudies,
        view=views.STUDIES_V1,
        missing_text=_NEEDS_DATE,
    ),
    Operation(
        "getSeries",
        "v1",
        (
            _COLLECTION,
            _FORMAT,
            _PATIENT_ID,
            _STUDY_UID,
            _MODALITY,
            _BODY_PART,
            _MODEL,
            _MANUFACTURER,
            _SERIES_UID,
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
        (_UPDATED_V1, _FORMAT),
        "Series released after a day",
        query=queries.FindSeries,
        fixed={"exact_case": True},
        view=views.SERIES_BRIEF,
    ),
    Operation(
        "getSeriesSize",
        "v1",
        (_required(_SERIES_UID), _FORMAT),
        "Bytes and number of instances of a series",
        query=queries.SeriesSize,
        view=views.SERIES_SIZE,
        missing_text=_NEEDS_SERIES,
        no_rows="null_row",
    ),
    Operation(
        "getSOPInstanceUIDs",
        "v1",
        (_required(_SERIES_UID), _FORMAT),
        "SOP Instance UIDs of a series",
        query=queries.FindInstances,
        view=views.SOP_INSTANCE_UIDS,
        missing_text=_NEEDS_SERIES,
    ),
    Operation(
        "getImage",
        "v1",
        (_required(_SERIES_UID), _NEW_NAMES),
        "A series as ZIP, with its licence",
        action="series_zip",
        media=ZIP,
        missing_text=_ZIP_NEEDS_SERIES,
        denied_text=_NOT_PUBLIC,
    ),
    Operation(
        "getImageWithMD5Hash",
        "v1",
        (_required(_SERIES_UID),),
        "A series as ZIP, with the MD5 of each file",
        action="series_zip_with_digests",
        media=ZIP,
        missing_text=_ZIP_NEEDS_SERIES,
        denied_text=_NOT_PUBLIC,
    ),
    Operation(
        "getSingleImage",
        "v1",
        (_required(_SERIES_UID), _required(_SOP_UID)),
        "One instance as a DICOM file",
        action="instance",
        media=DICOM,
        missing_text=_NEEDS_BOTH_UIDS,
        denied_text=_NOT_PUBLIC,
    ),
    Operation(
        "getM5HashForImage",
        "v1",
        (_required(replace(_SOP_UID, name="SOPInstanceUid")),),
        "MD5 of one instance",
        action="digest",
        query=queries.InstanceDigest,
        media=TEXT,
        missing_text="A parameter, SOPInstanceUid is required for this API call.",
    ),
    Operation(
        "getSeriesMetaData",
        "v1",
        (_required(_SERIES_UID), _FORMAT),
        "Everything about one series",
        query=queries.SeriesMetadata,
        view=views.SERIES_METADATA,
        missing_text=_NEEDS_SERIES,
        no_rows="no_content",
        scope=Scope.RETRIEVE,
    ),
)

# Version 4: what differs -----------------------------------------------------------------------------
_V4_VIEWS = {
    views.MANUFACTURER_VALUES_V1.name: views.MANUFACTURER_VALUES_V4,
    views.PATIENTS_V1.name: views.PATIENTS_V4,
    views.PATIENT_IDS_V1.name: views.PATIENT_IDS_V4,
    views.STUDIES_V1.name: views.STUDIES_V4,
    views.SERIES_V1.name: views.SERIES_V4,
    views.SERIES_BRIEF.name: views.SERIES_V4,
}
_V4_PARAMETERS = {_required(_DATE_V1): _required(_DATE_V4), _UPDATED_V1: _UPDATED_V4}
_V4_ABSENT = {"getSeriesMetaData"}
_V4_CELLS: dict[str, dict[str, Any]] = {
    "getManufacturerValues": {"fixed": {"column": "manufacturer", "uppercase": True}},
    "getPatient": {"fixed": {"exact_patient_id": True}},
    "getSeries": {"fixed": {}},
    "getUpdatedSeries": {"fixed": {}},
    "getSeriesSize": {"no_rows": "empty"},
    "getImage": {"parameters": (_required(_SERIES_UID), _NEW_NAMES, _INCLUDE_MD5)},
    "getM5HashForImage": {
        "name": "getMD5HashForImage",
        "parameters": (_required(_SOP_UID),),
        "missing_text": "A parameter, SOPInstanceUID is required for this API call.",
    },
}


def _v4(operation: Operation) -> Operation:
    cells: dict[str, Any] = {
        "version": "v4",
        "strict": True,
        "auth": "optional",
        "parameters": tuple(_V4_PARAMETERS.get(each, each) for each in operation.parameters),
        "denied_text": _NOT_GRANTED if operation.denied_text else "",
    }
    if operation.view is not None:
        cells["view"] = _V4_VIEWS.get(operation.view.name, operation.view)
    return replace(operation, **(cells | _V4_CELLS.get(operation.name, {})))


OPERATIONS: tuple[Operation, ...] = (
    *_V1_OPERATIONS,
    *(_v4(operation) for operation in _V1_OPERATIONS if operation.name not in _V4_ABSENT),
)

_BY_KEY = {(operation.version, operation.name): operation for operation in OPERATIONS}


def find_operation(version: str, name: str) -> Operation:
    """Return a row of the table. :raises KeyError: when there is none."""
    return _BY_KEY[version, name]  # type: ignore[index]
