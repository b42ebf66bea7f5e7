"""Responses whose every byte is known beforehand: exact length, strong ETag, resumable by Range.

RFC 9110 sections 13 (conditional requests) and 14 (range requests); a single range is served, a list of
ranges or a malformed one is ignored, as section 14.2 allows. When anything turns out wrong after the status
has gone out, the error is raised and the server breaks the connection: the client then has fewer bytes than
``Content-Length`` promised, never a short archive that looks whole.
"""

from __future__ import annotations

import asyncio
import logging
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from filmroom.errors import ObjectChanged, StoreError
from filmroom.model.entities import StoredBytes, StoredInstance
from filmroom.server.zip_source import CHUNK, ByteSource, InflatedSource, SegmentSource
from filmroom.store.content import ContentReader
from filmroom.store.zip_layout import ArchiveLayout, Segment, StoredSegment

_log = logging.getLogger(__name__)

OnEnd = Callable[[int, bool], None]
"""Called once when a delivery has ended: body bytes handed to the connection, and whether that was all."""

_RANGE = re.compile(
    r"[ \t]*bytes[ \t]*=[ \t]*(?:([0-9]{1,19})-([0-9]{1,19})?|-([0-9]{1,19}))[ \t]*", re.IGNORECASE
)
_ETAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_UNSAFE = re.compile(r"[^0-9A-Za-z._-]")
_CHUNKS_BEFORE_OTHERS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and half-open byte range that a request is answered with."""

    status: int
    start: int
    end: int


def choose_answer(method: str, headers: Headers, etag: str, size: int) -> Answer:
    """Decide how a request for a body of ``size`` bytes with that ETag is answered.

    :param method: GET, HEAD, or POST for a form that is answered alike but for ranges.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and not _matches(match, etag, weak=False):
        return Answer(412, 0, 0)
    if none_match is not None and _matches(none_match, etag, weak=True):
        return Answer(304 if method in {"GET", "HEAD"} else 412, 0, 0)
    whole = Answer(200, 0, size)
    ranges = headers.getlist("range")
    if_range = headers.get("if-range")
    if method != "GET" or len(ranges) != 1 or (if_range is not None and if_range.strip() != etag):
        return whole
    found = _RANGE.fullmatch(ranges[0])
    if found is None:
        return whole
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(size - int(suffix), 0), size
    else:
        start = int(first)
        end = size if last is None else min(int(last) + 1, size)
        if last is not None and int(last) < start:
            return whole
    return Answer(206, start, end) if start < end else Answer(416, 0, 0)


def _matches(field: str, etag: str, *, weak: bool) -> bool:
    if field.strip() == "*":
        return True
    return any(found[2] == etag and (weak or not found[1]) for found in _ETAG.finditer(field))


class RangedResponse(Response):
    """Base of responses with a body of known size; answers GET and HEAD.

    ``on_end`` is called exactly once for each delivery that was begun, also when it fails or the client
    goes away; never for answers without content (HEAD, 304, 412, 416).
    """

    def __init__(
        self, *, size: int, etag: str, headers: Mapping[str, str] | None = None, on_end: OnEnd | None = None
    ) -> None:
        self.status_code = 200
        self.background = None
        self.size = size
        self.etag = etag
        self._on_end = on_end
        self.init_headers({**(headers or {}), "ETag": etag, "Accept-Ranges": "bytes"})

    @abstractmethod
    def source(self, start: int, end: int) -> ByteSource:
        """Return the bytes from ``start`` to before ``end``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        :raises StoreError: before the status when the bytes are known to be wrong; after it, to break the
            connection.
        """
        answer = choose_answer(scope["method"], Headers(scope=scope), self.etag, self.size)
        self.status_code = answer.status
        if answer.status in {200, 206} and (url := await self.elsewhere(scope["method"])) is not None:
            await self._redirect(url, answer, scope, send)
            return
        headers = self._headers_of(answer)
        if answer.status not in {200, 206} or scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await self._deliver(answer, headers, receive, send)

    async def elsewhere(self, method: str) -> str | None:
        """Return the address to which the client is to be sent instead, or None."""
        del method
        return None

    async def _redirect(self, url: str, answer: Answer, scope: Scope, send: Send) -> None:
        """Hand over to another server; nobody will tell us how that ends."""
        self.status_code = 307
        headers = [
            (b"location", url.encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if self._on_end is not None and scope["method"] != "HEAD":
            self._on_end(answer.end - answer.start, True)

    def _headers_of(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        headers = list(self.raw_headers)
        if answer.status in {304, 412, 416}:
            about_content = {b"content-type", b"content-disposition"}
            headers = [(name, value) for name, value in headers if name not in about_content]
        if answer.status == 206:
            place = f"bytes {answer.start}-{answer.end - 1}/{self.size}"
            headers.append((b"content-range", place.encode()))
        elif answer.status == 416:
            headers.append((b"content-range", f"bytes */{self.size}".encode()))
        if answer.status != 304:
            headers.append((b"content-length", str(answer.end - answer.start).encode()))
        return headers

    async def _deliver(
        self, answer: Answer, headers: list[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        delivery = _Delivery(self.source(answer.start, answer.end), answer.end - answer.start)
        try:
            await delivery.source.prepare()
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await delivery.run(receive, send)
        except StoreError as error:
            _log.error("delivery broken off after %d bytes: %s", delivery.sent, error)
            raise
        finally:
            delivery.source.close()
            if self._on_end is not None:
                self._on_end(delivery.sent, delivery.is_complete)


class _Delivery:
    """One body on its way."""

    def __init__(self, source: ByteSource, total: int) -> None:
        self.source = source
        self.total = total
        self.sent = 0
        self.is_complete = False

    async def run(self, receive: Receive, send: Send) -> None:
        """Send everything, or stop quietly when the client has gone."""
        if self.total == 0:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            self.is_complete = True
            return
        # A body of one chunk is handed over before a disconnect could be noticed.
        watcher = asyncio.ensure_future(_client_gone(receive)) if self.total > CHUNK else None
        try:
            await self._send_chunks(send, watcher)
        finally:
            if watcher is not None:
                watcher.cancel()

    async def _send_chunks(self, send: Send, watcher: asyncio.Future[None] | None) -> None:
        count = 0
        async with aclosing(self.source.chunks()) as chunks:
            async for chunk in chunks:
                count += 1
                if count % _CHUNKS_BEFORE_OTHERS == 0:
                    # A fast client would otherwise keep the event loop for itself.
                    await asyncio.sleep(0)
                if watcher is not None and watcher.done():
                    return
                size = len(chunk)
                more = self.sent + size < self.total
                try:
                    await send({"type": "http.response.body", "body": chunk, "more_body": more})
                except OSError:
                    # How some servers say that the client has gone (ASGI 2.4).
                    return
                self.sent += size
                del chunk  # its buffer may be the next one
        if self.sent != self.total:
            raise ObjectChanged(f"The body ends after {self.sent} of {self.total} bytes.")
        self.is_complete = True


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _ArchiveResponse(RangedResponse):
    """A computed archive as a download.

    :param filename: name for the client's disk, for example ``<SeriesInstanceUID>.zip``; characters that
        are unsafe there become ``_``.
    :param headers: further headers.
    """

    def __init__(
        self,
        layout: ArchiveLayout,
        reader: ContentReader,
        *,
        filename: str,
        headers: Mapping[str, str] | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        self._layout = layout
        self._reader = reader
        disposition = f'attachment; filename="{_UNSAFE.sub("_", filename)}"'
        super().__init__(
            size=layout.size,
            etag=layout.etag,
            headers={**(headers or {}), "Content-Disposition": disposition},
            on_end=on_end,
        )

    def source(self, start: int, end: int) -> ByteSource:
        return SegmentSource(self._reader, self._layout, start, end)


class ZipResponse(_ArchiveResponse):
    """A computed ZIP as a download."""

    media_type = "application/octet-stream"


class TarResponse(_ArchiveResponse):
    """A computed TAR as a download; a form that asks for one is answered like ``GET``."""

    media_type = "application/x-tar"


class InstanceResponse(RangedResponse):
    """One instance as a DICOM file, named ``<SOPInstanceUID>.dcm`` (unquoted, as NBIA does).

    :param redirects: whether clients may be sent to the store, where the instance is a whole object of a
        remote one. ``on_end`` is then called with all bytes when they are sent there.
    """

    media_type = "application/dicom"

    def __init__(
        self,
        instance: StoredInstance,
        reader: ContentReader,
        *,
        headers: Mapping[str, str] | None = None,
        on_end: OnEnd | None = None,
        redirects: bool = False,
    ) -> None:
        self._instance = instance
        self._reader = reader
        self._redirects = redirects and reader.is_remote
        filename = _UNSAFE.sub("_", f"{instance.sop_instance_uid}.dcm")
        super().__init__(
            size=instance.size,
            etag=f'"{instance.sha256.hex()[:40]}"',
            headers={**(headers or {}), "Content-Disposition": f"attachment; filename={filename}"},
            on_end=on_end,
        )

    async def elsewhere(self, method: str) -> str | None:
        if not self._redirects:
            return None
        answer = {
            "content-type": self.media_type,
            "content-disposition": self.headers["Content-Disposition"],
        }
        return await anyio.to_thread.run_sync(
            lambda: self._reader.presigned(self._instance, method=method, answer=answer)
        )

    def source(self, start: int, end: int) -> ByteSource:
        if self._instance.location.encoding == "deflate":
            return InflatedSource(self._reader, self._instance, start, end)
        return SegmentSource(self._reader, WholeObject(self._instance), start, end)


class WholeObject:
    """Stored bytes that lie as they are, for a body that is nothing else."""

    def __init__(self, item: StoredBytes) -> None:
        if item.location.length != item.size:
            raise ObjectChanged(f"{item.label} is catalogued with two sizes.")
        self._item = item
        self.size = item.size
        self.etag = ""

    def segments(self, start: int = 0, end: int | None = None) -> Iterator[Segment]:
        stop = self.size if end is None else end
        if start < stop:
            yield StoredSegment(self._item, start, stop - start)
