"""What can be asked of lists of DOIs: conditions, a query string, an order and a part of the result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from filmroom.model.dois import ShownDoi


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column of the record has one of these values."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InYears:
    """A moment, or the year of publication, lies within these years."""

    column: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A count is at least so much."""

    column: str
    number: int


@dataclass(frozen=True, slots=True)
class HasTerm:
    """A field of the index has one of these values; without values, any."""

    field: str
    values: tuple[str, ...] = ()


Condition = OneOf | InYears | AtLeast | HasTerm

SORTS = ("name", "created", "updated", "published", "view", "download", "citation", "title", "relevance")
"""What lists can be sorted by; everything but relevance also descending. Ties go by DOI."""


@dataclass(frozen=True, slots=True)
class DoiQuestion:
    """Which records: those that meet every condition, at least one of ``any_of`` where there are some, and
    the query string. ``strict``: the query knows names of DataCite's index alone.
    """

    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()
    query: str = ""
    strict: bool = False

    @property
    def has_conditions(self) -> bool:
        """Whether there is anything but a query string."""
        return bool(self.all_of or self.any_of)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place after a record in the order of creation."""

    created: dt.datetime
    doi: str


BEGINNING = Cursor(dt.datetime(1, 1, 1), "")  # noqa: DTZ001 - naive UTC as everywhere


@dataclass(frozen=True, slots=True)
class DoiPart:
    """Which part of a result, in which order.

    With a ``cursor`` the order is that of creation, and ``offset`` counts nothing. ``sample`` takes so many
    at random from each ``group`` (client, provider, resource_type_id; empty: of all).
    """

    size: int
    offset: int = 0
    sort: str = "updated"
    descending: bool = True
    cursor: Cursor | None = None
    random: bool = False
    sample: int | None = None
    group: str = ""
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """A value that lists are counted by, and how many records have it. ``label`` is its name, or empty."""

    value: str
    count: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class FoundDois:
    """Part of a result. ``total`` and ``facets`` are of all of it; facets are empty unless asked for."""

    total: int
    records: list[ShownDoi]
    facets: Mapping[str, list[Counted]] = field(default_factory=dict)
