"""What a change of the catalogue leaves for simple search, in the transaction that makes the change.

Two things: which patients changed, so that copies of them are read anew (see ``simple_search_copy``), and
the geometry of a series, which is known when its instances come and expensive to ask for afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import chunks
from filmroom.catalog.schema import instance, patient, series
from filmroom.catalog.schema_search import patient_change, series_geometry

_GEOMETRY = {"pixel_spacings": "pixel_spacing", "slice_thicknesses": "slice_thickness"}


def last_change(connection: sa.Connection) -> int:
    """Return the number of the newest change, 0 before the first."""
    # The end of an index: with the condition on it a plan tells that it is not read whole.
    newest = patient_change.c.number.desc()
    statement = (
        sa.select(patient_change.c.number).where(patient_change.c.number > 0).order_by(newest).limit(1)
    )
    return int(connection.scalar(statement) or 0)


def changed_since(connection: sa.Connection, number: int) -> list[int]:
    """Return the keys of the patients changed after change ``number``."""
    return list(
        connection.scalars(sa.select(patient_change.c.patient_key).where(patient_change.c.number > number))
    )


def record_patients(connection: sa.Connection, patient_keys: Iterable[int]) -> None:
    """Note that patients, their studies or series changed. Writers take turns, so numbers grow."""
    number = last_change(connection) + 1
    for keys in chunks(sorted(set(patient_keys))):
        connection.execute(sa.delete(patient_change).where(patient_change.c.patient_key.in_(keys)))
        connection.execute(
            sa.insert(patient_change), [{"patient_key": key, "number": number} for key in keys]
        )


def record_sites(connection: sa.Connection, site_ids: Iterable[int]) -> None:
    """Note that every patient of some sites changed."""
    for some in chunks(list(site_ids)):
        record_patients(
            connection, connection.scalars(sa.select(patient.c.id).where(patient.c.site_id.in_(some)))
        )


def record_geometry(connection: sa.Connection, read: Iterable[tuple[int, Mapping[str, object]]]) -> None:
    """Add what instances have to the values of their series.

    :param read: the key of the series and the attributes of each instance.
    """
    added: dict[int, dict[str, set[float]]] = {}
    for key, values in read:
        for name, attribute in _GEOMETRY.items():
            value = values.get(attribute)
            if isinstance(value, float):
                added.setdefault(key, {each: set() for each in _GEOMETRY})[name].add(value)
    for keys in chunks(sorted(added)):
        statement = sa.select(series_geometry).where(series_geometry.c.series_key.in_(keys))
        known = {row["series_key"]: dict(row) for row in connection.execute(statement).mappings()}
        new = []
        for key in keys:
            row: dict[str, Any] = known.get(key, {})
            merged = {name: _merged(row.get(name), some) for name, some in added[key].items()}
            if not row:
                new.append({"series_key": key, **merged})
            elif any(merged[name] != row[name] for name in merged):
                connection.execute(
                    sa.update(series_geometry).where(series_geometry.c.series_key == key).values(merged)
                )
        if new:
            connection.execute(sa.insert(series_geometry), new)


def wrong_geometry(
    connection: sa.Connection, which: sa.ColumnElement[bool]
) -> dict[int, dict[str, str | None]]:
    """Return what the instances of series have, where something else is recorded; of one moment.

    :param which: a condition on ``instance``.
    """
    recorded = [series_geometry.c[name] for name in _GEOMETRY]
    statement = (
        sa.select(instance.c.series_key, *(instance.c[name] for name in _GEOMETRY.values()), *recorded)
        .select_from(
            instance.outerjoin(series_geometry, series_geometry.c.series_key == instance.c.series_key)
        )
        .where(which)
        .distinct()
    )
    found: dict[int, list[sa.RowMapping]] = {}
    for row in connection.execute(statement).mappings():
        found.setdefault(row["series_key"], []).append(row)
    wrong = {}
    for key, rows in found.items():
        there = {
            name: _merged(None, {row[attribute] for row in rows if row[attribute] is not None})
            for name, attribute in _GEOMETRY.items()
        }
        if any(there[name] != rows[0][name] for name in there):
            wrong[key] = there
    return wrong


def correct_geometry(connection: sa.Connection, series_keys: Iterable[int]) -> None:
    """Record of some series what their instances have."""
    for keys in chunks(sorted(series_keys)):
        wrong = wrong_geometry(connection, instance.c.series_key.in_(keys))
        if not wrong:
            continue
        connection.execute(sa.delete(series_geometry).where(series_geometry.c.series_key.in_(list(wrong))))
        rows = [{"series_key": key, **values} for key, values in wrong.items() if any(values.values())]
        if rows:
            connection.execute(sa.insert(series_geometry), rows)
        owners = sa.select(series.c.patient_key).where(series.c.id.in_(list(wrong)))
        record_patients(connection, connection.scalars(owners))


def _merged(text: str | None, values: Iterable[float]) -> str | None:
    return ",".join(map(str, sorted({*read_values(text or ""), *values}))) or None


def read_values(text: str) -> tuple[float, ...]:
    """Return the values that a text of ``series_geometry`` holds."""
    return tuple(float(part) for part in text.split(",") if part)
