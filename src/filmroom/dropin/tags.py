"""DICOM attributes of a series without its images, and what segmentations refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filmroom.client.tags import REFERENCES, modality_of, referenced_series
from filmroom.dropin.ask import ask, shaped
from filmroom.dropin.extras import pandas
from filmroom.dropin.session import log, quietly

_ENDPOINT = "getDicomTags"
_SERIES_UID = "(0020,000E)"
NOT_AVAILABLE = "N/A"

Tag = Mapping[str, Any]


@quietly
def getDicomTags(seriesUid: str, api_url: str = "", format: str = "df") -> Any:
    """Return the attributes of a series' first image: ``element`` with ``>`` per level, ``name``, ``data``.

    :param format: as of the other functions; ``df`` is the default here.
    """
    rows = _tags(seriesUid, api_url)
    return None if rows is None else shaped(rows, _ENDPOINT, format)


@quietly
def _tags(uid: str, api_url: str) -> list[Tag] | None:
    rows: list[Tag] | None = ask(_ENDPOINT, {"SeriesUID": uid}, api_url)
    return rows or None


def getSegRefSeries(uid: str, api_url: str = "") -> str:
    """Return the UID of the series that a segmentation (SEG, RTSTRUCT) was made on, or ``N/A``.

    Of several the first is returned, and the others are logged.
    """
    rows = _tags(uid, api_url)
    if rows is None:
        log.warning("Series %s is not there, or not shown.", uid)
        return NOT_AVAILABLE
    tags = [(str(row["element"]), row["data"]) for row in rows]
    modality = modality_of(tags)
    if modality not in REFERENCES:
        log.warning("Series %s is no segmentation but %r.", uid, modality)
        return NOT_AVAILABLE
    found = referenced_series(tags)
    if not found:
        log.warning("Series %s does not say which series it was made on.", uid)
        return NOT_AVAILABLE
    if len(found) > 1:
        log.warning("Series %s was made on several series: %s.", uid, found)
    return found[0]


def reportDicomTags(
    series_uids: Iterable[str], elements: Sequence[str] | None = None, api_url: str = ""
) -> Any:
    """Return a data frame with a row per series and a column ``Name (gggg,eeee)`` per attribute.

    :param elements: only these, written ``(0018,0015)``; default: all.
    :return: None when no series is there.
    """
    rows = []
    for uid in series_uids:
        tags = _tags(uid, api_url)
        if tags is None:
            log.info("Series %s is not there, or not shown: left out.", uid)
            continue
        rows.append({f"Series Instance UID {_SERIES_UID}": uid, **_told(tags, elements)})
    if not rows:
        log.info("None of the series is there.")
        return None
    return pandas().DataFrame(rows)


def _told(tags: Sequence[Tag], elements: Sequence[str] | None) -> dict[str, Any]:
    if not elements:
        wanted = [tag for tag in tags if tag["name"] and tag["name"] != "Series Instance UID"]
    else:
        first = {tag["element"]: tag for tag in reversed(tags)}
        wanted = [first[element] for element in elements if element in first]
    return {f"{tag['name']} {tag['element']}": tag["data"] for tag in wanted}
