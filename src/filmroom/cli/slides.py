"""The command group ``slide``: whole-slide images of an archive on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, StoreOption, open_catalog
from filmroom.cli.output import Format, print_records, say

slide_app = typer.Typer(
    no_args_is_help=True, help="Whole-slide images of the archive: list, describe, take out."
)

CollectionArgument = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of the collection.")]


@slide_app.command("list", epilog="Example: filmroom slide list --collection CPTAC-LUAD --format csv")
def list_slides(
    *,
    collection: Annotated[
        str | None, typer.Option(help="Only this collection's.", show_default=False)
    ] = None,
    output: FormatOption = Format.TABLE,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """List the slides, with what their files say of them."""
    with open_catalog(data, database_url) as catalog:
        records = list(catalog.slide_administration().records(collection))
    table = ("collection", "name", "subject_id", "width", "height", "objective_power", "stain", "size")
    columns = table if output is Format.TABLE else tuple(records[0]) if records else table
    print_records(records, columns, output, empty="The archive has no slides.")


@slide_app.command("describe", epilog="Example: filmroom slide describe CPTAC-LUAD slides.csv")
def describe(
    collection: CollectionArgument,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", help="Columns: name, subject_id, image_id, stain; empty cells stay."
        ),
    ],
    *,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Say whose slides these are and how they were stained: all of the table, or nothing."""
    from filmroom.ingest.slide_table import read_slide_table

    rows = read_slide_table(table)
    with open_catalog(data, database_url) as catalog:
        catalog.slide_administration().describe(collection, rows)
    say(f"{len(rows)} slides described.")


@slide_app.command("originals", epilog="Example: filmroom slide originals CPTAC-LUAD yes")
def originals(
    collection: CollectionArgument,
    given: Annotated[Literal["yes", "no"], typer.Argument(help="Whether originals may be given out.")],
    *,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Let a collection give out slides as they came, with their labels; for slides ingested from now on.

    Labels and macro images show names and numbers. Without this, copies are made that do not hold them.
    """
    with open_catalog(data, database_url) as catalog:
        catalog.slide_administration().set_originals(collection, given=given == "yes")
    what = "as they came, with their labels" if given == "yes" else "as copies without their labels"
    say(f"Slides of {collection} that are ingested from now on are given out {what}.")


@slide_app.command("remove", epilog="Example: filmroom slide remove CPTAC-LUAD C3L-00001-21.svs")
def remove(
    collection: CollectionArgument,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names as they are listed.")],
    *,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Take slides out of the archive, and delete what was stored of them."""
    from filmroom.ingest.slides import remove_slides
    from filmroom.settings import ArchiveAddress

    remove_slides(ArchiveAddress.resolve(data, database_url, store_url), collection, names)
    for name in names:
        say(f"{name}: removed")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(slide_app, name="slide")
