"""The tables of shared lists: a name, its owner, and the series that were put on it."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Integer, Table, Text, UniqueConstraint

from filmroom.catalog.schema import Id, metadata, text

# ``folded_name`` is the name as it is matched, without its case: up to three letters for one.
shared_list = Table(
    "shared_list",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", text(200), nullable=False),
    Column("folded_name", text(600), nullable=False),
    Column("description", Text),
    Column("hyperlink", text(500)),
    Column("account_id", Id, ForeignKey("account.id"), nullable=False, index=True),
    Column("created", DateTime, nullable=False),
    Column("usage_count", Integer, nullable=False, default=0),
    UniqueConstraint("folded_name"),
)

# By UID, not by row: a list outlives a series that is taken out and delivered again.
shared_list_entry = Table(
    "shared_list_entry",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list_id", Id, ForeignKey("shared_list.id"), nullable=False),
    Column("series_instance_uid", text(64), nullable=False),
    UniqueConstraint("list_id", "series_instance_uid"),
)
