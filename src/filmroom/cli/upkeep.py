"""Commands that keep an archive sound: ``fsck`` and ``upgrade``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filmroom.cli.output import Format, say

_EPILOG = """\
Example:

  filmroom upgrade --data /srv/images
"""

_FSCK = """
Compare catalogue and store: every instance's bytes with its digests, and both with what belongs to nobody.

--repair mends what can be mended without losing data: wrong totals and counts, other times of unchanged \
objects, objects and rows that nothing refers to. Damaged and missing instances are listed; --heal PATH puts \
them back from the original files. An archive in use may be checked.

Exit code: 0 catalogue and store agree, 5 something is left, 1 failed, 2 wrong usage.

[bold]Examples[/bold]

  filmroom fsck --quick

  filmroom fsck --repair --report fsck.json

  filmroom fsck --heal /data/originals
"""

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the archive.", show_default=False)]
DatabaseOption = Annotated[
    str | None, typer.Option("--database-url", help="Catalogue address.", show_default=False)
]
StoreOption = Annotated[str | None, typer.Option("--store-url", help="Store address.", show_default=False)]


def fsck(
    *,
    full: Annotated[
        bool, typer.Option("--full/--quick", help="Read every byte, or compare sizes and times alone.")
    ] = True,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    heal: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Put damaged and missing instances back from these files, folders or ZIP archives.",
            show_default=False,
        ),
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Hours for which unknown objects may belong to a running ingest.")
    ] = 24,
    many_orphans: Annotated[
        bool, typer.Option("--many-orphans", help="Delete orphans even if they outnumber what is known.")
    ] = False,
    fmt: Annotated[Format, typer.Option("--format", help="How to print findings.")] = Format.TABLE,
    report: Annotated[
        Path | None, typer.Option(help="Write everything found to this JSON file.", show_default=False)
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    from filmroom.cli.findings import FindingPrinter, shown_fsck_progress
    from filmroom.settings import ArchiveAddress
    from filmroom.upkeep import FsckOptions, check_archive

    address = ArchiveAddress.resolve(data, database_url, store_url)
    options = FsckOptions(
        full=full,
        repair=repair,
        heal=tuple(heal or ()),
        grace=grace * 3600,
        many_orphans=many_orphans,
    )
    with FindingPrinter(fmt, report) as printer:
        with shown_fsck_progress() as show:
            result = check_archive(address, options, printer.tell, show)
        printer.finish(result)
    if result.left:
        raise typer.Exit(5)


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
    """Add the commands of this module."""
    app.command("fsck", help=_FSCK)(fsck)
    app.command("upgrade", epilog=_EPILOG)(upgrade)
