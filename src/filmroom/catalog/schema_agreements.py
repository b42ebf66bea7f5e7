"""The tables of data usage agreements: every version of each text, and who accepted which."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Integer, Table, Text

from filmroom.catalog.schema import Id, metadata, text

# Without a collection it is the archive's own. Of one place, one version at most is not superseded.
agreement = Table(
    "agreement",
    metadata,
    Column("id", Id, primary_key=True),
    Column("collection_id", Id, ForeignKey("collection.id"), index=True),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("created", DateTime, nullable=False),
    Column("superseded", DateTime),
)

acceptance = Table(
    "acceptance",
    metadata,
    Column("agreement_id", Id, ForeignKey("agreement.id"), primary_key=True),
    Column("account_id", Id, ForeignKey("account.id"), primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("address", text(64), nullable=False),
)
