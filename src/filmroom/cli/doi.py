"""The command group ``doi``: the record of a dataset, from its draft to its versions."""

from __future__ import annotations

import datetime as dt
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filmroom.cli import doi_data, doi_facts, doi_registration, doi_repositories
from filmroom.cli.doi_options import (
    AbstractOption,
    CreatorOption,
    FunderOption,
    LicenceOption,
    LicenceUrlOption,
    PublisherOption,
    RelatedOption,
    TitleOption,
    UrlOption,
    YearOption,
    attributes_of_options,
)
from filmroom.cli.options import DatabaseOption, DataOption, open_catalog
from filmroom.cli.output import remark, say
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.model.doi_repositories import DoiWriter
    from filmroom.model.dois import DoiRecord

app = typer.Typer(help="Records of datasets: their DOIs.", no_args_is_help=True)

DoiArgument = Annotated[str, typer.Argument(metavar="DOI", help="Such as 10.5072/abcd-1234.")]
_SOURCE = "filmroom"


def operator() -> DoiWriter:
    """Return who writes when a command does: whoever runs it, for every repository."""
    import getpass

    from filmroom.model.doi_repositories import DoiWriter

    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # no such account on this machine, as in some containers
        name = "unknown"
    return DoiWriter(name, everywhere=True)


@contextmanager
def _explained() -> Iterator[None]:
    """Tell what is wrong with a record line by line. :raises InvalidInput:"""
    from filmroom.errors import NotPermitted
    from filmroom.wire.datacite.change import InvalidRecord

    try:
        yield
    except InvalidRecord as error:
        lines = [f"  {each.source}: {each.title}" for each in error.problems]
        if any(each.source == "url" for each in error.problems):
            lines.append("Give a landing page with --url, or set FILMROOM_PUBLIC_URL.")
        raise InvalidInput(
            "The record is not in order; nothing was changed.", advice="\n".join(lines)
        ) from None
    except NotPermitted:
        raise InvalidInput(
            "No repository may write this; nothing was changed.",
            advice="Those of other archives are read-only. See prefixes with: filmroom doi repository list",
        ) from None


@app.command(
    "create", epilog="Example: filmroom doi create MY-STUDY --creator 'Doe, Jane; 0000-0002-1825-0097'"
)
def create(
    collection: Annotated[
        str | None,
        typer.Argument(metavar="[COLLECTION]", help="What it is about; the record begins with its facts."),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Attributes in YAML or JSON; - for standard input.", show_default=False),
    ] = None,
    doi: Annotated[
        str, typer.Option("--doi", help="The DOI; default: a generated one.", show_default=False)
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Prefix of a generated DOI; default: the only one.", show_default=False)
    ] = "",
    title: TitleOption = None,
    abstract: AbstractOption = None,
    creators: CreatorOption = None,
    licence: LicenceOption = None,
    licence_url: LicenceUrlOption = None,
    publisher: PublisherOption = None,
    year: YearOption = None,
    url: UrlOption = None,
    related: RelatedOption = None,
    funders: FunderOption = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Make a draft. Nobody sees it before it is published."""
    from filmroom import settings
    from filmroom.cli.doi_files import read_attributes
    from filmroom.model.doi_datasets import attributes_of_dataset
    from filmroom.model.doi_suffixes import suffix_after
    from filmroom.server.datacite.editor import DoiEditor
    from filmroom.wire.datacite.change import DoiChange, named_attributes

    given = {} if file is None else named_attributes(read_attributes(file))
    with open_catalog(data, database_url) as catalog, _explained():
        before: dict[str, Any] = {"source": _SOURCE, "publicationYear": dt.datetime.now(dt.UTC).year}
        prefix = prefix or ("" if doi else doi_repositories.only_prefix(catalog))
        if collection is not None:
            owner = doi_repositories.owner_of(catalog, doi or prefix)
            facts = catalog.doi_datasets().describe(collection)
            before |= attributes_of_dataset(
                facts,
                publisher=owner.name,
                year=before["publicationYear"],
                title=title or "",
                kind=settings.get("doi_short_name_type"),
            )
        before |= given
        before |= attributes_of_options(
            before,
            title=title if collection is None else None,
            abstract=abstract,
            creators=creators,
            licence=licence,
            licence_url=licence_url,
            publisher=publisher,
            year=year,
            url=url,
            related=related,
            funders=funders,
        )
        template = settings.get("doi_suffix")
        suffix = ""
        if not doi and template != "random":
            suffix = suffix_after(template, short_name=collection or "", year=before["publicationYear"])
        change = DoiChange(before, doi=doi.lower(), prefix=prefix, suffix=suffix)
        made = DoiEditor(catalog, landing_page).create(operator(), change)
    say(f"{made.doi} is a draft.")


def landing_page(doi: str) -> str:
    """Return the address of this archive's page of a DOI, empty where its own address is not known."""
    from filmroom import settings

    root = settings.get("public_url").rstrip("/")
    return f"{root}/doi/{doi}" if root else ""


@app.command("edit", epilog="Example: filmroom doi edit 10.5072/abcd-1234 --title 'CT of phantoms'")
def edit(
    doi: DoiArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Attributes in YAML or JSON; - for standard input. Others stay."
        ),
    ] = None,
    *,
    title: TitleOption = None,
    abstract: AbstractOption = None,
    creators: CreatorOption = None,
    licence: LicenceOption = None,
    licence_url: LicenceUrlOption = None,
    publisher: PublisherOption = None,
    year: YearOption = None,
    url: UrlOption = None,
    related: RelatedOption = None,
    funders: FunderOption = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Change a record: from a file, by options, or in your editor ($EDITOR) without either."""
    from filmroom.cli.doi_files import read_attributes
    from filmroom.server.datacite.editor import DoiEditor
    from filmroom.wire.datacite.change import DoiChange, named_attributes

    with open_catalog(data, database_url) as catalog, _explained():
        writer = operator()
        record = catalog.dois().get(doi, writer)
        options = attributes_of_options(
            record.attributes,
            title=title,
            abstract=abstract,
            creators=creators,
            licence=licence,
            licence_url=licence_url,
            publisher=publisher,
            year=year,
            url=url,
            related=related,
            funders=funders,
        )
        if file is not None:
            named = named_attributes(read_attributes(file)) | options
        elif options:
            named = options
        else:
            named = named_attributes(_edited(record))
        changed, _ = DoiEditor(catalog).update(
            writer, record.doi, DoiChange(named), expected=lambda found: found.revision == record.revision
        )
    say(f"{changed.doi} {'is as it was' if changed.revision == record.revision else 'is changed'}.")


def _edited(record: DoiRecord) -> dict[str, Any]:
    """Let a person edit a record; return its attributes then. :raises InvalidInput:"""
    import os

    from filmroom.cli.doi_files import as_yaml, parse_attributes
    from filmroom.wire.datacite.change import document_of

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput("There is no terminal for an editor.", advice="Give a file, or options.")
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.NamedTemporaryFile(
        "w", suffix=".yaml", prefix="doi-", delete=False, encoding="utf-8"
    ) as text:
        text.write(f"# {record.doi}: what you take out is emptied.\n{as_yaml(record)}")
    place = Path(text.name)
    try:
        done = subprocess.run([*command, str(place)], check=False)  # noqa: S603 - the person's own editor
    except OSError as error:
        raise InvalidInput(f"The editor {command[0]!r} cannot be run: {error.strerror}.") from None
    if done.returncode:
        raise InvalidInput(f"The editor ended with {done.returncode}; nothing was changed.")
    remark(f"What you wrote is in {place}")
    found = parse_attributes(place.read_bytes(), str(place))
    return {**dict.fromkeys(document_of(record)), **found}


@app.command("version", epilog="Example: filmroom doi version 10.5072/abcd-1234 2")
def version(
    doi: DoiArgument,
    number: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 2.")],
    *,
    same: Annotated[
        bool, typer.Option("--same-doi", help="Under the same DOI, as TCIA does, with the date of today.")
    ] = False,
    new_doi: Annotated[
        str,
        typer.Option("--doi", help="DOI of the new version; default: a generated one.", show_default=False),
    ] = "",
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Begin the next version: a draft with all of the record, which names it as the version before."""
    from filmroom.server.datacite.versions import DoiVersions

    if same and new_doi:
        raise InvalidInput("--same-doi makes no new DOI.")
    with open_catalog(data, database_url) as catalog, _explained():
        versions = DoiVersions(catalog, operator(), landing_page)
        if same:
            versions.renew(doi, number)
            say(f"{doi} is version {number}.")
            return
        made = versions.begin(doi, number, new_doi=new_doi.lower())
    say(f"{made.doi} is a draft of version {number}.")


@app.command("publish", epilog="Example: filmroom doi publish 10.5072/abcd-1234")
def publish(doi: DoiArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Let everybody find a record. It must be complete, and can never be deleted afterwards."""
    from filmroom.server.datacite.versions import DoiVersions

    with open_catalog(data, database_url) as catalog, _explained():
        record = DoiVersions(catalog, operator(), landing_page).publish(doi)
    say(f"{record.doi} is {record.state}.")


@app.command("register", epilog="Example: filmroom doi register 10.5072/abcd-1234")
def register_only(doi: DoiArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Let a draft's DOI lead to its page, without being found in lists."""
    _event(doi, "register", {}, data, database_url)


@app.command(
    "hide", epilog="Example: filmroom doi hide 10.5072/abcd-1234 --reason 'withdrawn by its authors'"
)
def hide(
    doi: DoiArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept.", show_default=False)] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Take a record out of lists; its DOI still leads to its page."""
    _event(doi, "hide", {} if reason is None else {"reason": reason}, data, database_url)


def _event(
    doi: str, event: str, attributes: dict[str, Any], data: Path | None, database_url: str | None
) -> None:
    from filmroom.server.datacite.editor import DoiEditor
    from filmroom.wire.datacite.change import DoiChange

    with open_catalog(data, database_url) as catalog, _explained():
        writer = operator()
        found = catalog.dois().get(doi, writer)
        record, _ = DoiEditor(catalog).update(writer, found.doi, DoiChange(attributes, event=event))
    say(f"{record.doi} is {record.state}.")


@app.command("delete", epilog="Example: filmroom doi delete 10.5072/abcd-1234")
def delete(doi: DoiArgument, data: DataOption = None, database_url: DatabaseOption = None) -> None:
    """Delete a draft. What was published once stays for good."""
    from filmroom.server.datacite.editor import DoiEditor

    with open_catalog(data, database_url) as catalog, _explained():
        DoiEditor(catalog).delete(operator(), catalog.dois().get(doi, operator()).doi)
    say(f"{doi} is deleted.")


def register(root: typer.Typer) -> None:
    """Add the commands of this module and its neighbours."""
    doi_data.register(app)
    doi_facts.register(app)
    doi_registration.register(app)
    doi_repositories.register(app)
    root.add_typer(app, name="doi")
