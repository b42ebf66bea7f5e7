"""Helping with an ingest that another machine, or another process, has begun."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from filmroom.catalog import Catalog, OpenRun
from filmroom.errors import FilmroomError, NotFound, ObjectMissing
from filmroom.ingest.candidates import Candidate, label
from filmroom.ingest.check import Checker
from filmroom.ingest.commit import Committer
from filmroom.ingest.content import close_archives
from filmroom.ingest.interrupt import interruptible
from filmroom.ingest.journal import Journal, JournaledStore, sweep
from filmroom.ingest.load import lease_seconds, process_count, work_folder
from filmroom.ingest.patience import patiently
from filmroom.ingest.plan import Plan, helper_name, host_of
from filmroom.ingest.readers import Readers, Workplace
from filmroom.ingest.report import IngestReport
from filmroom.ingest.spool import Spool
from filmroom.ingest.work import PATIENCE, Leases, Workbench, refuse_crashed
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store


@dataclass(frozen=True, slots=True)
class Helped:
    """One ingest that was helped with. ``left``: why before its end, else empty."""

    run_id: int
    host: str
    paths: tuple[str, ...]
    batches: int
    report: IngestReport
    left: str


class _NotHere(Exception):
    """A batch names a file that is not on this machine as it is on the other."""


def join_ingests(
    address: ArchiveAddress,
    processes: int | None = None,
    wait: float = 0.0,
    announce: Callable[[str], None] = lambda _text: None,
) -> list[Helped]:
    """Work on batches of running ingests whose files are here, until there is nothing left to do.

    :param wait: seconds to wait for an ingest to appear. :param announce: is told which one is helped.
    :raises NotFound: when there is no ingest that can be helped; the message says what hinders.
    :raises CatalogError, StoreError: when the archive cannot be used; others take over what was begun.
    :raises KeyboardInterrupt: after Ctrl-C, when the running batch is done.
    """
    count, lease = process_count(processes), lease_seconds()
    with ExitStack() as stack:
        catalog = stack.enter_context(Catalog.open(address.database_url))
        store = open_store(address.store_url)
        worker = helper_name()
        folder = work_folder(address)
        journal = stack.enter_context(closing(Journal(folder, f"join-{worker.rpartition(' ')[2]}")))
        spool = stack.enter_context(closing(Spool(folder)))
        # What an interrupted ingest left is not swept here: it may be what this one is about to finish.
        stack.callback(close_archives)
        helper = _Helper(
            catalog=catalog,
            store=stack.enter_context(closing(JournaledStore(store, journal.folder))),
            address=address,
            journal=journal,
            spool=spool,
            processes=count,
            leases=stack.enter_context(closing(Leases(catalog, worker, lease))),
            stop=stack.enter_context(interruptible()),
        )
        try:
            return helper.help_all(wait, announce)
        finally:
            with suppress(FilmroomError):  # the journal stays, and the next ingest here sweeps
                sweep(journal, catalog, store)
                journal.finish(for_ever=True)


@dataclass(kw_only=True, eq=False)
class _Helper:
    catalog: Catalog
    store: JournaledStore
    address: ArchiveAddress
    journal: Journal
    spool: Spool
    processes: int
    leases: Leases
    stop: threading.Event
    _hindrances: dict[int, str] = field(default_factory=dict)
    _helped: set[int] = field(default_factory=set)

    def help_all(self, wait: float, announce: Callable[[str], None]) -> list[Helped]:
        helped: list[Helped] = []
        deadline = time.monotonic() + wait
        while not self.stop.is_set():
            found = self._next()
            if found is not None:
                run, plan = found
                announce(
                    f"Helping with ingest {run.id} of {_shown(plan.paths)}, begun on {host_of(run.owner)}."
                )
                helped.append(self._help(run, plan))
            elif helped or time.monotonic() >= deadline:
                break
            else:
                self.stop.wait(PATIENCE)
        if self.stop.is_set():
            raise KeyboardInterrupt
        if not helped:
            raise NotFound(
                " ".join(
                    ["No ingest is running that this machine can help with.", *self._hindrances.values()]
                ),
                advice="Begin one elsewhere, or wait for one with: filmroom ingest --join --wait SECONDS",
            )
        return helped

    def _next(self) -> tuple[OpenRun, Plan] | None:
        """Return an ingest that is alive or has work left, and whose files and store this machine has."""
        for run in patiently(self.catalog.open_runs):
            if run.id in self._helped or not (run.alive or run.unfinished):
                continue
            plan = Plan.of_text(run.plan)
            # Asked anew each time: a run is seen a moment before its proof is written.
            hindrance = self._hindrance(run, plan)
            if not hindrance:
                return run, plan
            self._hindrances[run.id] = hindrance
        return None

    def _hindrance(self, run: OpenRun, plan: Plan) -> str:
        missing = [path for path in plan.paths if not os.path.exists(path)]  # noqa: PTH110 - undecodable names
        if missing:
            return f"Ingest {run.id} takes in {_shown(missing)}, which is not on this machine."
        try:
            self.store.stat(plan.proof)
        except ObjectMissing:
            # An archive whose bytes lie where only one machine can read them would be lost to the others.
            return f"Ingest {run.id} writes to another store than the one given here, or was cleared away."
        return ""

    def _help(self, run: OpenRun, plan: Plan) -> Helped:
        report = IngestReport(plan.paths, dt.datetime.now(dt.UTC))
        begun = time.monotonic()
        place = Workplace(self.address, plan.rules, str(self.journal.folder), str(self.spool.folder))
        here = Checker(self.catalog, self.store, plan.rules, place.spool_folder)
        readers = Readers(place, self.processes, here.check, partial(refuse_crashed, self.store, plan.rules))
        name = host_of(self.leases.worker)
        bench = Workbench(
            catalog=self.catalog,
            readers=readers,
            committer=Committer(self.catalog, self.store, report, helper=name),
            leases=self.leases,
            run_id=run.id,
            check=_check_here,
        )
        with closing(readers):
            left = self._work(bench)
        # Helped with once: what is left of it now is not for this machine.
        self._helped.add(run.id)
        report.seconds = time.monotonic() - begun
        return Helped(run.id, host_of(run.owner), plan.paths, bench.batches, report, left)

    def _work(self, bench: Workbench) -> str:
        """Work until the run is over; return why it was left before."""
        left = ""
        while not (self.stop.is_set() and bench.between_batches):
            try:
                while not left and not self.stop.is_set() and bench.lease():
                    pass
            except _NotHere as error:
                left = f"Ingest {bench.run_id} needs {error}, which is not the same on this machine."
            if not bench.idle:
                bench.step()
            elif left:
                self.catalog.release_leases(self.leases.worker)
                break
            else:
                now = next((run for run in patiently(self.catalog.open_runs) if run.id == bench.run_id), None)
                if now is None:
                    break
                if not now.alive and not now.unfinished:
                    left = (
                        f"Ingest {bench.run_id} was interrupted where it began; "
                        "run it there again to complete it."
                    )
                else:
                    self.stop.wait(PATIENCE)
        return left


def _check_here(candidates: Sequence[Candidate]) -> None:
    """Check that the files of a batch are here as they are where they were found. :raises _NotHere:"""
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.path in seen:
            continue
        seen.add(candidate.path)
        try:
            status = os.stat(candidate.path)  # noqa: PTH116 - the path may hold undecodable bytes
        except OSError:
            raise _NotHere(label(candidate.path)) from None
        alone = candidate.kind in {"file", "gzip"}
        if status.st_mtime_ns != candidate.mtime_ns or (alone and status.st_size != candidate.size):
            raise _NotHere(label(candidate.path))


def _shown(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{label(str(Path(paths[0])))}{more}"
