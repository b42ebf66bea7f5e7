"""downloadSeries and downloadImage: what is written, skipped, continued, refused."""

from __future__ import annotations

import hashlib
import logging
import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from filmroom import nbia
from filmroom.client import verify
from filmroom.dropin.session import session
from filmroom.net.retry import RetryPolicy
from filmroom.testing.faults import Fault, FaultyRelay, Schedule


def contents(paths: object) -> list[bytes]:
    return sorted(path.read_bytes() for path in paths)  # type: ignore[attr-defined]


def test_series_of_a_search(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    series = nbia.getSeries(collection="Open")
    frame = nbia.downloadSeries(series, format="df")
    assert set(frame["SeriesInstanceUID"]) == set(turned.public)
    for uid in turned.public:
        assert contents((here / "tciaDownload" / uid).glob("*.dcm")) == sorted(turned.files[uid])
    names = sorted(path.name for path in (here / "tciaDownload" / turned.ct).iterdir())
    assert names == [*(f"1-{n:02}.dcm" for n in range(1, 25)), "LICENSE"]
    assert verify(here / "tciaDownload").ok
    caplog.clear()
    again = nbia.downloadSeries(series, format="csv")
    assert len(again) == 2
    assert "2 series are there already; 0 are fetched" in caplog.text
    (written,) = here.glob("*.csv")
    assert re.fullmatch(r"downloadSeries_metadata_\d{4}-\d\d-\d\d_\d{4}\.csv", written.name)
    assert list(pd.read_csv(written).columns) == ["Unnamed: 0", *again.columns]


def test_every_kind_of_input(turned: Any, here: Path) -> None:
    (here / "m.tcia").write_text(
        "\n".join(["downloadServerUrl=x", "ListOfSeriesToDownload=", *turned.public])
    )
    frame = nbia.getSeries("Open", format="df")
    for number, (data, kind) in enumerate(
        ((turned.public, "list"), (frame, "df"), (frame, ""), ("m.tcia", "manifest"))
    ):
        folder = f"of {number}"
        assert nbia.downloadSeries(data, input_type=kind, path=folder, csv_filename=f"meta {number}") is None
        assert {path.name for path in Path(folder).iterdir()} == {*turned.public, ".filmroom"}
        assert len(pd.read_csv(f"meta {number}.csv")) == 2


def test_a_folder_of_tcia_utils_is_not_fetched_again(
    turned: Any, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = here / "tciaDownload" / turned.ct
    folder.mkdir(parents=True)
    for number, data in enumerate(turned.files[turned.ct], 1):
        (folder / f"1-{number:02}.dcm").write_bytes(data)
    kept = folder / "1-01.dcm"
    kept_since = kept.stat().st_ino
    (folder / "1-24.dcm").write_bytes(turned.files[turned.ct][23][:-10])  # cut off, which it never noticed
    nbia.downloadSeries([turned.ct], input_type="list")
    assert contents(folder.glob("*.dcm")) == sorted(turned.files[turned.ct])
    assert kept.stat().st_ino == kept_since
    assert verify(here / "tciaDownload").ok


def test_number_counts_what_is_new(turned: Any, here: Path) -> None:
    nbia.downloadSeries(turned.public, 1, input_type="list")
    (first,) = (path.name for path in (here / "tciaDownload").iterdir() if path.name[0] != ".")
    nbia.downloadSeries(turned.public, number=1, input_type="list")
    assert {first, *turned.public} == {p.name for p in (here / "tciaDownload").iterdir() if p.name[0] != "."}


def test_hashes(turned: Any, here: Path) -> None:
    nbia.downloadSeries([turned.ct], input_type="list", hash="y")
    folder = here / "tciaDownload" / turned.ct
    head, *lines = (folder / "md5hashes.csv").read_text().splitlines()
    assert head == "Filename,MD5Hash"
    assert len(lines) == 24
    assert lines[0].startswith("00000001.dcm,")
    for line in lines:
        name, digest = line.split(",")
        assert hashlib.md5((folder / name).read_bytes()).hexdigest() == digest
    assert verify(here / "tciaDownload").ok


def test_as_zip(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (here / "z").mkdir()
    # What an earlier program left of a page "under maintenance" is not a series.
    (here / "z" / f"{turned.ct}.zip").write_text("<html>down</html>")
    nbia.downloadSeries(turned.public, input_type="list", path="z", as_zip=True, max_workers=1)
    for uid in turned.public:
        with zipfile.ZipFile(here / "z" / f"{uid}.zip") as archive:
            assert archive.testzip() is None
            images = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
        assert sorted(images) == sorted(turned.files[uid])
    assert {p.name for p in (here / "z").iterdir()} == {".filmroom", *(f"{uid}.zip" for uid in turned.public)}
    assert not list((here / "z").rglob("*.dcm"))
    nbia.downloadSeries(turned.public, input_type="list", path="z")
    assert "2 series are there already" in caplog.text


def test_what_fails_is_listed_and_does_not_stop_the_rest(
    turned: Any, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = nbia.downloadSeries(["nonsense", "../x", turned.mr, turned.seg], input_type="list", format="df")
    assert list(frame["SeriesInstanceUID"]) == [turned.seg]
    assert "Not a Series Instance UID: 'nonsense'" in caplog.text
    assert f"1 series failed, run the same call again: {turned.mr}" in caplog.text
    assert {path.name for path in here.iterdir()} == {"tciaDownload"}
    assert {p.name for p in (here / "tciaDownload").iterdir()} == {".filmroom", turned.seg}


@pytest.mark.parametrize("nothing", [None, [], "", [None], ["1.2.3"]])
def test_nothing_to_download(
    nothing: object, turned: Any, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert nbia.downloadSeries(nothing) is None
    assert "There are no series to download" in caplog.text or "These are no rows" in caplog.text
    assert not list(here.iterdir())


def test_what_was_damaged_is_fetched_again(turned: Any, here: Path) -> None:
    nbia.downloadSeries([turned.seg], input_type="list")
    image = here / "tciaDownload" / turned.seg / "1-1.dcm"
    image.write_bytes(image.read_bytes()[:-1])
    nbia.downloadSeries([turned.seg], input_type="list")
    assert [image.read_bytes()] == turned.files[turned.seg]


def test_a_disk_that_cannot_be_written(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    (here / "taken").write_text("")
    assert nbia.downloadSeries([turned.seg], input_type="list", path="taken") is None
    assert "Cannot write to" in caplog.text


def test_one_image(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    sop = nbia.getSopInstanceUids(turned.seg)[0]["SOPInstanceUID"]
    assert nbia.downloadImage(turned.seg, sop) is None
    image = here / "tciaDownload" / turned.seg / f"{sop}.dcm"
    assert [image.read_bytes()] == turned.files[turned.seg]
    image.write_bytes(b"mine")
    nbia.downloadImage(turned.seg, sop)
    assert image.read_bytes() == b"mine"
    nbia.downloadImage(turned.seg, "1.2.3", path="other")
    nbia.downloadImage(turned.mr, sop, path="other")
    nbia.downloadImage(turned.seg, "../../x", path="other")
    assert not (here / "other").exists()
    assert caplog.text.count("ERROR") == 3


def test_sizes_are_asked_for_many_series_at_once(
    turned: Any, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The server, in this process, logs each request.
    caplog.set_level(logging.INFO)
    nbia.downloadSeries(turned.public, input_type="list")
    asked = [record.msg["operation"] for record in caplog.records if isinstance(record.msg, dict)]
    assert sorted(asked) == ["v4/getImage", "v4/getImage", "v4/getSeriesMetadata"]


@pytest.mark.parametrize("fault", ["corrupt", "truncate", "error-500"])
def test_what_goes_wrong_on_the_way_is_repaired_by_the_next_call(
    fault: Fault, turned: Any, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    series = [row for row in nbia.getSeries("Open") if row["SeriesInstanceUID"] == turned.ct]
    with FaultyRelay(turned.url) as relay:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session.client(relay.url).connection, "policy", RetryPolicy(attempts=1))
            relay.schedule = Schedule(seed=1, rate=1.0, faults=(fault,))
            nbia.downloadSeries(series, api_url=relay.url)
        assert relay.schedule.done[fault] >= 1
        assert f"1 series failed, run the same call again: {turned.ct}" in caplog.text
        assert not (here / "tciaDownload" / turned.ct).exists()
        relay.schedule = None
        nbia.downloadSeries(series, api_url=relay.url)
        session.forget()
    assert contents((here / "tciaDownload" / turned.ct).glob("*.dcm")) == sorted(turned.files[turned.ct])
    assert verify(here / "tciaDownload").ok
