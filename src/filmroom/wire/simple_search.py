"""Simple search on the wire: the numbered fields of its form, and its answer. Source: NBIA API guide.

A criterion is a field ``criteriaType0`` with what belongs to it: ``value0`` and others of the same number.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, get_args

import msgspec

from filmroom.errors import InvalidInput
from filmroom.model.search import (
    Days,
    Equipment,
    FoundPatient,
    FoundStudy,
    Page,
    Range,
    SimpleSearch,
    SortField,
    Summary,
    TimePoint,
    age_in_years,
)
from filmroom.wire.dates import parse_mdy

DATE_ALIAS = "Criteria.DateRange"
"""What clients send for a range of days; NBIA does not know the name and leaves the criterion out."""

_MOST_CRITERIA = 10_000
_MOST_LOOKS = 100
_MOST_WILDCARDS = 20
_JOINT = "||"

Field = Callable[[str], str | None]
"""Gives the text of a criterion's field by its name without the number."""


@dataclass(frozen=True, slots=True)
class _Criterion:
    """How one type of criterion is read.

    :ivar attribute: of :class:`SimpleSearch`. :ivar read: returns what is added to it, None for nothing.
    :ivar cost: how often such a value takes a look at every series.
    """

    attribute: str
    read: Callable[[Field], Any]
    cost: Callable[[Any], int] = lambda _value: 0


def _one_look(_value: Any) -> int:
    return 1


def _words(description: str) -> int:
    return len(re.findall(r"\w+", description))


def _value(field: Field) -> str:
    text = field("value")
    if text is None:
        raise InvalidInput("A criterion has no value.")
    return text


def _one_of(choices: Mapping[str, Any]) -> Callable[[Field], Any]:
    def read(field: Field) -> Any:
        return choices.get(_value(field).strip().upper())

    return read


def _number(field: Field) -> int:
    return _whole(_value(field))


def _whole(text: str) -> int:
    try:
        number = int(text.strip())
    except ValueError:
        raise InvalidInput(f"A whole number is needed, not {text[:40]!r}.") from None
    # What no archive can hold compares like the end of what it can.
    return max(min(number, 2**31 - 1), -(2**31))


def _equipment(field: Field) -> Equipment:
    return Equipment(_value(field))


def _model(field: Field) -> Equipment:
    manufacturer, joint, model = _value(field).partition(_JOINT)
    if not joint:
        raise InvalidInput("A model is written as manufacturer||model.")
    return Equipment(manufacturer, model)


def _software(field: Field) -> Equipment:
    parts = _value(field).split(_JOINT, 2)
    if len(parts) < 3:
        raise InvalidInput("A software version is written as manufacturer||model||version.")
    return Equipment(*parts)


def _bounds(field: Field, names: tuple[str, str], read: Callable[[str], Any]) -> list[Any]:
    """Return two bounds, None for one that is absent or empty."""
    texts = [(field(name) or "").strip() for name in names]
    if not any(texts):
        raise InvalidInput(f"A range needs {' or '.join(names)}.")
    try:
        return [read(text) if text else None for text in texts]
    except ValueError:
        raise InvalidInput(f"The range from {texts[0][:40]!r} to {texts[1][:40]!r} cannot be read.") from None


def _range_of(read: Callable[[str], float]) -> Callable[[Field], Range]:
    return lambda field: Range(*_bounds(field, ("from", "to"), read))


def _decimal(text: str) -> float:
    number = float(text)
    if number != number:  # noqa: PLR0124 - not a number, which compares with nothing
        raise ValueError(text)
    return number


def _time_point(field: Field) -> TimePoint:
    event = field("eventType")
    if not event:
        raise InvalidInput("A time point needs an eventType.")
    return TimePoint(event, Range(*_bounds(field, ("fromDay", "toDay"), _whole)))


def _days(read: Callable[[str], dt.date]) -> Callable[[Field], Days]:
    return lambda field: Days(*_bounds(field, ("fromDate", "toDate"), read))


def _parse_dmy(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no zone


_CRITERIA: dict[str, _Criterion] = {
    "CollectionCriteria": _Criterion("collections", _value),
    "SpeciesCriteria": _Criterion("species", _value),
    "ImageModalityCriteria": _Criterion("modalities", _value),
    "ModalityAndedSearchCriteria": _Criterion("all_modalities", lambda field: _value(field) == "all" or None),
    "AnatomicalSiteCriteria": _Criterion("body_parts", _value),
    "PatientSexCriteria": _Criterion("sexes", _value),
    "ManufacturerCriteria": _Criterion("equipment", _equipment, _one_look),
    "ModelCriteria": _Criterion("equipment", _model, _one_look),
    "SoftwareVersionCriteria": _Criterion("equipment", _software, _one_look),
    "DateRangeCriteria": _Criterion("released", _days(_parse_dmy), _one_look),
    "PatientAgeRangeCriteria": _Criterion("ages", _range_of(age_in_years), _one_look),
    "PixelSpacingRangeCriteria": _Criterion("pixel_spacings", _range_of(_decimal), _one_look),
    "SliceThicknessRangeCriteria": _Criterion("slice_thicknesses", _range_of(_decimal), _one_look),
    "DescriptionCriteria": _Criterion("descriptions", _value, _words),
    "PatientCriteria": _Criterion("patient_ids", _value),
    "StudyCriteria": _Criterion("study_instance_uids", _value),
    "SeriesCriteria": _Criterion("series_instance_uids", _value),
    "MinNumberOfStudiesCriteria": _Criterion("more_studies_than", _number),
    "MinNumberOfStudyDatesCriteria": _Criterion("more_study_dates_than", _number),
    "PhantomCriteria": _Criterion("phantoms", _one_of({"2": True, "1": False})),
    "ThirdPartyAnalysis": _Criterion("third_party", _one_of({"YES": True, "NO": False})),
    "ExcludeCommercialCriteria": _Criterion("commercial_only", _one_of({"YES": True})),
    "TimePointCriteria": _Criterion("time_points", _time_point, _one_look),
}
CRITERIA = tuple(_CRITERIA)
"""The types of criteria, as the wire names them."""

_V4 = {
    "BodyPartExaminedCriteria": _CRITERIA["AnatomicalSiteCriteria"],
    "DateRangeCriteria": _Criterion("released", _days(parse_mdy), _one_look),
}


def _types(version: str, *, date_alias: bool) -> dict[str, _Criterion]:
    """Return the criteria of a version by name in lower case."""
    found = _CRITERIA | (_V4 if version == "v4" else {})
    if date_alias:
        found[DATE_ALIAS] = found["DateRangeCriteria"]
    return {name.lower(): criterion for name, criterion in found.items()}


def read_search(form: Mapping[str, str], version: str, *, date_alias: bool = True) -> SimpleSearch:
    """Return what a form asks for. Criteria are read up to the first number that is missing.

    :param form: the first value of each field. :param version: ``v4`` writes dates as ``MM-dd-yyyy``, the
        others as ``dd/MM/yyyy``. :param date_alias: whether :data:`DATE_ALIAS` is a range of days.
    :raises InvalidInput: when a criterion cannot be read, or there are too many.
    """
    types = _types(version, date_alias=date_alias)
    found: dict[str, dict[Any, None]] = {}
    looks = wildcards = 0
    for number in count():
        name = form.get(f"criteriaType{number}")
        if name is None:
            break
        if number >= _MOST_CRITERIA:
            raise InvalidInput(f"A search has at most {_MOST_CRITERIA:,} criteria.")
        criterion = types.get(name.lower())
        if criterion is None:
            continue  # NBIA behaviour
        value = criterion.read(partial(_field, form, number))
        if value is None or value in found.setdefault(criterion.attribute, {}):
            continue
        found[criterion.attribute][value] = None
        looks += criterion.cost(value)
        wildcards += len(re.findall(r"\*+", value)) if isinstance(value, str) else 0
        if looks > _MOST_LOOKS:
            raise InvalidInput(f"A search has at most {_MOST_LOOKS} ranges, makers and words.")
        if wildcards > _MOST_WILDCARDS:
            raise InvalidInput(f"A search has at most {_MOST_WILDCARDS} times *.")
    return _search(found)


def _field(form: Mapping[str, str], number: int, name: str) -> str | None:
    return form.get(f"{name}{number}")


def _search(found: dict[str, dict[Any, None]]) -> SimpleSearch:
    values: dict[str, Any] = {name: tuple(some) for name, some in found.items()}
    for switch in ("all_modalities", "commercial_only"):
        values[switch] = bool(values.get(switch))
    search = SimpleSearch(**values)
    if search.all_modalities and len(search.modalities) > _MOST_LOOKS:
        raise InvalidInput(f"A patient is asked for at most {_MOST_LOOKS} modalities at once.")
    return search


def read_page(form: Mapping[str, str]) -> Page:
    """Return which page of the result a form asks for; what is missing is the first ten by collection.

    :raises InvalidInput: when ``start`` or ``size`` is not a whole number, or negative.
    """
    start, size = (_whole(form.get(name) or str(default)) for name, default in (("start", 0), ("size", 10)))
    if start < 0 or size < 0:
        raise InvalidInput("start and size are not negative.")
    fields: dict[str, SortField] = {name.lower(): name for name in get_args(SortField)}
    return Page(
        start,
        size,
        fields.get(form.get("sortField", "").lower(), "collection"),
        descending=form.get("sortDirection", "ascending").lower() != "ascending",
    )


# -- the answer ----------------------------------------------------------------------------------------

_encode = msgspec.json.encode
_PATIENTS_AT_ONCE = 100


def answer_pieces(
    patients: Iterable[FoundPatient], summary: Summary, page: Page, *, authorized: bool, with_modalities: bool
) -> Iterator[bytes]:
    """Yield the JSON text of an answer.

    :param authorized: whether each patient says that the caller may fetch it (v4).
    :param with_modalities: whether the modality of each series is told, as where all were asked for.
    """
    text = b'{"resultSet":['
    separator = b""
    for number, patient in enumerate(patients, 1):
        text += separator + _encode(_patient(patient, authorized=authorized, with_modalities=with_modalities))
        separator = b","
        if number % _PATIENTS_AT_ONCE == 0:
            yield text
            text = b""
    whole = {
        "totalPatients": summary.patients,
        "bodyParts": _counts(summary.body_parts),
        "modalities": _counts(summary.modalities),
        "collections": _counts(summary.collections),
        "species": _counts(summary.species),
        "maxTimepoints": summary.latest,
        "minTimepoints": summary.earliest,
        "sort": sort_name(page),
    }
    yield text + b"]," + _encode(whole)[1:]


def sort_name(page: Page) -> str:
    """Return how an answer names its order."""
    return f"{page.sort}-{'descending' if page.descending else 'ascending'}"


def study_identifiers(
    studies: Iterable[FoundStudy], *, with_modalities: bool = False
) -> list[dict[str, Any]]:
    """Return studies and series by their internal numbers."""
    found = []
    for study in studies:
        entry: dict[str, Any] = {"seriesIdentifiers": study.series}
        if with_modalities:
            pairs = zip(study.series, study.modalities, strict=True)
            entry["seriesAndModality"] = [{"seriesId": key, "modality": modality} for key, modality in pairs]
        found.append(entry | {"studyIdentifier": study.id})
    return found


def _counts(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"value": value, "count": number} for value, number in counts.items()]


def _patient(patient: FoundPatient, *, authorized: bool, with_modalities: bool) -> dict[str, Any]:
    return {
        "subjectId": patient.patient_id,
        "project": patient.collection,
        "id": patient.id,
        "modalities": patient.modalities,
        "bodyParts": patient.body_parts,
        "species": [patient.species],
        "timepoints": patient.time_points,
        "totalNumberOfStudies": patient.total_studies,
        "totalNumberOfSeries": patient.total_series,
        **({"authorized": 1} if authorized else {}),
        "studyIdentifiers": study_identifiers(patient.studies, with_modalities=with_modalities),
    }
