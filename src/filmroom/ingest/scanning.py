"""The scan in a thread of its own, ahead of the reading."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from filmroom.ingest.candidates import Candidate, ScanEvent
from filmroom.ingest.scan import Scanner

_AHEAD = 100_000
_PATIENCE = 0.2


class ScanThread:
    """Runs a scanner and hands its events over. ``exhausted``: every event was taken."""

    def __init__(self, scanner: Scanner, paths: Sequence[Path]) -> None:
        self.exhausted = False
        self.complete = False
        self._found = [0, 0]
        self._scanner = scanner
        self._paths = paths
        self._stop = threading.Event()
        self._events: queue.Queue[ScanEvent | BaseException | None] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._run, name="ingest-scan", daemon=True)
        self._thread.start()

    @property
    def found(self) -> tuple[int, int]:
        """Number and bytes of the candidates found so far."""
        return self._found[0], self._found[1]

    def next(self, *, block: bool) -> ScanEvent | None:
        """Return the next event, or None when there is none now (``block`` False) or none any more.

        Wakes up now and then to let signals through. Raises what the scan raised.
        """
        while True:
            try:
                event = self._events.get(block=block, timeout=_PATIENCE if block else None)
            except queue.Empty:
                return None
            if event is None:
                self.exhausted = True
                return None
            if isinstance(event, BaseException):
                self.exhausted = True
                raise event
            return event

    def close(self) -> None:
        """Stop scanning and wait for the thread."""
        self._stop.set()
        self._scanner.spool.close()
        self._thread.join()

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            for event in self._scanner.scan(self._paths):
                if isinstance(event, Candidate):
                    self._found[0] += 1
                    self._found[1] += event.size
                if not self._put(event):
                    return
            self.complete = True
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads the events
            last = error
        self._put(last)

    def _put(self, event: ScanEvent | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._events.put(event, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False
