"""The parameters of the operations, each declared once."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire.parameters import Parameter, ParameterKind

FORMAT = Parameter(
    "format",
    "",
    kind=ParameterKind.FORMAT,
    help="json (default), csv, csvquoted, csv-download, xml, html",
    example="json",
)
COLLECTION = Parameter("Collection", "collection", help="collection, any case", example="Demo-CT")
MODALITY = Parameter("Modality", "modality", help="modality, any case", example="CT")
BODY_PART = Parameter("BodyPartExamined", "body_part_examined", help="body part", example="CHEST")
MANUFACTURER = Parameter("Manufacturer", "manufacturer", help="manufacturer", example="SIEMENS")
MODEL = Parameter("ManufacturerModelName", "manufacturer_model_name", help="model", example="Sensation 16")
PATIENT_ID = Parameter("PatientID", "patient_id", help="patient ID, any case", example="PAT-001")
PATIENT_ID_OF_PATIENTS = replace(PATIENT_ID, name="PatientId", help="patient ID")
STUDY_UID = Parameter("StudyInstanceUID", "study_instance_uid", help="Study Instance UID", example="1.2.3")
SERIES_UID = Parameter(
    "SeriesInstanceUID", "series_instance_uid", help="Series Instance UID", example="1.2.3.4"
)
SOP_UID = Parameter("SOPInstanceUID", "sop_instance_uid", help="SOP Instance UID", example="1.2.3.4.5")
DATE_V1 = Parameter(
    "Date",
    "released_after",
    kind=ParameterKind.DATE_YMD,
    help="released after this day",
    example="2024/01/31",
)
DATE_V4 = Parameter(
    "fromDate",
    "released_since",
    kind=ParameterKind.DATE_MDY,
    help="released on or after this day",
    example="01-31-2024",
)
UPDATED_V1 = Parameter(
    "fromDate",
    "released_after",
    kind=ParameterKind.DATE_DMY,
    help="released after this day",
    example="31/01/2024",
    default="01/01/1900",
)
UPDATED_V4 = replace(UPDATED_V1, kind=ParameterKind.DATE_MDY, example="01-31-2024", default="01-01-1900")
NEW_NAMES = Parameter(
    "NewFileNames",
    "new_file_names",
    kind=ParameterKind.FLAG,
    help="name files by acquisition and instance, 1-001.dcm, instead of numbering them",
    example="Yes",
)
INCLUDE_MD5 = Parameter(
    "IncludeMD5", "include_md5", kind=ParameterKind.FLAG, help="add md5hashes.csv", example="Yes"
)
INCLUDE_ANNOTATION = Parameter(
    "IncludeAnnotation",
    "include_annotation",
    kind=ParameterKind.SWITCH,
    help="add the annotation files of the series, where there are any",
    example="true",
)
MD5_VERIFICATION = Parameter(
    "MD5Verification", "include_md5", kind=ParameterKind.SWITCH, help="add md5hashes.csv", example="true"
)
SERIES_LIST = Parameter(
    "seriesList", "", help="Series Instance UIDs, joined by commas", example="1.2.3.4,1.2.3.5"
)
USER_NAME = Parameter("userName", "", help="the caller's own login; absent or null is the public")


def required(parameter: Parameter) -> Parameter:
    """Return the parameter as one that must be given."""
    return replace(parameter, required=True)
