"""Digests and sources."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from filmroom.dicom.digest import Digester, Digests, digest
from filmroom.dicom.source import BytesSource, FileSource


def test_digests_are_those_of_the_whole_however_it_is_cut() -> None:
    data = random.Random(1).randbytes(300_000)
    expected = Digests(
        len(data),
        hashlib.md5(data).digest(),
        hashlib.sha256(data).digest(),
        zlib.crc32(data),
    )
    assert digest([data]) == expected
    assert digest(data[at : at + 7777] for at in range(0, len(data), 7777)) == expected
    digester = Digester()
    digester.update(b"")
    digester.update(data)
    assert digester.result() == expected


def test_digests_of_nothing() -> None:
    assert digest([]) == Digests(0, hashlib.md5(b"").digest(), hashlib.sha256(b"").digest(), 0)


def test_digests_without_the_fast_crc() -> None:
    code = (
        "import sys; sys.modules['zlib_ng'] = None; "
        "from filmroom.dicom.digest import digest; print(digest([b'123456789']).crc32)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0xCBF43926  # the check value of CRC-32/ISO-HDLC


def test_sources_read_ranges(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(200_000)
    path = tmp_path / "file"
    path.write_bytes(data)
    with FileSource(path) as file:
        for source in (file, BytesSource(data)):
            assert source.size == len(data)
            assert source.read(0, len(data)) == data
            assert source.read(100, 50) == data[100:150]
            assert source.read(len(data) - 3, 10) == data[-3:]
            assert source.read(len(data), 10) == b""
            assert source.read(len(data) + 5, 10) == b""
    file.close()
    with pytest.raises(OSError, match=r"[Bb]ad file descriptor"):
        file.read(0, 1)


def test_source_over_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileSource(tmp_path / "absent")
