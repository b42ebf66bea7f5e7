"""The tables of DOI records, the terms they are found by, their relations and their history."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from filmroom.catalog.schema import Id, metadata, text

# What is filtered, sorted and counted by; the record itself lies in doi_document, so that these rows stay
# short. ``revision`` counts the record's own changes; ``tick`` is the time of doi_clock at which the row was
# last written: what has a later one has changed since.
# ``labels``: JSON, the values that lists are counted by (licences, subjects, …). Counts are those that are
# shown: of an imported record those that came with it.
doi = Table(
    "doi",
    metadata,
    Column("id", Id, primary_key=True),
    Column("doi", text(255), nullable=False, unique=True),
    Column("prefix", text(20), nullable=False, index=True),
    Column("client", text(60), nullable=False, index=True),
    Column("provider", text(60), nullable=False, index=True),
    Column("state", text(10), nullable=False),
    Column("created", DateTime, nullable=False),
    Column("registered", DateTime),
    Column("updated", DateTime, nullable=False),
    Column("imported_at", DateTime),
    Column("publication_year", Integer, index=True),
    Column("resource_type_id", text(40)),
    Column("resource_type", text(400)),
    Column("title", text(400), nullable=False),
    Column("source", text(40)),
    Column("schema_version", text(60)),
    Column("metadata_version", Integer, nullable=False),
    Column("view_count", BigInteger, nullable=False, default=0),
    Column("download_count", BigInteger, nullable=False, default=0),
    Column("reference_count", BigInteger, nullable=False, default=0),
    Column("citation_count", BigInteger, nullable=False, default=0),
    Column("part_count", BigInteger, nullable=False, default=0),
    Column("part_of_count", BigInteger, nullable=False, default=0),
    Column("version_count", BigInteger, nullable=False, default=0),
    Column("version_of_count", BigInteger, nullable=False, default=0),
    Column("labels", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("tick", BigInteger, nullable=False, index=True),
    CheckConstraint("state IN ('draft', 'registered', 'findable')", name="state"),
    Index("ix_doi_created_doi", "created", "doi"),
    Index("ix_doi_updated", "updated"),
    Index("ix_doi_registered", "registered"),
    Index("ix_doi_state_client", "state", "client"),
)

# One row: the number of transactions that changed records.
doi_clock = Table(
    "doi_clock",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("tick", BigInteger, nullable=False),
)

# ``attributes``: JSON, the metadata as it is shown, nested keys in order. ``imported``: JSON, what came with
# an imported record beside its metadata.
doi_document = Table(
    "doi_document",
    metadata,
    Column("doi_id", Id, ForeignKey("doi.id"), primary_key=True, autoincrement=False),
    Column("attributes", Text, nullable=False),
    Column("url", Text),
    Column("reason", Text),
    Column("xml", LargeBinary),
    Column("imported", Text),
)

# The words and values of all records, each once; the empty term of a field stands for any value.
doi_term = Table(
    "doi_term",
    metadata,
    Column("id", Id, primary_key=True),
    Column("field", text(120), nullable=False),
    Column("term", text(500), nullable=False),
    Index("uq_doi_term_field_term", "field", "term", unique=True),
)

# Which record has which term. ``positions`` of words in a text: 32-bit numbers. No foreign keys: they would
# be looked up for each of some hundred rows of a record, which are only ever written together with it.
doi_posting = Table(
    "doi_posting",
    metadata,
    Column("term_id", Id, primary_key=True, autoincrement=False),
    Column("doi_id", Id, primary_key=True, autoincrement=False),
    Column("positions", LargeBinary),
    Index("ix_doi_posting_doi_id", "doi_id"),
    sqlite_with_rowid=False,
)

# ``subject`` has ``object`` in its list ``kind``, because of what the record ``doi_id`` says.
doi_link = Table(
    "doi_link",
    metadata,
    Column("doi_id", Id, ForeignKey("doi.id"), primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("subject", text(255), primary_key=True),
    Column("object", text(255), primary_key=True),
    Index("ix_doi_link_subject_kind", "subject", "kind"),
)

# Every change, also of drafts that are gone. ``changes``: JSON.
doi_activity = Table(
    "doi_activity",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", text(36), nullable=False, unique=True),
    Column("doi", text(255), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", DateTime, nullable=False, index=True),
    Column("action", text(10), nullable=False),
    Column("client", text(60), nullable=False),
    Column("actor", text(200), nullable=False),
    Column("changes", Text, nullable=False),
    CheckConstraint("action IN ('create', 'update', 'destroy')", name="action"),
    Index("ix_doi_activity_doi_version", "doi", "version", unique=True),
)

# How often a record's page was looked at and its data fetched, a row for each month.
doi_usage = Table(
    "doi_usage",
    metadata,
    Column("doi_id", Id, ForeignKey("doi.id"), primary_key=True, autoincrement=False),
    Column("month", text(7), primary_key=True),
    Column("views", BigInteger, nullable=False, default=0),
    Column("downloads", BigInteger, nullable=False, default=0),
)
