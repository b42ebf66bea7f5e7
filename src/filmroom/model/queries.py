"""What can be asked of an archive: one class per question, used by client and server alike.

An attribute that is ``None`` does not filter; an empty string filters for the empty string and so finds
nothing (NBIA behaviour). Text comparisons ignore case unless a class says otherwise. The names of
attributes are the columns of :mod:`filmroom.model.attributes` wherever there is one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FindValues:
    """Distinct values of one search field among visible series.

    Rows: ``{column: value}`` with ``column`` as given. ``uppercase`` folds values before comparing.
    """

    column: Literal["collection", "modality", "body_part_examined", "manufacturer"]
    collection: str | None = None
    modality: str | None = None
    body_part_examined: str | None = None
    uppercase: bool = False


@dataclass(frozen=True, slots=True)
class FindPatients:
    """Patients with a visible series, one row per patient and collection.

    ``released_since`` keeps those with a series released on or after that day (``released_after``: later
    than that day). ``exact_patient_id`` compares the ID with case.
    """

    collection: str | None = None
    patient_id: str | None = None
    modality: str | None = None
    released_after: dt.date | None = None
    released_since: dt.date | None = None
    exact_patient_id: bool = False


@dataclass(frozen=True, slots=True)
class FindStudies:
    """Studies with a visible series; ``series_count`` counts the visible ones."""

    collection: str | None = None
    patient_id: str | None = None
    study_instance_uid: str | None = None
    released_after: dt.date | None = None
    released_since: dt.date | None = None


@dataclass(frozen=True, slots=True)
class FindSeries:
    """Visible series. ``exact_case`` compares body part, manufacturer and model with case (v1, v2)."""

    collection: str | None = None
    patient_id: str | None = None
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None
    modality: str | None = None
    body_part_examined: str | None = None
    manufacturer: str | None = None
    manufacturer_model_name: str | None = None
    released_after: dt.date | None = None
    exact_case: bool = False


@dataclass(frozen=True, slots=True)
class SeriesMetadata:
    """Everything about one series, for the retriever: scope RETRIEVE."""

    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class SeriesSize:
    """Bytes and number of instances of one series; no row when it is not visible."""

    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class FindInstances:
    """SOP Instance UIDs of one series, in order of acquisition, instance number, UID."""

    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class InstanceDigest:
    """MD5 of one instance; no row when it is not visible."""

    sop_instance_uid: str


Query = (
    FindValues
    | FindPatients
    | FindStudies
    | FindSeries
    | SeriesMetadata
    | SeriesSize
    | FindInstances
    | InstanceDigest
)
