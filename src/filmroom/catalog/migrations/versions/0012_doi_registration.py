"""Repositories of DOIs, who writes for them, and their registration at DataCite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length=length).with_variant(sa.String(length=length, collation="C"), "postgresql")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "doi_repository",
        sa.Column("id", key, nullable=False),
        sa.Column("symbol", _text(60), nullable=False),
        sa.Column("name", _text(300), nullable=False),
        sa.Column("domains", _text(2000), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi_repository")),
        sa.UniqueConstraint("symbol", name=op.f("uq_doi_repository_symbol")),
    )
    op.create_table(
        "doi_repository_prefix",
        sa.Column("doi_repository_id", key, nullable=False),
        sa.Column("prefix", _text(12), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["doi_repository_id"],
            ["doi_repository.id"],
            name=op.f("fk_doi_repository_prefix_doi_repository_id"),
        ),
        sa.PrimaryKeyConstraint("doi_repository_id", "prefix", name=op.f("pk_doi_repository_prefix")),
    )
    op.create_table(
        "doi_writer",
        sa.Column("id", key, nullable=False),
        sa.Column("account_id", key, nullable=False),
        sa.Column("doi_repository_id", key, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_doi_writer_account_id")),
        sa.ForeignKeyConstraint(
            ["doi_repository_id"], ["doi_repository.id"], name=op.f("fk_doi_writer_doi_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi_writer")),
        sa.UniqueConstraint(
            "account_id", "doi_repository_id", name=op.f("uq_doi_writer_account_id_doi_repository_id")
        ),
    )
    op.create_index(op.f("ix_doi_writer_account_id"), "doi_writer", ["account_id"])
    op.create_index(op.f("ix_doi_writer_doi_repository_id"), "doi_writer", ["doi_repository_id"])
    op.create_table(
        "doi_push",
        sa.Column("system", _text(10), nullable=False),
        sa.Column("doi", _text(255), nullable=False),
        sa.Column("wanted", _text(10), nullable=False),
        sa.Column("digest", _text(64), nullable=True),
        sa.Column("state", _text(8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("next_try", sa.DateTime(), nullable=True),
        sa.Column("done", sa.DateTime(), nullable=True),
        sa.Column("leased_by", _text(200), nullable=True),
        sa.Column("lease_expires", sa.DateTime(), nullable=True),
        sa.CheckConstraint("system IN ('test', 'production')", name=op.f("ck_doi_push_system")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'stopped')", name=op.f("ck_doi_push_state")),
        sa.PrimaryKeyConstraint("system", "doi", name=op.f("pk_doi_push")),
    )
