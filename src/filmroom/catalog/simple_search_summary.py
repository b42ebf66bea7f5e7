"""What is said of a result: counts over the whole of it, its order, and the patients of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmroom.catalog.simple_search_columns import Holdings, Keys, beginnings
from filmroom.catalog.simple_search_terms import Numbers, Terms
from filmroom.model.search import FoundPatient, FoundStudy, Page, Summary

Collections = Mapping[int, str]
"""Names of collections by the keys of their sites."""


@dataclass(frozen=True, slots=True)
class Result:
    """The rows that match, ascending, and whose they are.

    ``people`` are places in ``holdings.patients``; the rows of ``people[i]`` are those from ``starts[i]`` to
    ``starts[i + 1]`` of ``rows``.
    """

    holdings: Holdings
    collections: Collections
    rows: Keys
    people: Keys
    starts: Keys

    @classmethod
    def of(cls, holdings: Holdings, collections: Collections, rows: Keys) -> Result:
        slots = holdings.slot[rows]
        first = np.flatnonzero(beginnings(slots))
        return cls(
            holdings,
            collections,
            rows,
            slots[first].astype(np.int64),
            np.concatenate((first, np.asarray([len(rows)], np.int64))),
        )

    # -- the whole -----------------------------------------------------------------------------------

    def summary(self) -> Summary:
        """Count the whole result."""
        series, words, patients = self.holdings.series, self.holdings.words, self.holdings.patients
        earliest, latest = self._time_points()
        return Summary(
            patients=len(self.people),
            collections=self._collections(),
            modalities=self._counts(series.modality, words.modality),
            body_parts=self._counts(series.body_part, words.body_part),
            species=_named(np.bincount(patients.species[self.people]), words.species),
            earliest=earliest,
            latest=latest,
        )

    def _counts(self, column: Numbers, terms: Terms) -> dict[str, int]:
        """Return the number of patients of each value."""
        slots, values = self.holdings.slot[self.rows], column[self.rows]
        # Neighbours are mostly alike: what is left to sort is a fraction, and small numbers sort fast.
        new = beginnings(slots) | beginnings(values)
        slots, values = slots[new], values[new].astype(np.min_scalar_type(len(terms)))
        order = np.argsort(values, kind="stable")
        slots, values = slots[order], values[order]
        return _named(np.bincount(values[beginnings(slots) | beginnings(values)]), terms)

    def _collections(self) -> dict[str, int]:
        sites, counts = np.unique(self.holdings.patients.site[self.people], return_counts=True)
        found: dict[str, int] = {}
        for site, count in zip(sites.tolist(), counts.tolist(), strict=True):
            name = self.collections[site]
            found[name] = found.get(name, 0) + count
        return dict(sorted(found.items()))

    def _time_points(self) -> tuple[dict[str, int], dict[str, int]]:
        series, words = self.holdings.series, self.holdings.words
        rows = self.rows[~np.isnan(series.offset[self.rows])]
        earliest, latest = {}, {}
        for number in np.unique(series.event[rows]).tolist():
            if name := words.event[number]:
                days = series.offset[rows[series.event[rows] == number]]
                earliest[name], latest[name] = int(days.min()), int(days.max())
        return earliest, latest

    # -- a page --------------------------------------------------------------------------------------

    def page(self, page: Page) -> NDArray[np.int64]:
        """Return which of ``people`` are on a page, in order."""
        patients = self.holdings.patients
        names = sorted(set(self.collections.values()), key=lambda name: (name.upper(), name))
        place = {name: number for number, name in enumerate(names)}
        sites = patients.site[self.people]
        by_site = np.zeros(int(sites.max(initial=0)) + 1, np.int64)
        for site in np.unique(sites).tolist():
            by_site[site] = place[self.collections[site]]
        subject = self.holdings.words.subject.ranks()[patients.subject[self.people]]
        collection = by_site[sites]
        usual = (collection << 32) | subject
        keys: dict[str, NDArray[Any]] = {
            "collection": collection,
            "subject": subject,
            "series": np.diff(self.starts),
            "totalNumberOfSeries": patients.series[self.people],
            "totalNumberOfStudies": patients.studies[self.people],
        }
        key = (self._study_counts() if page.sort == "study" else keys[page.sort]).astype(np.int64)
        order = np.lexsort((usual, -key if page.descending else key))
        return order[page.start : page.start + page.size]

    def _study_counts(self) -> NDArray[np.int64]:
        """Return by patient how many studies match."""
        if not len(self.rows):
            return np.empty(0, np.int64)
        new = beginnings(self.holdings.series.study[self.rows])
        return np.add.reduceat(new, self.starts[:-1], dtype=np.int64)

    def rows_of(self, person: int) -> Keys:
        """Return the matching rows of one of ``people``, by its place."""
        return self.rows[self.starts[person] : self.starts[person + 1]]

    def found(self, order: NDArray[np.int64]) -> Iterator[FoundPatient]:
        """Yield some of ``people``, by their places."""
        for person in order.tolist():
            yield self._patient(person)

    def _patient(self, person: int) -> FoundPatient:
        patients, series, words = self.holdings.patients, self.holdings.series, self.holdings.words
        slot = int(self.people[person])
        rows = self.rows_of(person)
        modalities = [words.modality[number] for number in series.modality[rows].tolist()]
        return FoundPatient(
            id=int(patients.key[slot]),
            patient_id=words.subject[int(patients.subject[slot])],
            collection=self.collections[int(patients.site[slot])],
            species=words.species[int(patients.species[slot])],
            modalities=tuple(sorted(set(modalities))),
            body_parts=tuple(sorted({words.body_part[number] for number in series.body_part[rows].tolist()})),
            time_points=self._times(rows),
            total_studies=int(patients.studies[slot]),
            total_series=int(patients.series[slot]),
            studies=tuple(
                _studies(series.study[rows].tolist(), series.key[rows].tolist(), modalities),
            ),
        )

    def _times(self, rows: Keys) -> dict[str, tuple[int, ...]]:
        series, words = self.holdings.series, self.holdings.words
        found: dict[str, set[int]] = {}
        for number, offset in zip(series.event[rows].tolist(), series.offset[rows].tolist(), strict=True):
            name = words.event[number]
            if name and offset == offset:  # noqa: PLR0124 - a missing offset is not a number
                found.setdefault(name, set()).add(int(offset))
        return {name: tuple(sorted(days)) for name, days in sorted(found.items())}


def _studies(studies: list[int], series: list[int], modalities: list[str]) -> Iterator[FoundStudy]:
    start = 0
    for end in range(1, len(studies) + 1):
        if end == len(studies) or studies[end] != studies[start]:
            yield FoundStudy(studies[start], tuple(series[start:end]), tuple(modalities[start:end]))
            start = end


def _named(counts: NDArray[Any], terms: Terms) -> dict[str, int]:
    found = {terms[number]: int(counts[number]) for number in np.flatnonzero(counts).tolist()}
    return dict(sorted(found.items()))
