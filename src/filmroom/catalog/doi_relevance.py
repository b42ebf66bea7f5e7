"""How well a record answers a query: BM25 over the words of the query, each with the weight of its field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa
from luqum.tree import Boost, Fuzzy, Item, Not, Phrase, Prohibit, Proximity, SearchField, Word

from filmroom.catalog.database import among
from filmroom.catalog.doi_fields import DEFAULT_FIELDS, Kind, index_name, keyword, kind_of, words
from filmroom.catalog.doi_keys import Keys
from filmroom.catalog.doi_query import unescaped
from filmroom.catalog.schema_dois import doi_posting, doi_term

Scores = np.ndarray[Any, np.dtype[np.float64]]

_SATURATION = 1.2
_MOST_WORDS = 64


def scores(connection: sa.Connection, tree: Item | None, found: Keys, *, strict: bool, total: int) -> Scores:
    """Return what the records of a result score, in their order.

    :param total: how many records there are, to know which words are rare.
    """
    result = np.zeros(len(found))
    if tree is None or not len(found):
        return result
    for field, term, weight in list(_wanted(tree, "", 1.0, strict=strict))[:_MOST_WORDS]:
        rows = connection.execute(
            sa.select(doi_posting.c.doi_id, sa.func.length(doi_posting.c.positions))
            .select_from(doi_posting.join(doi_term, doi_term.c.id == doi_posting.c.term_id))
            .where(
                doi_term.c.field == field,
                doi_term.c.term == term,
                among(doi_posting.c.doi_id, found.tolist()),
            )
        ).all()
        if not rows:
            continue
        rarity = math.log(1 + (total - len(rows) + 0.5) / (len(rows) + 0.5))
        places = np.searchsorted(found, np.array([row[0] for row in rows], np.int64))
        often = np.array([max((row[1] or 4) // 4, 1) for row in rows], np.float64)
        result[places] += weight * rarity * often * (_SATURATION + 1) / (often + _SATURATION)
    return result


def _wanted(tree: Item, field: str, weight: float, *, strict: bool) -> Iterator[tuple[str, str, float]]:
    """Yield the terms of a query that raise a score: field, term and weight."""
    if isinstance(tree, Not | Prohibit):
        return
    if isinstance(tree, SearchField):
        field = index_name(unescaped(tree.name), strict=strict)
    elif isinstance(tree, Boost):
        weight *= float(tree.force)
    if isinstance(tree, Word | Phrase):
        text = unescaped(tree.value[1:-1] if isinstance(tree, Phrase) else tree.value)
        for name, of_field in {field: 1.0}.items() if field else DEFAULT_FIELDS.items():
            kind = kind_of(name)
            terms = words(text) if kind is Kind.TEXT else [keyword(kind, text)]
            yield from ((name, term, weight * of_field) for term in terms)
    elif isinstance(tree, Proximity | Fuzzy):
        yield from _wanted(tree.children[0], field, weight, strict=strict)
    else:
        for child in tree.children:
            yield from _wanted(child, field, weight, strict=strict)
