"""Full disks, a faulty store, a database that restarts: a clear sentence, nothing half-visible, then on."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.settings import ArchiveAddress
from filmroom.testing.faults import FAULTS, Fault, FaultyRelay, Schedule
from filmroom.testing.live import running_server
from filmroom.testing.services import institute_address

INGEST = ("ingest", "--collection", "C", "--processes", 1)
SMALL_BATCHES = {"filmroom.ingest.batches.ENOUGH_FILES": 24, "filmroom.ingest.batches.TASK_FILES": 16}


@pytest.fixture
def pair() -> str:
    """Each test names its own pair."""
    return "embedded"


@contextlib.contextmanager
def small_disk(folder: Path, limits: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own in a folder; gives a function that sets other limits."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", limits, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        # Not a skip, which counts as a failure in CI: the limit on the size of files is tried everywhere.
        pytest.xfail("this machine does not let us mount a small file system")
    try:
        yield (
            lambda new: (
                subprocess.run(
                    ["mount", "-o", f"remount,{new}", str(folder)], check=True, capture_output=True
                )
                and None
            )
        )
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def check_failed_clearly(ended: SimpleNamespace, *words: str, codes: tuple[int, ...] = (1,)) -> None:
    assert ended.code in codes, ended
    assert any(word in ended.output for word in words), ended.output
    assert "this is a fault in filmroom" not in ended.output


def check_complete(archive: Any, series: int, files: int) -> None:
    found = archive.visible()
    assert [len(content.instances) for content in found] == [files] * series
    assert archive.counts()["quarantined"] == 0
    assert {finding.kind for finding in archive.fsck(repair=True)} <= {"leftover"}
    assert archive.fsck(full=False) == []


def write_source(t: Any, folder: Path, series: int, files: int, pixels: int) -> Path:
    for number in range(series):
        t.write_series(folder / f"s{number}", f"F{number}", files, pixels)
    return folder


# -- full disks ----------------------------------------------------------------------------------------


def test_the_store_is_full(victim: Any, tally: Any, t: Any, tmp_path: Path, archive_of: Any) -> None:
    source = write_source(t, tmp_path / "source", 6, 12, 60_000)
    row = tally("ingest, store's disk full")
    with small_disk(tmp_path / "disk", "size=2m") as resize:
        data = tmp_path / "archive"
        archive = archive_of(ArchiveAddress(data, f"sqlite:///{data}/c.sqlite", f"{tmp_path}/disk/store"))
        command = (*INGEST, *archive.options, source)
        ended = victim.run(*command, patches=SMALL_BATCHES)
        check_failed_clearly(ended, "No space is left in the store")
        found = archive.served()
        assert {len(content.instances) for content in found} <= {12}
        assert len(found) < 6
        row.add(ended, f"clear sentence, {len(found)} of 6 series whole")
        resize("size=64m")
        row.add(victim.done(*command), "rerun complete")
        check_complete(archive, 6, 12)


def test_the_catalogue_is_full(victim: Any, tally: Any, t: Any, tmp_path: Path, archive_of: Any) -> None:
    source = write_source(t, tmp_path / "source", 4, 250, 32)
    row = tally("ingest, catalogue's disk full")
    with small_disk(tmp_path / "disk", "size=900k") as resize:
        data = tmp_path / "archive"
        archive = archive_of(
            ArchiveAddress(data, f"sqlite:///{tmp_path}/disk/c.sqlite", str(tmp_path / "store"))
        )
        command = (*INGEST, *archive.options, source)
        ended = victim.run(*command, patches=SMALL_BATCHES)
        check_failed_clearly(ended, "No space is left for the catalogue")
        found = archive.visible()
        assert found is None or {len(content.instances) for content in found} <= {250}
        row.add(ended, f"clear sentence, {len(found or ())} of 4 series whole")
        resize("size=64m")
        row.add(victim.done(*command), "rerun complete")
        check_complete(archive, 4, 250)


def test_files_may_not_grow(victim: Any, tally: Any, t: Any, tmp_path: Path, archive_of: Any) -> None:
    """A quota on the size of files, which needs no rights: the store and SQLite are refused by turns."""
    source = write_source(t, tmp_path / "source", 3, 12, 60_000)
    row = tally("ingest, file size limit")
    for number, limit in enumerate((64_000, 256_000, 480_000, 600_000)):
        archive = archive_of(ArchiveAddress.resolve(tmp_path / f"archive-{number}"))
        command = (*INGEST, *archive.options, source)
        ended = victim.run(*command, largest_file=limit, patches=SMALL_BATCHES)
        if ended.code:
            check_failed_clearly(ended, "The store cannot write", "The catalogue cannot be used")
        found = archive.visible()
        row.add(ended, "clear sentence" if ended.code else "within the limit")
        assert {len(content.instances) for content in found or ()} <= {12}
        victim.done(*command)
        check_complete(archive, 3, 12)
    assert row.seen["clear sentence"] > 1


def test_the_download_folder_is_full(
    victim: Any, tally: Any, t: Any, tmp_path: Path, archive_of: Any
) -> None:
    source = write_source(t, tmp_path / "source", 4, 12, 60_000)
    archive = archive_of(ArchiveAddress.resolve(tmp_path / "archive"))
    row = tally("download, disk full")
    victim.done(*INGEST, *archive.options, source)
    with (
        running_server(archive.address) as url,
        small_disk(tmp_path / "disk", "size=1500k,nr_inodes=40") as resize,
    ):
        target = tmp_path / "disk" / "target"
        command = ("download", "--server", url, "--collection", "C", "--yes", "--to", target)
        ended = victim.run(*command)
        check_failed_clearly(ended, "bytes are needed", "are free in")
        row.add(ended, "told before it began")
        resize("size=256m,nr_inodes=40")  # room for bytes, but not for so many files: found out on the way
        ended = victim.run(*command)
        # 5 where some series were whole before the disk was full: data are missing, not everything failed.
        check_failed_clearly(ended, "No space is left", "Free some space", codes=(1, 5))
        folders = [folder for folder in target.iterdir() if folder.name[0] != "."]
        assert all(len(list(folder.glob("*.dcm"))) == 12 for folder in folders)
        row.add(ended, f"clear sentence, {len(folders)} of 4 series whole")
        resize("size=256m,nr_inodes=1000")
        row.add(victim.done(*command), "rerun complete")
        victim.done("verify", target)


# -- a faulty store ------------------------------------------------------------------------------------


@pytest.fixture
def relayed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Schedule | None], None]]:
    """All S3 traffic goes through a relay; gives a function that sets its schedule."""
    s3 = request.getfixturevalue("s3")
    with FaultyRelay(s3.endpoint) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)

        def spoil(schedule: Schedule | None) -> None:
            relay.schedule = schedule

        yield spoil


@pytest.fixture
def institute(request: pytest.FixtureRequest, tmp_path: Path, archive_of: Any) -> Iterator[Any]:
    """An archive on PostgreSQL and S3."""
    with institute_address(
        tmp_path / "institute", request.getfixturevalue("postgres"), request.getfixturevalue("s3")
    ) as address:
        yield archive_of(address)


KINDS_OF_FAULTS: dict[str, tuple[Fault, ...]] = {
    "faults of all kinds": tuple(fault for fault in FAULTS if fault != "corrupt"),
    "error statuses": ("error-500", "slow-down"),
    "resets": ("refuse", "reset", "cut-upload", "lose-answer"),
    "short and late answers": ("truncate", "delay"),
    "flipped bits": ("corrupt",),
}
# Each kind by itself is for the long run; the suite tries them mixed.
LONG_RUN = "FILMROOM_TORTURE" in os.environ
WRITING = (
    [kind for kind in KINDS_OF_FAULTS if kind != "flipped bits"] if LONG_RUN else ["faults of all kinds"]
)
READING = list(KINDS_OF_FAULTS) if LONG_RUN else ["faults of all kinds", "flipped bits"]


@pytest.mark.parametrize("kind", WRITING)
@pytest.mark.parametrize("rate", [0.2, 0.9])
def test_ingest_into_a_faulty_store(
    kind: str, rate: float, victim: Any, tally: Any, t: Any, tmp_path: Path, relayed: Any, institute: Any
) -> None:
    source = write_source(t, tmp_path / "source", 6, 12, 20_000)
    row = tally(f"ingest, S3 {kind}, {rate:.0%} of requests", "PostgreSQL + S3")
    command = (*INGEST, *institute.options, source)
    schedule = Schedule(7, rate, KINDS_OF_FAULTS[kind])
    relayed(schedule)
    ended = victim.run(*command, patches=SMALL_BATCHES)
    relayed(None)
    assert schedule.done.total() > 0
    if ended.code:
        check_failed_clearly(ended, "The store cannot be reached, or is overloaded", "The store cannot do")
    row.add(ended, "clear sentence" if ended.code else "complete despite them")
    found = institute.served()
    assert {len(content.instances) for content in found} <= {12}
    row.add(victim.done(*command), "rerun complete")
    check_complete(institute, 6, 12)


@pytest.mark.parametrize("kind", READING)
def test_serving_from_a_faulty_store(
    kind: str, victim: Any, tally: Any, t: Any, tmp_path: Path, relayed: Any, institute: Any
) -> None:
    source = write_source(t, tmp_path / "source", 2, 30, 100_000)
    victim.done(*INGEST, *institute.options, source)
    row = tally(f"getImage, S3 {kind}, 40% of requests", "PostgreSQL + S3")
    found = institute.visible()
    quick = SimpleNamespace(killed=False)
    with running_server(institute.address) as url:
        wanted = {content.series_instance_uid: fetch(url, content)[1] for content in found}
        assert all(wanted.values())
        relayed(Schedule(11, 0.4, KINDS_OF_FAULTS[kind]))
        for number in range(t.instants(24)):
            content = found[number % len(found)]
            outcome, body = fetch(url, content)
            if outcome == "identical":
                assert body == wanted[content.series_instance_uid]
            row.add(quick, outcome)
        relayed(Schedule(13, 0.4, KINDS_OF_FAULTS[kind]))
        target = tmp_path / "target"
        command = ("download", "--server", url, "--collection", "C", "--yes", "--to", target)
        codes = [victim.run(*command).code for _ in range(2)]
        assert set(codes) <= {0, 1, 5, 6}
        relayed(None)
        victim.done(*command)
        victim.done("verify", target)
        assert fetch(url, found[0])[0] == "identical", "the server needs no restart"
    assert set(row.seen) <= {"identical", "connection broken", "503", "500"}
    if kind != "flipped bits":
        assert row.seen["identical"] > 0


def fetch(url: str, content: Any) -> tuple[str, bytes]:
    """Ask for a series; the answer is a whole archive with the right files, or visibly broken."""
    path = f"/nbia-api/services/v4/getImage?SeriesInstanceUID={content.series_instance_uid}"
    try:
        with urllib.request.urlopen(url + path, timeout=120) as answer:
            body = answer.read()
            promised = int(answer.headers["Content-Length"])
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code), b""
    except (http.client.IncompleteRead, ConnectionError):
        return "connection broken", b""
    assert len(body) == promised, "a short body must not look whole"
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name.endswith(".dcm")]
        got = sorted(hashlib.md5(archive.read(name)).digest() for name in names)
    assert got == sorted(item.md5 for item in content.instances)
    return "identical", body


# -- a database that restarts --------------------------------------------------------------------------


def ask(url: str) -> tuple[int, str | None]:
    try:
        with urllib.request.urlopen(f"{url}/nbia-api/services/v4/getSeries", timeout=30) as answer:
            answer.read()
            return answer.status, None
    except urllib.error.HTTPError as error:
        with error:
            error.read()
            return error.code, error.headers["Retry-After"]


def test_the_database_restarts_while_serving(
    own_postgres: Any, victim: Any, tally: Any, t: Any, tmp_path: Path, archive_of: Any
) -> None:
    source = write_source(t, tmp_path / "source", 3, 6, 20_000)
    archive = archive_of(ArchiveAddress(tmp_path / "data", own_postgres.url, str(tmp_path / "store")))
    victim.done(*INGEST, *archive.options, source)
    row = tally("search while PostgreSQL restarts", "PostgreSQL")
    quick = SimpleNamespace(killed=False)
    answers: list[tuple[str, int, str | None]] = []
    phase = "before"
    end = threading.Event()

    with running_server(archive.address) as url:

        def keep_asking() -> None:
            while not end.is_set():
                asked_in = phase
                answers.append((asked_in, *ask(url)))
                time.sleep(0.01)

        crowd = [threading.Thread(target=keep_asking) for _ in range(3)]
        for thread in crowd:
            thread.start()
        time.sleep(0.3)
        phase = "stopping"
        own_postgres.stop()
        phase = "gap"
        time.sleep(0.7)
        with pytest.raises(urllib.error.HTTPError) as caught:
            t.check_download(url, archive_content := SimpleNamespace(series_instance_uid="1.2"))
        caught.value.close()
        assert (caught.value.code, archive_content.series_instance_uid) == (503, "1.2")
        phase = "starting"
        own_postgres.start()
        phase = "after"
        time.sleep(0.5)
        end.set()
        for thread in crowd:
            thread.join(60)
        assert ask(url) == (200, None), "the server recovers by itself"
        t.check_download(url, archive.visible()[0])
    seen = {
        name: Counter(code for asked_in, code, _ in answers if asked_in == name)
        for name in ("before", "gap", "after")
    }
    assert set(seen["before"]) <= {200, 503}
    assert set(seen["gap"]) == {503}
    assert set(seen["after"]) <= {200, 503}
    assert seen["after"][200] > 0
    assert {code for _, code, _ in answers} == {200, 503}
    assert {again for _, code, again in answers if code == 503} == {"2"}
    for _, code, _ in answers:
        row.add(quick, str(code))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.85] if LONG_RUN else [0.6])
def test_the_database_restarts_while_ingesting(
    share: float, own_postgres: Any, victim: Any, tally: Any, t: Any, tmp_path: Path, archive_of: Any
) -> None:
    source = write_source(t, tmp_path / "source", 8, 12, 20_000)
    row = tally(f"ingest while PostgreSQL restarts, at {share:.0%}", "PostgreSQL")
    with own_postgres.database() as timing:
        rehearsal = archive_of(ArchiveAddress(tmp_path / "rehearsal", timing, str(tmp_path / "store-0")))
        whole = victim.done(*INGEST, *rehearsal.options, source, patches=SMALL_BATCHES).seconds
    archive = archive_of(ArchiveAddress(tmp_path / "data", own_postgres.url, str(tmp_path / "store")))
    command = (*INGEST, *archive.options, source)
    results: list[Any] = []
    running = threading.Thread(target=lambda: results.append(victim.run(*command, patches=SMALL_BATCHES)))
    running.start()
    time.sleep(whole * share)
    own_postgres.stop()
    time.sleep(0.5)
    own_postgres.start()
    running.join(120)
    (ended,) = results
    if ended.code:
        check_failed_clearly(ended, "The database does not answer", "There is no archive")
    row.add(ended, "clear sentence" if ended.code else "complete despite it")
    found = archive.visible()
    assert {len(content.instances) for content in found or ()} <= {12}
    row.add(victim.done(*command), "rerun complete")
    check_complete(archive, 8, 12)
