"""The tables of logins beside those of ``schema``: tokens, and grants on whole collections."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, LargeBinary, Table, UniqueConstraint

from filmroom.catalog.schema import Id, metadata, text

# A token itself is never kept, only its SHA-256. ``client_id`` is the public half of a program's secret.
# What came of one login is one family: it ends together.
token = Table(
    "token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("kind", text(8), nullable=False),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False, index=True),
    Column("family", LargeBinary(16), nullable=False, index=True),
    Column("client_id", text(64)),
    Column("created", DateTime, nullable=False),
    Column("expires", DateTime, index=True),
    Column("revoked", DateTime),
    CheckConstraint("kind IN ('access', 'refresh', 'client')", name="kind"),
    UniqueConstraint("digest"),
    UniqueConstraint("client_id"),
)

# Groups that hold every site of a collection: a site that is made later becomes an element of them.
protection_collection = Table(
    "protection_collection",
    metadata,
    Column("protection_group_id", Id, ForeignKey("protection_group.id"), primary_key=True),
    Column("collection_id", Id, ForeignKey("collection.id"), primary_key=True),
)
