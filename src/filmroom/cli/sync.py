"""The command ``sync``: a server's catalogue kept in a file, to be asked without a network."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.browse import ApiOption, FormatOption, ServerOption, make_client
from filmroom.cli.output import Format, human_size, print_records, progress_console, remark, say

if TYPE_CHECKING:
    from filmroom.client.snapshot.sync import SyncProgress

_INTERVAL = 10.0  # seconds between two lines where there is no terminal


def sync(
    server: ServerOption = None,
    api: ApiOption = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="File of the snapshot; default: one per server and login, in your data folder.",
            metavar="FILE",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="List everything anew, not only what changed.")
    ] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Keep a snapshot of the server's catalogue, for --offline; run again to bring it up to date.

    The first time lists everything; then what is new, gone or released anew. What was corrected in series
    that were there before shows after --full. An interrupted one goes on where it stopped, for a day. The
    file is yours alone (mode 0600), and never used for another login.
    """
    with make_client(server, api) as client, _shown() as progress:
        report = client.sync(to, full=full, progress=progress)
    info = report.info
    if fmt is not Format.TABLE:
        row = {
            "path": str(info.path),
            "server": info.server,
            "account": info.account,
            "api": info.api,
            "taken": info.taken,
            "collections": info.collections,
            "patients": info.patients,
            "studies": info.studies,
            "series": info.series,
            "bytes": info.bytes,
            "added": report.added,
            "removed": report.removed,
            "full": report.full,
            "seconds": round(report.seconds, 3),
        }
        print_records([row], tuple(row), fmt)
        return
    say(
        f"{info.series} series of {info.patients} patients in {info.collections} collections "
        f"(+{report.added}, -{report.removed}): {info.path}, {human_size(info.bytes)}"
    )


@contextmanager
def _shown() -> Iterator[Callable[[SyncProgress], None]]:
    """Give a function that shows progress: a bar on a terminal, else a line every ten seconds."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def tell(now: SyncProgress) -> None:
            nonlocal last
            if time.monotonic() - last >= _INTERVAL:
                last = time.monotonic()
                remark(_in_words(now))

        yield tell
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("{task.description}"), BarColumn()
    with Bar(*columns, console=progress_console(), transient=True) as bar:
        task = bar.add_task("Asking the server", total=None)

        def show(now: SyncProgress) -> None:
            if now.records_left:
                bar.update(task, total=None, description=_in_words(now))
            else:
                done, total = now.collections_done, now.collections_total
                bar.update(task, completed=done, total=total, description=_in_words(now))

        yield show


def _in_words(now: SyncProgress) -> str:
    if now.records_left:
        return f"{now.records_left} series to be asked about"
    return f"{now.collections_done} of {now.collections_total} collections, {now.series} series"


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = (
        "Examples: filmroom sync; filmroom series --collection TCGA-LUAD --offline; "
        "filmroom sync --server http://127.0.0.1:8080 --full"
    )
    app.command(epilog=examples, rich_help_panel="Ask a server")(sync)
