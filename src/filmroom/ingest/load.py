"""An ingest from beginning to end: scan, read in many processes, commit in order.

One thread scans, several processes read and store, this thread alone commits: batch by batch, in the order
of the scan, so that the same input gives the same archive whatever the number of processes. Whatever
interrupts it, running the same ingest again completes it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType

from filmroom.catalog import Catalog, Refusal
from filmroom.errors import FilmroomError, InvalidInput
from filmroom.ingest.assign import Rules
from filmroom.ingest.batches import BatchEnd, Batcher, Task
from filmroom.ingest.candidates import Bystander, Candidate, Refused, Remark, Trouble, label
from filmroom.ingest.check import QUARANTINE_PREFIX, Checked, Checker
from filmroom.ingest.commit import Committer
from filmroom.ingest.containers import container_kind
from filmroom.ingest.content import Content, close_archives
from filmroom.ingest.journal import Journal, JournaledStore, sweep, sweep_abandoned
from filmroom.ingest.readers import Pending, Readers, Workplace, merged
from filmroom.ingest.report import IngestReport, ReportFile, State
from filmroom.ingest.scan import Scanner, absolute_paths
from filmroom.ingest.scanning import ScanThread
from filmroom.ingest.spool import Spool
from filmroom.settings import ArchiveAddress, get_integer
from filmroom.store import open_store
from filmroom.store.local import LocalStore


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
    processes = get_integer("ingest_processes", options.processes)
    if processes < 0:
        raise InvalidInput("The number of processes is 0 (one per core) or more.")
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
            store=JournaledStore(store, journal.folder),
            rules=rules,
            journal=journal,
            spool=spool,
            report=report,
            report_file=report_file,
            committer=Committer(catalog, store, report, report_file),
            paths=absolute,
            progress=progress,
        )
        place = Workplace(address, rules, str(journal.folder), str(spool.folder))
        return run.execute(place, key, own, processes)


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
    """Return the rules with the names of the collections that are not wholly public."""
    restricted = frozenset(c.name for c in catalog.collections() if c.access != "public")
    return replace(rules, restricted=restricted)


def run_key(address: ArchiveAddress, paths: Sequence[Path], rules: Rules) -> str:
    """Return what tells this ingest from others: a digest of archive, rules and absolute paths."""
    parts = asdict(replace(rules, restricted=frozenset())) | {"restricted": None}
    text = json.dumps([address.store_url, parts, [str(path) for path in paths]], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(kw_only=True, eq=False)
class _Run:
    catalog: Catalog
    store: JournaledStore
    rules: Rules
    journal: Journal
    spool: Spool
    report: IngestReport
    report_file: ReportFile | None
    committer: Committer
    paths: Sequence[Path]
    progress: Callable[[Progress], None] | None
    _begun: float = field(default_factory=time.monotonic)
    _finished: set[bytes] = field(default_factory=set)
    _waiting: deque[Pending | BatchEnd] = field(default_factory=deque)
    _batcher: Batcher = field(default_factory=Batcher)
    _batch: list[tuple[Task, Checked]] = field(default_factory=list)
    _troubles: list[Refusal] = field(default_factory=list)
    _files_done: int = 0
    _bytes_done: int = 0

    def execute(self, place: Workplace, key: str, own: tuple[Path, ...], processes: int) -> IngestReport:
        run = self.catalog.begin_run(key)
        self.report.resumed = run.resumed
        if run.resumed:
            sweep(self.journal, self.catalog, self.store)
            self._finished = {_fingerprint(text) for text in self.catalog.finished_sources(run.id)}
        scanner = Scanner(self.spool, own, finished=self._is_finished)
        scan = ScanThread(scanner, self.paths)
        here = Checker(self.catalog, self.store, self.rules, place.spool_folder)
        readers = Readers(place, processes, here.check, self._crashed)
        try:
            with closing(scan), closing(readers), _interruptible() as interrupted:
                self._work(run.id, scan, readers, interrupted)
        except BaseException as error:
            self._end("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            with suppress(FilmroomError):  # the journal stays, and the next attempt sweeps
                sweep(self.journal, self.catalog, self.store)
            raise
        finally:
            self.store.close()
        if readers.died:
            sweep(self.journal, self.catalog, self.store)
        self.committer.note_collections(self.rules)
        self._end("complete")
        self.catalog.end_run(run.id, self.report.summary())
        self.journal.finish()
        return self.report

    # -- the loop ------------------------------------------------------------------------------------

    def _work(self, run_id: int, scan: ScanThread, readers: Readers, stop: threading.Event) -> None:
        limit = 2 * readers.processes + 2
        while True:
            while not stop.is_set() and not scan.exhausted and len(self._waiting) < limit:
                wait = not self._waiting or readers.undecided
                event = scan.next(block=wait)
                if event is not None:
                    self._sort(event, readers)
                elif not wait:
                    break
            if scan.exhausted and not stop.is_set():
                self._hand_over(self._batcher.end(), readers)
            if not self._waiting:
                if scan.exhausted or stop.is_set():
                    break
                continue
            item = self._waiting.popleft()
            if isinstance(item, BatchEnd):
                self._commit(run_id)
                if stop.is_set():
                    break
            else:
                self._collect(item, readers.result(item))
            self._tell(scan)
        if stop.is_set():
            raise KeyboardInterrupt
        self._commit(run_id)

    def _sort(self, event: object, readers: Readers) -> None:
        if isinstance(event, Candidate):
            if self._is_finished(event):
                self.report.finished_before += 1
                self._count(event)
            else:
                self._hand_over(self._batcher.add(event), readers)
        elif isinstance(event, Bystander):
            self.committer.skip(event)
        elif isinstance(event, Trouble):
            self._troubles.append(Refusal(event.source, event.reason, event.message, event.size))
        elif isinstance(event, Remark):
            self.report.warn(event.text)

    def _hand_over(self, ready: Sequence[Task | BatchEnd], readers: Readers) -> None:
        for item in ready:
            self._waiting.append(item if isinstance(item, BatchEnd) else readers.submit(item))

    def _collect(self, pending: Pending, checked: Checked) -> None:
        self._batch.append((pending.task, checked))
        for candidate in pending.task.candidates:
            self._count(candidate)
            if candidate.spooled:
                self.spool.release(candidate.path)

    def _count(self, candidate: Candidate) -> None:
        self._files_done += 1
        self._bytes_done += candidate.size

    def _commit(self, run_id: int) -> None:
        if not self._batch and not self._troubles:
            return
        sources = [candidate.identity for task, _ in self._batch for candidate in task.candidates]
        checked = merged([result for _, result in self._batch])
        checked.refusals[:0] = self._troubles
        batch_id = self.catalog.add_batch(run_id, sources)
        self.committer.commit(batch_id, checked)
        self._batch.clear()
        self._troubles.clear()

    def _tell(self, scan: ScanThread) -> None:
        if self.progress is not None:
            files, size = scan.found
            quarantined = self.report.quarantined.total()
            self.progress(
                Progress(self._files_done, self._bytes_done, files, size, not scan.complete, quarantined)
            )

    # -- the exceptional -----------------------------------------------------------------------------

    def _is_finished(self, candidate: Candidate) -> bool:
        return bool(self._finished) and _fingerprint(candidate.identity) in self._finished

    def _crashed(self, candidate: Candidate) -> Checked:
        """Refuse a file that ends the process that reads it."""
        key = None
        if candidate.kind == "file" and not self.rules.in_place:
            key = f"{QUARANTINE_PREFIX}/{uuid.uuid4().hex}.dcm"
            try:
                with Content(candidate) as content:
                    self.store.write(key, content.chunks())
            except Refused:
                key = None
        message = (
            "The process that read it died; the file is damaged in a way that this program does not know."
        )
        refusal = Refusal(candidate.source, "reader-crashed", message, candidate.size, None, key)
        return Checked(refusals=[refusal], keys=[key] if key else [])

    def _end(self, state: State) -> None:
        self.report.state = state
        self.report.seconds = time.monotonic() - self._begun
        if self.report_file is not None:
            self.report_file.finish(self.report)


def _fingerprint(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a request to stop after the running batch; the second acts at once."""
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield stop
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
