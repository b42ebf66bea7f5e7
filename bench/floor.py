"""The least an ingest can do: read, scan the header, hash, write packs, insert one row a file.

    python bench/floor.py FILE-WITH-PATHS FOLDER FSYNCS

Prints the seconds. No identity rules, no checks of pixels, no totals, facets, ledger or quarantine. It asks
for durability exactly as often as it is told to, spread over the packs, and its SQLite synchronises fully.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from filmroom.dicom.digest import Digester
from filmroom.dicom.header import scan
from filmroom.dicom.source import BytesSource
from filmroom.dicom.start import open_start

_TASK_BYTES, _TASK_FILES = 64 << 20, 200

Record = tuple[str, int, bytes, bytes, int, str]


def tasks(paths: list[str]) -> Iterator[list[str]]:
    """Cut the files as an ingest does."""
    task: list[str] = []
    size = 0
    for path in paths:
        task.append(path)
        size += os.path.getsize(path)  # noqa: PTH202
        if size >= _TASK_BYTES or len(task) >= _TASK_FILES:
            yield task
            task, size = [], 0
    if task:
        yield task


def work(paths: list[str], pack: str, fsyncs: int) -> list[Record]:
    """Do one task."""
    records: list[Record] = []
    parts: list[bytes] = []
    for path in paths:
        data = Path(path).read_bytes()
        scan(open_start(BytesSource(data)))
        digester = Digester()
        digester.update(data)
        found = digester.result()
        records.append((path, len(data), found.md5, found.sha256, found.crc32, pack))
        parts.append(data)
    with open(pack, "wb") as out:  # noqa: PTH123
        out.writelines(parts)
        out.flush()
        for _ in range(fsyncs):
            os.fsync(out.fileno())
            os.pwrite(out.fileno(), b"\0", 0)  # so that the next one has something to do
    return records


def main() -> None:
    listing, folder, fsyncs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    paths = listing.read_text().splitlines()
    folder.mkdir()
    began = time.perf_counter()
    todo = list(tasks(paths))
    shares = [fsyncs * (i + 1) // len(todo) - fsyncs * i // len(todo) for i in range(len(todo))]
    packs = [str(folder / f"{i}.pack") for i in range(len(todo))]
    catalog = sqlite3.connect(folder / "catalog.db")
    catalog.execute("PRAGMA journal_mode=WAL")
    catalog.execute("PRAGMA synchronous=FULL")
    catalog.execute("CREATE TABLE instance (path UNIQUE, size, md5, sha256, crc32, pack)")
    waiting: list[Record] = []
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        for records in pool.map(work, todo, packs, shares):
            waiting += records
            if len(waiting) >= 1_000:
                _insert(catalog, waiting)
    _insert(catalog, waiting)
    catalog.close()
    print(time.perf_counter() - began)


def _insert(catalog: sqlite3.Connection, waiting: list[Record]) -> None:
    with catalog:
        catalog.executemany("INSERT INTO instance VALUES (?, ?, ?, ?, ?, ?)", waiting)
    waiting.clear()


if __name__ == "__main__":
    main()
