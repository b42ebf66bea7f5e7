"""A series with its parents: the tables joined and the columns that lists of series show."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from filmroom.catalog.schema import collection, instance, patient, series, site, study, uid_term

SERIES_FROM = (
    series.join(study, study.c.id == series.c.study_key)
    .join(patient, patient.c.id == series.c.patient_key)
    .join(site, site.c.id == series.c.site_id)
    .join(collection, collection.c.id == site.c.collection_id)
)

Columns = tuple[sa.ColumnElement[Any], ...]

OWN_COLUMNS: Columns = (
    series.c.series_instance_uid,
    series.c.modality,
    series.c.protocol_name,
    series.c.series_date,
    series.c.series_desc,
    series.c.body_part_examined,
    series.c.series_number,
    series.c.annotations_flag,
    series.c.manufacturer,
    series.c.manufacturer_model_name,
    series.c.software_versions,
    series.c.image_count,
    series.c.max_submission_timestamp,
    series.c.licence_name,
    series.c.licence_url,
    series.c.description_uri,
    series.c.file_size,
    series.c.released_status,
    series.c.date_released,
    series.c.third_party_analysis,
    series.c.exclude_commercial,
)
STUDY_COLUMNS: Columns = (
    study.c.study_instance_uid,
    study.c.patient_age,
    study.c.admitting_diagnoses_desc,
    study.c.study_desc,
    study.c.study_date,
    study.c.study_id,
)
PATIENT_COLUMNS: Columns = (patient.c.patient_id, patient.c.patient_sex)
PLACE_COLUMNS: Columns = (collection.c.name.label("collection"), site.c.name.label("site"))

SERIES_COLUMNS: Columns = (*OWN_COLUMNS, *STUDY_COLUMNS, *PATIENT_COLUMNS, *PLACE_COLUMNS)


def first_sop_class() -> sa.ScalarSelect[str]:
    """Return the column of the SOP class of a series' first instance."""
    return (
        sa.select(uid_term.c.uid)
        .select_from(instance.join(uid_term, uid_term.c.id == instance.c.sop_class_term))
        .where(instance.c.series_key == series.c.id)
        .order_by(instance.c.id)
        .limit(1)
        .correlate(series)
        .scalar_subquery()
    )
