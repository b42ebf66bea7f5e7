"""Questions to rows: every statement starts from the VisibleSet, and no transaction outlives a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import bulk, counts, hierarchy, holdings
from filmroom.catalog.database import Database, among
from filmroom.catalog.facets import value_statement
from filmroom.catalog.pages import Page, Row, by_ids, chained, same_text, sites_of, whole
from filmroom.catalog.schema import collection, instance, patient, series, site, study
from filmroom.catalog.series_pages import Found, SeriesPages, Walk, ids_in_order, in_order
from filmroom.catalog.series_rows import SERIES_COLUMNS, SERIES_FROM, first_sop_class
from filmroom.catalog.statements import Build, prepared
from filmroom.catalog.visible import visible_series
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet
from filmroom.model.naming import uid_digest

# The sites of a collection, which are found before: see ``sites_of``.
_SITES: sa.BindParameter[Any] = sa.bindparam("sites", expanding=True)


def _released(query: q.FindPatients | q.FindStudies | q.FindSeries) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.released_after is not None:
        # "After the day" in NBIA compares a timestamp with the day's midnight.
        conditions.append(series.c.date_released > query.released_after)
    since = getattr(query, "released_since", None)
    if since is not None:
        conditions.append(series.c.date_released >= since)
    return conditions


def _is_patient(patient_id: str) -> sa.ScalarSelect[int]:
    """Return the keys of the patients with an ID, of which each collection can have one."""
    keys = sa.select(patient.c.id).where(same_text(patient.c.patient_id, patient_id))
    return keys.scalar_subquery()


def _of_study(uid: str) -> sa.ColumnElement[bool]:
    return series.c.study_key.in_(sa.select(study.c.id).where(study.c.study_instance_uid == uid))


def _series_filters(query: q.FindSeries) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on ``series`` beyond collection and visibility."""
    conditions = _released(query)
    if query.patient_id is not None:
        conditions.append(series.c.patient_key.in_(_is_patient(query.patient_id)))
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


def _series_ids(query: q.FindSeries, visible: VisibleSet) -> sa.Select[tuple[int]]:
    """Return the statement for the ids of series in the order of the answer."""
    filters = _series_filters(query)
    if query.collection is not None:
        filters.append(series.c.site_id.in_(_SITES))
    return in_order(sa.select(series.c.id).where(visible_series(visible), *filters))


def _read_series(database: Database, query: q.FindSeries, visible: VisibleSet) -> Iterator[Page]:
    """List series in the order of their UIDs: along an index where one has that order, else by ids."""
    given = {name for name, value in _asked(query).items() if value is not None}
    if given <= {"series_instance_uid"}:
        return SeriesPages(database, visible, Walk(database, uid=query.series_instance_uid))
    sites = [] if query.collection is None else sites_of(database, query.collection)
    if given == {"collection"}:
        walks = (SeriesPages(database, visible, Walk(database, site_id=site_id)) for site_id in sites)
        return next(walks, iter(())) if len(sites) < 2 else chained(walks, "series_instance_uid")
    statement, values = prepared(_series_ids, query, visible)
    ids = ids_in_order(database, statement, {**values, "sites": sites})
    return SeriesPages(database, visible, Found(ids))


def _asked(query: q.FindSeries) -> dict[str, Any]:
    """Return the filters of a question by name, None where it does not set one."""
    return {each.name: getattr(query, each.name) for each in fields(query) if each.name != "exact_case"}


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


def _seen(
    query: q.FindPatients | q.FindStudies, visible: VisibleSet, key: sa.Column[int]
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on patients, or on studies joined with them, that a query sets.

    :param key: what ``series`` calls them: ``patient_key`` or ``study_key``.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    filters = _released(query)
    if query.collection is not None:
        conditions.append(patient.c.site_id.in_(_SITES))
        if filters:
            filters.append(series.c.site_id.in_(_SITES))
    if query.patient_id is not None:
        conditions.append(same_text(patient.c.patient_id, query.patient_id))
    own = patient.c.id if key is series.c.patient_key else study.c.id
    if filters:
        # From the index on the days of release; those found are few where the day is recent.
        conditions.append(own.in_(sa.select(key).where(visible_series(visible), *filters)))
        filters = []
    modality = getattr(query, "modality", None)
    if modality is not None:
        filters.append(same_text(series.c.modality, modality))
    # Otherwise asked of each patient or study, which ends with the first of its series.
    one = sa.select(sa.literal(1)).where(key == own, visible_series(visible), *filters)
    return [*conditions, one.correlate(patient, study).exists()]


def _patient_ids(query: q.FindPatients, visible: VisibleSet) -> sa.Select[tuple[int]]:
    """Return the statement for the ids of the patients with a matching series, in the order of the answer."""
    statement = (
        sa.select(patient.c.id)
        .select_from(patient.join(site).join(collection))
        .where(*_seen(query, visible, series.c.patient_key))
    )
    if query.exact_patient_id and query.patient_id is not None:
        statement = statement.where(patient.c.patient_id == query.patient_id)
    return statement.order_by(patient.c.patient_id, collection.c.name, patient.c.id)


def _has_visible_series(visible: VisibleSet) -> sa.ColumnElement[bool]:
    seen = sa.select(sa.literal(1)).where(series.c.patient_key == patient.c.id, visible_series(visible))
    return seen.correlate(patient).exists()


def _study_ids(query: q.FindStudies, visible: VisibleSet) -> sa.Select[tuple[int]]:
    """Return the statement for the ids of the studies with a matching series, in the order of the answer."""
    conditions = _seen(query, visible, series.c.study_key)
    if query.study_instance_uid is not None:
        conditions.append(study.c.study_instance_uid == query.study_instance_uid)
    # Found first and sorted then: asked for both, an engine would rather read every study in order.
    found = (
        sa.select(study.c.id, study.c.study_instance_uid)
        .select_from(study.join(patient, patient.c.id == study.c.patient_key))
        .where(*conditions)
        .cte("found")
        .prefix_with("MATERIALIZED")
    )
    return sa.select(found.c.id).order_by(found.c.study_instance_uid)


@lru_cache(512)
def _study_rows(visible: VisibleSet) -> sa.Select[Any]:
    # The count is of all visible series of a study, whatever the release filter found it by.
    counted = (
        sa.select(sa.func.count())
        .where(series.c.study_key == study.c.id, visible_series(visible))
        .correlate(study)
        .scalar_subquery()
    )
    return (
        sa.select(
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
        )
        .select_from(
            study.join(patient, patient.c.id == study.c.patient_key)
            .join(site, site.c.id == patient.c.site_id)
            .join(collection, collection.c.id == site.c.collection_id)
        )
        .where(among(study.c.id, "keys"))
    )


def _found(
    database: Database,
    build: Build[sa.Select[tuple[int]]],
    query: q.FindPatients | q.FindStudies,
    rows: Callable[[VisibleSet], sa.Select[Any]],
    visible: VisibleSet,
) -> Iterator[Page]:
    ids, values = prepared(build, query, visible)
    sites = [] if query.collection is None else sites_of(database, query.collection)
    return by_ids(database, ids, {**values, "sites": sites}, rows(visible))


def _read_studies(database: Database, query: q.FindStudies, visible: VisibleSet) -> Iterator[Page]:
    for page in _found(database, _study_ids, query, _study_rows, visible):
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


def _read_values(database: Database, query: q.FindValues, visible: VisibleSet) -> Iterator[Page]:
    if "" in (query.collection, query.modality, query.body_part_examined):
        return
    statement, values = prepared(value_statement, query, visible)
    with database.reading() as connection:
        found = [row[0] for row in connection.execute(statement, values)]
    texts = {None if value == "" else value.upper() if query.uppercase else value for value in found}

    def order(value: str | None) -> tuple[bool, str, str]:
        # Collections in binary order, the rest by upper case; a missing value first (NBIA).
        text = value or ""
        return value is not None, text if query.column == "collection" else text.upper(), text

    rows: list[Row] = [{str(query.column): value} for value in sorted(texts, key=order)]
    if rows:
        yield rows


@lru_cache(512)
def _patient_rows(visible: VisibleSet) -> sa.Select[Any]:
    return (
        sa.select(
            *_PERSON,
            patient.c.qc_subject.label("phantom"),
            patient.c.species_code,
            patient.c.species_description,
            patient.c.id.label("_id"),
        )
        .select_from(patient.join(site).join(collection))
        .where(_has_visible_series(visible), among(patient.c.id, "keys"))
    )


def _read_patients(database: Database, query: q.FindPatients, visible: VisibleSet) -> Iterator[Page]:
    # A patient of two sites of one collection is two rows here and one on the wire.
    before = None
    for page in _found(database, _patient_ids, query, _patient_rows, visible):
        kept = []
        for row in page:
            pair = (row["patient_id"], row["collection"])
            if pair != before:
                kept.append(row)
            before = pair
        if kept:
            yield kept


def _read_digest(database: Database, query: q.InstanceDigest, visible: VisibleSet) -> Iterator[Page]:
    for page in whole(database, _digest(query, visible)):
        yield [{"md5": row["md5"].hex()} for row in page]


def _whole(build: Build[sa.Select[Any]]) -> Callable[[Database, Any, VisibleSet], Iterator[Page]]:
    """Return what reads the one page that a statement finds."""

    def read_whole(database: Database, query: Any, visible: VisibleSet) -> Iterator[Page]:
        return whole(database, *prepared(build, query, visible))

    return read_whole


_READERS: dict[type[q.Query], Callable[[Database, Any, VisibleSet], Iterator[Page]]] = {
    q.FindValues: _read_values,
    q.FindPatients: _read_patients,
    q.FindStudies: _read_studies,
    q.FindSeries: _read_series,
    q.SeriesMetadata: _whole(_series_metadata),
    q.SeriesSize: _whole(_size),
    q.FindInstances: _whole(_instances),
    q.InstanceDigest: _read_digest,
    q.CountValues: counts.read,
    q.FindSeriesRecords: bulk.read,
    q.FindRetrieverSeries: bulk.read,
    q.FindVisibleSeries: bulk.read,
    q.FindManifestSeries: bulk.read,
    q.HierarchyDigest: hierarchy.read,
}


def read(database: Database, query: q.Query, visible: VisibleSet) -> Iterator[Page]:
    """Return an iterator over the rows that answer a question, in pages; no page is empty.

    Where the answer is a list of series, it may be one of :class:`SeriesPages`.
    """
    return _READERS.get(type(query), holdings.read)(database, query, visible)
