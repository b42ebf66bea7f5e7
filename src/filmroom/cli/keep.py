"""Commands that keep what is on the disk whole."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from filmroom.cli.browse import ApiOption, FormatOption, make_client
from filmroom.cli.output import Format, print_records, say


def verify(
    folder: Annotated[Path, typer.Argument(help="A download folder, or one series in it.", metavar="DIR")],
    server: Annotated[
        str | None,
        typer.Option("--server", help="Compare with what this server has now as well.", metavar="URL"),
    ] = None,
    api: ApiOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Compare every file of a download with what was fetched; needs no server.

    With --server also what other programs fetched can be compared; what is whole gets a receipt. Exit code 0
    only when all series are whole, else 5.
    """
    from filmroom.client import verify as check

    with make_client(server, api) if server is not None else nullcontext() as client:
        report = check(folder, client)
    rows = [
        {
            "series_instance_uid": each.series_instance_uid,
            "state": each.state,
            "files": each.files,
            "bytes": each.bytes,
            "missing": " ".join(each.missing),
            "damaged": " ".join(each.damaged),
            "foreign": " ".join(each.foreign),
            "message": each.message,
        }
        for each in report.series
        if fmt is not Format.TABLE or not each.ok or each.foreign
    ]
    columns = ("series_instance_uid", "state", "files", "bytes", "missing", "damaged", "foreign", "message")
    if rows or fmt is not Format.TABLE:
        print_records(rows, columns, fmt)
    whole = sum(1 for each in report.series if each.ok)
    if fmt is Format.TABLE:
        say(f"{whole} of {len(report.series)} series whole.")
    report.raise_for_damage()


def repair(
    folder: Annotated[Path, typer.Argument(help="A download folder, or one series in it.", metavar="DIR")],
    server: Annotated[
        str | None,
        typer.Option(
            "--server", help="Server to fetch from; default: the one of each receipt.", metavar="URL"
        ),
    ] = None,
    api: ApiOption = None,
) -> None:
    """Fetch again only what is missing or damaged, and finish interrupted series."""
    from filmroom.client import repair as mend

    with make_client(server, api) if server is not None else nullcontext() as client:
        report = mend(folder, client)
    for each in report.series:
        what = {
            "files": f"{len(each.files)} {'file' if len(each.files) == 1 else 'files'} replaced",
            "series": "fetched again",
            "adopted": "is as the server has it, and has a receipt now",
            "failed": f"failed: {each.error}",
            "nothing": "",
        }[each.action]
        if what:
            say(f"{each.series_instance_uid}: {what}")
    whole = len(report.series) - len(report.failed)
    say(f"{whole} of {len(report.series)} series whole.")
    report.raise_for_failures()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    panel = "Fetch and keep"
    app.command(epilog="Example: filmroom verify luad", rich_help_panel=panel)(verify)
    app.command(epilog="Example: filmroom repair luad --server http://127.0.0.1:8080", rich_help_panel=panel)(
        repair
    )
