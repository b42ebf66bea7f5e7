"""The table of what editors say of published datasets."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Table, Text

from filmroom.catalog.schema import metadata, text

# ``document``: JSON, see ``model.datasets.DatasetFacts``. By DOI and not by its row: facts outlive a draft
# that is deleted and made again.
dataset_facts = Table(
    "dataset_facts",
    metadata,
    Column("doi", text(255), primary_key=True),
    Column("document", Text, nullable=False),
    Column("changed", DateTime, nullable=False),
)
