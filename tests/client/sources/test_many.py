"""Many series at once: one question for their sizes, more of small ones at a time; the command's options."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client
from filmroom.cli.app import app
from filmroom.client.download import Download, PlannedSeries
from filmroom.client.layout import SeriesPlace
from filmroom.client.sources.base import Promise
from filmroom.client.sources.choose import Sources, is_tcia


def asked(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the operations that the server was asked for, but the one that lists series."""
    names = [
        record.msg["operation"].rpartition("/")[2]
        for record in caplog.records
        if record.name == "filmroom.request" and isinstance(record.msg, dict)
    ]
    return [name for name in names if name != "getSeries"]


def settled(caplog: pytest.LogCaptureFixture, count: int) -> list[str]:
    """Return the same once there are so many: the server logs a request after it was answered."""
    deadline = time.monotonic() + 30
    while len(asked(caplog)) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return sorted(asked(caplog))


def test_one_question_for_the_sizes_of_many(
    real: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(real.url, workers=2) as client:
        uids = [each.series_instance_uid for each in client.series(collection="Demo-MR")]
        uids.append(real.large_uid)
        caplog.set_level(logging.INFO)
        caplog.clear()
        client.download(uids, tmp_path).raise_for_failures()
        wanted = sorted(["getSeriesMetadata", *["getImage"] * len(uids)])
        assert settled(caplog, len(wanted)) == wanted
        caplog.clear()
        assert len(client.download(uids, tmp_path).skipped) == len(uids)
        assert asked(caplog) == []
        # One series more is asked for alone, and one that is not there tells so itself.
        report = client.download([*uids, "1.2.3.4"], tmp_path)
    assert asked(caplog) == ["getSeriesSize"] * asked(caplog).count("getSeriesSize") != []
    assert [each.series_instance_uid for each in report.failed] == ["1.2.3.4"]


@pytest.mark.parametrize(
    ("sizes", "number"), [([1000, 5000], 32), ([1000, 5_000_000], 8), ([0, 0], 8), ([], 8)]
)
def test_more_small_series_at_once(sizes: list[int], number: int, tmp_path: Path) -> None:
    with Client("http://127.0.0.1:9") as client:
        download = Download(client.sources, tmp_path, workers=8, small_workers=32)
    plan = [
        PlannedSeries(SeriesPlace(tmp_path, f"1.2.{place}"), f"1.2.{place}", promise=Promise(1, size))
        for place, size in enumerate(sizes)
    ]
    assert download._number_for(plan) == number


def test_tcia_is_asked_no_more_often_than_before() -> None:
    assert is_tcia("https://nbia.cancerimagingarchive.net")
    assert not is_tcia("https://cancerimagingarchive.net.example.org")
    chosen = {
        server: Client(server, workers=workers)._small_workers
        for server, workers in (
            ("https://nlst.cancerimagingarchive.net", None),
            ("http://127.0.0.1:9", None),
            ("http://127.0.0.1:8", 3),
        )
    }
    assert list(chosen.values()) == [None, 32, None]


def test_the_command_takes_a_source(indexed: Any, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    done = CliRunner().invoke(
        app,
        ["download", indexed.uid, "--source", "idc", "--server", "http://127.0.0.1:9", "--to", str(tmp_path)],
    )
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / indexed.uid).glob("*.dcm"))) == 3
    again = CliRunner().invoke(app, ["download", indexed.address, "--to", str(tmp_path), "--format", "json"])
    assert again.exit_code == 0 and '"skipped"' in again.output
    wrong = CliRunner().invoke(app, ["download", indexed.uid, "--source", "moon"])
    assert wrong.exit_code != 0


def test_sources_take_part_in_one_call(real: Any, indexed: Any, drs: Any, web: Any, tmp_path: Path) -> None:
    with Client(real.url, gen3_key=tmp_path / "credentials.json") as client:
        assert isinstance(client.sources, Sources)
        series = [real.large_uid, indexed.address, drs.series]
        report = client.download(series, tmp_path / "out")
    report.raise_for_failures()
    assert [result.files for result in report.ok] == [3, 3, 3]
