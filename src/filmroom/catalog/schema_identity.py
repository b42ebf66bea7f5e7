"""The table of accounts whose people log in with their institute."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, UniqueConstraint

from filmroom.catalog.schema import Id, metadata, text

# Without issuer and subject the account waits: the first person who comes with its login is it.
identity = Table(
    "identity",
    metadata,
    Column("account_id", Id, ForeignKey("account.id"), primary_key=True),
    Column("issuer", text(300)),
    Column("subject", text(255)),
    CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="both_or_neither"),
    UniqueConstraint("issuer", "subject"),
)
