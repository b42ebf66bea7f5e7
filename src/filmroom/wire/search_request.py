"""Simple and text search from the other side: the form that a client sends, and the answers it reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from filmroom.errors import BadAnswer, InvalidInput
from filmroom.model.search import (
    HUMAN,
    Days,
    Equipment,
    FoundPatient,
    FoundStudy,
    Page,
    Range,
    SimpleSearch,
    Summary,
    TimePoint,
)
from filmroom.model.text_search import TextHit
from filmroom.wire.parameters import ParameterKind

T = TypeVar("T")
_JOINT = "||"
_PER_YEAR = (("Y", 1), ("M", 12), ("W", 52), ("D", 365))
_LONGEST_AGE = 9999

# Attributes of a search whose values are texts or numbers, and the criterion of each.
_VALUES: dict[str, str] = {
    "collections": "CollectionCriteria",
    "species": "SpeciesCriteria",
    "modalities": "ImageModalityCriteria",
    "body_parts": "AnatomicalSiteCriteria",
    "sexes": "PatientSexCriteria",
    "descriptions": "DescriptionCriteria",
    "patient_ids": "PatientCriteria",
    "study_instance_uids": "StudyCriteria",
    "series_instance_uids": "SeriesCriteria",
    "more_studies_than": "MinNumberOfStudiesCriteria",
    "more_study_dates_than": "MinNumberOfStudyDatesCriteria",
}
_RANGES: dict[str, str] = {
    "ages": "PatientAgeRangeCriteria",
    "pixel_spacings": "PixelSpacingRangeCriteria",
    "slice_thicknesses": "SliceThicknessRangeCriteria",
}
_EQUIPMENT = ("ManufacturerCriteria", "ModelCriteria", "SoftwareVersionCriteria")


# the form -------------------------------------------------------------------------------------------
def write_search(search: SimpleSearch, version: str) -> dict[str, str]:
    """Return the fields of a search, numbered.

    :param version: ``v4`` writes dates as ``MM-dd-yyyy``, the others as ``dd/MM/yyyy``.
    :raises InvalidInput: for what a form cannot say, and for a text where several belong.
    """
    form: dict[str, str] = {}
    for number, (name, fields) in enumerate(_criteria(search, version)):
        form[f"criteriaType{number}"] = name
        form |= {f"{field}{number}": text for field, text in fields.items()}
    return form


def write_page(page: Page) -> dict[str, str]:
    """Return the fields that name a page. :raises InvalidInput: when there is no such page."""
    if page.start < 0 or page.size < 0:
        raise InvalidInput("A page starts at 0 or later, and its size is not negative.")
    return {
        "start": str(page.start),
        "size": str(page.size),
        "sortField": page.sort,
        "sortDirection": "descending" if page.descending else "ascending",
        "tool": "filmroom",
    }


def _criteria(search: SimpleSearch, version: str) -> Iterator[tuple[str, dict[str, str]]]:
    for attribute, name in _VALUES.items():
        for value in _several(search, attribute):
            yield name, {"value": str(value)}
    for equipment in _several(search, "equipment"):
        yield _of_equipment(equipment)
    for days in _several(search, "released"):
        yield "DateRangeCriteria", _dates(days, version)
    for attribute, name in _RANGES.items():
        for bounds in _several(search, attribute):
            yield name, _bounds(bounds, ("from", "to"), _age if attribute == "ages" else repr)
    for point in _several(search, "time_points"):
        yield "TimePointCriteria", _time_point(point)
    for phantom in _several(search, "phantoms"):
        yield "PhantomCriteria", {"value": "2" if phantom else "1"}
    for third_party in _several(search, "third_party"):
        yield "ThirdPartyAnalysis", {"value": "YES" if third_party else "NO"}
    if search.all_modalities:
        yield "ModalityAndedSearchCriteria", {"value": "all"}
    if search.commercial_only:
        yield "ExcludeCommercialCriteria", {"value": "YES"}


def _several(search: SimpleSearch, attribute: str) -> Sequence[Any]:
    values: Sequence[Any] = getattr(search, attribute)
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidInput(f"{attribute} holds several values: write ({values!r},).")
    return values


def _of_equipment(equipment: Equipment) -> tuple[str, dict[str, str]]:
    parts = [equipment.manufacturer, equipment.model, equipment.software]
    told = [part for part in parts if part is not None]
    if parts[: len(told)] != told or any(_JOINT in part for part in told[:-1]):
        raise InvalidInput(f"A search cannot be for {equipment}.")
    return _EQUIPMENT[len(told) - 1], {"value": _JOINT.join(told)}


def _dates(days: Days, version: str) -> dict[str, str]:
    kind = ParameterKind.DATE_MDY if version == "v4" else ParameterKind.DATE_DMY
    # A bound that is missing is written all the same: servers of NBIA want both.
    first, last = days.first or dt.date(1900, 1, 1), days.last or dt.date(9999, 12, 31)
    if days.first is None and days.last is None:
        raise InvalidInput("A range of days needs a first or a last one.")
    return {"fromDate": kind.form.write(first), "toDate": kind.form.write(last)}


def _bounds(bounds: Range, names: tuple[str, str], write: Any) -> dict[str, str]:
    if bounds.low is None and bounds.high is None:
        raise InvalidInput("A range needs a lower or an upper bound.")
    pairs = zip(names, (bounds.low, bounds.high), strict=True)
    return {name: write(value) for name, value in pairs if value is not None}


def _age(years: float) -> str:
    for unit, per_year in _PER_YEAR:
        number = round(years * per_year)
        if abs(number / per_year - years) < 1e-9 and 0 <= number <= _LONGEST_AGE:
            return f"{number:03}{unit}"
    raise InvalidInput(f"An age is in whole years, months, weeks or days, not {years} years.")


def _time_point(point: TimePoint) -> dict[str, str]:
    return {"eventType": point.event, **_bounds(point.days, ("fromDay", "toDay"), lambda day: str(int(day)))}


# the answers ----------------------------------------------------------------------------------------
class _SeriesAndModality(msgspec.Struct, rename="camel"):
    series_id: int
    modality: str | None = None


class _Study(msgspec.Struct, rename="camel"):
    series_identifiers: tuple[int, ...] = ()
    study_identifier: int = 0
    series_and_modality: tuple[_SeriesAndModality, ...] = ()


class _Patient(msgspec.Struct, rename="camel"):
    subject_id: str
    project: str
    id: int = 0
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    species: tuple[str | None, ...] = ()
    timepoints: dict[str, tuple[int, ...]] = {}
    total_number_of_studies: int = 0
    total_number_of_series: int = 0
    study_identifiers: tuple[_Study, ...] = ()
    hit: str = ""


class _Count(msgspec.Struct):
    count: int
    value: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    result_set: list[dict[str, Any]] = []
    total_patients: int = 0
    body_parts: tuple[_Count, ...] = ()
    modalities: tuple[_Count, ...] = ()
    collections: tuple[_Count, ...] = ()
    species: tuple[_Count, ...] = ()
    max_timepoints: dict[str, int] = {}
    min_timepoints: dict[str, int] = {}


_KNOWN = frozenset(_Patient.__struct_encode_fields__)
Row = dict[str, Any]


def read_search_answer(content: bytes) -> tuple[list[Row], Summary]:
    """Return the patients of a page as rows with the fields of :class:`FoundPatient`, and the whole's counts.

    What the answer says beyond them is in the rows under its own names.

    :raises BadAnswer: when it is no such answer.
    """
    answer = _decoded(content, _Answer)
    summary = Summary(
        answer.total_patients,
        collections=_counts(answer.collections),
        modalities=_counts(answer.modalities),
        body_parts=_counts(answer.body_parts),
        species=_counts(answer.species),
        earliest=answer.min_timepoints,
        latest=answer.max_timepoints,
    )
    return [_found(row) for row in answer.result_set], summary


def read_text_answer(content: bytes) -> tuple[list[Row], int]:
    """Return the patients of a page as rows with the fields of :class:`TextHit`, and the number of all.

    :raises BadAnswer: when it is no such answer.
    """
    answer = _decoded(content, _Answer)
    return [_hit(row) for row in answer.result_set], answer.total_patients


def _found(row: Row) -> Row:
    patient = _patient(row)
    values = FoundPatient(
        id=patient.id,
        patient_id=patient.subject_id,
        collection=patient.project,
        species=next((code for code in patient.species if code), HUMAN),
        modalities=patient.modalities,
        body_parts=patient.body_parts,
        time_points=patient.timepoints,
        total_studies=patient.total_number_of_studies,
        total_series=patient.total_number_of_series,
        studies=tuple(map(_study, patient.study_identifiers)),
    )
    return _row(values, row)


def _hit(row: Row) -> Row:
    patient = _patient(row)
    studies = tuple(map(_study, patient.study_identifiers))
    return _row(TextHit(patient.id, patient.subject_id, patient.project, studies, patient.hit), row)


def _row(values: FoundPatient | TextHit, row: Row) -> Row:
    known = {name: getattr(values, name) for name in values.__dataclass_fields__}
    return known | {name: value for name, value in row.items() if name not in _KNOWN and name not in known}


def _study(study: _Study) -> FoundStudy:
    pairs = {each.series_id: each.modality or "" for each in study.series_and_modality}
    modalities = tuple(pairs.get(key, "") for key in study.series_identifiers) if pairs else ()
    return FoundStudy(study.study_identifier, study.series_identifiers, modalities)


def _counts(counts: Sequence[_Count]) -> Mapping[str, int]:
    return {each.value or "": each.count for each in counts}


def _patient(row: Row) -> _Patient:
    try:
        return msgspec.convert({name: value for name, value in row.items() if value is not None}, _Patient)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"The server's answer holds no patient: {error}.") from None


def _decoded(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's answer is no result of a search: {error}.") from None
