"""Putting damaged and missing instances back from the files that they were ingested from.

A file heals an instance when it has its UID, its size and its SHA-256, whatever its name. Copies go to new
objects of the store; for an instance that was catalogued in place, the file found becomes its new place.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from filmroom.catalog.inspection import HeldInstance, Inspection
from filmroom.dicom.digest import digest
from filmroom.dicom.header import read_header
from filmroom.dicom.source import BytesSource
from filmroom.errors import DicomError, InvalidInput, ObjectMissing
from filmroom.model.entities import Location, StoredInstance
from filmroom.store import Store
from filmroom.store.packs import PackWriter, in_place_location

_GROUP_BYTES = 64 << 20
_GROUP_FILES = 500
# What zipfile raises for archives that are damaged, encrypted or packed in ways that it does not know.
_UNREADABLE = (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError)


def source_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files at and below paths, in order of their names.

    :raises InvalidInput: at once when a path does not exist.
    """
    for path in paths:
        if not path.exists():
            raise InvalidInput(f"There is no {path}.")
    return _below(paths)


def _below(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path.absolute()
            continue
        for folder, names, files in os.walk(path.absolute()):
            names.sort()
            for name in sorted(files):
                yield Path(folder, name)


class Healer:
    """Takes files one after the other and puts back what they hold of the wanted instances.

    Files of ZIP archives are looked into. After :meth:`finish`, ``healed`` has the SOP Instance UIDs that
    were put back; ``wanted`` counts those that are still missing. Memory: the largest instance and 64 MiB.
    """

    def __init__(self, inspection: Inspection, store: Store, wanted: Sequence[HeldInstance]) -> None:
        self._inspection = inspection
        self._store = store
        self._wanted = {held.instance.sop_instance_uid: held for held in wanted}
        self._sizes = {held.instance.size for held in wanted}
        self._packs: dict[str, PackWriter] = {}
        self._packed: list[tuple[StoredInstance, PackWriter, int]] = []
        self._moves: list[tuple[StoredInstance, Location]] = []
        self._pending_bytes = 0
        self.healed: set[str] = set()

    @property
    def wanted(self) -> int:
        return len(self._wanted)

    def offer(self, path: Path) -> None:
        """Look whether a file, or a file in a ZIP archive, is wanted. What cannot be read is no help.

        :raises StoreError: when the store fails. :raises CatalogError: when the catalogue does.
        """
        for data, place in self._readable(path):
            self._offer_bytes(data, place)

    def _readable(self, path: Path) -> Iterator[tuple[bytes, Path | None]]:
        """Yield what has the size of a wanted instance, as far as it can be read."""
        try:
            if zipfile.is_zipfile(path):
                yield from _members(path, self._sizes)
            elif path.is_file() and path.stat().st_size in self._sizes:
                yield path.read_bytes(), path
        except _UNREADABLE:
            return

    def _offer_bytes(self, data: bytes, path: Path | None) -> None:
        try:
            uid = str(read_header(BytesSource(data), "").values["sop_instance_uid"])
        except DicomError:
            return
        held = self._wanted.get(uid)
        if held is None:
            return
        item = held.instance
        found = digest([data])
        if (found.size, found.sha256, found.md5) != (item.size, item.sha256, item.md5):
            return
        if self._put(held, data, path):
            del self._wanted[uid]
            self._pending_bytes += len(data)
        if self._pending_bytes >= _GROUP_BYTES or len(self._packed) + len(self._moves) >= _GROUP_FILES:
            self._flush()

    def _put(self, held: HeldInstance, data: bytes, path: Path | None) -> bool:
        item = held.instance
        if item.location.in_place and path is not None:
            try:
                self._moves.append((item, in_place_location(path.resolve())))
            except (InvalidInput, ObjectMissing):
                return False
            return True
        uid = held.series_instance_uid
        pack = self._packs.get(uid)
        if pack is None:
            pack = self._packs[uid] = PackWriter(self._store, uid)
        self._packed.append((item, pack, pack.add(data, item.size)))
        return True

    def _flush(self) -> None:
        """Make what was put durable, then let the catalogue point to it."""
        places = {id(pack): pack.finish() for pack in self._packs.values()}
        moves = self._moves + [(item, places[id(pack)][index]) for item, pack, index in self._packed]
        self._moves, self._packed, self._packs, self._pending_bytes = [], [], {}, 0
        if not moves:
            return
        for key in self._inspection.relocate(moves):
            self._store.delete(key)
        self.healed.update(item.sop_instance_uid for item, _ in moves)

    def finish(self) -> None:
        """Write what is pending."""
        self._flush()

    def discard(self) -> None:
        """Take back what was written and that the catalogue was not yet told of."""
        for pack in self._packs.values():
            pack.discard()


def _members(path: Path, sizes: Container[int]) -> Iterator[tuple[bytes, None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size in sizes:
                with archive.open(member) as stream:
                    # Not more than was announced, whatever the stream expands to.
                    yield stream.read(member.file_size + 1), None
