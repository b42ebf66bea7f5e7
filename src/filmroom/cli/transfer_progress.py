"""How far a download is, shown on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filmroom.cli.output import human_size, progress_console, remark

if TYPE_CHECKING:
    from filmroom.client import Progress, SeriesResult


@contextmanager
def shown_progress(what: str = "series") -> Iterator[Callable[[Progress], None]]:
    """Yield a progress callback: a bar on a terminal, a line for each that is fetched elsewhere."""
    console = progress_console()
    if not console.is_terminal:
        yield lambda state: _tell(state.finished)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn(f"{{task.fields[count]}} {what}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("", total=None, count="")

        def show(state: Progress) -> None:
            bar.update(
                task,
                completed=state.bytes_done,
                total=state.bytes_total or None,
                count=f"{state.series_done}/{state.series_total}",
            )

        yield show


def _tell(result: SeriesResult | None) -> None:
    from filmroom.client.slide_download import SlideResult

    # Failures are told once, at the end.
    if result is not None and result.status == "ok":
        name = result.slide.name if isinstance(result, SlideResult) and result.slide else None
        amount = "" if name else f"{result.files} files, "
        remark(f"fetched  {name or result.series_instance_uid} ({amount}{human_size(result.bytes)})")
