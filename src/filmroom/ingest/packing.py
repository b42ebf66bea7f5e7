"""Which instances of a task lie together in one object.

An object costs the same fsyncs, or the same request, whatever its size. A series with a lot of bytes has
packs of its own; the small series of a task share packs, each series in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from filmroom.model.entities import Location
from filmroom.store.base import Store
from filmroom.store.packs import PackWriter

SHARED_BYTES = 1 << 20
"""Series of which a task holds fewer bytes share packs."""


class TaskPacks:
    """Gathers the instances of a task and writes them at its end. Memory: the bytes that were added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, list[bytes]] = {}
        self._packs: list[PackWriter] = []

    def add(self, series_uid: str, data: bytes) -> tuple[str, int]:
        """Take one instance; return its series and its index in what :meth:`write` gives for that."""
        neighbours = self._waiting.setdefault(series_uid, [])
        neighbours.append(data)
        return series_uid, len(neighbours) - 1

    def write(self) -> dict[str, list[Location]]:
        """Make everything durable; return the locations by series. :raises StoreError:"""
        small = [uid for uid, parts in self._waiting.items() if sum(map(len, parts)) < SHARED_BYTES]
        if len(small) < 2:
            small = []
        shared = set(small)
        found = {uid: self._write_pack([uid])[0] for uid in self._waiting if uid not in shared}
        if small:
            found.update(zip(small, self._write_pack(small), strict=True))
        self._waiting.clear()
        return found

    def _write_pack(self, series: Sequence[str]) -> list[list[Location]]:
        pack = PackWriter(self._store, series[0])
        self._packs.append(pack)
        for uid in series:
            for data in self._waiting[uid]:
                pack.add(data, len(data))
        locations = iter(pack.finish())
        return [list(islice(locations, len(self._waiting[uid]))) for uid in series]

    def discard(self) -> None:
        """Take every object back."""
        self._waiting.clear()
        for pack in self._packs:
            pack.discard()
