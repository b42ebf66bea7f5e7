"""Several processes that commit overlapping batches at the same time: nothing doubled, every count exact."""

from __future__ import annotations

import importlib.util
import itertools
import multiprocessing
import random
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import facet, instance, patient, series, study

PROCESSES = 4
BATCHES = 12
PEOPLE = 5


def _neighbour(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"catalog_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _batch(make: Any, chance: random.Random, writer: int) -> list[Any]:
    """Instances out of a small world, so that every writer meets the others at every level."""
    batch = []
    for _ in range(30):
        person, number, slice_ = chance.randrange(PEOPLE), chance.randrange(3), chance.randrange(12)
        wrong = chance.random() < 0.05
        batch.append(
            make(
                f"9.{person}.{number}.{slice_}",
                series=f"5.{person}.{number}",
                study=f"6.{person}",
                patient=f"P{person}",
                collection=f"C{person % 2}",
                modality="CT" if number else "MR",
                body_part_examined="CHEST" if person else None,
                content=b"other" if wrong else b"same",
                key=f"w{writer}/{chance.getrandbits(60):x}",
            )
        )
        if wrong:
            # Other bytes under a UID that may be taken: which of the two is first is up to the race.
            object.__setattr__(batch[-1].instance, "sha256", bytes(32))
    return batch


def _write(url: str, writer: int, start: Any, answers: Any) -> None:
    make = _neighbour("conftest").maker.__wrapped__()
    chance = random.Random(writer)
    outcomes: list[tuple[str, str]] = []
    with Catalog.open(url) as catalog:
        start.wait()
        for _ in range(BATCHES):
            for item, outcome in zip(
                batch := _batch(make, chance, writer), catalog.commit_batch(None, batch), strict=True
            ):
                outcomes.append((outcome.outcome, item.location.key))
    answers.put(outcomes)


def test_processes_that_write_at_once(url: str) -> None:
    Catalog.create(url).close()
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(PROCESSES), context.Queue()
    writers = [
        context.Process(target=_write, args=(url, number, start, answers)) for number in range(PROCESSES)
    ]
    for writer in writers:
        writer.start()
    outcomes = list(itertools.chain.from_iterable(answers.get(timeout=120) for _ in writers))
    for writer in writers:
        writer.join(timeout=60)
        assert writer.exitcode == 0
    with Catalog.open(url) as catalog, catalog._database.reading() as connection:

        def every(*columns: Any) -> list[Any]:
            return [tuple(row) for row in connection.execute(sa.select(*columns))]

        counted = Counter(outcome for outcome, _ in outcomes)
        assert counted.total() == PROCESSES * BATCHES * 30
        assert set(counted) == {"stored", "present", "quarantined"}
        uids = every(instance.c.uid_digest)
        assert len(uids) == len(set(uids)) == counted["stored"] == catalog.counts()["instances"]
        for table in (patient, study, series):
            assert (
                len(every(table.c.id))
                == {"patient": PEOPLE, "study": PEOPLE, "series": PEOPLE * 3}[table.name]
            )
        kept = {tuple(row[:6]): (row[6], row[7]) for row in every(facet)}
        assert kept == _neighbour("test_write").recount(catalog)
        sums = (
            sa.select(instance.c.series_key, sa.func.count(), sa.func.sum(instance.c.size))
            .group_by(instance.c.series_key)
            .order_by(instance.c.series_key)
        )
        totals = sa.select(series.c.id, series.c.image_count, series.c.file_size).order_by(series.c.id)
        assert [(key, count, int(size)) for key, count, size in connection.execute(sums)] == [
            tuple(row) for row in connection.execute(totals)
        ]
        # What was told to be stored is what is referred to; everything else may be deleted.
        stored = {key for outcome, key in outcomes if outcome == "stored"}
    with Catalog.open(url) as catalog:
        kept_for_people = {item.location.key for item in catalog.quarantine() if item.location is not None}
        unused = set(catalog.unreferenced([key for _, key in outcomes]))
        assert unused == {key for _, key in outcomes} - stored - kept_for_people
