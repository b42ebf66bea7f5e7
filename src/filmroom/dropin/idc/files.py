"""Series and images from the buckets of Imaging Data Commons, and what their headers tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filmroom.client import Client, RemoteSeries
from filmroom.client.layout import checked_uid, writing
from filmroom.client.manifests import read_manifest
from filmroom.client.mending import md5_of
from filmroom.client.sources.base import RemoteFile
from filmroom.client.sources.idc_index import find_series
from filmroom.client.tags import REFERENCES, modality_of, referenced_series
from filmroom.dropin.extras import pandas
from filmroom.dropin.idc.questions import getSeriesList, of_series
from filmroom.dropin.session import complain, log, quietly, session
from filmroom.dropin.tags import NOT_AVAILABLE
from filmroom.errors import BadAnswer, DigestMismatch, InvalidInput, NotFound
from filmroom.model.entities import Series

if TYPE_CHECKING:
    from pydicom import Dataset

FOLDER = "tciaDownload"
_LAYOUTS = {"flat": "flat", "nested": "idc"}
_PIXELS = 0x7FE00000  # tags from here on are not told


def _client(workers: int = 8) -> Client:
    return Client(source="idc", workers=workers, proxies=session.proxies)


def named_series(series_data: Any, input_type: str = "") -> tuple[list[str], list[RemoteSeries]]:
    """Return what is named: UIDs, and folders of buckets where a manifest names those.

    :param input_type: ``list`` of UIDs, ``df``, ``manifest`` (a path); nothing: rows, or a path.
    :raises InvalidInput: when nothing is named legibly.
    """
    if input_type == "list":
        return [str(uid) for uid in series_data or ()], []
    if isinstance(series_data, str | Path):
        manifest = read_manifest(Path(series_data))
        return list(manifest.series), list(manifest.remote)
    rows = series_data.to_dict("records") if hasattr(series_data, "to_dict") else list(series_data or ())
    if not all(isinstance(row, Mapping) and "SeriesInstanceUID" in row for row in rows):
        raise InvalidInput('These are no rows with SeriesInstanceUID; for UIDs say input_type="list".')
    return [str(row["SeriesInstanceUID"]) for row in rows], []


@quietly
def downloadSeries(
    series_data: Any,
    number: int = 0,
    path: str = FOLDER,
    input_type: str = "",
    format: str = "",
    template: str = "flat",
    use_sync: bool = True,
    max_workers: int = 10,
) -> Any:
    """Fetch series from the buckets, every file checked; what is there and whole is not fetched again.

    :param number: so many series that are not there yet; 0: all.
    :param template: ``flat`` (a folder for each series), ``nested``, or a template of idc-index.
    :param use_sync: is not needed: a download always goes on where the last one stopped.
    :return: with the format ``df`` or ``csv`` what the index knows of the series that are there.
    """
    uids, remote = named_series(series_data, input_type)
    if not uids and not remote:
        log.warning("No series are named: there is nothing to fetch.")
        return None
    collections = dict(of_series(uids).select("SeriesInstanceUID", "collection_id").collect().rows())
    wanted: list[str | Series | RemoteSeries] = [
        Series(checked_uid(uid), collection=collections.get(uid)) for uid in dict.fromkeys(uids)
    ]
    target = Path(path).expanduser()
    layout = _LAYOUTS.get(template, template)
    with _client(max(1, max_workers)) as client:
        plan = client.plan([*wanted, *remote], target)
        there = [each for each in plan if each.receipt is not None]
        new = [each for each in plan if each.receipt is None]
        new = new[:number] if number > 0 else new
        log.info("%d series are there already; %d are fetched into %s.", len(there), len(new), target)
        report = client.download([each.series for each in new], target, layout=layout)
    for result in report.failed:
        if result.error is not None:
            log.error("Series %s failed; run the same call again.", result.series_instance_uid)
            complain(result.error)
    fetched = [*report.ok, *report.skipped]
    log.info("Downloaded %d of %d series; %d were there before.", len(fetched), len(new), len(there))
    if format not in {"df", "csv"}:
        return None
    known = [each.place.uid for each in there] + [each.series_instance_uid for each in fetched]
    return getSeriesList(known, format)


@quietly
def downloadImage(seriesUID: str, sopUID: str, path: str = "idcDownload") -> None:
    """Fetch one image to ``<path>/<seriesUID>/<sopUID>.dcm``, unless it is there."""
    series, instance = checked_uid(seriesUID), checked_uid(sopUID)
    file = Path(path).expanduser() / series / f"{instance}.dcm"
    if file.is_file():
        log.warning("%s is there already.", file)
        return
    with _client() as client:
        buckets = client.sources.buckets
        found = buckets.instances([_address(series)]).get(instance)
        if found is None:
            raise NotFound(f"Imaging Data Commons has no image {instance} in series {series}.")
        with writing(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
            _fetch(client, found, file)
    log.info("Saved %s.", file)


def _fetch(client: Client, found: RemoteFile, file: Path) -> None:
    partial = file.with_name(f"{file.name}.part")
    client.sources.write(client.sources.buckets, found, partial)
    expected = found.checksums.get("md5")
    if partial.stat().st_size != found.size or expected not in {None, md5_of(partial)}:
        partial.unlink()
        raise DigestMismatch(f"{found.name} arrived damaged: its size or MD5 differs.")
    partial.replace(file)


def _address(series: str) -> str:
    """Return where a series is. :raises NotFound: when the index does not know it."""
    found = find_series([checked_uid(series)]).get(series)
    if found is None:
        raise NotFound(f"The index of Imaging Data Commons has no series {series}.")
    return found[0].addresses[0]


@quietly
def getSopInstanceUids(seriesUid: str, format: str = "") -> Any:
    """Return the SOP Instance UIDs of a series, as its images have them; with ``df`` in a data frame."""
    with _client() as client:
        uids = sorted(client.sources.buckets.instances([_address(seriesUid)]))
    return pandas().DataFrame({"SOPInstanceUID": uids}) if format == "df" else uids


@quietly
def getDicomTags(seriesUid: str, format: str = "df") -> Any:
    """Return the attributes of a series' first image, without those inside sequences.

    ``element`` is written ``(0010,0020)`` with small letters. Any format but ``df`` gives rows.
    """
    rows = [
        {"element": f"({element.tag.group:04x},{element.tag.element:04x})", "name": element.name}
        | {"data": str(element.value)}
        for element in _first_header(seriesUid)
        if element.tag < _PIXELS
    ]
    return pandas().DataFrame(rows) if format == "df" else rows


def _first_header(series: str) -> Dataset:
    with _client() as client:
        return client.sources.buckets.first_header(_address(series))


def getSegRefSeries(uid: str) -> str:
    """Return the UID of the series that a segmentation (SEG, RTSTRUCT) was made on, or ``N/A``."""
    header = _header_or_none(uid)
    tags = list(_marked(header)) if header is not None else []
    if modality_of(tags) not in REFERENCES:
        log.warning("Series %s is not there, or no segmentation.", uid)
        return NOT_AVAILABLE
    found = referenced_series(tags)
    if not found:
        log.warning("Series %s does not say which series it was made on.", uid)
        return NOT_AVAILABLE
    if len(found) > 1:
        log.warning("Series %s was made on several series: %s.", uid, found)
    return found[0]


@quietly
def _header_or_none(uid: str) -> Dataset:
    return _first_header(uid)


def _marked(dataset: Dataset, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield elements with a ``>`` for each level, and their data, as the server's getDicomTags has them."""
    for element in dataset:
        tag = f"{'>' * depth}({element.tag.group:04X},{element.tag.element:04X})"
        if element.VR == "SQ":
            yield tag, None
            for item in element.value:
                yield from _marked(item, depth + 1)
        else:
            yield tag, str(element.value)


def uids_of(series_data: Any, input_type: str) -> Iterable[str]:
    """Return the UIDs of series for a report. :raises InvalidInput: when there are none."""
    uids, remote = named_series(series_data, input_type)
    if remote:
        raise InvalidInput("A report is made of series; this manifest names folders of buckets.")
    if not uids:
        raise BadAnswer("There are no series to report on.")
    return uids
