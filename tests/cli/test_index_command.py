"""``filmroom index`` as a person uses it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from filmroom.cli.app import app
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress
from filmroom.testing.phantom import write_phantom


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_phantom(tmp_path / "phantom")
    folder = tmp_path / "archive"
    ingest_paths(
        ArchiveAddress.resolve(folder), [tmp_path / "phantom"], IngestOptions(Rules(collection="C"), 1)
    )
    return folder


def say(archive: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["index", *words, "--data", str(archive)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_an_ingest_ends_without_waiting_for_the_index(archive: Path) -> None:
    said = say(archive, "--status").splitlines()
    count = int(said[0].split()[2])
    assert said[0] == f"0 of {count} series are indexed."
    assert said[1].startswith(f"{count} wait, the first of them for ")
    assert say(archive) == f"{count} of {count} series are indexed.\n"
    assert say(archive, "--status") == f"{count} of {count} series are indexed.\n"


def test_what_could_not_be_read_is_told_and_tried_again(archive: Path) -> None:
    objects, elsewhere = archive / "store" / "objects", archive / "elsewhere"
    objects.rename(elsewhere)
    said = say(archive)
    assert "could not be read: filmroom index --retry tries them again." in said
    assert say(archive) == said
    shutil.rmtree(objects, ignore_errors=True)
    elsewhere.rename(objects)
    assert say(archive) == said
    assert "could not" not in say(archive, "--retry")
