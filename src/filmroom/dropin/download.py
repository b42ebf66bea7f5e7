"""downloadSeries and downloadImage over the client's own download: every file checked, resumed, atomic."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filmroom.client import Client
from filmroom.client.download import Download
from filmroom.client.intake import DIGESTS_NAME
from filmroom.client.layout import STATE, SeriesPlace, checked_uid, is_uid, write_durably, writing
from filmroom.client.receipt import read_receipt, whole_receipt
from filmroom.client.sources.archive import Archive, SeriesRequest
from filmroom.client.sources.choose import Sources
from filmroom.dropin.ask import save_frame, stamp
from filmroom.dropin.extras import pandas
from filmroom.dropin.series_table import getSeriesList, manifest_uids
from filmroom.dropin.session import complain, log, quietly, session
from filmroom.errors import InvalidInput, NotFound
from filmroom.model.entities import Series
from filmroom.wire.operations import find_operation

FOLDER = "tciaDownload"
_UNPACKED = "unpacked"


@quietly
def downloadSeries(
    series_data: Any,
    number: int = 0,
    path: str = FOLDER,
    hash: str = "",
    api_url: str = "",
    input_type: str = "",
    format: str = "",
    csv_filename: str = "",
    as_zip: bool = False,
    max_workers: int = 10,
) -> Any:
    """Fetch series into ``<path>/<SeriesInstanceUID>/``; what is there and whole is not fetched again.

    :param series_data: rows with ``SeriesInstanceUID``, or what ``input_type`` says: ``list`` (UIDs), ``df``,
        ``manifest`` (a path).
    :param number: fetch at most so many that are not there yet; 0: all.
    :param hash: ``y`` names the images ``00000001.dcm`` … and leaves ``md5hashes.csv`` beside them. Their MD5
        are checked in any case.
    :param format: ``df`` or ``csv`` return the metadata of what is there now; ``csv`` writes them to
        ``downloadSeries_metadata_<YYYY-MM-DD_HHMM>.csv`` too.
    :param csv_filename: writes them to ``<csv_filename>.csv``.
    :param as_zip: leave ``<path>/<SeriesInstanceUID>.zip`` instead of a folder.
    :return: a data frame for ``df`` and ``csv``, else None. What failed is logged, series by series.
    """
    wanted = _wanted(series_data, input_type)
    if not wanted:
        log.error("There are no series to download.")
        return None
    target = Path(path).expanduser()
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
    there = [uid for uid in wanted if _is_there(target, uid)]
    new = [series for uid, series in wanted.items() if uid not in set(there)]
    new = new[:number] if number > 0 else new
    log.info("%d series are there already; %d are fetched into %s.", len(there), len(new), target)
    client = session.client(api_url)
    archive = _WithDigests(client) if hash == "y" else client
    fetch = _fetch_zips if as_zip else _fetch
    fetched, failed = fetch(archive, new, target, workers=max(1, max_workers))
    log.info("Downloaded %d of %d series; %d were there before.", len(fetched), len(new), len(there))
    if failed:
        log.error("%d series failed, run the same call again: %s", len(failed), ", ".join(failed))
    return _metadata([*there, *fetched], api_url, format, csv_filename)


def _wanted(series_data: Any, input_type: str) -> dict[str, Series]:
    """Return each series once, with what is known of its size. Those with a UID that is none are logged."""
    wanted: dict[str, Series] = {}
    for row in _rows(series_data, input_type):
        uid = str(row.get("SeriesInstanceUID", row.get("Series UID", ""))).strip()
        if not is_uid(uid):
            log.error("Not a Series Instance UID: %.80r.", uid)
            continue
        count, size = row.get("ImageCount"), row.get("FileSize")
        wanted.setdefault(uid, Series(uid, image_count=_whole_number(count), file_size=_whole_number(size)))
    return wanted


def _rows(series_data: Any, input_type: str) -> Iterable[Mapping[str, Any]]:
    if input_type == "manifest":
        return [{"SeriesInstanceUID": uid} for uid in manifest_uids(series_data)]
    if input_type == "list":
        return [{"SeriesInstanceUID": uid} for uid in series_data or ()]
    if hasattr(series_data, "to_dict"):  # a data frame, said to be one or not
        rows: list[Mapping[str, Any]] = series_data.to_dict("records")
        return rows
    many = list(series_data or ())
    if not all(isinstance(row, Mapping) for row in many):
        raise InvalidInput('These are no rows of a search; for UIDs say input_type="list".')
    return many


def _whole_number(value: Any) -> int | None:
    """Return a count of a row; None when it has none, also for what data frames put in its place."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number >= 0 else None


def _is_there(target: Path, uid: str) -> bool:
    """Whether a series is there and whole, as a folder or as an archive."""
    archive = target / f"{uid}.zip"
    return (archive.is_file() and zipfile.is_zipfile(archive)) or (
        whole_receipt(SeriesPlace(target, uid)) is not None
    )


Outcome = tuple[list[str], list[str]]
"""UIDs of series that came, and of those that failed."""


class _WithDigests:
    """A client that asks for the archives that NBIA makes with digests: numbered images, no licence."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.connection = client.connection
        self.api = client.api
        self.promise = client.promise
        self.digest = client.digest
        self.series_digest = client.series_digest
        self.instances = client.instances
        self.instance_request = client.instance_request
        self.series = client.series
        self.series_records = client.series_records

    def archive_of(self, uid: str) -> Archive:
        return _WithDigests(self._client.archive_of(uid))

    def archive_request(self, uid: str) -> SeriesRequest:
        operation = find_operation(self.api, "getImageWithMD5Hash")
        return SeriesRequest(operation.path, {operation.parameters[0].name: uid})


def _fetch(archive: Archive, series: Sequence[Series], target: Path, *, workers: int) -> Outcome:
    if not series:
        return [], []
    report = Download(Sources(archive), target, workers=workers).run(series)
    for result in report.failed:
        if result.error is not None:
            log.error("Series %s failed.", result.series_instance_uid)
            complain(result.error)
    good = [each.series_instance_uid for each in (*report.ok, *report.skipped)]
    if isinstance(archive, _WithDigests):
        _leave_digests(target, good)
    return good, [each.series_instance_uid for each in report.failed]


def _fetch_zips(archive: Archive, series: Sequence[Series], target: Path, *, workers: int) -> Outcome:
    """Fetch as many series at once as there are workers, pack them, and go on with the next."""
    fetched: list[str] = []
    failed: list[str] = []
    folder = target / STATE / _UNPACKED
    for start in range(0, len(series), workers):
        came, missing = _fetch(archive, series[start : start + workers], folder, workers=workers)
        with writing(target):
            for uid in came:
                _pack(SeriesPlace(folder, uid), target / f"{uid}.zip")
        fetched += came
        failed += missing
    return fetched, failed


def _pack(place: SeriesPlace, archive: Path) -> None:
    """Turn a series that was checked into an archive; its folder goes."""
    partial = archive.with_name(f"{archive.name}.part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as target:
        for file in sorted(place.folder.iterdir()):
            target.write(file, file.name)
    partial.replace(archive)
    for file in place.folder.iterdir():
        file.unlink()
    place.folder.rmdir()
    place.receipt.unlink()


def _leave_digests(target: Path, uids: Iterable[str]) -> None:
    for uid in uids:
        place = SeriesPlace(target, uid)
        receipt = read_receipt(place.receipt)
        if receipt is not None:
            lines = [f"{file.name},{file.md5}" for file in receipt.files if file.sop_instance_uid]
            with writing(target):
                text = "\n".join(["Filename,MD5Hash", *lines, ""])
                write_durably(place.folder / DIGESTS_NAME, text.encode())


def _metadata(uids: list[str], api_url: str, format: str, csv_filename: str) -> Any:
    if not csv_filename and format not in {"df", "csv"}:
        return None
    frame = getSeriesList(uids, api_url=api_url) if uids else None
    if frame is None:
        frame = pandas().DataFrame()
    if csv_filename:
        save_frame(frame, f"{csv_filename}.csv", index=True)
    elif format == "csv":
        save_frame(frame, f"downloadSeries_metadata_{stamp('%Y-%m-%d_%H%M')}.csv", index=True)
    return frame if format in {"df", "csv"} else None


@quietly
def downloadImage(seriesUID: str, sopUID: str, path: str | None = "", api_url: str | None = "") -> None:
    """Fetch one image to ``<path or tciaDownload>/<seriesUID>/<sopUID>.dcm``, unless it is there."""
    series, instance = checked_uid(seriesUID), checked_uid(sopUID)
    file = Path(path or FOLDER).expanduser() / series / f"{instance}.dcm"
    if file.is_file():
        log.warning("%s is there already.", file)
        return
    client = session.client(api_url or "")
    request = client.instance_request(series, instance)
    content = client.connection.get(request.path, request.params, denial=True).content
    if content[128:132] != b"DICM":
        raise NotFound(f"{client.base_url} has no image {instance} of series {series}, or does not show it.")
    with writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, content)
    log.info("Saved %s.", file)
