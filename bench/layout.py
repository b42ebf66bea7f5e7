"""Two decisions in figures: packs or one file to an instance; deflating at ingest or storing as it is."""

from __future__ import annotations

import csv
import importlib
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import corpus
import peers
from delivery import IMAGE
from harness import Context, Section, filmroom, filmroom_server, interleaved, median, number, run
from load import load

ISAL = "isal==1.8.0"
_REAL = Path("../shared/dicom")
_UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}
_LINE = 100e6 / 8  # bytes/s of a 100 Mbit/s client


def measure(context: Context) -> Section:
    """Measure both."""
    section = Section(
        "Packs, and deflating at ingest",
        header=("what", "way", "written files/s", "fsyncs/file", "served MB/s", "CPU s/GB"),
    )
    _packs(context, section)
    _deflate(context, section)
    return section


# -- packs -----------------------------------------------------------------------------------------------


def _packs(context: Context, section: Section) -> None:
    for name, make, count in (
        ("CT", corpus.ct, 200),
        ("tiny", corpus.tiny, 1_000 if context.quick else 4_000),
    ):
        context.log(f"layout: {name}")
        folder = context.folder("layout")
        files = make(folder / "files", count)
        written = interleaved(
            2,
            [
                lambda files=files: _write(context, files, alone=False),
                lambda files=files: _write(context, files, alone=True),
            ],
        )
        served = _served(context, folder, files)
        for way, rates, (rate, cpu) in zip(
            ("packs", "one file to an instance"), written, served, strict=True
        ):
            found = [each for each in rates if isinstance(each, tuple)]
            section.figure(
                f"{name}, {count:,} files",
                way,
                number(median(each[0] for each in found)),
                f"{found[0][1]:.3f}",
                number(rate),
                number(cpu),
            )
        shutil.rmtree(folder)


def _write(context: Context, files: corpus.Corpus, *, alone: bool) -> tuple[float, float]:
    """Write the files into a store; return files/s and fsyncs per file."""
    from filmroom.ingest.packing import TaskPacks, delivery_order
    from filmroom.store.local import LocalStore

    folder = context.folder("store")
    store = LocalStore(folder)
    asked = 0
    original = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal asked
        asked += 1
        original(descriptor)

    contents = [path.read_bytes() for path in files.files]
    series = len(files.files) // len(files.series)
    os.fsync = fsync
    try:
        began = time.perf_counter()
        for start in range(0, len(contents), 100):
            packs = TaskPacks(store)
            for index, content in enumerate(contents[start : start + 100], start):
                uid = files.series[index // series]
                if alone:
                    store.write(f"{index % 251:02x}/{uid}.{index}.dcm", [content])
                else:
                    packs.add(uid, content, delivery_order({"sop_instance_uid": f"{uid}.{index:06d}"}))
            packs.write()
        seconds = time.perf_counter() - began
    finally:
        os.fsync = original
        shutil.rmtree(folder)
    return len(contents) / seconds, asked / len(contents)


def _served(context: Context, folder: Path, files: corpus.Corpus) -> list[tuple[float, float]]:
    """Return MB/s and CPU s/GB with packs, and with a file to an instance (catalogued in place)."""
    found: list[tuple[float, float]] = []
    for more in ((), ("--in-place",)):
        data = folder / f"archive{len(found)}"
        run(filmroom("ingest", "--data", data, "--collection", "Bench", *more, files.folder))
        with filmroom_server(data) as started:
            paths = [IMAGE + uid for uid in files.series]
            load(started.port, paths, 1, 0.3)
            before = started.cpu()
            outcome = load(started.port, paths, 4, 1.5 if context.quick else 4.0)
            cpu = started.cpu() - before
            found.append((outcome.size / outcome.seconds / 1e6, cpu / outcome.size * 1e9))
    return found


# -- deflate ---------------------------------------------------------------------------------------------


def _deflate(context: Context, section: Section) -> None:
    manifest = _REAL / "MANIFEST.csv"
    if not manifest.exists():
        section.remarks.append(f"Absent: real DICOM files in {_REAL}.")
        return
    ways = _ways(context, section)
    by_modality: dict[str, list[bytes]] = defaultdict(list)
    with manifest.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            path = _REAL / row["path"]
            real = row["Modality"] in {"CT", "MR", "PT"} and row["path"].startswith("archive/")
            if real and row["TransferSyntaxUID"] in _UNCOMPRESSED and path.exists():
                by_modality[row["Modality"]].append(path.read_bytes())
    lines_out = [
        "| modality | way | size | deflate CPU s/GB | inflate CPU s/GB | 100 Mbit/s client, s/GB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for modality, contents in sorted(by_modality.items()):
        raw = sum(map(len, contents))
        what = f"{modality}, {len(contents)} files, {raw / 1e6:.1f} MB"
        lines_out.append(f"| {what} | as it is | 100 % | 0 | 0 | {1e9 / _LINE:.0f} |")
        for name, (deflate, inflate) in ways.items():
            began = time.process_time()
            small = [deflate(content) for content in contents]
            used = (time.process_time() - began) / raw * 1e9
            began = time.process_time()
            assert all(inflate(each) == content for each, content in zip(small, contents, strict=True))
            back = (time.process_time() - began) / raw * 1e9
            ratio = sum(map(len, small)) / raw
            # Receiving and inflating overlap; the slower of the two decides.
            seconds = max(1e9 * ratio / _LINE, back)
            lines_out.append(f"| {what} | {name} | {ratio:.0%} | {used:.2f} | {back:.2f} | {seconds:.0f} |")
    section.remarks.append("\n".join(lines_out))


_Codec = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]


def _ways(context: Context, section: Section) -> dict[str, _Codec]:
    from zlib_ng import zlib_ng

    ways: dict[str, _Codec] = {
        "zlib, level 6": (lambda data: zlib.compress(data, 6, -15), lambda data: zlib.decompress(data, -15)),
        "zlib-ng, level 1": (
            lambda data: zlib_ng.compress(data, 1, -15),
            lambda data: zlib_ng.decompress(data, -15),
        ),
    }
    isal = _isal(context)
    if isal is None:
        section.remarks.append(f"Absent: {ISAL} (it is installed from PyPI when that can be reached).")
        return ways
    for level in (1, 2, 3):
        ways[f"isal, level {level}"] = (
            lambda data, level=level: isal.compress(data, level, -15),  # type: ignore[misc]
            lambda data: isal.decompress(data, -15),
        )
    return ways


def _isal(context: Context) -> ModuleType | None:
    folder = peers.cache_folder() / ISAL.replace("==", "-")
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), ISAL]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            context.log(f"isal cannot be installed: {error}")
            shutil.rmtree(folder, ignore_errors=True)
            return None
    sys.path.append(str(folder))
    try:
        return importlib.import_module("isal.isal_zlib")
    finally:
        sys.path.remove(str(folder))
