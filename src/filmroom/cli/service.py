"""``filmroom serve`` and ``filmroom settings``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from filmroom import settings
from filmroom.cli.output import Format, print_records, remark, say

_SERVE_EPILOG = """\
Examples:

  filmroom serve

  filmroom serve --data /srv/images --host 0.0.0.0 --workers 4

  FILMROOM_DATA=/srv/images filmroom serve --port 9000
"""

_SETTINGS_EPILOG = """\
Example:

  filmroom settings --format json
"""


def serve(
    data: Annotated[
        Path | None, typer.Option(help="Folder of the archive; made where there is none.", show_default=False)
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(help="Catalogue address, instead of SQLite in the folder.", show_default=False),
    ] = None,
    store_url: Annotated[
        str | None,
        typer.Option(help="Store address, instead of a folder beside the catalogue.", show_default=False),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; 0 for any free one.", show_default="8080"),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Number of processes.", show_default="1")] = None,
) -> None:
    """Serve the archive over HTTP until Ctrl-C; an empty one is made where there is none."""
    from filmroom.server.run import serve as run_server

    run_server(
        settings.ArchiveAddress.resolve(data, database_url, store_url),
        settings.get("host", host),
        settings.get_integer("port", port),
        settings.get_integer("workers", workers),
        announce=_announce,
    )


def _announce(url: str) -> None:
    say(f"Serving on {url}")
    remark(f"API page: {url}/docs   End with Ctrl-C.")


def show_settings(
    fmt: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Print every setting, its present value and where that comes from."""
    records = []
    for setting in settings.SETTINGS:
        given = bool(os.environ.get(setting.variable))
        records.append(
            {
                "variable": setting.variable,
                "value": _shown(setting),
                "from": "environment" if given else "default",
                "help": setting.help,
            }
        )
    print_records(records, ["variable", "value", "from", "help"], fmt)


def _shown(setting: settings.Setting) -> str:
    value = settings.get(setting.name)
    if setting.kind == "secret":
        return "***" if value else ""
    return _without_password(value)


def _without_password(value: str) -> str:
    """Return a value fit for a screen: a password inside an address is replaced."""
    scheme, separator, rest = value.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not separator or not at or "/" in credentials or ":" not in credentials:
        return value
    return f"{scheme}://{credentials.partition(':')[0]}:***@{place}"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("serve", epilog=_SERVE_EPILOG)(serve)
    app.command("settings", epilog=_SETTINGS_EPILOG)(show_settings)
