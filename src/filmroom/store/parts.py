"""Feeding an upload that runs in another thread."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator

_PIECE = 4 << 20


class Parts:
    """Hands the bytes of a source to an upload in another thread: neither runs far ahead, and the source
    may itself use the store."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(2)
        self._is_over = threading.Event()

    def give(self, source: Iterator[bytes]) -> int:
        """Pass everything on, or stop when the upload has failed; return the number of bytes."""
        size = 0
        for piece in _pieces(source, _PIECE):
            if self._is_over.is_set():
                break
            size += len(piece)
            self._put(piece)
        return size

    def end(self, error: BaseException | None = None) -> None:
        """Say that this was all, or that the upload has to be given up."""
        self._put(error)

    def taken(self) -> Generator[bytes]:
        """Yield what is given; fails when the source does."""
        while (piece := self._queue.get()) is not None:
            if isinstance(piece, BaseException):
                raise InterruptedError("The source of the upload failed.") from piece
            yield piece

    def stop(self, _: object) -> None:
        """Note that nothing is taken any more."""
        self._is_over.set()

    def _put(self, piece: bytes | BaseException | None) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(piece, timeout=0.5)
                return


def _pieces(source: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of at least ``size``, but for the last."""
    held: list[bytes] = []
    total = 0
    for chunk in source:
        held.append(chunk)
        total += len(chunk)
        if total >= size:
            yield b"".join(held)
            held, total = [], 0
    if held:
        yield b"".join(held)
