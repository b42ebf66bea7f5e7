"""Commands of ``doi`` about registration at DataCite: what is sent, and how far it is."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from filmroom.cli.options import DatabaseOption, DataOption, FormatOption, open_catalog
from filmroom.cli.output import Format, print_records, remark, say
from filmroom.errors import InvalidInput

if TYPE_CHECKING:
    from filmroom.catalog import Catalog
    from filmroom.catalog.doi_pushes import DoiPushes
    from filmroom.model.doi_repositories import DoiWriter
    from filmroom.server.registration.far_end import FarEnd
    from filmroom.server.registration.options import RegistrationOptions
    from filmroom.server.registration.worker import Registrar

DoiArgument = Annotated[
    str | None, typer.Argument(metavar="[DOI]", help="Only this one.", show_default=False)
]


def _options() -> RegistrationOptions:
    from filmroom.server.registration.options import RegistrationOptions

    options = RegistrationOptions.from_settings()
    if options is None:
        raise InvalidInput(
            "Registration at DataCite is off.", advice="Set FILMROOM_DATACITE_MODE to test or production."
        )
    return options


def _pushes(catalog: Catalog, options: RegistrationOptions) -> DoiPushes:
    """Return the queue of the repository here that has the account's symbol. :raises NotFound:"""
    from filmroom.server.registration.worker import worker_name

    catalog.doi_repositories().get(options.symbol)
    return catalog.doi_pushes(options.system, options.symbol, worker_name())


def _everybody() -> DoiWriter:
    from filmroom.model.doi_repositories import DoiWriter

    return DoiWriter(everywhere=True)


def push(
    doi: DoiArgument = None,
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the requests that would change something; send none of them."),
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try what was stopped, and what waits after a failure, at once.")
    ] = False,
    data: DataOption = None,
    database_url: DatabaseOption = None,
) -> None:
    """Register at DataCite what it does not have as it is here.

    The server does this by itself while it runs. Exit code: 0 DataCite has everything, 1 something waits or
    was stopped.
    """
    from filmroom.server.registration.far_end import FarEnd
    from filmroom.server.registration.worker import Registrar

    options = _options()
    with open_catalog(data, database_url) as catalog, FarEnd(options) as far:
        name = None if doi is None else catalog.dois().get(doi, _everybody()).doi
        pushes = _pushes(catalog, options)
        registrar = Registrar(pushes, options)
        if dry_run:
            _print_requests(
                catalog, registrar, far, [name] if name else [each.doi for each in pushes.status()]
            )
            return
        if retry:
            pushes.retry(name)
        while (sent := registrar.step(far, name)) is not None:
            say(f"{sent.doi}: {sent.outcome}{f': {sent.message}' if sent.message else ''}")
            time.sleep(options.pause)
        left = [each for each in pushes.status() if each.state != "done" and name in {None, each.doi}]
    if left:
        remark(f"{len(left)} not registered as they are here. See: filmroom doi status")
        raise typer.Exit(1)


def _print_requests(catalog: Catalog, registrar: Registrar, far: FarEnd, names: list[str]) -> None:
    """Print what would be sent. The other end is only read."""
    from filmroom.server.registration.far_end import NotNow, Refused

    for name in names:
        try:
            request = registrar.request(far, catalog.dois().get(name, _everybody()))
        except (InvalidInput, NotNow, Refused) as error:
            remark(f"{name}: {error}")
            continue
        if request.body is None:
            remark(f"{name}: nothing to send.")
            continue
        say(f"PUT {request.address}")
        say("Content-Type: application/vnd.api+json")
        say()
        say(json.dumps(request.body, indent=2, ensure_ascii=False))
        say()


def status(
    fmt: FormatOption = Format.TABLE, data: DataOption = None, database_url: DatabaseOption = None
) -> None:
    """Show how far the registration of each DOI is at DataCite."""
    options = _options()
    with open_catalog(data, database_url) as catalog:
        records = [
            {
                "doi": each.doi,
                "wanted": each.wanted.value,
                "registration": each.state,
                "tries": each.tries,
                "next_try": each.next_try,
                "done": each.done,
                "error": each.error,
            }
            for each in _pushes(catalog, options).status()
        ]
    columns = ("doi", "wanted", "registration", "tries", "next_try", "done", "error")
    print_records(records, columns, fmt, empty="There is nothing to register: no DOI has left its draft.")
    remark(f"At {options.root} ({options.system}), as {options.symbol.upper()}.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("push", epilog="Example: filmroom doi push --dry-run")(push)
    app.command("status", epilog="Example: filmroom doi status")(status)
