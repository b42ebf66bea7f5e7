"""Files of a series that are not DICOM, and secrets of the installation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "series_file",
        sa.Column("id", key, nullable=False),
        sa.Column("series_key", key, nullable=False),
        sa.Column("name", _text(200), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("kind", _text(10), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.LargeBinary(16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("object_id", key, nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('annotation', 'other')", name=op.f("ck_series_file_kind")),
        sa.ForeignKeyConstraint(["series_key"], ["series.id"], name=op.f("fk_series_file_series_key")),
        sa.ForeignKeyConstraint(["object_id"], ["stored_object.id"], name=op.f("fk_series_file_object_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_file")),
        sa.UniqueConstraint("series_key", "folded_name", name=op.f("uq_series_file_series_key_folded_name")),
    )
    op.create_index(op.f("ix_series_file_object_id"), "series_file", ["object_id"])
    op.create_table(
        "installation_secret",
        sa.Column("name", _text(40), nullable=False),
        sa.Column("secret", _text(200), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation_secret")),
    )
