"""The bytes of one candidate: read once, small ones whole into memory, large ones through a descriptor."""

from __future__ import annotations

import gzip
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from types import TracebackType
from typing import IO

from filmroom.dicom.digest import Digester, Digests
from filmroom.dicom.source import ByteSource, BytesSource
from filmroom.ingest.candidates import Candidate, Refused, label
from filmroom.ingest.containers import DAMAGE, expands_too_far

WHOLE = 8 << 20
"""Below this size in bytes an instance is held in memory while it is read and stored."""

_CHUNK = 1 << 20
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


_Stream = IO[bytes] | gzip.GzipFile


class _Slice:
    """A part of an open file, read by position."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd = fd
        self._offset = offset
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        left = min(length, self.size - offset)
        while left > 0:
            part = os.pread(self._fd, left, self._offset + offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            left -= len(part)
        return b"".join(parts)


class Content(AbstractContextManager["Content"]):
    """The bytes of a candidate.

    ``data`` is all of them when there are fewer than 8 MiB, else None. ``size`` is in bytes.

    :raises Refused: on opening, when they cannot be read.
    """

    def __init__(self, candidate: Candidate, spool_folder: str | None = None) -> None:
        self.data: bytes | None = None
        self.size = 0
        self._fd = -1
        self._offset = 0
        self._before: os.stat_result | None = None
        self._temporary: IO[bytes] | None = None
        try:
            if candidate.kind == "zip":
                self._read_stream(_open_zip_member(candidate), candidate, spool_folder)
            elif candidate.kind == "gzip":
                with gzip.open(candidate.path, "rb") as stream:
                    self._read_stream(stream, candidate, spool_folder)
            else:
                self._open_file(candidate)
        except Refused:
            self.close()
            raise
        except DAMAGE as error:
            self.close()
            raise _refusal(candidate, error) from error

    def _open_file(self, candidate: Candidate) -> None:
        fd = self._fd = os.open(candidate.path, _OPEN_FLAGS)
        before = self._before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise Refused("cannot-read", "It is not a regular file any more.")
        member = candidate.kind == "tar" and not candidate.spooled
        self.size = candidate.size if member else before.st_size
        self._offset = candidate.position if member else 0
        if self._offset + self.size > before.st_size:
            raise Refused("truncated", "The archive ends before this member does.")
        if self.size < WHOLE:
            # Mostly one read; what a file system gives in parts is put together.
            data = os.pread(fd, self.size, self._offset) if self.size else b""
            while len(data) < self.size:
                more = os.pread(fd, self.size - len(data), self._offset + len(data))
                if not more:
                    raise Refused("changed", "The file changed while it was read; ingest it again.")
                data += more
            self.data = data

    def _read_stream(
        self, stream: IO[bytes] | gzip.GzipFile, candidate: Candidate, spool_folder: str | None
    ) -> None:
        with stream:
            data = stream.read(WHOLE)
            if len(data) < WHOLE:
                self.data, self.size = data, len(data)
                return
            copy = self._temporary = tempfile.TemporaryFile(dir=spool_folder)  # noqa: SIM115 - until close
            compressed = candidate.size if candidate.kind == "gzip" else 0
            while data:
                self.size += copy.write(data)
                if compressed and expands_too_far(self.size, compressed):
                    raise Refused("archive-unsafe", "The file expands to more than is plausible.")
                data = stream.read(_CHUNK)
            copy.flush()
            self._fd = copy.fileno()

    def source(self) -> ByteSource:
        """Return the bytes for the header scan."""
        if self.data is not None:
            return BytesSource(self.data)
        return _Slice(self._fd, self._offset, self.size)

    def digests(self) -> Digests:
        """Return size and digests of all bytes. :raises Refused: when the file became shorter."""
        digester = Digester()
        for _chunk in self.chunks(digester):
            pass
        return digester.result()

    def chunks(self, digester: Digester | None = None) -> Iterator[bytes]:
        """Yield all bytes in order, through ``digester`` if given. :raises Refused: as above."""
        for chunk in self._read_chunks():
            if digester is not None:
                digester.update(chunk)
            yield chunk

    def _read_chunks(self) -> Iterator[bytes]:
        if self.data is not None:
            yield self.data
            return
        done = 0
        while done < self.size:
            chunk = os.pread(self._fd, min(_CHUNK, self.size - done), self._offset + done)
            if not chunk:
                raise Refused("changed", "The file changed while it was read; ingest it again.")
            done += len(chunk)
            yield chunk

    def check_unchanged(self) -> None:
        """Compare the file's size and time with those before it was read. :raises Refused: if they differ."""
        if self._before is None:
            return
        after = os.fstat(self._fd)
        if (after.st_size, after.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise Refused("changed", "The file changed while it was read; ingest it again.")

    @property
    def times(self) -> tuple[int, int] | None:
        """Size in bytes and time in ns of the file that was read; None for a member."""
        return None if self._before is None else (self._before.st_size, self._before.st_mtime_ns)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._temporary is not None:
            self._temporary.close()
            self._temporary = None
        elif self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@lru_cache(maxsize=2)
def _opened_zip(path: str, size: int, mtime_ns: int) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    # Kept open per process: a central directory of 100,000 members takes a second to read.
    del size, mtime_ns
    archive = zipfile.ZipFile(path)
    return archive, archive.infolist()


def close_archives() -> None:
    """Forget the ZIP archives kept open; their descriptors close with the last reference."""
    _opened_zip.cache_clear()


def _open_zip_member(candidate: Candidate) -> IO[bytes]:
    status = os.stat(candidate.path)  # noqa: PTH116 - the path may hold undecodable bytes
    archive, members = _opened_zip(candidate.path, status.st_size, status.st_mtime_ns)
    if candidate.position >= len(members) or members[candidate.position].filename != candidate.member:
        raise Refused("changed", "The archive changed while it was read; ingest it again.")
    return archive.open(members[candidate.position])


def _refusal(candidate: Candidate, error: Exception) -> Refused:
    if isinstance(error, OSError) and error.errno is not None:
        return Refused("cannot-read", f"It cannot be read: {error.strerror or error}.")
    what = "compressed file" if candidate.kind == "gzip" else "archive member"
    return Refused("damaged", f"The {what} is damaged or incomplete ({label(str(error))}).")
