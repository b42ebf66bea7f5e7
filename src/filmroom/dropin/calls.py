"""The functions that ask one operation with GET and change nothing of its answer: a table, and one maker."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from filmroom.dropin.ask import queryData
from filmroom.wire.dates import parse_ymd


@dataclass(frozen=True, slots=True)
class Argument:
    """``name`` of a function's argument and the ``parameter`` it is sent as; a ``day`` is ``YYYY/MM/DD``."""

    name: str
    parameter: str
    required: bool = False
    day: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, the operation it asks, and its arguments before ``api_url`` and ``format``."""

    function: str
    endpoint: str
    arguments: tuple[Argument, ...]
    summary: str

    @property
    def signature(self) -> inspect.Signature:
        """The function's signature."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        own = [
            inspect.Parameter(each.name, kind, default=inspect.Parameter.empty if each.required else "")
            for each in self.arguments
        ]
        usual = [inspect.Parameter(name, kind, default="") for name in ("api_url", "format")]
        return inspect.Signature([*own, *usual])


def _optional(**parameters: str) -> tuple[Argument, ...]:
    return tuple(Argument(name, parameter) for name, parameter in parameters.items())


def _required(**parameters: str) -> tuple[Argument, ...]:
    return tuple(Argument(name, parameter, required=True) for name, parameter in parameters.items())


_SINCE = (Argument("date", "fromDate", required=True, day=True),)
_BY_MODALITY = _optional(collection="Collection", modality="Modality")
_BY_PART = _optional(collection="Collection", bodyPart="BodyPartExamined")
_BY_BOTH = _optional(collection="Collection", modality="Modality", bodyPart="BodyPartExamined")

CALLS: tuple[Call, ...] = (
    Call("getCollections", "getCollectionValues", (), "Names of the collections."),
    Call("getBodyPart", "getBodyPartValues", _BY_MODALITY, "Body parts in use."),
    Call("getModality", "getModalityValues", _BY_PART, "Modalities in use."),
    Call("getManufacturer", "getManufacturerValues", _BY_BOTH, "Manufacturers in use."),
    Call("getPatient", "getPatient", _optional(collection="Collection"), "Patients."),
    Call(
        "getPatientByCollectionAndModality",
        "getPatientByCollectionAndModality",
        _required(collection="Collection", modality="Modality"),
        "IDs of the patients of a collection with a modality.",
    ),
    Call(
        "getNewPatientsInCollection",
        "NewPatientsInCollection",
        (*_required(collection="Collection"), *_SINCE),
        "Patients of a collection with series released since a day.",
    ),
    Call(
        "getStudy",
        "getPatientStudy",
        (
            *_required(collection="Collection"),
            *_optional(patientId="PatientID", studyUid="StudyInstanceUID"),
        ),
        "Studies of a collection.",
    ),
    Call(
        "getNewStudiesInPatient",
        "NewStudiesInPatientCollection",
        (*_required(collection="Collection", patientId="PatientID"), *_SINCE),
        "Studies of a patient with series released since a day.",
    ),
    Call(
        "getSeries",
        "getSeries",
        _optional(
            collection="Collection",
            patientId="PatientID",
            studyUid="StudyInstanceUID",
            seriesUid="SeriesInstanceUID",
            modality="Modality",
            bodyPart="BodyPartExamined",
            manufacturer="Manufacturer",
            manufacturerModel="ManufacturerModelName",
        ),
        "Series.",
    ),
    Call("getUpdatedSeries", "getUpdatedSeries", _SINCE, "Series released after a day."),
    Call(
        "getSeriesSize",
        "getSeriesSize",
        _required(seriesUid="SeriesInstanceUID"),
        "Number of objects and bytes of a series.",
    ),
    Call(
        "getSopInstanceUids",
        "getSOPInstanceUIDs",
        _required(seriesUid="SeriesInstanceUID"),
        "SOP Instance UIDs of a series.",
    ),
    Call("getSharedCart", "getContentsByName", _required(name="name"), "Series of a shared list."),
    Call(
        "getCollectionPatientCounts",
        "getCollectionValuesAndCounts",
        (),
        "Collections with their numbers of patients.",
    ),
    Call("getModalityCounts", "getModalityValuesAndCounts", _BY_PART, "Modalities with counts."),
    Call("getBodyPartCounts", "getBodyPartValuesAndCounts", _BY_MODALITY, "Body parts with counts."),
    Call("getManufacturerCounts", "getManufacturerValuesAndCounts", _BY_BOTH, "Manufacturers with counts."),
)


def function_of(call: Call) -> Callable[..., Any]:
    """Return the function of a row."""
    signature = call.signature

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        options = {
            each.parameter: american(given[each.name]) if each.day else given[each.name]
            for each in call.arguments
            if given[each.name] or each.required
        }
        return queryData(call.endpoint, options, given["api_url"], given["format"])

    function.__name__ = function.__qualname__ = call.function
    function.__doc__ = f"{call.summary}\n\nAsks ``{call.endpoint}``; see :func:`queryData` for ``format``."
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def american(day: str) -> str:
    """Return ``YYYY/MM/DD`` as ``MM-DD-YYYY``. :raises ValueError: for anything else."""
    return parse_ymd(day).strftime("%m-%d-%Y")


PLAIN: dict[str, Callable[..., Any]] = {call.function: function_of(call) for call in CALLS}
"""Every function of the table by its name."""
