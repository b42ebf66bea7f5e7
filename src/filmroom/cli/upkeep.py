"""``filmroom upgrade``: bring an archive's catalogue to this program's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filmroom.cli.output import say

_EPILOG = """\
Example:

  filmroom upgrade --data /srv/images
"""


def upgrade(
    data: Annotated[Path | None, typer.Option(help="Folder of the archive.", show_default=False)] = None,
    database_url: Annotated[
        str | None,
        typer.Option(help="Catalogue address, instead of SQLite in the folder.", show_default=False),
    ] = None,
) -> None:
    """Bring the catalogue of an archive to the schema of this program. Make a backup first."""
    from filmroom import settings
    from filmroom.catalog import Catalog

    before, after = Catalog.upgrade(settings.ArchiveAddress.resolve(data, database_url).database_url)
    say(
        f"The catalogue has schema {after} already."
        if before == after
        else f"Schema {before} became {after}."
    )


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("upgrade", epilog=_EPILOG)(upgrade)
