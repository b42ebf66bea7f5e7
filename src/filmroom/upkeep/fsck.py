"""Do catalogue and store agree? Compare them, mend what can be mended without losing data.

An archive in use may be checked: what looks wrong is looked up again before it is told, and objects that an
ingest is just writing are left alone for a grace period. Memory stays bounded whatever the archive's size,
but for the list of damaged instances while they are healed.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from filmroom.catalog import Catalog
from filmroom.catalog.inspection import HeldInstance
from filmroom.catalog.series_files import HeldFile
from filmroom.catalog.slides import HeldSlide
from filmroom.errors import StoreError
from filmroom.model.entities import Location
from filmroom.settings import ArchiveAddress
from filmroom.store import Store, open_store
from filmroom.upkeep.content_check import Damage, ObjectCheck, check_object, quarantine_fault
from filmroom.upkeep.findings import Finding
from filmroom.upkeep.heal import Healer, source_files
from filmroom.upkeep.strays import StrayOptions, Strays

GRACE_SECONDS = 24 * 3600.0
"""For so long an object that nobody knows may belong to a running ingest."""

_AHEAD = 20_000  # instances handed over to threads and not yet collected
_TIMES = 500
_PATIENCE = 50  # unreadable objects in a row: then it is the store, not the objects


@dataclass(frozen=True, slots=True)
class FsckOptions:
    """What to do.

    ``full``: read every byte and compare all digests; else sizes and times. ``repair``: mend. ``heal``:
    files and folders from which damaged and missing instances are put back. ``grace``: seconds for which
    unknown objects are left alone. ``many_orphans``: delete them however many there are.
    ``threads``: readers at once; 0 chooses.
    """

    full: bool = True
    repair: bool = False
    heal: tuple[Path, ...] = ()
    grace: float = GRACE_SECONDS
    many_orphans: bool = False
    threads: int = 0


@dataclass(frozen=True, slots=True)
class FsckProgress:
    """How far a check is; ``total`` is 0 where it is not known."""

    stage: str
    done: int
    total: int
    bytes_done: int = 0


@dataclass(slots=True)
class FsckReport:
    """What a check found; counts by kind (``findings.KINDS``). ``files`` are those that
    are not DICOM. ``recent`` are unknown objects left alone."""

    full: bool
    instances: int = 0
    files: int = 0
    bytes_read: int = 0
    objects: int = 0
    stored: int = 0
    recent: int = 0
    found: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def left(self) -> Counter[str]:
        """What was found and not mended."""
        return self.found - self.mended


Tell = Callable[[Finding], None]
Alone = TypeVar("Alone", HeldFile, HeldSlide)
Show = Callable[[FsckProgress], None]


def check_archive(
    address: ArchiveAddress, options: FsckOptions, tell: Tell, progress: Show | None = None
) -> FsckReport:
    """Check an archive and do what the options ask for.

    :param tell: called in this thread with each finding, after it was mended or left.
    :param progress: called in this thread now and then.
    :raises CatalogError: when there is no catalogue that can be used. :raises StoreError: when the store
        itself, not single objects, cannot be read. :raises InvalidInput: when a path to heal from is absent.
    """
    files = source_files(options.heal)
    with Catalog.open(address.database_url) as catalog:
        check = _Check(catalog, open_store(address.store_url), options, tell, progress)
        check.run(files)
    return check.report


class _Check:
    def __init__(
        self, catalog: Catalog, store: Store, options: FsckOptions, tell: Tell, progress: Show | None
    ) -> None:
        self._inspection = catalog.inspection()
        self._series_files = catalog.series_files()
        self._slides = catalog.slides()
        self._text_index = catalog.text_index()
        self._store = store
        self._options = options
        self._tell = tell
        self._show = progress
        self._damages: list[Damage[HeldInstance]] = []
        self._times: list[tuple[Location, int]] = []
        self._unreadable = 0
        self.report = FsckReport(options.full)

    def run(self, files: Iterator[Path]) -> None:
        begun = time.monotonic()
        for fault in self._inspection.faults(full=self._options.full):
            self._found(Finding("catalogue", fault))
        self._content()
        self._heal(files)
        self._files()
        self._quarantine()
        self._totals()
        self._texts()
        self._unused()
        self._strays()
        self.report.seconds = time.monotonic() - begun
        if self.report.mended:
            self._inspection.record({"mended": dict(self.report.mended), "left": dict(self.report.left)})

    # -- instances -----------------------------------------------------------------------------------

    def _content(self) -> None:
        total, _ = self._inspection.size()
        threads = self._options.threads or (4 if self._store.local_path("x") is not None else 8)
        with closing(self._checked(threads)) as checked:
            for result in checked:
                self._take(result)
                self._progress("instances", self.report.instances, total)
        self._accept_times()

    def _checked(self, threads: int) -> Generator[ObjectCheck[HeldInstance]]:
        """Check objects in threads, so far ahead as memory should hold."""
        waiting: deque[tuple[int, Future[ObjectCheck[HeldInstance]]]] = deque()
        ahead = 0
        pool = ThreadPoolExecutor(threads, thread_name_prefix="filmroom-fsck")
        try:
            for group in self._inspection.objects():
                while waiting and (ahead >= _AHEAD or len(waiting) >= 8 * threads):
                    count, future = waiting.popleft()
                    ahead -= count
                    yield future.result()
                future = pool.submit(check_object, self._store, group, full=self._options.full)
                waiting.append((len(group), future))
                ahead += len(group)
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, result: ObjectCheck[HeldInstance]) -> None:
        self.report.instances += result.items
        self._take_any(result)
        for damage in result.damages:
            # It may have been replaced or dropped since its page was read.
            if not self._inspection.is_still(damage.held):
                continue
            if self._options.heal:
                self._damages.append(damage)
            else:
                self._found(_damage_finding(damage))

    def _take_any(self, result: ObjectCheck[Any]) -> None:
        """Count an object and note its time. :raises StoreError: when it is the store that fails."""
        self.report.objects += 1
        self.report.bytes_read += result.bytes_read
        self._unreadable = self._unreadable + 1 if result.failed is not None else 0
        if result.failed is not None and self._unreadable >= _PATIENCE:
            raise StoreError(f"{_PATIENCE} objects in a row cannot be read: {result.failed}")
        if result.new_time is not None:
            self._times.append((result.location, result.new_time))
            if len(self._times) >= _TIMES:
                self._accept_times()

    def _accept_times(self) -> None:
        times, self._times = self._times, []
        if self._options.repair and times:
            self._inspection.accept_times(times)
        for location, _ in times:
            finding = Finding(
                "changed-time", "the content is as catalogued", location.key, in_place=location.in_place
            )
            self._found(finding, mended=self._options.repair)

    def _heal(self, files: Iterator[Path]) -> None:
        if not self._options.heal:
            return
        healer = Healer(self._inspection, self._store, [damage.held for damage in self._damages])
        try:
            for number, file in enumerate(files, 1):
                if healer.wanted == 0:
                    break
                healer.offer(file)
                self._progress("files to heal from", number, 0)
            healer.finish()
        except BaseException:
            healer.discard()
            raise
        for damage in self._damages:
            healed = damage.held.instance.sop_instance_uid in healer.healed
            self._found(_damage_finding(damage), mended=healed)

    def _files(self) -> None:
        """Check slides, and the files of series that are not DICOM; each has an object of its own."""
        for page in self._series_files.held():
            for held in page:
                for damage in self._file(held).damages:
                    if self._series_files.is_still(held):
                        detail = f"{held.content.name}: {damage.detail}"
                        uid = held.series_instance_uid
                        key = held.content.location.key
                        self._found(Finding("series-file", detail, key, series_instance_uid=uid))
            self._progress("other files", self.report.files, 0)
        for slides in self._slides.held():
            for slide in slides:
                for wrong in self._file(slide).damages:
                    if self._slides.is_still(slide):
                        detail = f"{slide.collection}, {slide.content.name}: {wrong.detail}"
                        location = slide.content.location
                        self._found(Finding("slide", detail, location.key, location.in_place))
            self._progress("other files", self.report.files, 0)
        self._accept_times()

    def _file(self, held: Alone) -> ObjectCheck[Alone]:
        result = check_object(self._store, [held], full=self._options.full)
        self.report.files += 1
        self._take_any(result)
        return result

    # -- the rest ------------------------------------------------------------------------------------

    def _quarantine(self) -> None:
        for page in self._inspection.quarantined():
            for number, location in page:
                fault = quarantine_fault(self._store, location)
                if fault:
                    detail = f"number {number}: {fault}"
                    self._found(Finding("quarantine-lost", detail, location.key, in_place=location.in_place))

    def _totals(self) -> None:
        repair = self._options.repair
        for page in self._inspection.wrong_totals():
            if repair:
                self._inspection.correct_totals([wrong.series_key for wrong in page])
            for wrong in page:
                detail = (
                    f"{wrong.recorded[0]} images of {wrong.recorded[1]} bytes are recorded, "
                    f"{wrong.counted[0]} of {wrong.counted[1]} are there"
                )
                uid = wrong.series_instance_uid
                self._found(Finding("wrong-total", detail, series_instance_uid=uid), mended=repair)
        for keys in self._inspection.wrong_geometry():
            if repair:
                self._inspection.correct_geometry(keys)
            self._found(Finding("wrong-geometry", f"{len(keys)} series"), mended=repair)
        for site_id, rows in self._inspection.wrong_facets():
            if repair:
                self._inspection.correct_facets(site_id)
            self._found(Finding("wrong-count", f"{rows} counts of site {site_id}"), mended=repair)

    def _texts(self) -> None:
        repair = self._options.repair
        if lacking := self._text_index.missing(repair=repair):
            self._found(Finding("text-index", f"{lacking} series"), mended=repair)
        if self._options.heal:
            self._text_index.retry()  # what could not be read may be there again

    def _unused(self) -> None:
        for page in self._inspection.unused_objects():
            gone: set[str] = set()
            if self._options.repair:
                gone.update(self._inspection.forget([key for key, _ in page]))
                for key, in_place in page:
                    if key in gone and not in_place:  # a file in place is not ours to delete
                        self._store.delete(key)
            for key, in_place in page:
                self._found(
                    Finding("unused-object", "nothing refers to it", key, in_place=in_place),
                    mended=key in gone,
                )

    def _strays(self) -> None:
        given = self._options
        strays = Strays(
            self._inspection, self._store, StrayOptions(given.repair, given.grace, given.many_orphans)
        )
        with closing(strays):
            for count in strays.search():
                self.report.stored = count
                self._progress("objects in the store", count, 0)
            for finding in strays.findings():
                self._found(finding, mended=finding.state == "mended")
            self.report.recent = strays.recent

    def _found(self, finding: Finding, *, mended: bool = False) -> None:
        self.report.found[finding.kind] += 1
        if mended:
            self.report.mended[finding.kind] += 1
        self._tell(replace(finding, state="mended" if mended else "left"))

    def _progress(self, stage: str, done: int, total: int) -> None:
        if self._show is not None:
            self._show(FsckProgress(stage, done, max(total, done) if total else 0, self.report.bytes_read))


def _damage_finding(damage: Damage[HeldInstance]) -> Finding:
    held = damage.held
    location = held.instance.location
    return Finding(
        damage.kind,
        damage.detail,
        location.key,
        location.in_place,
        held.series_instance_uid,
        held.instance.sop_instance_uid,
    )
