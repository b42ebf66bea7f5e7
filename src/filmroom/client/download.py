"""Many series at once: plan, fetch in parallel, report."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from filmroom.client.acceptance import accept
from filmroom.client.adopt import Found, compare, find_series, take_over
from filmroom.client.companions import write_collection_licences, write_metadata
from filmroom.client.crew import Crew, Turns
from filmroom.client.layout import SeriesPlace, check_space, disk_error, held, writing
from filmroom.client.placement import Naming
from filmroom.client.planned import OneSeries, PlannedSeries, key_of
from filmroom.client.receipt import Receipt, known_receipt, located, unchanged
from filmroom.client.report import DownloadReport, Meter, Progress, SeriesResult, Status
from filmroom.client.sources.archive import ServerSource
from filmroom.client.sources.base import Promise, SeriesSource
from filmroom.client.templates import FLAT, Layout
from filmroom.client.transfer import SeriesTransfer
from filmroom.errors import (
    ArchiveInUse,
    BadAnswer,
    FilmroomError,
    IncompleteTransfer,
    InvalidInput,
    ServerUnreachable,
    TransferError,
)
from filmroom.model.entities import Series

_SMALL = 1 << 20  # bytes of a series that is small


class Sources(Protocol):
    """What a download asks of the client."""

    def prepare(self, series: Sequence[OneSeries]) -> list[OneSeries]:
        """Look many series up at once, before :meth:`of` is asked; return them as they are now known."""

    def records(self, series: Sequence[OneSeries]) -> Mapping[str, Series]:
        """Return what the server tells of many series, as far as it can be asked so."""

    def of(self, series: OneSeries) -> SeriesSource:
        """Return where a series comes from. :raises FilmroomError: when it cannot be had."""


class Download:
    """One call of ``client.download``; the parameters are told there.

    :param small_workers: workers for series that are small; default: as many as for others.
    :raises InvalidInput: when there would be no worker.
    """

    def __init__(
        self,
        sources: Sources,
        target: Path,
        *,
        workers: int,
        small_workers: int | None = None,
        overwrite: bool = False,
        progress: Callable[[Progress], None] | None = None,
        layout: Layout = FLAT,
        metadata: bool = False,
        per_host: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        if workers < 1 or (per_host is not None and per_host < 1):
            raise InvalidInput("A download needs at least one worker.")
        self._sources = sources
        self._layout = layout
        self._metadata = metadata
        self._small_workers = small_workers or workers
        self._turns = Turns(per_host or self._small_workers)
        self._target = target
        self._workers = workers
        self._overwrite = overwrite
        self._meter = Meter(progress)
        self._stop = stop or threading.Event()
        self._nobody_there: dict[str, ServerUnreachable] = {}
        self._heard: set[str] = set()

    # plan -------------------------------------------------------------------------------------------
    def plan(self, series: Sequence[OneSeries]) -> list[PlannedSeries]:
        """Find out, in parallel, what is there already and how large the rest is."""
        return self._planned(self._sources.prepare(series))

    def _planned(self, series: Sequence[OneSeries]) -> list[PlannedSeries]:
        told = self._sources.records([each for each in series if self._is_new(each)])
        series = [told.get(key_of(each), each) for each in series]
        plan = Crew(self._plan_one, self._workers, self._stop).run(series)
        unknown = {
            each.place.uid for each in plan if each.promise is not None and each.place.relative is None
        }
        if not unknown or not self._target.is_dir():
            return plan
        with writing(self._target):
            found = find_series(self._target, unknown)
        return [_with_found(each, found.get(each.place.uid)) for each in plan]

    def _is_new(self, series: OneSeries) -> bool:
        return self._overwrite or not SeriesPlace(self._target, key_of(series)).receipt.exists()

    def _plan_one(self, series: OneSeries) -> PlannedSeries:
        place = SeriesPlace(self._target, key_of(series))
        try:
            receipt = known_receipt(place)
            if receipt is not None:
                place = place.at(receipt.folder or place.uid)
                if not self._overwrite and unchanged(place.folder, receipt):
                    return PlannedSeries(place, series, receipt=receipt)
            source = self._sources.of(series)
            if (
                isinstance(source, ServerSource)
                and isinstance(series, Series)
                and series.image_count is not None
                and series.file_size is not None
            ):
                promise = Promise(series.image_count, series.file_size)
                return PlannedSeries(place, series, source, promise, asked=False)
            return PlannedSeries(place, series, source, self._ask(source, place.uid))
        except FilmroomError as error:
            return PlannedSeries(place, series, error=error)

    def _ask(self, source: SeriesSource, uid: str) -> Promise:
        # Where nobody is there, the first series finds out for all.
        root = source.root
        if root in self._nobody_there:
            raise self._nobody_there[root]
        try:
            promise = source.promise(uid)
        except ServerUnreachable as error:
            if root not in self._heard:
                self._nobody_there[root] = error
            raise
        self._heard.add(root)
        return promise

    def _settle(self, series: Sequence[OneSeries]) -> None:
        """Complete what an earlier run left between its check and the last rename."""
        for each in series:
            place = located(SeriesPlace(self._target, key_of(each)))
            if place.unfinished or place.left_over:
                # Who holds it finishes it; the series then fails below with that reason.
                with contextlib.suppress(ArchiveInUse), held(place), writing(self._target):
                    place.finish()

    def _check_space(self, plan: Sequence[PlannedSeries]) -> None:
        check_space(self._target, sum(each.bytes_left for each in plan))

    # run --------------------------------------------------------------------------------------------
    def run(self, series: Sequence[OneSeries]) -> DownloadReport:
        """Fetch the series. Failures of single series are in the report.

        :raises StoreFull: when the disk cannot hold them. :raises StoreError: when it cannot be written.
        """
        began = time.monotonic()
        with writing(self._target):
            self._target.mkdir(parents=True, exist_ok=True)
        series = self._sources.prepare(series)
        self._settle(series)
        plan = self._planned(series)
        self._check_space(plan)
        self._meter.series_total = len(plan)
        self._meter.bytes_total = sum(each.promise.bytes for each in plan if each.promise is not None)
        results = Crew(self._one, self._number_for(plan), self._stop).run(plan)
        self._write_companions(plan, [each.series_instance_uid for each in results if each.error is None])
        return DownloadReport(tuple(results), time.monotonic() - began)

    def _number_for(self, plan: Sequence[PlannedSeries]) -> int:
        """Return how many series are fetched at once: more of small ones, which are mostly waited for."""
        sizes = [each.promise.bytes for each in plan if each.promise is not None]
        is_small = bool(sizes) and max(sizes) > 0 and sum(sizes) <= _SMALL * len(sizes)
        return self._small_workers if is_small else self._workers

    def _write_companions(self, plan: Sequence[PlannedSeries], there: Sequence[str]) -> None:
        if self._layout.has_collection_folder:
            write_collection_licences(self._target, there)
        if self._metadata:
            planned = {each.place.uid: each for each in plan}
            write_metadata(self._target, there, lambda uid: self._record(planned[uid]))

    def _one(self, planned: PlannedSeries) -> SeriesResult:
        place = planned.place
        if planned.receipt is not None:
            return self._meter.ended(_result(planned.receipt, place, "skipped"))
        try:
            if planned.error is not None:
                raise planned.error
            with held(place):
                result = self._taken_over(planned) or self._fetch(planned)
        except FilmroomError as error:
            result = SeriesResult(place.uid, "failed", place.folder, error=error)
        except OSError as error:
            failure = disk_error(error, place.target)
            result = SeriesResult(place.uid, "failed", place.folder, error=failure)
        return self._meter.ended(result)

    def _taken_over(self, planned: PlannedSeries) -> SeriesResult | None:
        """Make what another program left the series, if most of it is good; None if it is to be fetched."""
        place, source, found = planned.place, planned.source, planned.found
        if found is None or self._overwrite or not isinstance(source, ServerSource):
            return None
        archive = source.archive.archive_of(place.uid)
        compared = compare(place, found, archive)
        if not compared.whole and (found.unreadable or not compared.few):
            return None
        receipt = take_over(place, found, archive, compared)
        self._meter.count(place.uid, receipt.bytes)
        return _result(receipt, place, "skipped" if compared.whole else "ok")

    def _fetch(self, planned: PlannedSeries) -> SeriesResult:
        source = planned.source
        assert source is not None and planned.promise is not None  # noqa: S101
        try:
            return self._fetch_as(planned, source, planned.promise)
        except (IncompleteTransfer, BadAnswer):
            if planned.asked:
                raise
        # The record that was handed in may be older than the series: ask, and try once more.
        return self._fetch_as(planned, source, self._ask(source, planned.place.uid))

    def _fetch_as(self, planned: PlannedSeries, source: SeriesSource, promise: Promise) -> SeriesResult:
        place, found = planned.place, planned.found
        if found is not None and found.shared:
            place = SeriesPlace(place.target, place.uid)
        naming = self._naming(replace(planned, place=place))
        body = source.body(place.uid, promise)
        transfer = SeriesTransfer(
            body,
            place,
            stop=self._stop,
            on_bytes=lambda count: self._meter.count(place.uid, count),
        )
        with self._turns.one(source.root, self._stop):
            arrival = transfer.run()
        try:
            receipt = accept(
                place,
                body.deliver(place, arrival),
                server=source.root,
                api=source.api,
                addresses=source.addresses,
                digest_of=source.digest,
                naming=naming,
                replaced=found.paths(place.target) if found else (),
            )
        except TransferError as error:
            if not isinstance(error, ServerUnreachable):
                shutil.rmtree(place.partial)  # whole, and wrong: the next run begins anew
            raise
        return replace(_result(receipt, place, "ok"), resumed_bytes=transfer.resumed_bytes)

    def _naming(self, planned: PlannedSeries) -> Naming:
        if not self._layout.needs_collection or planned.place.relative is not None:
            return Naming(self._layout)
        record = self._record(planned)
        return Naming(self._layout, record.collection or "" if record else "")

    def _record(self, planned: PlannedSeries) -> Series | None:
        """Return what the server says of a series; None where it says nothing."""
        series = planned.series
        if isinstance(series, Series) and series.collection:
            return series
        source = planned.source or self._sources.of(series)
        if not isinstance(source, ServerSource):
            return None
        return next(iter(source.archive.series(series_instance_uid=planned.place.uid)), None)


def _with_found(planned: PlannedSeries, found: Found | None) -> PlannedSeries:
    return replace(planned, found=found, place=planned.place.at(found.folder)) if found else planned


def _result(receipt: Receipt, place: SeriesPlace, status: Status) -> SeriesResult:
    return SeriesResult(
        place.uid,
        status,
        place.at(receipt.folder or place.uid).folder,
        receipt.count,
        receipt.bytes,
        warnings=receipt.warnings,
        licence=receipt.licence,
    )
