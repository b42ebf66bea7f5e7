"""What every store has to do, as a test class.

Derive from :class:`StoreSuite` in a test module and give it a fixture ``store`` with an empty store::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)
"""
# ruff: noqa: S101

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from filmroom.errors import InvalidInput, ObjectChanged, ObjectExists, ObjectMissing
from filmroom.store.base import Store

HOSTILE_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "..",
    "../outside",
    "a/../../outside",
    "a/./b",
    "./a",
    "a//b",
    "a/",
    "a\\b",
    "a\0b",
    "a\nb",
    "a b",
    "ä",
    "C:a",
    "a" * 129,
    "/".join("abcdefghi"),
)


class StoreSuite:
    """The tests. A fixture ``store`` must give an empty store."""

    @pytest.fixture
    def store(self) -> Store:
        """Return an empty store; to be overridden."""
        raise NotImplementedError

    def test_an_object_comes_back_whole_with_its_size(self, store: Store) -> None:
        chunks = [b"one", b"", b"two", bytes(3 << 20)]
        written = store.write("ab/cd/x.pack", chunks)
        assert written.size == sum(map(len, chunks))
        assert store.stat("ab/cd/x.pack") == written
        assert b"".join(store.read("ab/cd/x.pack")) == b"".join(chunks)

    def test_an_object_may_be_empty(self, store: Store) -> None:
        assert store.write("empty", []).size == 0
        assert b"".join(store.read("empty")) == b""

    def test_chunks_of_a_read_are_bounded(self, store: Store) -> None:
        store.write("large", [bytes(5 << 20)])
        assert max(len(chunk) for chunk in store.read("large")) <= 1 << 20

    @pytest.mark.parametrize(
        ("offset", "length"), [(0, 0), (0, 1), (3, 4), (9, 1), (10, 0), (4, None), (10, None)]
    )
    def test_ranges_are_half_open(self, store: Store, offset: int, length: int | None) -> None:
        store.write("digits", [b"0123456789"])
        end = None if length is None else offset + length
        assert b"".join(store.read("digits", offset, length)) == b"0123456789"[offset:end]

    @pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (11, 0), (11, None), (1 << 40, 1)])
    def test_a_range_beyond_the_end_is_an_error_before_any_byte(
        self, store: Store, offset: int, length: int | None
    ) -> None:
        store.write("digits", [b"0123456789"])
        with pytest.raises(ObjectChanged):
            next(iter(store.read("digits", offset, length)))

    @pytest.mark.parametrize(("offset", "length"), [(-1, None), (-1, 1), (0, -1)])
    def test_a_negative_range_is_refused(self, store: Store, offset: int, length: int | None) -> None:
        store.write("digits", [b"0123456789"])
        with pytest.raises(InvalidInput):
            next(iter(store.read("digits", offset, length)))

    def test_absent_objects_are_missing(self, store: Store) -> None:
        store.write("ab/there", [b"x"])
        for key in ("absent", "ab", "ab/absent", "ab/there/below"):
            with pytest.raises(ObjectMissing):
                store.stat(key)
            with pytest.raises(ObjectMissing):
                next(iter(store.read(key)))

    def test_an_object_is_never_overwritten(self, store: Store) -> None:
        store.write("once", [b"first"])
        with pytest.raises(ObjectExists):
            store.write("once", [b"second"])
        assert b"".join(store.read("once")) == b"first"

    def test_a_write_that_fails_leaves_nothing(self, store: Store) -> None:
        def broken() -> Iterator[bytes]:
            yield bytes(1 << 20)
            raise ConnectionError("the source broke")

        with pytest.raises(ConnectionError):
            store.write("ab/broken", broken())
        assert list(store.keys()) == []
        with pytest.raises(ObjectMissing):
            store.stat("ab/broken")
        store.write("ab/broken", [b"now it works"])
        assert list(store.keys()) == ["ab/broken"]

    def test_an_object_is_invisible_until_it_is_whole(self, store: Store) -> None:
        def watched() -> Iterator[bytes]:
            yield b"half"
            assert list(store.keys()) == []
            with pytest.raises(ObjectMissing):
                store.stat("ab/slow")
            yield b"half"

        store.write("ab/slow", watched())
        assert store.stat("ab/slow").size == 8

    def test_of_many_writers_of_one_key_exactly_one_wins(self, store: Store) -> None:
        writers = 8
        barrier = threading.Barrier(writers)

        def write(number: int) -> int | None:
            def content() -> Iterator[bytes]:
                yield bytes([number]) * 100_000
                barrier.wait(timeout=30)
                yield bytes([number]) * 100_000

            try:
                store.write("race/key", content())
            except ObjectExists:
                return None
            return number

        with ThreadPoolExecutor(writers) as pool:
            winners = [number for number in pool.map(write, range(writers)) if number is not None]
        assert len(winners) == 1
        assert b"".join(store.read("race/key")) == bytes(winners) * 200_000

    def test_many_writers_of_many_keys(self, store: Store) -> None:
        keys = [f"{number % 4:02d}/series{number % 8}/{number}.pack" for number in range(64)]
        content = {key: os.urandom(1000) for key in keys}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.write(key, [content[key]]), keys))
        assert {key: b"".join(store.read(key)) for key in store.keys()} == content  # noqa: SIM118

    def test_deleting_is_final_and_may_be_repeated(self, store: Store) -> None:
        store.write("ab/gone", [b"x"])
        store.delete("ab/gone")
        store.delete("ab/gone")
        store.delete("never/was")
        assert list(store.keys()) == []
        store.write("ab/gone", [b"again"])
        assert b"".join(store.read("ab/gone")) == b"again"

    def test_keys_come_in_order_and_by_prefix(self, store: Store) -> None:
        keys = [
            "a",
            "a-b",
            "a.b/c",
            "a0",
            "ab/0",
            "ab/cd/1",
            "ab/cd/2",
            "ab/cde",
            "b/x",
            "tmp/y",
            "objects/z",
        ]
        for key in reversed(keys):
            store.write(key, [key.encode()])
        assert list(store.keys()) == sorted(keys)
        for prefix in ("a", "ab", "ab/", "ab/cd", "ab/cd/", "ab/cd/2", "b", "x", "tmp/"):
            assert list(store.keys(prefix)) == sorted(key for key in keys if key.startswith(prefix))

    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    def test_hostile_keys_are_refused_by_every_operation(self, store: Store, key: str) -> None:
        with pytest.raises(InvalidInput):
            store.write(key, [b"x"])
        with pytest.raises(InvalidInput):
            store.stat(key)
        with pytest.raises(InvalidInput):
            next(iter(store.read(key)))
        with pytest.raises(InvalidInput):
            store.delete(key)
        with pytest.raises(InvalidInput):
            store.local_path(key)
        assert list(store.keys()) == []
