"""Many series at once, named by their UIDs or by what they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database, chunks
from filmroom.catalog.pages import Page, Row, chained, paged
from filmroom.catalog.schema import collection, instance, patient, series, site, study
from filmroom.catalog.series_rows import SERIES_COLUMNS, SERIES_FROM, first_sop_class
from filmroom.catalog.visible import reviewed_series, visible_in_bulk, visible_series
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet

BulkQuery = q.FindSeriesRecords | q.FindRetrieverSeries | q.FindVisibleSeries | q.FindManifestSeries

_BY_UID = (series.c.series_instance_uid,)

_RECORD = (
    *SERIES_COLUMNS,
    series.c.id.label("series_key"),
    series.c.visibility,
    patient.c.patient_name,
    patient.c.patient_birth_date,
    patient.c.ethnic_group,
    patient.c.qc_subject.label("phantom"),
    patient.c.species_code,
    patient.c.species_description,
    study.c.longitudinal_event_type,
    study.c.longitudinal_offset,
)


def _records(
    connection: sa.Connection, uids: Sequence[str], condition: sa.ColumnElement[bool]
) -> dict[str, Row]:
    statement = (
        sa.select(*_RECORD).select_from(SERIES_FROM).where(condition, series.c.series_instance_uid.in_(uids))
    )
    found = {row["series_instance_uid"]: dict(row) for row in connection.execute(statement).mappings()}
    by_key = {row["series_key"]: row for row in found.values()}
    spacings: dict[int, set[float]] = {key: set() for key in by_key}
    thicknesses: dict[int, set[float]] = {key: set() for key in by_key}
    measures = (instance.c.series_key, instance.c.pixel_spacing, instance.c.slice_thickness)
    for key, spacing, thickness in connection.execute(
        sa.select(*measures).where(instance.c.series_key.in_(list(by_key))).distinct()
    ):
        if spacing is not None:
            spacings[key].add(spacing)
        if thickness is not None:
            thicknesses[key].add(thickness)
    for key, row in by_key.items():
        row["pixel_spacing"] = tuple(sorted(spacings[key])) or None
        row["slice_thickness"] = tuple(sorted(thicknesses[key])) or None
    return found


def _for_retriever(connection: sa.Connection, uids: Sequence[str], visible: VisibleSet) -> dict[str, Row]:
    statement = (
        sa.select(*SERIES_COLUMNS, series.c.annotation_size, first_sop_class().label("sop_class_uid"))
        .select_from(SERIES_FROM)
        .where(visible_series(visible), series.c.series_instance_uid.in_(uids))
    )
    return {row["series_instance_uid"]: dict(row) for row in connection.execute(statement).mappings()}


def _visible_uids(connection: sa.Connection, uids: Sequence[str], visible: VisibleSet) -> set[str]:
    statement = sa.select(series.c.series_instance_uid).where(
        visible_series(visible), series.c.series_instance_uid.in_(uids)
    )
    return set(connection.scalars(statement))


def _of_collection(
    database: Database, query: q.FindManifestSeries, visible: VisibleSet
) -> Iterator[sa.Select[Any]]:
    """Yield a statement per site: each walks the index that has a site's series in order."""
    if query.collection is None:
        return
    sites = sa.select(site.c.id).select_from(site.join(collection))
    with database.reading() as connection:
        found = list(connection.scalars(sites.where(collection.c.name == query.collection)))
    for site_id in found:
        yield sa.select(series.c.series_instance_uid).where(
            visible_in_bulk(visible), series.c.site_id == site_id
        )


def _manifest(query: q.FindManifestSeries, visible: VisibleSet) -> Iterator[sa.Select[Any]]:
    """Yield statements that together name the series; lists are cut to what databases take."""
    base = sa.select(series.c.series_instance_uid).select_from(SERIES_FROM).where(visible_series(visible))
    for column, values in (
        (patient.c.patient_id, query.patient_ids),
        (study.c.study_instance_uid, query.study_instance_uids),
        (series.c.series_instance_uid, query.series_instance_uids),
    ):
        for some in chunks(list(dict.fromkeys(values))):
            if column is patient.c.patient_id:
                # Through the index on the upper-case ID.
                folded = sa.func.upper(column).in_([sa.func.upper(value) for value in some])
                yield base.where(folded, column.in_(some))
            else:
                yield base.where(column.in_(some))


def _in_order(
    database: Database,
    uids: Sequence[str],
    find: Callable[[sa.Connection, Sequence[str]], dict[str, Row]],
) -> Iterator[Page]:
    """Yield what is found of some series, in their order."""
    for some in chunks(uids):
        with database.reading() as connection:
            found = find(connection, some)
        if found:
            yield [found[uid] for uid in some if uid in found]


def read(database: Database, query: BulkQuery, visible: VisibleSet) -> Iterator[Page]:
    """Yield the rows that answer a question, in pages; no page is empty."""
    match query:
        case q.FindSeriesRecords():
            condition = reviewed_series(visible) if query.for_review else visible_series(visible)
            wanted = [uid for uids in query.series_instance_uids for uid in dict.fromkeys(uids)]
            yield from _in_order(
                database, wanted, lambda connection, some: _records(connection, some, condition)
            )
        case q.FindRetrieverSeries():
            wanted = list(dict.fromkeys(query.series_instance_uids))
            yield from _in_order(
                database, wanted, lambda connection, some: _for_retriever(connection, some, visible)
            )
        case q.FindVisibleSeries():
            for some in chunks(list(dict.fromkeys(query.series_instance_uids))):
                with database.reading() as connection:
                    known = _visible_uids(connection, some, visible)
                if known:
                    yield [{"series_instance_uid": uid} for uid in some if uid in known]
        case q.FindManifestSeries(patient_ids=(), study_instance_uids=(), series_instance_uids=()):
            walks = (paged(database, each, _BY_UID) for each in _of_collection(database, query, visible))
            yield from chained(walks, "series_instance_uid")
        case q.FindManifestSeries():
            named: set[str] = set()
            for statement in (*_of_collection(database, query, visible), *_manifest(query, visible)):
                for page in paged(database, statement, _BY_UID):
                    named.update(row["series_instance_uid"] for row in page)
            if named:
                yield [{"series_instance_uid": uid} for uid in sorted(named)]
