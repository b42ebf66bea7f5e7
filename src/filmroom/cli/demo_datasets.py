"""The demo's datasets: a published DOI record for each of its collections, and what their pages say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmroom.settings import ArchiveAddress

_REPOSITORY, _PREFIX = "DEMO.ARCHIVE", "10.5072"
_NAME, _YEAR = "Filmroom demo", 2026
_TEXT = "<p>Sample data of the demo: for trying things out, not for science.</p>"


def publish_datasets(address: ArchiveAddress, collections: Iterable[str]) -> None:
    """Publish the collections of the demo; those that are published already stay as they are.

    :raises CatalogError: when there is no archive.
    """
    from filmroom import settings
    from filmroom.catalog import Catalog
    from filmroom.model.datasets import DatasetFacts, DatasetKind, slug
    from filmroom.model.doi_datasets import attributes_of_dataset
    from filmroom.model.doi_repositories import DoiWriter
    from filmroom.server.datacite.editor import DoiEditor
    from filmroom.wire.datacite.change import DoiChange

    kind = settings.get("doi_short_name_type")
    with Catalog.open(address.database_url) as catalog:
        repositories = catalog.doi_repositories()
        if repositories.find(_REPOSITORY) is None:
            repositories.add(_REPOSITORY, _NAME, prefixes=[_PREFIX])
        editor = DoiEditor(catalog, _page)
        for name in collections:
            doi = f"{_PREFIX}/{slug(name)}"
            if catalog.dois().exists(doi):
                continue
            facts = catalog.doi_datasets().describe(name)
            attributes = attributes_of_dataset(facts, publisher=_NAME, year=_YEAR, kind=kind) | {
                "creators": [{"name": _NAME, "nameType": "Organizational"}],
                "descriptions": [{"description": _TEXT, "descriptionType": "Abstract"}],
            }
            editor.create(DoiWriter("demo", everywhere=True), DoiChange(attributes, doi=doi, event="publish"))
            said = DatasetFacts(
                doi=doi, kind=DatasetKind.COLLECTION, program="Demo", short_name=name, description=_TEXT
            )
            catalog.datasets(kind).put_facts([said])


def _page(doi: str) -> str:
    """Return the address of a record's page, where the demo is usually served."""
    from filmroom import settings

    root = settings.get("public_url").rstrip("/") or f"http://127.0.0.1:{settings.get('port')}"
    return f"{root}/doi/{doi}"
