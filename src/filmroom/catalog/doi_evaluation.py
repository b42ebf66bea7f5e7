"""From a query's tree to the records that match: what its leaves find, joined as it says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from luqum.tree import (
    AndOperation,
    BaseGroup,
    Boost,
    From,
    Fuzzy,
    Item,
    Not,
    OrOperation,
    Phrase,
    Plus,
    Prohibit,
    Proximity,
    Range,
    SearchField,
    To,
    UnknownOperation,
    Word,
)

from filmroom.catalog.doi_fields import DEFAULT_FIELDS, index_name, words
from filmroom.catalog.doi_keys import NOTHING, KeptKeys, Keys, both, either, without
from filmroom.catalog.doi_leaves import Leaves
from filmroom.catalog.doi_query import DEEPEST_QUERY, unescaped
from filmroom.catalog.doi_values import Bounds
from filmroom.catalog.schema_dois import doi
from filmroom.errors import QueryRefused
from filmroom.model.doi_directory import DoiDirectory


class Evaluation:
    """One query over one state of the index.

    :param everything: the keys that the asker may see: what is not meant is taken from these.
    :param kept: leaves that were found in the same state.
    """

    def __init__(
        self,
        connection: sa.Connection,
        everything: Keys,
        directory: DoiDirectory,
        kept: KeptKeys,
        *,
        strict: bool,
        deadline: float,
    ) -> None:
        self._leaves = Leaves(connection, directory, kept, self.check_time)
        self._everything = everything
        self._directory = directory
        self._strict = strict
        self._deadline = deadline

    def matching(self, tree: Item, field: str = "", depth: int = 0) -> Keys:
        """Return the keys of a tree within ``field``, or in the default fields."""
        if depth > 3 * DEEPEST_QUERY:
            raise QueryRefused(f"A query is at most {DEEPEST_QUERY} levels deep.")
        self.check_time()
        if isinstance(tree, SearchField):
            return self._in_field(tree, depth)
        if isinstance(tree, BaseGroup | Boost | Plus):
            return self.matching(tree.children[0], field, depth + 1)
        if isinstance(tree, Not | Prohibit):
            return without(self._everything, self.matching(tree.children[0], field, depth + 1))
        if isinstance(tree, OrOperation):
            return either([self.matching(each, field, depth + 1) for each in tree.children])
        if isinstance(tree, AndOperation | UnknownOperation):
            return self._all(tree.children, field, depth)
        return self._leaf(tree, field)

    def check_time(self) -> None:
        """:raises QueryRefused: when the query has taken too long."""
        if time.monotonic() > self._deadline:
            raise QueryRefused("The query takes too long.")

    def _all(self, children: Sequence[Item], field: str, depth: int) -> Keys:
        wanted = [each for each in children if not isinstance(each, Not | Prohibit)]
        found = self._everything
        for each in wanted:
            found = both(found, self.matching(each, field, depth + 1))
        for each in children:
            if isinstance(each, Not | Prohibit):
                unwanted = self.matching(each.children[0], field, depth + 1)
                found = without(found, unwanted)
        return found

    def _in_field(self, tree: SearchField, depth: int) -> Keys:
        name, inner = unescaped(tree.name), tree.children[0]
        if name == "_exists_" and isinstance(inner, Word):
            return self._leaves.exists(index_name(unescaped(inner.value), strict=self._strict))
        if name == "*":
            return self.matching(inner, "", depth + 1)
        return self.matching(inner, index_name(name, strict=self._strict), depth + 1)

    # -- leaves --------------------------------------------------------------------------------------

    def _leaf(self, tree: Item, field: str) -> Keys:
        if isinstance(tree, Word) and tree.value == "*":
            return self._leaves.exists(field) if field else self._everything
        if field:
            return self._in_one(tree, field)
        return either([self._in_one(tree, each) for each in DEFAULT_FIELDS])

    def _in_one(self, tree: Item, field: str) -> Keys:
        head, dot, rest = field.partition(".")
        if dot and head in {"client", "provider"}:
            return self._of_members(tree, head, rest)
        if isinstance(tree, Word):
            return self._leaves.word(field, tree.value)
        if isinstance(tree, Phrase):
            return self._leaves.phrase(field, unescaped(tree.value[1:-1]), 1)
        if isinstance(tree, Proximity):
            return self._leaves.phrase(field, unescaped(tree.children[0].value[1:-1]), _whole(tree.degree))
        if isinstance(tree, Fuzzy):
            return self._leaves.fuzzy(field, unescaped(str(tree.children[0])), tree.degree)
        bounds = _bounds(tree)
        if bounds is None:
            raise QueryRefused(f"Failed to parse query [{str(tree)[:200]}]")
        return self._leaves.in_range(field, bounds)

    # -- whose record it is --------------------------------------------------------------------------

    def _of_members(self, tree: Item, kind: str, name: str) -> Keys:
        """Return the records of repositories, or providers, that a leaf is about."""
        if not isinstance(tree, Word | Phrase):
            return NOTHING
        text = unescaped(tree.value[1:-1] if isinstance(tree, Phrase) else tree.value)
        members = self._directory.clients if kind == "client" else self._directory.providers
        described = {symbol: _said_of(each, name) for symbol, each in members.items()}
        wanted = set(words(text))
        chosen = [
            symbol
            for symbol, said in described.items()
            if said is not None and (wanted <= set(words(said)) if name == "name" else said == text)
        ]
        return self._leaves.columns(doi.c[kind].in_(chosen))


def _whole(degree: Any) -> int:
    return int(degree) if isinstance(degree, int | float | Decimal) and degree >= 0 else 0


def _bounds(tree: Item) -> Bounds | None:
    if isinstance(tree, Range):
        low, high = (_bound_text(each) for each in tree.children)
        return Bounds(low, high, tree.include_low, tree.include_high)
    if isinstance(tree, From):
        return Bounds(_bound_text(tree.children[0]), None, tree.include)
    if isinstance(tree, To):
        return Bounds(None, _bound_text(tree.children[0]), with_high=tree.include)
    return None


def _bound_text(item: Item) -> str | None:
    value = str(getattr(item, "value", item)).strip()
    if value == "*":
        return None
    return unescaped(value[1:-1] if isinstance(item, Phrase) else value)


def _said_of(member: Any, name: str) -> str | None:
    if name == "client_type":
        return "repository"
    value = getattr(member, name, None)
    return value if isinstance(value, str) else None
