"""Logins that are put aside: by the commands ``login`` and ``logout``, and where they go from there."""

from __future__ import annotations

import json
import os
import stat
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest
from keyring.backend import KeyringBackend
from typer.testing import CliRunner, Result

from filmroom import Client
from filmroom.catalog import Catalog
from filmroom.cli.app import app
from filmroom.client.credentials import Credentials, find_credentials, forget_credentials, save_credentials
from filmroom.errors import AccessDenied, FilmroomError, InvalidInput, MissingExtra
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

LOGIN, PASSWORD = "alice", "correct horse battery"


class Memory(KeyringBackend):
    """A keyring of this process."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of logins of this test; no other login is there."""
    for name in [name for name in os.environ if name.startswith("FILMROOM_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "config" / "credentials.json"
    monkeypatch.setenv("FILMROOM_CREDENTIALS", str(path))
    return path


@pytest.fixture(autouse=True)
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    made = Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Catalog]]:
    """A server with one collection, which alice may read."""
    address = ArchiveAddress.resolve(tmp_path_factory.mktemp("closed"))
    ingest_paths(address, sample_files("Demo-MR"), IngestOptions(Rules(collection="Shut"), 1))
    with Catalog.open(address.database_url) as catalog:
        catalog.set_collection("Shut", access="restricted")
        catalog.accounts().add(LOGIN, PASSWORD)
        catalog.grants().add(Grant("Shut", None, Role.READ.value, user=LOGIN))
        with running_server(address) as url:
            yield url, catalog


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=stdin)


def collections(url: str, **options: Any) -> list[str]:
    with Client(url, **options) as client:
        return client.collections()


def test_a_login_is_put_into_the_keyring(closed: tuple[str, Catalog], place: Path, memory: Memory) -> None:
    url, _ = closed
    assert collections(url) == []
    done = run("login", LOGIN, "--server", url, "--password-stdin", stdin=PASSWORD + "\n")
    assert done.exit_code == 0, done.exception
    assert "the keyring" in done.output
    assert memory.held == {(f"filmroom {url}", LOGIN): PASSWORD}
    assert PASSWORD not in place.read_text() + done.output
    assert collections(url) == ["Shut"]
    assert json.loads(run("collections", "--server", url, "--format", "json").stdout) == [
        {"collection": "Shut"}
    ]
    assert collections(url, anonymous=True) == []
    assert "forgotten" in run("logout", "--server", url).output
    assert (memory.held, json.loads(place.read_text()), collections(url)) == ({}, {}, [])
    assert "There is no login" in run("logout", "--server", url).output


@pytest.mark.parametrize("option", [(), ("--keep", "file")])
def test_or_into_a_file_that_is_ones_own(
    closed: tuple[str, Catalog], place: Path, memory: Memory, option: tuple[str, ...]
) -> None:
    url, _ = closed
    if not option:  # a machine without a keyring
        keyring.set_keyring(keyring.backends.fail.Keyring())
    done = run("login", LOGIN, "--server", url, "--password-stdin", *option, stdin=PASSWORD)
    assert done.exit_code == 0, done.exception
    assert str(place) in done.output
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert memory.held == {}
    assert collections(url) == ["Shut"]
    assert collections(url.replace("127.0.0.1", "localhost")) == []  # another name is another server
    run("logout", "--server", url)
    assert PASSWORD not in place.read_text()


def test_a_token(closed: tuple[str, Catalog], place: Path) -> None:
    url, catalog = closed
    token = catalog.tokens().log_in(LOGIN, PASSWORD, TokenLifetimes()).access
    done = run("login", "--server", url, "--token-stdin", stdin=token)
    assert done.exit_code == 0, done.exception
    assert token not in place.read_text() + done.output
    assert collections(url) == ["Shut"]
    run("logout", "--server", url)
    assert isinstance(run("login", "--server", url, "--token-stdin", stdin="wrong").exception, AccessDenied)
    assert collections(url) == []


def test_what_is_no_login(closed: tuple[str, Catalog], place: Path) -> None:
    url, _ = closed

    def fails(kind: type[FilmroomError], *words: str, stdin: str | None = None) -> FilmroomError:
        done = run("login", *words, stdin=stdin)
        assert isinstance(done.exception, kind), (words, done.output, done.exception)
        return done.exception

    wrong = fails(AccessDenied, LOGIN, "--server", url, "--password-stdin", stdin="wrong password")
    assert "wrong password" not in f"{wrong} {wrong.advice}"
    assert "--password-stdin" in fails(InvalidInput, LOGIN, "--server", url).advice
    fails(InvalidInput, "--server", url, "--password-stdin", stdin=PASSWORD)
    fails(InvalidInput, LOGIN, "--password-stdin", stdin=PASSWORD)
    fails(InvalidInput, LOGIN, "--server", url, "--token-stdin", stdin="t")
    fails(InvalidInput, LOGIN, "--server", "http://images.example.org", "--password-stdin", stdin=PASSWORD)
    # There is no way to put it on the command line.
    assert run("login", LOGIN, PASSWORD, "--server", url).exit_code == 2
    assert not place.exists()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    fails(InvalidInput, LOGIN, "--server", url, "--keep", "keyring", "--password-stdin", stdin=PASSWORD)
    assert not place.exists()


def test_a_file_that_others_can_read_is_refused(place: Path) -> None:
    save_credentials("http://127.0.0.1:9", Credentials(LOGIN, PASSWORD), "file")
    for mode in (0o640, 0o604, 0o660):
        place.chmod(mode)
        with pytest.raises(InvalidInput, match="Others can read") as caught:
            Client("http://127.0.0.1:9")
        assert "chmod 600" in caught.value.advice
    place.chmod(0o600)
    assert find_credentials("http://127.0.0.1:9") == Credentials(LOGIN, PASSWORD)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"x": {"login": 1}}', b'{"x": {"other": "secret!"}}', b"\xff\xfe"]
)
def test_a_file_that_holds_no_logins(place: Path, content: bytes) -> None:
    place.parent.mkdir()
    place.write_bytes(content)
    place.chmod(0o600)
    with pytest.raises(InvalidInput, match="not a file of logins") as caught:
        Client("http://127.0.0.1:9")
    assert "secret!" not in "".join(traceback.format_exception(caught.value))


def test_the_keyring_is_asked_only_for_servers_with_a_login(
    closed: tuple[str, Catalog], memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = closed
    save_credentials("http://127.0.0.1:9", Credentials(LOGIN, PASSWORD), "keyring")
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert collections(url) == []
    with pytest.raises(MissingExtra, match="keyring"):
        Client("http://127.0.0.1:9")
    monkeypatch.undo()
    memory.held.clear()


def test_a_login_that_the_keyring_lost(memory: Memory) -> None:
    save_credentials("http://127.0.0.1:9", Credentials(LOGIN, PASSWORD), "keyring")
    memory.held.clear()
    with pytest.raises(InvalidInput, match="has no login for") as caught:
        Client("http://127.0.0.1:9")
    assert "filmroom login" in caught.value.advice
    assert (forget_credentials("http://127.0.0.1:9"), forget_credentials("http://127.0.0.1:9")) == (
        True,
        False,
    )


def test_a_login_of_the_environment_goes_to_its_server_alone(
    closed: tuple[str, Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = closed
    monkeypatch.setenv("FILMROOM_LOGIN", LOGIN)
    monkeypatch.setenv("FILMROOM_PASSWORD", PASSWORD)
    listed = ("collections", "--format", "json", "--server", url)
    assert json.loads(run(*listed).stdout) == [{"collection": "Shut"}]  # named by hand
    assert collections(url) == []
    manifest = tmp_path / "x.tcia"
    with Client(url, login=LOGIN, password=PASSWORD) as client:
        uid = client.series()[0].series_instance_uid
    manifest.write_text(f"downloadServerUrl={url}/nbia-download\nListOfSeriesToDownload=\n{uid}\n")
    done = run("download", "--manifest", str(manifest), "--dry-run", "--format", "json")
    assert [row["state"] for row in json.loads(done.stdout)] == ["failed"]  # whoever wrote the file named it
    monkeypatch.setenv("FILMROOM_SERVER", "https://other.example.org")
    assert json.loads(run(*listed).stdout) == []
    monkeypatch.setenv("FILMROOM_SERVER", url)
    assert json.loads(run("collections", "--format", "json").stdout) == [{"collection": "Shut"}]
    assert collections(url) == ["Shut"]
