"""The commands ``login`` and ``logout``: which account a server is asked as."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, get_args

import typer

from filmroom.cli.browse import ServerOption
from filmroom.cli.output import say
from filmroom.cli.secret_input import read_secret
from filmroom.errors import InvalidInput


class Keep(StrEnum):
    """Where a login is put aside."""

    KEYRING = "keyring"
    FILE = "file"


def login(
    name: Annotated[
        str | None, typer.Argument(metavar="LOGIN", help="Name of the account; asked for if absent.")
    ] = None,
    server: ServerOption = None,
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read an access token from standard input; no LOGIN then.")
    ] = False,
    keep: Annotated[
        Keep | None,
        typer.Option(
            "--keep",
            help="Where to; default: the keyring where there is one, else a file that is yours alone.",
        ),
    ] = None,
) -> None:
    """Put the login for a server aside; commands and notebooks ask that server with it from now on.

    It is tried first. It is never shown to another server.
    """
    from filmroom.client import Client
    from filmroom.client.credentials import Credentials, Where, credentials_file, save_credentials

    root = _root(server)
    if token_stdin:
        if name is not None or password_stdin:
            raise InvalidInput("A token stands for itself: give neither a login nor a password with it.")
        given = Credentials(token=read_secret("token", from_stdin=True))
    else:
        name = name or _name()
        given = Credentials(name, read_secret("password", from_stdin=password_stdin))
    with Client(root, **given.arguments) as client:  # type: ignore[arg-type]
        if token_stdin:
            client.collections()
        else:
            client.connection.tokens()
    where: Where | None = next((each for each in get_args(Where) if keep == each), None)
    kept = save_credentials(root, given, where)
    say(f"Logged in to {root}{f' as {name}' if name else ''}.")
    say(f"The login is kept in {'the keyring' if kept == 'keyring' else credentials_file()}.")


def logout(server: ServerOption = None) -> None:
    """Forget the login that was put aside for a server."""
    from filmroom.client.credentials import forget_credentials

    root = _root(server)
    say(
        f"The login for {root} is forgotten."
        if forget_credentials(root)
        else f"There is no login for {root}."
    )


def _root(server: str | None) -> str:
    from filmroom import settings
    from filmroom.net.address import server_root

    address = server or settings.get("server")
    if not address:
        raise InvalidInput("No server is named.", advice="Give --server URL, or set FILMROOM_SERVER.")
    return server_root(address)


def _name() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("There is no terminal to ask for the login.", advice="Give LOGIN.")
    answer: str = typer.prompt("Login", err=True)
    return answer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    panel = "Ask a server"
    app.command(
        epilog="Example: filmroom login alice --server https://images.example.org", rich_help_panel=panel
    )(login)
    app.command(epilog="Example: filmroom logout --server https://images.example.org", rich_help_panel=panel)(
        logout
    )
