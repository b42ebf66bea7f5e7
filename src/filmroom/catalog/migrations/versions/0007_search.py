"""Tables and indexes of simple search and long lists."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SERIES_AT_ONCE = 2_000


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "patient_change",
        sa.Column("patient_key", key, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", name=op.f("pk_patient_change")),
    )
    op.create_index(op.f("ix_patient_change_number"), "patient_change", ["number"])
    geometry = op.create_table(
        "series_geometry",
        sa.Column("series_key", key, autoincrement=False, nullable=False),
        sa.Column("pixel_spacings", sa.Text(), nullable=True),
        sa.Column("slice_thicknesses", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["series_key"], ["series.id"], name=op.f("fk_series_geometry_series_key")),
        sa.PrimaryKeyConstraint("series_key", name=op.f("pk_series_geometry")),
    )
    _fill(geometry)
    op.create_index(
        "ix_series_site_id_visibility_date_released",
        "series",
        ["site_id", "visibility", "date_released", "patient_key", "study_key"],
    )


def _fill(geometry: sa.Table) -> None:
    """Write what the instances that are there already have."""
    connection = op.get_bind()
    highest = int(connection.execute(sa.text("SELECT max(id) FROM series")).scalar() or 0)
    for first in range(0, highest + 1, _SERIES_AT_ONCE):
        rows = list(_geometries(connection, first, first + _SERIES_AT_ONCE - 1))
        if rows:
            connection.execute(sa.insert(geometry), rows)


def _geometries(connection: sa.Connection, first: int, last: int) -> Iterator[dict[str, Any]]:
    found = connection.execute(
        sa.text(
            "SELECT DISTINCT series_key, pixel_spacing, slice_thickness FROM instance"
            " WHERE series_key BETWEEN :first AND :last ORDER BY series_key"
        ),
        {"first": first, "last": last},
    )
    for series_key, group in groupby(found, key=lambda row: row.series_key):
        spacings, thicknesses = set(), set()
        for _, spacing, thickness in group:
            spacings.add(spacing)
            thicknesses.add(thickness)
        if spacings | thicknesses != {None}:
            yield {
                "series_key": series_key,
                "pixel_spacings": _text(spacings),
                "slice_thicknesses": _text(thicknesses),
            }


def _text(values: set[float | None]) -> str | None:
    return ",".join(str(value) for value in sorted(v for v in values if v is not None)) or None
