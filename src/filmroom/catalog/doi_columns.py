"""What lists of DOIs are sorted and counted by, in memory: read once, then what has changed since.

The catalogue is the truth. Each process keeps these columns at the time of ``doi_clock`` at which it read
them, and reads the rows of a later time before it answers.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from filmroom.catalog.doi_keys import Keys
from filmroom.catalog.schema_dois import doi, doi_clock

Numbers = np.ndarray[Any, np.dtype[np.int64]]

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC as everywhere
NO_VALUE = np.iinfo(np.int64).min
"""Stands for what a record does not have; it sorts before all."""
_MILLISECOND = dt.timedelta(milliseconds=1)

SINGLE = ("state", "resource_type_id", "client", "provider", "prefix", "schema_version")
"""Columns with one value of a record."""
LABELS = ("licenses", "subjects", "fields", "affiliations", "funders", "authors", "languages")
"""Labels, of which a record has any number."""
COUNTED = ("citation_count", "view_count", "download_count")
_MOMENTS = ("created", "registered", "updated")


def milliseconds(moment: dt.datetime) -> int:
    """Return a moment as milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


class Columns:
    """The columns at one time; never changed. Rows are in order of their keys."""

    def __init__(self, rows: Sequence[sa.Row[Any]]) -> None:
        self.keys: Keys = np.array([row.id for row in rows], np.int64)
        self.dois = [row.doi for row in rows]
        self.titles = [row.title for row in rows]
        self.years = _numbers(row.publication_year for row in rows)
        self.moments = {name: _numbers(_of_moment(getattr(row, name)) for row in rows) for name in _MOMENTS}
        self.counts = {name: _numbers(getattr(row, name) for row in rows) for name in COUNTED}
        self.single = {name: _coded([getattr(row, name) for row in rows]) for name in SINGLE}
        labels = [json.loads(row.labels) if row.labels != "{}" else {} for row in rows]
        self.labels = {name: Labels([each.get(name, ()) for each in labels]) for name in LABELS}
        self._ranks: dict[str, Numbers] = {}

    def places(self, keys: Keys) -> Numbers:
        """Return the rows of keys that are here."""
        found = np.searchsorted(self.keys, keys)
        found = found[found < len(self.keys)] if len(self.keys) else found[:0]
        return found[np.isin(self.keys[found], keys)]

    def rank(self, sort: str) -> Numbers:
        """Return each row's place in an order, ascending; equal ones have the same place."""
        known = self._ranks.get(sort)
        if known is None:
            known = self._ranks[sort] = self._ranked(sort)
        return known

    def _ranked(self, sort: str) -> Numbers:
        if sort == "name":
            return np.unique(np.array(self.dois, object), return_inverse=True)[1]
        if sort == "title":
            return np.unique(np.array([_folded(each) for each in self.titles], object), return_inverse=True)[
                1
            ]
        if sort == "published":
            return self.years
        return (
            self.counts[f"{sort}_count"] if sort in {"view", "download", "citation"} else self.moments[sort]
        )


class Labels:
    """Values of rows that have any number of them: ``codes[starts[row]:starts[row + 1]]``."""

    def __init__(self, lists: Sequence[Sequence[Any]]) -> None:
        self.names: list[str] = []
        self.titles: list[str] = []
        known: dict[str, int] = {}
        codes: list[int] = []
        starts = [0]
        for values in lists:
            for value in values:
                name, title = value if isinstance(value, list) else (value, "")
                code = known.setdefault(name, len(known))
                if code == len(self.names):
                    self.names.append(name)
                    self.titles.append(title)
                codes.append(code)
            starts.append(len(codes))
        self.codes: Numbers = np.array(codes, np.int64)
        self.starts: Numbers = np.array(starts, np.int64)

    def counted(self, places: Numbers) -> Numbers:
        """Return how many of these rows have each value."""
        if not len(self.names):
            return np.empty(0, np.int64)
        lengths = self.starts[places + 1] - self.starts[places]
        inside = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        chosen = self.codes[np.repeat(self.starts[places], lengths) + inside]
        return np.bincount(chosen, minlength=len(self.names))

    def without(self, places: Numbers) -> int:
        """Return how many of these rows have no value."""
        return int((self.starts[places + 1] == self.starts[places]).sum())


class KeptColumns:
    """The columns of one process, brought up to date when they are asked for. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[int, sa.Row[Any]] = {}
        self._tick = -1
        self._columns = Columns([])

    def at(self, connection: sa.Connection, tick: int) -> Columns:
        """Return the columns as they are at a time of the clock, or later."""
        with self._lock:
            if self._tick < tick:
                statement = sa.select(doi).where(doi.c.tick > self._tick)
                # A deleted draft stays: no statement names its key any more.
                self._rows.update({row.id: row for row in connection.execute(statement)})
                self._columns = Columns([self._rows[key] for key in sorted(self._rows)])
                self._tick = tick
            return self._columns


def tick_of(connection: sa.Connection) -> int:
    """Return the time of the clock of records."""
    return int(connection.execute(sa.select(doi_clock.c.tick)).scalar_one())


def _numbers(values: Iterable[int | None]) -> Numbers:
    return np.array([NO_VALUE if value is None else value for value in values], np.int64)


def _of_moment(moment: dt.datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _coded(values: Sequence[str | None]) -> tuple[Numbers, list[str | None]]:
    known: dict[str | None, int] = {}
    codes = [known.setdefault(value, len(known)) for value in values]
    return np.array(codes, np.int64), list(known)


def _folded(title: str) -> str:
    """Return a title as it is sorted: without case and accents."""
    apart = unicodedata.normalize("NFKD", title).lower()
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def years_of(moments: Numbers) -> Numbers:
    """Return the years of moments, of no moment a year before all."""
    known = np.where(moments == NO_VALUE, 0, moments)
    years = known.astype("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970
    return np.where(moments == NO_VALUE, NO_VALUE, years)
