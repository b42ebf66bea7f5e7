"""What simple search looks at, in columns: one row per visible series, all series of a patient together.

A text is held as its number among the distinct texts of its column (``simple_search_terms``), so that a
criterion looks at each distinct text once and at the rows with array operations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from filmroom.catalog.simple_search_terms import Bools, Numbers, Phrases, Terms

Keys = NDArray[np.int64]
Decimals = NDArray[np.float64]

NO_DAY = 0
"""Stands for a missing day; days are numbered as by ``date.toordinal``."""


def beginnings(values: NDArray[Any]) -> Bools:
    """Return where a run of equal values begins."""
    found = np.ones(len(values), np.bool_)
    found[1:] = values[1:] != values[:-1]
    return found


@dataclass(frozen=True, slots=True)
class _Columns:
    """Arrays of one length."""

    @classmethod
    def empty(cls) -> Self:
        # Annotations are texts here; they name the types above.
        return cls(*(np.empty(0, _KINDS[str(each.type)]) for each in dataclasses.fields(cls)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of some parts, one after the other."""
        columns = zip(*(part.arrays() for part in parts), strict=True)
        return cls(*(np.concatenate(arrays) for arrays in columns))

    def arrays(self) -> list[NDArray[Any]]:
        return [getattr(self, each.name) for each in dataclasses.fields(self)]

    def part(self, first: int, last: int) -> Self:
        """Return the rows from ``first`` to before ``last``, as a view of these."""
        return type(self)(*(array[first:last] for array in self.arrays()))


_KINDS: dict[str, type[np.generic]] = {
    "Keys": np.int64,
    "Numbers": np.int32,
    "Bools": np.bool_,
    "Decimals": np.float64,
}


@dataclass(frozen=True, slots=True)
class Patients(_Columns):
    """Patients with a visible series, by key; the last three columns count what is visible of them."""

    key: Keys
    site: Keys
    subject: Numbers
    sex: Numbers
    species: Numbers
    phantom: Bools
    series: Numbers
    studies: Numbers
    study_dates: Numbers


@dataclass(frozen=True, slots=True)
class Series(_Columns):
    """Visible series in the order of their patients, there by study and key, with what is theirs to search.

    Days are those of release and of the study; ``offset`` is in days, NaN where there is none.
    """

    key: Keys
    study: Keys
    modality: Numbers
    body_part: Numbers
    manufacturer: Numbers
    model: Numbers
    software: Numbers
    description: Numbers
    protocol: Numbers
    study_description: Numbers
    pixel_spacings: Numbers
    slice_thicknesses: Numbers
    age: Numbers
    event: Numbers
    offset: Decimals
    released: Numbers
    study_date: Numbers
    third_party: Bools
    restricted: Bools


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The terms of the text columns; the three descriptions share one."""

    subject: Terms = dataclasses.field(default_factory=Terms)
    sex: Terms = dataclasses.field(default_factory=Terms)
    species: Terms = dataclasses.field(default_factory=Terms)
    modality: Terms = dataclasses.field(default_factory=Terms)
    body_part: Terms = dataclasses.field(default_factory=Terms)
    manufacturer: Terms = dataclasses.field(default_factory=Terms)
    model: Terms = dataclasses.field(default_factory=Terms)
    software: Terms = dataclasses.field(default_factory=Terms)
    description: Phrases = dataclasses.field(default_factory=Phrases)
    geometry: Terms = dataclasses.field(default_factory=Terms)
    age: Terms = dataclasses.field(default_factory=Terms)
    event: Terms = dataclasses.field(default_factory=Terms)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything searchable at one moment. Never changed: what is newer is another one.

    ``slot`` gives by row the place of its patient in ``patients``; the rows of patient ``i`` are those from
    ``starts[i]`` to ``starts[i + 1]``.
    """

    patients: Patients
    series: Series
    words: Vocabulary
    slot: Numbers
    starts: Keys

    @classmethod
    def of(cls, patients: Patients, series: Series, words: Vocabulary) -> Holdings:
        """Put rows together that are in order."""
        slot = np.repeat(np.arange(len(patients.key), dtype=np.int32), patients.series)
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(patients.series, dtype=np.int64)))
        return cls(patients, series, words, slot, starts)

    @classmethod
    def empty(cls) -> Holdings:
        return cls.of(Patients.empty(), Series.empty(), Vocabulary())

    def replaced(self, keys: Sequence[int], patients: Patients, series: Series) -> Holdings:
        """Return these holdings with what patients have now; who is not in ``patients`` has nothing."""
        new = Holdings.of(patients, series, self.words)
        changed = np.unique(np.asarray(keys, np.int64))
        if not len(changed):
            return self
        # Pieces of the old and the new by turns: one pass over the columns, whichever patients changed.
        old_from, old_to = _places(self.patients.key, changed)
        new_from, new_to = _places(patients.key, changed)
        begins = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), old_from[1:] != old_to[:-1])))
        ends = np.concatenate((begins[1:], np.asarray([len(changed)]))) - 1
        pieces: list[tuple[Holdings, int, int]] = []
        kept = 0
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            pieces += (self, kept, int(old_from[begin])), (new, int(new_from[begin]), int(new_to[end]))
            kept = int(old_to[end])
        pieces.append((self, kept, len(self.patients.key)))
        return Holdings.of(
            Patients.joined([each.patients.part(first, last) for each, first, last in pieces]),
            Series.joined(
                [each.series.part(each.starts[first], each.starts[last]) for each, first, last in pieces]
            ),
            self.words,
        )


def _places(held: Keys, keys: Keys) -> tuple[Keys, Keys]:
    """Return where each of some keys begins and ends; twice where it would be, for one that is not held."""
    return np.searchsorted(held, keys), np.searchsorted(held, keys, "right")
