"""The part of ``filmroom download`` that brings whole-slide images to the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from filmroom.cli.output import Format, human_size, print_records, remark, say
from filmroom.cli.plan import agreed, is_terminal, print_licences
from filmroom.cli.transfer_progress import shown_progress

if TYPE_CHECKING:
    from filmroom.client import Client, DownloadReport

OF_SLIDES = frozenset({"collection", "patient_id"})
"""Filters of ``filmroom download`` by which slides are chosen."""
_COLUMNS = ("collection", "name", "subject_id", "size", "url")
_RESULT = ("id", "collection", "name", "status", "path", "bytes", "resumed_bytes", "md5", "reason")
_TIDY = 8  # failures that are told one by one


def fetch_slides(
    client: Client,
    collection: str | None,
    patient: str | None,
    to: Path,
    *,
    overwrite: bool,
    dry_run: bool,
    yes: bool,
    fmt: Format,
) -> None:
    """Fetch the slides that the filters find, and say what became of them.

    :raises TransferError: when one could not be fetched whole.
    """
    chosen = client.slides(collection=collection, subject=patient)
    if not chosen:
        remark("The filters find no slides.")
    size = sum(slide.size or 0 for slide in chosen)
    amount = f"{len(chosen)} slides{f', {human_size(size)}' if size else ''}"
    if dry_run:
        print_records(chosen.to_dicts(), _COLUMNS, fmt)
        remark(f"{amount}, into {to}.")
        print_licences(chosen, "slides")
        return
    if yes or not is_terminal():
        print_licences(chosen, "slides")
    elif not agreed(chosen, size, f"{amount}, into {to}", "slides"):
        raise typer.Exit(1)
    with shown_progress("slides") as progress:
        report = client.download_slides(chosen, to, overwrite=overwrite, progress=progress)
    _print_report(report, to, fmt)
    report.raise_for_failures()


def _print_report(report: DownloadReport, folder: Path, fmt: Format) -> None:
    from filmroom.client import SlideResult

    if fmt is not Format.TABLE:
        rows = [
            {
                "id": result.slide.id,
                "collection": result.slide.collection,
                "name": result.slide.name,
                "status": result.status,
                "path": str(result.path),
                "bytes": result.bytes,
                "resumed_bytes": result.resumed_bytes,
                "md5": result.md5,
                "reason": str(result.error) if result.error else None,
            }
            for result in report.results
            if isinstance(result, SlideResult) and result.slide is not None
        ]
        print_records(rows, _RESULT, fmt)
        return
    say(
        f"{len(report.ok)} slides fetched and checked ({human_size(report.bytes)}), "
        f"{len(report.skipped)} already there, {len(report.failed)} failed: {folder}"
    )
    # A single failure is the error that the command ends with.
    for result in report.failed[:_TIDY] if len(report.failed) > 1 else ():
        remark(f"failed {result.path.name}: {result.error}")
