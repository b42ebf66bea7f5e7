"""Counts of visible series, kept in step in the transaction that changes the data.

For each site and each subset of the four dimensions there is one row per combination of values that
occurs, with its distinct patients and its series. A patient belongs to one site, so rows of several sites
add up. A change is applied as the difference of what its patients contributed before and after; the cost
follows the patients touched, not the archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import chunks, insert_or_add
from filmroom.catalog.schema import collection, facet, patient, series, site
from filmroom.catalog.visible import granted_site
from filmroom.errors import InvalidInput
from filmroom.model.access import Scope, Visibility, VisibleSet
from filmroom.model.queries import FindValues

DIMENSIONS = ("modality", "body_part_examined", "manufacturer", "species_code")

_GROUPING: tuple[sa.ColumnElement[Any], ...] = (
    series.c.patient_key,
    series.c.site_id,
    series.c.modality,
    series.c.body_part_examined,
    series.c.manufacturer,
    patient.c.species_code,
)

Cell = tuple[int, int, str, str, str, str]  # site, mask and the four dimensions
Contribution = Counter[tuple[int, int, str, str, str, str]]  # patient, site and the four dimensions -> series


def contributions(connection: sa.Connection, patient_keys: Iterable[int]) -> Contribution:
    """Return what patients contribute now."""
    found: Contribution = Counter()
    # Written so that no index begins with it: the patients' few series are to be found by patient.
    is_visible = series.c.visibility + 0 == int(Visibility.VISIBLE)
    for keys in chunks(sorted(set(patient_keys))):
        statement = (
            sa.select(*_GROUPING, sa.func.count())
            .select_from(series.join(patient, patient.c.id == series.c.patient_key))
            .where(series.c.patient_key.in_(keys), is_visible)
            .group_by(*_GROUPING)
        )
        for key, site_id, *values, count in connection.execute(statement):
            found[(key, site_id, *(value or "" for value in values))] += count
    return found


def cells(contribution: Contribution) -> tuple[Counter[Cell], Counter[Cell]]:
    """Return patients and series per cell."""
    members: dict[Cell, set[int]] = {}
    counts: Counter[Cell] = Counter()
    for (key, site_id, *values), count in contribution.items():
        for mask in range(1 << len(DIMENSIONS)):
            chosen = [value if mask >> bit & 1 else "" for bit, value in enumerate(values)]
            cell: Cell = (site_id, mask, chosen[0], chosen[1], chosen[2], chosen[3])
            members.setdefault(cell, set()).add(key)
            counts[cell] += count
    return Counter({cell: len(keys) for cell, keys in members.items()}), counts


def apply(connection: sa.Connection, before: Contribution, after: Contribution) -> None:
    """Bring the counts from ``before`` to ``after``."""
    patients_before, series_before = cells(before)
    patients_after, series_after = cells(after)
    rows: list[dict[str, Any]] = []
    for cell in series_before.keys() | series_after.keys():
        patients = patients_after[cell] - patients_before[cell]
        count = series_after[cell] - series_before[cell]
        if patients or count:
            names = ("site_id", "mask", *DIMENSIONS)
            rows.append({**dict(zip(names, cell, strict=True)), "patients": patients, "series": count})
    insert_or_add(connection, facet, rows, ("patients", "series"))
    if any(row["series"] < 0 for row in rows):
        connection.execute(sa.delete(facet).where(facet.c.series == 0))


def mask_of(names: Sequence[str]) -> int:
    return sum(1 << DIMENSIONS.index(name) for name in names)


def value_statement(query: FindValues, visible: VisibleSet) -> sa.Select[Any]:
    """Return the statement for distinct values.

    :raises InvalidInput: for another scope than search: only visible series are counted.
    """
    if visible.scope is not Scope.SEARCH:
        raise InvalidInput("Values are counted over visible series only.")
    filters = {"modality": query.modality, "body_part_examined": query.body_part_examined}
    given = {name: value for name, value in filters.items() if value is not None}
    fixed = set(given) | ({query.column} - {"collection"})
    conditions = [
        facet.c.mask == mask_of(sorted(fixed)),
        granted_site(site.c.id, visible),
        *(sa.func.upper(facet.c[name]) == sa.func.upper(value) for name, value in given.items()),
    ]
    if query.collection is not None:
        conditions.append(sa.func.upper(collection.c.name) == sa.func.upper(query.collection))
    column = collection.c.name if query.column == "collection" else facet.c[query.column]
    return (
        sa.select(column)
        .select_from(facet.join(site, site.c.id == facet.c.site_id).join(collection))
        .where(*conditions)
        .distinct()
    )
