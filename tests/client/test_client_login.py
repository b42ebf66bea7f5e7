"""The client logged in, at a real server."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from filmroom import Client
from filmroom.catalog import Catalog
from filmroom.catalog.schema_access import token
from filmroom.client import verify
from filmroom.errors import AccessDenied, InvalidInput
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.net.retry import RetryPolicy
from filmroom.server.login import LoginOptions
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

LOGIN, PASSWORD = "alice", "correct horse battery"
HASTY = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)


@dataclass(frozen=True)
class Closed:
    """A server with one restricted collection, which alice may read."""

    url: str
    catalog: Catalog

    def age(self, *kinds: str) -> None:
        """Let the tokens of these kinds have expired."""
        with self.catalog._database.writing() as connection:
            connection.execute(
                sa.update(token).where(token.c.kind.in_(kinds)).values(expires=dt.datetime(2020, 1, 1))
            )

    def issued(self) -> int:
        with self.catalog._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.max(token.c.id))) or 0


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest_paths(address, sample_files("Demo-MR"), IngestOptions(Rules(collection="Shut"), 1))
    with Catalog.open(address.database_url) as catalog:
        catalog.set_collection("Shut", access="restricted")
        catalog.accounts().add(LOGIN, PASSWORD)
        catalog.grants().add(Grant("Shut", None, Role.READ.value, user=LOGIN))
        with running_server(address, login=LoginOptions(TokenLifetimes(600, 900))) as url:
            yield Closed(url, catalog)


def test_a_login_sees_and_fetches_what_was_granted(closed: Closed, tmp_path: Path) -> None:
    with Client(closed.url) as anybody:
        assert anybody.collections() == []
    with Client(closed.url, login=LOGIN, password=PASSWORD, retry=HASTY) as client:
        assert client.collections() == ["Shut"]
        series = client.series()
        client.download(series, tmp_path / "got").raise_for_failures()
        uid = series[0].series_instance_uid
        client.download(uid, tmp_path / "by uid").raise_for_failures()
        assert PASSWORD not in f"{client!r} {vars(client.connection)!r}"
    assert {one.state for one in verify(tmp_path / "got").series} == {"whole"}
    assert closed.issued() == 2  # one access and one refresh token for all of it


def test_tokens_are_renewed(closed: Closed) -> None:
    with Client(closed.url, login=LOGIN, password=PASSWORD, retry=HASTY) as client:
        assert client.collections() == ["Shut"]
        closed.age("access")
        assert client.collections() == ["Shut"]  # by the refresh token
        closed.age("access", "refresh")
        assert client.collections() == ["Shut"]  # by the password
        client.connection.login._until = 0  # type: ignore[union-attr]
        before = closed.issued()
        assert client.collections() == ["Shut"]  # before it ends
        assert closed.issued() > before
        closed.catalog.accounts().set_active(LOGIN, active=False)
        with pytest.raises(AccessDenied):
            client.collections()


def test_a_token_from_elsewhere(closed: Closed) -> None:
    made = closed.catalog.tokens().log_in(LOGIN, PASSWORD, TokenLifetimes())
    with Client(closed.url, token=made.access, retry=HASTY) as client:
        assert client.collections() == ["Shut"]
        closed.age("access")
        with pytest.raises(AccessDenied):
            client.collections()


def test_what_cannot_be_a_login(closed: Closed) -> None:
    with (
        Client(closed.url, login=LOGIN, password="wrong", retry=HASTY) as client,
        pytest.raises(AccessDenied, match="'alice' or its password"),
    ):
        client.collections()
    for wrong in (
        {"login": LOGIN},
        {"password": PASSWORD},
        {"login": LOGIN, "password": PASSWORD, "token": "t"},
        {"token": "a\nb"},
        {"token": ""},
    ):
        with pytest.raises(InvalidInput):
            Client(closed.url, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="https"):
        Client("http://images.example.org", login=LOGIN, password=PASSWORD)


def test_the_log_has_no_secret(closed: Closed) -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with Client(closed.url, login=LOGIN, password=PASSWORD, retry=HASTY) as client:
            client.collections()
            access = client.connection.login._access  # type: ignore[union-attr]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "oauth/token" in log.getvalue()
    for secret in (PASSWORD, "correct", access):
        assert secret not in log.getvalue()


def test_commands_log_in_from_the_environment(closed: Closed) -> None:
    def run(*words: str, **environ: str) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("FILMROOM_")}
        done = subprocess.run(
            [sys.executable, "-m", "filmroom.cli.app", *words],
            capture_output=True,
            text=True,
            check=True,
            env=clean | environ,
        )
        return done.stdout

    environ = {"FILMROOM_LOGIN": LOGIN, "FILMROOM_PASSWORD": PASSWORD, "FILMROOM_SERVER": closed.url}
    listed = json.loads(run("collections", "--format", "json", **environ))
    assert [row["collection"] for row in listed] == ["Shut"]
    shown = run("settings", "--format", "json", **environ)
    assert PASSWORD not in shown
    assert '"***"' in shown
