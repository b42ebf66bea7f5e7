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


@dataclass(frozen=True, slots=True)
class CountValues:
    """Values of one search field among visible series, with the number of distinct patients of each.

    Rows: ``{column: value, "patients": number}`` by value, the missing one first. ``uppercase`` folds
    values before counting; ``exact_collection`` compares the collection with case.
    """

    column: Literal["collection", "modality", "body_part_examined", "manufacturer", "species_code"]
    collection: str | None = None
    modality: str | None = None
    body_part_examined: str | None = None
    uppercase: bool = False
    exact_collection: bool = False


@dataclass(frozen=True, slots=True)
class FindSeriesRecords:
    """Everything about the visible ones of some series, in the order given; each list on its own.

    A series named twice in one list is one row, in two lists it is two. ``pixel_spacing`` and
    ``slice_thickness`` are the distinct values of the instances, ascending, in millimetres. ``for_review``:
    whoever reviews a ``collection//site`` finds the series there in every state.
    """

    series_instance_uids: tuple[tuple[str, ...], ...]
    for_review: bool = False


@dataclass(frozen=True, slots=True)
class FindRetrieverSeries:
    """What the retriever is told of the visible ones of some series, in the order given, once each."""

    series_instance_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindVisibleSeries:
    """The visible ones of some series, each once, in the order given. Rows: ``series_instance_uid``."""

    series_instance_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindOneInstance:
    """The first catalogued instance of a series, or the one with an internal number.

    Rows: ``series_instance_uid``, ``sop_instance_uid``.
    """

    series_instance_uid: str | None = None
    instance_id: int | None = None


@dataclass(frozen=True, slots=True)
class FindManifestSeries:
    """Visible series of a collection (in its exact case), or of any of some patients, studies or series.

    Rows: ``series_instance_uid``, ascending.
    """

    collection: str | None = None
    patient_ids: tuple[str, ...] = ()
    study_instance_uids: tuple[str, ...] = ()
    series_instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HierarchyDigest:
    """One MD5 over all visible instances of a series, study, patient or collection; the widest one given.

    Above the instances it is the MD5 of the sorted, joined hexadecimal MD5s one level below.
    """

    series_instance_uid: str | None = None
    study_instance_uid: str | None = None
    patient_id: str | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class FindCollections:
    """Collections with visible series and their descriptions, by name; ``collection`` is exact."""

    collection: str | None = None


@dataclass(frozen=True, slots=True)
class FindSites:
    """``collection//site`` pairs with visible series, by name.

    ``of_series``: the pairs of the one collection that these visible series are of; nothing when they are
    of several.
    """

    of_series: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FindLicences:
    """Licences of sites with visible series."""


@dataclass(frozen=True, slots=True)
class FindSpecies:
    """Species of patients with visible series, the default one (human) always among them."""


@dataclass(frozen=True, slots=True)
class FindDescribed:
    """Collections, or series, whose visible series have a description address (a DOI).

    ``description_uri`` None or empty does not filter; else it is exact. Rows: ``collection``,
    ``third_party_analysis`` and, ``per_series``, ``series_instance_uid``.
    """

    description_uri: str | None = None
    per_series: bool = False


@dataclass(frozen=True, slots=True)
class FindEquipment:
    """Distinct manufacturer, model and software versions of visible series; a missing one is empty."""

    collection: str | None = None
    modality: str | None = None
    body_part_examined: str | None = None


@dataclass(frozen=True, slots=True)
class TimePoints:
    """Smallest and largest longitudinal offset in days per event type, over visible studies."""


Query = (
    FindValues
    | FindPatients
    | FindStudies
    | FindSeries
    | SeriesMetadata
    | SeriesSize
    | FindInstances
    | InstanceDigest
    | CountValues
    | FindSeriesRecords
    | FindRetrieverSeries
    | FindVisibleSeries
    | FindManifestSeries
    | FindOneInstance
    | HierarchyDigest
    | FindCollections
    | FindSites
    | FindLicences
    | FindSpecies
    | FindDescribed
    | FindEquipment
    | TimePoints
)
