"""Files beside the series: metadata.csv, a LICENSE per collection, the list of what failed; the commands."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.cli.app import main
from filmroom.client import verify
from filmroom.client.companions import note_failures
from filmroom.client.manifests import read_manifest
from filmroom.model.entities import Series

# The header that NBIA's Data Retriever writes.
HEADER = (
    "Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,Study UID,Study Description,"
    "Study Date,Series Description,Manufacturer,Modality,SOP Class Name,SOP Class UID,Number of Images,"
    "File Size,File Location,Download Timestamp\r\n"
)


class Commands:
    """The command line, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> SimpleNamespace:
        self._patch.setattr(sys, "argv", ["filmroom", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return SimpleNamespace(code=ended.value.code, out=" ".join(out.split()), err=" ".join(err.split()))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


def rows(target: Path) -> dict[str, dict[str, str]]:
    with (target / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return {row["Series UID"]: row for row in csv.DictReader(file)}


def test_metadata_of_images_and_of_the_server(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    held.change(StudyDate="20240307", StudyDescription='Head, "neck"\r\nand more', Manufacturer="Made Up")
    told = Series(
        held.uid,
        collection="Coll A",
        third_party_analysis="NO",
        description_uri="https://doi.org/10.7937/x",
        image_count=3,
        file_size=held.size,
    )
    client.download(told, tmp_path, layout="classic", metadata=True).raise_for_failures()
    text = (tmp_path / "metadata.csv").read_bytes().decode()
    assert text.startswith(HEADER)
    row = rows(tmp_path)[held.uid]
    fetched = dt.datetime.fromisoformat(row.pop("Download Timestamp"))
    assert abs(dt.datetime.now() - fetched) < dt.timedelta(hours=1)  # noqa: DTZ005 - local time, as there
    assert row == {
        "Series UID": "1.2.3.4",
        "Collection": "Coll A",
        "3rd Party Analysis": "NO",
        "Data Description URI": "https://doi.org/10.7937/x",
        "Subject ID": "P1",
        "Study UID": "1.2.3",
        "Study Description": 'Head, "neck"and more',
        "Study Date": "03-07-2024",
        "Series Description": "",
        "Manufacturer": "Made Up",
        "Modality": "CT",
        "SOP Class Name": "CT Image Storage",
        "SOP Class UID": "1.2.840.10008.5.1.4.1.1.2",
        "Number of Images": "3",
        "File Size": "0.06 MB",
        "File Location": "./Coll A/P1/1.2.3/1.2.3.4",
    }


def test_rows_of_earlier_downloads_stay(client: Client, old_nbia: Any, held: Any, tmp_path: Path) -> None:
    second = old_nbia.hold("1.2.9.4")
    (tmp_path / "metadata.csv").write_text(HEADER + "9.9,Old" + "," * 15 + "\r\n" + "1.2.3.4,Wrong\r\n")
    client.download(held.record(), tmp_path, metadata=True).raise_for_failures()
    client.download(second.record(), tmp_path).raise_for_failures()
    assert {uid: row["Collection"] for uid, row in rows(tmp_path).items()} == {
        "9.9": "Old",
        "1.2.3.4": "Coll A",
    }
    client.download([held.record(), second.record()], tmp_path, metadata=True).raise_for_failures()
    assert list(rows(tmp_path)) == ["9.9", "1.2.3.4", "1.2.9.4"]


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe\x00", b'"', b"a,b\r\n1,2\r\n"])
def test_what_is_no_such_table_is_put_aside(client: Client, held: Any, tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "metadata.csv").write_bytes(junk)
    client.download(held.record(), tmp_path, metadata=True).raise_for_failures()
    assert list(rows(tmp_path)) == [held.uid]
    assert (tmp_path / "metadata.csv.old").read_bytes() == junk


def test_a_licence_for_each_collection(client: Client, old_nbia: Any, held: Any, tmp_path: Path) -> None:
    second, third = (old_nbia.hold(uid) for uid in ("1.2.9.4", "1.2.9.5"))
    series = [held.record(), second.record(), third.record("Coll B")]
    for _ in range(2):
        client.download(series, tmp_path, layout="classic").raise_for_failures()
        for collection in ("Coll A", "Coll B"):
            text = (tmp_path / collection / "LICENSE").read_text()
            assert text.count("Test data, CC BY 4.0.") == 1
    (tmp_path / "Coll A" / "LICENSE").write_text("Another licence")
    client.download(series, tmp_path, layout="classic").raise_for_failures()
    text = (tmp_path / "Coll A" / "LICENSE").read_text()
    assert text.startswith("Another licence\n\nLicense Information.")
    client.download(series, tmp_path / "flat").raise_for_failures()
    assert not (tmp_path / "flat" / "LICENSE").exists()


def test_failures_are_listed_until_they_are_there(tmp_path: Path) -> None:
    def note(failed: list[str], there: list[str]) -> tuple[str, ...]:
        path = note_failures(tmp_path, "https://example.org", failed=failed, there=there)
        assert (tmp_path / "failed-series.tcia").exists() == (path is not None)
        return () if path is None else read_manifest(path).series

    assert note([], ["1.1"]) == ()
    assert note(["1.2", "1.3"], ["1.1"]) == ("1.2", "1.3")
    assert note(["1.4"], ["1.2"]) == ("1.3", "1.4")
    text = (tmp_path / "failed-series.tcia").read_text()
    assert text.startswith("downloadServerUrl=https://example.org/nbia-download/servlet/DownloadServlet\n")
    assert len(text.splitlines()) == 8
    assert note([], ["1.3", "1.4"]) == ()


def test_the_commands(real: Any, run: Commands, tmp_path: Path) -> None:
    """A folder of the Data Retriever, a series that is not there, a template: as a person would have it."""
    server = ("--server", real.url)
    classic = tmp_path / "theirs" / "Large" / "P1" / "1.2.3" / real.large_uid
    classic.mkdir(parents=True)
    for number, data in enumerate(real.large, 1):
        (classic / f"1-{number}.dcm").write_bytes(data)
    said = run("verify", "theirs")
    assert (said.code, "verify with --server" in said.out) == (5, True)
    said = run("verify", "theirs", *server)
    assert (said.code, said.out) == (0, "1 of 1 series whole.")
    said = run("download", real.large_uid, "9.9.9", *server, "--to", "theirs")
    assert said.code == 4
    assert "1 already there, 1 failed" in said.out
    assert "filmroom download --manifest theirs/failed-series.tcia --to theirs" in said.err
    assert read_manifest(tmp_path / "theirs" / "failed-series.tcia").series == ("9.9.9",)

    layout = ("--layout", "%Collection/%SeriesInstanceUID/%InstanceNumber.dcm", "--metadata-csv")
    said = run("download", real.large_uid, *server, "--to", "ours", *layout)
    assert said.code == 0, said.err
    folder = tmp_path / "ours" / "Large" / real.large_uid
    assert sorted(path.name for path in folder.iterdir()) == ["1.dcm", "2.dcm", "3.dcm", "LICENSE"]
    assert "CC BY 4.0" in (tmp_path / "ours" / "Large" / "LICENSE").read_text()
    assert rows(tmp_path / "ours")[real.large_uid]["Collection"] == "Large"
    assert not (tmp_path / "ours" / "failed-series.tcia").exists()

    shutil.rmtree(tmp_path / "theirs" / ".filmroom")
    (classic / "1-2.dcm").unlink()
    said = run("repair", "theirs", *server)
    assert (said.code, "1 of 1 series whole." in said.out) == (0, True)
    found = json.loads(run("verify", "theirs", "--format", "json").out)
    assert [(row["state"], row["files"]) for row in found] == [("whole", 3)]
    assert run("download", real.large_uid, *server, "--layout", "nonsense").code == 2


def test_no_room_for_the_companions_is_told(client: Client, held: Any, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").mkdir()
    with pytest.raises(errors.StoreError):
        client.download(held.record(), tmp_path, metadata=True)
    assert verify(tmp_path).ok
