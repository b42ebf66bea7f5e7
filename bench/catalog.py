"""Every read of the catalogue at the size of TCIA, over HTTP, on both engines.

    python bench/catalog.py [--engine SQLite] [--keep FILE] [--series NUMBER] [--quick]

One server process, warm, asked over one kept connection; then 64 at once while an ingest runs. The rows come
from the index of IDC; see ``tcia_index``. Beside it: plain SQL over the same tables, and Orthanc with 10,000
series.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

import catalog_text
import corpus
import mixed_load
import peers
import tcia_index
from catalog_archives import SMALL, Archive, archives, restrict, share, token
from catalog_asking import Asker, measure_question
from catalog_questions import (
    ASKED_ELSEWHERE,
    SHARED_LIST,
    WHOLE_LISTS,
    Question,
    look_ups,
    questions,
    searches,
)
from catalog_report import CLIENTS, Measured, report
from filmroom.catalog import Catalog
from filmroom.catalog.database import Database
from filmroom.catalog.schema import series
from growth import records
from harness import Context, Section, Server, filmroom, ratio_table, table

_SAMPLE = 40


def _sample(asker: Asker, count: int) -> list[dict[str, Any]]:
    """Return series of many collections, as the API lists them."""
    rows = []
    names = [
        row["Collection"] for row in json.loads(asker.ask(_named("v4/getCollectionValues"), keep=True)[2])
    ]
    generator = random.Random(1)
    for name in generator.sample(names, min(count, len(names))):
        found = json.loads(asker.ask(_named("v1/getPatient", Collection=name), keep=True)[2])
        person = generator.choice(found)["PatientId"]
        series = json.loads(asker.ask(_named("v4/getSeries", PatientID=person), keep=True)[2])
        # A patient of thousands of series is a list, not a look-up.
        rows += [generator.choice(series)] if len(series) < 100 else []
    return rows


def _named(label: str, **parameters: str) -> Question:
    return Question("", "other", label, parameters)


def _variants(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for row in rows:
        for question in look_ups(row):
            found.setdefault(question.what, []).append(question)
    return found


def measure_engine(context: Context, archive: Archive, small: Archive) -> Measured:
    """Measure one engine, with all series and with 10,000."""
    seconds = 0.5 if context.quick else 8.0
    found = Measured()
    with archive.served() as started, small.served() as little:
        asker, little_asker = Asker(started.port), Asker(little.port)
        rows = _sample(asker, _SAMPLE)
        # A collection of middling size; the first of the sample where fewer series are taken.
        body = asker.ask(_named("v4/getSeries", Collection="tcga_luad"), keep=True)[2]
        listed = json.loads(body) if body else rows
        some = [row["SeriesInstanceUID"] for row in listed[:500]]
        share(archive, SHARED_LIST, some)
        asked = questions(listed[0], some)
        variants = _variants(rows)
        for question in asked:
            timing = measure_question(asker, variants.get(question.what, [question]), seconds, 200)
            found.timings[question.what] = timing
        two = list(searches())[:: 5 if context.quick else 1]
        found.timings[two[0].what] = measure_question(asker, two, seconds * 2, 2 * len(two))
        found.plain = _plain(archive, [question for question in asked if question.sql], seconds / 4)
        context.log(f"catalogue, {archive.engine}: whole lists")
        _measure_whole(context, archive, started, asker, found)
        found.slower = _slower(asker, variants, little_asker, _variants(_sample(little_asker, _SAMPLE)))
        context.log(f"catalogue, {archive.engine}: {CLIENTS} clients and an ingest")
        _measure_load(context, archive, started.port, rows, found)
    context.log(f"catalogue, {archive.engine}: text search")
    _measure_text(context, archive, found)
    restrict(archive)
    with archive.served() as started:
        asker = Asker(started.port, token(started.port))
        for question in asked:
            if question.kind in {"values", "filtered values"}:
                found.granted[question.what] = measure_question(asker, [question], seconds, 200)
        found.granted[two[0].what] = measure_question(asker, two, seconds * 2, 2 * len(two))
    return found


def _measure_text(context: Context, archive: Archive, found: Measured) -> None:
    count = min(_count(archive), 2_000 if context.quick else catalog_text.SERIES)
    found.indexed = count, catalog_text.index(archive, count)
    with archive.served() as started:
        asker = Asker(started.port)
        for question in catalog_text.text_questions():
            found.timings[question.what] = measure_question(asker, [question], 1.0, 50)


def _measure_whole(
    context: Context, archive: Archive, started: Server, asker: Asker, found: Measured
) -> None:
    total = _count(archive)
    before = started.peak()
    with _Committer(archive) as committer:
        for question in WHOLE_LISTS[::2] if context.quick else WHOLE_LISTS:
            first, seconds, _, _ = asker.ask(question)
            found.whole[question.what], found.first_byte[question.what] = total / seconds, first
    found.growth = started.peak() - before
    found.commit = committer.worst


def _count(archive: Archive) -> int:
    with contextlib.closing(Database(archive.url)) as database, database.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(series)) or 0)


class _Committer:
    """Commits batches of an ingest in a thread, as long as the block lasts."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._commit)
        self.worst = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _commit(self) -> None:
        numbers = itertools.count(1)
        with Catalog.open(self._archive.url) as catalog:
            while not self._over.wait(0.2):
                batch = records(numbers, 100)
                began = time.perf_counter()
                catalog.commit_batch(None, batch)
                self.worst = max(self.worst, time.perf_counter() - began)


def _plain(archive: Archive, asked: Sequence[Question], seconds: float) -> dict[str, float]:
    """Return the median milliseconds of plain SQL for questions that have some."""
    found = {}
    with contextlib.closing(Database(archive.url)) as database, database.reading() as connection:
        for question in asked:
            runs: list[float] = []
            until = time.perf_counter() + seconds
            while not runs or (len(runs) < 50 and time.perf_counter() < until):
                began = time.perf_counter()
                connection.exec_driver_sql(question.sql.replace("%", "%%")).cursor.fetchall()
                runs.append(time.perf_counter() - began)
            found[question.what] = statistics.median(runs) * 1000
    return found


def _slower(
    large: Asker, of_large: dict[str, list[Question]], small: Asker, of_small: dict[str, list[Question]]
) -> dict[str, float]:
    """Return how many times slower each look-up is with all series than with few; both in turns."""
    found = {}
    for what, variants in of_large.items():
        times: tuple[list[float], list[float]] = ([], [])
        pairs = [(large, variants, times[0]), (small, of_small[what], times[1])]
        for number_ in range(5 * _SAMPLE):
            for asker, which, into in pairs:
                into.append(asker.ask(which[number_ % len(which)])[1])
        found[what] = statistics.median(times[0]) / statistics.median(times[1])
    return found


def _measure_load(
    context: Context, archive: Archive, port: int, rows: Sequence[Mapping[str, Any]], found: Measured
) -> None:
    """Let 64 clients ask while files are ingested; both end with the ingest, or after a while."""
    one = rows[0]
    by_kind: dict[str, list[Question]] = {}
    for row in rows:
        for question in questions(row, [row["SeriesInstanceUID"]]):
            by_kind.setdefault(question.kind, []).append(question)
    values = by_kind["values"] + by_kind["filtered values"]
    some_lists = [_named("v4/getSeries", Collection=row["Collection"]) for row in rows]
    clients: list[tuple[str, Iterator[mixed_load.Request]]] = []
    for index in range(CLIENTS):
        kind, asked = "look-ups", by_kind["look-up"]
        if index % 8 == 1:
            kind, asked = "values and counts", values
        elif index % 16 == 3:
            kind, asked = "lists of a collection", some_lists
        elif index == 0:
            kind, asked = "the whole list", [WHOLE_LISTS[0]]
        shuffled = random.Random(index).sample(asked, len(asked))
        clients.append((kind, ((each.method, each.path, each.form) for each in cycle(shuffled))))
    files = corpus.tiny(context.folder("ingested"), 1_000 if context.quick else 20_000)
    command = filmroom("ingest", files.folder, "--data", archive.data, "--database-url", archive.url)
    command += ["--collection", f"Bench {one['Collection']}"[:40]]
    with tempfile.TemporaryFile() as log:
        ingest = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        began = time.perf_counter()
        most = 20 if context.quick else 90

        def over() -> bool:
            passed = time.perf_counter() - began
            return passed > most or (passed > most / 4 and ingest.poll() is not None)

        try:
            found.load = mixed_load.run(port, clients, over, "Authorization: Bearer undefined\r\n")
            found.load_seconds = time.perf_counter() - began
        finally:
            code = ingest.wait(300)
        if code:
            log.seek(0)
            raise RuntimeError(log.read()[-2000:].decode("utf-8", "replace"))
    found.ingested = (len(files.files), time.perf_counter() - began)


def measure_orthanc(context: Context, program: str) -> dict[str, float]:
    """Return the median milliseconds of what Orthanc can be asked alike, with 10,000 series in it."""
    files = corpus.make(context.folder("orthanc-files"), SMALL, per_series=1, side=8, fillers=0, kind=3)
    with peers.orthanc_server(program, context.folder("orthanc")) as started:
        peers.upload(started, files.files)
        connection = http.client.HTTPConnection("127.0.0.1", started.port)
        found = {}
        for what, level, query in (
            ("one patient", "Patient", {"PatientID": "PATIENT-1000700"}),
            ("series of a patient", "Series", {"PatientID": "PATIENT-1000700"}),
            ("one series", "Series", {"SeriesInstanceUID": files.series[4_321]}),
            ("no such series", "Series", {"SeriesInstanceUID": "1.2.3"}),
            ("all series", "Series", {}),
        ):
            body = json.dumps({"Level": level, "Query": query, "Expand": True})
            runs = []
            for _ in range(3 if what == "all series" else 20):
                began = time.perf_counter()
                connection.request("POST", "/tools/find", body)
                answer = json.loads(connection.getresponse().read())
                runs.append(time.perf_counter() - began)
            assert (len(answer) > 0) is (what != "no such series"), what
            found[what] = statistics.median(runs) * 1000
        return found


def measure(context: Context) -> Section:
    """Measure both engines and Orthanc."""
    section = Section("The catalogue at TCIA's size")
    if not tcia_index.present():
        section.remarks.append(f"Absent: {tcia_index.NEEDED}.")
        return section
    with contextlib.ExitStack() as stack:
        found = {engine: measure_engine(context, *archives) for engine, archives in archives(context, stack)}
    program = peers.orthanc()
    orthanc = {} if program is None else measure_orthanc(context, program)
    if program is None:
        section.remarks.append(f"Absent: {peers.ORTHANC}.")
    report(section, found, orthanc)
    return section


def not_asked() -> list[str]:
    """Return the operations that no question asks, by name; versions of one operation count as one."""
    from filmroom.wire.operations import OPERATIONS

    row: dict[str, str] = dict.fromkeys(
        ("PatientID", "SeriesInstanceUID", "StudyInstanceUID", "Collection", "DataDescriptionURI"), "x"
    )
    asked = {each.label.rpartition("/")[2] for each in (*questions(row, ["x"]), *searches(), *WHOLE_LISTS)}
    names = {operation.name for operation in OPERATIONS if operation.version in {"v1", "v4", ""}}
    return sorted(names - asked - ASKED_ELSEWHERE)


def main() -> None:
    """Measure this section alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("SQLite", "PostgreSQL"))
    parser.add_argument(
        "--keep", type=Path, help="keep the filled SQLite catalogue here, or take it from here"
    )
    parser.add_argument("--series", type=int, help="take so many series of the index only")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if not tcia_index.present():
        sys.exit(f"This measurement needs {tcia_index.NEEDED}.")
    with tempfile.TemporaryDirectory(prefix="filmroom-bench-") as name, contextlib.ExitStack() as stack:
        context = Context(Path(name), options.quick, lambda text: print(text, file=sys.stderr, flush=True))
        section = Section("The catalogue at TCIA's size")
        found = {
            engine: measure_engine(context, *archives)
            for engine, archives in archives(context, stack, options.engine, options.keep, options.series)
        }
        report(section, found, {})
    print(ratio_table(section.ratios), table(section.header, section.figures), *section.remarks, sep="\n\n")
    print("Not asked:", ", ".join(not_asked()))


if __name__ == "__main__":
    main()
