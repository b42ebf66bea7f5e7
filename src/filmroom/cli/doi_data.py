"""Commands of ``doi`` that show records, take in those of others, and give their terms to series."""

from __future__ import annotations

import datetime as dt
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, open_catalog
from filmroom.cli.output import Format, print_records, remark, say
from filmroom.errors import InvalidInput, NotFound, NotPermitted

if TYPE_CHECKING:
    from filmroom.catalog import Catalog
    from filmroom.model.dois import DoiRecord

_LARGEST_FILE = 64 * 1024 * 1024


class ShowFormat(StrEnum):
    """How one record is printed."""

    YAML = "yaml"
    JSON = "json"
    XML = "xml"


def list_records(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List the records of the archive, drafts and those of others included."""
    from filmroom import settings
    from filmroom.model.doi_datasets import short_name_of

    kind = settings.get("doi_short_name_type")
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "doi": each.doi,
                "state": each.state.value,
                "short_name": short_name_of(each.attributes, kind),
                "version": each.attributes.get("version"),
                "title": _title(each),
                "repository": each.client.upper(),
                "from_elsewhere": "yes" if each.imported_at is not None else "no",
                "updated": each.updated,
            }
            for each in catalog.doi_datasets().records()
        ]
    columns = ("doi", "state", "short_name", "version", "title", "repository", "from_elsewhere", "updated")
    print_records(records, columns, fmt, empty="There are no records of DOIs.")


def _title(record: DoiRecord) -> str | None:
    titles = record.attributes.get("titles") or ()
    return next((str(each["title"]) for each in titles if each.get("title")), None)


def show(
    doi: Annotated[str, typer.Argument(metavar="DOI", help="Such as 10.5072/abcd-1234.")],
    fmt: Annotated[ShowFormat, typer.Option("--format", help="How to print it.")] = ShowFormat.YAML,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Print a record: its attributes as `edit` reads them, or its XML."""
    from filmroom.cli.doi_files import as_yaml
    from filmroom.model.doi_repositories import DoiWriter
    from filmroom.wire.datacite.change import document_of

    with open_catalog(data, database_url) as catalog:
        record = catalog.dois().get(doi, DoiWriter(everywhere=True))
    if fmt is ShowFormat.XML:
        if record.xml is None:
            raise NotFound(f"{record.doi} has no XML: as a draft it is not complete.")
        say(record.xml.decode().rstrip())
    elif fmt is ShowFormat.JSON:
        say(json.dumps(document_of(record), indent=2, ensure_ascii=False))
    else:
        say(f"# {record.doi}, {record.state.value}, of {record.client.upper()}")
        say(as_yaml(record).rstrip())


def import_records(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="JSON of DataCite's API.", show_default=False)
    ],
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Take in records of other archives, as a mirror shows them. They are read-only here.

    A file holds one record or a list, as DataCite's API answers; a folder such files. Importing once more
    imports nothing twice.
    """
    new = changed = same = 0
    with open_catalog(data, database_url) as catalog:
        for file in _files(source):
            counts = _import_file(catalog, file)
            new, changed, same = new + counts[0], changed + counts[1], same + counts[2]
    say(f"{new} new, {changed} changed, {same} as they were.")


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(source.rglob("*.json"))
        if not found:
            raise InvalidInput(f"There is no .json file in {source}.")
        return found
    return [source]


def _import_file(catalog: Catalog, file: Path) -> tuple[int, int, int]:
    from filmroom.model.doi_import import records_from_json

    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise InvalidInput(f"{file} is larger than {_LARGEST_FILE >> 20} MB.")
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise InvalidInput(f"Cannot read {file}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is not JSON: {error}.") from None
    try:
        records = list(records_from_json(document, dt.datetime.now(dt.UTC).replace(tzinfo=None)))
        counts = catalog.dois().import_many(records, actor="import")
    except NotPermitted as error:
        raise InvalidInput(f"{file}: {error}", advice="What is the archive's own is not imported.") from None
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}") from None
    remark(f"{file}: {len(records)} records")
    return counts


def apply(
    doi: Annotated[str, typer.Argument(metavar="DOI", help="Whose licence and address series get.")],
    *,
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", help="Default: that of its short name.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    fmt: FormatOption = Format.TABLE,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Give a record's DOI and licence to the series it is about, and its abstract to their collection.

    These are the own series of its collection, and the series that have the DOI already. Who may see them
    stays as it is. The change is recorded.
    """
    from filmroom import settings
    from filmroom.model.doi_datasets import terms_of_dataset
    from filmroom.model.doi_repositories import DoiWriter

    with open_catalog(data, database_url) as catalog:
        record = catalog.dois().get(doi, DoiWriter(everywhere=True))
        terms = terms_of_dataset(record, settings.get("doi_short_name_type"))
        datasets = catalog.doi_datasets()
        changes = datasets.plan(terms, collection) if dry_run else datasets.apply(terms, collection)
    licence = terms.licence.short_name if terms.licence is not None else None
    records: list[dict[str, Any]] = [
        {
            "collection": each.collection,
            "series": each.series,
            "licence": each.licence,
            "new_licence": licence or each.licence,
            "doi": each.doi,
            "new_doi": terms.address,
        }
        for each in changes
    ]
    columns = ("collection", "series", "licence", "new_licence", "doi", "new_doi")
    print_records(records, columns, fmt, empty="Every series has these terms already.")
    total = sum(each.series for each in changes)
    remark(f"{total} series {'would get' if dry_run else 'got'} these terms.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list", epilog="Example: filmroom doi list --format json")(list_records)
    app.command("show", epilog="Example: filmroom doi show 10.5072/abcd-1234 > record.yaml")(show)
    app.command("import", epilog="Example: filmroom doi import records/")(import_records)
    app.command("apply", epilog="Example: filmroom doi apply 10.5072/abcd-1234 --dry-run")(apply)
