"""The functions of tcia_utils.pathdb: collections and images of PathDB, their files, reports of them.

A page that fails is an error and ends the call. Times are told in UTC, in the form of tcia_utils.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filmroom.client import Client
from filmroom.client.slide_download import SlideDownload
from filmroom.client.slide_places import has_file
from filmroom.client.slides import pathdb_of
from filmroom.dropin.ask import save_frame, stamp
from filmroom.dropin.extras import pandas, plotly_objects
from filmroom.dropin.session import complain, log, quietly, session
from filmroom.errors import InvalidInput
from filmroom.model.slides import ListedCollection, ListedSlide

FOLDER = "pathdb_images"
IMAGE_COLUMNS = (
    "collectionName",
    "collectionId",
    "subjectId",
    "imageId",
    "slideId",
    "imageHeight",
    "imagedWidth",
    "physicalPixelSizeX",
    "physicalPixelSizeY",
    "imageUrl",
    "created",
    "changed",
)
"""Columns of images, ``imagedWidth`` as tcia_utils spells it."""


def _client() -> Client:
    """Return the client whose slides are asked for: of the server that ``filmroom.nbia`` is turned to."""
    return session.client("")


@quietly
def getCollections(query: str = "", format: str = "") -> Any:
    """Return the collections with slides: ``collectionName``, ``collectionId``, ``updated``.

    :param query: only those whose names contain it, in any case.
    :param format: ``df``; ``csv`` writes ``pathologyCollections-<YYYY-MM-DD>.csv`` and returns None; anything
        else is a list of dictionaries.
    """
    rows = [
        {
            "collectionName": each.name,
            "collectionId": each.id,
            "updated": each.changed.date().isoformat() if each.changed else "",
        }
        for each in _named(_client(), query)
    ]
    return _shaped(rows, ("collectionName", "collectionId", "updated"), format, "pathologyCollections")


@quietly
def getImages(query: int | str, format: str = "") -> Any:
    """Return the images of collections, with twelve columns.

    :param query: the number of a collection, or a text: every collection whose name contains it, in any case.
    :param format: ``df``; ``csv`` writes ``pathologyImages-<YYYY-MM-DD>.csv`` and returns None; anything else
        is a list of dictionaries.
    """
    client = _client()
    if not isinstance(query, str):
        numbers = [operator.index(query)]  # also those of numpy
    else:
        found = _named(client, query)
        log.info("Collections whose names contain %.80r: %s.", query, ", ".join(each.name for each in found))
        numbers = [each.id for each in found]
    site = pathdb_of(client.base_url).site
    rows: list[dict[str, Any]] = []
    for number in numbers:
        some = [_row(slide) for slide in client.slides_of(number)]
        log.info("%s has %d images of collection %d.", site, len(some), number)
        rows += some
    return _shaped(rows, IMAGE_COLUMNS, format, "pathologyImages")


def _named(client: Client, query: str) -> list[ListedCollection]:
    wanted = (query or "").lower()
    return [each for each in client.slide_collections() if wanted in each.name.lower()]


def _row(slide: ListedSlide) -> dict[str, Any]:
    values = (
        slide.collection,
        slide.collection_id,
        slide.subject_id,
        slide.image_id,
        slide.id,
        slide.height,
        slide.width,
        "" if slide.pixel_size_x is None else slide.pixel_size_x,
        "" if slide.pixel_size_y is None else slide.pixel_size_y,
        slide.url,
        _moment(slide.created),
        _moment(slide.changed),
    )
    return dict(zip(IMAGE_COLUMNS, values, strict=True))


def _moment(moment: dt.datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H-%M-%S") if moment else ""


def _shaped(rows: list[dict[str, Any]], columns: Sequence[str], format: str, name: str) -> Any:
    if format not in {"df", "csv"}:
        return rows
    frame = pandas().DataFrame(rows, columns=list(columns))
    if format == "df":
        return frame
    save_frame(frame, f"{name}-{stamp('%Y-%m-%d')}.csv")
    return None


@quietly
def downloadImages(images_data: Any, path: str = FOLDER, max_workers: int = 10, number: int = 0) -> None:
    """Fetch images to ``<path>/<name of the file>``; what is there and whole is not fetched again.

    A file appears under its name when it is complete and compared with what the server tells. Where two
    images have one name, they go into folders of their collections, which is logged.

    :param images_data: rows or a data frame of :func:`getImages`.
    :param number: fetch at most so many that are not there yet; 0: all.
    """
    slides = []
    for row in _rows(images_data):
        slide = _slide(row)
        if has_file(slide):
            slides.append(slide)
        else:
            log.error("An image without an address is left out: %.80r.", slide.url)
    if not slides:
        log.error("There are no images to download.")
        return
    target = Path(path).expanduser()
    client = _client()
    download = SlideDownload(client.sources.listed, target, workers=max(1, max_workers), by_collection=False)
    places = download.plan(slides)
    there = [place for place in places if download.is_there(place)]
    new = [place for place in places if not download.is_there(place)]
    new = new[:number] if number > 0 else new
    apart = [place.relative for place in places if "/" in place.relative]
    if apart:
        log.info("%d images have the name of another one and lie in folders: %s", len(apart), apart[0])
    log.info("%d images are there already; %d are fetched into %s.", len(there), len(new), target)
    report = download.fetch(new)
    for result in report.failed:
        if result.error is not None:
            log.error("%s failed.", result.path)
            complain(result.error)
    log.info(
        "Downloaded %d of %d images; %d were there before.",
        len(report.ok),
        len(new),
        len(there) + len(report.skipped),
    )
    if report.failed:
        log.error("%d images failed, run the same call again.", len(report.failed))


def _rows(images_data: Any) -> Sequence[Mapping[str, Any]]:
    rows = images_data.to_dict("records") if hasattr(images_data, "to_dict") else images_data or ()
    many = [rows] if isinstance(rows, Mapping) else list(rows)
    if isinstance(rows, str) or not all(isinstance(row, Mapping) for row in many):
        raise InvalidInput("These are no rows of getImages.")
    return many


def _slide(row: Mapping[str, Any]) -> ListedSlide:
    url = row.get("imageUrl", row.get("wsiimage_url"))
    collection = row.get("collectionName", row.get("collection"))
    nothing = dict.fromkeys(ListedSlide.__dataclass_fields__)
    return ListedSlide(
        **{  # type: ignore[arg-type]
            **nothing,
            "id": 0,
            "viewer_url": "",
            "url": url.strip() if isinstance(url, str) else None,
            "collection": collection if isinstance(collection, str) else None,
        }
    )


def reportCollections(
    df: Any, yearCreated: int | None = None, yearChanged: int | None = None, format: str | None = None
) -> Any:
    """Return a data frame with a row per collection: ``subjectCount``, ``imageCount`` and the last times.

    :param df: a data frame of :func:`getImages`; it stays as it is.
    :param yearCreated: count only images of that year. :param yearChanged: only those changed in it.
    :param format: ``chart`` shows a chart; ``csv`` writes ``pathdb_report_<YYYYMMDD_HHMMSS>.csv``.
    """
    frame = pandas().DataFrame(df)
    for column, year in (("created", yearCreated), ("changed", yearChanged)):
        if year is not None:
            frame = frame[frame[column].astype(str).str[:4] == f"{int(year):04d}"]
    report = frame.groupby("collectionName", as_index=False).agg(
        subjectCount=("subjectId", "nunique"),
        imageCount=("imageId", "count"),
        lastCreated=("created", "max"),
        lastChanged=("changed", "max"),
    )
    if format == "chart":
        bars = {"Subject Count": "subjectCount", "Image Count": "imageCount"}
        _show_bars(report, "collectionName", bars, "Subjects and images of collections", "Collection")
    elif format == "csv":
        save_frame(report, f"pathdb_report_{stamp('%Y%m%d_%H%M%S')}.csv")
    return report


def reportSubmissions(df: Any, useCreated: bool = False, format: str | None = None) -> Any:
    """Return a data frame with a row per year: ``collectionCount``, ``subjectCount``, ``imageCount``.

    :param df: a data frame of :func:`getImages`; it stays as it is.
    :param useCreated: by the time images were created, else by that of their last change.
    :param format: ``chart`` shows a chart; ``csv`` writes
        ``submissions_report_<created|changed>_<YYYYMMDD_HHMMSS>.csv``.
    """
    column = "created" if useCreated else "changed"
    frame = pandas().DataFrame(df)
    years = frame[column].astype(str).str[:4]
    dated = frame[years.str.fullmatch("[0-9]{4}")]
    report = (
        dated.assign(year=years[dated.index].astype("int32"))
        .groupby("year", as_index=False)
        .agg(
            collectionCount=("collectionName", "nunique"),
            subjectCount=("subjectId", "nunique"),
            imageCount=("imageId", "count"),
        )
    )
    if format == "chart":
        bars = {
            "Collection Count": "collectionCount",
            "Subject Count": "subjectCount",
            "Image Count": "imageCount",
        }
        _show_bars(report, "year", bars, "Submissions by year", "Year")
    elif format == "csv":
        save_frame(report, f"submissions_report_{column}_{stamp('%Y%m%d_%H%M%S')}.csv")
    return report


def _show_bars(report: Any, by: str, bars: Mapping[str, str], title: str, axis: str) -> None:
    objects = plotly_objects()
    chart = objects.Figure(
        [objects.Bar(x=report[by], y=report[column], name=name) for name, column in bars.items()]
    )
    chart.update_layout(title=title, xaxis_title=axis, yaxis_title="Count", barmode="group")
    chart.show()
