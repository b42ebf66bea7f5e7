"""``filmroom index``: let text search know what the files say."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.options import DatabaseOption, DataOption, StoreOption
from filmroom.cli.output import progress_console, remark, say

if TYPE_CHECKING:
    from filmroom.model.text_search import TextIndexState

_INTERVAL = 10.0
_AT_ONCE = 500
_EPILOG = """\
Examples:

  filmroom index

  filmroom index --status

  filmroom index --retry --data /srv/images
"""


def index(
    *,
    status: Annotated[bool, typer.Option("--status", help="Say how far the index is, and end.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try the series again whose files could not be read.")
    ] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Read one file of each series that text search does not know yet.

    A server does the same by and by. Several machines may do it at once, and it can be broken off at any
    moment. What the catalogue itself says of a series is found as soon as it is ingested.
    """
    from filmroom.catalog import Catalog
    from filmroom.settings import ArchiveAddress
    from filmroom.store import open_store
    from filmroom.store.content import ContentReader
    from filmroom.upkeep.text_indexing import TextIndexer

    address = ArchiveAddress.resolve(data, database_url, store_url)
    with closing(Catalog.open(address.database_url)) as catalog:
        work = catalog.text_index()
        if not status:
            if retry:
                work.retry()
            work.missing(repair=True)
            reader = ContentReader(open_store(address.store_url))
            indexer = TextIndexer(catalog, reader, at_once=_AT_ONCE)
            with _shown(work.state().waiting) as show, warnings.catch_warnings():
                # What is odd about a file is no matter of the person who waits.
                warnings.simplefilter("ignore")
                while count := indexer.step():
                    show(count)
        _tell(work.state(), catalog.counts()["series"])


def _tell(state: TextIndexState, series: int) -> None:
    known = series - state.waiting - state.unreadable
    say(f"{known} of {series} series are indexed.")
    if state.waiting:
        say(f"{state.waiting} wait, the first of them for {state.behind:.0f} s.")
    if state.unreadable:
        say(f"The files of {state.unreadable} could not be read: filmroom index --retry tries them again.")


@contextmanager
def _shown(total: int) -> Iterator[Callable[[int], None]]:
    """Give a function that is told of work done: a bar on a terminal, otherwise a line now and then."""
    if not sys.stderr.isatty():
        lines = _Lines(total)
        yield lines.show
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("Index"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=progress_console(),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._last = time.monotonic()

    def show(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._last >= _INTERVAL:
            self._last = time.monotonic()
            remark(f"{self._done} of {self._total} series")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("index", epilog=_EPILOG)(index)
