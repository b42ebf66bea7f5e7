"""What is found of a series: values of its row and its parents', and of one of its files."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import chunks
from filmroom.catalog.schema import collection, patient, series, site, study
from filmroom.catalog.schema_text import series_text
from filmroom.catalog.series_rows import SERIES_FROM
from filmroom.catalog.text_words import add_words, remove_words
from filmroom.model.attributes import at_level

LONGEST_VALUE = 4_000
LONGEST_TEXT = 64_000
"""Characters of one value, and of all values of one file, that can be found."""

_FIELDS: tuple[sa.ColumnElement[Any], ...] = (
    collection.c.name.label("collection"),
    site.c.name.label("site"),
    *(
        table.c[attribute.column]
        for level, table in (("patient", patient), ("study", study), ("series", series))
        for attribute in at_level(level)  # type: ignore[arg-type]
        if attribute.kind == "text"
    ),
)


def distinct_values(values: Iterable[str | None], room: int = LONGEST_TEXT) -> list[str]:
    """Return each value once, on one line, as far as they fit into ``room`` characters."""
    kept: dict[str, None] = {}
    for value in values:
        text = " ".join((value or "")[:LONGEST_VALUE].split())
        if not text or text in kept:
            continue
        room -= len(text)
        if room < 0:
            break
        kept[text] = None
    return list(kept)


def packed(values: Sequence[str]) -> bytes:
    """Return values as they are kept; nothing for none."""
    return zlib.compress("\n".join(values).encode("utf-8", "replace")) if values else b""


def unpacked(data: bytes) -> list[str]:
    """Return what :func:`packed` was given."""
    return zlib.decompress(data).decode().split("\n") if data else []


def index_fields(connection: sa.Connection, series_keys: Iterable[int], moment: dt.datetime) -> None:
    """Index what the catalogue itself says of series; their files wait to be read, where they are new."""
    rewrite(connection, series_keys, {}, moment)


def mark_waiting(
    connection: sa.Connection,
    level: sa.Table,
    keys: Sequence[int],
    moment: dt.datetime,
) -> None:
    """Let series be indexed anew, in the background: some, or those of some studies or patients."""
    column = {series: series.c.id, study: series.c.study_key, patient: series.c.patient_key}[level]
    for some in chunks(sorted(keys)):
        # Locked in the order of the keys, as everybody does it: so nobody waits for each other.
        affected = connection.scalars(
            sa.select(series_text.c.series_key)
            .select_from(series_text.join(series, series.c.id == series_text.c.series_key))
            .where(column.in_(some))
            .order_by(series_text.c.series_key)
            .with_for_update(of=series_text)
        )
        for those in chunks(list(affected)):
            connection.execute(
                sa.update(series_text)
                .where(series_text.c.series_key.in_(those))
                .values(
                    waiting_since=sa.func.coalesce(series_text.c.waiting_since, moment),
                    # Whoever is at it has seen the values of before.
                    leased_by=None,
                    lease_expires=None,
                    attempts=0,
                    problem=None,
                )
            )


def rewrite(
    connection: sa.Connection,
    series_keys: Iterable[int],
    tags: Mapping[int, Sequence[str]],
    moment: dt.datetime,
) -> None:
    """Index series anew: what the catalogue says of them now, and ``tags`` or what is known of their files.

    :param moment: since when the file of a series waits that has no row yet.
    """
    for keys in chunks(sorted(set(series_keys))):
        # Locked in the order of the keys, before anything is read that another may be changing.
        held = sa.select(series_text).where(series_text.c.series_key.in_(keys))
        rows = connection.execute(held.order_by(series_text.c.series_key).with_for_update())
        known = {row.series_key: (unpacked(row.fields), unpacked(row.tags)) for row in rows}
        # A row without values has not been indexed at all.
        remove_words(connection, {key: [*f, *t] for key, (f, t) in known.items() if f or t})
        new, old = [], []
        words: dict[int, list[str]] = {}
        for key, fields in _fields(connection, keys):
            own = set(fields)
            others = [value for value in tags.get(key, known.get(key, ((), ()))[1]) if value not in own]
            words[key] = [*fields, *others]
            values = {"fields": packed(fields), "tags": packed(others)}
            if key in known:
                old.append({"key": key, **values})
            else:
                new.append({"series_key": key, **values, "waiting_since": moment, "attempts": 0})
        if new:
            connection.execute(sa.insert(series_text), new)
        if old:
            this = series_text.c.series_key == sa.bindparam("key")
            changed: dict[str, Any] = {name: sa.bindparam(name) for name in ("fields", "tags")}
            connection.execute(sa.update(series_text).where(this).values(changed), old)
        add_words(connection, words)


def _fields(connection: sa.Connection, keys: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    rows = connection.execute(
        sa.select(series.c.id, *_FIELDS).select_from(SERIES_FROM).where(series.c.id.in_(keys))
    )
    for key, *values in rows:
        yield key, distinct_values(values)
