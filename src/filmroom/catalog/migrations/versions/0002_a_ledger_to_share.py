"""A ledger to share: runs say what they take in and who leads them, batches what became of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Batches of before name their files in a way that nobody can work from. Nothing is lost with them:
    # an ingest that was interrupted under the old schema looks at its files again, and finds them present.
    op.execute(sa.text("DELETE FROM ingest_batch"))
    owner = sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql")
    op.add_column("ingest_run", sa.Column("plan", sa.Text(), nullable=True))
    op.add_column("ingest_run", sa.Column("owner", owner, nullable=True))
    op.add_column("ingest_run", sa.Column("owner_expires", sa.DateTime(), nullable=True))
    op.add_column("ingest_batch", sa.Column("shared", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("ingest_batch", sa.Column("outcome", sa.LargeBinary(), nullable=True))
    op.drop_index("ix_ingest_batch_run_id", table_name="ingest_batch")
    op.create_index("ix_ingest_batch_run_id_state", "ingest_batch", ["run_id", "state"])
    # Series of a site in the order in which they are listed.
    op.create_index("ix_series_site_id_series_instance_uid", "series", ["site_id", "series_instance_uid"])
