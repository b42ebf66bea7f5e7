"""One series from its source to the disk: streamed, split, hashed, continued after interruptions."""

from __future__ import annotations

import threading
from collections.abc import Callable

from filmroom.client.crew import Stopped
from filmroom.client.intake import Intake
from filmroom.client.journal import Arrival, Source
from filmroom.client.layout import SeriesPlace, disk_error
from filmroom.client.sources.archive import SeriesRequest
from filmroom.client.sources.base import Body, Promise
from filmroom.errors import BadAnswer, DigestMismatch, FilmroomError, IncompleteTransfer
from filmroom.net.retry import TransientFailure


class SeriesTransfer:
    """Fetches the body of one series into its partial folder. The caller holds the series' lock."""

    def __init__(
        self, body: Body, place: SeriesPlace, *, stop: threading.Event, on_bytes: Callable[[int], None]
    ) -> None:
        self._body = body
        self._place = place
        self._stop = stop
        self._intake = Intake(place, body.reader, on_bytes, body.check)
        self.resumed_bytes = 0

    def run(self) -> Arrival:
        """Fetch what is missing. Returns the files, all of them on disk and in the body's order.

        :raises FilmroomError: when patience ends; everything that arrived is kept for the next run,
            unless it is what was wrong.
        :raises Stopped: when told to stop.
        """
        try:
            self._intake.resume(self._is_ours)
            self.resumed_bytes = self._intake.reader.position
            self._fetch_patiently()
        except OSError as error:
            raise disk_error(error, self._place.target) from error
        finally:
            self._intake.close()
        return self._intake.arrival

    def _is_ours(self, source: Source) -> bool:
        return (source.server, source.path) == (self._body.root, self._body.path) and bool(source.etag)

    def _fetch_patiently(self) -> None:
        failures = 0
        reached = self._intake.reader.position
        damaged = False
        while True:
            continued = self._intake.reader.position > 0
            try:
                self._fetch()
            except TransientFailure as failure:
                position = self._keep_what_arrived()
                failures = 1 if position > reached else failures + 1
                reached = max(position, reached)
                wait = self._body.policy.wait(failures, failure.retry_after)
                if wait is None or (not failure.connected and failures >= 3):
                    raise _explained(failure.error) from failure
                if self._stop.wait(wait):
                    raise Stopped from None
            except DigestMismatch as error:
                # One file of several: the others are right, and it gets one more chance.
                self._intake.drop_begun()
                if damaged:
                    raise _explained(error) from None
                damaged = True
            except BadAnswer:
                # Bytes of an earlier run may be what is wrong; without them it gets one more chance.
                self._intake.forget()
                if not continued:
                    raise
            else:
                return

    def _keep_what_arrived(self) -> int:
        source = self._intake.arrival.source
        if source is None or source.etag is None:
            self._intake.forget()
        else:
            self._intake.rewind()
        return self._intake.reader.position

    def _fetch(self) -> None:
        intake = self._intake
        with self._body.open(intake.reader.position, intake.arrival.source) as opening:
            if opening.source is not None:
                intake.begin(opening.source)
            for chunk in opening.chunks:
                intake.feed(chunk)
                if self._stop.is_set():
                    raise Stopped
        try:
            intake.reader.close()
        except IncompleteTransfer as error:
            raise TransientFailure(error) from error


def _explained(error: FilmroomError) -> FilmroomError:
    if not error.advice:
        error.advice = "Run the same command again; it goes on where it stopped."
    return error


__all__ = ["Promise", "SeriesRequest", "SeriesTransfer", "Stopped"]
