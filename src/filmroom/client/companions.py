"""Files beside the series of a download: ``metadata.csv``, a LICENSE per collection, the list of what failed.

``metadata.csv`` has the 17 columns of NBIA's Data Retriever, with CRLF; fields are quoted only where
they must be.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from filmroom.client.claims import placing
from filmroom.client.layout import SeriesPlace, write_durably, writing
from filmroom.client.manifests import read_manifest
from filmroom.client.receipt import LICENCE_NAME, Receipt, known_receipt
from filmroom.client.templates import us_date
from filmroom.errors import DicomError, InvalidInput
from filmroom.model.entities import Series
from filmroom.wire.manifest import manifest_lines

METADATA = "metadata.csv"
FAILED = "failed-series.tcia"
_FROM_IMAGE = ("PatientID", "StudyInstanceUID", "StudyDescription", "StudyDate", "SeriesDescription",
               "Manufacturer", "Modality", "SOPClassUID")  # fmt: skip
COLUMNS = (
    "Series UID", "Collection", "3rd Party Analysis", "Data Description URI", "Subject ID", "Study UID",
    "Study Description", "Study Date", "Series Description", "Manufacturer", "Modality", "SOP Class Name",
    "SOP Class UID", "Number of Images", "File Size", "File Location", "Download Timestamp",
)  # fmt: skip
_KEY = COLUMNS[0]


def write_metadata(target: Path, uids: Iterable[str], record_of: Callable[[str], Series | None]) -> Path:
    """Write ``metadata.csv``: a row for each of the series, and those that an earlier one has of others.

    :param record_of: what the server says of a series; None where it says nothing.
    :raises StoreError: when it cannot be written.
    """
    path = target / METADATA
    with placing(target), writing(target):
        rows = _rows_of(path)
        for uid in uids:
            receipt = known_receipt(SeriesPlace(target, uid))
            if receipt is not None:
                rows[uid] = _row(target, receipt, record_of(uid))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", restval="", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows.values())
        write_durably(path, text.getvalue().encode())
    return path


def _rows_of(path: Path) -> dict[str, Mapping[str, str]]:
    """Return the rows of an earlier table; another one of that name is put aside."""
    try:
        table = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
        if table.fieldnames is not None and set(COLUMNS) <= set(table.fieldnames):
            return {row[_KEY]: row for row in table if row[_KEY]}
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, csv.Error):
        pass
    path.replace(path.with_name(f"{path.name}.old"))
    return {}


def _row(target: Path, receipt: Receipt, record: Series | None) -> dict[str, str]:
    from filmroom.dicom.named_values import named_values

    folder = receipt.folder or receipt.series_instance_uid
    image = next((file.name for file in receipt.files if file.sop_instance_uid), None)
    try:
        told = named_values(target / folder / image, _FROM_IMAGE) if image else {}
    except (DicomError, OSError):
        told = {}
    record = record or Series(receipt.series_instance_uid)
    study_date = record.study_date.strftime("%Y%m%d") if record.study_date else told.get("StudyDate", "")
    values = (
        receipt.series_instance_uid,
        record.collection,
        record.third_party_analysis,
        record.description_uri,
        record.patient_id or told.get("PatientID"),
        record.study_instance_uid or told.get("StudyInstanceUID"),
        record.study_desc or told.get("StudyDescription"),
        us_date(study_date),
        record.series_desc or told.get("SeriesDescription"),
        record.manufacturer or told.get("Manufacturer"),
        record.modality or told.get("Modality"),
        _class_name(told.get("SOPClassUID", "")),
        told.get("SOPClassUID"),
        str(receipt.count),
        f"{receipt.bytes / 1_000_000:.2f} MB",
        f"./{folder}",
        _local_time(receipt.finished),
    )
    return {column: value or "" for column, value in zip(COLUMNS, values, strict=True)}


def _class_name(uid: str) -> str:
    from pydicom.uid import UID

    return UID(uid, validation_mode=0).name if uid else ""


def _local_time(finished: str) -> str:
    try:
        return dt.datetime.fromisoformat(finished).astimezone().replace(tzinfo=None).isoformat()
    except ValueError:
        return ""


def write_collection_licences(target: Path, uids: Iterable[str]) -> None:
    """Write into the outermost folder of series what their licences say, each text once.

    :raises StoreError: when it cannot be written.
    """
    told: dict[str, dict[str, None]] = {}
    for uid in uids:
        receipt = known_receipt(SeriesPlace(target, uid))
        if receipt is not None and receipt.licence_text and "/" in receipt.folder:
            told.setdefault(receipt.folder.partition("/")[0], {})[receipt.licence_text.strip()] = None
    for folder, texts in told.items():
        path = target / folder / LICENCE_NAME
        with placing(target), writing(target):
            present = path.read_text("utf-8", "replace") if path.is_file() else ""
            new = [text for text in texts if text not in present]
            if new:
                write_durably(path, "\n\n".join(filter(None, [present.strip(), *new, ""])).encode())


def note_failures(target: Path, server: str, *, failed: Sequence[str], there: Sequence[str]) -> Path | None:
    """Keep the list of series that a next run should fetch, as a ``.tcia`` manifest; None when there is none.

    :param failed: series that failed now. :param there: series that are there now.
    :raises StoreError: when it cannot be written.
    """
    path = target / FAILED
    with writing(target):
        left = dict.fromkeys(_listed(path))
        for uid in there:
            left.pop(uid, None)
        left.update(dict.fromkeys(failed))
        if not left:
            path.unlink(missing_ok=True)
            return None
        text = "".join(manifest_lines(server, left, include_annotation=True, name=FAILED))
        write_durably(path, text.encode())
    return path


def _listed(path: Path) -> tuple[str, ...]:
    try:
        return read_manifest(path).series if path.is_file() else ()
    except InvalidInput:
        return ()
