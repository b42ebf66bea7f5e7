"""The tables of whoever owns DOIs and writes them, and of what was registered at DataCite."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from filmroom.catalog.schema import Id, metadata, text

# ``symbol`` is lower case. ``domains``: hosts of landing pages, between commas.
doi_repository = Table(
    "doi_repository",
    metadata,
    Column("id", Id, primary_key=True),
    Column("symbol", text(60), nullable=False, unique=True),
    Column("name", text(300), nullable=False),
    Column("domains", text(2000), nullable=False, default="*"),
    Column("active", Boolean, nullable=False, default=True, server_default=true()),
    Column("created", DateTime, nullable=False),
    Column("changed", DateTime, nullable=False),
)

doi_repository_prefix = Table(
    "doi_repository_prefix",
    metadata,
    Column("doi_repository_id", Id, ForeignKey("doi_repository.id"), primary_key=True),
    Column("prefix", text(12), primary_key=True),
    Column("created", DateTime, nullable=False),
)

# Accounts that write DOIs: for one repository, or without one for all of them.
doi_writer = Table(
    "doi_writer",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False, index=True),
    Column("doi_repository_id", Id, ForeignKey("doi_repository.id"), index=True),
    UniqueConstraint("account_id", "doi_repository_id"),
)

# What is known of a DOI at the other end. ``system`` is test or production: they share nothing. ``revision``
# is that of the record that was last looked at, ``digest`` is of what is there. A worker holds a
# lease on what it is about to send.
doi_push = Table(
    "doi_push",
    metadata,
    Column("system", text(10), primary_key=True),
    Column("doi", text(255), primary_key=True),
    Column("wanted", text(10), nullable=False),
    Column("digest", text(64)),
    Column("state", text(8), nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("error", Text),
    Column("revision", BigInteger, nullable=False),
    Column("next_try", DateTime),
    Column("done", DateTime),
    Column("leased_by", text(200)),
    Column("lease_expires", DateTime),
    CheckConstraint("system IN ('test', 'production')", name="system"),
    CheckConstraint("state IN ('waiting', 'done', 'stopped')", name="state"),
)
