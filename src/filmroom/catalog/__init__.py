"""What the archive knows: one catalogue in SQLite or PostgreSQL."""

from filmroom.catalog.catalog import Catalog
from filmroom.catalog.ledger import Refusal
from filmroom.catalog.pages import Row
from filmroom.catalog.runs import Batch, IngestRun, OpenRun

__all__ = ["Batch", "Catalog", "IngestRun", "OpenRun", "Refusal", "Row"]
