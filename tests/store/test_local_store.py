"""The store in a folder: the common suite, and what only a folder can get wrong."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filmroom.errors import InvalidInput, ObjectExists, ObjectMissing, StoreError, StoreFull
from filmroom.store import open_store
from filmroom.store.local import LocalStore
from filmroom.testing.stores import StoreSuite


class TestLocalStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path):
        return LocalStore(tmp_path / "store")


class TestWithoutHardLinks(StoreSuite):
    """The same on a file system that refuses hard links, as exFAT and some network mounts do."""

    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        return LocalStore(tmp_path / "store")


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def test_a_local_path_is_the_objects_file(root):
    store = LocalStore(root)
    store.write("ab/x.pack", [b"abc"])
    assert store.local_path("ab/x.pack").read_bytes() == b"abc"
    assert files_below(root) == ["objects/ab/x.pack"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "link", "mkdir"])
def test_a_full_disk_is_said_and_leaves_nothing(root, monkeypatch, call, number):
    store = LocalStore(root)

    def full(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StoreFull, match="No space"):
            store.write("ab/x.pack", [b"abc"])
    assert files_below(root) == []
    assert store.write("ab/x.pack", [b"abc"]).size == 3


def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError):
        LocalStore(tmp_path / "file" / "store")


def test_what_a_killed_writer_left_is_invisible_and_goes_after_a_day(root):
    program = (
        "import sys, time; from pathlib import Path; from filmroom.store.local import LocalStore\n"
        "def chunks():\n"
        "    yield bytes(1000); print('ready', flush=True); time.sleep(60); yield b''\n"
        "LocalStore(Path(sys.argv[1])).write('ab/x.pack', chunks())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    [leftover] = files_below(root)
    assert leftover.startswith("tmp/")
    store = LocalStore(root)
    assert list(store.keys()) == []
    assert files_below(root) == [leftover], "a young file may belong to a living writer"
    assert store.write("ab/x.pack", [b"abc"]).size == 3
    two_days_ago = time.time() - 2 * 86400
    os.utime(root / leftover, (two_days_ago, two_days_ago))
    LocalStore(root)
    assert files_below(root) == ["objects/ab/x.pack"]


def test_of_many_processes_exactly_one_wins(root):
    program = (
        "import sys; from pathlib import Path; from filmroom.errors import ObjectExists\n"
        "from filmroom.store.local import LocalStore\n"
        "store = LocalStore(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.readline()\n"
        "won = 0\n"
        "for number in range(50):\n"
        "    try: store.write(f'race/{number}', [sys.argv[2].encode() * 1000]); won += 1\n"
        "    except ObjectExists: pass\n"
        "print(won)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(root), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ABC"
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    wins = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(wins) == 50
    for number in range(50):
        content = (root / "objects" / "race" / str(number)).read_bytes()
        assert len(content) == 1000
        assert len(set(content)) == 1


def test_symbolic_links_in_the_store_are_not_followed(root, tmp_path):
    store = LocalStore(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "objects" / "way").symlink_to(outside)
    (root / "objects" / "file").symlink_to(outside / "secret")
    with pytest.raises(StoreError):
        store.write("way/x", [b"x"])
    with pytest.raises(ObjectExists):
        store.write("file", [b"x"])
    with pytest.raises(ObjectMissing):
        store.stat("file")
    with pytest.raises(ObjectMissing):
        next(store.read("file"))
    assert list(store.keys()) == []
    assert files_below(outside) == ["secret"]


def test_a_fifo_under_a_key_does_not_hang_the_reader(root):
    store = LocalStore(root)
    os.mkfifo(root / "objects" / "pipe")
    with pytest.raises(ObjectMissing):
        store.stat("pipe")


def test_objects_and_new_folders_are_fsynced_before_a_write_returns(root, monkeypatch):
    store = LocalStore(root)
    synced = []
    real = os.fsync

    def fsync(fd):
        synced.append(os.path.realpath(f"/proc/self/fd/{fd}"))
        real(fd)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see which file a descriptor is")
    monkeypatch.setattr(os, "fsync", fsync)
    store.write("ab/cd/x.pack", [b"abc"])
    objects = root.resolve() / "objects"
    assert synced[:2] == [str(objects), str(objects / "ab")]
    assert "/tmp/" in synced[2]
    assert synced[3:] == [str(objects / "ab" / "cd")]
    synced.clear()
    store.write("ab/cd/y.pack", [b"abc"])
    assert len(synced) == 2


def test_stores_are_opened_by_address(tmp_path, monkeypatch):
    folder = tmp_path / "a b"
    for address in (str(folder), folder.as_uri()):
        store = open_store(address)
        assert isinstance(store, LocalStore)
        assert store.root == folder
    monkeypatch.chdir(tmp_path)
    assert open_store("relative").root == tmp_path / "relative"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a\0b",
        "gs://bucket/x",
        "http://host/x",
        "file://elsewhere/x",
        "file:relative",
        "file:///x?y",
        "file:",
        "~no-such-user/x",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(InvalidInput):
        open_store(address)


def test_the_refusal_of_an_unknown_kind_says_what_is_known():
    with pytest.raises(InvalidInput, match="'gs'") as caught:
        open_store("gs://bucket")
    assert "file:///" in caught.value.advice
