"""The DICOM attributes that the archive indexes: one attribute, one row.

From this table are derived: the columns of the catalogue, what the header scan reads, the values that a
series takes from its instances, the documentation and the tests. Source of the selection: NBIA data
model (API guide, field tables); names, tags and VRs: DICOM PS3.6 chapter 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["patient", "study", "series", "instance"]
Kind = Literal["text", "date", "integer", "decimal"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One indexed attribute.

    ``column`` is its name in the catalogue and everywhere in the code. ``length`` bounds text (characters;
    longer values are cut at ingest). ``required`` objects are refused without it. A series-, study- or
    patient-level value is the first one that is not empty, in the order of ingest. ``item`` names the
    attribute read inside the first item of a sequence; ``first`` takes the first of several values.
    """

    keyword: str
    tag: int
    vr: str
    level: Level
    column: str
    kind: Kind = "text"
    length: int = 64
    required: bool = False
    first: bool = False
    item: int | None = None
    unit: str = ""
    section: str = ""


ATTRIBUTES: tuple[Attribute, ...] = (
    # Patient (PS3.3 C.7.1.1)
    Attribute("PatientID", 0x00100020, "LO", "patient", "patient_id", required=True, section="C.7.1.1"),
    Attribute("PatientName", 0x00100010, "PN", "patient", "patient_name", length=250, section="C.7.1.1"),
    Attribute(
        "PatientBirthDate", 0x00100030, "DA", "patient", "patient_birth_date", "date", section="C.7.1.1"
    ),
    Attribute("PatientSex", 0x00100040, "CS", "patient", "patient_sex", length=16, section="C.7.1.1"),
    Attribute("EthnicGroup", 0x00102160, "SH", "patient", "ethnic_group", length=16, section="C.7.1.1"),
    Attribute(
        "PatientSpeciesDescription",
        0x00102201,
        "LO",
        "patient",
        "species_description",
        length=500,
        section="C.7.1.1",
    ),
    Attribute(
        "PatientSpeciesCodeSequence",
        0x00102202,
        "SQ",
        "patient",
        "species_code",
        item=0x00080100,
        section="C.7.1.1",
    ),
    Attribute(
        "QualityControlSubject", 0x00100200, "CS", "patient", "qc_subject", length=16, section="C.7.1.1"
    ),
    # Study (PS3.3 C.7.2)
    Attribute(
        "StudyInstanceUID", 0x0020000D, "UI", "study", "study_instance_uid", required=True, section="C.7.2.1"
    ),
    Attribute("StudyDate", 0x00080020, "DA", "study", "study_date", "date", section="C.7.2.1"),
    Attribute("StudyTime", 0x00080030, "TM", "study", "study_time", length=16, section="C.7.2.1"),
    Attribute("StudyDescription", 0x00081030, "LO", "study", "study_desc", section="C.7.2.1"),
    Attribute(
        "AdmittingDiagnosesDescription",
        0x00081080,
        "LO",
        "study",
        "admitting_diagnoses_desc",
        section="C.7.2.2",
    ),
    Attribute("StudyID", 0x00200010, "SH", "study", "study_id", length=16, section="C.7.2.1"),
    Attribute("PatientAge", 0x00101010, "AS", "study", "patient_age", length=4, section="C.7.2.2"),
    Attribute(
        "PatientSize", 0x00101020, "DS", "study", "patient_size", "decimal", unit="m", section="C.7.2.2"
    ),
    Attribute(
        "PatientWeight", 0x00101030, "DS", "study", "patient_weight", "decimal", unit="kg", section="C.7.2.2"
    ),
    Attribute("Occupation", 0x00102180, "SH", "study", "occupation", length=16, section="C.7.2.2"),
    Attribute(
        "AdditionalPatientHistory",
        0x001021B0,
        "LT",
        "study",
        "additional_patient_history",
        length=4000,
        section="C.7.2.2",
    ),
    Attribute(
        "LongitudinalTemporalEventType",
        0x00120053,
        "CS",
        "study",
        "longitudinal_event_type",
        length=16,
        section="C.7.2.3",
    ),
    Attribute(
        "LongitudinalTemporalOffsetFromEvent",
        0x00120052,
        "FD",
        "study",
        "longitudinal_offset",
        "decimal",
        unit="d",
        section="C.7.2.3",
    ),
    # Series (PS3.3 C.7.3) and equipment (C.7.5)
    Attribute(
        "SeriesInstanceUID",
        0x0020000E,
        "UI",
        "series",
        "series_instance_uid",
        required=True,
        section="C.7.3.1",
    ),
    Attribute(
        "Modality", 0x00080060, "CS", "series", "modality", length=16, required=True, section="C.7.3.1"
    ),
    Attribute("SeriesDate", 0x00080021, "DA", "series", "series_date", "date", section="C.7.3.1"),
    Attribute("SeriesDescription", 0x0008103E, "LO", "series", "series_desc", section="C.7.3.1"),
    Attribute("ProtocolName", 0x00181030, "LO", "series", "protocol_name", section="C.7.3.1"),
    Attribute(
        "BodyPartExamined", 0x00180015, "CS", "series", "body_part_examined", length=16, section="C.7.3.1"
    ),
    Attribute("SeriesNumber", 0x00200011, "IS", "series", "series_number", "decimal", section="C.7.3.1"),
    Attribute("Laterality", 0x00200060, "CS", "series", "series_laterality", length=16, section="C.7.3.1"),
    Attribute("FrameOfReferenceUID", 0x00200052, "UI", "series", "frame_of_reference_uid", section="C.7.4.1"),
    Attribute(
        "SynchronizationFrameOfReferenceUID",
        0x00200200,
        "UI",
        "series",
        "synchronization_frame_uid",
        section="C.7.4.2",
    ),
    Attribute("Manufacturer", 0x00080070, "LO", "series", "manufacturer", section="C.7.5.1"),
    Attribute(
        "ManufacturerModelName", 0x00081090, "LO", "series", "manufacturer_model_name", section="C.7.5.1"
    ),
    Attribute(
        "SoftwareVersions", 0x00181020, "LO", "series", "software_versions", length=500, section="C.7.5.1"
    ),
    Attribute("InstitutionName", 0x00080080, "LO", "series", "institution_name", section="C.7.5.1"),
    Attribute(
        "InstitutionAddress",
        0x00080081,
        "ST",
        "series",
        "institution_address",
        length=1024,
        section="C.7.5.1",
    ),
    Attribute("StationName", 0x00081010, "SH", "series", "station_name", length=16, section="C.7.5.1"),
    Attribute("DeviceSerialNumber", 0x00181000, "LO", "series", "device_serial_number", section="C.7.5.1"),
    # Instance (PS3.3 C.12.1 and image modules)
    Attribute(
        "SOPInstanceUID", 0x00080018, "UI", "instance", "sop_instance_uid", required=True, section="C.12.1"
    ),
    Attribute("SOPClassUID", 0x00080016, "UI", "instance", "sop_class_uid", section="C.12.1"),
    Attribute(
        "InstanceNumber", 0x00200013, "IS", "instance", "instance_number", "integer", section="C.7.6.1"
    ),
    Attribute(
        "AcquisitionNumber", 0x00200012, "IS", "instance", "acquisition_number", "integer", section="C.7.10.1"
    ),
    Attribute("ContentDate", 0x00080023, "DA", "instance", "content_date", "date", section="C.7.6.1"),
    Attribute("ContentTime", 0x00080033, "TM", "instance", "content_time", length=16, section="C.7.6.1"),
    Attribute(
        "AcquisitionDate", 0x00080022, "DA", "instance", "acquisition_date", "date", section="C.7.10.1"
    ),
    Attribute(
        "AcquisitionTime", 0x00080032, "TM", "instance", "acquisition_time", length=16, section="C.7.10.1"
    ),
    Attribute("ImageType", 0x00080008, "CS", "instance", "image_type", section="C.7.6.1"),
    Attribute("ContrastBolusAgent", 0x00180010, "LO", "instance", "contrast_bolus_agent", section="C.7.6.4"),
    Attribute("Rows", 0x00280010, "US", "instance", "image_rows", "integer", unit="px", section="C.7.6.3"),
    Attribute(
        "Columns", 0x00280011, "US", "instance", "image_columns", "integer", unit="px", section="C.7.6.3"
    ),
    Attribute(
        "NumberOfFrames", 0x00280008, "IS", "instance", "number_of_frames", "integer", section="C.7.6.6"
    ),
    Attribute(
        "PixelSpacing",
        0x00280030,
        "DS",
        "instance",
        "pixel_spacing",
        "decimal",
        first=True,
        unit="mm",
        section="C.7.6.2",
    ),
    Attribute(
        "SliceThickness",
        0x00180050,
        "DS",
        "instance",
        "slice_thickness",
        "decimal",
        unit="mm",
        section="C.7.6.2",
    ),
    Attribute(
        "SliceLocation",
        0x00201041,
        "DS",
        "instance",
        "slice_location",
        "decimal",
        unit="mm",
        section="C.7.6.2",
    ),
    Attribute(
        "ImagePositionPatient", 0x00200032, "DS", "instance", "image_position", unit="mm", section="C.7.6.2"
    ),
    Attribute(
        "ImageOrientationPatient",
        0x00200037,
        "DS",
        "instance",
        "image_orientation",
        length=128,
        section="C.7.6.2",
    ),
)

BY_COLUMN: dict[str, Attribute] = {attribute.column: attribute for attribute in ATTRIBUTES}
BY_TAG: dict[int, Attribute] = {attribute.tag: attribute for attribute in ATTRIBUTES}

SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

# What a private block of group 0013 creator "CTP" says about where an object belongs (NBIA data model).
CTP_COLLECTION = 0x00131010
CTP_SITE = 0x00131012


def at_level(level: Level) -> tuple[Attribute, ...]:
    """Return the attributes of one level, in table order."""
    return tuple(attribute for attribute in ATTRIBUTES if attribute.level == level)
