"""The leaves of a query: words, phrases, ranges and patterns of one field, each found in the index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sqlalchemy as sa

from filmroom.catalog.database import among, chunks
from filmroom.catalog.doi_fields import (
    EXISTS,
    LINK_FIELDS,
    Kind,
    as_term,
    keyword,
    kind_of,
    number_term,
    words,
)
from filmroom.catalog.doi_keys import NOTHING, KeptKeys, Keys, both, either, keys_of, without
from filmroom.catalog.doi_query import Wild, pieces
from filmroom.catalog.doi_terms import LONGEST_WHOLE_TEXT, positions, whole_text
from filmroom.catalog.doi_values import Bounds, number, period, stand_together, within, year
from filmroom.catalog.schema_dois import doi, doi_link, doi_posting, doi_term
from filmroom.errors import QueryRefused
from filmroom.model.doi_directory import DoiDirectory

MOST_EXPANDED = 1_000
"""Terms that one word with a wildcard may stand for."""

_FIRST_VALUE = "\x03"  # whole texts and the term of any value sort before
_LAST = "\U0010ffff"
_LONGEST_PHRASE = 60
_MOST_SLOP = 50
_AT_ONCE = 2_000


class Leaves:
    """Finds single conditions in one state of the index.

    :param kept: what was found of the same state. :param check_time: raises when it has taken too long.
    """

    def __init__(
        self,
        connection: sa.Connection,
        directory: DoiDirectory,
        kept: KeptKeys,
        check_time: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._directory = directory
        self._kept = kept
        self._check_time = check_time

    def word(self, field: str, value: str) -> Keys:
        parts = pieces(value)
        if all(isinstance(part, str) for part in parts):
            return self.value(field, "".join(str(part) for part in parts))
        kind = kind_of(field)
        if kind in {Kind.DATE, Kind.YEAR, Kind.COUNT, Kind.NUMBER}:
            raise QueryRefused(f"Can only use wildcards on text and keyword fields, not on [{field[:100]}]")
        folded = [
            part.lower() if isinstance(part, str) and kind in {Kind.TEXT, Kind.FOLDED, Kind.LINKS} else part
            for part in parts
        ]
        if kind is Kind.LINKS:
            return self._links(field, doi_link.c.object.like(_like(folded), escape="\\"))
        return self._pattern(field, kind, folded)

    def value(self, field: str, value: str) -> Keys:
        """Return what has one value: all words of it where the field is a text."""
        kind = kind_of(field)
        if kind is Kind.TEXT:
            found = [self._term(field, word) for word in words(value)]
            return reduce(both, found) if found else NOTHING
        if kind is Kind.LINKS:
            return self._links(field, doi_link.c.object == value.lower())
        if kind in {Kind.FOLDED, Kind.EXACT}:
            return self._term(field, keyword(kind, self._symbol(field, value)))
        return self.in_range(field, Bounds(value, value))

    def _symbol(self, field: str, value: str) -> str:
        if field == "client_id":
            return self._directory.client_symbol(value)
        return self._directory.provider_symbol(value) if field == "provider_id" else value

    def exists(self, field: str) -> Keys:
        kind = kind_of(field)
        if kind is Kind.COUNT:
            return self.columns(sa.true())
        if kind in {Kind.DATE, Kind.YEAR}:
            return self.columns(_column(field).is_not(None))
        if kind is Kind.LINKS:
            return self._links(field, sa.true())
        return self._term(field, EXISTS)

    def _term(self, field: str, term: str) -> Keys:
        return self._kept.get(
            ("term", field, term),
            lambda: keys_of(
                self._connection,
                doi_posting.c.doi_id,
                doi_posting.c.term_id
                == sa.select(doi_term.c.id)
                .where(doi_term.c.field == field, doi_term.c.term == term)
                .scalar_subquery(),
            ),
        )

    def _terms(self, key: tuple[Any, ...], chosen: sa.Select[Any]) -> Keys:
        return self._kept.get(
            key, lambda: keys_of(self._connection, doi_posting.c.doi_id, doi_posting.c.term_id.in_(chosen))
        )

    def columns(self, condition: sa.ColumnElement[bool]) -> Keys:
        return keys_of(self._connection, doi.c.id, condition)

    def _links(self, field: str, condition: sa.ColumnElement[bool]) -> Keys:
        related = sa.select(doi_link.c.subject).where(doi_link.c.kind == LINK_FIELDS[field], condition)
        return self.columns(doi.c.doi.in_(related))

    # -- many terms at once --------------------------------------------------------------------------

    def _pattern(self, field: str, kind: Kind, parts: list[str | Wild]) -> Keys:
        start = parts[0] if isinstance(parts[0], str) else ""
        low, high = max(start, _FIRST_VALUE), start + _LAST
        in_range = [doi_term.c.field == field, doi_term.c.term >= low, doi_term.c.term < high]
        key = ("pattern", field, tuple(parts))
        if kind is not Kind.TEXT and parts == [start, Wild.ANY]:
            # The beginning of a keyword is one piece of the index, however many values it holds.
            return self._terms(key, sa.select(doi_term.c.id).where(*in_range))
        whole = pattern_of(parts)
        return self._chosen(
            key,
            [*in_range, doi_term.c.term.like(_like(parts), escape="\\")],
            lambda t: bool(whole.fullmatch(t)),
        )

    def fuzzy(self, field: str, value: str, degree: Any) -> Keys:
        kind = kind_of(field)
        if kind not in {Kind.TEXT, Kind.FOLDED, Kind.EXACT}:
            return self.value(field, value)
        word = as_term(value if kind is Kind.EXACT else value.lower())
        most = _edits(word, degree)
        size = sa.func.length(doi_term.c.term).between(len(word) - most, len(word) + most)
        conditions = [doi_term.c.field == field, doi_term.c.term >= _FIRST_VALUE, size]
        return self._chosen(("fuzzy", field, word, most), conditions, lambda term: within(word, term, most))

    def _chosen(
        self, key: tuple[Any, ...], conditions: list[sa.ColumnElement[bool]], fits: Callable[[str], bool]
    ) -> Keys:
        """Return what has one of the terms that fit. :raises QueryRefused: when these are too many."""

        def find() -> Keys:
            chosen: list[int] = []
            for row in self._read_terms(conditions):
                if fits(row.term):
                    chosen.append(row.id)
                if len(chosen) > MOST_EXPANDED:
                    raise QueryRefused(f"A word of the query stands for more than {MOST_EXPANDED} others.")
            return keys_of(self._connection, doi_posting.c.doi_id, among(doi_posting.c.term_id, chosen))

        return self._kept.get(key, find)

    def _read_terms(self, conditions: list[sa.ColumnElement[bool]]) -> Iterator[Any]:
        """Yield terms in their order, read piece by piece."""
        last = ""
        while True:
            self._check_time()
            statement = sa.select(doi_term.c.id, doi_term.c.term).where(*conditions, doi_term.c.term > last)
            rows = self._connection.execute(statement.order_by(doi_term.c.term).limit(_AT_ONCE)).all()
            yield from rows
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1].term

    def in_range(self, field: str, bounds: Bounds) -> Keys:
        kind = kind_of(field)
        if kind in {Kind.DATE, Kind.YEAR, Kind.COUNT}:
            return self.columns(sa.and_(*_column_range(field, kind, bounds)))
        if kind is Kind.LINKS:
            return NOTHING
        low, high = (
            None if value is None else self._bound(field, kind, value) for value in (bounds.low, bounds.high)
        )
        term = doi_term.c.term
        conditions = [doi_term.c.field == field, term >= _FIRST_VALUE]
        if low is not None:
            conditions.append(term >= low if bounds.with_low else term > low)
        if high is not None:
            conditions.append(term <= high if bounds.with_high else term < high)
        return self._terms(("range", field, bounds), sa.select(doi_term.c.id).where(*conditions))

    def _bound(self, field: str, kind: Kind, value: str) -> str:
        if kind is Kind.NUMBER:
            return number_term(number(field, value))
        return as_term(value if kind is Kind.EXACT else value.lower())

    # -- phrases -------------------------------------------------------------------------------------

    def phrase(self, field: str, text: str, slop: int) -> Keys:
        if kind_of(field) is not Kind.TEXT:
            return self.value(field, text)
        said = words(text)
        if len(said) < 2:
            return self.value(field, text)
        if len(said) > _LONGEST_PHRASE or slop > _MOST_SLOP:
            raise QueryRefused(f"A phrase has at most {_LONGEST_PHRASE} words and {_MOST_SLOP} between them.")
        return self._kept.get(("phrase", field, tuple(said), slop), lambda: self._standing(field, said, slop))

    def _standing(self, field: str, said: list[str], slop: int) -> Keys:
        whole = self._term(field, whole_text(said)) if len(said) <= LONGEST_WHOLE_TEXT else NOTHING
        together = reduce(both, [self._term(field, word) for word in said])
        rest = without(together, whole)
        fitting = [
            key
            for some in chunks(rest.tolist(), _AT_ONCE)
            for key, places in self._places(field, said, some)
            if stand_together(places, slop)
        ]
        return either([whole, np.array(fitting, np.int64)])

    def _places(
        self, field: str, said: list[str], some: Sequence[int]
    ) -> Iterable[tuple[int, list[tuple[int, ...]]]]:
        self._check_time()
        rows = self._connection.execute(
            sa.select(doi_posting.c.doi_id, doi_term.c.term, doi_posting.c.positions)
            .select_from(doi_posting.join(doi_term, doi_term.c.id == doi_posting.c.term_id))
            .where(
                doi_term.c.field == field,
                doi_term.c.term.in_(sorted(set(said))),
                among(doi_posting.c.doi_id, some),
            )
        )
        found: dict[int, dict[str, bytes]] = {}
        for row in rows:
            found.setdefault(row.doi_id, {})[row.term] = row.positions
        for key, places in found.items():
            yield key, [positions(places[word]) for word in said]


def _edits(word: str, degree: Any) -> int:
    """Return how many letters may differ; without a number that depends on the length."""
    if degree is not None and degree >= 1:
        return min(int(degree), 2)
    return 0 if len(word) < 3 else 1 if len(word) < 6 else 2


def _column(field: str) -> sa.Column[Any]:
    return doi.c.publication_year if kind_of(field) is Kind.YEAR else doi.c[field]


def _column_range(field: str, kind: Kind, bounds: Bounds) -> list[sa.ColumnElement[bool]]:
    column = _column(field)
    conditions: list[sa.ColumnElement[bool]] = [column.is_not(None)]
    if kind is Kind.DATE:
        if bounds.low is not None:
            start, after = period(field, bounds.low)
            conditions.append(column >= (start if bounds.with_low else after))
        if bounds.high is not None:
            start, after = period(field, bounds.high)
            conditions.append(column < (after if bounds.with_high else start))
        return conditions
    read: Callable[[str, str], float] = year if kind is Kind.YEAR else number
    if bounds.low is not None:
        value = read(field, bounds.low)
        conditions.append(column >= value if bounds.with_low else column > value)
    if bounds.high is not None:
        value = read(field, bounds.high)
        conditions.append(column <= value if bounds.with_high else column < value)
    return conditions


def _like(parts: Sequence[str | Wild]) -> str:
    signs = {Wild.ANY: "%", Wild.ONE: "_"}
    return "".join(
        signs[part] if isinstance(part, Wild) else re.sub(r"([%_\\])", r"\\\1", part) for part in parts
    )


def pattern_of(parts: Sequence[str | Wild]) -> re.Pattern[str]:
    """Return what matches whole terms with wildcards.

    What stands between two ``*`` is taken where it comes first, and not looked for again (an atomic group):
    tried at every place, a few letters with stars between them would take hours on one long title.
    """
    runs = [""]
    for part in parts:
        if part is Wild.ANY:
            runs.append("")
        else:
            runs[-1] += "." if isinstance(part, Wild) else re.escape(part)
    first, *between = runs
    end = f".*{between.pop()}" if between else ""
    return re.compile(first + "".join(f"(?>.*?{run})" for run in between) + end, re.DOTALL)
