"""Every column list of the API, declared once.

A :class:`Column` maps a name on the wire to a *source*: a field of the records in
:mod:`filmroom.model.entities` or of a catalogue row. The order of columns is the order of JSON keys, CSV
cells and XML elements. The lists of v1 and v4 are the same rows: one table, in which a row says in which
lists it stands; v4 writes dates as ``MM-dd-yyyy`` where v1 writes timestamps.

Source: NBIA API guides and recorded answers of the public service.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from filmroom.wire.cells import CellType as T


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name on the wire, where its value comes from, how it is written.

    ``default`` is written where the value is NULL; for a constant it is the value. ``java`` names the
    Java class in XML where it is not the type's own. ``items``: the value is a list of rows, written as
    objects of that view (JSON only).
    """

    name: str
    source: str
    type: T = T.TEXT
    default: str | int | None = None
    doc: str = ""
    java: str = ""
    items: View | None = None

    @property
    def java_class(self) -> str:
        return self.java or self.type.form.java


@dataclass(frozen=True, slots=True)
class View:
    """A list of columns. ``single``: one of the value lists, whose CSV is not quoted.

    ``nulls``: JSON has every key, ``null`` where there is no value (NBIA's object family).
    """

    name: str
    columns: tuple[Column, ...]
    single: bool = False
    nulls: bool = False


_BIG_INTEGER = "java.math.BigInteger"
BIG_DECIMAL = "java.math.BigDecimal"
_LONG = "java.lang.Long"

AUTHORIZED = Column("Authorized", "", T.CONSTANT, 1, "always 1: only authorised rows are listed")


def _as_v4(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return columns as v4 writes them: dates for timestamps, flags as text, ``Authorized`` at the end."""
    changed = {T.TIMESTAMP: T.US_DATE, T.BOOLEAN: T.BOOLEAN_TEXT}
    return (*(replace(column, type=changed.get(column.type, column.type)) for column in columns), AUTHORIZED)


def _without(columns: Iterable[Column], *names: str) -> tuple[Column, ...]:
    return tuple(column for column in columns if column.name not in names)


_PATIENT = (
    Column("PatientId", "patient_id", doc="(0010,0020)"),
    Column("PatientName", "patient_name", doc="(0010,0010)"),
    Column("PatientBirthDate", "patient_birth_date", T.TIMESTAMP, doc="(0010,0030)"),
    Column("PatientSex", "patient_sex", doc="(0010,0040)"),
    Column("EthnicGroup", "ethnic_group", doc="(0010,2160)"),
    Column("Collection", "collection"),
    Column("Phantom", "phantom", default="NO", doc="(0010,0200): YES for a phantom"),
    Column("SpeciesCode", "species_code", default="337915000", doc="(0010,2202), SNOMED CT"),
    Column("SpeciesDescription", "species_description", default="Homo sapiens", doc="(0010,2201)"),
)

_STUDY = (
    Column("StudyInstanceUID", "study_instance_uid", doc="(0020,000D)"),
    Column("StudyDate", "study_date", T.TIMESTAMP, doc="(0008,0020)"),
    Column("StudyDescription", "study_desc", doc="(0008,1030)"),
    Column("AdmittingDiagnosesDescription", "admitting_diagnoses_desc", doc="(0008,1080)"),
    Column("StudyID", "study_id", doc="(0020,0010)"),
    Column("PatientAge", "patient_age", doc="(0010,1010)"),
    Column("PatientID", "patient_id", doc="(0010,0020)"),
    Column("PatientName", "patient_name", doc="(0010,0010)"),
    Column("PatientBirthDate", "patient_birth_date", T.TIMESTAMP, doc="(0010,0030)"),
    Column("PatientSex", "patient_sex", doc="(0010,0040)"),
    Column("EthnicGroup", "ethnic_group", doc="(0010,2160)"),
    Column("Collection", "collection"),
    Column("SeriesCount", "series_count", T.INTEGER, doc="number of visible series", java=_BIG_INTEGER),
    Column("LongitudinalTemporalEventType", "longitudinal_event_type", doc="(0012,0053)"),
    Column("LongitudinalTemporalOffsetFromEvent", "longitudinal_offset", T.DOUBLE, doc="(0012,0052), days"),
)

_V1, _V4, _BRIEF = 1, 2, 4  # the three lists of series columns, as bits
_ALL = _V1 | _V4 | _BRIEF

_SERIES: tuple[tuple[int, Column], ...] = (
    (_ALL, Column("SeriesInstanceUID", "series_instance_uid", doc="(0020,000E)")),
    (_ALL, Column("StudyInstanceUID", "study_instance_uid", doc="(0020,000D)")),
    (_ALL, Column("Modality", "modality", doc="(0008,0060)")),
    (_ALL, Column("ProtocolName", "protocol_name", doc="(0018,1030)")),
    (_ALL, Column("SeriesDate", "series_date", T.TIMESTAMP, doc="(0008,0021)")),
    (_ALL, Column("SeriesDescription", "series_desc", doc="(0008,103E)")),
    (_ALL, Column("BodyPartExamined", "body_part_examined", doc="(0018,0015)")),
    (_ALL, Column("SeriesNumber", "series_number", T.DECIMAL, doc="(0020,0011)")),
    (_ALL, Column("AnnotationsFlag", "annotations_flag", T.BOOLEAN)),
    (_ALL, Column("Collection", "collection")),
    (_V4, Column("Site", "site")),
    (_ALL, Column("PatientID", "patient_id", doc="(0010,0020)")),
    (_V4, Column("PatientSex", "patient_sex", doc="(0010,0040)")),
    (_V4, Column("PatientAge", "patient_age", doc="(0010,1010)")),
    (_V4, Column("AdmittingDiagnosisDescription", "admitting_diagnoses_desc", doc="(0008,1080)")),
    (_ALL, Column("Manufacturer", "manufacturer", doc="(0008,0070)")),
    (_ALL, Column("ManufacturerModelName", "manufacturer_model_name", doc="(0008,1090)")),
    (_ALL, Column("SoftwareVersions", "software_versions", doc="(0018,1020)")),
    (_ALL, Column("ImageCount", "image_count", T.INTEGER, doc="number of instances")),
    (_V1, Column("TimeStamp", "max_submission_timestamp", T.TIMESTAMP, doc="last submission")),
    (_V4, Column("MaxSubmissionTimestamp", "max_submission_timestamp", T.TIMESTAMP, doc="last submission")),
    (_V1 | _V4, Column("LicenseName", "licence_name")),
    (_V1 | _V4, Column("LicenseURI", "licence_url")),
    (_V1, Column("CollectionURI", "description_uri", doc="DOI of the data")),
    (_V4, Column("DataDescriptionURI", "description_uri", doc="DOI of the data")),
    (_V1 | _V4, Column("FileSize", "file_size", T.INTEGER, doc="bytes of the series", java=_LONG)),
    (_V4, Column("ReleasedStatus", "released_status", doc="Yes or No")),
    (_ALL, Column("DateReleased", "date_released", T.TIMESTAMP)),
    (_V1 | _V4, Column("StudyDesc", "study_desc", doc="(0008,1030)")),
    (_V1 | _V4, Column("StudyDate", "study_date", T.TIMESTAMP, doc="(0008,0020)")),
    (_V1 | _V4, Column("ThirdPartyAnalysis", "third_party_analysis", doc="YES or NO")),
)

_METADATA = (
    Column("Series UID", "series_instance_uid"),
    Column("Collection", "collection"),
    Column("3rd Party Analysis", "third_party_analysis"),
    Column("Data Description URI", "description_uri"),
    Column("Subject ID", "patient_id"),
    Column("Study UID", "study_instance_uid"),
    Column("Study Description", "study_desc", T.CLEANED),
    Column("Study Date", "study_date", T.US_DATE),
    Column("Series Description", "series_desc", T.CLEANED),
    Column("Manufacturer", "manufacturer", T.NO_COMMAS),
    Column("Modality", "modality"),
    Column("SOP Class UID", "sop_class_uid"),
    Column("Number of Images", "image_count", T.INTEGER_TEXT),
    Column("File Size", "file_size", T.INTEGER_TEXT, doc="bytes"),
    Column("File Location", "study_id", doc="the Study ID, as in NBIA; never a path"),
    Column("Series Number", "series_number", T.DECIMAL_TEXT),
    Column("License Name", "licence_name"),
    Column("License URL", "licence_url"),
    Column("Annotation Size", "annotation_size", T.INTEGER_TEXT, default="0", doc="bytes"),
    Column("Date Released", "date_released", T.JAVA_DATE),
    Column("Series Date", "series_date", T.JAVA_DATE),
    Column("Protocol Name", "protocol_name"),
    Column("Body Part Examined", "body_part_examined"),
    Column("Annotations Flag", "annotations_flag", T.BOOLEAN_TEXT),
    Column("Manufacturer Model Name", "manufacturer_model_name"),
    Column("Software Versions", "software_versions"),
    Column("TimeStamp", "max_submission_timestamp", T.JAVA_DATE),
)


def _series(which: int) -> tuple[Column, ...]:
    return tuple(column for lists, column in _SERIES if lists & which)


COLLECTION_VALUES = View("collection-values", (Column("Collection", "collection"),), single=True)
MODALITY_VALUES = View("modality-values", (Column("Modality", "modality"),), single=True)
BODY_PART_VALUES = View(
    "body-part-values", (Column("BodyPartExamined", "body_part_examined", T.UPPERCASE),), single=True
)
MANUFACTURER_VALUES_V1 = View(
    "manufacturer-values-v1", (Column("Manufacturer", "manufacturer"),), single=True
)
MANUFACTURER_VALUES_V4 = View(
    "manufacturer-values-v4", (Column("Manufacturer", "manufacturer", T.UPPERCASE),), single=True
)
PATIENTS_V1 = View("patients-v1", _PATIENT)
PATIENTS_V4 = View("patients-v4", _as_v4(_without(_PATIENT, "PatientBirthDate")))
PATIENT_IDS_V1 = View("patient-ids-v1", _PATIENT[:1])
PATIENT_IDS_V4 = View("patient-ids-v4", _as_v4(_PATIENT[:1]))
STUDIES_V1 = View("studies-v1", _STUDY)
STUDIES_V4 = View("studies-v4", _as_v4(_without(_STUDY, "PatientBirthDate")))
SERIES_V1 = View("series-v1", _series(_V1))
SERIES_V4 = View("series-v4", _as_v4(_series(_V4)))
SERIES_BRIEF = View("series-brief", _series(_BRIEF))
SERIES_SIZE = View(
    "series-size",
    (
        Column("TotalSizeInBytes", "file_size", T.INTEGER, java=BIG_DECIMAL),
        Column("ObjectCount", "image_count", T.INTEGER, java=_BIG_INTEGER),
    ),
)
SOP_INSTANCE_UIDS = View(
    "sop-instance-uids", (Column("SOPInstanceUID", "sop_instance_uid", doc="(0008,0018)"),), single=True
)
SERIES_METADATA = View("series-metadata", _METADATA)
DENIED_SERIES = View("denied-series", (Column("SeriesInstanceUID", "series_instance_uid"),), single=True)

VIEWS: tuple[View, ...] = (
    COLLECTION_VALUES,
    MODALITY_VALUES,
    BODY_PART_VALUES,
    MANUFACTURER_VALUES_V1,
    MANUFACTURER_VALUES_V4,
    PATIENTS_V1,
    PATIENTS_V4,
    PATIENT_IDS_V1,
    PATIENT_IDS_V4,
    STUDIES_V1,
    STUDIES_V4,
    SERIES_V1,
    SERIES_V4,
    SERIES_BRIEF,
    SERIES_SIZE,
    SOP_INSTANCE_UIDS,
    SERIES_METADATA,
    DENIED_SERIES,
)
