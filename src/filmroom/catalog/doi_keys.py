"""Sets of records: sorted arrays of their keys, how they are read, joined and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

Keys = np.ndarray[Any, np.dtype[np.int64]]

_OF_AN_ENTRY = 2_000  # keys whose room an entry takes at least: its name may be a long query
NOTHING: Keys = np.empty(0, np.int64)


def keys_of(connection: sa.Connection, column: sa.ColumnElement[int], *conditions: Any) -> Keys:
    """Return the keys that a statement gives. They come as one text, the fastest from both databases."""
    statement = sa.select(sa.func.aggregate_strings(sa.cast(column, sa.Text), ",")).where(*conditions)
    text = connection.scalar(statement)
    found = np.fromstring(text, np.int64, sep=",") if text else NOTHING
    # Of one term they come in order already.
    return found if bool((found[1:] > found[:-1]).all()) else np.unique(found)


def either(parts: Sequence[Keys]) -> Keys:
    """Return the keys that are in any of some sets."""
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return some[0] if some else NOTHING
    return np.unique(np.concatenate(some))


def both(some: Keys, others: Keys) -> Keys:
    """Return the keys that are in both sets."""
    return np.intersect1d(some, others, assume_unique=True)


def without(some: Keys, unwanted: Keys) -> Keys:
    """Return the keys of the first set that are not in the second."""
    return np.setdiff1d(some, unwanted, assume_unique=True)


class KeptKeys:
    """Sets that were found over one state of the index, as many keys as fit; safe for threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[Any, Keys] = {}
        self._size = 0

    def get(self, name: Any, find: Callable[[], Keys]) -> Keys:
        """Return a set, found once."""
        known = self._found.get(name)
        if known is not None:
            return known
        found = find()
        if self._size + len(found) + _OF_AN_ENTRY > self._most:
            self._found, self._size = {}, 0
        self._found[name] = found
        self._size += len(found) + _OF_AN_ENTRY
        return found
