"""Who downloaded what, which lists were used, which pages of DOIs looked at.

Records are gathered for at most a second and written in one transaction.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from filmroom.model.dois import DoiView
from filmroom.model.entities import Download
from filmroom.model.lists import ListUse
from filmroom.server.logs import get_logger

_log = get_logger("filmroom.audit")


Record = Download | ListUse | DoiView


class ListLedger(Protocol):
    """The part of the catalogue that counts uses of shared lists."""

    def record_uses(self, uses: Sequence[ListUse]) -> None:
        """Count uses in one transaction."""


class ViewLedger(Protocol):
    """The part of the catalogue that counts looks at pages of DOIs."""

    def count_views(self, views: dict[str, int]) -> None:
        """Count looks in one transaction."""


class DownloadLedger(Protocol):
    """The part of the catalogue that the audit writes to."""

    def record_downloads(self, downloads: list[Download]) -> None:
        """Write records in one transaction."""

    def lists(self) -> ListLedger:
        """Return where uses of shared lists are counted."""

    def dois(self) -> ViewLedger:
        """Return where looks at pages of DOIs are counted."""


class Audit:
    """Collects records of downloads and of uses of lists and commits them in groups, in a thread of its own.

    What cannot be written is tried again, and again at the end; a record that is given up (the queue is
    full, or the catalogue still refuses at the end) is written to the log, so that none is lost in silence.
    """

    def __init__(
        self, ledger: DownloadLedger, *, interval: float = 0.5, capacity: int = 50_000, patience: float = 10
    ) -> None:
        """:param interval: seconds for which records are gathered before they are committed.

        :param capacity: records that may wait. :param patience: seconds of trying after :meth:`close`.
        """
        self._ledger = ledger
        self._interval = interval
        self._patience = patience
        self._waiting: queue.Queue[Record] = queue.Queue(capacity)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="filmroom-audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def record(self, record: Record) -> None:
        """Hand over one record; never blocks."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            _give_up([record], "the audit queue is full")

    def close(self) -> None:
        """Write what waits, then stop. Returns when done, after ``patience`` seconds at the latest."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(self._patience + 2 * self._interval + 5)

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()):
            batch = self._gather()
            downloads = [each for each in batch if isinstance(each, Download)]
            uses = [each for each in batch if isinstance(each, ListUse)]
            if downloads:
                self._write(downloads, partial(self._ledger.record_downloads, downloads))
            if uses:
                self._write(uses, partial(_count_uses, self._ledger, uses))
            views = [each for each in batch if isinstance(each, DoiView)]
            if views:
                self._write(views, partial(_count_views, self._ledger, views))

    def _gather(self) -> list[Record]:
        try:
            batch = [self._waiting.get(timeout=0.1)]
        except queue.Empty:
            return []
        self._closing.wait(self._interval)
        while len(batch) < 1_000:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, batch: Sequence[Record], write: Callable[[], None]) -> None:
        pause, closed_at = 0.1, None
        while True:
            try:
                write()
            except Exception as error:  # noqa: BLE001 - whatever the database says, the records are kept
                _log.error(
                    "downloads or uses could not be recorded yet", records=len(batch), error=repr(error)
                )
            else:
                return
            if self._closing.is_set():
                closed_at = closed_at or time.monotonic()
                if time.monotonic() - closed_at > self._patience:
                    _give_up(batch, "the catalogue refuses them")
                    return
                time.sleep(pause)
            else:
                self._closing.wait(pause)
            pause = min(pause * 2, 5.0)


def _count_uses(ledger: DownloadLedger, uses: list[ListUse]) -> None:
    ledger.lists().record_uses(uses)


def _count_views(ledger: DownloadLedger, views: list[DoiView]) -> None:
    ledger.dois().count_views(Counter(view.doi for view in views))


def _give_up(records: Sequence[Record], reason: str) -> None:
    for record in records:
        if isinstance(record, DoiView):
            _log.error("look at a page not counted", reason=reason, doi=record.doi)
            continue
        if isinstance(record, ListUse):
            _log.error("use of a list not counted", reason=reason, list=record.list_id)
            continue
        _log.error(
            "download not recorded",
            reason=reason,
            series=record.series_instance_uid,
            kind=record.kind,
            bytes=record.bytes,
            viewer=record.viewer,
            address=record.address,
            complete=record.complete,
            at=record.at.isoformat(),
        )
