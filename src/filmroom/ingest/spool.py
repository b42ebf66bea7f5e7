"""Temporary copies of archive members that cannot be read in place, bounded in number of bytes."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

_DAY = 86_400.0
_CHUNK = 1 << 20


class Spool:
    """A folder of temporary files. Writers wait while more than ``limit`` bytes are held.

    Thread-safe: one thread fills, another releases.
    """

    def __init__(self, parent: Path, limit: int = 512 << 20) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(parent)
        self.folder = Path(tempfile.mkdtemp(prefix="ingest-", dir=parent))
        self._limit = limit
        self._held: dict[str, int] = {}
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def write(self, stream: IO[bytes], watch: Callable[[int], None]) -> tuple[str, int]:
        """Copy a stream to a new file; return its path and size.

        :param watch: called with each number of bytes copied; may raise to stop.
        """

        def watched() -> Iterator[bytes]:
            while chunk := stream.read(_CHUNK):
                watch(len(chunk))
                yield chunk

        return self.write_chunks(watched())

    def write_chunks(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Copy chunks to a new file; return its path and size in bytes."""
        with self._changed:
            # Waiting before a member and not within it: whoever holds the rest is never waited for in a ring.
            self._changed.wait_for(lambda: self._closed or sum(self._held.values()) <= self._limit)
            self._count += 1
            path = self.folder / f"{self._count:08d}"
        size = 0
        with path.open("wb") as copy:
            for chunk in chunks:
                size += copy.write(chunk)
        with self._changed:
            self._held[str(path)] = size
        return str(path), size

    def release(self, path: str) -> None:
        """Delete one file."""
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        with self._changed:
            self._held.pop(path, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Delete everything and let waiting writers go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_stale(parent: Path) -> None:
    # A killed ingest leaves its folder behind; one that still runs touches its own within a day.
    for folder in parent.glob("ingest-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _DAY:
                shutil.rmtree(folder, ignore_errors=True)
