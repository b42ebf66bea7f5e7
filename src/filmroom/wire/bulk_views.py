"""The column lists of bulk metadata: one table of columns, and the names that each operation gives them.

Source: NBIA API guides; every value is text but the number of images and the size.
"""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire.cells import STRING
from filmroom.wire.cells import CellType as T
from filmroom.wire.views import BIG_DECIMAL, Column, View

_COLUMNS: tuple[Column, ...] = (
    Column("PatientID", "patient_id", doc="(0010,0020)"),
    Column("PatientName", "patient_name", doc="(0010,0010)"),
    Column("PatientSex", "patient_sex", doc="(0010,0040)"),
    Column("EthnicGroup", "ethnic_group", doc="(0010,2160)"),
    Column("Phantom", "phantom", doc="(0010,0200)"),
    Column("SpeciesCode", "species_code", doc="(0010,2202), SNOMED CT"),
    Column("SpeciesDescription", "species_description", doc="(0010,2201)"),
    Column("StudyInstanceUID", "study_instance_uid", doc="(0020,000D)"),
    Column("StudyDate", "study_date", T.US_DATE, doc="(0008,0020)"),
    Column("StudyDesc", "study_desc", doc="(0008,1030)"),
    Column("AdmittingDiagnosisDescription", "admitting_diagnoses_desc", doc="(0008,1080)"),
    Column("StudyID", "study_id", doc="(0020,0010)"),
    Column("PatientAge", "patient_age", doc="(0010,1010)"),
    Column("LongitudinalTemporalEventType", "longitudinal_event_type", doc="(0012,0053)"),
    Column(
        "LongitudinalTemporalOffsetFromEvent",
        "longitudinal_offset",
        T.DOUBLE_TEXT,
        doc="(0012,0052), days",
    ),
    Column("SeriesInstanceUID", "series_instance_uid", doc="(0020,000E)"),
    Column("Collection", "collection"),
    Column("Site", "site"),
    Column("Modality", "modality", doc="(0008,0060)"),
    Column("ProtocolName", "protocol_name", doc="(0018,1030)"),
    Column("SeriesDate", "series_date", T.US_DATE, doc="(0008,0021)"),
    Column("SeriesDescription", "series_desc", doc="(0008,103E)"),
    Column("BodyPartExamined", "body_part_examined", doc="(0018,0015)"),
    Column("SeriesNumber", "series_number", T.DECIMAL_TEXT, doc="(0020,0011)"),
    Column("AnnotationsFlag", "annotations_flag", T.BOOLEAN_TEXT),
    Column("Manufacturer", "manufacturer", doc="(0008,0070)"),
    Column("ManufacturerModelName", "manufacturer_model_name", doc="(0008,1090)"),
    Column(
        "PixelSpacing(mm)-Row",
        "pixel_spacing",
        T.DECIMALS,
        doc="(0028,0030), the first value: what occurs in the series, in mm",
    ),
    Column(
        "SliceThickness(mm)", "slice_thickness", T.DECIMALS, doc="(0018,0050): what occurs in the series, mm"
    ),
    Column("SoftwareVersions", "software_versions", doc="(0018,1020)"),
    Column("ImageCount", "image_count", T.INTEGER, doc="number of instances"),
    Column("MaxSubmissionTimestamp", "max_submission_timestamp", T.US_DATE, doc="last submission"),
    Column("LicenseName", "licence_name"),
    Column("LicenseURI", "licence_url"),
    Column("DataDescriptionURI", "description_uri", doc="DOI of the data"),
    Column("FileSize", "file_size", T.INTEGER, doc="bytes of the series", java=BIG_DECIMAL),
    Column("ReleasedStatus", "released_status", doc="Yes or No"),
    Column("DateReleased", "date_released", T.US_DATE),
    Column("ThirdPartyAnalysis", "third_party_analysis", doc="YES or NO"),
    Column("Authorized", "", T.CONSTANT, "1", "always 1: only authorised rows are listed", STRING),
)
_BY_NAME = {column.name: column for column in _COLUMNS}
_BIRTH_DATE = Column("Patient Birth Date", "patient_birth_date", T.US_DATE, doc="(0010,0030)")

# What a name with spaces is called otherwise, where leaving the spaces out does not give it.
_OTHER_NAMES = {
    "Study Description": "StudyDesc",
    "Pixel Spacing(mm)- Row": "PixelSpacing(mm)-Row",
    "Project": "Collection",
    "Collection URI": "DataDescriptionURI",
}


def _spaced(names: str) -> tuple[Column, ...]:
    return tuple(
        replace(_BY_NAME[_OTHER_NAMES.get(name, name.replace(" ", ""))], name=name)
        for name in names.split("|")
    )


_PERSON = "Patient Sex|Ethnic Group|Phantom|Species Code|Species Description"
_STUDY_TO_SERIES = (
    "Study Instance UID|Study Date|Study Description|Admitting Diagnosis Description|Study ID|Patient Age|"
    "Longitudinal Temporal Event Type|Longitudinal Temporal Offset From Event|Series Instance UID"
)
_SERIES = (
    "Modality|Protocol Name|Series Date|Series Description|Body Part Examined|Series Number|"
    "Annotations Flag|Manufacturer|Manufacturer Model Name"
)
_END = "Software Versions|Image Count|Max Submission Timestamp|License Name|License URI"

BULK_METADATA = View("bulk-metadata", _COLUMNS)
BULK_METADATA_COMBINED = View(
    "bulk-metadata-combined",
    _spaced(
        f"Patient ID|Patient Name|{_PERSON}|{_STUDY_TO_SERIES}|Collection|{_SERIES}|{_END}|"
        "Data Description URI|File Size|Date Released|Third Party Analysis"
    ),
)
BULK_METADATA_3 = View(
    "bulk-metadata-3",
    (
        *_spaced("Patient ID|Patient Name"),
        _BIRTH_DATE,
        *_spaced(
            f"{_PERSON}|{_STUDY_TO_SERIES}|Project|{_SERIES}|Pixel Spacing(mm)- Row|Slice Thickness(mm)|"
            f"{_END}|Collection URI|File Size|Date Released|Third Party Analysis"
        ),
    ),
)
BULK_METADATA_2 = View(
    "bulk-metadata-2",
    (
        Column("Subject ID", "patient_id"),
        Column("Study UID", "study_instance_uid"),
        Column("Study Description", "study_desc"),
        Column("Study Date", "study_date", T.ISO_DATE),
        Column("Series ID", "series_instance_uid"),
        Column("Series Description", "series_desc"),
        Column("Number of images", "image_count", T.INTEGER),
        Column("File Size (Bytes)", "file_size", T.INTEGER),
        Column("Collection Name", "collection"),
        Column("Modality", "modality"),
        Column("Manufacturer", "manufacturer"),
        Column("3rd Party Analysis", "third_party_analysis"),
        Column("Data Description URI", "description_uri"),
        Column("Series Number", "series_number", T.DECIMAL_TEXT),
        Column("License Name", "licence_name"),
        Column("License URL", "licence_url"),
        Column("Date Released", "date_released", T.ISO_DATE),
        Column("Series Date", "series_date", T.ISO_DATE),
        Column("Protocol Name", "protocol_name"),
        Column("Body Part Examined", "body_part_examined"),
        Column("Annotations Flag", "annotations_flag", T.BOOLEAN_TEXT),
        Column("Manufacturer Model Name", "manufacturer_model_name"),
        Column("Software Versions", "software_versions"),
        Column("TimeStamp", "max_submission_timestamp", T.ISO_DATE),
    ),
)

_STATE = Column("Visibility", "visibility", T.VISIBILITY, doc="state of the series")


def _with_state() -> tuple[Column, ...]:
    place = _COLUMNS.index(_BY_NAME["FileSize"]) + 1
    return (*_COLUMNS[:place], _STATE, *_COLUMNS[place:])


REVIEW = View(
    "review",
    (
        Column("SeriesInstanceUID", "series_instance_uid", doc="(0020,000E)"),
        _STATE,
        Column("ReleaseStatus", "released_status", doc="Yes or No"),
        Column("ReleaseDate", "date_released", T.TIMESTAMP),
        Column("ImageCount", "image_count", T.INTEGER, doc="number of instances"),
        Column("Doi", "description_uri", doc="DOI of the data"),
        Column("LicenseName", "licence_name"),
        Column("Site", "site"),
        Column("Project", "collection", doc="the collection"),
        Column("PatientID", "patient_id", doc="(0010,0020)"),
        Column("Modality", "modality", doc="(0008,0060)"),
        Column("StudyDescription", "study_desc", doc="(0008,1030)"),
        Column("SeriesDescription", "series_desc", doc="(0008,103E)"),
    ),
)
REVIEW_V4 = View("review-v4", _with_state())
