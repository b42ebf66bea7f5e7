"""Records of DOIs, and the terms they are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length=length).with_variant(sa.String(length=length, collation="C"), "postgresql")


_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COUNTS = (
    "view_count",
    "download_count",
    "reference_count",
    "citation_count",
    "part_count",
    "part_of_count",
    "version_count",
    "version_of_count",
)


def upgrade() -> None:
    _records()
    _terms()
    _history()


def _records() -> None:
    op.create_table(
        "doi",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("doi", _text(255), nullable=False),
        sa.Column("prefix", _text(20), nullable=False),
        sa.Column("client", _text(60), nullable=False),
        sa.Column("provider", _text(60), nullable=False),
        sa.Column("state", _text(10), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("registered", sa.DateTime(), nullable=True),
        sa.Column("updated", sa.DateTime(), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=True),
        sa.Column("publication_year", sa.Integer(), nullable=True),
        sa.Column("resource_type_id", _text(40), nullable=True),
        sa.Column("resource_type", _text(400), nullable=True),
        sa.Column("title", _text(400), nullable=False),
        sa.Column("source", _text(40), nullable=True),
        sa.Column("schema_version", _text(60), nullable=True),
        sa.Column("metadata_version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tick", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('draft', 'registered', 'findable')", name=op.f("ck_doi_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi")),
        sa.UniqueConstraint("doi", name=op.f("uq_doi_doi")),
    )
    for columns in (
        ["prefix"],
        ["client"],
        ["provider"],
        ["publication_year"],
        ["created", "doi"],
        ["updated"],
        ["registered"],
        ["state", "client"],
        ["tick"],
    ):
        op.create_index(op.f(f"ix_doi_{'_'.join(columns)}"), "doi", columns)
    clock = op.create_table(
        "doi_clock",
        sa.Column("id", _KEY, autoincrement=False, nullable=False),
        sa.Column("tick", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi_clock")),
    )
    op.execute(sa.insert(clock).values(id=1, tick=0))
    op.create_table(
        "doi_document",
        sa.Column("doi_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("xml", sa.LargeBinary(), nullable=True),
        sa.Column("imported", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["doi_id"], ["doi.id"], name=op.f("fk_doi_document_doi_id")),
        sa.PrimaryKeyConstraint("doi_id", name=op.f("pk_doi_document")),
    )


def _terms() -> None:
    op.create_table(
        "doi_term",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("field", _text(120), nullable=False),
        sa.Column("term", _text(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi_term")),
    )
    op.create_index("uq_doi_term_field_term", "doi_term", ["field", "term"], unique=True)
    op.create_table(
        "doi_posting",
        sa.Column("term_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("doi_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("positions", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("term_id", "doi_id", name=op.f("pk_doi_posting")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_doi_posting_doi_id"), "doi_posting", ["doi_id"])
    op.create_table(
        "doi_link",
        sa.Column("doi_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", _text(255), nullable=False),
        sa.Column("object", _text(255), nullable=False),
        sa.ForeignKeyConstraint(["doi_id"], ["doi.id"], name=op.f("fk_doi_link_doi_id")),
        sa.PrimaryKeyConstraint("doi_id", "kind", "subject", "object", name=op.f("pk_doi_link")),
    )
    op.create_index("ix_doi_link_subject_kind", "doi_link", ["subject", "kind"])


def _history() -> None:
    op.create_table(
        "doi_activity",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("uid", _text(36), nullable=False),
        sa.Column("doi", _text(255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("action", _text(10), nullable=False),
        sa.Column("client", _text(60), nullable=False),
        sa.Column("actor", _text(200), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.CheckConstraint("action IN ('create', 'update', 'destroy')", name=op.f("ck_doi_activity_action")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doi_activity")),
        sa.UniqueConstraint("uid", name=op.f("uq_doi_activity_uid")),
    )
    op.create_index(op.f("ix_doi_activity_at"), "doi_activity", ["at"])
    op.create_index("ix_doi_activity_doi_version", "doi_activity", ["doi", "version"], unique=True)
    op.create_table(
        "doi_usage",
        sa.Column("doi_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("month", _text(7), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["doi_id"], ["doi.id"], name=op.f("fk_doi_usage_doi_id")),
        sa.PrimaryKeyConstraint("doi_id", "month", name=op.f("pk_doi_usage")),
    )
