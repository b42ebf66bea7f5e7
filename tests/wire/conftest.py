"""The column lists as the NBIA API guides print them, typed out, not derived from our tables."""

import datetime as dt
from typing import Any

import pytest

COLUMNS: dict[str, str] = {
    "v1/getCollectionValues": "Collection",
    "v1/getModalityValues": "Modality",
    "v1/getBodyPartValues": "BodyPartExamined",
    "v1/getManufacturerValues": "Manufacturer",
    "v1/getPatient": (
        "PatientId|PatientName|PatientBirthDate|PatientSex|EthnicGroup|Collection|Phantom|"
        "SpeciesCode|SpeciesDescription"
    ),
    "v1/getPatientByCollectionAndModality": "PatientId",
    "v1/NewPatientsInCollection": (
        "PatientId|PatientName|PatientBirthDate|PatientSex|EthnicGroup|Collection|Phantom|"
        "SpeciesCode|SpeciesDescription"
    ),
    "v1/getPatientStudy": (
        "StudyInstanceUID|StudyDate|StudyDescription|AdmittingDiagnosesDescription|StudyID|"
        "PatientAge|PatientID|PatientName|PatientBirthDate|PatientSex|EthnicGroup|Collection|"
        "SeriesCount|LongitudinalTemporalEventType|LongitudinalTemporalOffsetFromEvent"
    ),
    "v1/NewStudiesInPatientCollection": (
        "StudyInstanceUID|StudyDate|StudyDescription|AdmittingDiagnosesDescription|StudyID|"
        "PatientAge|PatientID|PatientName|PatientBirthDate|PatientSex|EthnicGroup|Collection|"
        "SeriesCount|LongitudinalTemporalEventType|LongitudinalTemporalOffsetFromEvent"
    ),
    "v1/getSeries": (
        "SeriesInstanceUID|StudyInstanceUID|Modality|ProtocolName|SeriesDate|SeriesDescription|"
        "BodyPartExamined|SeriesNumber|AnnotationsFlag|Collection|PatientID|Manufacturer|"
        "ManufacturerModelName|SoftwareVersions|ImageCount|TimeStamp|LicenseName|LicenseURI|"
        "CollectionURI|FileSize|DateReleased|StudyDesc|StudyDate|ThirdPartyAnalysis"
    ),
    "v1/getUpdatedSeries": (
        "SeriesInstanceUID|StudyInstanceUID|Modality|ProtocolName|SeriesDate|SeriesDescription|"
        "BodyPartExamined|SeriesNumber|AnnotationsFlag|Collection|PatientID|Manufacturer|"
        "ManufacturerModelName|SoftwareVersions|ImageCount|DateReleased"
    ),
    "v1/getSeriesSize": "TotalSizeInBytes|ObjectCount",
    "v1/getSOPInstanceUIDs": "SOPInstanceUID",
    "v1/getSeriesMetaData": (
        "Series UID|Collection|3rd Party Analysis|Data Description URI|Subject ID|Study UID|"
        "Study Description|Study Date|Series Description|Manufacturer|Modality|SOP Class UID|"
        "Number of Images|File Size|File Location|Series Number|License Name|License URL|"
        "Annotation Size|Date Released|Series Date|Protocol Name|Body Part Examined|"
        "Annotations Flag|Manufacturer Model Name|Software Versions|TimeStamp"
    ),
    "v4/getCollectionValues": "Collection",
    "v4/getModalityValues": "Modality",
    "v4/getBodyPartValues": "BodyPartExamined",
    "v4/getManufacturerValues": "Manufacturer",
    "v4/getPatient": (
        "PatientId|PatientName|PatientSex|EthnicGroup|Collection|Phantom|SpeciesCode|"
        "SpeciesDescription|Authorized"
    ),
    "v4/getPatientByCollectionAndModality": "PatientId|Authorized",
    "v4/NewPatientsInCollection": (
        "PatientId|PatientName|PatientSex|EthnicGroup|Collection|Phantom|SpeciesCode|"
        "SpeciesDescription|Authorized"
    ),
    "v4/getPatientStudy": (
        "StudyInstanceUID|StudyDate|StudyDescription|AdmittingDiagnosesDescription|StudyID|"
        "PatientAge|PatientID|PatientName|PatientSex|EthnicGroup|Collection|SeriesCount|"
        "LongitudinalTemporalEventType|LongitudinalTemporalOffsetFromEvent|Authorized"
    ),
    "v4/NewStudiesInPatientCollection": (
        "StudyInstanceUID|StudyDate|StudyDescription|AdmittingDiagnosesDescription|StudyID|"
        "PatientAge|PatientID|PatientName|PatientSex|EthnicGroup|Collection|SeriesCount|"
        "LongitudinalTemporalEventType|LongitudinalTemporalOffsetFromEvent|Authorized"
    ),
    "v4/getSeries": (
        "SeriesInstanceUID|StudyInstanceUID|Modality|ProtocolName|SeriesDate|SeriesDescription|"
        "BodyPartExamined|SeriesNumber|AnnotationsFlag|Collection|Site|PatientID|PatientSex|"
        "PatientAge|AdmittingDiagnosisDescription|Manufacturer|ManufacturerModelName|"
        "SoftwareVersions|ImageCount|MaxSubmissionTimestamp|LicenseName|LicenseURI|"
        "DataDescriptionURI|FileSize|ReleasedStatus|DateReleased|StudyDesc|StudyDate|"
        "ThirdPartyAnalysis|Authorized"
    ),
    "v4/getUpdatedSeries": (
        "SeriesInstanceUID|StudyInstanceUID|Modality|ProtocolName|SeriesDate|SeriesDescription|"
        "BodyPartExamined|SeriesNumber|AnnotationsFlag|Collection|Site|PatientID|PatientSex|"
        "PatientAge|AdmittingDiagnosisDescription|Manufacturer|ManufacturerModelName|"
        "SoftwareVersions|ImageCount|MaxSubmissionTimestamp|LicenseName|LicenseURI|"
        "DataDescriptionURI|FileSize|ReleasedStatus|DateReleased|StudyDesc|StudyDate|"
        "ThirdPartyAnalysis|Authorized"
    ),
    "v4/getSeriesSize": "TotalSizeInBytes|ObjectCount",
    "v4/getSOPInstanceUIDs": "SOPInstanceUID",
}


COLUMNS |= {
    **dict.fromkeys(
        (
            "getCollectionValuesAndCounts",
            "getModalityValuesAndCounts",
            "getBodyPartValuesAndCounts",
            "getManufacturerValuesAndCounts",
            "getSpeciesValuesAndCounts",
        ),
        "criteria|count",
    ),
    "getCollectionDescriptions": (
        "description|id|collectionDescTimestamp|collectionName|userName|licenseId|descriptionURI"
    ),
    "v4/getCollectionDescriptions": "description|id|collectionName|descriptionURI",
    "getCollectionOrSeriesForDOI": "collection|seriesInstanceUID|thirdPartyAnanlysis",
    "v4/getCollectionOrSeriesForDOI": "collection|seriesInstanceUID|thirdPartyAnanlysis|authorized",
    "getLicenses": "longName|id|shortName|licenseURL|licenseText|commercialUse",
    "getSpeciesTax": "speciesCode|speciesDescription",
    "v4/getSpeciesTax": "speciesCode|speciesDescription",
    "v4/getCollectionValuesAndCounts": "Collection|Count|Authorized",
    "v4/getModalityValuesAndCounts": "Modality|Count|Authorized",
    "v4/getBodyPartValuesAndCounts": "BodyPart|Count|Authorized",
    "v4/getManufacturerValuesAndCounts": "Manufacturer|Count|Authorized",
    "v4/getSpeciesValuesAndCounts": "Species|Count|Authorized",
    "v4/getSeriesMetadata": (
        "PatientID|PatientName|PatientSex|EthnicGroup|Phantom|SpeciesCode|SpeciesDescription|"
        "StudyInstanceUID|StudyDate|StudyDesc|AdmittingDiagnosisDescription|StudyID|PatientAge|"
        "LongitudinalTemporalEventType|LongitudinalTemporalOffsetFromEvent|SeriesInstanceUID|Collection|"
        "Site|Modality|ProtocolName|SeriesDate|SeriesDescription|BodyPartExamined|SeriesNumber|"
        "AnnotationsFlag|Manufacturer|ManufacturerModelName|PixelSpacing(mm)-Row|SliceThickness(mm)|"
        "SoftwareVersions|ImageCount|MaxSubmissionTimestamp|LicenseName|LicenseURI|DataDescriptionURI|"
        "FileSize|ReleasedStatus|DateReleased|ThirdPartyAnalysis|Authorized"
    ),
    "v4/getSeriesMetadataCombined": (
        "Patient ID|Patient Name|Patient Sex|Ethnic Group|Phantom|Species Code|Species Description|"
        "Study Instance UID|Study Date|Study Description|Admitting Diagnosis Description|Study ID|"
        "Patient Age|Longitudinal Temporal Event Type|Longitudinal Temporal Offset From Event|"
        "Series Instance UID|Collection|Modality|Protocol Name|Series Date|Series Description|"
        "Body Part Examined|Series Number|Annotations Flag|Manufacturer|Manufacturer Model Name|"
        "Software Versions|Image Count|Max Submission Timestamp|License Name|License URI|"
        "Data Description URI|File Size|Date Released|Third Party Analysis"
    ),
    "getSeriesMetadata2": (
        "Subject ID|Study UID|Study Description|Study Date|Series ID|Series Description|"
        "Number of images|File Size (Bytes)|Collection Name|Modality|Manufacturer|3rd Party Analysis|"
        "Data Description URI|Series Number|License Name|License URL|Date Released|Series Date|"
        "Protocol Name|Body Part Examined|Annotations Flag|Manufacturer Model Name|Software Versions|"
        "TimeStamp"
    ),
    "getSeriesMetadata3": (
        "Patient ID|Patient Name|Patient Birth Date|Patient Sex|Ethnic Group|Phantom|Species Code|"
        "Species Description|Study Instance UID|Study Date|Study Description|"
        "Admitting Diagnosis Description|Study ID|Patient Age|Longitudinal Temporal Event Type|"
        "Longitudinal Temporal Offset From Event|Series Instance UID|Project|Modality|Protocol Name|"
        "Series Date|Series Description|Body Part Examined|Series Number|Annotations Flag|Manufacturer|"
        "Manufacturer Model Name|Pixel Spacing(mm)- Row|Slice Thickness(mm)|Software Versions|"
        "Image Count|Max Submission Timestamp|License Name|License URI|Collection URI|File Size|"
        "Date Released|Third Party Analysis"
    ),
}

# Version 2 has the columns of version 1.
COLUMNS |= {
    f"v2/{name.removeprefix('v1/')}": names for name, names in COLUMNS.items() if name.startswith("v1/")
}
# Before 2022: some columns of version 1.
COLUMNS |= {
    f"legacy/{name}": COLUMNS[f"v1/{name}"]
    for name in (
        "getCollectionValues",
        "getModalityValues",
        "getBodyPartValues",
        "getManufacturerValues",
        "getSeriesSize",
        "getSOPInstanceUIDs",
    )
}
COLUMNS |= {
    "legacy/getPatient": "PatientID|PatientName|PatientBirthDate|PatientSex|EthnicGroup|Collection",
    "legacy/PatientsByModality": "PatientID",
    "legacy/NewPatientsInCollection": "PatientID",
    "legacy/NewStudiesInPatientCollection": "StudyInstanceUID",
    "legacy/getPatientStudy": (
        "StudyInstanceUID|StudyDate|StudyDescription|AdmittingDiagnosesDescription|StudyID|PatientAge|"
        "PatientID|PatientName|PatientBirthDate|PatientSex|EthnicGroup|Collection|SeriesCount"
    ),
    "legacy/getSeries": (
        "SeriesInstanceUID|StudyInstanceUID|Modality|ProtocolName|SeriesDate|SeriesDescription|"
        "BodyPartExamined|SeriesNumber|AnnotationsFlag|Collection|PatientID|Manufacturer|"
        "ManufacturerModelName|SoftwareVersions|ImageCount"
    ),
}
COLUMNS |= dict.fromkeys(("v1/getDeniedSeries", "v4/getDeniedSeries"), "SeriesInstanceUID")


_STUDIES = "studyId|date|description|id|study_id|excludeCommercial|seriesList"
_IMAGES = (
    "imagePkId|contentDate|contentTime|seriesPkId|instanceNumber|sopInstanceUid|seriesInstanceUid|"
    "studyInstanceUid|size|fileURI|project|siteName|frameNum|acquisitionNumber"
)
_CONTENTS = COLUMNS["v1/getUpdatedSeries"].replace("DateReleased", "Date Released")
COLUMNS |= {
    **dict.fromkeys(
        (
            f"{version}{name}"
            for version in ("", "v4/")
            for name in ("getStudyDrillDown", "getStudyDrillDownWithSeriesIds", "getCartData")
        ),
        _STUDIES,
    ),
    "getImageDrillDown": _IMAGES,
    "v4/getImageDrillDown": _IMAGES,
    "v1/getContentsByName": _CONTENTS,
    "v2/getContentsByName": _CONTENTS,
    "legacy/ContentsByName": _CONTENTS,
    "v2/getSeriesQCInfo": (
        "SeriesInstanceUID|Visibility|ReleaseStatus|ReleaseDate|ImageCount|Doi|LicenseName|Site|Project|"
        "PatientID|Modality|StudyDescription|SeriesDescription"
    ),
    "v4/getSeriesQCInfo": COLUMNS["v4/getSeriesMetadata"].replace("FileSize|", "FileSize|Visibility|"),
    "v1/getKeycloakParams": "paramName|paramValue",
}


@pytest.fixture
def expected_columns() -> dict[str, list[str]]:
    """Columns of each tabular operation, by ``version/name``."""
    return {operation: names.split("|") for operation, names in COLUMNS.items()}


@pytest.fixture
def series_row() -> dict[str, Any]:
    """A series with every value set, as the catalogue gives it."""
    return {
        "series_instance_uid": "1.2.3",
        "study_instance_uid": "1.2",
        "modality": "CT",
        "protocol_name": "Thorax, routine",
        "series_date": dt.date(2006, 9, 7),
        "series_desc": 'He said "5/8", & <left>',
        "body_part_examined": "Chest",
        "series_number": 3.0,
        "annotations_flag": False,
        "collection": "C-1",
        "site": "S-1",
        "patient_id": "P1",
        "patient_sex": "F",
        "patient_age": "061Y",
        "admitting_diagnoses_desc": "Größe µ",
        "manufacturer": "ACME, Inc.",
        "manufacturer_model_name": "M/16",
        "software_versions": "1.0",
        "image_count": 2,
        "max_submission_timestamp": dt.datetime(2024, 1, 31, 12, 5, 9, 250_000),
        "licence_name": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "description_uri": "https://doi.org/10.7937/K9%2FTCIA",
        "file_size": 5_000_000_000,
        "released_status": "Yes",
        "date_released": dt.datetime(2024, 2, 1),
        "study_desc": "Study, one",
        "study_date": dt.date(2006, 9, 6),
        "third_party_analysis": "NO",
        "study_id": "77",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "annotation_size": 0,
    }
