"""The tables of simple search beside those of ``schema``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Table, Text

from filmroom.catalog.schema import Id, metadata

# The distinct values that the instances of a series have, in mm, joined by commas: those of a series of
# thousands of instances are to be had without reading them. A series without any has no row.
series_geometry = Table(
    "series_geometry",
    metadata,
    Column("series_key", Id, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("pixel_spacings", Text),
    Column("slice_thicknesses", Text),
)

# When a patient, or anything of it that is searched, was last changed: a number that grows with every
# transaction that changes one. Who keeps a copy asks for what is new since. Not a foreign key: of a patient
# that is gone it must be told too.
patient_change = Table(
    "patient_change",
    metadata,
    Column("patient_key", Id, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, index=True),
)
