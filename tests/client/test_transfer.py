"""Downloads from a server that misbehaves: every fault is a typed error, and a rerun mends it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.client import repair, verify
from filmroom.client.crew import Stopped


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_whole(target: Path, series: Any) -> None:
    found = files_of(target / series.uid)
    found.pop("LICENSE", None)
    assert found == series.files
    assert verify(target).ok
    assert not (target / ".filmroom" / f"{series.uid}.partial").exists()


@pytest.mark.parametrize("ranges", [True, False])
def test_download(client: Client, old_nbia: Any, held: Any, tmp_path: Path, ranges: bool) -> None:
    old_nbia.ranges = ranges
    report = client.download(held.uid, tmp_path)
    report.raise_for_failures()
    (result,) = report.ok
    assert (result.files, result.bytes, result.path) == (3, held.size, tmp_path / held.uid)
    assert_whole(tmp_path, held)
    receipt = json.loads((tmp_path / ".filmroom" / "1.2.3.4.json").read_text())
    assert receipt["server"] == old_nbia.url
    assert receipt["licence"] == "License Information. Test data, CC BY 4.0."
    assert [f["name"] for f in receipt["files"]] == ["LICENSE", "1-01.dcm", "1-02.dcm", "1-03.dcm"]
    assert receipt["files"][1]["sop_instance_uid"] == "1.2.3.4.1"
    again = client.download(held.uid, tmp_path)
    assert [r.status for r in again.results] == ["skipped"]
    assert len(old_nbia.archives_asked()) == 1


def test_changed_file_is_not_taken_for_whole(client: Client, held: Any, tmp_path: Path) -> None:
    client.download(held.uid, tmp_path)
    target = tmp_path / held.uid / "1-02.dcm"
    target.write_bytes(target.read_bytes()[:-1] + b"\x77")
    os.utime(target, ns=(1, 1))
    (tmp_path / held.uid / "notes.txt").write_text("mine")
    assert client.download(held.uid, tmp_path).ok
    assert files_of(tmp_path / held.uid).pop("notes.txt") == b"mine"
    assert verify(tmp_path).series[0].foreign == ("notes.txt",)
    assert verify(tmp_path).ok


@pytest.mark.parametrize("fault", ["cut:30000", "reset", "status:503", "cut-archive"])
def test_one_fault_is_ridden_out(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path, fault: str
) -> None:
    old_nbia.faults = [fault]
    client.download(held.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, held)


def test_a_cut_is_continued_inside_a_member(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path
) -> None:
    old_nbia.faults = ["cut:1300000", "cut:400000"]
    client.download(large.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, large)
    first, second, third = old_nbia.archives_asked()
    assert first == ""
    begins = [int(text.removeprefix("bytes=").rstrip("-")) for text in (second, third)]
    assert 1_100_000 < begins[0] < begins[1]
    assert old_nbia.sent < large.size + 200_000


def test_many_cuts_are_no_failure_while_there_is_progress(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path
) -> None:
    old_nbia.faults = ["cut:300000"] * 12
    client.download(large.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, large)


def test_another_etag_begins_anew(client: Client, old_nbia: Any, large: Any, tmp_path: Path) -> None:
    old_nbia.faults = ["cut:1300000", *["status:500"]]
    assert client.download(large.uid, tmp_path).failed
    old_nbia.etag = "two"
    report = client.download(large.uid, tmp_path)
    report.raise_for_failures()
    assert old_nbia.archives_asked()[-1].startswith("bytes=1")
    assert_whole(tmp_path, large)


def test_damage_in_what_arrived_earlier_is_found(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path
) -> None:
    old_nbia.faults = ["cut:1300000", "status:500"]
    assert client.download(large.uid, tmp_path).failed
    partial = tmp_path / ".filmroom" / f"{large.uid}.partial" / "files"
    whole = partial / "1-01.dcm"
    whole.write_bytes(whole.read_bytes()[:-1] + b"\x01")
    client.download(large.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, large)


def test_damage_in_the_member_that_was_arriving_is_found(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path
) -> None:
    old_nbia.faults = ["cut:1300000", "status:500"]
    assert client.download(large.uid, tmp_path).failed
    arriving = tmp_path / ".filmroom" / f"{large.uid}.partial" / "files" / "1-02.dcm"
    raw = bytearray(arriving.read_bytes())
    assert len(raw) > 300_000
    raw[1000] ^= 1
    arriving.write_bytes(raw)
    client.download(large.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, large)


@pytest.mark.parametrize("junk", [b"", b"{", b"\xff\xfe\x00", b'{"type":"source"}\n{"type":"arrived"}\n'])
def test_an_unusable_journal_begins_anew(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path, junk: bytes
) -> None:
    old_nbia.faults = ["cut:1300000", "status:500"]
    assert client.download(large.uid, tmp_path).failed
    journal = tmp_path / ".filmroom" / f"{large.uid}.partial" / "journal.jsonl"
    journal.write_bytes(junk)
    client.download(large.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, large)


@pytest.mark.parametrize("name", [b"1-01.dcm", b"1-02.dcm", b"LICENSE"])
def test_a_journal_with_hostile_names_leads_nowhere(
    client: Client, old_nbia: Any, large: Any, tmp_path: Path, name: bytes
) -> None:
    old_nbia.faults = ["cut:1300000", "status:500"]
    assert client.download(large.uid, tmp_path).failed
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep")
    journal = tmp_path / ".filmroom" / f"{large.uid}.partial" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(name, b"../../../victim"))
    client.download(large.uid, tmp_path)
    assert victim.read_bytes() == b"keep"
    client.download(large.uid, tmp_path).raise_for_failures()
    assert_whole(tmp_path, large)


def test_without_a_list_of_digests_each_one_is_asked(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    old_nbia.digests = False
    client.download(held.uid, tmp_path).raise_for_failures()
    assert sum("getMD5HashForImage" in path for path, _ in old_nbia.requests) == 3
    assert_whole(tmp_path, held)


def test_version_1(old_nbia: Any, held: Any, tmp_path: Path) -> None:
    with Client(old_nbia.url, api="v1") as client:
        client.download(held.uid, tmp_path).raise_for_failures()
    assert sorted(files_of(tmp_path / held.uid)) == ["00000001.dcm", "00000002.dcm", "00000003.dcm"]
    assert verify(tmp_path).ok


def test_unknown_series_fails_alone(client: Client, old_nbia: Any, held: Any, tmp_path: Path) -> None:
    report = client.download(["9.9", held.uid], tmp_path)
    assert [r.status for r in report.results] == ["failed", "ok"]
    assert isinstance(report.failed[0].error, errors.NotFound)
    with pytest.raises(errors.NotFound):
        report.raise_for_failures()


def test_a_stale_record_is_asked_again(client: Client, old_nbia: Any, held: Any, tmp_path: Path) -> None:
    from filmroom.model.entities import Series

    stale = Series(held.uid, image_count=1, file_size=10)
    client.download([stale], tmp_path).raise_for_failures()
    assert_whole(tmp_path, held)


def test_nobody_there_is_found_out_once(tmp_path: Path) -> None:
    with Client("http://127.0.0.1:9", timeout=1) as client:
        began = time.monotonic()
        report = client.download([f"1.2.{n}" for n in range(200)], tmp_path)
    assert len(report.failed) == 200
    assert time.monotonic() - began < 10
    with pytest.raises(errors.ServerUnreachable, match=r"127\.0\.0\.1:9"):
        report.raise_for_failures()


@pytest.mark.parametrize("bad", ["../x", "", "1.2/3", "1..2", "a", "1" * 65])
def test_what_is_no_uid_is_refused(client: Client, tmp_path: Path, bad: str) -> None:
    with pytest.raises(errors.InvalidInput):
        client.download(bad, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", range(6))
def test_killed_between_the_last_steps(
    client: Client, held: Any, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop before the n-th rename or removal of the finish; the next run completes it."""
    client.download(held.uid, tmp_path).raise_for_failures()
    (tmp_path / held.uid / "mine.txt").write_text("mine")
    calls = 0

    class Killed(BaseException):
        pass

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Killed
            return real(*args, **kwargs)

        return call

    import shutil

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr("filmroom.client.layout.shutil.rmtree", counted(shutil.rmtree))
        patch.setattr("filmroom.client.layout.Path.replace", counted(Path.replace))
        client.download(held.uid, tmp_path, overwrite=True)
    client.download(held.uid, tmp_path).raise_for_failures()
    found = files_of(tmp_path / held.uid)
    assert found.pop("mine.txt") == b"mine"
    found.pop("LICENSE")
    assert found == held.files
    assert verify(tmp_path).ok


def test_verify_sees_and_repair_completes_what_was_interrupted(
    client: Client, old_nbia: Any, held: Any, large: Any, tmp_path: Path
) -> None:
    client.download(held.uid, tmp_path).raise_for_failures()
    old_nbia.faults = ["cut:1300000", "status:500"]
    assert client.download(large.uid, tmp_path).failed
    states = {check.series_instance_uid: check.state for check in verify(tmp_path).series}
    assert states == {held.uid: "whole", large.uid: "incomplete"}
    with pytest.raises(errors.VerificationFailed, match="1 of 2"):
        verify(tmp_path).raise_for_damage()
    old_nbia.faults = ["status:500"]
    failed = repair(tmp_path, client)
    assert [each.action for each in failed.series] == ["nothing", "failed"]
    with pytest.raises(errors.ServerError):
        failed.raise_for_failures()
    assert [each.action for each in repair(tmp_path, client).series] == ["nothing", "series"]
    assert old_nbia.archives_asked()[-1].startswith("bytes=1")
    assert_whole(tmp_path, large)


def test_repair_refuses_what_is_not_the_same_object(
    client: Client, old_nbia: Any, held: Any, tmp_path: Path
) -> None:
    """The server's object changed: the good receipt wins, the folder is not made worse."""
    client.download(held.uid, tmp_path).raise_for_failures()
    victim = tmp_path / held.uid / "1-02.dcm"
    victim.write_bytes(b"damaged")
    held.files["1-02.dcm"] = held.files["1-02.dcm"][:-1] + b"x"
    (result,) = repair(tmp_path, client).series
    assert isinstance(result.error, errors.DigestMismatch)
    assert victim.read_bytes() == b"damaged"
    assert not (tmp_path / ".filmroom" / f"{held.uid}.mending").exists()
    assert verify(tmp_path).series[0].damaged == ("1-02.dcm",)


def test_a_receipt_cannot_lead_out_of_the_folder(client: Client, held: Any, tmp_path: Path) -> None:
    client.download(held.uid, tmp_path).raise_for_failures()
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep")
    receipt = tmp_path / ".filmroom" / f"{held.uid}.json"
    receipt.write_text(receipt.read_text().replace("1-02.dcm", "../victim"))
    assert verify(tmp_path).series[0].state == "no receipt"
    repair(tmp_path, client).raise_for_failures()
    assert victim.read_bytes() == b"keep"
    assert_whole(tmp_path, held)


def test_progress_adds_up(client: Client, old_nbia: Any, held: Any, large: Any, tmp_path: Path) -> None:
    seen: list[Any] = []
    client.download([held.uid, large.uid], tmp_path, progress=seen.append).raise_for_failures()
    assert seen[-1].series_done == seen[-1].series_total == 2
    assert seen[-1].bytes_done == seen[-1].bytes_total == held.size + large.size
    assert [s.finished.status for s in seen if s.finished] == ["ok", "ok"]


def test_md5_of_every_file_is_in_the_receipt(client: Client, held: Any, tmp_path: Path) -> None:
    client.download(held.uid, tmp_path)
    receipt = json.loads((tmp_path / ".filmroom" / f"{held.uid}.json").read_text())
    for file in receipt["files"]:
        data = (tmp_path / held.uid / file["name"]).read_bytes()
        assert (len(data), hashlib.md5(data).hexdigest()) == (file["size"], file["md5"])


def test_no_more_at_once_from_one_server_than_allowed(client: Client, old_nbia: Any, tmp_path: Path) -> None:
    uids = [old_nbia.hold(f"1.2.4.{number}").uid for number in range(6)]
    old_nbia.meeting = threading.Barrier(6)
    client.download(uids, tmp_path / "all", workers=6).raise_for_failures()
    assert old_nbia.peak == 6
    old_nbia.peak, old_nbia.meeting = 0, threading.Barrier(2)
    client.download(uids, tmp_path / "two", workers=6, per_host=2).raise_for_failures()
    assert old_nbia.peak == 2
    with pytest.raises(errors.InvalidInput):
        client.download(uids, tmp_path / "none", per_host=0)


def test_who_waits_for_a_turn_stops_when_told(client: Client, old_nbia: Any, tmp_path: Path) -> None:
    uids = [old_nbia.hold(f"1.2.4.{number}").uid for number in range(2)]
    old_nbia.delay = 0.2
    stop = threading.Event()

    def stop_soon(state: Any) -> None:
        if state.bytes_done:
            stop.set()

    with pytest.raises(Stopped):
        client.download(uids, tmp_path, workers=2, per_host=1, progress=stop_soon, stop=stop)
    assert len(old_nbia.archives_asked()) == 1
    old_nbia.delay = 0
    client.download(uids, tmp_path).raise_for_failures()
