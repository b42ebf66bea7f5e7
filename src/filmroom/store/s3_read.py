"""Reading ranges of S3 objects, going on where a connection breaks."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import obstore

from filmroom.errors import ObjectChanged, StoreUnavailable
from filmroom.store.base import ObjectStat, RangeReader
from filmroom.store.s3_errors import S3_ERRORS, translated

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import S3Store as Bucket

NETWORK_CHUNK = 256 << 10
"""Least bytes that are handed over at once, but at the end."""

ATTEMPTS = 4
"""How often a request is made that the service fails to answer (each with short retries of its own)."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class WantedRange:
    """How far a range has been read, and how often that failed."""

    def __init__(self, key: str, position: int, end: int) -> None:
        self.key = key
        self.stat = ObjectStat(0, None)
        self._position, self._end = position, end
        self._etag: str | None = None
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """Whether bytes are missing."""
        return self._position < self._end

    def options(self) -> GetOptions:
        """What to ask the service for; once begun, only for the same object."""
        wanted: GetOptions = {"range": (self._position, self._end)}
        if self._etag is not None:
            wanted["if_match"] = self._etag
        return wanted

    def check(self, answer: GetResult) -> None:
        """Look at an answer's head. :raises ObjectChanged: when the object is shorter than the range."""
        size = answer.meta["size"]
        check_reach(self.key, self._position, self._end, size)
        self.stat = ObjectStat(size, nanoseconds(answer.meta["last_modified"]))
        self._etag = answer.meta["e_tag"]

    def advance(self, count: int) -> None:
        """Note bytes that came."""
        self._position += count
        if self._position > self._end:
            raise ObjectChanged(f"The store sent more bytes of {self.key} than were asked for.")

    def ended(self) -> None:
        """Note the end of an answer. :raises OSError: when bytes are missing, to be tried again."""
        if self.is_open:
            raise ConnectionError("The store's answer ended early.")

    def pause_after(self, error: Exception) -> float:
        """Return the seconds to wait before asking for the rest.

        :raises StoreError: when it is no use, or was tried often enough.
        """
        if "416" in str(error) and "InvalidRange" in str(error):
            raise ObjectChanged(f"The object {self.key} has fewer bytes than the range needs.") from None
        failure = translated(error, self.key)
        self._failures += 1
        if self._failures >= ATTEMPTS or not isinstance(failure, StoreUnavailable):
            raise failure from None
        return pause(self._failures)


class S3RangeReader(RangeReader):
    """One range on its way, continued by a new request where the connection breaks."""

    def __init__(self, bucket: Bucket, wanted: WantedRange) -> None:
        self._bucket = bucket
        self._wanted = wanted
        self._stream: Any = None

    @property
    def stat(self) -> ObjectStat:
        return self._wanted.stat

    async def open(self) -> None:
        while self._stream is None:
            try:
                answer = await obstore.get_async(
                    self._bucket, self._wanted.key, options=self._wanted.options()
                )
                self._wanted.check(answer)
                self._stream = answer.stream(min_chunk_size=NETWORK_CHUNK)
            except S3_ERRORS as error:
                await asyncio.sleep(self._wanted.pause_after(error))

    async def read(self) -> bytes:
        while self._wanted.is_open:
            await self.open()
            try:
                chunk = await anext(self._stream, b"")
                if not chunk:
                    self._wanted.ended()
            except S3_ERRORS as error:
                self._stream = None
                await asyncio.sleep(self._wanted.pause_after(error))
            else:
                self._wanted.advance(len(chunk))
                return bytes(chunk)
        return b""


_Answer = TypeVar("_Answer")


def patiently(ask: Callable[[], _Answer], what: str) -> _Answer:
    """Ask what may be asked again, until it is answered: a POST, or a list that is cut, is not repeated by
    the library.

    :raises StoreError: when it is no use, or was tried often enough.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ask()
        except S3_ERRORS as error:
            failure = translated(error, what)
            if attempt == ATTEMPTS or not isinstance(failure, StoreUnavailable):
                raise failure from None
            time.sleep(pause(attempt))
    raise AssertionError("unreachable")


def check_reach(key: str, offset: int, end: int, size: int) -> None:
    """Compare a range with an object's size. :raises ObjectChanged: when it does not lie inside."""
    if end > size or offset > size:
        raise ObjectChanged(f"The object {key} has {size} bytes, fewer than the range needs.")


def pause(attempt: int) -> float:
    """Return seconds to wait after a failure, longer each time and never in step with others."""
    return float(min(0.1 * 2**attempt, 5.0) * random.uniform(0.5, 1))


def nanoseconds(when: dt.datetime) -> int:
    """Return POSIX nanoseconds."""
    return (when - _EPOCH) // _MICROSECOND * 1000
