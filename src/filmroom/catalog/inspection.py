"""The catalogue as it is compared with the store: everything in it, in pages, and the corrections.

Nothing here asks who may see what: it is for those who run the archive. What is read is checked again in
the transaction that corrects it, so that an ingest may run meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import facets, recount
from filmroom.catalog.administration import record_change
from filmroom.catalog.content import INSTANCE_COLUMNS, stored_instance
from filmroom.catalog.database import Database, chunks
from filmroom.catalog.ledger import HOLDERS, forget_unused
from filmroom.catalog.schema import facet, instance, quarantine, series, site, stored_object
from filmroom.catalog.simple_search_changes import correct_geometry, wrong_geometry
from filmroom.catalog.write import object_ids
from filmroom.model.entities import Location, StoredInstance
from filmroom.model.naming import uid_digest

_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class HeldInstance:
    """A catalogued instance and the series that it belongs to."""

    series_instance_uid: str
    instance: StoredInstance

    @property
    def content(self) -> StoredInstance:
        return self.instance


class Inspection:
    """Questions and corrections, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- instances and their objects -----------------------------------------------------------------

    def size(self) -> tuple[int, int]:
        """Return the number of instances and their bytes, as the totals of the series have them."""
        with self._database.reading() as connection:
            count, size = connection.execute(
                sa.select(sa.func.sum(series.c.image_count), sa.func.sum(series.c.file_size))
            ).one()
        return int(count or 0), int(size or 0)

    def objects(self) -> Iterator[list[HeldInstance]]:
        """Yield for each object that holds instances these instances, in the order of their places.

        A list is as long as a pack has instances; one object is never spread over several lists.
        """
        group: list[HeldInstance] = []
        current = -1
        for object_id, held in self._instances():
            if object_id != current and group:
                yield _in_place_order(group)
                group = []
            current = object_id
            group.append(held)
        if group:
            yield _in_place_order(group)

    def _instances(self) -> Iterator[tuple[int, HeldInstance]]:
        last = (-1, -1)
        place = sa.tuple_(instance.c.object_id, instance.c.id)
        while True:
            statement = (
                sa.select(instance.c.object_id, instance.c.id, series.c.series_instance_uid)
                .add_columns(*INSTANCE_COLUMNS)
                .select_from(instance.join(stored_object).join(series, series.c.id == instance.c.series_key))
                .where(place > last)
                .order_by(instance.c.object_id, instance.c.id)
                .limit(_PAGE)
            )
            with self._database.reading() as connection:
                rows = connection.execute(statement).all()
            for row in rows:
                yield row.object_id, HeldInstance(row.series_instance_uid, stored_instance(row))
            if len(rows) < _PAGE:
                return
            last = (rows[-1].object_id, rows[-1].id)

    def is_still(self, held: HeldInstance) -> bool:
        """Return whether an instance is still catalogued, at the same place and with the same digests."""
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(*INSTANCE_COLUMNS)
                .select_from(instance.join(stored_object))
                .where(instance.c.uid_digest == uid_digest(held.instance.sop_instance_uid))
            ).one_or_none()
        return row is not None and stored_instance(row) == held.instance

    def quarantined(self) -> Iterator[list[tuple[int, Location]]]:
        """Yield pages of the quarantined objects whose bytes are kept: number and place."""
        last = -1
        while True:
            statement = (
                sa.select(quarantine.c.id, quarantine.c.object_offset, quarantine.c.stored_length)
                .add_columns(stored_object.c.object_key, stored_object.c.in_place)
                .add_columns(stored_object.c.size.label("object_size"), stored_object.c.modified_ns)
                .select_from(quarantine.join(stored_object))
                .where(quarantine.c.id > last)
                .order_by(quarantine.c.id)
                .limit(_PAGE)
            )
            with self._database.reading() as connection:
                rows = connection.execute(statement).all()
            if rows:
                yield [(row.id, _location(row)) for row in rows]
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def unused_objects(self) -> Iterator[list[tuple[str, bool]]]:
        """Yield pages of the object rows that nothing refers to: key, and whether it is a file in place."""
        last = -1
        used = sa.or_(*(sa.exists().where(holder.c.object_id == stored_object.c.id) for holder in HOLDERS))
        while True:
            statement = (
                sa.select(stored_object.c.id, stored_object.c.object_key, stored_object.c.in_place)
                .where(stored_object.c.id > last, ~used)
                .order_by(stored_object.c.id)
                .limit(_PAGE)
            )
            with self._database.reading() as connection:
                rows = connection.execute(statement).all()
            if rows:
                yield [(row.object_key, bool(row.in_place)) for row in rows]
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def known_keys(self, keys: Sequence[str]) -> set[str]:
        """Return those keys of the store that the catalogue has a row for."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in chunks(list(keys)):
                statement = sa.select(stored_object.c.object_key).where(
                    stored_object.c.object_key.in_(some), ~stored_object.c.in_place
                )
                found.update(connection.scalars(statement))
        return found

    def object_count(self) -> int:
        """Return how many objects of the store the catalogue knows."""
        with self._database.reading() as connection:
            statement = sa.select(sa.func.count()).select_from(stored_object)
            return int(connection.scalar(statement.where(~stored_object.c.in_place)) or 0)

    # -- what is computed from instances -------------------------------------------------------------

    def wrong_totals(self) -> Iterator[list[recount.WrongTotal]]:
        """Yield the series whose totals are not what their instances add up to, in lists."""
        for first, last in self._series_pages():
            with self._database.reading() as connection:
                found = recount.wrong_totals(connection, series.c.id.between(first, last))
            if found:
                yield found

    def wrong_geometry(self) -> Iterator[list[int]]:
        """Yield the keys of the series whose geometry is not recorded as their instances have it."""
        for first, last in self._series_pages():
            with self._database.reading() as connection:
                found = wrong_geometry(connection, instance.c.series_key.between(first, last))
            if found:
                yield list(found)

    def _series_pages(self) -> Iterator[tuple[int, int]]:
        with self._database.reading() as connection:
            highest = int(connection.scalar(sa.select(sa.func.max(series.c.id))) or 0)
        for first in range(0, highest + 1, _PAGE):
            yield first, first + _PAGE - 1

    def wrong_facets(self) -> Iterator[tuple[int, int]]:
        """Yield (site, number of wrong rows) for every site whose counts are not those of its series."""
        with self._database.reading() as connection:
            sites = list(connection.scalars(sa.select(site.c.id).order_by(site.c.id)))
        for site_id in sites:
            with self._database.reading() as connection:
                recorded, counted = (
                    recount.recorded_facets(connection, site_id),
                    recount.counted_facets(connection, site_id),
                )
            if recorded == counted:
                continue
            # An ingest may have come in between: look again while nobody writes.
            with self._database.writing() as connection:
                recorded, counted = (
                    recount.recorded_facets(connection, site_id),
                    recount.counted_facets(connection, site_id),
                )
            wrong = sum(recorded.get(cell) != counted.get(cell) for cell in recorded.keys() | counted.keys())
            if wrong:
                yield site_id, wrong

    def faults(self, *, full: bool) -> list[str]:
        """Return what the database finds wrong with its own file; PostgreSQL looks after itself.

        :param full: compare every index with its table as well.
        """
        with self._database.reading() as connection:
            if connection.dialect.name != "sqlite":
                return []
            pragma = "integrity_check" if full else "quick_check"
            found = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA {pragma}(100)")]
            found = [] if found == ["ok"] else found
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                found.append(f"A row of {row[0]} refers to a row of {row[2]} that is not there.")
                if len(found) >= 100:
                    break
        return found

    # -- corrections ---------------------------------------------------------------------------------

    def correct_totals(self, series_keys: Sequence[int]) -> None:
        """Set the totals of series to what their instances add up to."""
        with self._database.writing() as connection:
            for some in chunks(list(series_keys)):
                for wrong in recount.wrong_totals(connection, series.c.id.in_(some)):
                    count, size = wrong.counted
                    connection.execute(
                        sa.update(series)
                        .where(series.c.id == wrong.series_key)
                        .values(image_count=count, file_size=size)
                    )

    def correct_geometry(self, series_keys: Sequence[int]) -> None:
        """Record the geometry of series as their instances have it."""
        with self._database.writing() as connection:
            correct_geometry(connection, series_keys)

    def correct_facets(self, site_id: int) -> None:
        """Count a site anew."""
        with self._database.writing() as connection:
            counted = recount.counted_facets(connection, site_id)
            connection.execute(sa.delete(facet).where(facet.c.site_id == site_id))
            names = ("site_id", "mask", *facets.DIMENSIONS)
            rows = [
                {**dict(zip(names, cell, strict=True)), "patients": patients, "series": count}
                for cell, (patients, count) in counted.items()
            ]
            for some in chunks(rows):
                connection.execute(sa.insert(facet), list(some))

    def accept_times(self, times: Sequence[tuple[Location, int]]) -> None:
        """Note other times (POSIX ns) of objects whose content was found to be as catalogued."""
        with self._database.writing() as connection:
            for location, modified_ns in times:
                connection.execute(
                    sa.update(stored_object)
                    .where(
                        stored_object.c.object_key == location.key,
                        stored_object.c.size == location.object_size,
                    )
                    .values(modified_ns=modified_ns)
                )

    def forget(self, keys: Sequence[str]) -> list[str]:
        """Drop the object rows of those keys that nothing refers to; return these keys."""
        with self._database.writing() as connection:
            return forget_unused(connection, keys)

    def relocate(self, moves: Sequence[tuple[StoredInstance, Location]]) -> list[str]:
        """Let instances lie at other places from now on; return the keys that nothing refers to any more.

        The bytes at the new places must be durable and found to be those that were catalogued.
        """
        with self._database.writing() as connection:
            ids = object_ids(connection, [location for _, location in moves])
            for location in {location.key: location for _, location in moves}.values():
                # A file in place may have had a row already, from before it was replaced.
                connection.execute(
                    sa.update(stored_object)
                    .where(stored_object.c.id == ids[location.key])
                    .values(size=location.object_size, modified_ns=location.modified_ns)
                )
            for item, location in moves:
                connection.execute(
                    sa.update(instance)
                    .where(
                        instance.c.uid_digest == uid_digest(item.sop_instance_uid),
                        instance.c.sha256 == item.sha256,
                    )
                    .values(
                        object_id=ids[location.key],
                        object_offset=location.offset,
                        stored_length=location.length,
                        encoding=location.encoding,
                    )
                )
            left = {item.location.key for item, _ in moves if not item.location.in_place}
            gone = forget_unused(connection, sorted(left))
            in_place = {item.location.key for item, _ in moves if item.location.in_place}
            forget_unused(connection, sorted(in_place - ids.keys()))
            return gone

    def record(self, detail: dict[str, Any]) -> None:
        """Write into the record of changes what was mended."""
        with self._database.writing() as connection:
            record_change(connection, "fsck", detail)


def _in_place_order(group: list[HeldInstance]) -> list[HeldInstance]:
    return sorted(group, key=lambda held: held.instance.location.offset)


def _location(row: Any) -> Location:
    return Location(
        row.object_key,
        row.object_offset or 0,
        row.stored_length or 0,
        row.object_size,
        row.modified_ns,
        in_place=bool(row.in_place),
    )
