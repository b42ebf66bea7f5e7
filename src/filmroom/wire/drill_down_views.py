"""The objects of the drill-down: studies with their series, and images. Source: NBIA API guides."""

from __future__ import annotations

from filmroom.wire.cells import CellType as T
from filmroom.wire.views import Column, View

DRILLED_SERIES = View(
    "drilled-series",
    (
        Column("seriesNumber", "series_number", T.DECIMAL_TEXT, doc="(0020,0011)"),
        Column("seriesUID", "series_instance_uid", doc="(0020,000E)"),
        Column("numberImages", "image_count", T.INTEGER),
        Column("modality", "modality", doc="(0008,0060)"),
        Column("manufacturer", "manufacturer", doc="(0008,0070)"),
        Column("annotationsFlag", "annotations_flag", T.BOOLEAN),
        Column("annotationsSize", "annotation_size", T.INTEGER, doc="bytes"),
        Column("patientId", "patient_id", doc="(0010,0020)"),
        Column("patientPkId", "patient_key", T.INTEGER_TEXT, doc="internal"),
        Column("studyId", "study_instance_uid", doc="(0020,000D)"),
        Column("studyPkId", "study_key", T.INTEGER, doc="internal"),
        Column("totalSizeForAllImagesInSeries", "file_size", T.INTEGER, doc="bytes"),
        Column("project", "collection", doc="the collection"),
        Column("description", "series_desc", doc="(0008,103E)"),
        Column("dataProvenanceSiteName", "site", doc="the site"),
        Column("manufacturerModelName", "manufacturer_model_name", doc="(0008,1090)"),
        Column("softwareVersion", "software_versions", doc="(0018,1020)"),
        Column("maxFrameCount", "frames", T.INTEGER_TEXT, default="0", doc="largest (0028,0008)"),
        Column("studyDate", "study_date", T.EPOCH, doc="(0008,0020)"),
        Column("dateReleased", "date_released", T.EPOCH),
        Column("seriesDate", "series_date", T.EPOCH, doc="(0008,0021)"),
        Column("protocolName", "protocol_name", doc="(0018,1030)"),
        Column("softwareVersions", "software_versions", doc="(0018,1020)"),
        Column("maxSubmissionTimestamp", "max_submission_timestamp", T.EPOCH, doc="last submission"),
        Column("studyDesc", "study_desc", doc="(0008,1030)"),
        Column("bodyPartExamined", "body_part_examined", doc="(0018,0015)"),
        Column("study_id", "study_id", doc="(0020,0010)"),
        Column("thirdPartyAnalysis", "third_party_analysis", doc="YES or NO"),
        Column("descriptionURI", "description_uri", doc="DOI of the data"),
        Column("sopClassUID", "sop_class_uid", doc="(0008,0016) of the first instance"),
        Column("licenseName", "licence_name"),
        Column("licenseUrl", "licence_url"),
        Column("commercialRestrictions", "exclude_commercial", T.BOOLEAN),
        Column("studyDateString", "study_date", T.US_DATE),
        Column("dateReleasedString", "date_released", T.US_DATE),
        Column("seriesDateString", "series_date", T.US_DATE),
        Column("maxSubmissionTimestampString", "max_submission_timestamp", T.US_DATE),
        Column("seriesId", "series_instance_uid", doc="(0020,000E)"),
        Column("seriesPkId", "series_key", T.INTEGER, doc="internal"),
        Column("exactSize", "exact_size", T.INTEGER, doc="bytes with annotations"),
    ),
    nulls=True,
)

DRILLED_STUDIES = View(
    "drilled-studies",
    (
        Column("studyId", "study_instance_uid", doc="(0020,000D)"),
        Column("date", "study_date", T.US_DATE, doc="(0008,0020)"),
        Column("description", "study_desc", doc="(0008,1030)"),
        Column("id", "study_key", T.INTEGER, doc="internal"),
        Column("study_id", "study_id", doc="(0020,0010)"),
        Column("excludeCommercial", "excluded", doc="YES where a series may not be used commercially"),
        Column("seriesList", "series", items=DRILLED_SERIES),
    ),
    nulls=True,
)

DRILLED_IMAGES = View(
    "drilled-images",
    (
        Column("imagePkId", "instance_key", T.INTEGER, doc="internal"),
        Column("contentDate", "content_date", T.US_DATE, doc="(0008,0023)"),
        Column("contentTime", "content_time", doc="(0008,0033)"),
        Column("seriesPkId", "series_key", T.INTEGER, doc="internal"),
        Column("instanceNumber", "instance_number", T.INTEGER, doc="(0020,0013)"),
        Column("sopInstanceUid", "sop_instance_uid", doc="(0008,0018)"),
        Column("seriesInstanceUid", "series_instance_uid", doc="(0020,000E)"),
        Column("studyInstanceUid", "study_instance_uid", doc="(0020,000D)"),
        Column("size", "size", T.INTEGER, doc="bytes"),
        Column("fileURI", "", T.CONSTANT, "", "always empty: where a file lies is nobody's business"),
        Column("project", "collection", doc="the collection"),
        Column("siteName", "site"),
        Column("frameNum", "number_of_frames", T.INTEGER, default=0, doc="(0028,0008)"),
        Column("acquisitionNumber", "acquisition_number", T.INTEGER, doc="(0020,0012)"),
    ),
    nulls=True,
)
