"""A catalogue of TCIA's real size, without images: 1,044,191 series of the package idc-index-data.

The rows are filled in past ingest, with the counts made by the archive's own check. Needs
``pip install idc-index-data pyarrow``. Sources of the data: NCI Imaging Data Commons and TCIA.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.database import Database
from filmroom.catalog.inspection import Inspection
from filmroom.catalog.schema import (
    collection,
    facet,
    patient,
    protection_element,
    protection_group,
    series,
    site,
    study,
)
from filmroom.model.access import PUBLIC_PROTECTION_GROUP

NEEDED = "the series index of IDC (pip install idc-index-data pyarrow)"

_MOMENT = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - the catalogue keeps naive UTC
_ROWS = 20_000
_FILLED = (protection_group, collection, site, protection_element, patient, study, series, facet)
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
    import idc_index_data
    import pyarrow.parquet as pq

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


def present() -> bool:
    """Whether the index is installed."""
    return all(map(importlib.util.find_spec, ("idc_index_data", "pyarrow")))


def fill(url: str, most: int | None = None) -> None:
    """Make a catalogue and fill it with the index, or with its first ``most`` series."""
    Catalog.create(url).close()
    database = Database(url)
    with database.writing() as connection:
        connection.execute(sa.insert(protection_group).values(id=1, name=PUBLIC_PROTECTION_GROUP))

        def put(table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
            connection.execute(sa.insert(table), list(rows))

        filler = Filler(put)
        for row in islice(index_rows(), most):
            filler.add(row)
        filler.flush()
    inspection = Inspection(database)
    for site_id in range(1, 1 + len(Catalog(database).collections())):
        inspection.correct_facets(site_id)
    with database.writing() as connection:
        connection.execute(sa.text("ANALYZE"))
    database.close()


def copy(path: Path, url: str) -> None:
    """Copy a filled SQLite catalogue into an empty one in PostgreSQL; the ids go with the rows."""
    import psycopg

    source, target = Database(f"sqlite:///{path}"), Database(url)
    indexes = [index for table in _FILLED for index in table.indexes]
    with target.writing() as connection:
        for index in indexes:
            index.drop(connection)
    with psycopg.connect(url) as connection:
        for table in _FILLED:
            _copy_table(source, table, connection)
    with target.writing() as connection:
        for index in indexes:
            index.create(connection)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    source.close()
    target.close()


def _copy_table(source: Database, table: sa.Table, connection: Any) -> None:
    names = [column.name for column in table.columns]
    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    with source.reading() as reading, connection.cursor().copy(statement) as target:
        for row in reading.execution_options(yield_per=_ROWS).execute(sa.select(table)):
            target.write_row(row)
    if "id" in names:
        highest = f"SELECT coalesce(max(id), 1) FROM {table.name}"
        connection.execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), ({highest}))")
