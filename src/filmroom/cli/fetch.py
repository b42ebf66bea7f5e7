"""Commands that bring series to the disk and keep them whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.browse import (
    ApiOption,
    BodyPartOption,
    CollectionOption,
    FormatOption,
    ManufacturerOption,
    ModalityOption,
    ModelOption,
    OfflineOption,
    PatientOption,
    ServerOption,
    StudyOption,
    make_client,
)
from filmroom.cli.output import Format, human_size, print_records, remark, say
from filmroom.cli.plan import confirmed, is_terminal, print_licences, print_plan, with_records
from filmroom.cli.slide_fetch import OF_SLIDES, fetch_slides
from filmroom.cli.transfer_progress import shown_progress
from filmroom.errors import InvalidInput
from filmroom.model.entities import Series

if TYPE_CHECKING:
    from filmroom.client import Client, DownloadReport
    from filmroom.client.planned import OneSeries

DEFAULT_FOLDER = Path("filmroom-download")
_TIDY = 8  # failures and licences that are listed one by one in the summary


def _selection(client: Client, given: Sequence[OneSeries], filters: dict[str, str | None]) -> list[OneSeries]:
    """Return what is to be fetched: what was given, and what the filters find."""
    chosen: list[OneSeries] = list(given)
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


def _read_manifest(path: Path | None, server: str | None) -> tuple[tuple[OneSeries, ...], str | None]:
    """Return a manifest's series, and the server to ask: the one chosen, else the manifest's."""
    if path is None:
        return (), server
    from filmroom import settings
    from filmroom.client.manifests import read_manifest

    listed = read_manifest(path)
    if server is None and listed.server is not None and not settings.get("server"):
        remark(f"The manifest names the server: {listed.server}")
        server = listed.server
    return (*listed.series, *listed.remote), server


def _print_report(
    report: DownloadReport, folder: Path, fmt: Format, *, told: Container[str] = frozenset()
) -> None:
    """Print what became of a download. ``told``: series whose licences were said before it."""
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
    licences = Counter(
        result.licence
        for result in (*report.ok, *report.skipped)
        if result.licence and result.series_instance_uid not in told
    )
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


def _note_failures(report: DownloadReport, chosen: Sequence[OneSeries], folder: Path, server: str) -> None:
    from filmroom.client.companions import note_failures
    from filmroom.client.sources.base import RemoteSeries, is_address

    # Files named by their addresses are in no list of UIDs.
    if any(isinstance(each, RemoteSeries) or (isinstance(each, str) and is_address(each)) for each in chosen):
        return
    listed = note_failures(
        folder.expanduser(),
        server,
        failed=[result.series_instance_uid for result in report.failed],
        there=[result.series_instance_uid for result in (*report.ok, *report.skipped)],
    )
    if listed is not None and report.failed:
        remark(f"What failed is listed: filmroom download --manifest {listed} --to {folder}")


def download(
    uids: Annotated[
        list[str] | None,
        typer.Argument(help="Series Instance UIDs, or addresses: s3://, drs://, https://.", metavar="UID"),
    ] = None,
    *,
    server: ServerOption = None,
    api: ApiOption = None,
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
    source: Annotated[
        str, typer.Option("--source", help="Where from: nbia (the server), idc (public buckets) or auto.")
    ] = "nbia",
    gen3_key: Annotated[
        Path | None,
        typer.Option("--gen3-key", help="API key for controlled data (credentials.json).", metavar="FILE"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, max=64, help="Series fetched at once; default: 8, more of small ones."
        ),
    ] = None,
    per_host: Annotated[
        int | None,
        typer.Option("--per-host", min=1, help="Of these, so many from one server; default: all of them."),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            "--layout",
            help="flat, classic, descriptive, idc, or a template: %PatientID/%Modality/%InstanceNumber.dcm",
        ),
    ] = "flat",
    metadata: Annotated[
        bool, typer.Option("--metadata-csv", help="Leave DIR/metadata.csv, a row for each series.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Fetch also what is there already.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched; write nothing.")
    ] = False,
    offline: OfflineOption = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to licences and size; ask nothing.")
    ] = False,
    slides: Annotated[
        bool,
        typer.Option("--slides", help="Whole-slide images instead of series, by --collection and --patient."),
    ] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Fetch series, every file checked; run again to go on after an interruption.

    Each series becomes a folder of DIR once it is complete: DIR/<SeriesInstanceUID>, or as --layout says.
    What is there already is skipped, also what tcia_utils, the Data Retriever or idc-index left there, once
    it is compared with the server. Series that failed are listed in DIR/failed-series.tcia. Exit code 5 when
    a series could not be fetched whole. A slide becomes the file DIR/<collection>/<name>.
    """
    if offline and not dry_run:
        raise InvalidInput("Files come from the server alone: --offline goes with --dry-run.")
    filters = {
        "collection": collection,
        "patient_id": patient,
        "study_instance_uid": study,
        "modality": modality,
        "body_part_examined": body_part,
        "manufacturer": manufacturer,
        "manufacturer_model_name": model,
    }
    if slides:
        beside = [
            *(uids or ()),
            manifest,
            offline,
            *(filters[name] for name in filters if name not in OF_SLIDES),
        ]
        if any(beside) or not any(filters.values()):
            raise InvalidInput("Slides are chosen by --collection and --patient.")
        with make_client(server, api, workers=workers) as client:
            fetch_slides(
                client, collection, patient, to, overwrite=overwrite, dry_run=dry_run, yes=yes, fmt=fmt
            )
        return
    by_hand = server is not None
    listed, server = _read_manifest(manifest, server)
    with make_client(
        server,
        api,
        by_hand=by_hand,
        offline=offline,
        workers=workers,
        source=source,
        gen3_key=gen3_key,
    ) as client:
        chosen = _selection(client, [*(uids or ()), *listed], filters)
        if source == "nbia":
            chosen = with_records(client, chosen)
        if dry_run:
            print_plan(client.plan(chosen, to, overwrite=overwrite), to, fmt)
            return
        if yes or not is_terminal():
            print_licences(chosen)
        elif not confirmed(client.plan(chosen, to, overwrite=overwrite), to):
            raise typer.Exit(1)
        with shown_progress() as progress:
            report = client.download(
                chosen,
                to,
                progress=progress,
                overwrite=overwrite,
                layout=layout,
                metadata=metadata,
                per_host=per_host,
            )
        server = client.base_url
    told = {each.series_instance_uid for each in chosen if isinstance(each, Series) and each.licence_name}
    _print_report(report, to, fmt, told=told)
    _note_failures(report, chosen, to, server)
    report.raise_for_failures()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Example: filmroom download --collection TCGA-LUAD --modality CT --to luad",
        rich_help_panel="Fetch and keep",
    )(download)
