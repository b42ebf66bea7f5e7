"""Questions to rows: every statement starts from the VisibleSet, and no transaction outlives a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.facets import value_statement
from filmroom.catalog.schema import collection, instance, patient, series, site, study, uid_term
from filmroom.catalog.visible import visible_series
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet
from filmroom.model.naming import uid_digest

Row = dict[str, Any]

_FIRST_PAGE = 200
_PAGE = 5_000


def _same_text(column: sa.ColumnElement[Any], value: str) -> sa.ColumnElement[bool]:
    return sa.func.upper(column) == sa.func.upper(value)


def _in_collection(value: str) -> sa.ColumnElement[bool]:
    """Condition on ``series``: resolved through the few sites, so that the index on the site is used."""
    sites = (
        sa.select(site.c.id).select_from(site.join(collection)).where(_same_text(collection.c.name, value))
    )
    return series.c.site_id.in_(sites)


def _released(query: q.FindPatients | q.FindStudies | q.FindSeries) -> list[sa.ColumnElement[bool]]:
    conditions = []
    if query.released_after is not None:
        # "After the day" in NBIA compares a timestamp with the day's midnight.
        conditions.append(series.c.date_released > _midnight(query.released_after))
    since = getattr(query, "released_since", None)
    if since is not None:
        conditions.append(series.c.date_released >= _midnight(since))
    return conditions


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


_SERIES_FROM = (
    series.join(study, study.c.id == series.c.study_key)
    .join(patient, patient.c.id == series.c.patient_key)
    .join(site, site.c.id == series.c.site_id)
    .join(collection, collection.c.id == site.c.collection_id)
)

_SERIES_COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    series.c.series_instance_uid,
    study.c.study_instance_uid,
    series.c.modality,
    series.c.protocol_name,
    series.c.series_date,
    series.c.series_desc,
    series.c.body_part_examined,
    series.c.series_number,
    series.c.annotations_flag,
    collection.c.name.label("collection"),
    site.c.name.label("site"),
    patient.c.patient_id,
    patient.c.patient_sex,
    study.c.patient_age,
    study.c.admitting_diagnoses_desc,
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
    study.c.study_desc,
    study.c.study_date,
    series.c.third_party_analysis,
    study.c.study_id,
    series.c.exclude_commercial,
)


def _series(query: q.FindSeries, visible: VisibleSet) -> sa.Select[Any]:
    conditions = [visible_series(visible), *_released(query)]
    if query.collection is not None:
        conditions.append(_in_collection(query.collection))
    if query.patient_id is not None:
        conditions.append(_same_text(patient.c.patient_id, query.patient_id))
    if query.study_instance_uid is not None:
        conditions.append(study.c.study_instance_uid == query.study_instance_uid)
    if query.series_instance_uid is not None:
        conditions.append(series.c.series_instance_uid == query.series_instance_uid)
    if query.modality is not None:
        conditions.append(_same_text(series.c.modality, query.modality))
    for name in ("body_part_examined", "manufacturer", "manufacturer_model_name"):
        value = getattr(query, name)
        if value is not None:
            column = series.c[name]
            conditions.append(column == value if query.exact_case else _same_text(column, value))
    return sa.select(*_SERIES_COLUMNS).select_from(_SERIES_FROM).where(*conditions)


def _series_metadata(query: q.SeriesMetadata, visible: VisibleSet) -> sa.Select[Any]:
    sop_class = (
        sa.select(uid_term.c.uid)
        .select_from(instance.join(uid_term, uid_term.c.id == instance.c.sop_class_term))
        .where(instance.c.series_key == series.c.id)
        .order_by(instance.c.id)
        .limit(1)
        .correlate(series)
        .scalar_subquery()
    )
    return (
        sa.select(*_SERIES_COLUMNS, series.c.annotation_size, sop_class.label("sop_class_uid"))
        .select_from(_SERIES_FROM)
        .where(visible_series(visible), series.c.series_instance_uid == query.series_instance_uid)
    )


_PERSON: tuple[sa.ColumnElement[Any], ...] = (
    patient.c.patient_id,
    patient.c.patient_name,
    patient.c.patient_birth_date,
    patient.c.patient_sex,
    patient.c.ethnic_group,
    collection.c.name.label("collection"),
)


def _patients(query: q.FindPatients, visible: VisibleSet) -> sa.Select[Any]:
    inner = [series.c.patient_key == patient.c.id, visible_series(visible), *_released(query)]
    if query.modality is not None:
        inner.append(_same_text(series.c.modality, query.modality))
    if query.collection is not None:
        inner.append(_in_collection(query.collection))
    conditions: list[sa.ColumnElement[bool]] = [
        sa.select(sa.literal(1)).where(*inner).correlate(patient).exists()
    ]
    if query.collection is not None:
        conditions.append(_same_text(collection.c.name, query.collection))
    if query.patient_id is not None:
        conditions.append(_same_text(patient.c.patient_id, query.patient_id))
        if query.exact_patient_id:
            conditions.append(patient.c.patient_id == query.patient_id)
    return (
        sa.select(
            *_PERSON,
            patient.c.qc_subject.label("phantom"),
            patient.c.species_code,
            patient.c.species_description,
            patient.c.id,
        )
        .select_from(patient.join(site).join(collection))
        .where(*conditions)
    )


def _studies(query: q.FindStudies, visible: VisibleSet) -> sa.Select[Any]:
    conditions = [visible_series(visible), *_released(query)]
    if query.collection is not None:
        conditions.append(_in_collection(query.collection))
    if query.patient_id is not None:
        conditions.append(_same_text(patient.c.patient_id, query.patient_id))
    if query.study_instance_uid is not None:
        conditions.append(study.c.study_instance_uid == query.study_instance_uid)
    # Which studies match, then how many visible series each has: the count ignores the release filter.
    matching = (
        sa.select(series.c.study_key).select_from(_SERIES_FROM).where(*conditions).distinct().subquery()
    )
    counted = (
        sa.select(sa.func.count())
        .where(series.c.study_key == study.c.id, visible_series(visible))
        .correlate(study)
        .scalar_subquery()
    )
    return sa.select(
        study.c.study_instance_uid,
        study.c.study_date,
        study.c.study_desc,
        study.c.admitting_diagnoses_desc,
        study.c.study_id,
        study.c.patient_age,
        *_PERSON,
        counted.label("series_count"),
        study.c.longitudinal_event_type,
        study.c.longitudinal_offset,
    ).select_from(
        matching.join(study, study.c.id == matching.c.study_key)
        .join(patient, patient.c.id == study.c.patient_key)
        .join(site, site.c.id == patient.c.site_id)
        .join(collection, collection.c.id == site.c.collection_id)
    )


def _size(query: q.SeriesSize, visible: VisibleSet) -> sa.Select[Any]:
    return sa.select(series.c.file_size, series.c.image_count).where(
        visible_series(visible), series.c.series_instance_uid == query.series_instance_uid
    )


def _instances(query: q.FindInstances, visible: VisibleSet) -> sa.Select[Any]:
    return (
        sa.select(instance.c.sop_instance_uid)
        .select_from(instance.join(series, series.c.id == instance.c.series_key))
        .where(visible_series(visible), series.c.series_instance_uid == query.series_instance_uid)
        .order_by(*acquisition_order())
    )


def _digest(query: q.InstanceDigest, visible: VisibleSet) -> sa.Select[Any]:
    return (
        sa.select(instance.c.md5)
        .select_from(instance.join(series, series.c.id == instance.c.series_key))
        .where(visible_series(visible), instance.c.uid_digest == uid_digest(query.sop_instance_uid))
    )


def acquisition_order() -> tuple[sa.ColumnElement[Any], ...]:
    """Order of a series: acquisition number, instance number (missing first), SOP Instance UID."""
    return (
        sa.nulls_first(instance.c.acquisition_number),
        sa.nulls_first(instance.c.instance_number),
        instance.c.sop_instance_uid,
    )


def _paged(
    database: Database, statement: sa.Select[Any], keys: tuple[sa.ColumnElement[Any], ...]
) -> Iterator[list[Row]]:
    """Walk a statement by key, page by page, each page in a transaction of its own.

    The keys, in this order, are columns of the statement, never NULL, and together unique.
    """
    size, last = _FIRST_PAGE, None
    while True:
        page = statement.order_by(*keys).limit(size)
        if last is not None:
            page = page.where(sa.tuple_(*keys) > sa.tuple_(*(sa.literal(value) for value in last)))
        with database.reading() as connection:
            rows = [dict(row) for row in connection.execute(page).mappings()]
        if rows:
            yield rows
        if len(rows) < size:
            return
        last = tuple(rows[-1][str(key.key)] for key in keys)
        size = _PAGE


def _whole(database: Database, statement: sa.Select[Any]) -> Iterator[list[Row]]:
    with database.reading() as connection:
        rows = [dict(row) for row in connection.execute(statement).mappings()]
    if rows:
        yield rows


def _read_values(database: Database, query: q.FindValues, visible: VisibleSet) -> Iterator[list[Row]]:
    statement = value_statement(query, visible)
    if statement is None:
        return
    with database.reading() as connection:
        found = [row[0] for row in connection.execute(statement)]
    values = {None if value == "" else value.upper() if query.uppercase else value for value in found}

    def order(value: str | None) -> tuple[bool, str, str]:
        # Collections in binary order, the rest by upper case; a missing value first (NBIA).
        text = value or ""
        return value is not None, text if query.column == "collection" else text.upper(), text

    rows: list[Row] = [{str(query.column): value} for value in sorted(values, key=order)]
    if rows:
        yield rows


def _read_patients(database: Database, query: q.FindPatients, visible: VisibleSet) -> Iterator[list[Row]]:
    # A patient of two sites of one collection is two rows here and one on the wire.
    keys = (patient.c.patient_id, collection.c.name.label("collection"), patient.c.id)
    before = None
    for page in _paged(database, _patients(query, visible), keys):
        kept = []
        for row in page:
            pair = (row["patient_id"], row["collection"])
            if pair != before:
                kept.append({name: value for name, value in row.items() if name != "id"})
            before = pair
        if kept:
            yield kept


def read(database: Database, query: q.Query, visible: VisibleSet) -> Iterator[list[Row]]:
    """Yield the rows that answer a question, in pages; no page is empty."""
    match query:
        case q.FindValues():
            yield from _read_values(database, query, visible)
        case q.FindPatients():
            yield from _read_patients(database, query, visible)
        case q.FindStudies():
            yield from _paged(database, _studies(query, visible), (study.c.study_instance_uid,))
        case q.FindSeries():
            yield from _paged(database, _series(query, visible), (series.c.series_instance_uid,))
        case q.SeriesMetadata():
            yield from _whole(database, _series_metadata(query, visible))
        case q.SeriesSize():
            yield from _whole(database, _size(query, visible))
        case q.FindInstances():
            yield from _whole(database, _instances(query, visible))
        case q.InstanceDigest():
            for page in _whole(database, _digest(query, visible)):
                yield [{"md5": row["md5"].hex()} for row in page]
