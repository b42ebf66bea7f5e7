"""A slide's file as a download: exact length, strong ETag, ranges."""

from __future__ import annotations

import mimetypes
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request

from filmroom.model.entities import Download
from filmroom.model.slides import SlideFile
from filmroom.net.digests import repr_digest
from filmroom.server.service import Service
from filmroom.server.zip_response import RangedResponse, WholeObject
from filmroom.server.zip_source import ByteSource, SegmentSource


def audit_subject(slide_id: int) -> str:
    """Return what the record of downloads calls a slide."""
    return f"slide {slide_id}"


class SlideResponse(RangedResponse):
    """The file of a slide, under its own name."""

    def __init__(
        self, service: Service, request: Request, slide_id: int, file: SlideFile, viewer: str
    ) -> None:
        self._service = service
        self._file = file
        client = request.client
        address = client.host if client else ""

        def on_end(sent: int, complete: bool) -> None:  # noqa: FBT001 - the shape that responses call
            if sent:
                record = Download(
                    series_instance_uid=audit_subject(slide_id),
                    kind="pathdb",
                    bytes=sent,
                    viewer=viewer,
                    address=address,
                    complete=complete,
                )
                service.audit.record(record)

        super().__init__(
            size=file.size,
            etag=f'"{file.sha256.hex()[:40]}"',
            headers={
                "Content-Type": mimetypes.types_map.get(f".{file.name.rpartition('.')[2].lower()}", "")
                or "application/octet-stream",
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
                "Repr-Digest": repr_digest(md5=file.md5, sha256=file.sha256),
            },
            on_end=on_end,
        )

    async def elsewhere(self, method: str) -> str | None:
        """Send clients to the store, where that is allowed."""
        if not (self._service.redirects and self._service.reader.is_remote):
            return None
        answer = {
            "content-type": self.headers["Content-Type"],
            "content-disposition": self.headers["Content-Disposition"],
        }
        return await anyio.to_thread.run_sync(
            lambda: self._service.reader.presigned(self._file, method=method, answer=answer)
        )

    def source(self, start: int, end: int) -> ByteSource:
        """Return the bytes from ``start`` to before ``end``."""
        return SegmentSource(self._service.reader, WholeObject(self._file), start, end)
