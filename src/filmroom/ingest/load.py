"""An ingest from beginning to end: scan, read in many processes, commit in order.

One thread scans, several processes read and store, this thread alone commits: batch by batch, in the order
of the scan, so that the same input gives the same archive whatever the number of processes. Batches go
through the ledger, where other machines may take some of them (:mod:`filmroom.ingest.join`). Whatever
interrupts it, running the same ingest again completes it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from filmroom.catalog import Catalog, IngestRun, Refusal
from filmroom.errors import FilmroomError, InvalidInput
from filmroom.ingest.assign import Rules
from filmroom.ingest.batches import Batcher
from filmroom.ingest.candidates import Bystander, Candidate, Remark, Trouble, label
from filmroom.ingest.check import Checker
from filmroom.ingest.checked import Checked
from filmroom.ingest.commit import Committer
from filmroom.ingest.containers import container_kind
from filmroom.ingest.content import close_archives
from filmroom.ingest.interrupt import interruptible
from filmroom.ingest.journal import Journal, JournaledStore, sweep, sweep_abandoned
from filmroom.ingest.patience import patiently
from filmroom.ingest.plan import Plan, new_proof, owner_name
from filmroom.ingest.readers import Readers, Workplace
from filmroom.ingest.report import BatchRecord, IngestReport, ReportFile, State
from filmroom.ingest.scan import Scanner, absolute_paths
from filmroom.ingest.scanning import ScanThread
from filmroom.ingest.spool import Spool
from filmroom.ingest.work import PATIENCE, Leases, Workbench, refuse_crashed
from filmroom.settings import ArchiveAddress, get_integer
from filmroom.store import open_store
from filmroom.store.local import LocalStore

# How far the ledger is filled between two looks at what the readers have done.
_BATCHES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How to ingest. ``processes`` None: the setting of that name; ``report``: a JSON file to write."""

    rules: Rules
    processes: int | None = None
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is; sizes in bytes. ``scanning``: more may still be found."""

    files_done: int
    bytes_done: int
    files_found: int
    bytes_found: int
    scanning: bool
    quarantined: int


def ingest_paths(
    address: ArchiveAddress,
    paths: Sequence[Path],
    options: IngestOptions,
    progress: Callable[[Progress], None] | None = None,
) -> IngestReport:
    """Take files into an archive, which is created where none is.

    :param paths: folders, files, ZIP and TAR archives, DICOMDIR files.
    :param progress: called in this thread after each task.
    :raises InvalidInput: when a path cannot be used; nothing was changed.
    :raises ArchiveInUse: when the same ingest is already running.
    :raises CatalogError, StoreError: when the archive cannot be used; what was committed stays, and running
        the same ingest again goes on from there.
    :raises KeyboardInterrupt: after Ctrl-C, when the running batch is done.
    """
    absolute = absolute_paths(paths)
    if options.rules.in_place:
        _refuse_archives(absolute)
    own = own_folders(address)
    for path in absolute:
        if any(path == folder or folder in path.parents for folder in own):
            raise InvalidInput(f"{path} is part of the archive itself.")
    processes, lease = process_count(options.processes), lease_seconds()
    with ExitStack() as stack:
        catalog = stack.enter_context(Catalog.create(address.database_url))
        store = open_store(address.store_url)
        rules = with_present_access(options.rules, catalog)
        key = run_key(address, absolute, rules)
        journal = stack.enter_context(closing(Journal(work_folder(address), key)))
        spool = stack.enter_context(closing(Spool(work_folder(address))))
        sweep_abandoned(work_folder(address), journal, catalog, store)
        report_file = ReportFile(options.report) if options.report else None
        if report_file is not None:
            stack.callback(report_file.discard)
        stack.callback(close_archives)
        report = IngestReport(tuple(map(label, map(str, absolute))), dt.datetime.now(dt.UTC))
        run = _Run(
            catalog=catalog,
            store=stack.enter_context(closing(JournaledStore(store, journal.folder))),
            plan=Plan(rules, tuple(map(str, absolute)), new_proof()),
            journal=journal,
            spool=spool,
            report=report,
            report_file=report_file,
            committer=Committer(catalog, store, report, report_file),
            paths=absolute,
            own=own,
            processes=processes,
            progress=progress,
        )
        place = Workplace(address, rules, str(journal.folder), str(spool.folder))
        return run.execute(place, key, lease)


def process_count(given: int | None) -> int:
    """Return the number of reading processes. :raises InvalidInput: when it is negative."""
    processes = get_integer("ingest_processes", given)
    if processes < 0:
        raise InvalidInput("The number of processes is 0 (one per core) or more.")
    return processes


def lease_seconds() -> int:
    """Return how long a lease lasts that is not renewed. :raises InvalidInput: when it is no time at all."""
    seconds = get_integer("ingest_lease")
    if seconds < 1:
        raise InvalidInput("FILMROOM_INGEST_LEASE is at least 1 second.")
    return seconds


def _refuse_archives(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_file() and container_kind(path, by_content=True) != "file":
            raise InvalidInput(
                f"{label(str(path))} is an archive: its members cannot be catalogued where they lie.",
                advice="Unpack it and ingest the folder, or leave --in-place out.",
            )


def work_folder(address: ArchiveAddress) -> Path:
    """Return the folder for temporary files and journals."""
    return address.data / "ingest"


def own_folders(address: ArchiveAddress) -> tuple[Path, ...]:
    """Return the archive's own folders, which are never ingested."""
    store = open_store(address.store_url)
    return (work_folder(address), *((store.root,) if isinstance(store, LocalStore) else ()))


def with_present_access(rules: Rules, catalog: Catalog) -> Rules:
    """Return the rules with what collections have of their own: who is not wholly public, whose slides are
    given out as they came."""
    restricted = frozenset(c.name for c in catalog.collections() if c.access != "public")
    return replace(rules, restricted=restricted, originals=catalog.slides().with_originals())


def run_key(address: ArchiveAddress, paths: Sequence[Path], rules: Rules) -> str:
    """Return what tells this ingest from others: a digest of archive, rules and absolute paths."""
    parts = asdict(replace(rules, restricted=frozenset())) | {"restricted": None}
    del parts["originals"]  # as it is now, whatever it was when the ingest began
    text = json.dumps([address.store_url, parts, [str(path) for path in paths]], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(kw_only=True, eq=False)
class _Run:
    catalog: Catalog
    store: JournaledStore
    plan: Plan
    journal: Journal
    spool: Spool
    report: IngestReport
    report_file: ReportFile | None
    committer: Committer
    paths: Sequence[Path]
    own: tuple[Path, ...]
    processes: int
    progress: Callable[[Progress], None] | None
    _begun: float = field(default_factory=time.monotonic)
    _finished: set[bytes] = field(default_factory=set)
    _leased: set[bytes] = field(default_factory=set)
    _known: set[int] = field(default_factory=set)
    _batcher: Batcher = field(default_factory=Batcher)
    _troubles: list[Refusal] = field(default_factory=list)
    _scanning: bool = True
    _files_done: int = 0
    _bytes_done: int = 0

    def execute(self, place: Workplace, key: str, lease: int) -> IngestReport:
        worker = owner_name(place.address.data, key)
        run = self.catalog.begin_run(key, self.plan.text(), worker, lease)
        self.report.resumed = run.resumed
        with closing(Leases(self.catalog, worker, lease)) as leases:
            try:
                with interruptible() as interrupted:
                    died = self._take_in(place, run, leases, interrupted)
            except BaseException as error:
                self._end("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
                with suppress(FilmroomError):  # the journal stays, and the next attempt sweeps
                    sweep(self.journal, self.catalog, self.store)
                raise
            self.store.delete(self.plan.proof)
            if died:
                sweep(self.journal, self.catalog, self.store)
            self.committer.note_collections(self.plan.rules)
            self._end("complete")
            patiently(lambda: self.catalog.end_run(run.id, self.report.summary()))
        self.journal.finish()
        return self.report

    def _take_in(
        self, place: Workplace, run: IngestRun, leases: Leases, interrupted: threading.Event
    ) -> bool:
        """Do all the work; return whether any reader died over it."""
        if run.resumed:
            sweep(self.journal, self.catalog, self.store)
            self._recall(run.id)
        self.store.write(self.plan.proof, [b"filmroom"])
        here = Checker(self.catalog, self.store, self.plan.rules, place.spool_folder)
        crashed = partial(refuse_crashed, self.store, self.plan.rules)
        readers = Readers(place, self.processes, here.check, crashed)
        bench = Workbench(
            catalog=self.catalog,
            readers=readers,
            committer=self.committer,
            leases=leases,
            run_id=run.id,
            read=self._read,
            also=self._troubles,
        )
        scanner = Scanner(self.spool, self.own, finished=self._is_finished)
        with closing(ScanThread(scanner, self.paths)) as scan, closing(readers):
            self._work(bench, scan, interrupted)
            self._absorb_helpers(run.id)
        return readers.died

    def _recall(self, run_id: int) -> None:
        """Learn what earlier attempts did, and what helpers of theirs are still at."""
        # In this order, for helpers may be finishing batches at this moment.
        for batch in self.catalog.batches(run_id, "leased"):
            self._leased.update(_fingerprint(Candidate.of_row(row)) for row in batch.sources)
        for batch in self.catalog.batches(run_id, "done"):
            self._finished.update(_fingerprint(Candidate.of_row(row)) for row in batch.sources)
            self._known.add(batch.id)

    # -- the loop ------------------------------------------------------------------------------------

    def _work(self, bench: Workbench, scan: ScanThread, stop: threading.Event) -> None:
        while not (stop.is_set() and bench.between_batches):
            self._scan_on(bench, scan, stop)
            while not stop.is_set() and bench.lease():
                pass
            if not bench.idle:
                bench.step()
            elif not self._scanning:
                # What is left is with helpers; whatever they let go of comes back here.
                if not patiently(lambda: self.catalog.unfinished_batches(bench.run_id)):
                    break
                self._absorb_helpers(bench.run_id)
                stop.wait(PATIENCE)
            self._tell(scan)
        if stop.is_set():
            raise KeyboardInterrupt
        if self._troubles:
            self.committer.commit(None, Checked(refusals=self._troubles))

    def _scan_on(self, bench: Workbench, scan: ScanThread, stop: threading.Event) -> None:
        """Write what the scan has found to the ledger; wait for it only where nothing else can be done."""
        added = 0
        while self._scanning and not stop.is_set() and added < _BATCHES_AT_ONCE:
            event = scan.next(block=bench.idle or (bench.readers.undecided and not added))
            if event is not None:
                added += self._add(bench, self._sort(event))
            elif scan.exhausted:
                self._scanning = False
                self._add(bench, self._batcher.end())
            else:
                break

    def _sort(self, event: object) -> list[list[Candidate]]:
        if isinstance(event, Candidate):
            if self._is_finished(event):
                self.report.finished_before += 1
                self._read(event)
            elif not self._leased or _fingerprint(event) not in self._leased:
                return self._batcher.add(event)
        elif isinstance(event, Bystander):
            self.committer.skip(event)
        elif isinstance(event, Trouble):
            self._troubles.append(Refusal(event.source, event.reason, event.message, event.size))
        elif isinstance(event, Remark):
            self.report.warn(event.text)
        return []

    def _add(self, bench: Workbench, batches: Sequence[Sequence[Candidate]]) -> int:
        for batch in batches:
            rows = [candidate.row() for candidate in batch]
            add = partial(self.catalog.add_batch, bench.run_id, rows, shared=not batch[0].spooled)
            patiently(add, partial(add, again=True))
            bench.tell()
        return len(batches)

    def _read(self, candidate: Candidate) -> None:
        self._files_done += 1
        self._bytes_done += candidate.size
        if candidate.spooled:
            self.spool.release(candidate.path)

    def _absorb_helpers(self, run_id: int) -> None:
        for batch_id, record in patiently(lambda: list(self.catalog.batch_records(run_id, self._known))):
            self._known.add(batch_id)
            done = BatchRecord.of_json(record)
            self.committer.absorb(done)
            self._files_done += done.files
            self._bytes_done += done.bytes_read

    def _tell(self, scan: ScanThread) -> None:
        if self.progress is not None:
            files, size = scan.found
            quarantined = self.report.quarantined.total()
            self.progress(
                Progress(self._files_done, self._bytes_done, files, size, not scan.complete, quarantined)
            )

    def _is_finished(self, candidate: Candidate) -> bool:
        return bool(self._finished) and _fingerprint(candidate) in self._finished

    def _end(self, state: State) -> None:
        self.report.state = state
        self.report.seconds = time.monotonic() - self._begun
        if self.report_file is not None:
            self.report_file.finish(self.report)


def _fingerprint(candidate: Candidate) -> bytes:
    text = candidate.identity.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=12).digest()
