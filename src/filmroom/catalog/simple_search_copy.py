"""The columns of simple search, copied from the catalogue and kept in step with it.

Each process keeps one copy. Before every search it asks for the number of the newest change; where that is
newer than its own it reads the patients anew that changed since. So a search never answers from the past.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from filmroom.catalog.database import Database, chunks
from filmroom.catalog.schema import patient, series, study
from filmroom.catalog.schema_search import series_geometry
from filmroom.catalog.simple_search_changes import changed_since, last_change
from filmroom.catalog.simple_search_columns import (
    NO_DAY,
    Holdings,
    Patients,
    Series,
    Vocabulary,
    beginnings,
)
from filmroom.catalog.simple_search_terms import Numbers, Terms
from filmroom.errors import CatalogBusy, CatalogUnreachable
from filmroom.model.access import Visibility
from filmroom.model.search import HUMAN, NO_SEX, NOT_SPECIFIED

_PATIENTS_AT_ONCE = 500
_MOST_WAITING = 5


@dataclass(frozen=True, slots=True)
class _State:
    holdings: Holdings
    number: int
    """The newest change that is surely in it; None of it is missing."""


class Copy:
    """The copy of one process; for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._closed = threading.Event()
        self._state: _State | None = None

    def at(self, number: int) -> Holdings:
        """Return the holdings with every change up to ``number``, and maybe newer ones.

        :raises CatalogUnreachable: when it was closed before everything was read.
        :raises CatalogBusy: when many wait for the first reading already: who asks for something else needs
            the threads.
        """
        state = self._state
        if state is not None and state.number >= number:
            return state.holdings
        if state is not None:
            return self._read_up_to(number)
        if not self._waiting.acquire(blocking=False):
            raise CatalogBusy("Simple search is being prepared.", advice="Try again in a few seconds.")
        try:
            return self._read_up_to(number)
        finally:
            self._waiting.release()

    def _read_up_to(self, number: int) -> Holdings:
        with self._turn:
            state = self._state
            if state is None or state.number < number:
                state = self._state = self._newer(state)
            return state.holdings

    def close(self) -> None:
        """End reading, in whichever thread it goes on."""
        self._closed.set()

    def _newer(self, state: _State | None) -> _State:
        with self._database.reading() as connection:
            # The number first: what is committed meanwhile is read twice rather than missed.
            number = last_change(connection)
            if state is None:
                keys = list(connection.scalars(sa.select(patient.c.id).order_by(patient.c.id)))
            else:
                keys = sorted(changed_since(connection, state.number))
        holdings = state.holdings if state is not None else Holdings.empty()
        patients, rows = [Patients.empty()], [Series.empty()]
        for some in chunks(keys, _PATIENTS_AT_ONCE):
            if self._closed.is_set():
                raise CatalogUnreachable("The server is ending.")
            with self._database.reading() as connection:
                more_patients, more_rows = _read(connection, some, holdings.words)
            patients.append(more_patients)
            rows.append(more_rows)
        return _State(holdings.replaced(keys, Patients.joined(patients), Series.joined(rows)), number)


_ROW = (
    series.c.patient_key,
    series.c.study_key,
    series.c.id,
    series.c.modality,
    series.c.body_part_examined,
    series.c.manufacturer,
    series.c.manufacturer_model_name,
    series.c.software_versions,
    series.c.series_desc,
    series.c.protocol_name,
    study.c.study_desc,
    series_geometry.c.pixel_spacings,
    series_geometry.c.slice_thicknesses,
    study.c.patient_age,
    study.c.longitudinal_event_type,
    study.c.longitudinal_offset,
    series.c.date_released,
    study.c.study_date,
    series.c.third_party_analysis,
    series.c.exclude_commercial,
    patient.c.site_id,
    patient.c.patient_id,
    patient.c.patient_sex,
    patient.c.species_code,
    patient.c.qc_subject,
)


def _series_statement(keys: Sequence[int]) -> sa.Select[Any]:
    """Return the statement for the visible series of some patients, in the order of the columns."""
    return (
        sa.select(*_ROW)
        .select_from(
            series.join(study, study.c.id == series.c.study_key)
            .join(patient, patient.c.id == series.c.patient_key)
            .outerjoin(series_geometry, series_geometry.c.series_key == series.c.id)
        )
        # Written so that no index begins with it: the series are to be found by patient.
        .where(series.c.patient_key.in_(keys), series.c.visibility + 0 == int(Visibility.VISIBLE))
        .order_by(series.c.patient_key, series.c.study_key, series.c.id)
    )


def _read(connection: sa.Connection, keys: Sequence[int], words: Vocabulary) -> tuple[Patients, Series]:
    """Return what some patients have: those that have anything, by key, and their series."""
    rows = connection.execute(_series_statement(keys)).all()
    if not rows:
        return Patients.empty(), Series.empty()
    column = dict(zip((each.name for each in _ROW), zip(*rows, strict=True), strict=True))
    found = Series(
        key=np.asarray(column["id"], np.int64),
        study=np.asarray(column["study_key"], np.int64),
        modality=_texts(words.modality, column["modality"]),
        body_part=_texts(words.body_part, _upper(column["body_part_examined"])),
        manufacturer=_texts(words.manufacturer, column["manufacturer"]),
        model=_texts(words.model, column["manufacturer_model_name"]),
        software=_texts(words.software, column["software_versions"]),
        description=_texts(words.description, column["series_desc"]),
        protocol=_texts(words.description, column["protocol_name"]),
        study_description=_texts(words.description, column["study_desc"]),
        pixel_spacings=_texts(words.geometry, column["pixel_spacings"]),
        slice_thicknesses=_texts(words.geometry, column["slice_thicknesses"]),
        age=_texts(words.age, column["patient_age"]),
        event=_texts(words.event, column["longitudinal_event_type"]),
        offset=np.asarray(column["longitudinal_offset"], np.float64),
        released=_days(column["date_released"]),
        study_date=_days(column["study_date"]),
        third_party=np.asarray([value == "YES" for value in column["third_party_analysis"]], np.bool_),
        restricted=np.asarray(column["exclude_commercial"], np.bool_),
    )
    owner = np.asarray(column["patient_key"], np.int64)
    people, first, place, counts = np.unique(
        owner, return_index=True, return_inverse=True, return_counts=True
    )
    # A study is of one patient, so its first row is one study of the patient of that row.
    dated = found.study_date != NO_DAY
    dates = np.unique((place[dated].astype(np.int64) << 32) | found.study_date[dated])
    chosen = [rows[index] for index in first]
    return (
        Patients(
            key=people,
            site=np.asarray([row.site_id for row in chosen], np.int64),
            subject=words.subject.encode([row.patient_id for row in chosen]),
            sex=words.sex.encode([row.patient_sex or NO_SEX for row in chosen]),
            species=words.species.encode([row.species_code or HUMAN for row in chosen]),
            phantom=np.asarray([(row.qc_subject or "").upper() == "YES" for row in chosen], np.bool_),
            series=counts.astype(np.int32),
            studies=_counts(place[beginnings(found.study)], len(people)),
            study_dates=_counts(dates >> 32, len(people)),
        ),
        found,
    )


def _counts(places: NDArray[np.int64], length: int) -> Numbers:
    return np.bincount(places, minlength=length).astype(np.int32)


def _texts(terms: Terms, values: Sequence[str | None]) -> Numbers:
    return terms.encode([value or "" for value in values])


def _upper(values: Sequence[str | None]) -> list[str]:
    return [value.upper() if value else NOT_SPECIFIED for value in values]


def _days(values: Sequence[dt.date | None]) -> Numbers:
    days = (NO_DAY if value is None else value.toordinal() for value in values)
    return np.fromiter(days, np.int32, len(values))
