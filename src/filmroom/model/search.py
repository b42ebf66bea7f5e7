"""Simple search: patients by criteria on their series, in pages, with counts over the whole result.

Source: NBIA's simple search. Within one attribute of :class:`SimpleSearch` any value will do, between
attributes all must hold; texts are compared without regard to case.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HUMAN = "337915000"
"""Species code (SNOMED CT) that a patient without one is taken to have."""
NOT_SPECIFIED = "NOT SPECIFIED"
"""Name of the missing body part."""
NO_SEX = "Null"
"""Name of the missing sex."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; None is no bound."""

    low: float | None = None
    high: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days from ``first`` to ``last``, both included; None is no bound."""

    first: dt.date | None = None
    last: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Equipment:
    """A maker, its model, and its software; None is any, an empty text is a missing value."""

    manufacturer: str
    model: str | None = None
    software: str | None = None


@dataclass(frozen=True, slots=True)
class TimePoint:
    """Days from an event, such as ``DIAGNOSIS``."""

    event: str
    days: Range


@dataclass(frozen=True, slots=True)
class SimpleSearch:
    """What matches. An empty tuple does not filter.

    ``all_modalities``: a patient must have a series of each of ``modalities``. ``body_parts`` may hold
    :data:`NOT_SPECIFIED`, ``sexes`` :data:`NO_SEX`. ``released`` are days of release. ``ages`` are in years,
    ``pixel_spacings`` and ``slice_thicknesses`` in mm: a series matches by any of its instances.
    ``descriptions`` are words or ``"phrases in quotes"`` of a study's or series' description or a protocol;
    there, in ``patient_ids`` and in UIDs ``*`` stands for any characters. ``more_studies_than`` and
    ``more_study_dates_than`` count a patient's visible studies. ``phantoms`` and ``third_party`` hold what
    is wanted: True, False or both.
    """

    collections: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    all_modalities: bool = False
    body_parts: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    released: tuple[Days, ...] = ()
    ages: tuple[Range, ...] = ()
    pixel_spacings: tuple[Range, ...] = ()
    slice_thicknesses: tuple[Range, ...] = ()
    descriptions: tuple[str, ...] = ()
    patient_ids: tuple[str, ...] = ()
    study_instance_uids: tuple[str, ...] = ()
    series_instance_uids: tuple[str, ...] = ()
    more_studies_than: tuple[int, ...] = ()
    more_study_dates_than: tuple[int, ...] = ()
    phantoms: tuple[bool, ...] = ()
    third_party: tuple[bool, ...] = ()
    commercial_only: bool = False
    time_points: tuple[TimePoint, ...] = ()


SortField = Literal["collection", "subject", "study", "series", "totalNumberOfStudies", "totalNumberOfSeries"]


@dataclass(frozen=True, slots=True)
class Page:
    """Which patients of a result: ``size`` of them from ``start`` (0 is the first), in an order.

    ``study`` and ``series`` sort by the numbers that match, ``total…`` by all that the patient has. Among
    equals: by collection, patient ID, and number of the patient.
    """

    start: int = 0
    size: int = 10
    sort: SortField = "collection"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study of a result by its internal number, the matching series by theirs, and their modalities."""

    id: int
    series: tuple[int, ...]
    modalities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundPatient:
    """A patient of a result: what matches, and the totals of what the viewer may see of it.

    ``time_points``: whole days from each kind of event, ascending.
    """

    id: int
    patient_id: str
    collection: str
    species: str
    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
    time_points: Mapping[str, tuple[int, ...]]
    total_studies: int
    total_series: int
    studies: tuple[FoundStudy, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole result: number of patients, patients per value, extremes of the time points in whole days."""

    patients: int
    collections: Mapping[str, int]
    modalities: Mapping[str, int]
    body_parts: Mapping[str, int]
    species: Mapping[str, int]
    earliest: Mapping[str, int]
    latest: Mapping[str, int]


_AGE = re.compile(r"(\d{1,4})([DWMY]?)", re.ASCII | re.IGNORECASE)
_PER_YEAR = {"D": 365.0, "W": 52.0, "M": 12.0, "Y": 1.0, "": 1.0}


def age_in_years(text: str) -> float:
    """Return the years of an age string (DICOM PS3.5, AS): ``056Y``, ``006M``; without a unit: years.

    A year has 12 months, 52 weeks or 365 days (NBIA behaviour).

    :raises ValueError: when the text is no age.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an age: {text!r}")
    return int(match[1]) / _PER_YEAR[match[2].upper()]


def wildcard_pattern(text: str, character: str) -> str:
    """Return the pattern of a text in upper case, in which ``*`` stands for any number of some characters.

    :param character: the pattern of one of them.

    What stands between two ``*`` is taken where it comes first and never looked for again (an atomic group):
    that finds whatever there is, in a time that does not explode with the number of ``*``.
    """
    first, *others = (re.escape(part) for part in re.split(r"\*+", text.upper()))
    if not others:
        return first
    between = "".join(f"(?>{character}*?{part})" for part in others[:-1])
    return f"{first}{between}{character}*{others[-1]}"
