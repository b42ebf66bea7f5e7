"""The real client and the real server over a real socket."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.client import repair, verify


@pytest.fixture(params=["v4", "v1"])
def client(real: Any, request: pytest.FixtureRequest) -> Iterator[Client]:
    with Client(real.url, api=request.param) as made:
        yield made


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("FILMROOM_")}
    return subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_questions(client: Client) -> None:
    assert client.collections() == ["Demo-CT", "Demo-MR", "Large"]
    assert "CT" in client.modalities()
    assert client.modalities(collection="Demo-MR") == ["MR"]
    assert isinstance(client.body_parts(), list)
    assert isinstance(client.manufacturers(collection="Demo-CT"), list)
    patients = client.patients(collection="Large")
    assert [(p.patient_id, p.collection, p.phantom) for p in patients] == [("P1", "Large", "NO")]
    assert [p.patient_id for p in client.patients(collection="Large", modality="CT")] == ["P1"]
    (study,) = client.studies(collection="Large")
    assert (study.study_instance_uid, study.series_count, study.patient_id) == ("1.2.3", 1, "P1")
    series = client.series(collection="Demo-CT", modality="CT")
    assert len(series) > 1
    assert {s.licence_url for s in series} == {"https://creativecommons.org/by/4.0/"}
    assert all(s.file_size and s.image_count for s in series)


def test_series_details(client: Client, real: Any) -> None:
    (one,) = client.series(series_instance_uid=real.large_uid)
    assert (one.image_count, one.file_size) == (3, sum(map(len, real.large)))
    size = client.series_size(real.large_uid)
    assert (size.count, size.bytes) == (one.image_count, one.file_size)
    assert client.instances(real.large_uid) == [f"{real.large_uid}.{n}" for n in (1, 2, 3)]
    (meta,) = client.series_metadata(real.large_uid)
    assert meta.series_instance_uid == real.large_uid
    assert meta.file_size == one.file_size
    with pytest.raises(errors.NotFound):
        client.series_size("9.9.9")
    assert client.instances("9.9.9") == []
    assert len(client.series_metadata("9.9.9")) == 0
    assert client.digest("9.9.9") == ""


def test_by_date(client: Client) -> None:
    yesterday, tomorrow = (dt.date.today() + dt.timedelta(days=days) for days in (-2, 2))  # noqa: DTZ011
    assert len(client.updated_series(yesterday)) == len(client.series())
    assert len(client.updated_series(tomorrow)) == 0
    assert len(client.new_patients("Large", yesterday)) == 1
    assert len(client.new_studies("Large", yesterday)) == 1
    assert len(client.new_studies("Large", tomorrow)) == 0


def test_download_everything(client: Client, tmp_path: Path) -> None:
    series = client.series()
    report = client.download(series, tmp_path)
    report.raise_for_failures()
    assert len(report.ok) == len(series)
    assert report.bytes == sum(s.file_size or 0 for s in series)
    assert verify(tmp_path).ok
    assert [r.status for r in client.download(series, tmp_path).results] == ["skipped"] * len(series)
    if client.api == "v4":
        text = (tmp_path / series[0].series_instance_uid / "LICENSE").read_text()
        receipt = json.loads((tmp_path / ".filmroom" / f"{series[0].series_instance_uid}.json").read_text())
        assert "CC BY 4.0" in text
        assert receipt["licence"] == text.splitlines()[0]


def test_a_manifest_is_something_to_download(client: Client, real: Any, tmp_path: Path) -> None:
    manifest = tmp_path / "cart.csv"
    manifest.write_text(f"PatientID,SeriesInstanceUID\nP1,{real.large_uid}\n")
    for given in (manifest, str(manifest)):
        (planned,) = client.plan(given, tmp_path / "data")
        assert planned.place.uid == real.large_uid
    client.download(str(manifest), tmp_path / "data").raise_for_failures()
    assert verify(tmp_path / "data").ok
    manifest.write_text("PatientID,SeriesInstanceUID\nP1,nothing\n")
    with pytest.raises(errors.InvalidInput, match="Line 2"):
        client.download(manifest, tmp_path / "data")
    with pytest.raises(errors.InvalidInput, match="cannot be read"):
        client.download("none.tcia", tmp_path / "data")


class Relay:
    """Passes bytes between client and server and cuts the line after so many bytes of answers."""

    def __init__(self, url: str, cuts: list[int]) -> None:
        self.target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self.cuts = cuts
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            threading.Thread(target=self._forward, args=(near, far), daemon=True).start()
            threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    @staticmethod
    def _forward(near: socket.socket, far: socket.socket) -> None:
        try:
            while data := near.recv(65536):
                far.sendall(data)
        except OSError:
            pass

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        passed = 0
        with far, near:
            try:
                while data := far.recv(65536):
                    passed += len(data)
                    self.passed += len(data)
                    if self.cuts and passed > self.cuts[0]:
                        self.cuts.pop(0)
                        near.shutdown(socket.SHUT_RDWR)
                        return
                    near.sendall(data)
            except OSError:
                pass


def test_broken_lines_are_continued(client: Client, real: Any, tmp_path: Path) -> None:
    relay = Relay(real.url, [1_000_000, 2_500_000, 1_300_000])
    total = sum(map(len, real.large))
    with relay.listener, Client(relay.url, api=client.api) as shaky:
        shaky.download(real.large_uid, tmp_path).raise_for_failures()
    assert relay.cuts == []
    assert relay.passed < total + 500_000
    assert verify(tmp_path).ok
    images = sorted(path for path in (tmp_path / real.large_uid).iterdir() if path.suffix == ".dcm")
    assert [path.read_bytes() for path in images] == real.large


def test_the_whole_way_on_the_command_line(real: Any, tmp_path: Path) -> None:
    """Download, kill, continue, damage, verify, repair, verify."""
    uid, target = real.large_uid, tmp_path / "data"
    server = ("--server", real.url)
    relay = Relay(real.url, [])
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "filmroom.cli.app",
            "download",
            uid,
            "--to",
            str(target),
            "--server",
            relay.url,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    partial = target / ".filmroom" / f"{uid}.partial" / "files"
    deadline = time.monotonic() + 30
    while not partial.exists() and not (target / uid).exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    relay.listener.close()
    first = run("download", uid, "--to", str(target), *server, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "1 series: CC BY 4.0 https://creativecommons.org/" in first.stderr
    assert "License" not in first.stdout  # it has been said
    assert run("verify", str(target), cwd=tmp_path).returncode == 0
    victim = target / uid / "1-2.dcm"
    assert victim.exists(), sorted(path.name for path in (target / uid).iterdir())
    raw = bytearray(victim.read_bytes())
    raw[5000] ^= 1
    victim.write_bytes(raw)
    (target / uid / "LICENSE").unlink()
    found = run("verify", str(target), "--format", "json", cwd=tmp_path)
    assert found.returncode == 5
    (row,) = json.loads(found.stdout)
    assert (row["state"], row["damaged"], row["missing"]) == ("damaged", "1-2.dcm", "LICENSE")
    assert "filmroom repair" in found.stderr
    mended = run("repair", str(target), *server, cwd=tmp_path)
    assert mended.returncode == 0, mended.stderr
    assert "2 files replaced" in mended.stdout
    after = run("verify", str(target), cwd=tmp_path)
    assert (after.returncode, after.stdout) == (0, "1 of 1 series whole.\n")


def test_repair_of_every_kind(real: Any, tmp_path: Path) -> None:
    with Client(real.url) as client:
        series = client.series(collection="Demo-CT")[:3]
        client.download(series, tmp_path).raise_for_failures()
        one, two, three = (s.series_instance_uid for s in series)
        for path in (tmp_path / one).iterdir():
            path.unlink()
        (tmp_path / ".filmroom" / f"{two}.json").write_text("{broken")
        (tmp_path / ".filmroom" / f"{three}.json").unlink()
        states = {c.series_instance_uid: c.state for c in verify(tmp_path).series}
        assert states == {one: "missing", two: "no receipt", three: "no receipt"}
        report = repair(tmp_path, client)
        actions = {r.series_instance_uid: r.action for r in report.series}
        assert actions == {one: "series", two: "adopted", three: "adopted"}
        report.raise_for_failures()
    assert verify(tmp_path).ok
    assert {r.action for r in repair(tmp_path).series} == {"nothing"}


def test_repair_asks_the_server_of_the_receipt(real: Any, tmp_path: Path) -> None:
    with Client(real.url) as client:
        client.download(real.large_uid, tmp_path).raise_for_failures()
    (tmp_path / real.large_uid / "1-1.dcm").unlink()
    assert [(r.action, r.files) for r in repair(tmp_path).series] == [("files", ("1-1.dcm",))]
    assert verify(tmp_path / real.large_uid).ok


def test_commands_that_ask(real: Any, tmp_path: Path) -> None:
    server = ("--server", real.url)
    assert run("collections", *server, "--format", "csv", cwd=tmp_path).stdout.splitlines() == [
        "collection",
        "Demo-CT",
        "Demo-MR",
        "Large",
    ]
    (patient,) = json.loads(run("patients", *server, "-c", "Large", "--format", "json", cwd=tmp_path).stdout)
    assert patient["patient_id"] == "P1"
    table = run("series", *server, "--collection", "Large", cwd=tmp_path)
    assert (real.large_uid in table.stdout, table.returncode) == (True, 0)
    assert json.loads(run("studies", *server, "-c", "nope", "--format", "json", cwd=tmp_path).stdout) == []
    none = run("studies", *server, "-c", "nope", cwd=tmp_path)
    assert (none.stdout, none.returncode) == ("", 0)


def test_dry_run_manifest_and_refusals(real: Any, tmp_path: Path) -> None:
    manifest = tmp_path / "list.tcia"
    manifest.write_text(
        f"downloadServerUrl={real.url}/nbia-download/servlet/DownloadServlet\r\n"
        f"ListOfSeriesToDownload=\r\n{real.large_uid}\r\n9.9.9\r\n"
    )
    planned = run("download", "--manifest", str(manifest), "--dry-run", "--format", "json", cwd=tmp_path)
    rows = json.loads(planned.stdout)
    assert [(r["state"], r["image_count"]) for r in rows] == [("to fetch", 3), ("failed", None)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.tcia"]
    fetched = run("download", "--manifest", str(manifest), cwd=tmp_path)
    assert fetched.returncode == 4
    assert "9.9.9" in fetched.stderr
    assert (tmp_path / "filmroom-download" / real.large_uid / "1-1.dcm").exists()
    assert run("download", "--server", real.url, cwd=tmp_path).returncode == 2
    assert run("download", "x/y", "--server", real.url, cwd=tmp_path).returncode == 2
    assert run("verify", str(tmp_path / "nothing"), cwd=tmp_path).returncode == 4
    away = run("collections", "--server", "http://127.0.0.1:9", cwd=tmp_path)
    assert away.returncode == 6
    assert "http://127.0.0.1:9" in away.stderr
    assert "Traceback" not in away.stderr
