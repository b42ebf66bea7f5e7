"""Ingest of folders: Filmroom, Orthanc's REST, and the floor with the same number of fsyncs."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import corpus
import peers
from harness import Context, Section, Used, filmroom, interleaved, median, number, run

_COUNT_FSYNCS = """
import os, sys
count = 0
original = os.fsync
def fsync(fd):
    global count
    count += 1
    original(fd)
os.fsync = fsync
from filmroom.cli.app import main
try:
    main()
except SystemExit as ended:
    if ended.code:
        raise
print(f"fsyncs={count}")
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one way was: files per second, CPU seconds (of the server or the program), peak in MiB."""

    files: float
    cpu: float
    peak: float


def measure(context: Context) -> Section:
    """Measure CT and tiny files."""
    section = Section(
        "Ingest of a folder", header=("corpus", "way", "files/s", "MB/s", "CPU ms/file", "peak MiB")
    )
    counts = (800, 4_000) if context.quick else (2_000, 20_000)
    program = peers.orthanc()
    if program is None:
        section.remarks.append(f"Absent: {peers.ORTHANC}.")
    for name, make, count, goal in (("CT", corpus.ct, counts[0], 6.0), ("tiny", corpus.tiny, counts[1], 7.0)):
        context.log(f"ingest: {count} {name} files")
        folder = context.folder(f"corpus-{name}")
        files = make(folder, count)
        try:
            _compare(context, section, name, files, program, goal)
        finally:
            shutil.rmtree(folder)
    return section


def _compare(
    context: Context, section: Section, name: str, files: corpus.Corpus, program: str | None, goal: float
) -> None:
    fsyncs = _fsyncs(context, files)
    ways: dict[str, Callable[[], Rate]] = {
        "Filmroom": lambda: _filmroom(context, files),
        "floor, same fsyncs": lambda: _floor(context, files, fsyncs),
    }
    if program is not None:
        ways["Orthanc REST x4"] = lambda: _orthanc(context, files, program)
    results = interleaved(2, list(ways.values()))
    rates: dict[str, Rate] = {}
    for way, found in zip(ways, results, strict=True):
        best: list[Rate] = [rate for rate in found if isinstance(rate, Rate)]
        rate = rates[way] = Rate(
            median(r.files for r in best), median(r.cpu for r in best), max(r.peak for r in best)
        )
        count = len(files.files)
        section.figure(
            f"{name}, {count:,} x {files.size / count / 1000:.1f} KB",
            way,
            number(rate.files),
            number(rate.files * files.size / count / 1e6),
            number(rate.cpu / count * 1000),
            number(rate.peak) if rate.peak else "",
        )
    ours = rates["Filmroom"]
    if program is not None:
        orthanc = rates["Orthanc REST x4"]
        section.ratio(f"{name} ingest / Orthanc REST, files/s", ours.files / orthanc.files, gate=4, goal=goal)
        section.ratio(
            f"{name} ingest / Orthanc REST, CPU per file", ours.cpu / orthanc.cpu, gate=0.5, at_most=True
        )
    floor = rates["floor, same fsyncs"]
    section.ratio(
        f"{name} ingest / floor with the same fsyncs, files/s", ours.files / floor.files, goal=0.85, gate=0.85
    )
    section.remarks.append(f"{name}: {fsyncs} fsyncs of the store for {len(files.files):,} files.")


def _ingest(data: Path, folder: Path, *more: str) -> list[str]:
    return ["ingest", "--data", str(data), "--collection", "Bench", *more, str(folder)]


def _fsyncs(context: Context, files: corpus.Corpus) -> int:
    """Return how often the store asks for durability, counted in one process."""
    data = context.folder("count")
    try:
        used = run([sys.executable, "-c", _COUNT_FSYNCS, *_ingest(data, files.folder, "--processes", "1")])
        found = re.search(r"fsyncs=(\d+)", used.output)
        assert found is not None, used.output
        return int(found[1])
    finally:
        shutil.rmtree(data)


def _filmroom(context: Context, files: corpus.Corpus) -> Rate:
    data = context.folder("archive")
    report = data / "report.json"
    try:
        used = run(filmroom(*_ingest(data / "archive", files.folder, "--report", str(report))))
        found = json.loads(report.read_text())
        assert found["counts"]["stored"] == len(files.files), found["counts"]
        return Rate(len(files.files) / found["seconds"], used.cpu, used.peak)
    finally:
        shutil.rmtree(data)


def _orthanc(context: Context, files: corpus.Corpus, program: str) -> Rate:
    folder = context.folder("orthanc")
    try:
        with peers.orthanc_server(program, folder) as started:
            before = started.cpu()
            began = time.perf_counter()
            peers.upload(started, files.files)
            seconds = time.perf_counter() - began
            return Rate(len(files.files) / seconds, started.cpu() - before, started.peak())
    finally:
        shutil.rmtree(folder)


# -- the floor -------------------------------------------------------------------------------------------


def _floor(context: Context, files: corpus.Corpus, fsyncs: int) -> Rate:
    """Read, scan the header, take MD5, SHA-256 and CRC-32, write packs, insert a row; nothing else.

    One process per core reads; this one inserts, a transaction for every thousand files.
    """
    folder = context.folder("floor")
    try:
        script = Path(__file__).with_name("floor.py")
        listing = folder / "files"
        listing.write_text("\n".join(map(str, files.files)))
        used: Used = run([sys.executable, script, listing, folder / "packs", str(fsyncs)])
        return Rate(len(files.files) / float(used.output.split()[-1]), used.cpu, used.peak)
    finally:
        shutil.rmtree(folder)
