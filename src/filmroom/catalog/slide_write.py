"""Slides into the catalogue: names that are taken once, and the terms under which slides come in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.places import Places
from filmroom.catalog.schema import collection, site
from filmroom.catalog.schema_slides import slide
from filmroom.catalog.write import object_ids
from filmroom.errors import IdentityConflict
from filmroom.model.entities import ItemOutcome
from filmroom.model.naming import folded
from filmroom.model.slides import IncomingSlide

_TERMS = ("licence_name", "licence_url", "description_uri", "visibility")


def slide_is_there(connection: sa.Connection, name: str, file_name: str, original_sha256: bytes) -> bool:
    """Return whether a collection has a slide under that name, of the same original."""
    statement = (
        sa.select(sa.func.count())
        .select_from(slide.join(collection, collection.c.id == slide.c.collection_id))
        .where(
            collection.c.name == name, slide.c.name == file_name, slide.c.original_sha256 == original_sha256
        )
    )
    return bool(connection.scalar(statement))


class SlideAcceptance:
    """One transaction's worth of incoming slides.

    A name stands once in a collection, without regard to case. The same file again is *present*, another
    under its name is a conflict.
    """

    def __init__(self, connection: sa.Connection, moment: dt.datetime) -> None:
        self._connection = connection
        self._places = Places(connection)
        self._moment = moment

    def take(self, item: IncomingSlide) -> ItemOutcome:
        """Decide on one slide and write it. :raises IdentityConflict: with a sentence for a person."""
        place = self._places.site(item.assignment)
        collection_id = self._connection.scalar(sa.select(site.c.collection_id).where(site.c.id == place.id))
        same_name = sa.and_(
            slide.c.collection_id == collection_id, slide.c.folded_name == folded(item.file.name)
        )
        there = self._connection.execute(
            sa.select(slide.c.name, slide.c.original_sha256).where(same_name)
        ).one_or_none()
        if there is None:
            self._insert(item, place.id, collection_id)
            return ItemOutcome(item.source, "stored")
        if bytes(there.original_sha256) != item.original_sha256 or there.name != item.file.name:
            raise IdentityConflict(
                f"Collection {item.assignment.collection} already has another slide {there.name!r}."
            )
        return ItemOutcome(item.source, "present", "same-bytes")

    def _insert(self, item: IncomingSlide, site_id: int, collection_id: int | None) -> None:
        terms = self._places.terms(item.assignment, self._moment)
        facts, file = item.facts, item.file
        values: dict[str, Any] = {
            "collection_id": collection_id,
            "site_id": site_id,
            "subject_id": item.subject_id,
            "image_id": item.image_id,
            "name": file.name,
            "folded_name": folded(file.name),
            "format": facts.format,
            "vendor": facts.vendor[:64],
            "width": facts.width,
            "height": facts.height,
            "pixel_size_x": facts.pixel_size_x,
            "pixel_size_y": facts.pixel_size_y,
            "objective_power": facts.objective_power,
            "stain": item.stain,
            "size": file.size,
            "md5": file.md5,
            "sha256": file.sha256,
            "crc32": file.crc32,
            "original_sha256": item.original_sha256,
            "is_original": item.is_original,
            "object_id": object_ids(self._connection, [file.location])[file.location.key],
            "created": self._moment,
            "changed": self._moment,
            **{name: terms[name] for name in _TERMS},
        }
        self._connection.execute(sa.insert(slide).values(values))
