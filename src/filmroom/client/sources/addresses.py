"""Files at plain web addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from filmroom.client.sources.base import RemoteFile, last_part, shown
from filmroom.client.sources.origins import Origins
from filmroom.errors import BadAnswer
from filmroom.model.naming import made_plain
from filmroom.net.digests import told_digests
from filmroom.net.ranges import parse_content_range, strong_etag

if TYPE_CHECKING:
    import httpx2


class WebFiles:
    """Asks for files by address: size, ETag, digests and ranges are used as far as the server offers them."""

    api = "url"

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self.policy = origins.policy

    def files(self, addresses: Sequence[str]) -> list[RemoteFile]:
        """Return what the servers tell of the files. :raises FilmroomError: when one cannot be had."""
        return [self._origins.patiently(each, partial(self._told, each)) for each in addresses]

    def _told(self, address: str) -> RemoteFile:
        # The first byte rather than HEAD: an address that is signed for GET allows nothing else.
        headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
        with self._origins.get(address, headers) as response:
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media == "text/html":
                raise BadAnswer(f"{shown(address)} is a web page instead of a file.")
            length = response.headers.get("content-length", "")
            size: int | None = int(length) if length.isascii() and length.isdigit() else None
            if response.status_code == 206:
                size = parse_content_range(response.headers.get("content-range", "")).total
            elif response.headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
                size = None
            etag = strong_etag(response.headers.get("etag"))
            checksums = told_digests(response.headers.get("repr-digest", ""))
        return RemoteFile(made_plain(last_part(address)) or "file", address, size, etag, checksums)

    def get(self, file: RemoteFile, headers: Mapping[str, str]) -> AbstractContextManager[httpx2.Response]:
        """Ask for a file."""
        return self._origins.get(file.address, headers)
