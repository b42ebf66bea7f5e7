"""Simple search in a snapshot: the criteria are tried on each series, as the server tries them."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from filmroom.errors import NotOffline
from filmroom.model.search import (
    HUMAN,
    NO_SEX,
    NOT_SPECIFIED,
    FoundPatient,
    FoundStudy,
    Page,
    Range,
    SimpleSearch,
    Summary,
    age_in_years,
    wildcard_pattern,
)

Test = Callable[["_Series"], object]


class _Series(NamedTuple):
    """One series with what its patient and study say."""

    collection: str
    site: str
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    body_part_examined: str
    manufacturer: str
    manufacturer_model_name: str
    software_versions: str
    series_desc: str
    protocol_name: str
    study_desc: str
    pixel_spacing: str
    slice_thickness: str
    patient_age: str
    longitudinal_event_type: str
    longitudinal_offset: float | None
    date_released: str
    study_date: str
    third_party_analysis: str
    patient_sex: str
    species_code: str
    phantom: str

    @property
    def body_part(self) -> str:
        return self.body_part_examined.upper() or NOT_SPECIFIED

    @property
    def species(self) -> str:
        return self.species_code or HUMAN


_FOUND = tuple(FoundPatient.__dataclass_fields__)
_NUMBERS = {"longitudinal_offset"}
_OWNER = ("collection", "site", "patient_id")
_COLUMNS = tuple(name if name in _NUMBERS else f"ifnull({name}, '')" for name in _Series._fields)


@dataclass(slots=True)
class _Found:
    """A patient that matches: its series that do, and the totals of all it has."""

    series: list[_Series]
    total_studies: int
    total_series: int

    @property
    def first(self) -> _Series:
        return self.series[0]

    @property
    def studies(self) -> int:
        return len({each.study_instance_uid for each in self.series})


def find_patients(
    connection: sqlite3.Connection, search: SimpleSearch, page: Page
) -> tuple[list[dict[str, Any]], Summary]:
    """Return the patients of a page as rows with the fields of ``FoundPatient``, and the whole's counts.

    The numbers by which a server knows patients, studies and series are not known here: they are 0.

    :raises NotOffline: for a criterion that only the server can apply.
    """
    counts = _Counts()
    found: list[_Found] = []
    for each in _patients(connection, search):
        counts.add(each)
        found.append(each)
    found.sort(key=_usual)
    found.sort(key=_SORTED[page.sort], reverse=page.descending)
    some = found[page.start : page.start + page.size]
    shown = (_patient(each, by_modality=search.all_modalities) for each in some)
    rows = [{name: getattr(each, name) for name in _FOUND} for each in shown]
    return rows, counts.summary(len(found))


def find_series_uids(connection: sqlite3.Connection, search: SimpleSearch) -> list[str]:
    """Return the UIDs of the series that match, patient by patient. :raises NotOffline: see above."""
    found = sorted(_patients(connection, search), key=_usual)
    return [one.series_instance_uid for each in found for one in each.series]


def _usual(found: _Found) -> tuple[str, ...]:
    first = found.first
    collection, patient = first.collection, first.patient_id
    return collection.upper(), collection, patient.upper(), patient, first.site


_SORTED: dict[str, Callable[[_Found], Any]] = {
    "collection": lambda found: (found.first.collection.upper(), found.first.collection),
    "subject": lambda found: (found.first.patient_id.upper(), found.first.patient_id),
    "study": lambda found: found.studies,
    "series": lambda found: len(found.series),
    "totalNumberOfStudies": lambda found: found.total_studies,
    "totalNumberOfSeries": lambda found: found.total_series,
}


def _patients(connection: sqlite3.Connection, search: SimpleSearch) -> Iterator[_Found]:
    tests = list(_tests(search))
    wanted = [name.upper() for name in search.collections]
    spelled = f"SELECT value FROM spelling WHERE field = 'collection' AND upper IN ({_marks(wanted)})"  # noqa: S608
    where = f"WHERE collection IN ({spelled}) " if wanted else ""
    statement = (
        f"SELECT {', '.join(_COLUMNS)} FROM series {where}"  # noqa: S608 - names of ours
        f"ORDER BY {', '.join(_OWNER)}, study_instance_uid, series_instance_uid"
    )
    rows = map(_Series._make, connection.execute(statement, wanted))
    for _, some in groupby(rows, key=lambda each: each[: len(_OWNER)]):
        series = list(some)
        if not _is_wanted(series, search):
            continue
        matching = [each for each in series if all(test(each) for test in tests)]
        if matching:
            studies = {each.study_instance_uid for each in series}
            yield _Found(matching, len(studies), len(series))


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


# patients ---------------------------------------------------------------------------------------------
def _is_wanted(series: Sequence[_Series], search: SimpleSearch) -> bool:
    """Return whether a patient with these series may be one that is looked for."""
    studies = {each.study_instance_uid for each in series}
    dates = {each.study_date for each in series} - {""}
    if len(studies) <= min(search.more_studies_than, default=0):
        return False
    if len(dates) <= min(search.more_study_dates_than, default=-1):
        return False
    held = {each.modality.upper() for each in series}
    return not search.all_modalities or all(each.upper() in held for each in search.modalities)


# series -----------------------------------------------------------------------------------------------
def _tests(search: SimpleSearch) -> Iterator[Test]:
    """Yield what a series and its patient must pass."""
    if search.commercial_only:
        raise NotOffline(
            "A snapshot does not know which series may be used commercially.",
            advice="Ask the server: leave --offline, or snapshot=, out.",
        )
    for wanted, of in (
        (search.species, lambda each: each.species),
        (search.sexes, lambda each: each.patient_sex or NO_SEX),
        (search.modalities, lambda each: each.modality),
        (search.body_parts, lambda each: each.body_part),
    ):
        if wanted:
            yield _among(wanted, of)
    for named, of in (
        (search.patient_ids, lambda each: each.patient_id),
        (search.study_instance_uids, lambda each: each.study_instance_uid),
        (search.series_instance_uids, lambda each: each.series_instance_uid),
    ):
        if named:
            yield _named(named, of)
    for flags, is_so in (
        (search.phantoms, lambda each: each.phantom.upper() == "YES"),
        (search.third_party, lambda each: each.third_party_analysis == "YES"),
    ):
        if len(set(flags)) == 1:
            yield _is(flags[0], is_so)
    yield from _measured(search)


def _measured(search: SimpleSearch) -> Iterator[Test]:
    if search.equipment:
        yield lambda each: any(
            _same(made.manufacturer, each.manufacturer)
            and _same(made.model, each.manufacturer_model_name)
            and _same(made.software, each.software_versions)
            for made in search.equipment
        )
    if search.released:
        spans = [
            ((span.first or dt.date.min).isoformat(), (span.last or dt.date.max).isoformat())
            for span in search.released
        ]
        yield lambda each: any(first <= each.date_released[:10] <= last for first, last in spans)
    if search.ages:
        is_aged = cache(lambda text: _is_aged(search.ages, text))
        yield lambda each: is_aged(each.patient_age)
    if search.pixel_spacings:
        is_spaced = cache(lambda text: _measures(search.pixel_spacings, text))
        yield lambda each: is_spaced(each.pixel_spacing)
    if search.slice_thicknesses:
        is_thick = cache(lambda text: _measures(search.slice_thicknesses, text))
        yield lambda each: is_thick(each.slice_thickness)
    if search.descriptions:
        tells = cache(_telling(search.descriptions))
        yield lambda each: tells(each.series_desc) or tells(each.protocol_name) or tells(each.study_desc)
    if search.time_points:
        yield (
            lambda each: (
                each.longitudinal_offset is not None
                and any(
                    _same(point.event, each.longitudinal_event_type)
                    and each.longitudinal_offset in point.days
                    for point in search.time_points
                )
            )
        )


def _among(wanted: Iterable[str], of: Callable[[_Series], str]) -> Test:
    folded = {text.upper() for text in wanted}
    return lambda each: of(each).upper() in folded


def _named(names: Iterable[str], of: Callable[[_Series], str]) -> Test:
    fits = re.compile("|".join(f"(?:{wildcard_pattern(name, '.')})" for name in names), re.DOTALL).fullmatch
    return lambda each: fits(of(each).upper())


def _is(wanted: bool, is_so: Callable[[_Series], bool]) -> Test:  # noqa: FBT001 - what is compared
    return lambda each: is_so(each) == wanted


def _same(wanted: str | None, text: str) -> bool:
    return wanted is None or wanted.upper() == text.upper()


def _is_aged(ranges: Sequence[Range], text: str) -> bool:
    try:
        age = age_in_years(text)
    except ValueError:
        return False
    return any(age in each for each in ranges)


def _measures(ranges: Sequence[Range], text: str) -> bool:
    return any(float(part) in each for part in re.findall(r"[-+.\dEe]+", text) for each in ranges)


def _telling(descriptions: Iterable[str]) -> Callable[[str], bool]:
    """Return whether a text has one of some words or ``"phrases in quotes"``, whole words in any case."""
    phrases = []
    for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', " ".join(descriptions).upper()):
        words = re.findall(r"[\w*]+", phrase or word)
        if any(each.strip("*") for each in words):
            phrases.append(r"\W+".join(wildcard_pattern(each, r"\w") for each in words))
    if not phrases:
        return lambda text: False
    told = re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)")
    return lambda text: told.search(text.upper()) is not None


# what is told -----------------------------------------------------------------------------------------
def _patient(found: _Found, *, by_modality: bool) -> FoundPatient:
    series, first = found.series, found.first
    times: dict[str, set[int]] = {}
    for each in series:
        if each.longitudinal_event_type and each.longitudinal_offset is not None:
            times.setdefault(each.longitudinal_event_type, set()).add(int(each.longitudinal_offset))
    studies = (list(some) for _, some in groupby(series, key=lambda each: each.study_instance_uid))
    return FoundPatient(
        id=0,
        patient_id=first.patient_id,
        collection=first.collection,
        species=first.species,
        modalities=tuple(sorted({each.modality for each in series})),
        body_parts=tuple(sorted({each.body_part for each in series})),
        time_points={name: tuple(sorted(days)) for name, days in sorted(times.items())},
        total_studies=found.total_studies,
        total_series=found.total_series,
        studies=tuple(
            # The modality of each series is told where patients that have all of some were looked for.
            FoundStudy(0, (0,) * len(some), tuple(each.modality for each in some) if by_modality else ())
            for some in studies
        ),
    )


class _Counts:
    """Patients per value, and extremes, over a whole result."""

    def __init__(self) -> None:
        self._collections: Counter[str] = Counter()
        self._modalities: Counter[str] = Counter()
        self._body_parts: Counter[str] = Counter()
        self._species: Counter[str] = Counter()
        self._offsets: dict[str, tuple[float, float]] = {}

    def add(self, found: _Found) -> None:
        self._collections[found.first.collection] += 1
        self._species[found.first.species] += 1
        self._modalities.update({each.modality for each in found.series})
        self._body_parts.update({each.body_part for each in found.series})
        for each in found.series:
            offset, event = each.longitudinal_offset, each.longitudinal_event_type
            if event and offset is not None:
                low, high = self._offsets.get(event, (offset, offset))
                self._offsets[event] = min(low, offset), max(high, offset)

    def summary(self, patients: int) -> Summary:
        return Summary(
            patients=patients,
            collections=dict(sorted(self._collections.items())),
            modalities=dict(sorted(self._modalities.items())),
            body_parts=dict(sorted(self._body_parts.items())),
            species=dict(sorted(self._species.items())),
            earliest={name: int(low) for name, (low, _) in sorted(self._offsets.items())},
            latest={name: int(high) for name, (_, high) in sorted(self._offsets.items())},
        )
