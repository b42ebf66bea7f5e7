"""The commands that ask a server, and the yes before a download, as a person uses them."""

from __future__ import annotations

import csv
import datetime as dt
import inspect
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydicom import dcmread
from typer.testing import CliRunner, Result

from filmroom import Client
from filmroom.cli import errors as cli_errors
from filmroom.cli.app import app
from filmroom.cli.output import Format, print_records
from filmroom.client import verify
from filmroom.errors import FilmroomError, InvalidInput, NotFound, StoreError
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.entities import Licence
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom

CC_BY = Licence("Creative Commons Attribution 4.0", "CC BY 4.0", "https://creativecommons.org/by/4.0/")
CC_BY_NC = Licence(
    "Creative Commons Attribution-NonCommercial 4.0",
    "CC BY-NC 4.0",
    "https://creativecommons.org/licenses/by-nc/4.0/",
    commercial_use=False,
)


@dataclass(frozen=True)
class Held:
    url: str
    ct: str
    seg: str
    mr: str


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    address = ArchiveAddress.resolve(tmp_path_factory.mktemp("archive"))
    paths = write_phantom(tmp_path_factory.mktemp("phantom"))
    bound = [path for path in paths if path.name.startswith("mr-")]
    for path in bound:
        dataset = dcmread(path)
        dataset.PatientID, dataset.StudyInstanceUID = "BOUND-001", f"{dataset.StudyInstanceUID}.1"
        dataset.save_as(path)
    for name, part, licence in (
        ("Open", [path for path in paths if path not in bound], CC_BY),
        ("Bound", bound, CC_BY_NC),
    ):
        ingest_paths(address, part, IngestOptions(Rules(collection=name, licence=licence), 1))
    uids = {path.name[:2]: str(dcmread(path).SeriesInstanceUID) for path in paths}
    with running_server(address) as url:
        yield Held(url, uids["ct"], uids["se"], uids["mr"])


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("FILMROOM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FILMROOM_CREDENTIALS", str(tmp_path / "none.json"))
    monkeypatch.chdir(tmp_path)


def run(held: Held, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--server", held.url])


def rows(held: Held, *words: str) -> list[dict[str, object]]:
    done = run(held, *words, "--format", "json")
    assert done.exit_code == 0, (words, done.output, done.exception)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_counts(held: Held) -> None:
    assert rows(held, "counts", "collection") == [
        {"value": "Bound", "patients": 1},
        {"value": "Open", "patients": 1},
    ]
    assert rows(held, "counts", "body-part", "--modality", "MR") == [{"value": "CHEST", "patients": 1}]
    assert rows(held, "counts", "species") == [{"value": "337915000", "patients": 2}]
    assert (
        run(held, "counts", "modality", "-c", "Open", "--format", "csv").stdout
        == "value,patients\nCT,1\nSEG,1\n"
    )
    assert run(held, "counts", "colour").exit_code == 2


def test_search_by_criteria(held: Held, tmp_path: Path) -> None:
    (one,) = rows(held, "search", "-m", "CT", "-m", "SEG", "--all-modalities")
    assert (one["collection"], one["matching_series"], one["total_series"]) == ("Open", 2, 2)
    assert one["modalities"] == ["CT", "SEG"]
    table = run(held, "search", "--body-part", "chest", "--format", "csv").stdout
    told = list(csv.DictReader(io.StringIO(table)))
    assert {row["patient_id"]: row["modalities"] for row in told}["BOUND-001"] == "MR"
    everything = (
        "--sex",
        "O",
        "--manufacturer",
        "Filmroom",
        "--released-from",
        "2020-01-01",
        "--no-third-party",
    )
    assert len(rows(held, "search", *everything)) == 2
    assert len(rows(held, "search", *everything, "--commercial")) == 1
    assert rows(held, "search", "--released-to", "2020-01-01") == []
    assert len(rows(held, "search", "--thickness", "4.5-", "--spacing", "-3.5")) == 2
    assert rows(held, "search", "--thickness", "-1", "-m", "CT") == []
    assert rows(held, "search", "--min-studies", "2", "-m", "CT") == []
    first = run(held, "search", "--body-part", "CHEST", "--size", "1")
    assert "1 of 2 patients" in first.stderr
    assert "BOUND-001" in first.stdout
    assert rows(held, "search", "--body-part", "CHEST", "--size", "1", "--start", "1") != []
    assert [row["patient_id"] for row in rows(held, "search", "--body-part", "CHEST", "--descending")][
        1
    ] == "BOUND-001"


def test_search_gives_series(held: Held, tmp_path: Path) -> None:
    found = rows(held, "search", "-c", "Open", "--uids")
    assert {row["series_instance_uid"] for row in found} == {held.ct, held.seg}
    done = run(held, "search", "-c", "Open", "-m", "CT", "--manifest", "cart.tcia")
    assert (done.exit_code, "filmroom download --manifest cart.tcia" in done.stderr) == (0, True)
    lines = (tmp_path / "cart.tcia").read_text().splitlines()
    assert (lines[5:], lines[0]) == (
        ["ListOfSeriesToDownload=", held.ct],
        f"downloadServerUrl={held.url}/nbia-download/servlet/DownloadServlet",
    )
    assert isinstance(run(held, "search", "-c", "Nothing", "--manifest", "x.tcia").exception, InvalidInput)
    assert isinstance(run(held, "search", "-m", "CT", "--manifest", "no/x.tcia").exception, StoreError)
    assert not (tmp_path / "x.tcia").exists()


def test_search_by_words(held: Held) -> None:
    (one,) = rows(held, "search", "BOUND-001")
    assert (one["patient_id"], one["matching_series"]) == ("BOUND-001", 1)
    assert "<em>" in str(one["excerpt"])
    shown = run(held, "search", "BOUND-001").stdout
    assert "<em>" not in shown
    assert "BOUND" in shown
    assert [row["series_instance_uid"] for row in rows(held, "search", "BOUND-001", "--uids")] == [held.mr]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("lung", "-m", "CT"),
        ("--age", "old"),
        ("--thickness", "-"),
        ("--spacing", "."),
        ("--manufacturer", ""),
    ],
)
def test_searches_that_are_none(held: Held, words: tuple[str, ...]) -> None:
    done = run(held, "search", *words)
    if words == ("--manufacturer", ""):  # those without a maker: there are none
        assert (done.exit_code, done.stdout) == (0, "")
        return
    assert isinstance(done.exception, InvalidInput), done.output


def test_tags(held: Held) -> None:
    told = {row["element"]: row["data"] for row in rows(held, "tags", held.ct)}
    assert (told["(0008,0060)"], told["(0020,000E)"]) == ("CT", held.ct)
    assert [
        row["element"] for row in rows(held, "tags", held.ct, "--only", "0018,0050", "--only", "(0020,000E)")
    ] == [
        "(0018,0050)",
        "(0020,000E)",
    ]
    assert rows(held, "tags", held.ct, "--only", "slice thick")[0]["data"] == told["(0018,0050)"]
    assert rows(held, "tags", held.seg, "--references") == [{"series_instance_uid": held.ct}]
    image = str(rows(held, "tags", held.ct, "--only", "0008,0018")[0]["data"])
    assert rows(held, "tags", held.ct, "--image", image) == rows(held, "tags", held.ct)
    assert isinstance(run(held, "tags", "9.9.9").exception, NotFound)
    assert isinstance(run(held, "tags", "x").exception, InvalidInput)


def test_a_dry_run_says_what_would_be_fetched(held: Held, tmp_path: Path) -> None:
    done = run(held, "download", held.ct, held.mr, "9.9.9", "--dry-run", "--to", "a/b", "--format", "json")
    assert done.exit_code == 0, done.exception
    told = {row["series_instance_uid"]: row for row in json.loads(done.stdout)}
    assert {uid: (row["state"], row["licence"]) for uid, row in told.items()} == {
        held.ct: ("to fetch", "CC BY 4.0"),
        held.mr: ("to fetch", "CC BY-NC 4.0"),
        "9.9.9": ("failed", None),
    }
    assert re.search(r"2 series to fetch, .*; .* are free in a/b\.", done.stderr)
    assert "not for commercial use" in done.stderr
    assert list(tmp_path.iterdir()) == []
    address = "http://127.0.0.1:9/a.dcm"
    (one,) = json.loads(run(held, "download", address, "--dry-run", "--format", "json").stdout)
    assert (one["state"], one["licence"]) == ("failed", None)


def test_without_a_terminal_nobody_is_asked(held: Held) -> None:
    done = run(held, "download", held.mr, "--to", "data")
    assert done.exit_code == 0, done.exception
    assert "not for commercial use" in done.stderr
    assert verify("data").ok


@pytest.mark.skipif(sys.platform != "linux", reason="needs a terminal of its own")
@pytest.mark.parametrize(
    ("words", "answer", "code"),
    [(("mr",), "n\n", 1), (("mr",), "y\n", 0), (("mr", "--yes"), "", 0), (("ct",), "", 0)],
)
def test_at_a_terminal_a_licence_that_binds_is_agreed_to(
    held: Held, tmp_path: Path, words: tuple[str, ...], answer: str, code: int
) -> None:
    near, far = pty.openpty()
    to = ("--to", "data", "--server", held.url)
    process = subprocess.Popen(
        [sys.executable, "-m", "filmroom.cli.app", "download", getattr(held, words[0]), *words[1:], *to],
        stdin=far,
        stdout=far,
        stderr=far,
        close_fds=True,
        cwd=tmp_path,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(far)
    said = b""
    while not said.endswith(b"]: ") and answer:
        said += os.read(near, 4096)
    os.write(near, answer.encode())
    while True:
        try:
            piece = os.read(near, 4096)
        except OSError:
            break
        said += piece
    os.close(near)
    assert process.wait(60) == code, said
    assert (b"Go on?" in said) == bool(answer), said
    assert (b"not for commercial use" in said) == (words[0] == "mr"), said
    assert (tmp_path / "data").exists() == (code == 0)


def test_values_give_a_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "\x1b[2J\x9b31m[red]x\r\ny", "day": dt.date(2020, 1, 2), "none": None}
    print_records([row], tuple(row), Format.TABLE)
    shown = capsys.readouterr().out
    assert "[2J 31m[red]x y" in shown
    assert "2020-01-02" in shown
    assert "\x1b" not in shown


def test_every_command_has_an_example_and_one_spelling_of_format() -> None:
    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield name, command
            return
        for each, below in command.commands.items():
            yield from walk(below, f"{name} {each}")

    seen = dict(walk(typer.main.get_command(app), "filmroom"))
    assert len(seen) > 30
    assert [name for name, each in seen.items() if "xample" not in f"{each.epilog}{each.help}"] == []
    for name, command in seen.items():
        parameters = inspect.signature(command.callback).parameters
        for option in command.params:
            if "--format" in option.opts and name != "filmroom cite":  # citations have formats of their own
                default = parameters[option.name].default
                spelled = {each.value for each in type(default)}
                # A single record may also be shown otherwise; JSON has one spelling everywhere.
                assert isinstance(default, Format) or "json" in spelled, name


def test_exit_codes_are_of_the_table() -> None:
    def below(kind: type[FilmroomError]) -> Iterator[type[FilmroomError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    codes = {kind: cli_errors.exit_code_for(kind.__new__(kind)) for kind in below(FilmroomError)}
    assert set(codes.values()) <= set(cli_errors.EXIT_CODES)
    assert {codes[kind] for kind in below(InvalidInput)} == {1, 2}
    assert codes[NotFound] == 4


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    def completed(words: str) -> str:
        given = {
            "_FILMROOM_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
            "_TYPER_COMPLETE_ARGS": words,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        return CliRunner().invoke(app, [], prog_name="filmroom", env=given).stdout

    assert "search" in completed("filmroom sea")
    assert "--all-modalities" in completed("filmroom search --all-")
    assert "body-part" in completed("filmroom counts bo")


def test_shells_complete_collections_of_the_snapshot(
    held: Held, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("FILMROOM_SERVER", held.url)

    def completed(words: str) -> list[str]:
        given = {"_FILMROOM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
        return CliRunner().invoke(app, [], prog_name="filmroom", env=given).stdout.split()

    assert completed("filmroom series --collection O") == []
    with Client(held.url) as client:
        client.sync()
    assert completed("filmroom series --collection O") == ["Open"]
    assert completed("filmroom search --collection ") == ["Bound", "Open"]
