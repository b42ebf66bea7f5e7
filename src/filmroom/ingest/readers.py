"""The processes that read files, and what happens when one of them dies."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Candidate
from filmroom.ingest.check import Checker
from filmroom.ingest.checked import Checked
from filmroom.ingest.patience import patiently
from filmroom.settings import ArchiveAddress

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a reading process needs to know; travels to it by pickle."""

    address: ArchiveAddress
    rules: Rules
    journal_folder: str
    spool_folder: str


Work = Callable[[Workplace, Sequence[Candidate]], Checked]

_checkers: dict[Workplace, Checker] = {}


def check_candidates(place: Workplace, candidates: Sequence[Candidate]) -> Checked:
    """Check candidates in this process, which keeps its catalogue and store open between calls."""
    from filmroom.catalog import Catalog
    from filmroom.ingest.journal import JournaledStore
    from filmroom.store import open_store

    checker = _checkers.get(place)
    if checker is None:
        catalog = patiently(lambda: Catalog.open(place.address.database_url))
        store = JournaledStore(open_store(place.address.store_url), Path(place.journal_folder))
        checker = _checkers[place] = Checker(catalog, store, place.rules, place.spool_folder)
    return checker.check(candidates)


def _to_file(work: Work, place: Workplace, candidates: Sequence[Candidate]) -> str:
    """Do the work and leave its result in a file; return the path.

    All processes of a pool answer through one pipe. One that is killed within an answer leaves the others'
    reader waiting for the rest for ever, unless the answer is so short that the system writes it as one.
    """
    result = work(place, candidates)
    with tempfile.NamedTemporaryFile(dir=place.spool_folder, prefix="result-", delete=False) as file:
        pickle.dump(result, file, pickle.HIGHEST_PROTOCOL)
    return file.name


def _from_file(path: str) -> Checked:
    file = Path(path)
    result = pickle.loads(file.read_bytes())  # noqa: S301 - written by a process of ours, in our folder
    file.unlink()
    assert isinstance(result, Checked)  # noqa: S101 - what the work returns
    return result


def _start_reader(environment: dict[str, str]) -> None:
    # The server that forks keeps the environment of its own start; credentials may have come since.
    os.environ.clear()
    os.environ.update(environment)
    # Ctrl-C reaches the whole process group; the parent decides what is still finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    # A worker of a killed parent waits for work for ever, since it holds both ends of its own queue.
    wait_for([sentinel])
    os._exit(1)


def _context() -> multiprocessing.context.BaseContext:
    # Never fork: the parent has threads and database connections.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["filmroom.ingest.preload"])
    return context


@dataclass(slots=True, eq=False)
class Pending:
    """A task that was handed over; ``future`` is None while it waits for a reason to start processes."""

    candidates: tuple[Candidate, ...]
    future: Future[str] | None = None


class Readers:
    """A pool of reading processes, or this process itself when one is enough.

    :param processes: number of processes; 0 means one per core, 1 means none but this one.
    :param here: reads candidates in this process.
    :param crashed: makes the result for a candidate that killed its reader, alone and repeatedly.

    ``died`` tells whether any process died, so that objects nobody knows of may be left.
    """

    def __init__(
        self,
        place: Workplace,
        processes: int,
        here: Callable[[Sequence[Candidate]], Checked],
        crashed: Callable[[Candidate], Checked],
        work: Work = check_candidates,
    ) -> None:
        self.processes = processes if processes > 0 else available_cores()
        self._place = place
        self._here = here
        self._crashed = crashed
        self._work = work
        self._pool: ProcessPoolExecutor | None = None
        self._lone_pool: ProcessPoolExecutor | None = None
        self._first: Pending | None = None
        self.died = False

    @property
    def undecided(self) -> bool:
        """Whether the first task is held back until it is known to be the only one, or not."""
        return self._first is not None

    def submit(self, candidates: tuple[Candidate, ...]) -> Pending:
        """Hand a task over."""
        pending = Pending(candidates)
        if self.processes == 1:
            return pending
        if self._pool is None and self._first is None:
            # A handful of files is read here sooner than processes start.
            self._first = pending
            return pending
        if self._first is not None:
            first, self._first = self._first, None
            self._start(first)
        self._start(pending)
        return pending

    def result(self, pending: Pending) -> Checked:
        """Return the result of a task, waiting for it.

        A process that dies takes every running task with it; each is then read again in a process of its
        own, and at the second death file by file.
        """
        if pending is self._first:
            self._first = None
        if pending.future is None:
            return self._here(pending.candidates)
        try:
            return _from_file(pending.future.result())
        except BrokenProcessPool:
            _log.warning("A reading process died; its files are read again.")
            self.died = True
            self._drop_pool()
            return self._again(pending.candidates)

    def close(self) -> None:
        """Wait for what is running, drop what is not."""
        for pool in (self._pool, self._lone_pool):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._lone_pool = None

    def _start(self, pending: Pending) -> None:
        for _attempt in range(2):
            if self._pool is None:
                self._pool = self._new_pool(self.processes)
            try:
                pending.future = self._pool.submit(_to_file, self._work, self._place, pending.candidates)
            except BrokenProcessPool:
                self._drop_pool()
            else:
                return
        pending.future = Future()
        pending.future.set_exception(BrokenProcessPool("The reading processes do not start."))

    def _new_pool(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            processes, mp_context=_context(), initializer=_start_reader, initargs=(dict(os.environ),)
        )

    def _drop_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=False)
            self._pool = None

    def _again(self, candidates: Sequence[Candidate]) -> Checked:
        try:
            return self._alone(candidates)
        except BrokenProcessPool:
            _log.warning("A reading process died again; its files are read one by one.")
        results: list[Checked] = []
        for candidate in candidates:
            try:
                results.append(self._alone((candidate,)))
            except BrokenProcessPool:
                results.append(self._crashed(candidate))
        return merged(results)

    def _alone(self, candidates: Sequence[Candidate]) -> Checked:
        if self._lone_pool is None:
            self._lone_pool = self._new_pool(1)
        try:
            done = self._lone_pool.submit(_to_file, self._work, self._place, candidates)
            return _from_file(done.result())
        except BrokenProcessPool:
            self._lone_pool.shutdown(wait=False)
            self._lone_pool = None
            raise


def merged(results: Sequence[Checked]) -> Checked:
    """Return the results of parts of a task as one."""
    whole = Checked()
    for result in results:
        whole.incoming += result.incoming
        whole.slides += result.slides
        whole.refusals += result.refusals
        whole.bystanders += result.bystanders
        whole.present += result.present
        whole.warnings += result.warnings
        whole.keys += result.keys
        whole.bytes_read += result.bytes_read
    return whole


def available_cores() -> int:
    """Return the number of cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return os.cpu_count() or 1 if affinity is None else len(affinity(0))
