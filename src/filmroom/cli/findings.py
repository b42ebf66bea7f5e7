"""What ``filmroom fsck`` prints and writes: findings as they come, then a summary."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from filmroom.cli.output import Format, human_size, print_records, progress_console, remark
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.upkeep import Finding, FsckProgress, FsckReport

COLUMNS = ("kind", "state", "series_instance_uid", "sop_instance_uid", "key", "detail")
_LISTED = 200
_INTERVAL = 10.0


class FindingPrinter:
    """Prints findings in one of the formats and writes them to a report; memory does not grow with them.

    As a context manager: on an exception no report is left.
    """

    def __init__(self, fmt: Format, report: Path | None) -> None:
        """:raises InvalidInput: when the report cannot be written."""
        self._format = fmt
        self._listed: list[Finding] = []
        self._told = 0
        self._stack = ExitStack()
        self._report: IO[str] | None = None
        self._path = report
        if report is not None:
            try:
                self._report = tempfile.NamedTemporaryFile(  # noqa: SIM115 - renamed at the end
                    "w",
                    dir=report.absolute().parent,
                    prefix=f".{report.name}.",
                    delete=False,
                    encoding="utf-8",
                )
            except OSError as error:
                raise InvalidInput(f"The report {report} cannot be written: {error.strerror}.") from error
            self._stack.callback(Path(self._report.name).unlink, missing_ok=True)
            self._stack.callback(self._report.close)
            self._report.write('{"findings": [')
        if fmt is Format.JSON:
            sys.stdout.write("[")
        elif fmt is Format.CSV:
            csv.writer(sys.stdout, lineterminator="\n").writerow(COLUMNS)

    def __enter__(self) -> FindingPrinter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tell(self, finding: Finding) -> None:
        """Take one finding."""
        record = asdict(finding)
        text = ("," if self._told else "") + "\n  " + json.dumps(record)
        self._told += 1
        if self._report is not None:
            self._report.write(text)
        if self._format is Format.JSON:
            sys.stdout.write(text)
        elif self._format is Format.CSV:
            row = ["" if record[name] is None else record[name] for name in COLUMNS]
            csv.writer(sys.stdout, lineterminator="\n").writerow(row)
        elif len(self._listed) < _LISTED:
            self._listed.append(finding)

    def finish(self, report: FsckReport) -> None:
        """Print the end and put the report in its place."""
        if self._format is Format.JSON:
            sys.stdout.write("\n]\n" if self._told else "]\n")
        elif self._format is Format.TABLE and self._listed:
            print_records([asdict(finding) for finding in self._listed], COLUMNS, Format.TABLE)
            if self._told > len(self._listed):
                remark(f"… and {self._told - len(self._listed)} more; --report FILE writes them all.")
        if self._report is not None and self._path is not None:
            self._report.write(f'\n], "summary": {json.dumps(_summary(report))}}}\n')
            self._report.flush()
            os.fsync(self._report.fileno())
            Path(self._report.name).replace(self._path)
        _print_summary(report)


def _summary(report: FsckReport) -> dict[str, Any]:
    return {
        "full": report.full,
        "instances": report.instances,
        "files": report.files,
        "objects": report.objects,
        "bytes_read": report.bytes_read,
        "stored_objects": report.stored,
        "recent_objects": report.recent,
        "found": dict(report.found),
        "mended": dict(report.mended),
        "left": dict(report.left),
        "seconds": round(report.seconds, 3),
    }


def _print_summary(report: FsckReport) -> None:
    from filmroom.upkeep import KINDS

    how = f"{human_size(report.bytes_read)} read" if report.full else "sizes and times compared"
    others = f" and {report.files} other file{'s' * (report.files > 1)}" if report.files else ""
    remark(
        f"{report.instances} instances{others} in {report.objects} objects checked ({how}), "
        f"{report.stored} objects in the store; {report.seconds:.1f} s."
    )
    if report.recent:
        remark(f"{report.recent} unknown objects are so new that an ingest may be writing them; left alone.")
    for name, count in sorted(report.found.items()):
        mended = report.mended[name]
        state = "mended" if mended == count else f"{mended} mended" if mended else "left"
        remark(f"{name}: {count} ({KINDS[name].meaning}), {state}.")
    for advice in dict.fromkeys(KINDS[name].advice for name in sorted(report.left)):
        remark(advice)
    if not report.left:
        remark("Catalogue and store agree.")


@contextmanager
def shown_fsck_progress() -> Iterator[Callable[[FsckProgress], None]]:
    """Give a function that shows progress: a bar on a terminal, otherwise a line every ten seconds."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def line(now: FsckProgress) -> None:
            nonlocal last
            if time.monotonic() - last >= _INTERVAL:
                last = time.monotonic()
                of = f" of {now.total}" if now.total else ""
                remark(f"{now.done}{of} {now.stage}, {human_size(now.bytes_done)} read")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=progress_console(), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(now: FsckProgress) -> None:
            bar.update(task, description=now.stage, completed=now.done, total=now.total or None)

        yield show
