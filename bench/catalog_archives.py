"""The archives whose catalogues are measured: all series of the index and 10,000 of them, on both engines."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tcia_index
from filmroom.catalog import Catalog
from filmroom.model.access import Role, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.lists import NewList
from harness import Context, Server, filmroom, free_port, server

SMALL = 10_000
"""Series of the small archive."""

_LOGIN, _PASSWORD = "reader", "a password of the bench"
_HIDDEN = 2


@dataclass(slots=True)
class Archive:
    """A catalogue and where it lies."""

    engine: str
    url: str
    data: Path

    @contextlib.contextmanager
    def served(self) -> Iterator[Server]:
        """Serve it with one process."""
        port = free_port()
        command = filmroom("serve", "--data", self.data, "--database-url", self.url, "--port", str(port))
        with server(command, port, "/up", environment={"FILMROOM_LOG_LEVEL": "warning"}) as started:
            yield started


def archives(
    context: Context,
    stack: contextlib.ExitStack,
    engine: str | None = None,
    keep: Path | None = None,
    most: int | None = None,
) -> Iterator[tuple[str, tuple[Archive, Archive]]]:
    """Yield each engine with an archive of all series and one of few."""
    paths = []
    for name, count in (("all", most), ("few", SMALL)):
        folder = context.folder(f"catalogue-{name}")
        path = folder / "catalog.sqlite"
        kept = keep if name == "all" else None
        if kept is not None and kept.exists():
            shutil.copyfile(kept, path)
        else:
            context.log(f"catalogue: filling SQLite, {name} series")
            tcia_index.fill(f"sqlite:///{path}", count)
            if kept is not None:
                shutil.copyfile(path, kept)
        paths.append(path)
    copies = []
    if engine in {None, "PostgreSQL"}:
        from filmroom.testing.services import running_postgres

        postgres = stack.enter_context(running_postgres())
        for path in paths:
            context.log("catalogue: copying to PostgreSQL")
            url = stack.enter_context(postgres.database())
            tcia_index.copy(path, url)
            copies.append((url, context.folder("served")))
    # Measuring changes an archive, so the copies were made before.
    if engine in {None, "SQLite"}:
        yield "SQLite", _pair("SQLite", [(f"sqlite:///{path}", path.parent) for path in paths])
    if copies:
        yield "PostgreSQL", _pair("PostgreSQL", copies)


def _pair(engine: str, places: Sequence[tuple[str, Path]]) -> tuple[Archive, Archive]:
    large, small = (Archive(engine, url, data) for url, data in places)
    return large, small


def share(archive: Archive, name: str, uids: Sequence[str]) -> None:
    """Make a shared list of series, for a user who is made with it."""
    with Catalog.open(archive.url) as catalog:
        catalog.accounts().add(_LOGIN, _PASSWORD)
        issued = catalog.tokens().log_in(_LOGIN, _PASSWORD, TokenLifetimes())
        owner = VisibleSet(catalog.tokens().viewer(issued.access))
        catalog.lists().create(NewList(name, tuple(uids)), owner)


def restrict(archive: Archive) -> None:
    """Make every collection restricted, and grant all but two of them to the user."""
    with Catalog.open(archive.url) as catalog:
        names = [each.name for each in catalog.collections()]
        for name in names:
            catalog.set_collection(name, access="restricted")
        for name in names[_HIDDEN:]:
            catalog.grants().add(Grant(name, None, Role.READ.value, user=_LOGIN))


def token(port: int) -> str:
    """Log the user in and return the access token."""
    form = {"grant_type": "password", "username": _LOGIN, "password": _PASSWORD}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/nbia-api/oauth/token", urllib.parse.urlencode(form), kind)
    return str(json.load(connection.getresponse())["access_token"])
