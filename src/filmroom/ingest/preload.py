"""What every reading process needs, imported once in the process that they are forked from."""

from filmroom.ingest import check, readers
from filmroom.store import local

__all__ = ["check", "local", "readers"]
