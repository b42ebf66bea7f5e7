"""Records of DOIs, and the terms they are found by."""

from __future__ import annotations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: the tables come with the next commits."""
