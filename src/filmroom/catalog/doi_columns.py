"""What lists of DOIs are sorted and counted by, in memory: read once, then what has changed since.

The catalogue is the truth. Each process keeps these columns at the time of ``doi_clock`` at which it read
them, and reads the rows of a later time before it answers.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa

from filmroom.catalog.doi_keys import Keys
from filmroom.catalog.schema_dois import doi

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Texts = np.ndarray[Any, np.dtype[np.object_]]
Chosen = np.ndarray[Any, np.dtype[np.bool_]]
_Value = TypeVar("_Value", bound=Hashable)

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC as everywhere
NO_VALUE = np.iinfo(np.int64).min
"""Stands for what a record does not have; it sorts before all."""
_MILLISECOND = dt.timedelta(milliseconds=1)

SINGLE = ("state", "resource_type_id", "client", "provider", "prefix", "schema_version")
"""Columns with one value of a record."""
LABELS = ("licenses", "subjects", "fields", "affiliations", "funders", "authors", "languages")
"""Labels, of which a record has any number."""
COUNTED = ("citation_count", "view_count", "download_count")
MOMENTS = ("created", "registered", "updated")
NUMBERS = ("publication_year", *COUNTED, *MOMENTS, *(f"{name}_year" for name in MOMENTS))
"""Columns of numbers; moments are milliseconds since 1970, and have their years beside them."""
_SORTED_BY = {
    "published": "publication_year",
    **{name.removesuffix("_count"): name for name in COUNTED},
}


def milliseconds(moment: dt.datetime) -> int:
    """Return a moment as milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


class Columns:
    """The columns at one time; never changed. Rows are in order of their keys."""

    def __init__(self) -> None:
        self.keys: Keys = np.empty(0, np.int64)
        self.dois: Texts = np.empty(0, object)
        self.titles: Texts = np.empty(0, object)
        self.numbers: dict[str, Numbers] = {name: np.empty(0, np.int64) for name in NUMBERS}
        self.single: dict[str, Coded] = {name: Coded([]) for name in SINGLE}
        self.labels: dict[str, Labels] = {name: Labels([]) for name in LABELS}
        self._ranks: dict[str, Numbers] = {}

    @classmethod
    def of(cls, rows: Iterable[sa.Row[Any]]) -> Columns:
        """Return the columns of some rows of ``doi``."""
        made, ordered = cls(), sorted(rows, key=lambda row: int(row.id))
        made.keys = np.array([row.id for row in ordered], np.int64)
        made.dois = _texts(row.doi for row in ordered)
        made.titles = _texts(row.title for row in ordered)
        for name in ("publication_year", *COUNTED):
            made.numbers[name] = _numbers(getattr(row, name) for row in ordered)
        for name in MOMENTS:
            moments = _numbers(_of_moment(getattr(row, name)) for row in ordered)
            made.numbers[name], made.numbers[f"{name}_year"] = moments, years_of(moments)
        made.single = {name: Coded([getattr(row, name) for row in ordered]) for name in SINGLE}
        labels = [json.loads(row.labels) if row.labels != "{}" else {} for row in ordered]
        made.labels = {name: Labels([each.get(name, ()) for each in labels]) for name in LABELS}
        return made

    def with_newer(self, newer: Columns) -> Columns:
        """Return these columns where rows of others take the place of the same ones, or are added."""
        kept = ~np.isin(self.keys, newer.keys)
        order = np.argsort(np.concatenate([self.keys[kept], newer.keys]), kind="stable")
        made = Columns()
        made.keys = np.concatenate([self.keys[kept], newer.keys])[order]
        made.dois = np.concatenate([self.dois[kept], newer.dois])[order]
        made.titles = np.concatenate([self.titles[kept], newer.titles])[order]
        made.numbers = {
            name: np.concatenate([old[kept], newer.numbers[name]])[order]
            for name, old in self.numbers.items()
        }
        made.single = {name: old.merged(newer.single[name], kept, order) for name, old in self.single.items()}
        made.labels = {name: old.merged(newer.labels[name], kept, order) for name, old in self.labels.items()}
        return made

    def places(self, keys: Keys) -> Numbers:
        """Return the rows of keys that are here."""
        if not len(self.keys):
            return np.empty(0, np.int64)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        here: Numbers = found[self.keys[found] == keys]
        return here

    def rank(self, sort: str) -> Numbers:
        """Return each row's place in an order, ascending; equal ones have the same place."""
        known = self._ranks.get(sort)
        if known is None:
            known = self._ranks[sort] = self._ranked(sort)
        return known

    def _ranked(self, sort: str) -> Numbers:
        if sort == "name":
            return np.unique(self.dois, return_inverse=True)[1]
        if sort == "title":
            return np.unique(_texts(map(_folded, self.titles)), return_inverse=True)[1]
        return self.numbers[_SORTED_BY.get(sort, sort)]


class Coded:
    """A column with one value of a record: ``values`` are the different ones, ``codes`` which a row has."""

    def __init__(self, values: Sequence[str | None]) -> None:
        known: dict[str | None, int] = {}
        self.codes: Numbers = np.array([known.setdefault(each, len(known)) for each in values], np.int64)
        self.values = list(known)

    def merged(self, newer: Coded, kept: Chosen, order: Numbers) -> Coded:
        """Return both columns as one; see :meth:`Columns.with_newer`."""
        made = Coded([])
        made.values, renamed = _joined(self.values, newer.values)
        made.codes = np.concatenate([self.codes[kept], renamed[newer.codes]])[order]
        return made


class Labels:
    """Values of rows that have any number of them: ``codes[starts[row]:starts[row] + lengths[row]]``.

    A value is a name and its title, which is empty for most.
    """

    def __init__(self, lists: Sequence[Sequence[Any]]) -> None:
        known: dict[tuple[str, str], int] = {}
        pairs = [[tuple(each) if isinstance(each, list) else (each, "") for each in some] for some in lists]
        codes = [known.setdefault(pair, len(known)) for some in pairs for pair in some]
        self.values = list(known)
        self.codes: Numbers = np.array(codes, np.int64)
        self.lengths: Numbers = np.array([len(some) for some in pairs], np.int64)
        self.starts: Numbers = np.cumsum(self.lengths) - self.lengths

    def merged(self, newer: Labels, kept: Chosen, order: Numbers) -> Labels:
        """Return both columns as one; see :meth:`Columns.with_newer`."""
        made = Labels([])
        made.values, renamed = _joined(self.values, newer.values)
        codes = np.concatenate([self.codes, renamed[newer.codes]])
        starts = np.concatenate([self.starts[kept], newer.starts + len(self.codes)])[order]
        made.lengths = np.concatenate([self.lengths[kept], newer.lengths])[order]
        made.codes = codes[_inside(starts, made.lengths)]
        made.starts = np.cumsum(made.lengths) - made.lengths
        return made

    def counted(self, places: Numbers) -> Numbers:
        """Return how many of these rows have each value."""
        chosen = self.codes[_inside(self.starts[places], self.lengths[places])]
        counts: Numbers = np.bincount(chosen, minlength=len(self.values))
        return counts

    def without(self, places: Numbers) -> int:
        """Return how many of these rows have no value."""
        return int((self.lengths[places] == 0).sum())


def _inside(starts: Numbers, lengths: Numbers) -> Numbers:
    """Return the places of all that lies in runs, run by run."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    places: Numbers = np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
    return places


def _joined(old: list[_Value], new: list[_Value]) -> tuple[list[_Value], Numbers]:
    """Return all values, and which of them each of the new ones is."""
    known = {value: code for code, value in enumerate(old)}
    renamed = [known.setdefault(value, len(known)) for value in new]
    return list(known), np.array(renamed, np.int64)


class KeptColumns:
    """The columns of one process, brought up to date when they are asked for. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tick = -1
        self._columns = Columns()

    def at(self, connection: sa.Connection, tick: int) -> Columns:
        """Return the columns as they are at a time of the clock, or later."""
        with self._lock:
            if self._tick < tick:
                # A deleted draft stays: no statement names its key any more.
                rows = connection.execute(sa.select(doi).where(doi.c.tick > self._tick)).all()
                self._columns = self._columns.with_newer(Columns.of(rows))
                self._tick = tick
            return self._columns


def _numbers(values: Iterable[int | None]) -> Numbers:
    return np.array([NO_VALUE if value is None else value for value in values], np.int64)


def _texts(values: Iterable[str]) -> Texts:
    return np.array(list(values), object)


def _of_moment(moment: dt.datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _folded(title: str) -> str:
    """Return a title as it is sorted: without case and accents."""
    apart = unicodedata.normalize("NFKD", title).lower()
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def years_of(moments: Numbers) -> Numbers:
    """Return the years of moments, of no moment a year before all."""
    known = np.where(moments == NO_VALUE, 0, moments)
    years = known.astype("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970
    return np.where(moments == NO_VALUE, NO_VALUE, years)
