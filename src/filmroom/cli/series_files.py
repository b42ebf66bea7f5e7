"""The command group ``series``: lists a server's series; below it, files of an archive's series that are not
DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filmroom.cli.browse import series
from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, StoreOption
from filmroom.cli.output import Format, human_size, print_records, say

_EPILOG = "Example: filmroom series --collection TCGA-LUAD --modality CT --format json"

SeriesArgument = Annotated[str, typer.Argument(metavar="SERIES_UID", help="Series Instance UID.")]


def add_file(
    series_uid: SeriesArgument,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to copy into the archive.")],
    *,
    annotation: Annotated[
        bool,
        typer.Option(
            "--annotation",
            help="They annotate the images, and are delivered with these to who asks for them.",
        ),
    ] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Let files that are not DICOM belong to a series, under their own names."""
    from filmroom.ingest.series_files import add_files
    from filmroom.settings import ArchiveAddress

    address = ArchiveAddress.resolve(data, database_url, store_url)
    for added in add_files(address, series_uid, paths, "annotation" if annotation else "other"):
        what = "added" if added.is_new else "already there"
        say(f"{added.file.name}: {what} ({human_size(added.file.size)})")


def remove_file(
    series_uid: SeriesArgument,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names as they are listed.")],
    *,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Take files that are not DICOM out of a series, and out of the archive."""
    from filmroom.ingest.series_files import remove_files
    from filmroom.settings import ArchiveAddress

    remove_files(ArchiveAddress.resolve(data, database_url, store_url), series_uid, names)
    for name in names:
        say(f"{name}: removed")


def list_files(
    series_uid: SeriesArgument,
    *,
    fmt: FormatOption = Format.TABLE,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """List the files of a series that are not DICOM."""
    from filmroom.catalog import Catalog
    from filmroom.settings import ArchiveAddress

    with Catalog.open(ArchiveAddress.resolve(data, database_url).database_url) as catalog:
        files = catalog.series_files().of(series_uid)
    columns = ("name", "kind", "size", "md5")
    records = [{"name": f.name, "kind": f.kind, "size": f.size, "md5": f.md5.hex()} for f in files]
    print_records(records, columns, fmt, empty="The series has none.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer()
    group.callback(invoke_without_command=True, epilog=_EPILOG)(series)
    group.command("add-file", epilog="Example: filmroom series add-file 1.2.3.4 reading.xml --annotation")(
        add_file
    )
    group.command("remove-file", epilog="Example: filmroom series remove-file 1.2.3.4 reading.xml")(
        remove_file
    )
    group.command("files", epilog="Example: filmroom series files 1.2.3.4")(list_files)
    app.add_typer(group, name="series", rich_help_panel="Ask a server")
