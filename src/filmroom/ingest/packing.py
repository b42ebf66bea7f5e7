"""Which instances of a task lie together in one object.

An object costs the same fsyncs, or the same request, whatever its size. A series with a lot of bytes has
packs of its own; the small series of a task share packs, each series in one piece. There its instances lie in
the order in which they are delivered: whatever the files' names were, a delivery reads forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from filmroom.model.entities import Location
from filmroom.store.base import Store
from filmroom.store.packs import PackWriter

SHARED_BYTES = 1 << 20
"""Series of which a task holds fewer bytes share packs."""


Order = tuple[bool, int, bool, int, str]
"""Sorts the instances of a series as :func:`delivery_order` does."""


def delivery_order(values: Mapping[str, Any]) -> Order:
    """Return what sorts instances as the catalogue gives them out: acquisition number, instance number
    (missing ones first), SOP Instance UID."""
    acquisition, number = values.get("acquisition_number"), values.get("instance_number")
    return (
        *(acquisition is not None, acquisition or 0, number is not None, number or 0),
        str(values["sop_instance_uid"]),
    )


class TaskPacks:
    """Gathers the instances of a task and writes them at its end. Memory: the bytes that were added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, list[tuple[Order, bytes]]] = {}
        self._packs: list[PackWriter] = []

    def add(self, series_uid: str, data: bytes, order: Order) -> tuple[str, int]:
        """Take one instance; return its series and its index in what :meth:`write` gives for that."""
        neighbours = self._waiting.setdefault(series_uid, [])
        neighbours.append((order, data))
        return series_uid, len(neighbours) - 1

    def write(self) -> dict[str, list[Location]]:
        """Make everything durable; return the locations by series. :raises StoreError:"""
        small = [
            uid for uid, parts in self._waiting.items() if sum(len(data) for _, data in parts) < SHARED_BYTES
        ]
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
        parts = [part for uid in series for part in self._sorted(uid)]
        for _, _, data in parts:
            pack.add(data, len(data))
        placed = zip(parts, pack.finish(), strict=True)
        return [
            # Back in the order in which they were added.
            [
                location
                for _, location in sorted(
                    ((index, location) for (_, index, _), location in part), key=itemgetter(0)
                )
            ]
            for part in (islice(placed, len(self._waiting[uid])) for uid in series)
        ]

    def _sorted(self, series_uid: str) -> list[tuple[Order, int, bytes]]:
        parts = ((order, index, data) for index, (order, data) in enumerate(self._waiting[series_uid]))
        return sorted(parts, key=itemgetter(0))

    def discard(self) -> None:
        """Take every object back."""
        self._waiting.clear()
        for pack in self._packs:
            pack.discard()
