"""Simple search, and the questions whose answers are changed a little."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from filmroom.client.manifests import series_of_answer
from filmroom.dropin.ask import ask, queryData, stamp
from filmroom.dropin.calls import american
from filmroom.dropin.session import StopExecution, log, quietly, session
from filmroom.dropin.tables import remove_html_tags

_EVERYTHING = 1_000_000


class Criteria(Enum):
    """What a simple search can ask for, under the server's names."""

    Collection = "CollectionCriteria"
    Species = "SpeciesCriteria"
    ImageModality = "ImageModalityCriteria"
    BodyPart = "AnatomicalSiteCriteria"
    Manufacturer = "ManufacturerCriteria"
    DateRange = "DateRangeCriteria"
    Patient = "PatientCriteria"
    NumStudies = "MinNumberOfStudiesCriteria"
    ModalityAnded = "ModalityAndedSearchCriteria"


NPEXSpecies = {"human": 337915000, "mouse": 447612001, "dog": 448771007}
"""Species by their codes in SNOMED CT."""


@quietly
def getSimpleSearch(
    collections: Iterable[str] = (),
    species: Iterable[str] = (),
    modalities: Iterable[str] = (),
    bodyParts: Iterable[str] = (),
    manufacturers: Iterable[str] = (),
    fromDate: str = "",
    toDate: str = "",
    patients: Iterable[str] = (),
    minStudies: int = 0,
    modalityAnded: bool = False,
    start: int = 0,
    size: int = 10,
    sortDirection: str = "ascending",
    sortField: str = "subject",
    api_url: str = "",
    format: str = "",
) -> Any:
    """Return a page of the patients that fulfil all criteria, as the server tells them: ``resultSet`` …

    :param species: ``human``, ``mouse``, ``dog``.
    :param fromDate: first day of release, ``YYYY/MM/DD``; alone, up to today.
    :param toDate: last day; alone, from 1900 on.
    :param minStudies: patients with more studies than this.
    :param modalityAnded: patients that have all of the modalities, not any.
    :param format: ``uids`` gives the Series Instance UIDs of all, ``manifest_text`` a manifest of them,
        ``manifest`` writes ``manifest-<YYYY-MM-DD_HH-MM>.tcia`` and returns None.
    :raises StopExecution: when a date cannot be read. :raises KeyError: for another species.
    """
    criteria: list[tuple[Criteria, Any]] = [
        *((Criteria.Collection, each) for each in collections or ()),
        *((Criteria.Species, NPEXSpecies[each]) for each in species or ()),
        *((Criteria.ImageModality, each) for each in modalities or ()),
        *((Criteria.BodyPart, each) for each in bodyParts or ()),
        *((Criteria.Manufacturer, each) for each in manufacturers or ()),
        *((Criteria.Patient, each) for each in patients or ()),
    ]
    if minStudies:
        criteria.append((Criteria.NumStudies, minStudies))
    if modalityAnded:
        criteria.append((Criteria.ModalityAnded, "all"))
    whole = format in {"manifest", "manifest_text", "uids"}
    form = {
        **dict(_fields(criteria)),
        **_dates(len(criteria), fromDate, toDate),
        "sortField": sortField,
        "sortDirection": sortDirection,
        "tool": "filmroom",
        "start": str(start),
        "size": str(_EVERYTHING if whole else size),
    }
    if not whole:
        return ask("getSimpleSearch", None, api_url, "POST", form)
    return _manifest(form, api_url, format)


def _fields(criteria: Iterable[tuple[Criteria, Any]]) -> Iterator[tuple[str, str]]:
    for number, (criterion, value) in enumerate(criteria):
        yield f"criteriaType{number}", criterion.value
        yield f"value{number}", str(value)


def _dates(number: int, first: str, last: str) -> dict[str, str]:
    if not (first or last):
        return {}
    today = dt.date.today().strftime("%Y/%m/%d")  # noqa: DTZ011 - the day of the person who asks
    try:
        days = american(first or "1900/01/01"), american(last or today)
    except ValueError as error:
        log.error("A date is written 1999/12/31: %s.", error)
        raise StopExecution from error
    criterion = Criteria.DateRange.value
    return {f"criteriaType{number}": criterion, f"fromDate{number}": days[0], f"toDate{number}": days[1]}


def _manifest(form: dict[str, str], api_url: str, format: str) -> Any:
    client, path = session.place("getManifestForSimpleSearch", api_url)
    content = client.connection.post(path, form).content
    found = series_of_answer(content)
    if not found:
        log.info("The search found nothing.")
        return [] if format == "uids" else None
    if format == "uids":
        return list(found)
    text = content.decode("utf-8", "replace")
    if format == "manifest_text":
        return text
    name = f"manifest-{stamp('%Y-%m-%d_%H-%M')}.tcia"
    Path(name).write_text(text, encoding="utf-8", newline="")
    log.info("Saved %s with %d series.", name, len(found))
    return None


def getDoiMetadata(doi: str, output: str = "", api_url: str = "", format: str = "") -> Any:
    """Return the collections that belong to a DOI; with ``output="series"`` its Series Instance UIDs."""
    form = {"DOI": doi, "CollectionOrSeries": output}
    return queryData("getCollectionOrSeriesForDOI", None, api_url, format, "POST", form)


def getCollectionDescriptions(api_url: str = "", format: str = "", removeHtml: str | None = None) -> Any:
    """Return descriptions of collections in HTML; ``removeHtml="yes"`` makes them text, in a data frame."""
    data = queryData("getCollectionDescriptions", {}, api_url, format)
    if format == "df" and removeHtml == "yes" and data is not None and "description" in data:
        data["description"] = [
            remove_html_tags(text) if isinstance(text, str) else text for text in data["description"]
        ]
    return data
