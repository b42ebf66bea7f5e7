"""What every store can do: a short abstract class over immutable objects.

A *key* is text like ``ab/0123abcd/6f1c….pack``: segments of ``[0-9A-Za-z._-]`` joined by ``/``, none of them
``.`` or ``..``. Objects are written once, whole, and become visible only after they are durable; they are
never changed. Ranges are half-open: ``offset`` inclusive, ``offset + length`` exclusive.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from filmroom.errors import InvalidInput

_KEY = re.compile(r"(?!\.{1,2}(?:/|$))[0-9A-Za-z._-]{1,128}(?:/(?!\.{1,2}(?:/|$))[0-9A-Za-z._-]{1,128}){0,7}")


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """Size in bytes and time of last change (POSIX nanoseconds; None where the store keeps none)."""

    size: int
    modified_ns: int | None


def checked_key(key: str) -> str:
    """Return ``key`` if it is a legal object key.

    :raises InvalidInput: otherwise.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(f"Not an object key: {key!r}.")
    return key


class RangeReader(ABC):
    """A range of an object on its way, for an event loop. Dropping it ends the request."""

    @property
    @abstractmethod
    def stat(self) -> ObjectStat:
        """Size and time of the whole object, as the store's answer says."""

    @abstractmethod
    async def read(self) -> bytes:
        """Return the next bytes, at most a few MiB; ``b""`` after the last.

        :raises ObjectChanged: when the object ends early or was replaced. :raises StoreError:
        """


class Store(ABC):
    """A place for immutable objects."""

    @abstractmethod
    def write(self, key: str, chunks: Iterable[bytes]) -> ObjectStat:
        """Write one object durably and make it visible at once and whole.

        :raises ObjectExists: when the key is taken. :raises StoreFull: when space runs out; nothing is left.
        """

    @abstractmethod
    def stat(self, key: str) -> ObjectStat:
        """Return size and time of an object. :raises ObjectMissing:"""

    @abstractmethod
    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a range (to the end when ``length`` is None) in chunks of at most 1 MiB.

        :raises ObjectMissing: before the first chunk. :raises ObjectChanged: when the object ends early.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; absent is no error."""

    @abstractmethod
    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in ascending order."""

    async def open_range(self, key: str, offset: int, length: int) -> RangeReader:
        """Begin to read a range of an object that is no local file; ``length`` is above 0.

        :raises ObjectMissing: :raises ObjectChanged: when the range does not lie inside the object.
        """
        reader = _ThreadedRangeReader(self, key, offset, length)
        await reader.open()
        return reader

    def presigned(self, key: str, *, method: str, seconds: int, answer: Mapping[str, str]) -> str | None:
        """Return an address under which anyone can read the object for some seconds, or None.

        :param method: ``GET`` or ``HEAD``. :param answer: headers that the answer there is to have.
        """
        del key, method, seconds, answer
        return None

    def local_path(self, key: str) -> Path | None:
        """Return the object's file where the store is a folder, else None. Does not check existence."""
        checked_key(key)
        return None


class _ThreadedRangeReader(RangeReader):
    """For stores that can only wait: reads in threads."""

    def __init__(self, store: Store, key: str, offset: int, length: int) -> None:
        self._store = store
        self._key = key
        self._chunks = store.read(key, offset, length)
        self._stat = ObjectStat(0, None)

    @property
    def stat(self) -> ObjectStat:
        return self._stat

    async def open(self) -> None:
        self._stat = await asyncio.to_thread(self._store.stat, self._key)

    async def read(self) -> bytes:
        return await asyncio.to_thread(next, self._chunks, b"")
