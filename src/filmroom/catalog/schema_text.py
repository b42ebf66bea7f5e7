"""The tables of text search beside those of ``schema``."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import TSVECTOR

from filmroom.catalog.schema import Id, metadata, text

# What can be found of a series, one row each. ``fields``: values of the catalogue itself; ``tags``: values of
# one of its files, as far as they are others; both deflated, a line each. The file waits to be read while
# ``waiting_since`` is set; ``problem`` says why it could not be.
series_text = Table(
    "series_text",
    metadata,
    Column("series_key", Id, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("fields", LargeBinary, nullable=False),
    Column("tags", LargeBinary, nullable=False),
    Column("waiting_since", DateTime),
    Column("leased_by", text(200)),
    Column("lease_expires", DateTime),
    Column("attempts", SmallInteger, nullable=False, default=0, server_default="0"),
    Column("problem", Text),
)
# Of all series few wait: both indexes hold these alone.
_waiting = series_text.c.waiting_since
_problem = series_text.c.problem
Index(
    "ix_series_text_waiting_since",
    _waiting,
    series_text.c.series_key,
    sqlite_where=_waiting.is_not(None),
    postgresql_where=_waiting.is_not(None),
)
Index(
    "ix_series_text_problem",
    series_text.c.series_key,
    sqlite_where=_problem.is_not(None),
    postgresql_where=_problem.is_not(None),
)

# The index proper. This is PostgreSQL's; in SQLite it is a virtual table of FTS5 by the same name, whose
# rowid is the key. See ``text_words``.
series_words = Table(
    "series_words",
    metadata,
    Column("series_key", Id, primary_key=True, autoincrement=False),
    Column("words", TSVECTOR().with_variant(Text(), "sqlite"), nullable=False),
)
Index("ix_series_words_words", series_words.c.words, postgresql_using="gin")
