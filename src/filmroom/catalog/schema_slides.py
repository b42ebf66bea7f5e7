"""The table of whole-slide images: each has one file, which lies alone in its object."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from filmroom.catalog.schema import Id, metadata, text

# Collections whose slides are given out as they came, with the pictures of the glass.
slide_originals = Table(
    "slide_originals",
    metadata,
    Column("collection_id", Id, ForeignKey("collection.id"), primary_key=True, autoincrement=False),
)

slide = Table(
    "slide",
    metadata,
    Column("id", Id, primary_key=True),
    # Of the site too; here for the names, which are unique in a collection.
    Column("collection_id", Id, ForeignKey("collection.id"), nullable=False),
    Column("site_id", Id, ForeignKey("site.id"), nullable=False),
    Column("subject_id", text(64), nullable=False),
    Column("image_id", text(200), nullable=False),
    Column("name", text(200), nullable=False),
    # The name as file systems compare it that take no notice of case.
    Column("folded_name", Text, nullable=False),
    Column("format", text(10), nullable=False),
    Column("vendor", text(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # Micrometres per pixel of the largest level, and the objective's magnification.
    Column("pixel_size_x", Float(53)),
    Column("pixel_size_y", Float(53)),
    Column("objective_power", Float(53)),
    Column("stain", text(64)),
    Column("size", BigInteger, nullable=False),
    Column("md5", LargeBinary(16), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("crc32", BigInteger, nullable=False),
    # Of the file as it came, before the pictures of the glass were left out.
    Column("original_sha256", LargeBinary(32), nullable=False),
    Column("is_original", Boolean, nullable=False),
    Column("object_id", Id, ForeignKey("stored_object.id"), nullable=False, index=True),
    Column("visibility", SmallInteger, nullable=False),
    Column("description_uri", text(500)),
    Column("licence_name", text(200)),
    Column("licence_url", text(500)),
    Column("created", DateTime, nullable=False),
    Column("changed", DateTime, nullable=False),
    UniqueConstraint("collection_id", "folded_name"),
    Index("ix_slide_in_collection", "collection_id", "id", "site_id", "visibility"),
    Index("ix_slide_site_id_visibility", "site_id", "visibility"),
)
