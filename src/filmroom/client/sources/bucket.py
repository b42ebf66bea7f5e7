"""Files in public S3 buckets, read without credentials: ``s3://bucket/folder/*``.

Amazon S3 API Reference: GetObject, ListObjectsV2. Imaging Data Commons keeps each series in a folder of
its own, ``<crdc_series_uuid>/<crdc_instance_uuid>.dcm``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.parsers import expat

from filmroom import settings
from filmroom.client.crew import Crew
from filmroom.client.layout import is_uid
from filmroom.client.sources.base import RemoteFile, shown
from filmroom.client.sources.origins import Origins
from filmroom.errors import AccessDenied, BadAnswer, InvalidInput, NotFound
from filmroom.net.address import server_root
from filmroom.net.ranges import strong_etag

if TYPE_CHECKING:
    import httpx2
    from pydicom import Dataset

_AMAZON = "https://{bucket}.s3.amazonaws.com"
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", re.IGNORECASE)
_SIMPLE_ETAG = re.compile(r'"([0-9a-f]{32})"')
_HEADER = 1 << 20  # bytes in which a header ends, as everybody who reads IDC counts on
_IDENTITY = 4096  # bytes in which an object says who it is
_SOP_INSTANCE_UID = 0x00080018
_AT_ONCE = 8
_MOST = 1_000_000  # objects of one series
_LARGEST_PAGE = 16 << 20  # bytes of a listing of a thousand objects


class BucketFiles:
    """Lists and fetches objects.

    :param endpoint: service that holds the buckets; default: the setting ``bucket_url``, else Amazon's.
    """

    def __init__(self, origins: Origins, *, api: str = "s3", endpoint: str | None = None) -> None:
        self._origins = origins
        self.api = api
        self.policy = origins.policy
        chosen = endpoint or settings.get("bucket_url")
        self._endpoint = server_root(chosen) if chosen else ""

    def files(self, addresses: Sequence[str]) -> list[RemoteFile]:
        """Return the objects below the addresses, each once.

        :raises NotFound: when there is none. :raises BadAnswer: when a listing cannot be read.
        """
        found: dict[str, RemoteFile] = {}
        for address in addresses:
            bucket, prefix = _bucket_and_prefix(address)
            before = len(found)
            for key, size, etag in self._listed(bucket, prefix):
                if key == prefix or prefix.endswith("/"):
                    file = self._file(bucket, key, size, etag)
                    found[file.address] = file
                if len(found) > _MOST:
                    raise BadAnswer(f"{shown(address)} holds more than {_MOST} objects.")
            if len(found) == before:
                raise NotFound(f"There is nothing at {shown(address)}.")
        return list(found.values())

    def beginning(self, file: RemoteFile, length: int) -> bytes:
        """Return the first bytes of an object. :raises FilmroomError: when it cannot be had."""

        def read() -> bytes:
            body = b""
            with self.get(file, {"Range": f"bytes=0-{length - 1}"}) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) >= length:
                        break
            return body[:length]

        return self._origins.patiently(file.address, read)

    def instances(self, addresses: Sequence[str]) -> dict[str, RemoteFile]:
        """Return the objects by their SOP Instance UIDs, which their headers tell.

        :raises NotFound: when there is none. :raises BadAnswer: when one is not readable DICOM.
        """
        files = self.files(addresses)
        uids = Crew(self._sop_instance_uid, _AT_ONCE, threading.Event()).run(files)
        return dict(zip(uids, files, strict=True))

    def _sop_instance_uid(self, file: RemoteFile) -> str:
        from pydicom.filereader import read_partial

        beginning = self.beginning(file, _IDENTITY)
        try:
            header = read_partial(
                BytesIO(beginning), stop_when=lambda tag, _vr, _length: tag > _SOP_INSTANCE_UID
            )
            return str(header.SOPInstanceUID)
        except Exception as error:
            raise BadAnswer(f"{shown(file.address)} is not readable DICOM: {error}.") from error

    def first_header(self, address: str) -> Dataset:
        """Return the attributes before the pixels of the first object below an address.

        :raises NotFound: when there is none. :raises BadAnswer: when it is not readable DICOM.
        """
        from pydicom import dcmread

        beginning = self.beginning(self.files([address])[0], _HEADER)
        try:
            return dcmread(BytesIO(beginning), stop_before_pixels=True)
        except Exception as error:
            raise BadAnswer(f"What is at {shown(address)} is not readable DICOM: {error}.") from error

    def series_instance_uid(self, address: str) -> str:
        """Return which series the first object is of. :raises BadAnswer: when it does not say."""
        uid = str(self.first_header(address).get("SeriesInstanceUID", ""))
        if not is_uid(uid):
            raise BadAnswer(f"What is at {shown(address)} names no series.")
        return uid

    def _file(self, bucket: str, key: str, size: int, etag: str) -> RemoteFile:
        md5 = _SIMPLE_ETAG.fullmatch(etag)  # of an object that was put in one piece it is the MD5
        checksums = {"md5": md5[1]} if md5 else {}
        name = key.rpartition("/")[2]
        return RemoteFile(name, self._root(bucket) + "/" + quote(key), size, strong_etag(etag), checksums)

    def get(self, file: RemoteFile, headers: Mapping[str, str]) -> AbstractContextManager[httpx2.Response]:
        """Ask for an object."""
        return self._origins.get(file.address, headers)

    def _root(self, bucket: str) -> str:
        return f"{self._endpoint}/{bucket}" if self._endpoint else _AMAZON.format(bucket=bucket)

    def _listed(self, bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
        token: str | None = ""
        while token is not None:
            query = f"list-type=2&prefix={quote(prefix, safe='')}"
            if token:
                query += f"&continuation-token={quote(token, safe='')}"
            listing = _Listing(self._page(bucket, f"{self._root(bucket)}/?{query}"))
            yield from listing.objects
            if token == listing.next_token:
                raise BadAnswer(f"The listing of bucket {bucket} does not go on.")
            token = listing.next_token

    def _page(self, bucket: str, address: str) -> bytes:
        try:
            return self._origins.whole(address, {}, largest=_LARGEST_PAGE)
        except NotFound:
            raise NotFound(f"There is no bucket {bucket}.") from None
        except AccessDenied:
            raise AccessDenied(f"Bucket {bucket} is not public.") from None


def _bucket_and_prefix(address: str) -> tuple[str, str]:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise InvalidInput(
            f"Not an address in a bucket: {shown(address)!r}.",
            advice="Write s3://bucket/folder/* or s3://bucket/object.",
        )
    return match[1], match[2].removesuffix("*")


class _Listing:
    """One page of ListObjectsV2. :raises BadAnswer: when it is none."""

    def __init__(self, page: bytes) -> None:
        self.objects: list[tuple[str, int, str]] = []
        self._root = ""
        self._path: list[str] = []
        self._text: list[str] = []
        self._values: dict[str, str] = {}
        self._top: dict[str, str] = {}
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.EntityDeclHandler = _refused
        try:
            parser.Parse(page, True)
        except (expat.ExpatError, ValueError, KeyError) as error:
            raise BadAnswer(f"A listing of the bucket cannot be read: {error}.") from None
        if self._root != "ListBucketResult":
            raise BadAnswer("The bucket answered with something that is not a listing.")

    @property
    def next_token(self) -> str | None:
        """What the next page is asked with; None where this is the last one."""
        if self._top.get("IsTruncated", "").strip() != "true":
            return None
        return self._top.get("NextContinuationToken") or None

    def _start(self, name: str, _: object) -> None:
        if not self._path:
            self._root = name.rpartition(" ")[2]
        self._path.append(name.rpartition(" ")[2])
        self._text.clear()

    def _end(self, _: str) -> None:
        text = "".join(self._text)
        self._text.clear()
        match self._path[1:]:
            case ["Contents", field]:
                self._values[field] = text
            case ["Contents"]:
                size = int(self._values["Size"])
                if size < 0:
                    raise ValueError("a negative size")
                if not self._values["Key"].endswith("/"):  # a placeholder for an empty folder
                    self.objects.append((self._values["Key"], size, self._values.get("ETag", "")))
                self._values = {}
            case [field]:
                self._top[field] = text
        self._path.pop()


def _refused(*_: object) -> None:
    raise ValueError("it declares an entity")
