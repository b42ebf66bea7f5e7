"""The tables of what is delivered beside the images: files of a series, the installation's secrets."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from filmroom.catalog.schema import Id, metadata, text

# A file that is not DICOM. It has an object of its own.
series_file = Table(
    "series_file",
    metadata,
    Column("id", Id, primary_key=True),
    Column("series_key", Id, ForeignKey("series.id"), nullable=False),
    Column("name", text(200), nullable=False),
    # The name as file systems compare it that take no notice of case.
    Column("folded_name", Text, nullable=False),
    Column("kind", text(10), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("md5", LargeBinary(16), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("object_id", Id, ForeignKey("stored_object.id"), nullable=False, index=True),
    Column("created", DateTime, nullable=False),
    CheckConstraint("kind IN ('annotation', 'other')", name="kind"),
    UniqueConstraint("series_key", "folded_name"),
)

# Made once, by chance, where they are first needed.
installation_secret = Table(
    "installation_secret",
    metadata,
    Column("name", text(40), primary_key=True),
    Column("secret", text(200), nullable=False),
    Column("created", DateTime, nullable=False),
)
