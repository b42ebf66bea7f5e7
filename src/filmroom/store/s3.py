"""A store in a bucket of an S3-compatible service.

Objects are put whole and only where their key is free (``If-None-Match``), so any number of machines may
write into one bucket. Credentials come from the variables that S3 programs share: ``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION`` and ``AWS_ENDPOINT_URL``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store as Bucket

from filmroom.errors import InvalidInput, ObjectExists, ObjectMissing, StoreError, StoreUnavailable
from filmroom.store.base import ObjectStat, RangeReader, Store, checked_key
from filmroom.store.parts import Parts
from filmroom.store.presign import Presigner
from filmroom.store.s3_errors import S3_ERRORS, translated
from filmroom.store.s3_read import (
    ATTEMPTS,
    NETWORK_CHUNK,
    S3RangeReader,
    WantedRange,
    check_reach,
    nanoseconds,
    patiently,
    pause,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_BUCKET = re.compile(r"[0-9a-z][0-9a-z.-]{1,61}[0-9a-z]")

CHUNK = 1 << 20
_WHOLE = 64 << 20  # up to here one request; a pack is never larger
_PART = 16 << 20
_PARTS_AT_ONCE = 2
_MARK = "filmroom-write"

_PATIENCE: RetryConfig = {
    "max_retries": 3,
    "retry_timeout": dt.timedelta(seconds=20),
    "backoff": {"init_backoff": dt.timedelta(milliseconds=100), "max_backoff": dt.timedelta(seconds=2)},
}
# Reading: no byte for half a minute is a failure. Writing: the answer comes only after the last byte.
_READING: ClientConfig = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "1h"}
_WRITING: ClientConfig = {"connect_timeout": "5s", "timeout": "15min"}


class S3Store(Store):
    """Objects in a bucket, below an optional prefix. Thread-safe; not to be carried over a fork.

    :param url: ``s3://bucket`` or ``s3://bucket/prefix``.
    :raises InvalidInput: for another address.
    """

    def __init__(self, url: str) -> None:
        bucket, prefix = _parsed(url)
        endpoint = _endpoint()
        plain: ClientConfig = {"allow_http": True} if endpoint.startswith("http://") else {}

        def opened(options: ClientConfig) -> Bucket:
            given: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
            try:
                return Bucket(
                    bucket,
                    prefix=prefix or None,
                    client_options={**options, **plain},
                    retry_config=_PATIENCE,
                    **given,
                )
            except (*S3_ERRORS, ValueError) as error:
                raise _unusable(error) from None

        self._reading, self._writing = opened(_READING), opened(_WRITING)
        self._presigner = Presigner.from_environment(bucket, prefix, endpoint)

    def write(self, key: str, chunks: Iterable[bytes]) -> ObjectStat:
        checked_key(key)
        source = iter(chunks)
        held: list[bytes] = []
        size = 0
        for chunk in source:
            held.append(chunk)
            size += len(chunk)
            if size > _WHOLE:
                return self._write_parts(key, _drained(held, source))
        return self._write_whole(key, held, size)

    def stat(self, key: str) -> ObjectStat:
        checked_key(key)
        try:
            found = obstore.head(self._reading, key)
        except S3_ERRORS as error:
            raise translated(error, key) from None
        return ObjectStat(found["size"], nanoseconds(found["last_modified"]))

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        checked_key(key)
        if offset < 0 or (length is not None and length < 0):
            raise InvalidInput("A range cannot begin or extend below zero.")
        if length is None:
            length = self.stat(key).size - offset
        if length <= 0:
            check_reach(key, offset, offset + length, self.stat(key).size)
            return
        wanted = WantedRange(key, offset, offset + length)
        while wanted.is_open:
            try:
                answer = obstore.get(self._reading, key, options=wanted.options())
                wanted.check(answer)
                for chunk in answer.stream(min_chunk_size=NETWORK_CHUNK):
                    wanted.advance(len(chunk))
                    for at in range(0, len(chunk), CHUNK):
                        yield bytes(chunk[at : at + CHUNK])
                wanted.ended()
            except S3_ERRORS as error:
                time.sleep(wanted.pause_after(error))

    async def open_range(self, key: str, offset: int, length: int) -> RangeReader:
        reader = S3RangeReader(self._reading, WantedRange(checked_key(key), offset, offset + length))
        await reader.open()
        return reader

    def delete(self, key: str) -> None:
        checked_key(key)
        with contextlib.suppress(ObjectMissing):
            patiently(lambda: obstore.delete(self._reading, key), key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in ascending order.

        Services differ in the order of their lists, so one first folder at a time is sorted in memory.
        """
        if "/" in prefix:
            yield from self._sorted_keys(prefix.rpartition("/")[0], prefix)
            return
        top = patiently(lambda: obstore.list_with_delimiter(self._reading), "the list of objects")
        names = [item["path"] for item in top["objects"]]
        names += [f"{folder.rstrip('/')}/" for folder in top["common_prefixes"]]
        for name in sorted(names):
            if not name.startswith(prefix):
                continue
            if name.endswith("/"):
                yield from self._sorted_keys(name.rstrip("/"), prefix)
            else:
                yield name

    def presigned(self, key: str, *, method: str, seconds: int, answer: Mapping[str, str]) -> str | None:
        checked_key(key)
        if self._presigner is None:
            return None
        return self._presigner.url(key, method=method, seconds=seconds, answer=answer)

    def _sorted_keys(self, folder: str, prefix: str) -> list[str]:
        def listed() -> list[str]:
            pages = obstore.list(self._reading, prefix=folder, chunk_size=1000)
            return sorted(item["path"] for page in pages for item in page if item["path"].startswith(prefix))

        return patiently(listed, "the list of objects")

    def _write_whole(self, key: str, held: list[bytes], size: int) -> ObjectStat:
        """Put an object in one request. A request whose answer was lost may have been carried out: the
        object's mark tells whether what is there is ours."""
        mark = uuid.uuid4().hex
        for attempt in range(1, ATTEMPTS + 1):
            try:
                obstore.put(
                    self._writing,
                    key,
                    iter(held),
                    mode="create",
                    use_multipart=False,
                    attributes={_MARK: mark},
                )
            except S3_ERRORS as error:
                failure = translated(error, key)
                if not isinstance(failure, (ObjectExists, StoreUnavailable)):
                    raise failure from None
                if attempt == ATTEMPTS or isinstance(failure, ObjectExists):
                    return self._own_stat(key, mark, size, failure)
                time.sleep(pause(attempt))
            else:
                break
        return self._written(key, size)

    def _write_parts(self, key: str, source: Iterator[bytes]) -> ObjectStat:
        """Put a large object part by part; nothing of it shows before the last part is there.

        A part-wise upload cannot be made conditional with this library, so whether the key is free is
        asked directly before the end.
        """
        mark = uuid.uuid4().hex
        parts = Parts()
        with ThreadPoolExecutor(1, thread_name_prefix="filmroom-s3") as pool:
            upload = pool.submit(
                obstore.put,
                self._writing,
                key,
                parts.taken(),
                use_multipart=True,
                chunk_size=_PART,
                max_concurrency=_PARTS_AT_ONCE,
                attributes={_MARK: mark},
            )
            upload.add_done_callback(parts.stop)
            try:
                size = parts.give(source)
                self._check_free(key)
            except BaseException as error:
                parts.end(error)
                raise
            parts.end()
            try:
                upload.result()
            except S3_ERRORS as error:
                return self._own_stat(key, mark, size, translated(error, key))
        return self._written(key, size)

    def _check_free(self, key: str) -> None:
        try:
            obstore.head(self._writing, key)
        except FileNotFoundError:
            return
        except S3_ERRORS as error:
            raise translated(error, key) from None
        raise ObjectExists(f"The object {key} is already there.")

    def _written(self, key: str, size: int) -> ObjectStat:
        found = self.stat(key)
        if found.size != size:
            raise StoreError(f"The store kept {found.size} of {size} bytes of {key}.")
        return found

    def _own_stat(self, key: str, mark: str, size: int, failure: StoreError) -> ObjectStat:
        """Return what was written after all. :raises StoreError: ``failure``, when it was not."""
        try:
            found = obstore.get(self._writing, key, options={"head": True})
            is_ours = found.attributes.get(_MARK) == mark and found.meta["size"] == size
        except S3_ERRORS:
            is_ours = False
        if not is_ours:
            raise failure
        return ObjectStat(size, nanoseconds(found.meta["last_modified"]))


def _parsed(url: str) -> tuple[str, str]:
    """Return bucket and prefix of an address; credentials in it would end up in logs, so it may have none."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if "@" in parts.netloc or parts.query or parts.fragment or not _BUCKET.fullmatch(parts.netloc):
        raise InvalidInput(
            "A store in an S3 bucket has an address like s3://bucket/prefix.",
            advice="Credentials and the service's address belong into the AWS_… environment variables.",
        )
    return parts.netloc, checked_key(prefix) if prefix else ""


def _endpoint() -> str:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name].rstrip("/") for name in names if os.environ.get(name)), "")


def _unusable(error: Exception) -> StoreError:
    return StoreError(
        f"The S3 store cannot be set up ({type(error).__name__}).", advice="Check the AWS_… variables."
    )


def _drained(held: list[bytes], source: Iterator[bytes]) -> Iterator[bytes]:
    """Yield both, forgetting what was held as it goes."""
    held.reverse()
    while held:
        yield held.pop()
    yield from source
