"""Series as one table, whatever they come from: a search, a list of UIDs, a data frame, a manifest."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filmroom.client import Client
from filmroom.client.holdings import portions
from filmroom.client.manifests import read_manifest
from filmroom.dropin.ask import save_frame
from filmroom.dropin.extras import pandas
from filmroom.dropin.session import StopExecution, log, quietly, session

SPACED: dict[str, str] = {
    "Patient ID": "PatientID",
    "Study Instance UID": "StudyInstanceUID",
    "Series Instance UID": "SeriesInstanceUID",
    "Study Date": "StudyDate",
    "Series Date": "SeriesDate",
    "Image Count": "ImageCount",
    "File Size": "FileSize",
    "Date Released": "DateReleased",
    "Body Part Examined": "BodyPartExamined",
    "Series Description": "SeriesDescription",
    "Manufacturer Model Name": "ManufacturerModelName",
    "Software Versions": "SoftwareVersions",
    "License Name": "LicenseName",
    "License URI": "LicenseURI",
    "Collection URI": "DataDescriptionURI",
}
"""Headers of the metadata of many series, and the names that getSeries has for them."""

_OTHER_SPELLINGS: dict[str, str] = SPACED | {
    "Subject ID": "PatientID",
    "Series ID": "SeriesInstanceUID",
    "Series UID": "SeriesInstanceUID",
    "Study UID": "StudyInstanceUID",
    "Collection Name": "Collection",
    "Project": "Collection",
    "PixelSpacing(mm)-Row": "PixelSpacingRow",
    "SliceThickness(mm)": "SliceThickness",
    "Study Description": "StudyDesc",
    "Series Number": "SeriesNumber",
    "Protocol Name": "ProtocolName",
    "Number of images": "ImageCount",
    "Number of Images": "ImageCount",
    "File Size (Bytes)": "FileSize",
    "License URL": "LicenseURI",
    "CollectionURI": "DataDescriptionURI",
    "Data Description URI": "DataDescriptionURI",
    "Released Status": "ReleasedStatus",
    "3rd Party Analysis": "ThirdPartyAnalysis",
    "Third Party Analysis": "ThirdPartyAnalysis",
    "Annotations Flag": "AnnotationsFlag",
    "Patient Name": "PatientName",
    "Patient Sex": "PatientSex",
    "Patient Age": "PatientAge",
    "Ethnic Group": "EthnicGroup",
    "Species Code": "SpeciesCode",
    "Species Description": "SpeciesDescription",
    "Study ID": "StudyID",
    "Admitting Diagnosis Description": "AdmittingDiagnosisDescription",
    "Longitudinal Temporal Event Type": "LongitudinalTemporalEventType",
    "Longitudinal Temporal Offset From Event": "LongitudinalTemporalOffsetFromEvent",
    "Pixel Spacing(mm)- Row": "PixelSpacingRow",
    "Slice Thickness(mm)": "SliceThickness",
    "Max Submission Timestamp": "MaxSubmissionTimestamp",
}

DATES = ("DateReleased", "TimeStamp", "StudyDate", "SeriesDate", "MaxSubmissionTimestamp")
NUMBERS = ("FileSize", "ImageCount", "SeriesNumber", "PatientAge", "Authorized")
ADDRESSES = ("DataDescriptionURI", "LicenseURI")
COLUMNS: tuple[str, ...] = (
    *("SeriesInstanceUID", "StudyInstanceUID", "PatientID", "Collection", "Modality", "Manufacturer"),
    *("TimeStamp", "DataDescriptionURI", "LicenseName", "LicenseURI", "FileSize", "ImageCount"),
    *("DateReleased", "BodyPartExamined", "SeriesDescription", "StudyDesc", "StudyDate", "Authorized"),
    *("SeriesDate", "SeriesNumber", "ProtocolName", "ManufacturerModelName", "SoftwareVersions"),
    *("ThirdPartyAnalysis", "AnnotationsFlag", "ReleasedStatus", "PatientName", "PatientSex"),
    *("PatientAge", "EthnicGroup", "SpeciesCode", "SpeciesDescription", "StudyID"),
    *("AdmittingDiagnosisDescription", "LongitudinalTemporalEventType"),
    *("LongitudinalTemporalOffsetFromEvent", "PixelSpacingRow", "SliceThickness"),
    *("MaxSubmissionTimestamp", "Site", "Phantom"),
)
"""The columns that :func:`formatSeriesInput` sees to."""


@quietly
def getSeriesList(uids: Sequence[str], api_url: str = "", csv_filename: str = "") -> Any:
    """Return the metadata of series as a data frame; None when there is none, or when a part fails.

    :param csv_filename: write it to ``<csv_filename>.csv`` too.
    """
    client, path = session.place("getSeriesMetadata", api_url)
    frame = metadata_frame(client, path, uids)
    if frame is None:
        log.error("The server tells nothing of these series, or does not show them.")
        return None
    frame = frame.rename(columns=SPACED)
    if csv_filename:
        save_frame(frame, f"{csv_filename}.csv")
    return frame


def metadata_frame(client: Client, path: str, uids: Sequence[str]) -> Any:
    """Ask a metadata operation, so many series at a time; every part must come.

    :return: a data frame under the server's names, None when it has none of the series.
    """
    pd = pandas()
    parts = []
    for some in portions([str(uid) for uid in uids]):
        answer = client.connection.post(path, {"list": ",".join(some)})
        if answer.content.strip():
            parts.append(pd.read_csv(io.BytesIO(answer.content)))
    return pd.concat(parts, ignore_index=True) if parts else None


@quietly
def manifestToList(manifest: str | Path) -> list[str] | None:
    """Return the Series Instance UIDs of a ``.tcia`` manifest, or of a plain list of them.

    The header is read by its keys, however many lines it has. A file that cannot be opened raises OSError.
    """
    return manifest_uids(manifest)


def manifest_uids(manifest: str | Path) -> list[str]:
    """Return the UIDs of a manifest. :raises InvalidInput: when it is none. :raises OSError:"""
    path = Path(manifest)
    path.stat()  # programs expect OSError for a file that is not there
    read = read_manifest(path)
    uids = list(read.series)
    if read.remote:
        log.warning("%s names %d series by addresses; they are left out.", path, len(read.remote))
    log.info("%s names %d series.", path, len(uids))
    return uids


def formatSeriesInput(series_data: Any, input_type: str, api_url: str) -> Any:
    """Return series as a data frame with :data:`COLUMNS`, whatever they come from.

    Addresses are in lower case, dates and numbers parsed; columns that are missing hold None. What the
    caller gave is not changed.

    :param input_type: ``df``, ``list`` (UIDs), ``manifest`` (a path), or nothing: rows as getSeries has them.
    :raises StopExecution: when there are no series.
    """
    frame = _frame(series_data, input_type, api_url)
    if frame is None or frame.empty:
        log.error("There are no series to work on.")
        raise StopExecution
    return _tidied(frame)


def _frame(series_data: Any, input_type: str, api_url: str) -> Any:
    pd = pandas()
    if input_type == "manifest":
        series_data = manifestToList(series_data)
    if series_data is None:
        return None
    if input_type in {"list", "manifest"}:
        return getSeriesList(series_data, api_url=api_url)
    return series_data if isinstance(series_data, pd.DataFrame) else pd.DataFrame(series_data)


def _tidied(frame: Any) -> Any:
    pd = pandas()
    frame = frame.rename(columns=_OTHER_SPELLINGS)
    frame = frame.loc[:, ~frame.columns.duplicated()].copy()
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        frame = frame.reindex(columns=[*frame.columns, *missing])
        frame[missing] = frame[missing].astype(object).where(frame[missing].notna(), None)
    for name in DATES:
        if frame[name].notna().any():
            # The formats of one column differ between servers; what is no date is told as missing.
            frame[name] = pd.to_datetime(frame[name], errors="coerce", format="mixed")
    for name in NUMBERS:
        if frame[name].notna().any():
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    for name in frame.columns:
        if name not in DATES and name not in NUMBERS:
            frame[name] = frame[name].astype(object).map(_lower if name in ADDRESSES else _stripped)
    return frame


def _stripped(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN is not itself


def _lower(value: Any) -> Any:
    text = _stripped(value)
    return text.lower() if isinstance(text, str) else text
