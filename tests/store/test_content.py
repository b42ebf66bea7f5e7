"""Reading instances, and noticing that they changed."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace

import pytest

from filmroom.errors import ObjectChanged, ObjectMissing
from filmroom.model.entities import Location
from filmroom.store.base import Store
from filmroom.store.content import ContentReader
from filmroom.store.packs import in_place_location


class StoreElsewhere(Store):
    """A store whose objects cannot be opened as files, like one behind a network."""

    def __init__(self, store):
        self.write, self.stat, self.read, self.delete, self.keys = (
            store.write,
            store.stat,
            store.read,
            store.delete,
            store.keys,
        )

    write = stat = read = delete = keys = None


@pytest.fixture(params=["folder", "elsewhere"])
def reader(request, store):
    return ContentReader(store if request.param == "folder" else StoreElsewhere(store))


def overwrite(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_instances_of_a_pack_come_back(reader, series, files):
    for instance in series.instances:
        assert b"".join(reader.decoded(instance)) == files[instance.sop_instance_uid]
        handle = reader.open(instance)
        buffer = bytearray(100)
        handle.read_into(memoryview(buffer), instance.location.offset + 128)
        handle.close()
        handle.close()
        assert buffer[:4] == b"DICM"


def test_cached_reads_give_the_same_bytes(store, series, files):
    instance = series.instances[0]
    handle = ContentReader(store).open(instance)
    buffer = bytearray(instance.size)
    count = handle.read_cached(memoryview(buffer), instance.location.offset)
    assert buffer[:count] == files[instance.sop_instance_uid][:count]
    handle.close()


def test_a_missing_object_is_said(reader, series, store):
    instance = series.instances[0]
    store.delete(instance.location.key)
    for attempt in (reader.open, lambda instance: reader.check(instance.location)):
        with pytest.raises(ObjectMissing):
            attempt(instance)


def test_a_truncated_or_grown_object_is_said(reader, series, store):
    instance = series.instances[0]
    path = store.local_path(instance.location.key)
    for size in (path.stat().st_size - 1, path.stat().st_size + 1):
        os.truncate(path, size)
        for attempt in (reader.open, lambda instance: reader.check(instance.location)):
            with pytest.raises(ObjectChanged):
                attempt(instance)


def test_another_time_with_the_same_bytes_is_served_and_remembered(reader, series, store):
    instance = series.instances[1]
    os.utime(store.local_path(instance.location.key), (1, 1))
    handle = reader.open_object(instance.location)
    assert not reader.is_trusted(handle, instance)
    handle.close()
    handle = reader.open(instance)
    assert reader.is_trusted(handle, instance)
    assert not reader.is_trusted(handle, series.instances[0]), "each instance of a pack for itself"
    os.utime(store.local_path(instance.location.key), (2, 2))
    again = reader.open_object(instance.location)
    assert not reader.is_trusted(again, instance), "changed once more"
    again.close()
    handle.close()


def test_another_time_with_other_bytes_is_refused_before_the_first_byte(reader, series, store):
    damaged, sound = series.instances[1], series.instances[0]
    overwrite(store.local_path(damaged.location.key), damaged.location.offset + damaged.size - 1, b"\xff")
    with pytest.raises(ObjectChanged):
        reader.open(damaged)
    reader.open(sound).close()


def test_damage_that_keeps_size_and_time_is_found_by_reading(reader, series, store):
    instance = series.instances[0]
    path = store.local_path(instance.location.key)
    overwrite(path, instance.location.offset + 500, b"\xfe\xfd")
    os.utime(path, ns=(instance.location.modified_ns, instance.location.modified_ns))
    received = b""
    with pytest.raises(ObjectChanged):
        for piece in reader.decoded(instance):
            received += piece
    assert len(received) < instance.size


def test_a_deflated_instance_is_inflated(reader, store, files, make_instance):
    for number, (uid, data) in enumerate(files.items()):
        compressor = zlib.compressobj(wbits=-15)
        packed = compressor.compress(data) + compressor.flush()
        stat = store.write(f"deflated/{number}", [packed])
        location = Location(
            f"deflated/{number}", 0, len(packed), stat.size, stat.modified_ns, encoding="deflate"
        )
        instance = make_instance(data, location, uid)
        assert b"".join(reader.decoded(instance)) == data
        for wrong in (
            replace(instance, size=instance.size - 1),
            replace(instance, size=instance.size + 1),
            replace(instance, crc32=instance.crc32 ^ 1),
            replace(instance, location=replace(location, length=len(packed) - 2)),
        ):
            with pytest.raises(ObjectChanged):
                list(reader.decoded(wrong))


def test_a_deflate_bomb_stops_at_the_catalogued_size(reader, store, make_instance):
    compressor = zlib.compressobj(wbits=-15)
    packed = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(64)) + compressor.flush()
    stat = store.write("bomb", [packed])
    location = Location("bomb", 0, len(packed), stat.size, stat.modified_ns, encoding="deflate")
    received = 0
    with pytest.raises(ObjectChanged):
        for piece in reader.decoded(make_instance(bytes(1000), location)):
            received += len(piece)
    assert received <= 1000


def test_what_has_become_a_link_or_a_pipe_is_refused(tmp_path, store, make_instance):
    reader = ContentReader(store)
    path, other = tmp_path / "file.dcm", tmp_path / "other.dcm"
    path.write_bytes(b"0123456789")
    os.link(path, other)
    instance = make_instance(b"0123456789", in_place_location(path))
    reader.open(instance).close()
    path.unlink()
    path.symlink_to(other)
    with pytest.raises(ObjectChanged):
        reader.open(instance)
    with pytest.raises(ObjectChanged):
        reader.check(instance.location)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ObjectChanged):
        reader.open(instance)
    path.unlink()
    path.mkdir()
    with pytest.raises(ObjectChanged):
        reader.open(instance)


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (5, 6), (-1, 5), (0, -1)])
def test_a_place_outside_its_object_is_refused(reader, store, make_instance, offset, length):
    stat = store.write("x", [b"0123456789"])
    instance = make_instance(b"01234", Location("x", offset, length, stat.size, stat.modified_ns))
    with pytest.raises(ObjectChanged):
        reader.open(instance)
