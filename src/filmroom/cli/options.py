"""Options that many commands share: which archive, and how to print; and the archive's catalogue."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.output import Format

if TYPE_CHECKING:
    from filmroom.catalog import Catalog

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the archive.", show_default=False)]
DatabaseOption = Annotated[
    str | None, typer.Option("--database-url", help="Catalogue address.", show_default=False)
]
StoreOption = Annotated[str | None, typer.Option("--store-url", help="Store address.", show_default=False)]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]


def open_catalog(data: Path | None, database_url: str | None) -> AbstractContextManager[Catalog]:
    """Return the catalogue that options and environment name. :raises CatalogError: when there is none."""
    from filmroom.catalog import Catalog
    from filmroom.settings import ArchiveAddress

    return Catalog.open(ArchiveAddress.resolve(data, database_url).database_url)
