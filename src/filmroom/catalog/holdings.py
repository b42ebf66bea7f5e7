"""What the archive holds beside patients, studies and series: collections, sites, licences, makers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.pages import Page, paged, same_text, sites_of, whole
from filmroom.catalog.schema import collection, facet, instance, licence, patient, series, site, study
from filmroom.catalog.visible import granted_site, visible_in_bulk, visible_series
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet

HUMAN = ("337915000", "Human (Homo sapiens)")
"""Code (SNOMED CT) and name of the species that an unnamed one is taken to be."""


def _held_site(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition on ``site``: the viewer may see it, and it has a visible series to be seen."""
    held = (
        sa.select(sa.literal(1))
        .where(facet.c.site_id == site.c.id, facet.c.mask == 0, facet.c.series > 0)
        .correlate(site)
        .exists()
    )
    return sa.and_(granted_site(site.c.id, visible), held)


def _collections(query: q.FindCollections, visible: VisibleSet) -> sa.Select[Any]:
    held = sa.select(sa.literal(1)).where(site.c.collection_id == collection.c.id, _held_site(visible))
    described = (
        sa.select(series.c.description_uri)
        .select_from(series.join(site, site.c.id == series.c.site_id))
        .where(
            site.c.collection_id == collection.c.id,
            visible_series(visible),
            series.c.third_party_analysis.is_distinct_from("YES"),
            series.c.description_uri.is_not(None),
        )
        # In no order, so that it ends with the first that a site's index leads to.
        .limit(1)
    )
    licensed = (
        sa.select(sa.func.min(site.c.licence_id))
        .where(site.c.collection_id == collection.c.id, _held_site(visible))
        .correlate(collection)
        .scalar_subquery()
    )
    statement = sa.select(
        collection.c.id,
        collection.c.name.label("collection"),
        collection.c.description,
        collection.c.changed,
        licensed.label("licence_id"),
        # Who wrote a description is nobody's business; the column is the API's.
        sa.null().label("user_name"),
        sa.func.coalesce(
            collection.c.description_uri, described.correlate(collection).scalar_subquery()
        ).label("description_uri"),
    ).where(held.correlate(collection).exists())
    if query.collection is not None:
        statement = statement.where(collection.c.name == query.collection)
    return statement.order_by(collection.c.name)


def _sites(visible: VisibleSet) -> sa.Select[Any]:
    return (
        sa.select(collection.c.name.label("collection"), site.c.name.label("site"))
        .select_from(site.join(collection))
        .where(_held_site(visible))
        .order_by(collection.c.name, site.c.name)
    )


def _sites_of_series(database: Database, uids: tuple[str, ...], visible: VisibleSet) -> Iterator[Page]:
    statement = (
        sa.select(site.c.collection_id)
        .select_from(series.join(site, site.c.id == series.c.site_id))
        .where(visible_series(visible))
        .distinct()
    )
    found: set[int] = set()
    with database.reading() as connection:
        for start in range(0, len(uids), 500):
            some = statement.where(series.c.series_instance_uid.in_(uids[start : start + 500]))
            found.update(connection.scalars(some))
    if len(found) == 1:
        yield from whole(database, _sites(visible).where(site.c.collection_id == found.pop()))


def _licences(visible: VisibleSet) -> sa.Select[Any]:
    used = sa.select(site.c.licence_id).where(_held_site(visible))
    return sa.select(licence).where(licence.c.id.in_(used)).order_by(licence.c.long_name)


def _species(database: Database, visible: VisibleSet) -> Iterator[Page]:
    seen = (
        sa.select(sa.literal(1))
        .where(series.c.patient_key == patient.c.id, visible_series(visible))
        .correlate(patient)
        .exists()
    )
    statement = (
        sa.select(patient.c.species_code, sa.func.min(patient.c.species_description))
        .where(patient.c.species_code.is_not(None), patient.c.species_code != "", seen)
        .group_by(patient.c.species_code)
    )
    with database.reading() as connection:
        found = {row[0]: row[1] for row in connection.execute(statement)}
    found[HUMAN[0]] = HUMAN[1]
    yield [{"species_code": code, "species_description": name} for code, name in sorted(found.items())]


def _described(query: q.FindDescribed, visible: VisibleSet) -> sa.Select[Any]:
    conditions = [visible_in_bulk(visible), series.c.description_uri.is_not(None)]
    if query.description_uri:
        conditions.append(series.c.description_uri == query.description_uri)
    columns = [collection.c.name.label("collection"), series.c.third_party_analysis]
    columns.append(
        series.c.series_instance_uid if query.per_series else sa.null().label("series_instance_uid")
    )
    statement = (
        sa.select(*columns)
        .select_from(series.join(site, site.c.id == series.c.site_id).join(collection))
        .where(*conditions)
    )
    if query.per_series:
        return statement
    return statement.distinct().order_by(collection.c.name, series.c.third_party_analysis)


def _equipment(database: Database, query: q.FindEquipment, visible: VisibleSet) -> sa.Select[Any]:
    conditions = [visible_series(visible)]
    if query.collection is not None:
        conditions.append(series.c.site_id.in_(sites_of(database, query.collection)))
    for name in ("modality", "body_part_examined"):
        value = getattr(query, name)
        if value is not None:
            conditions.append(same_text(series.c[name], value))
    names = ("manufacturer", "manufacturer_model_name", "software_versions")
    columns = [sa.func.coalesce(series.c[name], "").label(name) for name in names]
    return sa.select(*columns).where(*conditions).distinct().order_by(*columns)


def _one_instance(query: q.FindOneInstance, visible: VisibleSet) -> sa.Select[Any]:
    conditions = [visible_series(visible)]
    if query.series_instance_uid is not None:
        conditions.append(series.c.series_instance_uid == query.series_instance_uid)
    if query.instance_id is not None:
        conditions.append(instance.c.id == query.instance_id)
    return (
        sa.select(series.c.series_instance_uid, instance.c.sop_instance_uid)
        .select_from(instance.join(series, series.c.id == instance.c.series_key))
        .where(*conditions)
        .order_by(instance.c.id)
        .limit(1)
    )


def _time_points(visible: VisibleSet) -> sa.Select[Any]:
    seen = (
        sa.select(sa.literal(1))
        .where(series.c.study_key == study.c.id, visible_series(visible))
        .correlate(study)
        .exists()
    )
    event, offset = study.c.longitudinal_event_type, study.c.longitudinal_offset
    return (
        sa.select(event, sa.func.min(offset).label("minimum"), sa.func.max(offset).label("maximum"))
        .where(event.is_not(None), offset.is_not(None), seen)
        .group_by(event)
        .order_by(event)
    )


def read(database: Database, query: q.Query, visible: VisibleSet) -> Iterator[Page]:
    """Yield the rows that answer a question, in pages; no page is empty.

    :raises TypeError: for a question that is not of this module.
    """
    match query:
        case q.FindCollections():
            yield from whole(database, _collections(query, visible))
        case q.FindSites(of_series=None):
            yield from whole(database, _sites(visible))
        case q.FindSites(of_series=uids):
            yield from _sites_of_series(database, uids or (), visible)
        case q.FindLicences():
            yield from whole(database, _licences(visible))
        case q.FindSpecies():
            yield from _species(database, visible)
        case q.FindDescribed(per_series=True):
            yield from paged(database, _described(query, visible), (series.c.series_instance_uid,))
        case q.FindDescribed():
            yield from whole(database, _described(query, visible))
        case q.FindEquipment():
            yield from whole(database, _equipment(database, query, visible))
        case q.FindOneInstance():
            yield from whole(database, _one_instance(query, visible))
        case q.TimePoints():
            yield from whole(database, _time_points(visible))
        case _:
            raise TypeError(f"There is no reading of {type(query).__name__}.")
