"""Packs: few objects, each durable, none left behind."""

from __future__ import annotations

import hashlib
import os
import re

import pytest

from filmroom.errors import InvalidInput, ObjectMissing
from filmroom.store.content import ContentReader
from filmroom.store.packs import LONE_SIZE, PACK_LIMIT, PackWriter, in_place_location

MIB = 1 << 20


def read(store, location):
    return b"".join(store.read(location.key, location.offset, location.length))


def test_small_instances_share_a_pack_and_large_ones_lie_alone(store):
    large, small = os.urandom(LONE_SIZE), [os.urandom(size) for size in (1, 3000, LONE_SIZE - 1)]
    writer = PackWriter(store, "1.2.3")
    indexes = [writer.add(data, len(data)) for data in (small[0], large, small[1], small[2])]
    locations = writer.finish()
    assert indexes == [0, 1, 2, 3]
    assert [read(store, location) for location in locations] == [small[0], large, small[1], small[2]]
    keys = [location.key for location in locations]
    assert keys[0] == keys[2] == keys[3] != keys[1]
    digest = hashlib.sha256(b"1.2.3").hexdigest()
    assert re.fullmatch(rf"{digest[:2]}/{digest[2:18]}/[0-9a-f]{{32}}\.pack", keys[0])
    assert re.fullmatch(rf"{digest[:2]}/{digest[2:18]}/[0-9a-f]{{32}}\.dcm", keys[1])
    assert sorted(set(keys)) == list(store.keys())
    for location in locations:
        stat = store.stat(location.key)
        assert (location.object_size, location.modified_ns) == (stat.size, stat.modified_ns)
        assert not location.in_place
        assert location.encoding == "identity"


def test_packs_are_at_most_64_mib(store):
    piece = bytes(LONE_SIZE - 1)
    writer = PackWriter(store, "1.2.3")
    for _ in range(19):
        writer.add(piece, len(piece))
    locations = writer.finish()
    sizes = {location.key: location.object_size for location in locations}
    assert sorted(sizes.values()) == [3 * len(piece), 8 * len(piece), 8 * len(piece)]
    assert max(sizes.values()) <= PACK_LIMIT


def test_large_instances_are_streamed_as_they_come(store):
    seen = []

    def chunks():
        for number in range(40):
            seen.append(number)
            yield bytes([number]) * MIB

    writer = PackWriter(store, "1.2.3")
    writer.add(chunks(), 40 * MIB)
    assert len(seen) == 40, "written at once, not kept"
    [location] = writer.finish()
    assert location.length == 40 * MIB
    assert read(store, location)[39 * MIB :] == bytes([39]) * MIB


@pytest.mark.parametrize("size", [10, LONE_SIZE])
@pytest.mark.parametrize("error", [-1, 1])
def test_a_wrong_size_is_refused_and_nothing_is_left(store, size, error):
    with pytest.raises(InvalidInput), PackWriter(store, "1.2.3") as writer:
        writer.add(b"before", 6)
        writer.add(iter([bytes(size - 3), bytes(3 + error)]), size)
    assert list(store.keys()) == []


def test_discarding_takes_everything_back(store):
    store.write("other", [b"x"])
    writer = PackWriter(store, "1.2.3")
    writer.add(bytes(LONE_SIZE), LONE_SIZE)
    writer.add(b"abc", 3)
    writer.finish()
    assert len(list(store.keys())) == 3
    writer.discard()
    assert list(store.keys()) == ["other"]
    writer.discard()
    with pytest.raises(InvalidInput):
        writer.add(b"abc", 3)


def test_an_exception_in_the_with_block_takes_everything_back(store):
    with pytest.raises(KeyboardInterrupt), PackWriter(store, "1.2.3") as writer:
        writer.add(bytes(LONE_SIZE), LONE_SIZE)
        raise KeyboardInterrupt
    assert list(store.keys()) == []


def test_nothing_added_gives_no_object(store):
    assert PackWriter(store, "1.2.3").finish() == []
    assert list(store.keys()) == []


def test_an_in_place_file_is_noted_as_it_is(tmp_path, store, make_instance):
    path = tmp_path / "ä b.dcm"
    path.write_bytes(b"some bytes")
    location = in_place_location(path)
    assert (location.key, location.offset, location.length) == (str(path), 0, 10)
    assert location.modified_ns == path.stat().st_mtime_ns
    assert location.in_place
    assert b"".join(ContentReader(store).decoded(make_instance(b"some bytes", location))) == b"some bytes"


def test_what_is_no_regular_file_is_refused_in_place(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"x")
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "pipe", tmp_path, tmp_path / "a" / ".." / "file"):
        with pytest.raises(InvalidInput):
            in_place_location(path)
    with pytest.raises(InvalidInput):
        in_place_location(target.relative_to(tmp_path))
    with pytest.raises(InvalidInput):
        in_place_location(tmp_path / os.fsdecode(b"bad\xff"))
    with pytest.raises(ObjectMissing):
        in_place_location(tmp_path / "absent")
