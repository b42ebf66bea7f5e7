"""Text search."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    series_text = op.create_table(
        "series_text",
        sa.Column("series_key", key, autoincrement=False, nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("tags", sa.LargeBinary(), nullable=False),
        sa.Column("waiting_since", sa.DateTime(), nullable=True),
        sa.Column(
            "leased_by",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("lease_expires", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["series_key"], ["series.id"], name=op.f("fk_series_text_series_key")),
        sa.PrimaryKeyConstraint("series_key", name=op.f("pk_series_text")),
    )
    for name, columns, condition in (
        ("ix_series_text_waiting_since", ["waiting_since", "series_key"], "waiting_since IS NOT NULL"),
        ("ix_series_text_problem", ["series_key"], "problem IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "series_text", columns, sqlite_where=where, postgresql_where=where)
    # Everything that is there already waits to be indexed.
    op.execute(
        sa.insert(series_text).from_select(
            ["series_key", "fields", "tags", "waiting_since"],
            sa.select(
                sa.column("id", key),
                sa.literal(b"", sa.LargeBinary()),
                sa.literal(b"", sa.LargeBinary()),
                sa.literal(dt.datetime.now(dt.UTC).replace(tzinfo=None), sa.DateTime()),
            ).select_from(sa.table("series")),
            include_defaults=False,
        )
    )
    if op.get_bind().dialect.name == "sqlite":
        # The texts lie in series_text; words are split before they come here. See text_words.
        op.execute(
            "CREATE VIRTUAL TABLE series_words"
            " USING fts5(words, content='', tokenize=\"ascii tokenchars '.'\")"
        )
        return
    op.create_table(
        "series_words",
        sa.Column("series_key", key, autoincrement=False, nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("series_key", name=op.f("pk_series_words")),
    )
    op.create_index("ix_series_words_words", "series_words", ["words"], postgresql_using="gin")
