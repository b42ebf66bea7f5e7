"""Totals and facets counted anew from the instances and series that they stand for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from filmroom.catalog import facets
from filmroom.catalog.schema import facet, instance, patient, series

_PATIENTS = 2_000

Counts = dict[facets.Cell, tuple[int, int]]
"""Patients and series of each cell."""


@dataclass(frozen=True, slots=True)
class WrongTotal:
    """A series whose recorded number of images and bytes are not those of its instances."""

    series_key: int
    series_instance_uid: str
    recorded: tuple[int, int]
    counted: tuple[int, int]


def wrong_totals(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[WrongTotal]:
    """Return the wrong ones of some series; one statement, so that it sees one state."""
    keys = sa.select(series.c.id).where(which)
    counted = (
        sa.select(
            instance.c.series_key,
            sa.func.count().label("count"),
            sa.func.sum(instance.c.size).label("size"),
        )
        .where(instance.c.series_key.in_(keys))
        .group_by(instance.c.series_key)
        .subquery()
    )
    count, size = sa.func.coalesce(counted.c.count, 0), sa.func.coalesce(counted.c.size, 0)
    statement = (
        sa.select(series.c.id, series.c.series_instance_uid, series.c.image_count, series.c.file_size)
        .add_columns(count.label("count"), size.label("size"))
        .select_from(series.outerjoin(counted, counted.c.series_key == series.c.id))
        .where(which, sa.or_(series.c.image_count != count, series.c.file_size != size))
    )
    return [
        WrongTotal(key, uid, (int(images), int(total)), (int(found), int(found_size)))
        for key, uid, images, total, found, found_size in connection.execute(statement)
    ]


def recorded_facets(connection: sa.Connection, site_id: int) -> Counts:
    """Return the counts of a site as they are recorded."""
    rows = connection.execute(sa.select(facet).where(facet.c.site_id == site_id)).mappings()
    names = facets.DIMENSIONS
    return {
        (row["site_id"], row["mask"], *(row[name] for name in names)): (row["patients"], row["series"])
        for row in rows
        if row["patients"] or row["series"]
    }


def counted_facets(connection: sa.Connection, site_id: int) -> Counts:
    """Count a site, some patients at a time: a patient's series are all of one site."""
    patients: Counter[facets.Cell] = Counter()
    counts: Counter[facets.Cell] = Counter()
    last = -1
    while True:
        keys = list(
            connection.scalars(
                sa.select(patient.c.id)
                .where(patient.c.site_id == site_id, patient.c.id > last)
                .order_by(patient.c.id)
                .limit(_PATIENTS)
            )
        )
        if not keys:
            return {cell: (patients[cell], count) for cell, count in counts.items()}
        last = keys[-1]
        some_patients, some_counts = facets.cells(facets.contributions(connection, keys))
        patients += some_patients
        counts += some_counts
