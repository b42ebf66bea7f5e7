"""The commands ``agreement``: an archive's texts, and accepting them on a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

PASSWORD = "correct horse battery"


class Terminal:
    """Runs the program with one archive, and as alice on a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FILMROOM_")},
            "FILMROOM_DATA": str(folder / "archive"),
            "FILMROOM_LOGIN": "alice",
            "FILMROOM_PASSWORD": PASSWORD,
        }

    def run(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "filmroom.cli.app", *words],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def say(self, *words: str, stdin: bytes = b"") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def fails(self, code: int, *words: str, stdin: bytes = b"") -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == code, done
        return done.stderr.decode()

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.say(*words, "--format", "json"))
        return found


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    made = Terminal(tmp_path)
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest_paths(
        address, sample_files("Demo-MR"), IngestOptions(Rules(collection="Shut", access="restricted"), 1)
    )
    with Catalog.open(address.database_url) as catalog:
        catalog.accounts().add("alice", PASSWORD)
        catalog.grants().add(Grant("Shut", None, Role.READ.value, user="alice"))
    return made


def test_a_text_and_its_versions(terminal: Terminal) -> None:
    (terminal.folder / "terms.txt").write_bytes("\ufeffDo no härm.\r\n".encode())
    assert terminal.say("agreement", "set", "terms.txt") == "The agreement is version 1.\n"
    assert terminal.say("agreement", "set", "terms.txt") == "The agreement is version 1 already.\n"
    assert "version 2." in terminal.say("agreement", "set", "-", stdin=b"Do good.")
    words = ("agreement", "set", "terms.txt", "--collection", "Shut")
    assert terminal.say(*words) == "The agreement of Shut is version 1.\n"
    terminal.say("agreement", "withdraw", "--collection", "Shut")
    listed = [
        (each["collection"], each["version"], each["current"], each["text"])
        for each in terminal.rows("agreement", "list")
    ]
    assert listed == [
        (None, 1, "no", "Do no härm."),
        (None, 2, "yes", "Do good."),
        ("Shut", 1, "no", "Do no härm."),
    ]
    assert terminal.rows("agreement", "accepted") == []


def test_what_is_refused(terminal: Terminal) -> None:
    (terminal.folder / "binary").write_bytes(b"\xff\xfe")
    assert "cannot be read as text" in terminal.fails(2, "agreement", "set", "binary")
    assert "cannot be read as text" in terminal.fails(2, "agreement", "set", "absent")
    assert "larger than" in terminal.fails(2, "agreement", "set", "-", stdin=b"x" * (2 << 20) + b"x")
    assert "1 to" in terminal.fails(2, "agreement", "set", "-", stdin=b" \n")
    words = ("agreement", "set", "-", "--collection", "None such")
    assert "no collection" in terminal.fails(4, *words, stdin=b"x")
    assert "no such agreement" in terminal.fails(4, "agreement", "withdraw")
    assert terminal.rows("agreement", "list") == []


def test_refused_agreed_to_fetched(terminal: Terminal) -> None:
    terminal.say("agreement", "set", "-", stdin=b"Do no harm.")
    with running_server(ArchiveAddress.resolve(terminal.folder / "archive")) as url:
        terminal.environment["FILMROOM_SERVER"] = url
        refused = terminal.fails(1, "download", "--collection", "Shut", "--to", "got")
        assert f"{url}/policy" in refused
        assert f"filmroom agreement accept --server {url}" in refused
        assert "Do no harm." in terminal.say("agreement", "show")
        assert "Give --yes" in terminal.fails(2, "agreement", "accept")
        assert terminal.rows("agreement", "accepted") == []
        accepted = terminal.say("agreement", "accept", "--yes")
        assert "Do no harm." in accepted
        assert "Accepted: Data usage agreement, version 1." in accepted
        assert terminal.say("agreement", "accept") == "Nothing is left to accept.\n"
        [shown] = terminal.rows("agreement", "show")
        assert shown["accepted"].endswith("+00:00")
        assert "no agreement of a collection" in terminal.fails(2, "agreement", "show", "-c", "Shut")
        fetched = terminal.say("download", "--collection", "Shut", "--to", "got")
    assert "License Information. The Shut collection is distributed under the Not Specified" in fetched
    [kept] = terminal.rows("agreement", "accepted")
    assert (kept["login"], kept["version"], kept["address"]) == ("alice", 1, "127.0.0.1")
