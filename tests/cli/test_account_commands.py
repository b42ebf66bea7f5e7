"""The commands ``user``, ``group`` and ``grant`` as a person uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from filmroom.catalog import Catalog
from filmroom.cli.app import app
from filmroom.errors import AccessDenied, FilmroomError, InvalidInput, NotFound
from filmroom.model.accounts import TokenLifetimes
from filmroom.model.institute import Admission, Person
from filmroom.settings import ArchiveAddress

PASSWORD = "correct horse battery"


class Terminal:
    """Runs commands on one archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog.create(ArchiveAddress.resolve(folder).database_url)
        self.catalog.set_collection("Shut", access="restricted", create=True)

    def run(self, *words: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, [*words, "--data", str(self.folder)], input=stdin)

    def say(self, *words: str, stdin: str | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.say(*words, "--format", "json"))
        return found

    def fails(self, kind: type[FilmroomError], *words: str, stdin: str | bytes | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert isinstance(done.exception, kind), (words, done.output, done.exception)
        return str(done.exception)


@pytest.fixture
def terminal(tmp_path: Path) -> Any:
    made = Terminal(tmp_path / "archive")
    yield made
    made.catalog.close()


def logs_in(terminal: Terminal, password: str) -> bool:
    try:
        terminal.catalog.tokens().log_in("alice", password, TokenLifetimes())
    except AccessDenied:
        return False
    return True


def test_users(terminal: Terminal) -> None:
    terminal.say(
        "user", "add", "alice", "--email", "alice@example.org", "--password-stdin", stdin=PASSWORD + "\n"
    )
    [row] = terminal.rows("user", "list")
    assert (row["login"], row["email"], row["active"], row["groups"]) == (
        "alice",
        "alice@example.org",
        "yes",
        "",
    )
    assert logs_in(terminal, PASSWORD)
    terminal.say("user", "disable", "alice")
    assert not logs_in(terminal, PASSWORD)
    assert "alice,alice@example.org,no," in terminal.say("user", "list", "--format", "csv")
    terminal.say("user", "enable", "alice")
    terminal.say("user", "password", "alice", "--password-stdin", stdin="another password")
    assert (logs_in(terminal, PASSWORD), logs_in(terminal, "another password")) == (False, True)
    assert PASSWORD not in terminal.say("user", "list")


def test_what_is_wrong_with_users(terminal: Terminal) -> None:
    add = ("user", "add", "alice", "--password-stdin")
    terminal.fails(InvalidInput, *add, stdin="short")
    terminal.fails(InvalidInput, *add, stdin="")
    terminal.fails(InvalidInput, *add, stdin=b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\n")
    assert "--password-stdin" in str(terminal.run("user", "add", "alice").exception.advice)  # type: ignore[union-attr]
    terminal.say(*add, stdin=PASSWORD)
    assert PASSWORD not in terminal.fails(InvalidInput, *add, stdin=PASSWORD)
    for command in ("disable", "enable"):
        terminal.fails(NotFound, "user", command, "nobody")
    # There is no way to put it on the command line.
    assert terminal.run("user", "add", "bob", "--password", PASSWORD).exit_code == 2
    assert terminal.run("user", "add", "bob", PASSWORD).exit_code == 2
    with pytest.raises(NotFound):
        terminal.catalog.accounts().set_active("bob", active=True)


def test_users_of_an_institute(terminal: Terminal) -> None:
    terminal.say("user", "add", "bob", "--institute")
    terminal.say("user", "add", "alice", "--password-stdin", stdin=PASSWORD)

    def ways() -> list[str]:
        return [row["logs_in"] for row in terminal.rows("user", "list")]

    assert ways() == ["password", "institute, not seen yet"]
    terminal.say("user", "link", "alice")
    terminal.fails(InvalidInput, "user", "link", "alice")
    person = Person("https://idp.example", "a-1", "alice")
    terminal.catalog.identities().viewer(person, Admission())
    assert ways() == ["password, https://idp.example", "institute, not seen yet"]
    assert logs_in(terminal, PASSWORD)
    terminal.say("user", "unlink", "alice")
    terminal.say("user", "unlink", "bob")
    assert ways() == ["password", "programs only"]
    terminal.fails(NotFound, "user", "unlink", "nobody")
    terminal.fails(InvalidInput, "user", "add", "carol", "--institute", "--password-stdin", stdin=PASSWORD)


def test_programs(terminal: Terminal) -> None:
    terminal.say("user", "add", "alice", "--password-stdin", stdin=PASSWORD)
    [made] = terminal.rows("user", "client", "add", "alice")
    lines = dict(line.split("=", 1) for line in terminal.say("user", "client", "add", "alice").splitlines())
    assert set(lines) == set(made) == {"client_id", "client_secret"}
    for secret in (made, lines):
        issued = terminal.catalog.tokens().client_log_in(
            secret["client_id"], secret["client_secret"], TokenLifetimes()
        )
        assert terminal.catalog.tokens().viewer(issued.access).login == "alice"
    listed = terminal.rows("user", "client", "list")
    assert [row["client_id"] for row in listed] == [made["client_id"], lines["client_id"]]
    assert "client_secret" not in listed[0]
    terminal.say("user", "client", "remove", made["client_id"])
    terminal.fails(NotFound, "user", "client", "remove", made["client_id"])
    assert len(terminal.rows("user", "client", "list")) == 1


def test_groups_and_grants(terminal: Terminal) -> None:
    terminal.say("user", "add", "alice", "--password-stdin", stdin=PASSWORD)
    terminal.say("group", "add", "readers", "--description", "May read")
    terminal.say("group", "member", "readers", "alice")
    assert terminal.rows("group", "list") == [
        {"group": "readers", "description": "May read", "members": "alice"}
    ]
    terminal.say("grant", "add", "Shut", "--group", "readers")
    terminal.say("grant", "add", "Shut//Shut", "--user", "alice", "--role", "curate")
    assert "already" in terminal.say("grant", "add", "Shut", "--group", "readers", "--role", "NCIA.READ")
    assert terminal.say("grant", "list", "--format", "csv").splitlines() == [
        "collection,site,user,group,role",
        "Shut,,,readers,READ",
        "Shut,Shut,alice,,CURATE",
    ]
    terminal.fails(NotFound, "grant", "remove", "Shut", "--user", "alice")
    terminal.say("grant", "remove", "Shut", "--group", "readers")
    assert len(terminal.rows("grant", "list")) == 1
    terminal.say("group", "member", "readers", "alice", "--remove")
    assert terminal.rows("group", "list")[0]["members"] == ""
    for kind, words in (
        (NotFound, ("Missing", "--user", "alice")),
        (NotFound, ("Shut//Missing", "--user", "alice")),
        (NotFound, ("Shut", "--user", "nobody")),
        (InvalidInput, ("Shut",)),
        (InvalidInput, ("Shut", "--user", "alice", "--group", "readers")),
        (InvalidInput, ("Shut", "--user", "alice", "--role", "KING")),
        (InvalidInput, ("Shut//", "--user", "alice")),
        (InvalidInput, ("//Shut", "--user", "alice")),
    ):
        terminal.fails(kind, "grant", "add", *words)


def test_a_process_says_it_in_a_sentence(terminal: Terminal) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", "user", "disable", "x", "--data", str(terminal.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr == "Error: There is no account 'x'.\nSee the logins with: filmroom user list\n"
