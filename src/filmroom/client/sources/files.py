"""A series as files that are fetched one by one, each continued, compared and checked by itself."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from filmroom.client.intake import NOT_IMAGES
from filmroom.client.journal import Arrival, Source
from filmroom.client.layout import SeriesPlace
from filmroom.client.sources.base import (
    Delivery,
    Opening,
    Promise,
    RemoteFile,
    RemoteSeries,
    gathered,
    origin_of,
)
from filmroom.client.sources.file_reader import FileReader
from filmroom.client.sources.unpack import unpacked
from filmroom.client.zip_stream import Member
from filmroom.errors import BadAnswer, DigestMismatch, IncompleteTransfer
from filmroom.net.ranges import parse_content_range, strong_etag
from filmroom.net.request_log import is_signed
from filmroom.net.retry import RetryPolicy, TransientFailure

if TYPE_CHECKING:
    import httpx2

Get = Callable[[RemoteFile, Mapping[str, str]], "AbstractContextManager[httpx2.Response]"]
"""Asks for a file with headers. Raises what :meth:`Connection.stream` raises."""

PROVEN = ("md5", "sha256", "sha512", "sha1")
"""Checksums that can be compared."""


class FilesBody:
    """Files one behind the other.

    :param root: see :class:`~filmroom.client.sources.base.Body`. :param path: the same.
    :param identified: whether every file must be DICOM of the series.
    :param archived: whether the only file, when it is a ZIP, is delivered unpacked.
    """

    def __init__(
        self,
        root: str,
        path: str,
        files: Sequence[RemoteFile],
        get: Get,
        *,
        policy: RetryPolicy,
        identified: bool,
        archived: bool,
    ) -> None:
        self.root = root
        self.path = path
        self.policy = policy
        self.promise = Promise(len(files), sum(file.size or 0 for file in files))
        self._files = {file.name: file for file in files}
        if len(self._files) != len(files):
            raise BadAnswer(f"{root} names two files of {path} alike.")
        self._order = list(files)
        self._get = get
        self._identified = identified
        self._archived = archived and len(files) == 1
        self._reader = FileReader(self._order)

    @property
    def _version(self) -> str:
        """What changes when the files do: plays the part of an ETag."""
        told = [(file.name, file.size, file.etag, sorted(file.checksums.items())) for file in self._order]
        return f'"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}"'

    def reader(self, finished: Iterable[Member]) -> FileReader:
        """Return a reader that goes on behind the files that are there; :meth:`open` asks where it is."""
        self._reader = FileReader(self._order, finished)
        return self._reader

    @contextmanager
    def open(self, offset: int, source: Source | None) -> Iterator[Opening]:
        """Ask for the files behind ``offset``, one after the other; see :class:`Body`."""
        version = self._version
        goes_on = offset > 0 and source is not None and source.etag == version
        yield Opening(
            None if goes_on else Source(self.root, self.path, version, self.promise.bytes or None),
            self._chunks(),
        )

    def _chunks(self) -> Iterator[bytes]:
        # Begun only when the intake has made its reader: it says which file is next, and from which byte.
        first, inside = self._reader.number, self._reader.inside
        for file in self._order[first:]:
            yield from self._one(file, inside)
            inside = 0

    def _one(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if file.etag is not None:
                headers["If-Range"] = file.etag
        with self._get(file, headers) as response:
            skipped = start - self._checked_start(file, start, response)
            left = None if file.size is None else file.size - start
            for chunk in gathered(response.iter_raw()):
                piece = chunk[skipped:]
                skipped -= len(chunk) - len(piece)
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        raise BadAnswer(f"{self.root} sent more of {file.name} than its {file.size} bytes.")
                if piece:
                    yield piece
        if left:
            raise TransientFailure(
                IncompleteTransfer(f"{file.name} broke off {left} bytes before its end: {self.root}.")
            )
        if not file.size:
            yield b""  # which tells the reader that a file without length or bytes is at its end

    def _checked_start(self, file: RemoteFile, start: int, response: httpx2.Response) -> int:
        """Return where the answer begins. :raises BadAnswer: when it is not the file that was listed."""
        headers = response.headers
        if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise BadAnswer(f"{self.root} packed {file.name}, which it was told not to.")
        etag = strong_etag(headers.get("etag"))
        if file.etag is not None and etag is not None and etag != file.etag:
            raise BadAnswer(f"{file.name} of {self.root} changed while it was being fetched.")
        length = headers.get("content-length", "")
        if response.status_code == 206:
            part = parse_content_range(headers.get("content-range", ""))
            if part.start != start or (file.size is not None and part.total not in {None, file.size}):
                raise BadAnswer(f"{self.root} sent bytes from {part.start} where {start} were asked for.")
            return start
        if start and not file.checksums and (etag is None or etag != file.etag):
            raise BadAnswer(f"{self.root} does not say whether {file.name} is still the same.")
        if file.size is not None and length.isascii() and length.isdigit() and int(length) != file.size:
            raise BadAnswer(f"{file.name} of {self.root} has {length} bytes instead of {file.size}.")
        return 0

    def check(self, name: str, md5: str) -> None:
        """Compare the MD5 of a file that just came. :raises DigestMismatch: when it is another one."""
        expected = self._files[name].checksums.get("md5")
        if expected is not None and expected.lower() != md5:
            raise DigestMismatch(f"{name} of {self.root} arrived damaged: its MD5 differs.")

    def deliver(self, place: SeriesPlace, arrival: Arrival) -> Delivery:
        """Compare the checksums that are not MD5, and say of how many files none was told.

        :raises DigestMismatch: when a file is not what the source says.
        """
        remarks = self._proved(place, arrival)
        if self._archived and zipfile.is_zipfile(place.files / arrival.arrived[0].name):
            arrival = unpacked(place, arrival)
        images = [each for each in arrival.arrived if each.name not in NOT_IMAGES]
        promise = Promise(len(images), sum(each.size for each in images))
        digests = {each.name: each.md5 for each in images}
        return Delivery(arrival, promise, digests, self._identified, remarks)

    def _proved(self, place: SeriesPlace, arrival: Arrival) -> tuple[str, ...]:
        unproven = 0
        for arrived in arrival.arrived:
            told = self._files[arrived.name].checksums
            algorithm = next((name for name in PROVEN if name in told), None)
            if algorithm is None:
                unproven += 1
            elif algorithm != "md5":
                with (place.files / arrived.name).open("rb") as stream:
                    found = hashlib.file_digest(stream, algorithm).hexdigest()
                if found != told[algorithm].lower():
                    raise DigestMismatch(
                        f"{arrived.name} of {self.root} arrived damaged: its {algorithm} differs."
                    )
        if not unproven:
            return ()
        return (f"{self.root} tells no checksum of {unproven} files: only their sizes were compared.",)


def _names_archive(files: Sequence[RemoteFile]) -> bool:
    return files[0].address.startswith("drs://") and files[0].name.lower().endswith(".zip")


class FileService(Protocol):
    """What lists and gives files: of web addresses, of buckets, of data repositories."""

    @property
    def api(self) -> str: ...
    @property
    def policy(self) -> RetryPolicy: ...
    def files(self, addresses: Sequence[str]) -> list[RemoteFile]: ...
    def get(
        self, file: RemoteFile, headers: Mapping[str, str]
    ) -> AbstractContextManager[httpx2.Response]: ...


class FilesSource:
    """A series whose files are fetched one by one.

    :param known: what is known of its size without asking. Other numbers of files are an error.
    """

    def __init__(self, service: FileService, series: RemoteSeries, known: Promise | None = None) -> None:
        self._service = service
        self._series = series
        self._known = known
        self.api = service.api
        self.root = origin_of(series.addresses[0])
        # What signs an address is not kept in a folder that may be passed on.
        self.addresses = (
            () if any(is_signed(each.partition("?")[2]) for each in series.addresses) else series.addresses
        )

    def promise(self, uid: str) -> Promise:
        """Return number and bytes of the files. :raises NotFound, AccessDenied: when they cannot be had."""
        if self._known is not None:
            return self._known
        files = self._service.files(self._series.addresses)
        return Promise(len(files), sum(file.size or 0 for file in files))

    def body(self, uid: str, promise: Promise) -> FilesBody:
        """Return what brings the files, as they are now."""
        files = self._service.files(self._series.addresses)
        if len(files) != promise.count:
            raise IncompleteTransfer(
                f"Series {uid} has {promise.count} objects, but {len(files)} are at {self.root}."
            )
        return FilesBody(
            self.root,
            uid,
            files,
            self._service.get,
            policy=self._service.policy,
            identified=self._series.series_instance_uid is not None,
            archived=self._series.series_instance_uid is not None or _names_archive(files),
        )

    def digest(self, sop_instance_uid: str) -> str:
        """Raise: files are compared with what was listed. :raises BadAnswer: always."""
        raise BadAnswer(f"{self.root} tells no digest of {sop_instance_uid}.")
