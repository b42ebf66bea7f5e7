"""Commands that bring series to the disk and keep them whole."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filmroom.cli.browse import (
    ApiOption,
    BodyPartOption,
    CollectionOption,
    FormatOption,
    ManufacturerOption,
    ModalityOption,
    ModelOption,
    PatientOption,
    ServerOption,
    StudyOption,
    make_client,
)
from filmroom.cli.output import Format, human_size, print_records, progress_console, remark, say
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.client import Client, DownloadReport, PlannedSeries, Progress, SeriesResult
    from filmroom.model.entities import Series

DEFAULT_FOLDER = Path("filmroom-download")
_ASK_ABOVE = 1_000_000_000  # bytes; more than that is confirmed by a person at a terminal
_TIDY = 8  # failures and licences that are listed one by one in the summary


def _selection(client: Client, uids: Sequence[str], filters: dict[str, str | None]) -> list[str | Series]:
    """Return what is to be fetched: the UIDs given, and what the filters find."""
    chosen: list[str | Series] = list(uids)
    if any(value is not None for value in filters.values()):
        found = client.series(**filters)
        if not found:
            remark("The filters find no series.")
        chosen.extend(found)
    elif not chosen:
        raise InvalidInput(
            "Nothing to download is named.",
            advice="Give series UIDs, a filter such as --collection, or --manifest FILE.",
        )
    return chosen


def _read_manifest(path: Path | None, server: str | None) -> tuple[tuple[str, ...], str | None]:
    """Return a manifest's series, and the server to ask: the one chosen, else the manifest's."""
    if path is None:
        return (), server
    from filmroom import settings
    from filmroom.client.manifests import read_manifest

    listed = read_manifest(path)
    if server is None and listed.server is not None and not settings.get("server"):
        remark(f"The manifest names the server: {listed.server}")
        return listed.series, listed.server
    return listed.series, server


@contextmanager
def _shown_progress() -> Iterator[Callable[[Progress], None]]:
    """Yield a progress callback: a bar on a terminal, a line per series elsewhere."""
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
        TextColumn("{task.fields[series]} series"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("", total=None, series="")

        def show(state: Progress) -> None:
            bar.update(
                task,
                completed=state.bytes_done,
                total=state.bytes_total or None,
                series=f"{state.series_done}/{state.series_total}",
            )

        yield show


def _tell(result: SeriesResult | None) -> None:
    # Failures are told once, at the end.
    if result is not None and result.status == "ok":
        remark(f"fetched  {result.series_instance_uid} ({result.files} files, {human_size(result.bytes)})")


def _print_plan(plan: Sequence[PlannedSeries], fmt: Format) -> None:
    rows: list[dict[str, Any]] = [
        {
            "series_instance_uid": each.place.uid,
            "state": "whole" if each.receipt else "failed" if each.error else "to fetch",
            "image_count": each.promise.count
            if each.promise
            else each.receipt.count
            if each.receipt
            else None,
            "file_size": each.promise.bytes if each.promise else each.receipt.bytes if each.receipt else None,
            "reason": str(each.error) if each.error else None,
        }
        for each in plan
    ]
    print_records(rows, ("series_instance_uid", "state", "image_count", "file_size", "reason"), fmt)
    total = sum(each.promise.bytes for each in plan if each.promise)
    remark(f"{sum(1 for each in plan if each.promise)} series to fetch, {human_size(total)}.")


def _print_report(report: DownloadReport, folder: Path, fmt: Format) -> None:
    if fmt is not Format.TABLE:
        rows = [
            {
                "series_instance_uid": result.series_instance_uid,
                "status": result.status,
                "path": str(result.path),
                "files": result.files,
                "bytes": result.bytes,
                "resumed_bytes": result.resumed_bytes,
                "reason": str(result.error) if result.error else None,
            }
            for result in report.results
        ]
        print_records(rows, tuple(rows[0]) if rows else ("series_instance_uid",), fmt)
        return
    rate = human_size(report.bytes / report.seconds) if report.seconds > 0 else "0 B"
    say(
        f"{len(report.ok)} series fetched and checked ({human_size(report.bytes)}, {rate}/s), "
        f"{len(report.skipped)} already there, {len(report.failed)} failed: {folder}"
    )
    licences = Counter(result.licence for result in (*report.ok, *report.skipped) if result.licence)
    from filmroom.net.answers import one_line

    for licence, count in licences.most_common(_TIDY):
        say(f"{count} series: {one_line(licence)}")
    if len(licences) > _TIDY:
        say(f"And {len(licences) - _TIDY} other licences; each series has its own in its file LICENSE.")
    # A single failure is the error that the command ends with.
    for result in report.failed[:_TIDY] if len(report.failed) > 1 else ():
        remark(f"failed {result.series_instance_uid}: {result.error}")
    for result in report.ok:
        for warning in result.warnings:
            remark(f"note {result.series_instance_uid}: {warning}")


def _confirmed(plan: Sequence[PlannedSeries], folder: Path) -> bool:
    size = sum(each.promise.bytes for each in plan if each.promise)
    if size <= _ASK_ABOVE or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return typer.confirm(f"Fetch {len(plan)} series, {human_size(size)}, into {folder}?", err=True)


def download(
    uids: Annotated[list[str] | None, typer.Argument(help="Series Instance UIDs.", metavar="UID")] = None,
    *,
    server: ServerOption = None,
    api: ApiOption = "v4",
    collection: CollectionOption = None,
    patient: PatientOption = None,
    study: StudyOption = None,
    modality: ModalityOption = None,
    body_part: BodyPartOption = None,
    manufacturer: ManufacturerOption = None,
    model: ModelOption = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest", help="Series to fetch: .tcia, a table (CSV, TSV), plain text.", metavar="FILE"
        ),
    ] = None,
    to: Annotated[
        Path, typer.Option("--to", help="Folder to put the series in.", metavar="DIR")
    ] = DEFAULT_FOLDER,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Series fetched at once.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Fetch also what is there already.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched; write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before large downloads.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Fetch series, every file checked; run again to go on after an interruption.

    Each series becomes the folder DIR/<SeriesInstanceUID> once it is complete. What is there already is
    skipped. Exit code 5 when a series could not be fetched whole.
    """
    listed, server = _read_manifest(manifest, server)
    filters = {
        "collection": collection,
        "patient_id": patient,
        "study_instance_uid": study,
        "modality": modality,
        "body_part_examined": body_part,
        "manufacturer": manufacturer,
        "manufacturer_model_name": model,
    }
    with make_client(server, api, workers=workers) as client:
        chosen = _selection(client, [*(uids or ()), *listed], filters)
        if dry_run:
            _print_plan(client.plan(chosen, to, overwrite=overwrite), fmt)
            return
        if (
            not yes
            and sys.stdin.isatty()
            and not _confirmed(client.plan(chosen, to, overwrite=overwrite), to)
        ):
            raise typer.Exit(1)
        with _shown_progress() as progress:
            report = client.download(chosen, to, progress=progress, overwrite=overwrite)
    _print_report(report, to, fmt)
    report.raise_for_failures()


def verify(
    folder: Annotated[Path, typer.Argument(help="A download folder, or one series in it.", metavar="DIR")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Compare every file of a download with what was fetched; needs no server.

    Exit code 0 only when all series are whole, else 5.
    """
    from filmroom.client import verify as check

    report = check(folder)
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
    api: ApiOption = "v4",
) -> None:
    """Fetch again only what is missing or damaged, and finish interrupted series."""
    from filmroom.client import repair as mend

    client = make_client(server, api) if server is not None else None
    try:
        report = mend(folder, client)
    finally:
        if client is not None:
            client.close()
    for each in report.series:
        what = {
            "files": f"{len(each.files)} files replaced",
            "series": "fetched again",
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
    app.command(
        epilog="Example: filmroom download --collection TCGA-LUAD --modality CT --to luad",
        rich_help_panel=panel,
    )(download)
    app.command(epilog="Example: filmroom verify luad", rich_help_panel=panel)(verify)
    app.command(epilog="Example: filmroom repair luad --server http://127.0.0.1:8080", rich_help_panel=panel)(
        repair
    )
