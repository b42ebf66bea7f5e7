"""Agreements and their acceptance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "agreement",
        sa.Column("id", key, nullable=False),
        sa.Column("collection_id", key, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("superseded", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_agreement_collection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement")),
    )
    op.create_index(op.f("ix_agreement_collection_id"), "agreement", ["collection_id"])
    op.create_table(
        "acceptance",
        sa.Column("agreement_id", key, nullable=False),
        sa.Column("account_id", key, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column(
            "address",
            sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreement.id"], name=op.f("fk_acceptance_agreement_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_acceptance_account_id")),
        sa.PrimaryKeyConstraint("agreement_id", "account_id", name=op.f("pk_acceptance")),
    )
