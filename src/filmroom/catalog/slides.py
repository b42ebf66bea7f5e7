"""Slides as viewers see them, and as those see them who look after the archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.agreement_gate import agreement_missing_at, effective_agreement
from filmroom.catalog.database import Database
from filmroom.catalog.schema import collection, site, stored_object
from filmroom.catalog.schema_agreements import agreement
from filmroom.catalog.schema_slides import slide, slide_originals
from filmroom.catalog.visible import granted_site
from filmroom.errors import AgreementRequired, NotFound
from filmroom.model.access import VisibleSet
from filmroom.model.datasets import SlideTotals
from filmroom.model.entities import Location
from filmroom.model.slides import Slide, SlideCollection, SlideFile

_PAGE = 1_000
_NAMES: dict[str, sa.Column[Any]] = {"collection": collection.c.name, "site": site.c.name}
_COLUMNS = tuple(_NAMES[name] if name in _NAMES else slide.c[name] for name in Slide.__dataclass_fields__)
"""In the order of the fields."""
_WHOLE = slide.join(collection, collection.c.id == slide.c.collection_id).join(
    site, site.c.id == slide.c.site_id
)


@dataclass(frozen=True, slots=True)
class HeldSlide:
    """A catalogued slide's file, whoever may see it."""

    collection: str
    content: SlideFile


class Slides:
    """Questions about slides, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collections(self, visible: VisibleSet) -> list[SlideCollection]:
        """Return the collections in which the viewer may see slides, by name."""
        statement = (
            sa.select(
                collection.c.id,
                collection.c.name,
                sa.func.count().label("slides"),
                sa.func.max(slide.c.changed).label("changed"),
            )
            .select_from(slide.join(collection, collection.c.id == slide.c.collection_id))
            .where(_visible(visible))
            .group_by(collection.c.id, collection.c.name)
            .order_by(collection.c.name)
        )
        with self._database.reading() as connection:
            return [SlideCollection(*row) for row in connection.execute(statement)]

    def totals(self, visible: VisibleSet) -> dict[str, SlideTotals]:
        """Return what there is in the collections in which the viewer may see slides, by their names."""
        statement = (
            sa.select(
                collection.c.name,
                collection.c.id,
                sa.func.count().label("slides"),
                sa.func.count(slide.c.subject_id.distinct()).label("subjects"),
                sa.func.sum(slide.c.size).label("size"),
            )
            .select_from(slide.join(collection, collection.c.id == slide.c.collection_id))
            .where(_visible(visible))
            .group_by(collection.c.name, collection.c.id)
        )
        formats = sa.select(slide.c.collection_id, slide.c.format).where(_visible(visible)).distinct()
        with self._database.reading() as connection:
            found: dict[int, list[str]] = {}
            for key, name in connection.execute(formats.order_by(slide.c.format)):
                found.setdefault(key, []).append(name)
            return {
                row.name: SlideTotals(
                    row.id, row.slides, row.subjects, int(row.size), tuple(found.get(row.id, ()))
                )
                for row in connection.execute(statement)
            }

    def page(
        self, collection_id: int, visible: VisibleSet, *, offset: int = 0, limit: int = _PAGE
    ) -> list[Slide]:
        """Return slides of a collection, in the order in which they came."""
        values = {"collection": collection_id, "offset": offset, "limit": limit}
        with self._database.reading() as connection:
            return [Slide(*row) for row in connection.execute(_page_statement(visible), values)]

    def all(self, visible: VisibleSet) -> Iterator[list[Slide]]:
        """Yield pages of every slide that the viewer may see, by their numbers."""
        last = 0
        statement = sa.select(*_COLUMNS).select_from(_WHOLE).where(_visible(visible))
        statement = statement.order_by(slide.c.id).limit(_PAGE)
        while True:
            with self._database.reading() as connection:
                page = [Slide(*row) for row in connection.execute(statement.where(slide.c.id > last))]
            if not page:
                return
            yield page
            last = page[-1].id

    def find(self, slide_id: int, visible: VisibleSet) -> Slide:
        """Return one slide. :raises NotFound:"""
        statement = sa.select(*_COLUMNS).select_from(_WHOLE).where(slide.c.id == slide_id, _visible(visible))
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise NotFound(f"There is no slide {slide_id}.")
        return Slide(*row)

    def file(self, slide_id: int, visible: VisibleSet) -> SlideFile:
        """Return the file of a slide. :raises NotFound: :raises AgreementRequired:"""
        with self._database.reading() as connection:
            row = connection.execute(_file_statement(visible), {"id": slide_id}).one_or_none()
        if row is None:
            raise NotFound(f"There is no slide {slide_id}.")
        if row.missing:
            raise AgreementRequired(f"The data usage agreement of slide {slide_id} has not been accepted.")
        return _file(row)

    # -- for those who run the archive ---------------------------------------------------------------

    def held(self) -> Iterator[list[HeldSlide]]:
        """Yield pages of every slide's file."""
        last = 0
        statement = (
            sa.select(slide.c.id, collection.c.name.label("collection"), *_FILE_COLUMNS)
            .select_from(slide.join(stored_object).join(collection, collection.c.id == slide.c.collection_id))
            .order_by(slide.c.id)
            .limit(_PAGE)
        )
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(statement.where(slide.c.id > last)).all()
            if not rows:
                return
            yield [HeldSlide(row.collection, _file(row)) for row in rows]
            last = rows[-1].id

    def is_still(self, held: HeldSlide) -> bool:
        """Whether a slide's file is still catalogued as it was read."""
        statement = (
            sa.select(sa.func.count())
            .select_from(slide.join(stored_object))
            .where(
                slide.c.sha256 == held.content.sha256,
                stored_object.c.object_key == held.content.location.key,
            )
        )
        with self._database.reading() as connection:
            return bool(connection.scalar(statement))

    def with_originals(self) -> frozenset[str]:
        """Return the collections whose slides are given out as they came."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(_WITH_ORIGINALS))


_WITH_ORIGINALS = sa.select(collection.c.name).select_from(collection.join(slide_originals))


def _visible(visible: VisibleSet) -> sa.ColumnElement[bool]:
    in_scope = slide.c.visibility.in_([sa.literal_column(str(int(code))) for code in visible.scope.value])
    return sa.and_(in_scope, granted_site(slide.c.site_id, visible))


# Building a statement costs more than running it: those of lists and tiles are built once.


@lru_cache(maxsize=512)
def _page_statement(visible: VisibleSet) -> sa.Select[Any]:
    """Slides of a collection; parameters ``collection``, ``offset`` and ``limit``."""
    # Found in the index alone, however many are passed over.
    numbers = (
        sa.select(slide.c.id)
        .where(slide.c.collection_id == sa.bindparam("collection"), _visible(visible))
        .order_by(slide.c.id)
        .offset(sa.bindparam("offset"))
        .limit(sa.bindparam("limit"))
    )
    return sa.select(*_COLUMNS).select_from(_WHOLE).where(slide.c.id.in_(numbers)).order_by(slide.c.id)


@lru_cache(maxsize=512)
def _file_statement(visible: VisibleSet) -> sa.Select[Any]:
    """Where the file of a slide lies, and whether an agreement stands before it; parameter ``id``."""
    return (
        sa.select(*_FILE_COLUMNS, agreement_missing_at(visible, slide.c.site_id).label("missing"))
        .select_from(
            slide.join(stored_object)
            .join(site, site.c.id == slide.c.site_id)
            .outerjoin(agreement, agreement.c.id == effective_agreement(site.c.collection_id))
        )
        .where(slide.c.id == sa.bindparam("id"), _visible(visible))
    )


_FILE_COLUMNS = (
    slide.c.name,
    slide.c.size,
    slide.c.md5,
    slide.c.sha256,
    slide.c.crc32,
    stored_object.c.object_key,
    stored_object.c.size.label("object_size"),
    stored_object.c.modified_ns,
    stored_object.c.in_place,
)


def _file(row: Any) -> SlideFile:
    return SlideFile(
        name=row.name,
        size=row.size,
        md5=bytes(row.md5),
        sha256=bytes(row.sha256),
        crc32=row.crc32,
        location=Location(
            row.object_key, 0, row.size, row.object_size, row.modified_ns, in_place=bool(row.in_place)
        ),
    )
