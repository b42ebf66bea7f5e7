"""Options that many commands share: which archive, and how to print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filmroom.cli.output import Format

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the archive.", show_default=False)]
DatabaseOption = Annotated[
    str | None, typer.Option("--database-url", help="Catalogue address.", show_default=False)
]
StoreOption = Annotated[str | None, typer.Option("--store-url", help="Store address.", show_default=False)]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]
