"""What a source of series is, and what it is asked for."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

from filmroom.client.journal import Arrival, Source
from filmroom.client.layout import SeriesPlace, checked_uid
from filmroom.client.zip_stream import Event, Member
from filmroom.errors import InvalidInput
from filmroom.net.request_log import is_signed
from filmroom.net.retry import RetryPolicy

_GATHERED = 256 * 1024  # bytes handled at once
_HELD_BACK = 0.2  # seconds that bytes wait for more at most
_ADDRESS = re.compile(r"(?:https?|drs|s3)://[^\s\x00-\x20\x7f\ud800-\udfff]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a source says a series consists of: number of objects, and their bytes (0 when not told)."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RemoteSeries:
    """A series, or other files that belong together, named by where they are rather than by a server.

    :param addresses: of the files: ``https://…``, ``drs://service/id``, or ``s3://bucket/folder/*``.
    :param series_instance_uid: what the files must be of; None where that is not known, or they are no
        DICOM: such files lie in a folder whose name is a UID made from the addresses (``2.25.…``).
    :raises InvalidInput: for anything that is no such address, or no UID.
    """

    addresses: tuple[str, ...]
    series_instance_uid: str | None = None

    def __post_init__(self) -> None:
        if not self.addresses:
            raise InvalidInput("A series without an address.")
        for address in self.addresses:
            if not is_address(address):
                raise InvalidInput(
                    f"Not an address of files: {shown(address)!r}.",
                    advice="Give https://…, drs://service/id or s3://bucket/folder/*.",
                )
        if self.series_instance_uid is not None:
            checked_uid(self.series_instance_uid)

    @classmethod
    def of_key(cls, key: str, addresses: tuple[str, ...]) -> RemoteSeries:
        """Return the series that lies under a key in a download folder, from where it was fetched."""
        nameless = cls(addresses)
        return nameless if nameless.key == key else cls(addresses, key)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of a bucket, of which only the images say which series they are of."""
        return (
            self.series_instance_uid is None
            and len(self.addresses) == 1
            and self.addresses[0].lower().startswith("s3://")
            and self.addresses[0].endswith("/*")
        )

    @property
    def key(self) -> str:
        """The UID under which it lies in a download folder."""
        if self.series_instance_uid is not None:
            return checked_uid(self.series_instance_uid)
        # UIDs made from UUIDs: PS3.5 B.2. What signs an address changes from day to day.
        lasting = " ".join(_unsigned(address) for address in self.addresses)
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, lasting).int}"


def _unsigned(address: str) -> str:
    bare, _, query = address.partition("?")
    return bare if is_signed(query) else address


def is_address(text: str) -> bool:
    """Whether a text is an address that :class:`RemoteSeries` takes."""
    return _ADDRESS.fullmatch(text) is not None


def shown(address: str) -> str:
    """Return an address fit for messages: without a login and without the query, which may sign it."""
    bare = address.split("?", 1)[0].split("#", 1)[0]
    return re.sub(r"(?<=//)[^/@]*@", "", bare)[:200]


def origin_of(address: str) -> str:
    """Return scheme and host of an address: ``s3://bucket``."""
    scheme, _, rest = shown(address).partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def last_part(address: str) -> str:
    """Return the last part of an address's path, unquoted; empty when there is none."""
    return unquote(urlsplit(address).path.rstrip("/").rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file that is fetched alone.

    ``size`` in bytes, ``etag`` (a strong one) and ``checksums`` (hex by algorithm: ``md5``, ``sha256`` …) as
    far as the source tells them.
    """

    name: str
    address: str
    size: int | None = None
    etag: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opening:
    """Bytes of a body, being sent. ``source`` is of a body that begins; None where one is continued."""

    source: Source | None
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body that came whole, and what is known of it.

    ``digests`` gives the MD5 (hex) of each file where the source told or proved them; None: to be asked.
    ``identified``: whether every file must be DICOM of the series.
    """

    arrival: Arrival
    promise: Promise
    digests: dict[str, str] | None = None
    identified: bool = True
    remarks: tuple[str, ...] = ()


class MemberReader(Protocol):
    """Turns the bytes of a body into files: :class:`~filmroom.client.zip_stream.ZipStream` and others."""

    @property
    def position(self) -> int: ...
    def feed(self, chunk: bytes) -> Iterator[Event]: ...
    def close(self) -> None: ...


class Body(Protocol):
    """The bytes of one series in a fixed order: an archive, or files one behind the other."""

    @property
    def root(self) -> str:
        """The server, for messages and the journal."""

    @property
    def path(self) -> str:
        """Which body of the server it is; with the ETag, the only one that a journal is continued with."""

    @property
    def policy(self) -> RetryPolicy: ...

    @property
    def promise(self) -> Promise: ...

    def reader(self, finished: Iterable[Member]) -> MemberReader:
        """Return what splits the bytes that come behind the finished members."""

    def open(self, offset: int, source: Source | None) -> AbstractContextManager[Opening]:
        """Ask for the bytes from an offset on, which lie behind what came from ``source``.

        :raises TransientFailure: for what may be better in a moment, also from reading the chunks.
        :raises FilmroomError: for what will not.
        """

    def check(self, name: str, md5: str) -> None:
        """Compare the MD5 of a file that just came. :raises DigestMismatch: when it is another one."""

    def deliver(self, place: SeriesPlace, arrival: Arrival) -> Delivery:
        """Make files of what came. :raises TransferError: when it is not what was promised."""


class SeriesSource(Protocol):
    """Where a series comes from."""

    @property
    def root(self) -> str:
        """Its address, as receipts name it."""

    @property
    def api(self) -> str:
        """What it speaks, as receipts name it: ``v4``, ``v1``, ``idc``, ``s3``, ``drs``, ``url``."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the series is, as receipts keep it; empty where its UID is enough."""

    def promise(self, uid: str) -> Promise:
        """Return how large a series is. :raises NotFound: when the source has none."""

    def body(self, uid: str, promise: Promise) -> Body:
        """Return what brings a series."""

    def digest(self, sop_instance_uid: str) -> str:
        """Return the MD5 (hex) of one object, asked of the source."""


def gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces of a body: threads then hand the interpreter over less often.

    What came before an error is handed out before the error, and slow bodies are not held back.
    """
    pieces: list[bytes] = []
    size, since = 0, time.monotonic()
    try:
        for chunk in chunks:
            pieces.append(chunk)
            size += len(chunk)
            now = time.monotonic()
            if size >= _GATHERED or now - since >= _HELD_BACK:
                yield b"".join(pieces)
                pieces, size, since = [], 0, now
    except Exception:
        if pieces:
            yield b"".join(pieces)
        raise
    if pieces:
        yield b"".join(pieces)
