"""The columns that operations had before 2022: those of version 1, fewer of them, one under another name."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire import views
from filmroom.wire.views import Column, View


def _until(view: View, last: str) -> tuple[Column, ...]:
    """Return the columns of a view up to and including one."""
    names = [column.name for column in view.columns]
    return view.columns[: names.index(last) + 1]


_PATIENT_ID = replace(views.PATIENTS_V1.columns[0], name="PatientID")

PATIENTS_LEGACY = View("patients-legacy", (_PATIENT_ID, *_until(views.PATIENTS_V1, "Collection")[1:]))
PATIENT_IDS_LEGACY = View("patient-ids-legacy", (_PATIENT_ID,))
STUDIES_LEGACY = View("studies-legacy", _until(views.STUDIES_V1, "SeriesCount"))
STUDY_UIDS_LEGACY = View("study-uids-legacy", _until(views.STUDIES_V1, "StudyInstanceUID"))
SERIES_LEGACY = View("series-legacy", _until(views.SERIES_V1, "ImageCount"))
