"""The command group ``agreement``: texts of an archive, who accepted them, and accepting them on a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.browse import ServerOption, make_client
from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, open_catalog
from filmroom.cli.output import Format, print_records, remark, say
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.client import Client
    from filmroom.model.agreements import ShownAgreement

app = typer.Typer(help="Data usage agreements.", no_args_is_help=True)

_ON_ARCHIVE = "The archive"
_ON_SERVER = "A server, with a login"
_LARGEST_FILE = 2 * 1024 * 1024

CollectionOption = Annotated[
    str | None,
    typer.Option(
        "--collection", "-c", help="That of a collection; else the archive's own.", show_default=False
    ),
]
OnlyOption = Annotated[
    str | None, typer.Option("--collection", "-c", help="Only that of this collection.", show_default=False)
]


# -- the archive -----------------------------------------------------------------------------------------


@app.command("set", epilog="Example: filmroom agreement set terms.txt", rich_help_panel=_ON_ARCHIVE)
def set_agreement(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text in UTF-8; - for standard input.")],
    collection: CollectionOption = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Make a text the current agreement. Another text is a new version, which everybody is asked for."""
    text = _text_of(file)
    with open_catalog(data, database_url) as catalog:
        agreement, new = catalog.agreements().put(text, collection)
    of = f" of {collection}" if collection is not None else ""
    say(f"The agreement{of} is version {agreement.version}{'' if new else ' already'}.")


@app.command(
    "withdraw", epilog="Example: filmroom agreement withdraw -c TRIAL-7", rich_help_panel=_ON_ARCHIVE
)
def withdraw(
    collection: CollectionOption = None, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """Ask for an agreement no longer. Its versions and who accepted them are kept."""
    with open_catalog(data, database_url) as catalog:
        catalog.agreements().withdraw(collection)
    say("Withdrawn.")


@app.command("list", epilog="Example: filmroom agreement list --format json", rich_help_panel=_ON_ARCHIVE)
def list_agreements(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List every version of every agreement."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "collection": each.collection,
                "version": each.version,
                "current": "yes" if each.superseded is None else "no",
                "created": each.created,
                "superseded": each.superseded,
                "text": each.text,
            }
            for each in catalog.agreements().all()
        ]
    columns = ("collection", "version", "current", "created", "superseded")
    print_records(
        records,
        columns if fmt is Format.TABLE else (*columns, "text"),
        fmt,
        empty="There is no agreement: a grant alone opens restricted data.",
    )


@app.command("accepted", epilog="Example: filmroom agreement accepted", rich_help_panel=_ON_ARCHIVE)
def list_accepted(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List who accepted which version, when and from where."""
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "login": each.login,
                "collection": each.collection,
                "version": each.version,
                "at": each.at,
                "address": each.address,
            }
            for each in catalog.agreements().accepted()
        ]
    columns = ("login", "collection", "version", "at", "address")
    print_records(records, columns, fmt, empty="Nobody has accepted an agreement yet.")


def _text_of(file: Path) -> str:
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(_LARGEST_FILE + 1)
        else:
            with file.open("rb") as source:
                content = source.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise InvalidInput(f"{file} is larger than {_LARGEST_FILE >> 20} MiB.")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The agreement {file} cannot be read as text: {error}.") from None


# -- a server --------------------------------------------------------------------------------------------


@app.command(
    "show",
    epilog="Example: filmroom agreement show --server https://images.example.org",
    rich_help_panel=_ON_SERVER,
)
def show(
    collection: OnlyOption = None, server: ServerOption = None, fmt: FormatOption = Format.TABLE
) -> None:
    """Print the agreements that concern your account on a server, and whether you have accepted them."""
    with make_client(server) as client:
        shown = _chosen(client, collection)
    if fmt is Format.TABLE:
        for each in shown:
            _print(each)
        if not shown:
            remark("There is no agreement.")
        return
    columns = ("id", "collection", "version", "created", "required", "accepted", "text")
    print_records([{name: getattr(each, name) for name in columns} for each in shown], columns, fmt)


@app.command(
    "accept",
    epilog="Example: FILMROOM_LOGIN=alice filmroom agreement accept --server https://images.example.org",
    rich_help_panel=_ON_SERVER,
)
def accept(
    collection: OnlyOption = None,
    *,
    server: ServerOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept without being asked; you have read them.")
    ] = False,
) -> None:
    """Accept the agreements that stand between your account and what it was granted."""
    with make_client(server) as client:
        waiting = [
            each
            for each in _chosen(client, collection)
            if (each.is_missing if collection is None else each.accepted is None)
        ]
        for each in waiting:
            _print(each)
            if not yes and not _agreed(each):
                raise typer.Exit(1)
            accepted = client.accept_agreement(each)
            say(f"Accepted: {_title(accepted)}.")
    if not waiting:
        say("Nothing is left to accept.")


def _chosen(client: Client, collection: str | None) -> list[ShownAgreement]:
    shown = client.agreements()
    chosen = [each for each in shown if collection is None or each.collection == collection]
    if collection is not None and not chosen:
        raise InvalidInput(f"There is no agreement of a collection {collection!r} that you see.")
    return chosen


def _title(shown: ShownAgreement) -> str:
    return _printable(f"{shown.title}, version {shown.version}")


def _print(shown: ShownAgreement) -> None:
    state = "not needed at present"
    if shown.accepted is not None:
        state = f"accepted on {shown.accepted:%Y-%m-%d %H:%M} UTC"
    elif shown.required:
        state = "not accepted yet"
    say(f"{_title(shown)} ({state})")
    say()
    say(_printable(shown.text))
    say()


def _printable(text: str) -> str:
    """Return a server's text fit for a terminal: no control characters but line ends."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t")


def _agreed(shown: ShownAgreement) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidInput("There is no terminal to ask for your agreement.", advice="Give --yes.")
    return typer.confirm(f"Do you accept: {_title(shown)}?", err=True)


def register(root: typer.Typer) -> None:
    """Add the commands of this module."""
    root.add_typer(app, name="agreement")
