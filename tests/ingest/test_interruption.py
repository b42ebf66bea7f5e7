"""Kills, crashes, Ctrl-C and ingests at the same time: nothing lost, doubled or half visible."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.errors import ArchiveInUse
from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Candidate
from filmroom.ingest.checked import Checked
from filmroom.ingest.readers import Readers, Workplace
from filmroom.upkeep.fsck import FsckOptions, check_archive

SERIES = 10
SLICES = 40
# The command line, with more and smaller transactions than so few files would otherwise get.
PROGRAM = """
from filmroom.ingest import batches
batches.ENOUGH_FILES = 2 * 40
from filmroom.cli.app import main
main()
"""


@pytest.fixture
def corpus(source: Path, h: SimpleNamespace) -> Path:
    for number in range(SERIES):
        h.write_series(source / f"series-{number:02d}", f"S{number}", SLICES, side=24)
    (source / "series-03" / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 60)
    return source


def start(archive: Any, corpus: Path, *more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", PROGRAM, "ingest", "--collection", "C"),
            *(*archive.options, *map(str, more), str(corpus)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def written(archive: Any) -> set[str]:
    """Return the objects that hold files; the proof of the store that a run leaves for helpers is none."""
    return {key for key in archive.objects() if not key.startswith("ingest/")}


def check_whole_series_only(archive: Any) -> int:
    contents = archive.contents()
    assert {len(content.instances) for content in contents} <= {SLICES}, "a series is visible whole or not"
    return len(contents)


def _end_at(process: subprocess.Popen[str], reached: Callable[[], bool]) -> bool:
    """Kill a process once something is reached; return whether it was still running then."""
    while process.poll() is None:
        if reached():
            process.kill()  # SIGKILL for this process alone: its readers must notice by themselves
            break
        time.sleep(0.002)
    process.communicate(timeout=60)
    return process.returncode == -signal.SIGKILL


def _take_late_objects_away(archive: Any) -> None:
    """A request that was under way when its process was killed may arrive after the sweep: fsck's task."""
    late = archive.objects() - archive.referenced()
    assert len(late) <= 3, "one for each process that wrote"
    if late:
        check_archive(archive.address, FsckOptions(repair=True, grace=0), lambda finding: None)


def test_kill_at_any_instant_then_again(
    archive: Any, another_archive: Callable[[str], Any], corpus: Path
) -> None:
    begun = time.monotonic()
    first = start(archive, corpus, "--processes", 2)
    first.communicate(timeout=120)
    assert first.returncode == 3
    whole, objects = time.monotonic() - begun, len(written(archive))
    chance = random.Random(2)
    killed = 0
    for attempt in range(8):
        fresh = another_archive(f"archive-{attempt}")
        process = start(fresh, corpus, "--processes", 2)
        if attempt < 4:
            # Anywhere, from before the catalogue exists to after the last batch.
            until = time.monotonic() + whole * (0.1 + (attempt + chance.random()) / 4)
            killed += _end_at(process, lambda until=until: time.monotonic() > until)
        else:
            # While objects are being written, whatever the speed of the machine.
            enough = 1 + objects * (attempt - 4) // 5
            killed += _end_at(process, lambda fresh=fresh, enough=enough: len(written(fresh)) >= enough)
        if _has_schema(fresh):
            check_whole_series_only(fresh)
        report = fresh.ingest(corpus, collection="C")
        assert check_whole_series_only(fresh) == SERIES
        assert fresh.counts()["instances"] == SERIES * SLICES
        assert [reason for _, reason in fresh.quarantine()] == ["unreadable"]
        if fresh.address.store_url.startswith("s3:"):
            _take_late_objects_away(fresh)
        assert fresh.objects() == fresh.referenced(), "what the killed attempt wrote in vain is gone"
        assert report.files + report.finished_before == SERIES * SLICES + 1
    assert killed >= 3, "the ingest was killed while it worked"


def _has_schema(archive: Any) -> bool:
    from filmroom.errors import CatalogError

    try:
        archive.catalog.close()
    except CatalogError:
        return False
    return True


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *_children(int(entry.name))]
    return found


def test_readers_leave_with_a_killed_parent(archive: Any, corpus: Path) -> None:
    process = start(archive, corpus, "--processes", 2)
    children: list[int] = []
    for _ in range(400):
        children = _children(process.pid)
        if len(children) >= 4 or process.poll() is not None:
            break
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert children
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in children):
            return
        time.sleep(0.05)
    pytest.fail("processes are left behind")


def test_ctrl_c_finishes_the_batch_and_a_rerun_goes_on(archive: Any, corpus: Path) -> None:
    process = start(archive, corpus, "--processes", 1)
    while process.poll() is None:
        if written(archive):
            break
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "again" in errors
    assert "Traceback" not in errors
    done = check_whole_series_only(archive)
    assert done < SERIES
    assert archive.objects() == archive.referenced()
    report = archive.ingest(corpus, collection="C")
    assert report.resumed
    assert report.finished_before >= done * SLICES
    assert check_whole_series_only(archive) == SERIES
    assert not archive.ingest(corpus, collection="C").resumed


def test_what_a_killed_run_left_is_swept_by_the_next_of_any_kind(archive: Any, corpus: Path) -> None:
    archive.ingest(corpus / "series-00", collection="C")
    process = start(archive, corpus, "--processes", 2)
    while process.poll() is None and not written(archive) - archive.referenced():
        time.sleep(0.002)
    process.kill()
    process.communicate()
    archive.ingest(corpus / "series-01", collection="C")
    assert archive.objects() == archive.referenced()


def test_two_ingests_at_once(archive: Any, corpus: Path) -> None:
    halves = [corpus / f"series-{number:02d}" for number in range(SERIES)]
    first = start(archive, halves[0], *halves[1:8], "--processes", 2)
    second = start(archive, halves[9], *halves[4:9], "--processes", 2)
    for process in (first, second):
        _, errors = process.communicate(timeout=60)
        assert process.returncode in {0, 3}, errors
    assert check_whole_series_only(archive) == SERIES
    assert archive.counts()["instances"] == SERIES * SLICES
    assert archive.objects() == archive.referenced()


def test_the_same_ingest_twice_at_once_is_refused(archive: Any, corpus: Path) -> None:
    problems: list[BaseException] = []

    def again(_progress: object) -> None:
        if not problems:
            thread = threading.Thread(target=attempt)
            thread.start()
            thread.join()

    def attempt() -> None:
        with pytest.raises(ArchiveInUse) as caught:
            archive.ingest(corpus, collection="C")
        problems.append(caught.value)

    archive.ingest(corpus, collection="C", progress=again)
    assert len(problems) == 1
    assert check_whole_series_only(archive) == SERIES


def test_a_killed_reader_is_replaced(archive: Any, corpus: Path) -> None:
    killed: list[int] = []

    def kill(_progress: object) -> None:
        if not killed:
            import multiprocessing

            children = multiprocessing.active_children()
            assert children
            killed.append(children[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    archive.ingest(corpus, collection="C", processes=2, progress=kill)
    assert killed
    assert check_whole_series_only(archive) == SERIES
    assert [reason for _, reason in archive.quarantine()] == ["unreadable"]
    assert archive.objects() == archive.referenced()


def die_on_poison(place: Workplace, candidates: Sequence[Candidate]) -> Checked:
    """Work of a reader that a certain file ends."""
    del place
    if any(candidate.member == "poison" for candidate in candidates):
        os.kill(os.getpid(), signal.SIGKILL)
    return Checked(warnings=[(candidate.source, "read") for candidate in candidates])


def test_a_file_that_kills_its_reader_is_found(archive: Any, tmp_path: Path) -> None:
    def candidate(number: int) -> Candidate:
        return Candidate(f"s{number}", "file", "x", 1, 1, None, "", member="poison" if number == 37 else "")

    crashed: list[str] = []

    def refuse(found: Candidate) -> Checked:
        crashed.append(found.source)
        return Checked()

    def here(found: Sequence[Candidate]) -> Checked:
        raise AssertionError(found)

    place = Workplace(archive.address, Rules(collection="C"), str(tmp_path), str(tmp_path))
    readers = Readers(place, 2, here, refuse, die_on_poison)
    tasks = [tuple(candidate(n) for n in range(start, start + 10)) for start in range(0, 60, 10)]
    try:
        results = [readers.result(pending) for pending in [readers.submit(task) for task in tasks]]
    finally:
        readers.close()
    assert crashed == ["s37"]
    read = [source for result in results for source, _ in result.warnings]
    assert read == [f"s{number}" for number in range(60) if number != 37]
