"""What editors say of published datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    doi = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
    op.create_table(
        "dataset_facts",
        sa.Column("doi", doi, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("doi", name=op.f("pk_dataset_facts")),
    )
