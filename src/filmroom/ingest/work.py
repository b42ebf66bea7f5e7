"""Work on the batches of a run, by owner and helpers alike: leased, read, committed in that order."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from filmroom.catalog import Catalog, Refusal
from filmroom.errors import FilmroomError
from filmroom.ingest.assign import Rules
from filmroom.ingest.batches import tasks
from filmroom.ingest.candidates import Candidate, Refused
from filmroom.ingest.check import QUARANTINE_PREFIX
from filmroom.ingest.checked import Checked
from filmroom.ingest.commit import Committer
from filmroom.ingest.content import Content
from filmroom.ingest.patience import patiently
from filmroom.ingest.readers import Pending, Readers, merged
from filmroom.store.base import Store

_log = logging.getLogger(__name__)

PATIENCE = 0.5
"""Seconds between two looks into a ledger that has nothing to do."""


class Leases:
    """Keeps what a worker has leased from running out, in a thread of its own.

    :param seconds: how long everything lasts that is not renewed.
    """

    def __init__(self, catalog: Catalog, worker: str, seconds: int) -> None:
        self._catalog = catalog
        self.worker = worker
        self.seconds = seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="ingest-leases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop renewing, and give everything back."""
        self._end.set()
        self._thread.join()
        try:
            self._catalog.release_leases(self.worker)
        except FilmroomError as error:
            _log.warning("Leases could not be given back and will run out: %s", error)

    def _renew(self) -> None:
        while not self._end.wait(self.seconds / 3):
            try:
                self._catalog.renew_leases(self.worker, self.seconds)
            except FilmroomError as error:
                _log.warning("Leases could not be renewed: %s", error)


@dataclass(frozen=True, slots=True)
class _BatchEnd:
    batch_id: int


@dataclass(kw_only=True, eq=False)
class Workbench:
    """Where the batches of one run are worked on.

    ``check`` looks at a batch before work on it starts, and may raise; ``read`` is told of every candidate
    that was read; ``also`` gives refusals that are to be committed with the next batch.
    """

    catalog: Catalog
    readers: Readers
    committer: Committer
    leases: Leases
    run_id: int
    check: Callable[[Sequence[Candidate]], None] = lambda _candidates: None
    read: Callable[[Candidate], None] = lambda _candidate: None
    also: list[Refusal] = field(default_factory=list)
    batches: int = 0
    _waiting: deque[Pending | _BatchEnd] = field(default_factory=deque)
    _results: list[Checked] = field(default_factory=list)
    _look_again: float = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked on."""
        return not self._waiting

    @property
    def between_batches(self) -> bool:
        """Whether everything that was read is committed."""
        return not self._results

    def tell(self) -> None:
        """Say that a batch was added."""
        self._look_again = 0.0

    def lease(self) -> bool:
        """Lease a batch and have it read, if the readers need work and there is any."""
        enough = len(self._waiting) >= 2 * self.readers.processes + 2
        if (enough and not self.readers.undecided) or time.monotonic() < self._look_again:
            return False
        held = [item.batch_id for item in self._waiting if isinstance(item, _BatchEnd)]
        lease = partial(self.catalog.lease_batch, self.run_id, self.leases.worker, self.leases.seconds)
        batch = patiently(lease, partial(lease, held=held))
        if batch is None:
            self._look_again = time.monotonic() + PATIENCE
            return False
        candidates = [Candidate.of_row(row) for row in batch.sources]
        self.check(candidates)
        self._waiting.extend(self.readers.submit(task) for task in tasks(candidates))
        self._waiting.append(_BatchEnd(batch.id))
        return True

    def step(self) -> None:
        """Wait for the oldest task, or commit the batch whose tasks are done."""
        item = self._waiting.popleft()
        if not isinstance(item, _BatchEnd):
            self._results.append(self.readers.result(item))
            for candidate in item.candidates:
                self.read(candidate)
            return
        checked = merged(self._results)
        checked.refusals[:0] = self.also
        if self.committer.commit(item.batch_id, checked, self.leases.worker):
            self.also.clear()
            self.batches += 1
        else:
            _log.warning("Batch %d was given to another worker meanwhile.", item.batch_id)
        self._results.clear()


def refuse_crashed(store: Store, rules: Rules, candidate: Candidate) -> Checked:
    """Refuse a file that ends the process that reads it."""
    key = None
    if candidate.kind == "file" and not rules.in_place:
        key = f"{QUARANTINE_PREFIX}/{uuid.uuid4().hex}.dcm"
        try:
            with Content(candidate) as content:
                store.write(key, content.chunks())
        except Refused:
            key = None
    message = "The process that read it died; the file is damaged in a way that this program does not know."
    refusal = Refusal(candidate.source, "reader-crashed", message, candidate.size, None, key)
    return Checked(refusals=[refusal], keys=[key] if key else [])
