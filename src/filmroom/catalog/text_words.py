"""The full-text index: FTS5 in SQLite, a ``tsvector`` with a GIN index in PostgreSQL, behind one face.

Both get words that were split here (:mod:`filmroom.model.words`) and never split themselves. Between two
values lies a gap that no phrase crosses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

from filmroom.catalog.database import chunks
from filmroom.catalog.schema_text import series_words
from filmroom.model.text_search import Clause, Phrase
from filmroom.model.words import words_of

Texts = Mapping[int, Sequence[str]]
"""The key of each series and the values that are found of it."""

# The name of FTS5's table is a column of it, which takes commands and questions.
_fts = sa.table(
    "series_words",
    sa.column("rowid", sa.Integer()),
    sa.column("words", sa.Text()),
    sa.column("series_words", sa.Text()),
)
_GAP = "."
"""A word to FTS5 that no value has and nobody can ask for."""
# What a tsvector holds (its manual, 12.3): larger positions are all the same to it.
_MOST_POSITIONS = 255
_LAST_POSITION = 16_383


def add_words(connection: sa.Connection, texts: Texts) -> None:
    """Index series that are not in the index."""
    if not texts:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(
            sa.insert(_fts), [{"rowid": key, "words": _line(values)} for key, values in texts.items()]
        )
        return
    connection.execute(
        sa.insert(series_words).values(words=sa.cast(sa.bindparam("vector", type_=sa.Text()), TSVECTOR)),
        [{"series_key": key, "vector": _vector(values)} for key, values in texts.items()],
    )


def remove_words(connection: sa.Connection, texts: Texts) -> None:
    """Take series out of the index, with exactly the values with which they are in it."""
    if not texts:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(
            sa.insert(_fts),
            [
                {"series_words": "delete", "rowid": key, "words": _line(values)}
                for key, values in texts.items()
            ],
        )
        return
    for keys in chunks(sorted(texts)):
        connection.execute(sa.delete(series_words).where(series_words.c.series_key.in_(keys)))


def series_with(clause: Clause, dialect: str) -> sa.FromClause:
    """Return the series (``series_key``) that hold one of the phrases of a clause."""
    if dialect == "sqlite":
        asked = " OR ".join(f'"{" ".join(phrase.words)}"{" *" * phrase.is_prefix}' for phrase in clause)
        found: sa.Select[Any] = sa.select(_fts.c.rowid.label("series_key"))
        return found.where(_fts.c.series_words.op("MATCH")(asked)).subquery()
    asked = " | ".join(f"({_follows(phrase)})" for phrase in clause)
    holds = series_words.c.words.op("@@")(sa.cast(asked, TSQUERY))
    # By itself, so that the index on the words is what it begins with, and not every series there is.
    return sa.select(series_words.c.series_key).where(holds).cte().prefix_with("MATERIALIZED")


def indexed_keys(connection: sa.Connection, first: int, last: int) -> set[int]:
    """Return which series of a range of keys are in the index."""
    key = _fts.c.rowid if connection.dialect.name == "sqlite" else series_words.c.series_key
    return set(connection.scalars(sa.select(key).where(key.between(first, last))))


# A word has no character that any of these languages gives a meaning, but for the dots of numbers, which
# quotes cover.


def _line(values: Iterable[str]) -> str:
    return f" {_GAP} ".join(" ".join(words_of(value)) for value in values)


def _vector(values: Iterable[str]) -> str:
    positions: dict[str, list[str]] = {}
    place = 0
    for value in values:
        for word in words_of(value):
            place = min(place + 1, _LAST_POSITION)
            at = positions.setdefault(word, [])
            if len(at) < _MOST_POSITIONS:
                at.append(str(place))
        place += 1
    return " ".join(f"'{word}':{','.join(at)}" for word, at in positions.items())


def _follows(phrase: Phrase) -> str:
    text = " <-> ".join(f"'{word}'" for word in phrase.words)
    return f"{text}:*" if phrase.is_prefix else text
