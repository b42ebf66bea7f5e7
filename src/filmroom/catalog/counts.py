"""Values with the number of patients behind each, from the facets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.facets import mask_of
from filmroom.catalog.pages import Page, same_text
from filmroom.catalog.schema import collection, facet, patient, series, site
from filmroom.catalog.series_rows import SERIES_FROM
from filmroom.catalog.statements import prepared
from filmroom.catalog.visible import granted_site, visible_series
from filmroom.model.access import VisibleSet
from filmroom.model.queries import CountValues


def _collection_condition(query: CountValues) -> list[sa.ColumnElement[bool]]:
    if query.collection is None:
        return []
    if query.exact_collection:
        return [collection.c.name == query.collection]
    return [same_text(collection.c.name, query.collection)]


def _given(query: CountValues) -> dict[str, str]:
    filters = {"modality": query.modality, "body_part_examined": query.body_part_examined}
    return {name: value for name, value in filters.items() if value is not None}


def _counted(query: CountValues, source: sa.FromClause) -> sa.ColumnElement[Any]:
    column = collection.c.name if query.column == "collection" else source.c[query.column]
    return sa.func.upper(column) if query.uppercase else column


def _from_facets(query: CountValues, visible: VisibleSet) -> sa.Select[Any]:
    """Per value: its patients, and in how many facet rows of one site it stands at most.

    More than one means spellings that differ in case: a patient with both would count twice.
    """
    given = _given(query)
    value = _counted(query, facet).label("value")
    per_site = (
        sa.select(value, sa.func.sum(facet.c.patients).label("patients"), sa.func.count().label("spellings"))
        .select_from(facet.join(site, site.c.id == facet.c.site_id).join(collection))
        .where(
            facet.c.mask == mask_of(sorted(set(given) | ({query.column} - {"collection"}))),
            granted_site(site.c.id, visible),
            *_collection_condition(query),
            *(same_text(facet.c[name], text) for name, text in given.items()),
        )
        .group_by(facet.c.site_id, value)
        .subquery()
    )
    return sa.select(
        per_site.c.value, sa.func.sum(per_site.c.patients), sa.func.max(per_site.c.spellings)
    ).group_by(per_site.c.value)


def _from_series(query: CountValues, visible: VisibleSet) -> sa.Select[Any]:
    value = _counted(query, patient if query.column == "species_code" else series).label("value")
    return (
        sa.select(value, sa.func.count(series.c.patient_key.distinct()), sa.literal(1))
        .select_from(SERIES_FROM)
        .where(
            visible_series(visible),
            *_collection_condition(query),
            *(same_text(series.c[name], text) for name, text in _given(query).items()),
        )
        .group_by(value)
    )


def read(database: Database, query: CountValues, visible: VisibleSet) -> Iterator[Page]:
    """Yield one page of values and counts, or none."""
    if "" in (query.collection, query.modality, query.body_part_examined):
        return
    with database.reading() as connection:
        statement, values = prepared(_from_facets, query, visible)
        found = connection.execute(statement, values).all()
        if any(spellings > 1 for _, _, spellings in found):
            statement, values = prepared(_from_series, query, visible)
            found = connection.execute(statement, values).all()
    counts: dict[str, int] = {}
    for value, patients, _ in found:
        counts[value or ""] = counts.get(value or "", 0) + int(patients)
    if counts:
        yield [{query.column: value or None, "patients": counts[value]} for value in sorted(counts)]
