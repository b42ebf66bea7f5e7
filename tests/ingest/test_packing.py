"""Which instances lie together: small series of a task share an object."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from filmroom.errors import StoreFull
from filmroom.ingest.packing import SHARED_BYTES, TaskPacks, delivery_order
from filmroom.model.entities import Location
from filmroom.store.local import LocalStore

FIRST = delivery_order({"sop_instance_uid": "1"})


def content(store: LocalStore, location: Location) -> bytes:
    return b"".join(store.read(location.key, location.offset, location.length))


def test_small_series_share_an_object_and_large_ones_do_not(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    packs = TaskPacks(store)
    given = {"a": [b"a1", b"a2"], "big": [b"x" * SHARED_BYTES], "b": [b"b1"], "c": [b"", b"c2"]}
    # Interleaved, as files of several series lie in one folder.
    for index in range(2):
        for uid, parts in given.items():
            if index < len(parts):
                assert packs.add(uid, parts[index], FIRST) == (uid, index)
    locations = packs.write()
    assert {uid: [content(store, place) for place in places] for uid, places in locations.items()} == given
    keys = {uid: {place.key for place in places} for uid, places in locations.items()}
    assert keys["a"] == keys["b"] == keys["c"] != keys["big"]
    assert sorted(store.keys()) == sorted(keys["a"] | keys["big"])
    # Each series in one piece.
    assert locations["a"][1].offset == locations["a"][0].offset + 2


def test_one_small_series_has_its_own_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    packs = TaskPacks(store)
    packs.add("a", b"a1", FIRST)
    packs.add("big", b"x" * SHARED_BYTES, FIRST)
    locations = packs.write()
    assert locations["a"][0].key != locations["big"][0].key


def test_instances_lie_in_the_order_of_delivery(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    packs = TaskPacks(store)
    in_order = [
        {"sop_instance_uid": "2"},
        {"sop_instance_uid": "3"},
        {"instance_number": -1, "sop_instance_uid": "8"},
        {"instance_number": 2, "sop_instance_uid": "9"},
        {"instance_number": 10, "sop_instance_uid": "7"},
        {"acquisition_number": 1, "sop_instance_uid": "6"},
        {"acquisition_number": 1, "instance_number": 1, "sop_instance_uid": "5"},
        {"acquisition_number": 2, "instance_number": 1, "sop_instance_uid": "4"},
    ]
    came = [5, 0, 7, 2, 6, 4, 1, 3]
    for series in ("a", "b"):
        for index in came:
            packs.add(series, f"{series}{index}".encode(), delivery_order(in_order[index]))
    locations = packs.write()
    for series, places in locations.items():
        assert [content(store, place) for place in places] == [f"{series}{n}".encode() for n in came]
        by_offset = sorted(zip(came, places, strict=True), key=lambda pair: pair[1].offset)
        assert [index for index, _ in by_offset] == list(range(8))


def test_what_was_written_can_be_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    packs = TaskPacks(store)
    for uid in ("big", "a", "b"):
        packs.add(uid, b"x" * (SHARED_BYTES if uid == "big" else 3), FIRST)
    write, calls = LocalStore.write, []

    def full(self: LocalStore, key: str, chunks: Any) -> Any:
        calls.append(key)
        if len(calls) == 2:
            raise StoreFull("No space is left.")
        return write(self, key, chunks)

    monkeypatch.setattr(LocalStore, "write", full)
    with pytest.raises(StoreFull):
        packs.write()
    assert len(list(store.keys())) == 1
    packs.discard()
    assert list(store.keys()) == []


def test_series_that_share_an_object_are_found_apart(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source / "a", "A")
    h.write_series(source / "b", "B")
    assert archive.ingest(source).stored == 6
    first, second = archive.contents()
    assert len(archive.objects()) == 1
    assert archive.objects() == archive.referenced()
    for series in (first, second):
        assert len(series.instances) == 3
    assert not {i.sha256 for i in first.instances} & {i.sha256 for i in second.instances}
