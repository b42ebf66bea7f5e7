"""What became of a download, and how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filmroom.errors import FilmroomError, IncompleteTransfer

_TOLD_EVERY = 0.1  # seconds between two calls of a progress callback

Status = Literal["ok", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """What became of one series.

    ``files`` and ``bytes`` count its DICOM files; ``resumed_bytes`` of its archive were there from an
    earlier run. ``licence`` is the first line of its LICENSE, where the server sent one. ``warnings`` name
    files that the server itself holds damaged.
    """

    series_instance_uid: str
    status: Status
    path: Path
    files: int = 0
    bytes: int = 0
    resumed_bytes: int = 0
    error: FilmroomError | None = None
    warnings: tuple[str, ...] = ()
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """What became of every series, in the order asked; ``seconds`` is the time it took."""

    results: tuple[SeriesResult, ...]
    seconds: float

    def __repr__(self) -> str:
        return (
            f"<DownloadReport: {len(self.ok)} series fetched ({self.bytes} bytes), "
            f"{len(self.skipped)} already there, {len(self.failed)} failed>"
        )

    def _with(self, status: Status) -> tuple[SeriesResult, ...]:
        return tuple(result for result in self.results if result.status == status)

    @property
    def ok(self) -> tuple[SeriesResult, ...]:
        """Series fetched now, complete and checked."""
        return self._with("ok")

    @property
    def skipped(self) -> tuple[SeriesResult, ...]:
        """Series that were complete already."""
        return self._with("skipped")

    @property
    def failed(self) -> tuple[SeriesResult, ...]:
        """Series that are not there; ``error`` says why."""
        return self._with("failed")

    @property
    def bytes(self) -> int:
        """Bytes of the DICOM files of the series fetched now."""
        return sum(result.bytes for result in self.ok)

    def raise_for_failures(self) -> None:
        """Raise when a series failed: its own error where all failed alike, else IncompleteTransfer."""
        errors = [result.error for result in self.failed if result.error is not None]
        if not errors:
            return
        if len(errors) == 1:
            raise errors[0]
        message = f"{len(errors)} of {len(self.results)} series failed; the first: {errors[0]}"
        advice = errors[0].advice or "Run the same command again; it fetches what is missing."
        if all(type(error) is type(errors[0]) for error in errors) and len(errors) == len(self.results):
            raise errors[0]
        raise IncompleteTransfer(message, advice=advice)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: bytes and numbers of series; ``finished`` is the series that just ended."""

    bytes_done: int
    bytes_total: int
    series_done: int
    series_total: int
    finished: SeriesResult | None = None


class Meter:
    """Counts what arrives and what ends, and tells it; threads may share it.

    :param tell: called one call at a time, ten times a second at most but for series that end; None: nobody.
    """

    def __init__(self, tell: Callable[[Progress], None] | None) -> None:
        self.bytes_total = 0
        self.series_total = 0
        self._tell = tell
        self._lock = threading.Lock()
        self._bytes: dict[str, int] = {}
        self._series_done = 0
        self._told = 0.0

    def count(self, uid: str, arrived: int) -> None:
        """Note how many bytes of a series are there."""
        if self._tell is None:
            return
        with self._lock:
            self._bytes[uid] = arrived
            now = time.monotonic()
            if now - self._told >= _TOLD_EVERY:
                self._told = now
                self._tell(self._state(None))

    def ended(self, result: SeriesResult) -> SeriesResult:
        """Note what became of a series; return it."""
        with self._lock:
            self._series_done += 1
            if self._tell is not None:
                self._tell(self._state(result))
        return result

    def _state(self, finished: SeriesResult | None) -> Progress:
        return Progress(
            sum(self._bytes.values()), self.bytes_total, self._series_done, self.series_total, finished
        )
