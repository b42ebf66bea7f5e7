"""How far an ingest is: a bar on a terminal, otherwise a line every ten seconds; on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filmroom.cli.output import human_size, progress_console, remark

if TYPE_CHECKING:
    from filmroom.ingest.load import Progress

_INTERVAL = 10.0


@contextmanager
def shown_progress() -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows progress."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=progress_console(),
        transient=True,
    )
    begun = time.monotonic()
    with bar:
        task = bar.add_task("Ingest", total=None, rate="")

        def show(now: Progress) -> None:
            seconds = max(time.monotonic() - begun, 0.001)
            rate = f"{now.files_done / seconds:.0f} files/s {human_size(now.bytes_done / seconds)}/s"
            if now.quarantined:
                rate += f" · {now.quarantined} in quarantine"
            # While more is being found, an end cannot be foretold.
            total = None if now.scanning else now.files_found
            bar.update(task, completed=now.files_done, total=total, rate=rate)

        yield show


class _Lines:
    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()

    def show(self, now: Progress) -> None:
        moment = time.monotonic()
        if moment - self._last < _INTERVAL:
            return
        self._last = moment
        seconds = moment - self._begun
        rate = now.files_done / seconds
        text = f"{now.files_done} of {now.files_found}{'+' if now.scanning else ''} files, {rate:.0f} files/s"
        left = now.bytes_found - now.bytes_done
        if not now.scanning and now.bytes_done:
            text += f", about {left * seconds / now.bytes_done:.0f} s left"
        remark(text)
