"""Files of a series that are not DICOM: annotations, and others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.administration import record_change
from filmroom.catalog.database import Database
from filmroom.catalog.ledger import forget_unused
from filmroom.catalog.schema import series, stored_object
from filmroom.catalog.schema_files import series_file
from filmroom.catalog.write import now, object_ids
from filmroom.errors import IdentityConflict, NotFound
from filmroom.model.entities import Location, StoredFile
from filmroom.model.naming import folded

_PAGE = 1_000

_COLUMNS = (
    series_file.c.name,
    series_file.c.kind,
    series_file.c.size,
    series_file.c.md5,
    series_file.c.sha256,
    series_file.c.crc32,
    stored_object.c.object_key,
    stored_object.c.size.label("object_size"),
    stored_object.c.modified_ns,
)


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A catalogued file and the series that it belongs to."""

    series_instance_uid: str
    content: StoredFile


def files_of(connection: sa.Connection, series_key: int) -> tuple[StoredFile, ...]:
    """Return the files of a series' row, by name."""
    rows = connection.execute(
        sa.select(*_COLUMNS)
        .select_from(series_file.join(stored_object))
        .where(series_file.c.series_key == series_key)
        .order_by(series_file.c.name)
    )
    return tuple(map(_stored_file, rows))


class SeriesFiles:
    """Adds, lists and removes files, each change in one transaction; for administration, not for viewers.

    Visibility is not asked about here: what a viewer gets comes by ``Catalog.series_content``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, series_uid: str) -> tuple[StoredFile, ...]:
        """Return the files of a series, by name. :raises NotFound: when there is no such series."""
        with self._database.reading() as connection:
            return files_of(connection, _series_key(connection, series_uid))

    def add(self, series_uid: str, file: StoredFile) -> bool:
        """Catalogue a file whose bytes are durable at its location.

        :return: False when the series has it already: the same name, kind and bytes.
        :raises NotFound: when there is no such series.
        :raises IdentityConflict: when the name stands for other bytes, or for another kind of file, or
            differs from another name by case alone.
        """
        with self._database.writing() as connection:
            key = _series_key(connection, series_uid)
            if is_there(files_of(connection, key), file):
                return False
            object_id = object_ids(connection, [file.location])[file.location.key]
            connection.execute(
                sa.insert(series_file).values(
                    series_key=key,
                    name=file.name,
                    folded_name=folded(file.name),
                    kind=file.kind,
                    size=file.size,
                    md5=file.md5,
                    sha256=file.sha256,
                    crc32=file.crc32,
                    object_id=object_id,
                    created=now(),
                )
            )
            _total(connection, key)
            record_change(connection, f"series {series_uid}", {"file": file.name, "kind": file.kind})
        return True

    def remove(self, series_uid: str, names: Sequence[str]) -> list[str]:
        """Forget files; return the store keys that nothing refers to any more.

        :raises NotFound: when there is no such series, or one of the files; nothing was changed.
        """
        with self._database.writing() as connection:
            key = _series_key(connection, series_uid)
            present = {file.name: file for file in files_of(connection, key)}
            for name in names:
                if name not in present:
                    raise NotFound(f"The series {series_uid} has no file {name!r}.")
            connection.execute(
                sa.delete(series_file).where(series_file.c.series_key == key, series_file.c.name.in_(names))
            )
            _total(connection, key)
            record_change(connection, f"series {series_uid}", {"files removed": list(names)})
            return forget_unused(connection, [present[name].location.key for name in names])

    def held(self) -> Iterator[list[HeldFile]]:
        """Yield pages of every file of the archive."""
        last = -1
        while True:
            statement = (
                sa.select(series_file.c.id, series.c.series_instance_uid, *_COLUMNS)
                .select_from(series_file.join(series).join(stored_object))
                .where(series_file.c.id > last)
                .order_by(series_file.c.id)
                .limit(_PAGE)
            )
            with self._database.reading() as connection:
                rows = connection.execute(statement).all()
            if rows:
                yield [HeldFile(row.series_instance_uid, _stored_file(row)) for row in rows]
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    def is_still(self, held: HeldFile) -> bool:
        """Return whether a file is still catalogued as it was."""
        try:
            return held.content in self.of(held.series_instance_uid)
        except NotFound:
            return False


def is_there(files: Sequence[StoredFile], file: StoredFile) -> bool:
    """Return whether a file is among others: same name, kind and bytes.

    :raises IdentityConflict: when its name is taken by something else.
    """
    for other in files:
        if folded(other.name) != folded(file.name):
            continue
        if (other.name, other.kind, other.size, other.sha256) == (
            file.name,
            file.kind,
            file.size,
            file.sha256,
        ):
            return True
        what = "other bytes" if other.kind == file.kind else f"a file of kind {other.kind}"
        raise IdentityConflict(
            f"The name {other.name!r} already stands for {what} in this series.",
            advice="Remove that one first: filmroom series remove-file SERIES_UID NAME",
        )
    return False


def _series_key(connection: sa.Connection, uid: str) -> int:
    key = connection.scalar(sa.select(series.c.id).where(series.c.series_instance_uid == uid))
    if key is None:
        raise NotFound(f"There is no series {uid}.")
    return int(key)


def _total(connection: sa.Connection, key: int) -> None:
    """Let the series say whether it has annotations and how many bytes they are."""
    count, size = connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(series_file.c.size), 0)).where(
            series_file.c.series_key == key, series_file.c.kind == "annotation"
        )
    ).one()
    connection.execute(
        sa.update(series)
        .where(series.c.id == key)
        # Without any it says nothing, as a series that never had one.
        .values(annotations_flag=True if count else None, annotation_size=int(size))
    )


def _stored_file(row: Any) -> StoredFile:
    return StoredFile(
        name=row.name,
        kind=row.kind,
        size=row.size,
        md5=bytes(row.md5),
        sha256=bytes(row.sha256),
        crc32=row.crc32,
        location=Location(row.object_key, 0, row.size, row.object_size, row.modified_ns),
    )
