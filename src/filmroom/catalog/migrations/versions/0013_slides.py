"""Whole-slide images, and whether a collection gives them out as they came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "slide_originals",
        sa.Column("collection_id", key, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_slide_originals_collection_id")
        ),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_slide_originals")),
    )
    op.create_table(
        "slide",
        sa.Column("id", key, nullable=False),
        sa.Column("collection_id", key, nullable=False),
        sa.Column("site_id", key, nullable=False),
        sa.Column("subject_id", _text(64), nullable=False),
        sa.Column("image_id", _text(200), nullable=False),
        sa.Column("name", _text(200), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("format", _text(10), nullable=False),
        sa.Column("vendor", _text(64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("pixel_size_x", sa.Float(53), nullable=True),
        sa.Column("pixel_size_y", sa.Float(53), nullable=True),
        sa.Column("objective_power", sa.Float(53), nullable=True),
        sa.Column("stain", _text(64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.LargeBinary(16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("original_sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("is_original", sa.Boolean(), nullable=False),
        sa.Column("object_id", key, nullable=False),
        sa.Column("visibility", sa.SmallInteger(), nullable=False),
        sa.Column("description_uri", _text(500), nullable=True),
        sa.Column("licence_name", _text(200), nullable=True),
        sa.Column("licence_url", _text(500), nullable=True),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_slide_collection_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_slide_site_id")),
        sa.ForeignKeyConstraint(["object_id"], ["stored_object.id"], name=op.f("fk_slide_object_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slide")),
        sa.UniqueConstraint("collection_id", "folded_name", name=op.f("uq_slide_collection_id_folded_name")),
    )
    op.create_index(op.f("ix_slide_object_id"), "slide", ["object_id"])
    op.create_index("ix_slide_in_collection", "slide", ["collection_id", "id", "site_id", "visibility"])
    op.create_index("ix_slide_site_id_visibility", "slide", ["site_id", "visibility"])
