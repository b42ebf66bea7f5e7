"""What became of a download, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filmroom.errors import FilmroomError, IncompleteTransfer

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
