"""Text search over a part of the catalogue: words of the index of IDC as values of the catalogue.

To index all would take several minutes an engine, so some are; a search looks at what is indexed alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterator

from catalog_archives import Archive
from catalog_questions import Question
from filmroom.catalog.database import Database
from filmroom.catalog.text_documents import index_fields

SERIES = 100_000
"""Series that are indexed."""

_AT_ONCE = 1_000
_WORDS = (
    ("a rare word", "gated"),
    ("a common word", "lung"),
    ("two words", "lung gated"),
    ("a phrase", '"gated, 10.0%A"'),
    ("the beginning of a word", "gat*"),
)


def index(archive: Archive, count: int) -> float:
    """Index the first series of an archive as an ingest does; return the seconds it took for one."""
    began = time.perf_counter()
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with contextlib.closing(Database(archive.url)) as database:
        for first in range(1, count + 1, _AT_ONCE):
            with database.writing() as connection:
                index_fields(connection, range(first, min(first + _AT_ONCE, count + 1)), moment)
    return (time.perf_counter() - began) / count


def text_questions() -> Iterator[Question]:
    """Yield text searches: the first page by different kinds of words."""
    for what, words in _WORDS:
        form = {"textValue": words, "start": "0", "size": "10"}
        yield Question(f"text search, {what}", "other", "getTextSearchPaged", form, "POST")
