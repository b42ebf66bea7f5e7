"""Answers become records or typed errors; nothing is swallowed."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.model.entities import Series
from filmroom.net.retry import RetryPolicy

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)


def test_v4_rows_become_records(client: Client, old_nbia: Any) -> None:
    old_nbia.table = (
        b'[{"SeriesInstanceUID":"1.2","SeriesNumber":3,"ImageCount":2,"FileSize":10,"SeriesDate":"01-31-2020",'
        b'"LicenseURI":"u","Authorized":1,"NewThing":"x"},{"SeriesInstanceUID":"1.3"}]'
    )
    found = client.series(collection="A b&c")
    assert found[0] == Series(
        "1.2",
        series_number=3,
        image_count=2,
        file_size=10,
        series_date=dt.date(2020, 1, 31),
        licence_url="u",
    )
    assert found[1].image_count is None
    assert found.to_dicts()[0]["NewThing"] == "x"
    assert found.extras == {0: {"NewThing": "x"}}
    assert found[1:].extras == {}


def test_nothing_is_an_empty_table(client: Client, old_nbia: Any) -> None:
    old_nbia.table = b""
    for records in (client.patients(), client.studies(), client.series()):
        assert len(records) == 0
        assert list(records.to_pandas().columns) == list(records.columns)
    assert client.collections() == client.body_parts() == []


def test_empty_first_value(client: Client, old_nbia: Any) -> None:
    old_nbia.table = b'[{},{"BodyPartExamined":"CHEST"}]'
    assert client.body_parts() == ["CHEST"]


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("status:400", errors.ServerError, "the server's own words"),
        ("status:401", errors.AccessDenied, "the server's own words"),
        ("status:403", errors.AccessDenied, "the server's own words"),
        ("status:404", errors.NotFound, "getSeries"),
        ("status:500", errors.ServerError, "the server's own words"),
        ("status:503", errors.ServerError, "503"),
    ],
)
def test_statuses(client: Client, old_nbia: Any, fault: str, kind: type, text: str) -> None:
    old_nbia.table, old_nbia.faults = b"[]", [fault] * 3
    with pytest.raises(kind, match=text):
        client.series()
    # A 404 may mean another version of the API: that is asked for too.
    assert len(old_nbia.faults) == (0 if fault in {"status:503", "status:404"} else 2)


def test_busy_for_a_moment(client: Client, old_nbia: Any) -> None:
    old_nbia.table, old_nbia.faults = b'[{"Collection":"A"}]', ["status:503", "status:429"]
    assert client.collections() == ["A"]


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"<html>down</html>", "text/html"),
        (b"<!DOCTYPE html>", "application/json"),
        (b"{}", "application/json"),
        (b"[1]", "application/json"),
        (b'[{"ImageCount":"many"}]', "application/json"),
        (b"\xff\xfe", "application/json"),
    ],
)
def test_answers_that_are_no_table(client: Client, old_nbia: Any, body: bytes, media: str) -> None:
    old_nbia.table, old_nbia.table_type = body, media
    with pytest.raises(errors.BadAnswer):
        client.series()


def test_nobody_there_is_said_soon() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(errors.ServerUnreachable) as caught:
        began = time.monotonic()
        client.collections()
    assert time.monotonic() - began < 5
    assert "http://127.0.0.1:9" in str(caught.value)
    assert "the server runs at this address" in caught.value.advice


def test_names_that_do_not_resolve() -> None:
    with Client("http://no-such-host.invalid") as client, pytest.raises(errors.ServerUnreachable):
        client.collections()


def test_server_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMROOM_SERVER", "localhost:81/nbia-api/services/v4")
    assert Client().base_url == "http://localhost:81"
    monkeypatch.delenv("FILMROOM_SERVER")
    assert Client().base_url == "https://nbia.cancerimagingarchive.net"


def test_wrong_use() -> None:
    with pytest.raises(errors.InvalidInput):
        Client("http://x", api="v3")  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidInput):
        Client("http://x", workers=0)
    with Client("http://x") as client:
        with pytest.raises(errors.InvalidInput):
            client.patients(modality="CT")
        with pytest.raises(errors.InvalidInput):
            client.download([1], "x")  # type: ignore[list-item]
        with pytest.raises(errors.InvalidInput):
            client.download("1.2", "x", workers=0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_memory_stays_bounded(old_nbia: Any, tmp_path: Path, held: Any) -> None:
    """Ten series of 16 MB at once, in a process of its own; its peak is compared with an idle one."""
    big = type(held).made("1.2.7.0", count=2, pixels=8_000_000)
    archive = big.archive(deflated=False)
    uids = [f"1.2.7.{n}" for n in range(10)]
    for uid in uids:
        # The same bytes under other names: each fails only at its very end, when its identity is checked.
        old_nbia.series[uid] = type(held)(uid, big.files)
    original, type(held).archive = type(held).archive, lambda *_, **__: archive
    try:
        script = (
            "import re, sys; from filmroom import Client\n"
            f"report = Client({old_nbia.url!r}, workers=10).download(sys.argv[2:], sys.argv[1])\n"
            "assert len(report.results) in (0, 10), report\n"
            "if report.results: assert len(report.ok) == 1 and report.ok[0].bytes > 15_000_000, report\n"
            "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])\n"
        )
        idle, busy = (
            int(subprocess.check_output([sys.executable, "-c", script, str(tmp_path), *some], timeout=120))
            for some in ([], uids)
        )
    finally:
        type(held).archive = original
    assert busy - idle < 60_000, (idle, busy)
    assert busy < 110_000, (idle, busy)
