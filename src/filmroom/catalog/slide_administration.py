"""Slides as those change them who look after a collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.administration import record_change
from filmroom.catalog.database import Database
from filmroom.catalog.ledger import forget_unused
from filmroom.catalog.pages import paged
from filmroom.catalog.schema import collection, stored_object
from filmroom.catalog.schema_slides import slide, slide_originals
from filmroom.catalog.write import now
from filmroom.errors import NotFound
from filmroom.model.slides import SlideDescription

_NOT_TOLD = frozenset({"collection_id", "site_id", "folded_name", "object_id"})


class SlideAdministration:
    """Changes to slides by hand, each recorded and in a transaction of its own; not for viewers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self, name: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield what is known of every slide, or of a collection's, in the order in which they came."""
        columns = [column for column in slide.c if column.name not in _NOT_TOLD]
        statement = sa.select(collection.c.name.label("collection"), *columns).select_from(
            slide.join(collection, collection.c.id == slide.c.collection_id)
        )
        if name is not None:
            statement = statement.where(collection.c.name == name)
        for page in paged(self._database, statement, (slide.c.id,)):
            for row in page:
                digests = {key: bytes(row[key]).hex() for key in ("md5", "sha256", "original_sha256")}
                yield {**row, **digests}

    def describe(self, name: str, rows: Sequence[SlideDescription]) -> None:
        """Set what is known of slides of a collection; what a row leaves out (None) stays.

        :raises NotFound: when there is no such collection, or one of the slides; nothing was changed.
        """
        with self._database.writing() as connection:
            for row in rows:
                found = _find(connection, name, row.name)
                values = {
                    key: value
                    for key in ("subject_id", "image_id", "stain")
                    if (value := getattr(row, key)) is not None
                }
                if values:
                    changed = sa.update(slide).where(slide.c.id == found).values(**values, changed=now())
                    connection.execute(changed)
            record_change(connection, f"collection {name}", {"slides described": len(rows)})

    def remove(self, name: str, slides: Sequence[str]) -> list[str]:
        """Forget slides of a collection; return the store keys that nothing refers to any more.

        :raises NotFound: when there is no such collection, or one of the slides; nothing was changed.
        """
        with self._database.writing() as connection:
            found = [_find(connection, name, each) for each in slides]
            keys = list(
                connection.scalars(
                    sa.select(stored_object.c.object_key)
                    .select_from(slide.join(stored_object))
                    .where(slide.c.id.in_(found), ~stored_object.c.in_place)
                )
            )
            connection.execute(sa.delete(slide).where(slide.c.id.in_(found)))
            record_change(connection, f"collection {name}", {"slides removed": list(slides)})
            return forget_unused(connection, keys)

    def set_originals(self, name: str, *, given: bool) -> None:
        """Let slides of a collection that come from now on be given out as they came, or not.

        :raises NotFound: when there is no such collection.
        """
        with self._database.writing() as connection:
            found = connection.scalar(sa.select(collection.c.id).where(collection.c.name == name))
            if found is None:
                raise NotFound(f"There is no collection {name!r}.")
            connection.execute(sa.delete(slide_originals).where(slide_originals.c.collection_id == found))
            if given:
                connection.execute(sa.insert(slide_originals).values(collection_id=found))
            record_change(connection, f"collection {name}", {"slide originals": given})


def _find(connection: sa.Connection, name: str, file_name: str) -> int:
    statement = (
        sa.select(slide.c.id)
        .select_from(slide.join(collection, collection.c.id == slide.c.collection_id))
        .where(collection.c.name == name, slide.c.name == file_name)
    )
    found = connection.scalar(statement)
    if found is None:
        raise NotFound(f"Collection {name!r} has no slide {file_name!r}.")
    return int(found)
