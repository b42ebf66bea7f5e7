"""Questions to rows: every statement starts from the VisibleSet, and no transaction outlives a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import bulk, counts, hierarchy, holdings
from filmroom.catalog.database import Database
from filmroom.catalog.facets import value_statement
from filmroom.catalog.pages import Row, by_ids, chained, in_collection, paged, same_text, whole
from filmroom.catalog.schema import collection, instance, patient, series, site, study
from filmroom.catalog.series_rows import SERIES_COLUMNS, SERIES_FROM, first_sop_class
from filmroom.catalog.visible import visible_series
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet
from filmroom.model.naming import uid_digest


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


def _of_patient(patient_id: str) -> sa.ColumnElement[bool]:
    return series.c.patient_key.in_(
        sa.select(patient.c.id).where(same_text(patient.c.patient_id, patient_id))
    )


def _of_study(uid: str) -> sa.ColumnElement[bool]:
    return series.c.study_key.in_(sa.select(study.c.id).where(study.c.study_instance_uid == uid))


def _all_series(visible: VisibleSet) -> sa.Select[Any]:
    return sa.select(*SERIES_COLUMNS).select_from(SERIES_FROM).where(visible_series(visible))


def _series_filters(query: q.FindSeries) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on ``series`` beyond collection and visibility."""
    conditions = _released(query)
    if query.patient_id is not None:
        conditions.append(_of_patient(query.patient_id))
    if query.study_instance_uid is not None:
        conditions.append(_of_study(query.study_instance_uid))
    if query.series_instance_uid is not None:
        conditions.append(series.c.series_instance_uid == query.series_instance_uid)
    if query.modality is not None:
        conditions.append(same_text(series.c.modality, query.modality))
    for name in ("body_part_examined", "manufacturer", "manufacturer_model_name"):
        value = getattr(query, name)
        if value is not None:
            column = series.c[name]
            conditions.append(column == value if query.exact_case else same_text(column, value))
    return conditions


def _read_series(database: Database, query: q.FindSeries, visible: VisibleSet) -> Iterator[list[Row]]:
    """List series in the order of their UIDs: along an index where one has that order, else by ids."""
    rows, order = _all_series(visible), (series.c.series_instance_uid,)
    filters = _series_filters(query)
    if filters:
        if query.collection is not None:
            filters.append(in_collection(query.collection))
        ids = sa.select(series.c.id).where(visible_series(visible), *filters).order_by(*order)
        yield from by_ids(database, ids, rows.add_columns(series.c.id.label("_id")), series.c.id)
    elif query.collection is None:
        yield from paged(database, rows, order)
    else:
        sites = sa.select(site.c.id).select_from(site.join(collection))
        with database.reading() as connection:
            found = list(connection.scalars(sites.where(same_text(collection.c.name, query.collection))))
        walks = (paged(database, rows.where(series.c.site_id == site_id), order) for site_id in found)
        yield from chained(walks, "series_instance_uid")


def _series_metadata(query: q.SeriesMetadata, visible: VisibleSet) -> sa.Select[Any]:
    return (
        sa.select(*SERIES_COLUMNS, series.c.annotation_size, first_sop_class().label("sop_class_uid"))
        .select_from(SERIES_FROM)
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


def _patient_ids(query: q.FindPatients, visible: VisibleSet) -> sa.Select[tuple[int]]:
    """Return the statement for the ids of the patients with a matching series, in the order of the answer."""
    filters = _released(query)
    if query.modality is not None:
        filters.append(same_text(series.c.modality, query.modality))
    if query.collection is not None:
        filters.append(in_collection(query.collection))
    found = sa.select(series.c.patient_key).where(visible_series(visible), *filters).distinct()
    statement = (
        sa.select(patient.c.id)
        .select_from(patient.join(site).join(collection))
        .where(patient.c.id.in_(found) if filters else _has_visible_series(visible))
    )
    if query.patient_id is not None:
        statement = statement.where(same_text(patient.c.patient_id, query.patient_id))
        if query.exact_patient_id:
            statement = statement.where(patient.c.patient_id == query.patient_id)
    return statement.order_by(patient.c.patient_id, collection.c.name, patient.c.id)


def _has_visible_series(visible: VisibleSet) -> sa.ColumnElement[bool]:
    seen = sa.select(sa.literal(1)).where(series.c.patient_key == patient.c.id, visible_series(visible))
    return seen.correlate(patient).exists()


def _read_studies(database: Database, query: q.FindStudies, visible: VisibleSet) -> Iterator[list[Row]]:
    conditions = [visible_series(visible), *_released(query)]
    if query.collection is not None:
        conditions.append(in_collection(query.collection))
    if query.patient_id is not None:
        conditions.append(_of_patient(query.patient_id))
    if query.study_instance_uid is not None:
        conditions.append(_of_study(query.study_instance_uid))
    matching = sa.select(series.c.study_key).where(*conditions).distinct().subquery()
    ids = (
        sa.select(study.c.id)
        .select_from(matching.join(study, study.c.id == matching.c.study_key))
        .order_by(study.c.study_instance_uid)
    )
    # The count is of all visible series of a study, whatever the release filter found it by.
    counted = (
        sa.select(sa.func.count())
        .where(series.c.study_key == study.c.id, visible_series(visible))
        .correlate(study)
        .scalar_subquery()
    )
    rows = sa.select(
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
        study.c.id.label("_id"),
    ).select_from(
        study.join(patient, patient.c.id == study.c.patient_key)
        .join(site, site.c.id == patient.c.site_id)
        .join(collection, collection.c.id == site.c.collection_id)
    )
    for page in by_ids(database, ids, rows, study.c.id):
        still = [row for row in page if row["series_count"]]
        if still:
            yield still


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
    rows = (
        sa.select(
            *_PERSON,
            patient.c.qc_subject.label("phantom"),
            patient.c.species_code,
            patient.c.species_description,
            patient.c.id.label("_id"),
        )
        .select_from(patient.join(site).join(collection))
        .where(_has_visible_series(visible))
    )
    # A patient of two sites of one collection is two rows here and one on the wire.
    before = None
    for page in by_ids(database, _patient_ids(query, visible), rows, patient.c.id):
        kept = []
        for row in page:
            pair = (row["patient_id"], row["collection"])
            if pair != before:
                kept.append(row)
            before = pair
        if kept:
            yield kept


_ELSEWHERE: dict[type[q.Query], Callable[[Database, Any, VisibleSet], Iterator[list[Row]]]] = {
    q.CountValues: counts.read,
    q.FindSeriesRecords: bulk.read,
    q.FindRetrieverSeries: bulk.read,
    q.FindVisibleSeries: bulk.read,
    q.FindManifestSeries: bulk.read,
    q.HierarchyDigest: hierarchy.read,
}


def read(database: Database, query: q.Query, visible: VisibleSet) -> Iterator[list[Row]]:
    """Yield the rows that answer a question, in pages; no page is empty."""
    match query:
        case q.FindValues():
            yield from _read_values(database, query, visible)
        case q.FindPatients():
            yield from _read_patients(database, query, visible)
        case q.FindStudies():
            yield from _read_studies(database, query, visible)
        case q.FindSeries():
            yield from _read_series(database, query, visible)
        case q.SeriesMetadata():
            yield from whole(database, _series_metadata(query, visible))
        case q.SeriesSize():
            yield from whole(database, _size(query, visible))
        case q.FindInstances():
            yield from whole(database, _instances(query, visible))
        case q.InstanceDigest():
            for page in whole(database, _digest(query, visible)):
                yield [{"md5": row["md5"].hex()} for row in page]
        case _:
            yield from _ELSEWHERE.get(type(query), holdings.read)(database, query, visible)
