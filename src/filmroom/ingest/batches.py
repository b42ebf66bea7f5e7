"""Candidates into batches and tasks.

A *batch* is what one machine works on and what becomes visible in one transaction: it ends where a folder
ends, so that a series whose files lie together appears whole or not at all, unless the folder is larger
than a transaction should be. A *task* is what one process reads in one go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from filmroom.ingest.candidates import Candidate

TASK_FILES = 200
TASK_BYTES = 64 << 20
# A transaction costs an fsync of the catalogue: it should carry some work.
ENOUGH_FILES = 1_000
ENOUGH_BYTES = 256 << 20
BATCH_FILES = 5_000
BATCH_BYTES = 4 << 30


@dataclass(slots=True)
class Batcher:
    """Cuts a stream of candidates. Sizes in bytes."""

    _open: list[Candidate] = field(default_factory=list)
    _bytes: int = 0

    def add(self, candidate: Candidate) -> list[list[Candidate]]:
        """Take the next candidate and return the batches that are now complete, in order."""
        ready: list[list[Candidate]] = []
        if self._open and self._ends_before(candidate):
            ready += self.end()
        self._open.append(candidate)
        self._bytes += candidate.size
        # Temporary copies are bounded in bytes, and the scan waits for them to go.
        most = ENOUGH_BYTES if candidate.spooled else BATCH_BYTES
        if len(self._open) >= BATCH_FILES or self._bytes >= most:
            ready += self.end()
        return ready

    def end(self) -> list[list[Candidate]]:
        """Close the batch, if there is one."""
        ready = [self._open] if self._open else []
        self._open, self._bytes = [], 0
        return ready

    def _ends_before(self, candidate: Candidate) -> bool:
        last = self._open[-1]
        if candidate.spooled != last.spooled:
            return True  # what only this machine can read is not mixed with what all can
        full = len(self._open) >= ENOUGH_FILES or self._bytes >= ENOUGH_BYTES
        return full and candidate.group != last.group


def tasks(candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    """Cut a batch into what one process reads in one go."""
    task: list[Candidate] = []
    size = 0
    for candidate in candidates:
        task.append(candidate)
        size += candidate.size
        if len(task) >= TASK_FILES or size >= TASK_BYTES:
            yield tuple(task)
            task, size = [], 0
    if task:
        yield tuple(task)
