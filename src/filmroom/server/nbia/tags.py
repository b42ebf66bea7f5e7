"""DICOM tags of one object, read from the stored bytes as far as its header goes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from starlette.responses import JSONResponse, PlainTextResponse, Response

from filmroom.dicom.start import DEFLATED, open_start
from filmroom.dicom.tag_list import TagRow, tag_rows
from filmroom.errors import InvalidInput, NotFound, ObjectMissing, UnreadableDicom
from filmroom.model.entities import StoredInstance
from filmroom.model.queries import FindOneInstance
from filmroom.server.service import Call, Service

_LARGEST_HEADER = 64 * 1024 * 1024
_LARGEST_ID = 2**63 - 1


class HeaderTooLarge(InvalidInput):
    """The header of an object is larger than is shown."""


def _too_large() -> HeaderTooLarge:
    return HeaderTooLarge(f"The header is larger than {_LARGEST_HEADER >> 20} MiB.")


class _Header(io.RawIOBase):
    """A file over pieces that come as they are needed, up to a limit."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _fetch(self, end: int) -> None:
        while len(self._held) < end:
            if len(self._held) > _LARGEST_HEADER:
                raise _too_large()
            piece = next(self._pieces, b"")
            if not piece:
                return
            self._held += piece

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        self._fetch(self._position + len(view))
        found = self._held[self._position : self._position + len(view)]
        view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            self._fetch(_LARGEST_HEADER + 1)
            offset += len(self._held)
        elif whence == io.SEEK_CUR:
            offset += self._position
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position


class _Source:
    """The same bytes by position."""

    def __init__(self, header: _Header, size: int) -> None:
        self._header = header
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        self._header.seek(offset)
        return self._header.read(length) or b""


def _read(header: _Header, size: int) -> list[TagRow]:
    start = open_start(_Source(header, size))
    # A deflated data set is inflated as a whole: a small file can hold any number of bytes.
    if start.transfer_syntax_uid in DEFLATED and start.window.size > _LARGEST_HEADER:
        raise _too_large()
    header.seek(0)
    return tag_rows(cast(BinaryIO, header))


def _query(call: Call) -> FindOneInstance | None:
    """Return the question for the object; None when it names none that there can be."""
    if "SeriesUID" in call.operation.parameter_names:
        return FindOneInstance(series_instance_uid=call.params["SeriesUID"])
    text = call.params["imageID"]
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST_ID:
        return None
    return FindOneInstance(instance_id=int(text))


def _instance(service: Service, call: Call) -> StoredInstance:
    """:raises NotFound: when there is none that the viewer may see."""
    query = _query(call)
    page = None if query is None else next(service.catalog.rows(query, call.visible), None)
    if page is None:
        raise NotFound("There is no such object.")
    [row] = page
    return service.catalog.instance(row["series_instance_uid"], row["sop_instance_uid"], call.visible)


def _rows(service: Service, stored: StoredInstance) -> list[TagRow] | None:
    """Return the rows, None when the file is gone."""
    try:
        service.reader.open(stored).close()  # what has changed since it was catalogued is refused
        pieces = service.reader.decoded(stored)
        try:
            return _read(_Header(pieces), stored.size)
        finally:
            pieces.close()
    except ObjectMissing:
        return None
    except UnreadableDicom as error:
        if isinstance(error.__cause__, HeaderTooLarge):
            raise error.__cause__ from None
        raise


async def tags(service: Service, call: Call) -> Response:
    """``getDicomTags``, ``getDicomTagsByImageID``: rows of element, name and data."""
    try:
        rows = await service.in_thread(lambda: _rows(service, _instance(service, call)))
    except NotFound:
        if call.operation.denied_text:
            text = call.operation.denied_text.format(uid=call.params["SeriesUID"])
            return Response(text, 400, media_type="application/json")
        return PlainTextResponse("image not found", 404)
    if rows is None:
        return Response()
    return JSONResponse([row._asdict() for row in rows])
