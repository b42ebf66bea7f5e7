"""Commands that fill an archive: ``ingest``, and the groups ``quarantine`` and ``collection``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli import curate
from filmroom.cli.options import DatabaseOption, DataOption, StoreOption
from filmroom.cli.output import human_size, remark, say

if TYPE_CHECKING:
    from filmroom.ingest.assign import Rules
    from filmroom.ingest.report import IngestReport
    from filmroom.settings import ArchiveAddress


class CollectionFrom(StrEnum):
    """What names the collection of each file."""

    FOLDER = "folder"
    TAG = "tag"


class Access(StrEnum):
    """Who may see a collection's series."""

    PUBLIC = "public"
    RESTRICTED = "restricted"


_HELP = """
Take DICOM files into the archive.

PATH is a folder, a file, a ZIP or TAR archive, or a DICOMDIR. \
What is not DICOM is skipped and counted; \
what is DICOM and cannot be taken in goes to quarantine with a reason. \
Run the same command again after an interruption, and it goes on where it stopped; \
what the archive already has is not stored twice.

Exit code: 0 all stored or skipped, 3 something is in quarantine, 1 failed, 2 wrong usage, 130 interrupted.
"""

_EPILOG = """\
Examples:

  filmroom ingest --collection MY-STUDY --licence "CC BY 4.0" /data/scans

  filmroom ingest --collection-from folder --access restricted /data/by-collection

  filmroom ingest --collection MY-STUDY --doi 10.7937/abcd-1234 --report report.json export.zip

  filmroom ingest --join     (on another machine: take over some of the work of an ingest that runs)
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("ingest", help=_HELP, epilog=_EPILOG)(ingest)
    app.add_typer(curate.quarantine_app, name="quarantine")
    app.add_typer(curate.collection_app, name="collection")


def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="What to take in.", show_default=False)
    ] = None,
    *,
    collection: Annotated[
        str | None, typer.Option(help="Collection of everything in PATH.", show_default=False)
    ] = None,
    collection_from: Annotated[
        CollectionFrom | None,
        typer.Option(
            help="folder: the first folder below PATH names the collection; "
            "tag: the private CTP elements (0013,1010) and (0013,1012) name collection and site.",
            show_default=False,
        ),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="Site within the collection; default: the collection's name.", show_default=False),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence", "--license", help="Licence: a known short name, or any text.", show_default=False
        ),
    ] = None,
    licence_url: Annotated[
        str | None,
        typer.Option("--licence-url", "--license-url", help="Address of the licence.", show_default=False),
    ] = None,
    doi: Annotated[str | None, typer.Option(help="DOI that describes the data.", show_default=False)] = None,
    third_party: Annotated[
        bool, typer.Option("--third-party", help="The data are somebody else's analysis of the collection.")
    ] = False,
    visibility: Annotated[
        int, typer.Option(min=0, max=12, help="Visibility code of new series: 1 visible, 0 not yet reviewed.")
    ] = 1,
    access: Annotated[
        Access | None,
        typer.Option(help="Access to new collections and sites; default: public.", show_default=False),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Leave the files where they are and catalogue them there.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Write what became of the files to this JSON file.", show_default=False),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that read files; 0: one per core.", show_default=False),
    ] = None,
    join: Annotated[
        bool,
        typer.Option(
            "--join",
            help="Help with an ingest that runs elsewhere, in the same catalogue and store, "
            "and whose PATHs are on this machine too.",
        ),
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help="With --join: seconds to wait for an ingest to begin.", show_default=False),
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    from filmroom.cli.progress import shown_progress
    from filmroom.errors import InvalidInput
    from filmroom.ingest.assign import Rules
    from filmroom.ingest.load import IngestOptions, ingest_paths
    from filmroom.model.policy import doi_address, find_licence
    from filmroom.settings import ArchiveAddress

    address = ArchiveAddress.resolve(data, database_url, store_url)
    if join:
        given = (paths, collection, collection_from, site, licence, doi, access, report)
        if any(given) or in_place or third_party:
            raise InvalidInput("--join takes PATHs, rules and report from the ingest that it helps.")
        _join(address, processes, wait or 0.0)
        return
    if wait is not None:
        raise InvalidInput("--wait needs --join as well.")
    if licence_url and not licence:
        raise InvalidInput("--licence-url needs --licence as well.")
    rules = Rules(
        collection=collection,
        collection_from=None if collection_from is None else collection_from.value,
        site=site,
        licence=find_licence(licence, licence_url or "") if licence is not None else None,
        description_uri=doi_address(doi) if doi is not None else None,
        third_party_analysis=third_party,
        visibility=visibility,
        access=None if access is None else access.value,
        in_place=in_place,
    )
    try:
        with shown_progress() as show:
            result = ingest_paths(address, paths or [], IngestOptions(rules, processes, report), show)
    except KeyboardInterrupt:
        remark("Interrupted; what was finished is kept, run the same command again to go on.")
        raise typer.Exit(130) from None
    print_summary(result, rules)
    if result.quarantined:
        raise typer.Exit(3)


def _join(address: ArchiveAddress, processes: int | None, wait: float) -> None:
    from filmroom.ingest.join import join_ingests

    try:
        helped = join_ingests(address, processes, wait, announce=remark)
    except KeyboardInterrupt:
        remark("Interrupted; what was finished is kept, the rest is left to the others.")
        raise typer.Exit(130) from None
    for done in helped:
        counts = done.report
        say(
            f"Ingest {done.run_id}, begun on {done.host}: {done.batches} batches done here; "
            f"{counts.stored} files stored ({human_size(counts.bytes_stored)}), "
            f"{counts.present} already there, {counts.quarantined.total()} in quarantine, "
            f"{counts.skipped.total()} skipped; {counts.seconds:.1f} s."
        )
        if done.left:
            remark(f"Note: {done.left}")


def print_summary(report: IngestReport, rules: Rules) -> None:
    """Print in plain words what an ingest did."""
    if report.resumed:
        remark(
            f"An interrupted run of the same ingest was completed; "
            f"{report.finished_before} files were done before."
        )
    for warned in list(report.warnings.values())[:10]:
        where = f" ({warned.first}{' and others' if warned.files > 1 else ''})" if warned.first else ""
        remark(f"Note: {f'{warned.files} files: ' if warned.files > 1 else ''}{warned.message}{where}")
    if len(report.warnings) > 10:
        remark(f"Note: {len(report.warnings) - 10} more remarks; --report FILE lists them.")
    verb = "catalogued where they lie" if rules.in_place else "stored"
    say(
        f"{report.stored} files {verb} ({human_size(report.bytes_stored)}), {report.present} already there, "
        f"{report.quarantined.total()} in quarantine, {report.skipped.total()} skipped; "
        f"{report.seconds:.1f} s, {report.files_per_second:.0f} files/s."
    )
    for machine, files in sorted(report.helpers.items()):
        say(f"{files} of these files were done by {machine}.")
    if report.skipped:
        say(f"Skipped: {_reasons(report.skipped)}.")
    if report.quarantined:
        say(f"In quarantine: {_reasons(report.quarantined)}. See: filmroom quarantine list")
    _print_collections(report)


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


def _print_collections(report: IngestReport) -> None:
    touched = [entry for _, entry in sorted(report.collections.items())]
    for entry in touched[:50]:
        name = (
            entry.collection if entry.site == entry.collection else f"{entry.collection} (site {entry.site})"
        )
        licence = f"licence {entry.licence}" if entry.licence else "no licence set"
        say(
            f"  {name}: {entry.stored} files, {entry.access}, "
            f"new series at visibility {entry.visibility}, {licence}"
        )
    if len(touched) > 50:
        say(f"  and {len(touched) - 50} more collections")
    if touched:
        say(
            "Change that with: "
            "filmroom collection set NAME --access restricted|public --licence TEXT --doi DOI"
        )
