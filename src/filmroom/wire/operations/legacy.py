"""The API of before 22 June 2022, on the platform Bindaas: version 1 under its old paths and names.

A row is one of version 1 with other cells, and each has a second one, ``/metadata`` after its path, that
tells its columns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from filmroom.wire import legacy_views as views
from filmroom.wire.operation import JSON, TABLE, Operation
from filmroom.wire.operations import parameters as p
from filmroom.wire.operations.lists import LIST_OPERATIONS
from filmroom.wire.operations.search import SEARCH_OPERATIONS
from filmroom.wire.parameters import Parameter

_ROOTS = tuple(f"/services/{version}/TCIA/query" for version in ("v4", "v3", "TCIA"))
_LIST_ROOTS = tuple(f"/services/{version}/SharedList/query" for version in ("v4", "v3"))

_API_KEY = Parameter("api_key", "", help="ignored")
_ANY_FORMAT = Parameter("format", "", help="ignored")

_OLD_CELLS: dict[str, dict[str, Any]] = {
    "getCollectionValues": {},
    "getModalityValues": {},
    "getBodyPartValues": {},
    "getManufacturerValues": {},
    "getPatient": {"parameters": (p.COLLECTION, p.FORMAT), "view": views.PATIENTS_LEGACY},
    "getPatientByCollectionAndModality": {"name": "PatientsByModality", "view": views.PATIENT_IDS_LEGACY},
    "NewPatientsInCollection": {"view": views.PATIENT_IDS_LEGACY},
    "getPatientStudy": {"view": views.STUDIES_LEGACY},
    "NewStudiesInPatientCollection": {"view": views.STUDY_UIDS_LEGACY},
    "getSeries": {"view": views.SERIES_LEGACY},
    "getSeriesSize": {},
    "getSOPInstanceUIDs": {},
    "getImage": {"parameters": (p.required(p.SERIES_UID), _ANY_FORMAT)},
    "getSingleImage": {"parameters": (p.required(p.SERIES_UID), p.required(p.SOP_UID), _ANY_FORMAT)},
}
"""What differs from version 1, by the name there."""

_TODAY = {operation.label: operation for operation in (*SEARCH_OPERATIONS, *LIST_OPERATIONS)}


def _legacy(today: Operation, roots: tuple[str, ...], **cells: Any) -> Operation:
    """Return the old form of an operation of version 1."""
    operation = replace(
        today,
        version="legacy",
        roots=roots,
        any_case=True,
        no_rows="list" if today.media == TABLE else today.no_rows,
        successor=_TODAY.get(f"v4/{today.name}", today),
        **cells,
    )
    return replace(operation, parameters=(*operation.parameters, _API_KEY))


def _metadata(operation: Operation) -> Operation:
    """Return the operation that tells the columns of another."""
    return replace(
        operation,
        name=f"{operation.name}/metadata",
        parameters=(_API_KEY,),
        summary=f"Parameters and columns of {operation.name}",
        action="columns",
        fixed={"described": operation},
        query=None,
        view=None,
        media=JSON,
        missing_text="",
        denied_text="",
        notes="",
    )


_CONTENTS = _TODAY["v1/getContentsByName"]
REPLACED_OPERATIONS = (
    *(_legacy(_TODAY[f"v1/{name}"], _ROOTS, **cells) for name, cells in _OLD_CELLS.items()),
    _legacy(
        _CONTENTS,
        _LIST_ROOTS,
        name="ContentsByName",
        parameters=(*_CONTENTS.parameters, p.FORMAT),
        notes="Series that the caller may not see are left out.",
    ),
)
"""Those that have a successor each."""

LEGACY_OPERATIONS: tuple[Operation, ...] = (*REPLACED_OPERATIONS, *map(_metadata, REPLACED_OPERATIONS))
