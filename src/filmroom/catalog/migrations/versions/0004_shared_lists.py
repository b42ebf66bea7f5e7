"""Shared lists of series."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length=length).with_variant(sa.String(length=length, collation="C"), "postgresql")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "shared_list",
        sa.Column("id", key, nullable=False),
        sa.Column("name", _text(200), nullable=False),
        sa.Column("folded_name", _text(600), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("hyperlink", _text(500), nullable=True),
        sa.Column("account_id", key, nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("usage_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_shared_list_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_list")),
        sa.UniqueConstraint("folded_name", name=op.f("uq_shared_list_folded_name")),
    )
    op.create_index(op.f("ix_shared_list_account_id"), "shared_list", ["account_id"])
    op.create_table(
        "shared_list_entry",
        sa.Column("id", key, nullable=False),
        sa.Column("list_id", key, nullable=False),
        sa.Column("series_instance_uid", _text(64), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["shared_list.id"], name=op.f("fk_shared_list_entry_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_list_entry")),
        sa.UniqueConstraint(
            "list_id",
            "series_instance_uid",
            name=op.f("uq_shared_list_entry_list_id_series_instance_uid"),
        ),
    )
