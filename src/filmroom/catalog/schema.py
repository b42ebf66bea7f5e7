"""The tables of the catalogue; patient, study, series and instance columns come from ``model.attributes``.

Names are lower_snake so that PostgreSQL does not fold them. Times are naive UTC. Who refers to whom::

    collection ─< site ─< patient ─< study ─< series ─< instance >─ object
    licence ─< site            protection_group ─< protection_element >─ site
    account ─< membership >─ account_group;  access_grant joins either of them to a protection_group
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    true,
)
from sqlalchemy.types import TypeEngine

from filmroom.model.attributes import Attribute, Level, at_level

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# 64-bit on PostgreSQL; on SQLite the type name must be INTEGER for the row id to be the key.
Id = BigInteger().with_variant(Integer(), "sqlite")


def text(length: int) -> TypeEngine[str]:
    """Text compared byte by byte on every engine: identifiers sort and match the same everywhere."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _type(attribute: Attribute) -> TypeEngine[Any]:
    kinds: dict[str, TypeEngine[Any]] = {
        "text": text(attribute.length),
        "date": Date(),
        "integer": BigInteger(),
        "decimal": Float(53),
    }
    return kinds[attribute.kind]


def _attribute_columns(level: Level, *leave_out: str) -> list[Column[Any]]:
    return [
        Column(attribute.column, _type(attribute), nullable=not attribute.required)
        for attribute in at_level(level)
        if attribute.column not in leave_out
    ]


def _key() -> Column[int]:
    return Column("id", Id, primary_key=True)


def _parent(name: str, target: str, *, nullable: bool = False, index: bool = False) -> Column[int]:
    return Column(name, Id, ForeignKey(f"{target}.id"), nullable=nullable, index=index)


licence = Table(
    "licence",
    metadata,
    _key(),
    Column("long_name", text(500), nullable=False, unique=True),
    Column("short_name", text(200), nullable=False),
    Column("url", text(500), nullable=False, default=""),
    Column("text", Text, nullable=False, default=""),
    Column("commercial_use", Boolean, nullable=False, default=True),
)

collection = Table(
    "collection",
    metadata,
    _key(),
    Column("name", text(200), nullable=False, unique=True),
    Column("description", Text),
    Column("description_uri", text(500)),
    Column("third_party_analysis", Boolean, nullable=False, default=False),
    Column("created", DateTime, nullable=False),
    Column("changed", DateTime, nullable=False),
)

site = Table(
    "site",
    metadata,
    _key(),
    _parent("collection_id", "collection"),
    Column("name", text(40), nullable=False),
    _parent("licence_id", "licence", nullable=True),
    UniqueConstraint("collection_id", "name"),
)

patient = Table(
    "patient",
    metadata,
    _key(),
    _parent("site_id", "site"),
    *_attribute_columns("patient"),
    UniqueConstraint("site_id", "patient_id"),
)
Index("ix_patient_upper_patient_id", func.upper(patient.c.patient_id))

study = Table(
    "study",
    metadata,
    _key(),
    _parent("patient_key", "patient", index=True),
    *_attribute_columns("study"),
    UniqueConstraint("study_instance_uid"),
)

series = Table(
    "series",
    metadata,
    _key(),
    _parent("study_key", "study", index=True),
    _parent("patient_key", "patient", index=True),
    _parent("site_id", "site"),
    *_attribute_columns("series"),
    Column("visibility", SmallInteger, nullable=False),
    Column("released_status", text(3), nullable=False, default="No"),
    Column("date_released", DateTime),
    Column("max_submission_timestamp", DateTime, nullable=False),
    Column("annotations_flag", Boolean),
    Column("annotation_size", BigInteger, nullable=False, default=0),
    Column("third_party_analysis", text(3)),
    Column("description_uri", text(500)),
    Column("licence_name", text(200)),
    Column("licence_url", text(500)),
    Column("exclude_commercial", Boolean, nullable=False, default=False),
    Column("image_count", Integer, nullable=False, default=0),
    Column("file_size", BigInteger, nullable=False, default=0),
    CheckConstraint("visibility BETWEEN 0 AND 12", name="visibility"),
    UniqueConstraint("series_instance_uid"),
    Index("ix_series_site_id_visibility_modality", "site_id", "visibility", "modality"),
    Index("ix_series_site_id_series_instance_uid", "site_id", "series_instance_uid"),
    # What is new in a collection, with the patients and studies that it is of.
    Index(
        "ix_series_site_id_visibility_date_released",
        "site_id",
        "visibility",
        "date_released",
        "patient_key",
        "study_key",
    ),
)
Index("ix_series_upper_modality", func.upper(series.c.modality))
Index("ix_series_date_released", series.c.date_released)

# UIDs that repeat in millions of rows (SOP classes, transfer syntaxes), once each.
uid_term = Table("uid_term", metadata, _key(), Column("uid", text(64), nullable=False, unique=True))

# One stored object: a pack, a lone file or a file in place.
stored_object = Table(
    "stored_object",
    metadata,
    _key(),
    Column("object_key", text(4096), nullable=False),
    Column("in_place", Boolean, nullable=False, default=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger),
    UniqueConstraint("object_key"),
)

instance = Table(
    "instance",
    metadata,
    _key(),
    _parent("series_key", "series", index=True),
    # The first 16 bytes of SHA-256 of the UID: a quarter of the index that the text would need.
    Column("uid_digest", LargeBinary(16), nullable=False),
    *_attribute_columns("instance", "sop_class_uid"),
    _parent("sop_class_term", "uid_term", nullable=True),
    _parent("transfer_syntax_term", "uid_term"),
    Column("size", BigInteger, nullable=False),
    Column("md5", LargeBinary(16), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("crc32", BigInteger, nullable=False),
    _parent("object_id", "stored_object", index=True),
    Column("object_offset", BigInteger, nullable=False),
    Column("stored_length", BigInteger, nullable=False),
    Column("encoding", text(8), nullable=False, default="identity"),
    UniqueConstraint("uid_digest"),
)

# Exact counts of visible series (visibility 1), per site and subset of the four dimensions: ``mask`` says
# which dimensions a row fixes (bit 0 modality, 1 body part, 2 manufacturer, 3 species); the others are ''.
# A missing value of a fixed dimension is '' too.
facet = Table(
    "facet",
    metadata,
    Column("site_id", Id, ForeignKey("site.id"), primary_key=True),
    Column("mask", SmallInteger, primary_key=True),
    Column("modality", text(16), primary_key=True),
    Column("body_part_examined", text(16), primary_key=True),
    Column("manufacturer", text(64), primary_key=True),
    Column("species_code", text(64), primary_key=True),
    Column("patients", Integer, nullable=False),
    Column("series", Integer, nullable=False),
)

account = Table(
    "account",
    metadata,
    _key(),
    Column("login", text(200), nullable=False, unique=True),
    Column("email", text(320)),
    Column("password_hash", text(500)),
    Column("active", Boolean, nullable=False, default=True),
    Column("created", DateTime, nullable=False),
)

account_group = Table(
    "account_group",
    metadata,
    _key(),
    Column("name", text(200), nullable=False, unique=True),
    Column("description", Text),
)

membership = Table(
    "membership",
    metadata,
    Column("account_id", Id, ForeignKey("account.id"), primary_key=True),
    Column("account_group_id", Id, ForeignKey("account_group.id"), primary_key=True),
)

protection_group = Table(
    "protection_group",
    metadata,
    _key(),
    Column("name", text(200), nullable=False, unique=True),
    Column("description", Text),
)

protection_element = Table(
    "protection_element",
    metadata,
    Column("protection_group_id", Id, ForeignKey("protection_group.id"), primary_key=True),
    Column("site_id", Id, ForeignKey("site.id"), primary_key=True),
)

access_grant = Table(
    "access_grant",
    metadata,
    _key(),
    _parent("protection_group_id", "protection_group"),
    _parent("account_id", "account", nullable=True, index=True),
    _parent("account_group_id", "account_group", nullable=True, index=True),
    Column("role", text(60), nullable=False),
    CheckConstraint("(account_id IS NULL) <> (account_group_id IS NULL)", name="one_holder"),
)

ingest_run = Table(
    "ingest_run",
    metadata,
    _key(),
    Column("run_key", text(64), nullable=False, index=True),
    # JSON: rules, paths and proof of the store, for whoever helps; see ``filmroom.ingest.plan``.
    Column("plan", Text),
    # Who scans, until when it is taken to be alive.
    Column("owner", text(200)),
    Column("owner_expires", DateTime),
    Column("started", DateTime, nullable=False),
    Column("finished", DateTime),
    Column("summary", Text),
)

ingest_batch = Table(
    "ingest_batch",
    metadata,
    _key(),
    _parent("run_id", "ingest_run"),
    Column("state", text(8), nullable=False),
    # Whether others than the run's owner can read what it names.
    Column("shared", Boolean, nullable=False, default=True, server_default=true()),
    Column("leased_by", text(200)),
    Column("lease_expires", DateTime),
    # Deflated JSON: the sources of the batch, and what became of them where a helper did it.
    Column("sources", LargeBinary, nullable=False),
    Column("outcome", LargeBinary),
    Column("finished", DateTime),
    CheckConstraint("state IN ('open', 'leased', 'done')", name="state"),
    Index("ix_ingest_batch_run_id_state", "run_id", "state"),
)

quarantine = Table(
    "quarantine",
    metadata,
    _key(),
    Column("source", Text, nullable=False),
    Column("reason", text(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", DateTime, nullable=False),
    Column("assignment", Text),
    _parent("object_id", "stored_object", nullable=True, index=True),
    Column("object_offset", BigInteger),
    Column("stored_length", BigInteger),
)

download = Table(
    "download",
    metadata,
    _key(),
    Column("at", DateTime, nullable=False, index=True),
    Column("series_instance_uid", text(64), nullable=False, index=True),
    Column("kind", text(20), nullable=False),
    Column("viewer", text(200), nullable=False),
    Column("address", text(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("licence_name", text(200)),
)

change = Table(
    "change",
    metadata,
    _key(),
    Column("at", DateTime, nullable=False),
    Column("actor", text(200), nullable=False),
    Column("subject", text(300), nullable=False),
    # JSON: what was set.
    Column("detail", Text, nullable=False),
)
