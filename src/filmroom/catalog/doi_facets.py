"""How many records of a result have which value: what lists of DOIs are counted by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable

import numpy as np

from filmroom.catalog.doi_columns import NO_VALUE, Columns, Numbers
from filmroom.model.doi_questions import Counted

_MOST = 10
_MOST_TYPES = 34
_FIRST_PUBLISHED = 2010

_Facet = Callable[[Columns, Numbers], list[Counted]]


def facets_of(columns: Columns, places: Numbers, wanted: Iterable[str]) -> dict[str, list[Counted]]:
    """Return the counts over some rows for each of the names that are known, in their order."""
    return {name: FACETS[name](columns, places) for name in wanted if name in FACETS}


def _largest(counts: Iterable[tuple[str | None, int, str]], most: int = _MOST) -> list[Counted]:
    """Return the values that most have; equal counts go by value."""
    some = [(value, count, label) for value, count, label in counts if count and value]
    some.sort(key=lambda each: (-each[1], each[0]))
    return [Counted(str(value), count, label) for value, count, label in some[:most]]


def _single(column: str, most: int = _MOST) -> _Facet:
    def facet(columns: Columns, places: Numbers) -> list[Counted]:
        coded = columns.single[column]
        counts = np.bincount(coded.codes[places], minlength=len(coded.values)).tolist()
        return _largest(((value, count, "") for value, count in zip(coded.values, counts, strict=True)), most)

    return facet


def _labels(name: str) -> _Facet:
    def facet(columns: Columns, places: Numbers) -> list[Counted]:
        labels = columns.labels[name]
        counts = labels.counted(places)
        # Of very many values only those at the top are worth naming.
        top = counts if len(counts) <= 1_000 else _above_tenth(counts)
        chosen = np.flatnonzero(top)
        return _largest(
            (labels.values[code][0], int(counts[code]), labels.values[code][1]) for code in chosen.tolist()
        )

    return facet


def _above_tenth(counts: Numbers) -> Numbers:
    least = np.partition(counts, -_MOST)[-_MOST]
    return np.where(counts >= max(least, 1), counts, 0)


def _moment_years(name: str) -> _Facet:
    def facet(columns: Columns, places: Numbers) -> list[Counted]:
        return _latest(columns.numbers[f"{name}_year"][places], _MOST)

    return facet


def _latest(years: Numbers, most: int) -> list[Counted]:
    return _by_year(years, None)[:most]


def _by_year(years: Numbers, weights: Numbers | None) -> list[Counted]:
    """Return how many there are of each year, or the sums of weights, the latest first."""
    known = years > NO_VALUE
    if not known.any():
        return []
    first = int(years[known].min())
    totals = np.bincount(years[known] - first, None if weights is None else weights[known])
    pairs = [(first + place, round(float(totals[place]))) for place in np.flatnonzero(totals).tolist()]
    return [Counted(str(year), count) for year, count in reversed(pairs)]


def _published(columns: Columns, places: Numbers) -> list[Counted]:
    this_year = dt.datetime.now(dt.UTC).year
    years = columns.numbers["publication_year"][places]
    return _latest(years[years <= this_year], this_year - _FIRST_PUBLISHED + 1)


def _summed(column: str) -> _Facet:
    """Return the sums of a count by year of publication, those of nothing left out."""

    def facet(columns: Columns, places: Numbers) -> list[Counted]:
        years = columns.numbers["publication_year"][places]
        return _by_year(years, columns.numbers[column][places])[:_MOST]

    return facet


def _nothing(_columns: Columns, _places: Numbers) -> list[Counted]:
    return []


def _with_missing(columns: Columns, places: Numbers) -> list[Counted]:
    missing = columns.labels["licenses"].without(places)
    counted = _labels("licenses")(columns, places)
    return sorted(
        [*counted, *([Counted("__missing__", missing, "Missing")] if missing else [])],
        key=lambda each: (-each.count, each.value),
    )[:_MOST]


def _of_all(value: str, label: str) -> _Facet:
    def facet(_columns: Columns, places: Numbers) -> list[Counted]:
        return [Counted(value, len(places), label)]

    return facet


DEFAULT_FACETS = (
    "states",
    "resourceTypes",
    "created",
    "published",
    "registered",
    "providers",
    "clients",
    "affiliations",
    "prefixes",
    "certificates",
    "licenses",
    "schemaVersions",
    "linkChecksStatus",
    "subjects",
    "fieldsOfScience",
    "citations",
    "views",
    "downloads",
)
"""Names of the facets of a list, in their order."""

FACETS: dict[str, _Facet] = {
    "states": _single("state"),
    "resourceTypes": _single("resource_type_id", _MOST_TYPES),
    "created": _moment_years("created"),
    "published": _published,
    "registered": _moment_years("registered"),
    "providers": _single("provider"),
    "clients": _single("client"),
    "affiliations": _labels("affiliations"),
    "prefixes": _single("prefix"),
    "certificates": _nothing,  # repositories here have none, and nobody checks landing pages
    "licenses": _labels("licenses"),
    "schemaVersions": _single("schema_version"),
    "linkChecksStatus": _nothing,
    "subjects": _labels("subjects"),
    "fieldsOfScience": _labels("fields"),
    "citations": _summed("citation_count"),
    "views": _summed("view_count"),
    "downloads": _summed("download_count"),
    "clientTypes": _of_all("repository", "Repository"),
    "registrationAgencies": _of_all("datacite", "DataCite"),
    "languages": _labels("languages"),
    "licensesWithMissing": _with_missing,
    "funders": _labels("funders"),
    "authors": _labels("authors"),
}
"""Every facet. Those beyond the default ones are shown where they are asked for."""
