"""Every read of the catalogue at the size of TCIA: 1,044,191 real series of the package idc-index-data.

    python bench/catalog.py [--engine sqlite|postgresql] [--keep FILE]

The rows are filled in past ingest, with the facets counted by the archive's own check. Needs
``pip install idc-index-data pyarrow``. Sources of the data: NCI Imaging Data Commons and TCIA.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.database import Database
from filmroom.catalog.inspection import Inspection
from filmroom.catalog.schema import (
    collection,
    metadata,
    patient,
    protection_element,
    protection_group,
    series,
    site,
    study,
)
from filmroom.model import queries as q
from filmroom.model.access import PUBLIC_PROTECTION_GROUP, VisibleSet

_MOMENT = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - the catalogue keeps naive UTC
_ROWS = 20_000
Put = Callable[[sa.Table, Sequence[dict[str, Any]]], None]


def day(text: str | None) -> dt.date | None:
    """Return a date of the index, None where it has none."""
    with contextlib.suppress(ValueError, TypeError):
        return dt.date.fromisoformat(str(text))
    return None


def number(text: str | None) -> float | None:
    """Return a number of the index, None where it has none."""
    with contextlib.suppress(ValueError, TypeError):
        return float(str(text))
    return None


def cleaned(text: Any, length: int) -> str | None:
    """Return text as ingest would keep it."""
    return str(text).replace("\0", "").strip()[:length] or None if text is not None else None


def index_rows() -> Iterator[dict[str, Any]]:
    """Yield the index, one dictionary per series."""
    try:
        import idc_index_data
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        sys.exit("This measurement needs: pip install idc-index-data pyarrow")
    for batch in pq.ParquetFile(idc_index_data.IDC_INDEX_PARQUET_FILEPATH).iter_batches(_ROWS):
        yield from batch.to_pylist()


class Filler:
    """Turns index rows into rows of the tables, parents before children."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._sites: dict[str, int] = {}
        self._patients: dict[tuple[int, str], int] = {}
        self._studies: dict[str, tuple[int, int]] = {}
        self._waiting: dict[sa.Table, list[dict[str, Any]]] = {
            table: [] for table in (collection, site, protection_element, patient, study, series)
        }
        self._count = 0

    def add(self, row: dict[str, Any]) -> None:
        """Add one series with whatever it is the first of."""
        site_id = self._site(row["collection_id"])
        key = (site_id, row["PatientID"])
        patient_key = self._patients.get(key)
        if patient_key is None:
            patient_key = self._patients[key] = len(self._patients) + 1
            name, sex = cleaned(row["PatientID"], 64), cleaned(row["PatientSex"], 16)
            values = {"patient_id": name, "patient_name": name, "patient_sex": sex}
            self._waiting[patient].append({"id": patient_key, "site_id": site_id, **values})
        # One study of the index belongs to two patients; it stays with the first, as at ingest.
        known = self._studies.get(row["StudyInstanceUID"])
        if known is None:
            known = self._studies[row["StudyInstanceUID"]] = (len(self._studies) + 1, patient_key)
            self._waiting[study].append(
                {
                    "id": known[0],
                    "patient_key": patient_key,
                    "study_instance_uid": row["StudyInstanceUID"],
                    "study_date": day(row["StudyDate"]),
                    "study_desc": cleaned(row["StudyDescription"], 64),
                    "patient_age": cleaned(row["PatientAge"], 4),
                }
            )
        self._count += 1
        self._waiting[series].append(self._series(row, site_id, *known))
        if len(self._waiting[series]) >= _ROWS:
            self.flush()

    def _series(self, row: dict[str, Any], site_id: int, study_key: int, patient_key: int) -> dict[str, Any]:
        moment = _MOMENT - dt.timedelta(minutes=self._count)
        return {
            "id": self._count,
            "study_key": study_key,
            "patient_key": patient_key,
            "site_id": site_id,
            "series_instance_uid": row["SeriesInstanceUID"],
            "modality": cleaned(row["Modality"], 16) or "OT",
            "series_date": day(row["SeriesDate"]),
            "series_desc": cleaned(row["SeriesDescription"], 64),
            "body_part_examined": cleaned(row["BodyPartExamined"], 16),
            "series_number": number(row["SeriesNumber"]),
            "manufacturer": cleaned(row["Manufacturer"], 64),
            "manufacturer_model_name": cleaned(row["ManufacturerModelName"], 64),
            "visibility": 1,
            "released_status": "Yes",
            "date_released": moment,
            "max_submission_timestamp": moment,
            "annotation_size": 0,
            "third_party_analysis": "YES" if row["analysis_result_id"] else "NO",
            "description_uri": f"https://doi.org/{row['source_DOI']}",
            "licence_name": row["license_short_name"],
            "licence_url": "https://creativecommons.org/licenses/by/4.0/",
            "exclude_commercial": "NC" in (row["license_short_name"] or ""),
            "image_count": row["instanceCount"],
            "file_size": round((row["series_size_MB"] or 0) * 1_000_000),
        }

    def _site(self, name: str) -> int:
        if name not in self._sites:
            made = self._sites[name] = len(self._sites) + 1
            about = {"id": made, "name": name, "third_party_analysis": False}
            self._waiting[collection].append({**about, "created": _MOMENT, "changed": _MOMENT})
            self._waiting[site].append({"id": made, "collection_id": made, "name": name[:40]})
            self._waiting[protection_element].append({"protection_group_id": 1, "site_id": made})
        return self._sites[name]

    def flush(self) -> None:
        """Write what waits."""
        for table, rows in self._waiting.items():
            if rows:
                self._put(table, rows)
                rows.clear()


def fill(url: str) -> None:
    """Fill an empty catalogue with the index and count its facets."""
    database = Database(url)
    with database.writing() as connection:
        connection.execute(sa.insert(protection_group).values(id=1, name=PUBLIC_PROTECTION_GROUP))

        def put(table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
            connection.execute(sa.insert(table), list(rows))

        filler = Filler(put)
        for row in index_rows():
            filler.add(row)
        filler.flush()
    inspection = Inspection(database)
    for site_id in range(1, 1 + len(Catalog(database).collections())):
        inspection.correct_facets(site_id)
    with database.writing() as connection:
        connection.execute(sa.text("ANALYZE"))
    database.close()


def _first(catalog: Catalog, query: q.Query) -> Any:
    return next(catalog.rows(query, VisibleSet()))[0]


def questions(catalog: Catalog) -> list[tuple[str, q.Query]]:
    """Return what is asked: each operation unfiltered and by its usual filters."""
    one = _first(catalog, q.FindSeries(collection="tcga_luad", modality="CT"))
    person, uid = one["patient_id"], one["series_instance_uid"]
    return [
        ("collections", q.FindValues("collection")),
        ("modalities", q.FindValues("modality")),
        ("body parts", q.FindValues("body_part_examined", uppercase=True)),
        ("manufacturers", q.FindValues("manufacturer")),
        ("modalities of a collection", q.FindValues("modality", collection="nlst")),
        ("body parts of a modality", q.FindValues("body_part_examined", modality="MR")),
        (
            "manufacturers by all filters",
            q.FindValues("manufacturer", collection="nlst", modality="CT", body_part_examined="chest"),
        ),
        ("patients of a collection", q.FindPatients(collection="tcga_luad")),
        ("patients by collection and modality", q.FindPatients(collection="nlst", modality="CT")),
        (
            "new patients of a collection",
            q.FindPatients(collection="nlst", released_after=dt.date(2025, 6, 1)),
        ),
        ("one patient", q.FindPatients(patient_id=person)),
        ("studies of a patient", q.FindStudies(patient_id=person)),
        ("studies of a collection", q.FindStudies(collection="tcga_luad")),
        ("new studies of a collection", q.FindStudies(collection="nlst", released_after=dt.date(2025, 6, 1))),
        ("series of a patient", q.FindSeries(patient_id=person)),
        ("series of a patient and collection", q.FindSeries(patient_id=person, collection="tcga_luad")),
        ("series of a study", q.FindSeries(study_instance_uid=one["study_instance_uid"])),
        ("one series", q.FindSeries(series_instance_uid=uid)),
        ("series of a collection", q.FindSeries(collection="lidc_idri")),
        ("series by collection and modality", q.FindSeries(collection="tcga_luad", modality="CT")),
        ("series by body part", q.FindSeries(body_part_examined="PROSTATE", modality="MR")),
        ("series by model", q.FindSeries(manufacturer_model_name="Sensation 16", modality="CT")),
        ("updated series of a day", q.FindSeries(released_after=dt.date(2025, 12, 31))),
        ("series metadata", q.SeriesMetadata(uid)),
        ("series size", q.SeriesSize(uid)),
        ("no such series", q.FindSeries(series_instance_uid="1.2.3")),
        ("no such patient", q.FindSeries(patient_id="nobody")),
        ("all series of the largest collection", q.FindSeries(collection="nlst")),
        ("all series", q.FindSeries()),
    ]


def ask(catalog: Catalog, query: q.Query) -> tuple[float, float, int]:
    """Ask once; return milliseconds to the first page, to the end, and the number of rows."""
    began = time.perf_counter()
    first = count = 0
    for page in catalog.rows(query, VisibleSet()):
        first = first or time.perf_counter() - began
        count += len(page)
    total = time.perf_counter() - began
    return (first or total) * 1000, total * 1000, count


def measure(url: str) -> None:
    """Print a line per question: medians of up to 20 runs within 10 s."""
    with Catalog.open(url) as catalog:
        print(f"{'question':40} {'rows':>9} {'first page ms':>14} {'all ms':>10} {'p95 ms':>9}")
        for name, query in questions(catalog):
            ask(catalog, query)
            runs: list[tuple[float, float, int]] = []
            until = time.perf_counter() + 10
            while len(runs) < 20 and (not runs or time.perf_counter() < until):
                runs.append(ask(catalog, query))
            firsts, totals = [run[0] for run in runs], sorted(run[1] for run in runs)
            p95 = totals[min(len(totals) - 1, int(len(totals) * 0.95))]
            print(
                f"{name:40} {runs[0][2]:>9,} {statistics.median(firsts):>14.2f} "
                f"{statistics.median(totals):>10.2f} {p95:>9.2f}",
                flush=True,
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process, filling included: {peak} MiB")


@contextlib.contextmanager
def empty_catalogue(engine: str, keep: Path | None) -> Iterator[tuple[str, bool]]:
    """Give the address of a catalogue and whether it is filled already."""
    if engine == "postgresql":
        from filmroom.testing.services import running_postgres

        with running_postgres() as server, server.database() as url:
            yield url, False
        return
    with tempfile.TemporaryDirectory() as folder:
        path = keep or Path(folder) / "catalog.sqlite"
        filled = path.exists()
        url = f"sqlite:///{path.absolute()}"
        Catalog.create(url).close()
        yield url, filled


def main() -> None:
    """Fill and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--keep", type=Path, help="keep the SQLite catalogue here and use it again")
    options = parser.parse_args()
    with empty_catalogue(options.engine, options.keep) as (url, filled):
        if not filled:
            began = time.perf_counter()
            fill(url)
            print(f"filled in {time.perf_counter() - began:.0f} s ({len(metadata.tables)} tables)")
        measure(url)


if __name__ == "__main__":
    main()
