"""Logins: tokens, and grants on whole collections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "token",
        sa.Column("id", key, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column(
            "kind",
            sa.String(length=8).with_variant(sa.String(length=8, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("account_id", key, nullable=False),
        sa.Column("family", sa.LargeBinary(16), nullable=False),
        sa.Column(
            "client_id",
            sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=True),
        sa.Column("revoked", sa.DateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('access', 'refresh', 'client')", name=op.f("ck_token_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_token_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
        sa.UniqueConstraint("client_id", name=op.f("uq_token_client_id")),
    )
    for column in ("account_id", "family", "expires"):
        op.create_index(op.f(f"ix_token_{column}"), "token", [column])
    op.create_table(
        "protection_collection",
        sa.Column("protection_group_id", key, nullable=False),
        sa.Column("collection_id", key, nullable=False),
        sa.ForeignKeyConstraint(
            ["protection_group_id"],
            ["protection_group.id"],
            name=op.f("fk_protection_collection_protection_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_protection_collection_collection_id")
        ),
        sa.PrimaryKeyConstraint(
            "protection_group_id", "collection_id", name=op.f("pk_protection_collection")
        ),
    )
