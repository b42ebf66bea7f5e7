"""A server of the NBIA API as a source: one archive (ZIP) for each series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from filmroom.client.connection import Connection
from filmroom.client.journal import Arrival, Source
from filmroom.client.layout import SeriesPlace
from filmroom.client.sources.base import Delivery, Opening, Promise, gathered
from filmroom.client.zip_stream import Member, ZipLimits, ZipStream
from filmroom.errors import BadAnswer
from filmroom.model.entities import Series
from filmroom.net.ranges import continuation_headers, continues, parse_content_range, strong_etag
from filmroom.net.retry import RetryPolicy

_BESIDE_IMAGES = 16 << 20  # bytes allowed for LICENSE and the list of digests, plus the list's lines
_LIST_LINE = 256


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """How a series is asked for: path below the server's root, and parameters."""

    path: str
    params: Mapping[str, str]


class Archive(Protocol):
    """What a download asks of the client."""

    @property
    def connection(self) -> Connection: ...
    @property
    def api(self) -> str: ...
    def archive_of(self, uid: str) -> Archive: ...
    def promise(self, uid: str) -> Promise: ...
    def archive_request(self, uid: str) -> SeriesRequest: ...
    def digest(self, sop_instance_uid: str) -> str: ...
    def series_digest(self, series_instance_uid: str) -> str: ...
    def instances(self, series_instance_uid: str) -> list[str]: ...
    def instance_request(self, series_instance_uid: str, sop_instance_uid: str) -> SeriesRequest: ...
    def series(self, *, series_instance_uid: str) -> Sequence[Series]: ...
    def series_records(self, series: Iterable[str | Series]) -> Sequence[Series]: ...


class ServerSource:
    """Series of the server that a client speaks to."""

    addresses: tuple[str, ...] = ()

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.promise = archive.promise
        self.digest = archive.digest

    @property
    def root(self) -> str:
        """The server's root."""
        return self.archive.connection.root

    @property
    def api(self) -> str:
        """The version of NBIA's API."""
        return self.archive.api

    def body(self, uid: str, promise: Promise) -> ArchiveBody:
        """Return what brings the archive of a series."""
        archive = self.archive.archive_of(uid)
        return ArchiveBody(archive.connection, archive.archive_request(uid), promise)


class ArchiveBody:
    """The archive of one series: its members are the files."""

    def __init__(self, connection: Connection, request: SeriesRequest, promise: Promise) -> None:
        self._connection = connection
        self._request = request
        self.promise = promise

    @property
    def root(self) -> str:
        """The server's root."""
        return self._connection.root

    @property
    def path(self) -> str:
        """The operation that gives the archive."""
        return self._request.path

    @property
    def policy(self) -> RetryPolicy:
        """How patient to be."""
        return self._connection.policy

    def reader(self, finished: Iterable[Member]) -> ZipStream:
        """Return a reader of the archive that goes on behind the members that are there."""
        count = self.promise.count
        limits = ZipLimits(count + 8, self.promise.bytes + _BESIDE_IMAGES + _LIST_LINE * count)
        return ZipStream(limits, finished)

    @contextmanager
    def open(self, offset: int, source: Source | None) -> Iterator[Opening]:
        """Ask for the archive, or for the rest of the one that was begun; see :class:`Body`."""
        etag = source.etag if offset and source is not None else None
        headers = {"Accept-Encoding": "identity"}
        if etag is not None:
            headers |= continuation_headers(offset, etag)
        request = self._request
        with self._connection.stream(request.path, request.params, headers, denial=True) as response:
            if response.status_code == 204:
                raise BadAnswer(f"{self.root} sent no archive (status 204).")
            goes_on = etag is not None and continues(
                response.status_code,
                response.headers,
                offset=offset,
                etag=etag,
                total=source.total if source is not None else None,
            )
            begun = None if goes_on else self._begun(response.status_code, response.headers)
            yield Opening(begun, gathered(response.iter_raw()))

    def check(self, name: str, md5: str) -> None:
        """Do nothing: digests come at the archive's end."""

    def deliver(self, place: SeriesPlace, arrival: Arrival) -> Delivery:
        """Return what came; the archive's list of digests is in it, or the server is asked for them."""
        return Delivery(arrival, self.promise)

    def _begun(self, status: int, headers: Mapping[str, str]) -> Source:
        if status == 206:
            part = parse_content_range(headers.get("content-range", ""))
            raise BadAnswer(f"The server sent bytes from {part.start} where the whole was asked for.")
        if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise BadAnswer("The server packed the archive once more, which it was told not to.")
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "text/html":
            raise BadAnswer(
                f"{self.root} answered with a web page instead of an archive.",
                advice="It may be under maintenance. Run the same command again later.",
            )
        length = headers.get("content-length", "")
        return Source(
            self.root,
            self.path,
            strong_etag(headers.get("etag")),
            int(length) if length.isascii() and length.isdigit() else None,
        )
