"""Size, MD5, SHA-256 and CRC-32 of a file in one pass."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

try:
    from zlib_ng.zlib_ng import crc32 as _fast_crc32
except ImportError:  # comes with the extra "server"; the client core does without
    _fast_crc32 = zlib.crc32

_crc32: Callable[[bytes, int], int] = _fast_crc32


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Digests:
    """Size in bytes and digests of one file. ``crc32`` is that of ZIP (APPNOTE 4.4.7)."""

    size: int
    md5: bytes
    sha256: bytes
    crc32: int


class Digester:
    """Takes chunks and keeps all digests in step."""

    __slots__ = ("_crc32", "_md5", "_sha256", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._crc32 = 0
        # MD5 is what NBIA hands out to find damage; nothing here relies on it against an attacker.
        self._md5: _Hash = hashlib.md5(usedforsecurity=False)
        self._sha256: _Hash = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._size += len(chunk)
        self._crc32 = _crc32(chunk, self._crc32)
        self._md5.update(chunk)
        self._sha256.update(chunk)

    def result(self) -> Digests:
        """Return the digests of everything added so far."""
        return Digests(self._size, self._md5.digest(), self._sha256.digest(), self._crc32)


def digest(chunks: Iterable[bytes]) -> Digests:
    """Return the digests of the concatenated chunks."""
    digester = Digester()
    for chunk in chunks:
        digester.update(chunk)
    return digester.result()
