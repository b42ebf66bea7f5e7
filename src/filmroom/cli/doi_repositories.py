"""The command group ``doi repository``: who owns DOIs, under which prefixes, and who writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, open_catalog
from filmroom.cli.output import Format, print_records, say
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.catalog import Catalog
    from filmroom.model.doi_repositories import Repository

app = typer.Typer(help="Repositories that own DOIs, and who writes for them.", no_args_is_help=True)

SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as DEMO.ARCHIVE.")]
DomainsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--domain",
        help="Host of its landing pages: example.org, *.example.org; default: any. Repeat it.",
        show_default=False,
    ),
]


@app.command("add", epilog="Example: filmroom doi repository add DEMO.ARCHIVE --name 'Demo' --prefix 10.5072")
def add(
    symbol: SymbolArgument,
    *,
    name: Annotated[str, typer.Option(help="Its name, which is the publisher of its datasets.")],
    prefixes: Annotated[
        list[str] | None, typer.Option("--prefix", help="Prefix of its DOIs; repeat it.", show_default=False)
    ] = None,
    domains: DomainsOption = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    ask_password: Annotated[
        bool,
        typer.Option("--password", help="Ask for a password, with which programs write DOIs over HTTP."),
    ] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Make a repository. With a password its symbol is the login of the write API."""
    from filmroom.cli.secret_input import read_secret

    wanted = ask_password or password_stdin
    password = read_secret("password", from_stdin=password_stdin, twice=True) if wanted else None
    with open_catalog(data, database_url) as catalog:
        made = catalog.doi_repositories().add(
            symbol, name, prefixes=prefixes or (), domains=domains or ("*",), password=password
        )
    say(f"Repository {made.symbol.upper()} made.")


@app.command("list", epilog="Example: filmroom doi repository list")
def list_repositories(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """List the repositories."""
    with open_catalog(data, database_url) as catalog:
        everywhere = catalog.doi_repositories().administrators()
        records = [
            {
                "symbol": each.symbol.upper(),
                "name": each.name,
                "prefixes": ", ".join(each.prefixes),
                "domains": ", ".join(each.domains),
                "active": "yes" if each.active else "no",
                "writers": ", ".join([*each.writers, *everywhere]),
            }
            for each in catalog.doi_repositories().all()
        ]
    columns = ("symbol", "name", "prefixes", "domains", "active", "writers")
    print_records(records, columns, fmt, empty="There are no repositories.")


@app.command("set", epilog="Example: filmroom doi repository set DEMO.ARCHIVE --domain images.example.org")
def change(
    symbol: SymbolArgument,
    *,
    name: Annotated[str | None, typer.Option(help="Another name.", show_default=False)] = None,
    domains: DomainsOption = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether it may write.", show_default=False)
    ] = None,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Change a repository. What is not given stays."""
    if name is None and not domains and active is None:
        raise InvalidInput("Nothing to set was given.", advice="See: filmroom doi repository set --help")
    with open_catalog(data, database_url) as catalog:
        catalog.doi_repositories().change(symbol, name=name, domains=domains or None, active=active)
    say(f"Repository {symbol.upper()} set.")


@app.command("prefix", epilog="Example: filmroom doi repository prefix DEMO.ARCHIVE 10.5072")
def set_prefix(
    symbol: SymbolArgument,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Such as 10.5072.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away instead.")] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Let a repository make DOIs under a prefix, or no longer."""
    with open_catalog(data, database_url) as catalog:
        catalog.doi_repositories().set_prefix(symbol, prefix, assigned=not remove)
    say(f"Repository {symbol.upper()} {'has no' if remove else 'has'} prefix {prefix}.")


@app.command("writer", epilog="Example: filmroom doi repository writer alice --repository DEMO.ARCHIVE")
def set_writer(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="Name of an account.")],
    *,
    symbol: Annotated[
        str | None, typer.Option("--repository", metavar="SYMBOL", help="For this one.", show_default=False)
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="For every repository.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the right away instead.")] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Let an account write DOIs, with its own password or token, or no longer."""
    if (symbol is None) != everywhere:
        raise InvalidInput("Give either --repository SYMBOL or --all.")
    with open_catalog(data, database_url) as catalog:
        catalog.doi_repositories().set_writer(login, symbol, writer=not remove)
    place = "every repository" if symbol is None else symbol.upper()
    say(f"{login} {'may not write' if remove else 'may write'} for {place}.")


def only_prefix(catalog: Catalog) -> str:
    """Return the prefix that new DOIs have where none is named. :raises InvalidInput:"""
    found = {prefix for each in catalog.doi_repositories().all() if each.active for prefix in each.prefixes}
    if len(found) != 1:
        several = "There are several prefixes." if found else "No repository has a prefix yet."
        raise InvalidInput(
            several,
            advice="Choose one with --prefix or --doi."
            if found
            else "Make one with: filmroom doi repository add SYMBOL --name NAME --prefix 10.5072",
        )
    return found.pop()


def owner_of(catalog: Catalog, doi: str) -> Repository:
    """Return the repository that a DOI or prefix belongs to. :raises InvalidInput: when it is none's."""
    prefix = doi.partition("/")[0]
    for each in catalog.doi_repositories().all():
        if each.active and prefix in each.prefixes:
            return each
    raise InvalidInput(
        f"No repository has the prefix {prefix[:40]}.", advice="See them with: filmroom doi repository list"
    )


def register(root: typer.Typer) -> None:
    """Add the commands of this module."""
    root.add_typer(app, name="repository")
