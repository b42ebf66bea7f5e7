"""Candidates into tasks and batches.

A *task* is what one process reads in one go. A *batch* is what becomes visible in one transaction: it ends
where a folder ends, so that a series whose files lie together appears whole or not at all, unless the
folder is larger than a transaction should be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from filmroom.ingest.candidates import Candidate

TASK_FILES = 200
TASK_BYTES = 64 << 20
# A transaction costs an fsync of the catalogue: it should carry some work.
ENOUGH_FILES = 1_000
ENOUGH_BYTES = 256 << 20
BATCH_FILES = 5_000
BATCH_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Task:
    """Candidates that one process reads in one go."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """Everything before this belongs to one transaction."""


@dataclass(slots=True)
class Batcher:
    """Cuts a stream of candidates. Sizes in bytes."""

    _open: list[Candidate] = field(default_factory=list)
    _open_bytes: int = 0
    _batch_files: int = 0
    _batch_bytes: int = 0
    _group: str = ""

    def add(self, candidate: Candidate) -> list[Task | BatchEnd]:
        """Take the next candidate and return what is now ready, in order."""
        ready: list[Task | BatchEnd] = []
        full = self._batch_files >= ENOUGH_FILES or self._batch_bytes >= ENOUGH_BYTES
        if candidate.group != self._group and full:
            ready += self.end()
        self._group = candidate.group
        self._open.append(candidate)
        self._open_bytes += candidate.size
        self._batch_files += 1
        self._batch_bytes += candidate.size
        if self._batch_files >= BATCH_FILES or self._batch_bytes >= BATCH_BYTES:
            ready += self.end()
        elif len(self._open) >= TASK_FILES or self._open_bytes >= TASK_BYTES:
            ready.append(self._task())
        return ready

    def end(self) -> list[Task | BatchEnd]:
        """Close the batch, if there is one."""
        ready: list[Task | BatchEnd] = [self._task()] if self._open else []
        if self._batch_files:
            ready.append(BatchEnd())
        self._batch_files = self._batch_bytes = 0
        return ready

    def _task(self) -> Task:
        task = Task(tuple(self._open))
        self._open = []
        self._open_bytes = 0
        return task
