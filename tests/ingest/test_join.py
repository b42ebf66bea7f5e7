"""Several processes work on one ingest; one is killed, one joins in vain: nothing lost or doubled."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.errors import ArchiveInUse, InvalidInput, NotFound
from filmroom.ingest.assign import Rules
from filmroom.ingest.batches import Batcher
from filmroom.ingest.candidates import Candidate
from filmroom.ingest.join import join_ingests
from filmroom.ingest.plan import Plan
from filmroom.model.entities import Licence
from filmroom.settings import ArchiveAddress

SERIES = 12
SLICES = 10
TORTURE = int(os.environ.get("FILMROOM_TORTURE", "8"))
# The command line with small batches, and slow enough that two processes get to share so few files.
PROGRAM = """
import time
from filmroom.ingest import batches, commit, join, load, work
batches.ENOUGH_FILES = 10
join.PATIENCE = load.PATIENCE = work.PATIENCE = 0.05
commit_at_once = commit.Committer.commit
def commit_slowly(*arguments):
    time.sleep(0.1)
    return commit_at_once(*arguments)
commit.Committer.commit = commit_slowly
from filmroom.cli.app import main
main()
"""


@pytest.fixture
def corpus(source: Path, h: SimpleNamespace) -> Path:
    for number in range(SERIES):
        h.write_series(source / f"series-{number:02d}", f"S{number}", SLICES)
    (source / "series-03" / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 60)
    (source / "series-05" / "notes.txt").write_text("not DICOM")
    return source


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    monkeypatch.setenv("FILMROOM_INGEST_LEASE", "2")
    started: list[subprocess.Popen[str]] = []

    def run(archive: Any, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "ingest", *map(str, arguments), *archive.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], *codes: int) -> tuple[str, str]:
    out, errors = process.communicate(timeout=120)
    assert process.returncode in codes, (process.returncode, out, errors)
    assert "Traceback" not in errors
    return out, errors


def check_complete(archive: Any) -> None:
    contents = archive.contents()
    assert [len(content.instances) for content in contents] == [SLICES] * SERIES
    assert archive.quarantine() == [("cut.dcm", "unreadable")]
    assert archive.counts()["instances"] == SERIES * SLICES


def test_two_processes_share_one_ingest(
    archive: Any, corpus: Path, run: Callable[..., Any], tmp_path: Path
) -> None:
    archive.catalog_made().close()
    helper = run(archive, "--join", "--wait", 60, "--processes", 1)
    owner = run(archive, "--collection", "C", "--processes", 1, "--report", tmp_path / "report.json", corpus)
    out, _ = ended(owner, 3)
    helped, errors = ended(helper, 0)
    print(out, helped, errors)
    check_complete(archive)
    assert archive.objects() == archive.referenced()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"] == {
        "stored": SERIES * SLICES,
        "present": 0,
        "quarantined": 1,
        "skipped": 1,
        "finished_before": 0,
    }
    assert report["collections"][0]["stored"] == SERIES * SLICES
    assert sorted(item["reason"] for item in report["items"]) == ["not-dicom", "unreadable"]
    (files,) = report["helpers"].values()
    assert 0 < files < SERIES * SLICES + 2
    assert f"{files} of these files were done by" in out
    assert f"Helping with ingest 1 of {corpus}, begun on" in errors
    assert "batches done here" in helped


@pytest.mark.timeout(300 + 30 * TORTURE)
@pytest.mark.parametrize("victim", ["owner", "helper"])
def test_kill_either_at_any_instant(
    another_archive: Callable[[str], Any], corpus: Path, run: Callable[..., Any], victim: str
) -> None:
    chance = random.Random(victim)
    instants = max(2, TORTURE // 4)
    shared = 0
    for attempt in range(instants):
        archive = another_archive(f"archive-{attempt}")
        archive.catalog_made().close()
        helper = run(archive, "--join", "--wait", 20, "--processes", 1)
        owner = run(archive, "--collection", "C", "--processes", 1, corpus)
        wait_for_work(archive, owner)
        time.sleep(0.9 * (attempt + chance.random()) / instants)
        killed, other = (owner, helper) if victim == "owner" else (helper, owner)
        killed.kill()
        killed.communicate()
        # A helper whose owner is gone does what it can, and may then find nothing more to do.
        ended(other, *((0, 4) if victim == "owner" else (3,)))
        if victim == "helper":
            check_complete(archive)
        assert {len(content.instances) for content in archive.contents()} <= {SLICES}
        before = archive.counts()["instances"]
        report = archive.ingest(corpus, collection="C")
        check_complete(archive)
        assert archive.objects() == archive.referenced()
        assert report.files + report.finished_before == SERIES * SLICES + 2
        assert report.stored == SERIES * SLICES - before
        shared += before > 0
        print(
            f"{victim} killed {attempt + 1}/{instants}: the other left {before} of {SERIES * SLICES} there; "
            f"then again: {report.stored} stored, {report.finished_before} finished before, "
            f"{report.present} present"
        )
    assert shared, "the instants were spread over the work"


def wait_for_work(archive: Any, owner: subprocess.Popen[str]) -> None:
    """Wait until there is something to share; instants before that are those of one process."""
    with archive.catalog as catalog:
        deadline = time.monotonic() + 60
        while owner.poll() is None and not any(run.unfinished for run in catalog.open_runs()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_same_ingest_on_another_machine_is_refused_while_it_lives(
    archive: Any, another_archive: Callable[[str], Any], corpus: Path
) -> None:
    elsewhere = another_archive("elsewhere")
    elsewhere.address = ArchiveAddress(
        elsewhere.address.data, archive.address.database_url, archive.address.store_url
    )
    problems: list[BaseException] = []

    def meanwhile(_progress: object) -> None:
        if not problems:
            with pytest.raises(ArchiveInUse, match="already running on") as caught:
                elsewhere.ingest(corpus, collection="COLL")
            problems.append(caught.value)

    archive.ingest(corpus, progress=meanwhile)
    assert len(problems) == 1
    assert elsewhere.ingest(corpus, collection="COLL").present == SERIES * SLICES


def test_only_who_has_the_files_and_the_store_may_help(
    archive: Any, another_archive: Callable[[str], Any], corpus: Path, tmp_path: Path
) -> None:
    stranger = another_archive("stranger").address
    other_store = ArchiveAddress(tmp_path / "h", archive.address.database_url, stranger.store_url)
    said: list[str] = []

    def meanwhile(_progress: object) -> None:
        if not said:
            with pytest.raises(NotFound) as caught:
                join_ingests(other_store, 1)
            said.append(str(caught.value))
            corpus.rename(tmp_path / "moved")
            with pytest.raises(NotFound) as caught:
                join_ingests(archive.address, 1)
            said.append(str(caught.value))
            (tmp_path / "moved").rename(corpus)

    archive.ingest(corpus, progress=meanwhile)
    assert "writes to another store" in said[0]
    assert f"takes in {corpus}, which is not on this machine" in said[1]
    check_complete(archive)


def test_files_that_are_not_the_same_here_are_left_to_the_others(archive: Any, corpus: Path) -> None:
    changed = corpus / "series-11" / "0001.dcm"
    status = changed.stat()
    with archive.catalog_made() as catalog:
        row = Candidate(str(changed), "file", str(changed), status.st_size, 1, None, "").row()
        from filmroom.store import open_store

        open_store(archive.address.store_url).write("ingest/proof", [b"x"])
        plan = Plan(Rules(collection="C"), (str(corpus),), "ingest/proof")
        run = catalog.begin_run("k", plan.text(), "there o", 60)
        catalog.add_batch(run.id, [row])
        (helped,) = join_ingests(archive.address, 1)
        assert "is not the same on this machine" in helped.left
        assert helped.batches == 0
        assert catalog.lease_batch(run.id, "there o", 60) is not None
        assert catalog.quarantine() == []


def test_nothing_to_join_is_one_sentence(archive: Any, h: SimpleNamespace) -> None:
    archive.catalog_made().close()
    done = h.run_process("ingest", "--join", *archive.options, check=4)
    assert done.stderr.startswith("Error: No ingest is running that this machine can help with.\n")


@pytest.mark.parametrize("more", [("--join", "x"), ("--join", "--in-place"), ("--wait", "3", "x")])
def test_rules_belong_to_the_ingest_that_is_helped(
    tmp_path: Path, h: SimpleNamespace, more: tuple[str, ...]
) -> None:
    h.run("ingest", *more, "--data", tmp_path, check=2)


def test_a_plan_travels_whole() -> None:
    rules = Rules(
        collection_from="tag",
        licence=Licence("Long", "Short", "https://l.example/", "text", commercial_use=False),
        restricted=frozenset({"A", "B"}),
    )
    plan = Plan(rules, ("/a", "/b\udc80"), "ingest/x")
    again = Plan.of_text(plan.text())
    assert again == plan
    assert again.rules.restricted == rules.restricted


def test_a_candidate_travels_whole() -> None:
    candidate = Candidate("/a.zip!b", "zip", "/a\udc80.zip", 3, 4, "b", "g", "b", 7, spooled=True)
    assert Candidate.of_row(json.loads(json.dumps(candidate.row()))) == candidate


def test_copies_of_members_do_not_mix_with_files_and_stay_small() -> None:
    batcher = Batcher()
    batches = []
    for number in range(8):
        copy = number >= 2
        size = (100 << 20) if copy else 1
        batches += batcher.add(Candidate(str(number), "tar", "p", size, 1, None, "g", spooled=copy))
    batches += batcher.end()
    assert [[int(c.source) for c in batch] for batch in batches] == [[0, 1], [2, 3, 4], [5, 6, 7]]


def test_a_lease_of_no_time_is_refused(archive: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMROOM_INGEST_LEASE", "0")
    with pytest.raises(InvalidInput, match="at least 1 second"):
        archive.ingest(corpus)
