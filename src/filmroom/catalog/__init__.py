"""What the archive knows: one catalogue in SQLite or PostgreSQL."""

from filmroom.catalog.catalog import Catalog
from filmroom.catalog.ledger import IngestRun, Refusal
from filmroom.catalog.read import Row

__all__ = ["Catalog", "IngestRun", "Refusal", "Row"]
