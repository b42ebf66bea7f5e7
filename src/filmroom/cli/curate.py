"""The command groups ``quarantine`` and ``collection``: what a data manager decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, StoreOption, open_catalog
from filmroom.cli.output import Format, human_size, print_records, say

if TYPE_CHECKING:
    from filmroom.model.entities import QuarantineItem
    from filmroom.settings import ArchiveAddress

quarantine_app = typer.Typer(help="Objects that were refused at ingest.", no_args_is_help=True)
collection_app = typer.Typer(
    help="Licence, DOI, description and access of collections.", no_args_is_help=True
)

IdsArgument = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers from the list.", show_default=False)
]
AllOption = Annotated[bool, typer.Option("--all", help="Everything in quarantine.")]


# -- quarantine ----------------------------------------------------------------------------------------


@quarantine_app.command("list", epilog="Example: filmroom quarantine list")
def list_quarantine(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List what was refused, and why."""
    with open_catalog(data, database_url) as catalog:
        records = [_record(item) for item in catalog.quarantine()]
    columns = ("id", "reason", "message", "source", "size", "created")
    print_records(records, columns, fmt, empty="Nothing is in quarantine.")


@quarantine_app.command("show", epilog="Example: filmroom quarantine show 3")
def show_quarantine(
    item_id: Annotated[int, typer.Argument(metavar="ID", help="Number from the list.")],
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Show everything about one refused object."""
    from filmroom.settings import ArchiveAddress
    from filmroom.store import open_store

    with open_catalog(data, database_url) as catalog:
        item = catalog.quarantine_item(item_id)
    say(f"id          {item.id}")
    say(f"source      {item.source}")
    say(f"reason      {item.reason}")
    say(f"message     {item.message}")
    say(f"size        {human_size(item.size)}")
    say(f"since       {item.created.isoformat(timespec='seconds')}Z")
    if item.assignment is not None:
        say(f"meant for   collection {item.assignment.collection}, site {item.assignment.site}")
    if item.location is None:
        say("kept copy   none; its source is read when it is retried")
    elif item.location.in_place:
        say(f"kept copy   none; it lies at {item.location.key}")
    else:
        address = ArchiveAddress.resolve(data, database_url, store_url)
        path = open_store(address.store_url).local_path(item.location.key)
        say(
            f"kept copy   {path or item.location.key}, "
            f"{item.location.length} bytes from {item.location.offset}"
        )


@quarantine_app.command("retry", epilog="Example: filmroom quarantine retry --all --collection MY-STUDY")
def retry_quarantine(
    ids: IdsArgument = None,
    *,
    everything: AllOption = False,
    collection: Annotated[
        str | None, typer.Option(help="Take them into this collection.", show_default=False)
    ] = None,
    site: Annotated[str | None, typer.Option(help="Site within the collection.", show_default=False)] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Read refused objects again, and take in those that are in order now.

    Exit code: 0 all were taken in, 3 some stay in quarantine.
    """
    from filmroom.ingest.quarantine import retry
    from filmroom.settings import ArchiveAddress

    address = ArchiveAddress.resolve(data, database_url, store_url)
    results = retry(address, _chosen(address, ids, everything=everything), collection=collection, site=site)
    for result in results:
        outcome = result.outcome
        what = (
            "stays in quarantine: " + outcome.message if outcome.outcome == "quarantined" else outcome.outcome
        )
        say(f"{result.item.id}: {what}")
    if any(result.outcome.outcome == "quarantined" for result in results):
        raise typer.Exit(3)


@quarantine_app.command("drop", epilog="Example: filmroom quarantine drop 3 4")
def drop_quarantine(
    ids: IdsArgument = None,
    *,
    everything: AllOption = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
    store_url: StoreOption = None,
) -> None:
    """Forget refused objects and delete their kept bytes; the files they came from stay."""
    from filmroom.ingest.quarantine import drop
    from filmroom.settings import ArchiveAddress

    address = ArchiveAddress.resolve(data, database_url, store_url)
    dropped = drop(address, _chosen(address, ids, everything=everything))
    say(f"{len(dropped)} dropped.")


def _chosen(address: ArchiveAddress, ids: list[int] | None, *, everything: bool) -> list[int]:
    from filmroom.catalog import Catalog
    from filmroom.errors import InvalidInput

    if bool(ids) == everything:
        raise InvalidInput("Give either numbers from `filmroom quarantine list`, or --all.")
    if ids:
        return list(dict.fromkeys(ids))
    with Catalog.open(address.database_url) as catalog:
        return [item.id for item in catalog.quarantine()]


def _record(item: QuarantineItem) -> dict[str, object]:
    return {
        "id": item.id,
        "reason": item.reason,
        "message": item.message,
        "source": item.source,
        "size": item.size,
        "created": item.created,
        "collection": item.assignment.collection if item.assignment else None,
        "site": item.assignment.site if item.assignment else None,
    }


# -- collection ----------------------------------------------------------------------------------------


@collection_app.command("list", epilog="Example: filmroom collection list --format csv")
def list_collections(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List the collections of the archive with their terms and totals."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "collection": entry.name,
                "access": entry.access,
                "licence": entry.licence,
                "licence_url": entry.licence_url,
                "doi": entry.description_uri,
                "description": entry.description,
                "third_party": "yes" if entry.third_party_analysis else "no",
                "series": entry.series,
                "instances": entry.instances,
                "bytes": entry.bytes,
            }
            for entry in catalog.collections()
        ]
    # CSV has the columns that `import` reads, so that a list can be edited and imported.
    terms = ("collection", "licence", "licence_url", "doi", "description", "third_party", "access")
    table = ("collection", "access", "licence", "doi", "third_party", "series", "instances", "bytes")
    print_records(
        records, terms if fmt is Format.CSV else table, fmt, empty="The archive has no collections yet."
    )


@collection_app.command(
    "set", epilog='Example: filmroom collection set MY-STUDY --licence "CC BY 4.0" --doi 10.7937/abcd-1234'
)
def set_collection(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The collection.")],
    *,
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
    description: Annotated[
        str | None, typer.Option(help="Description, HTML or text.", show_default=False)
    ] = None,
    third_party: Annotated[
        bool | None,
        typer.Option(
            "--third-party/--no-third-party",
            help="All of it is somebody else's analysis.",
            show_default=False,
        ),
    ] = None,
    access: Annotated[str | None, typer.Option(help="public or restricted.", show_default=False)] = None,
    create: Annotated[bool, typer.Option("--create", help="Make the collection if it is not there.")] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Set the terms of a collection and of the series it has. The change is recorded."""
    from filmroom.catalog import Catalog
    from filmroom.errors import InvalidInput
    from filmroom.ingest.collection_table import CollectionTerms, apply_terms
    from filmroom.settings import ArchiveAddress

    flag = None if third_party is None else ("yes" if third_party else "no")
    cells = {
        "collection": name,
        "licence": licence,
        "licence_url": licence_url,
        "doi": doi,
        "description": description,
        "third_party": flag,
        "access": access,
    }
    given = {key: value for key, value in cells.items() if value is not None}
    empty = [key for key, value in given.items() if not value.strip()]
    if empty:
        raise InvalidInput(f"--{empty[0].replace('_', '-')} is empty.")
    if len(given) == 1 and not create:
        raise InvalidInput("Nothing to set was given.", advice="See: filmroom collection set --help")
    terms = CollectionTerms.checked(given)
    address = ArchiveAddress.resolve(data, database_url)
    # Only --create may make an archive along with the collection.
    with (Catalog.create if create else Catalog.open)(address.database_url) as catalog:
        made = apply_terms(catalog, [terms], create=create)
    say(f"Collection {name} {'made' if made else 'set'}.")


@collection_app.command("import", epilog="Example: filmroom collection import terms.csv")
def import_collections(
    table: Annotated[Path, typer.Argument(metavar="CSV", help="The file.", show_default=False)],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Set the terms of many collections from a CSV file; those that are not there are made.

    Columns: collection, licence, licence_url, doi, description, third_party (yes or no), access (public or
    restricted). Only collection is required; an empty cell leaves a value as it is. Every row is checked
    before any is applied.
    """
    from filmroom.catalog import Catalog
    from filmroom.ingest.collection_table import apply_terms, read_collection_table
    from filmroom.settings import ArchiveAddress

    terms = read_collection_table(table)
    with Catalog.create(ArchiveAddress.resolve(data, database_url).database_url) as catalog:
        made = apply_terms(catalog, terms, create=True)
    say(f"{len(terms)} collections set, {len(made)} of them new.")
