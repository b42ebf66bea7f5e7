"""One series from the server to the disk: streamed, split, hashed, continued after interruptions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from filmroom.client.connection import Connection, TransientFailure
from filmroom.client.intake import Intake
from filmroom.client.journal import Arrival, Source
from filmroom.client.layout import SeriesPlace, disk_error
from filmroom.client.zip_stream import ZipLimits
from filmroom.errors import BadAnswer, FilmroomError, IncompleteTransfer
from filmroom.net.ranges import continuation_headers, continues, parse_content_range, strong_etag

_BESIDE_IMAGES = 16 << 20  # bytes allowed for LICENSE and the list of digests, plus the list's lines
_LIST_LINE = 256
_GATHERED = 256 * 1024  # bytes handled at once
_HELD_BACK = 0.2  # seconds that bytes wait for more at most


class Stopped(Exception):
    """The download was told to stop; what arrived is kept."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the server says a series consists of: number of objects and their bytes."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """How a series is asked for: path below the server's root, and parameters."""

    path: str
    params: Mapping[str, str]


class SeriesTransfer:
    """Fetches the archive of one series into its partial folder. The caller holds the series' lock."""

    def __init__(
        self,
        connection: Connection,
        request: SeriesRequest,
        place: SeriesPlace,
        promise: Promise,
        *,
        stop: threading.Event,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self._request = request
        self._place = place
        self._stop = stop
        limits = ZipLimits(promise.count + 8, promise.bytes + _BESIDE_IMAGES + _LIST_LINE * promise.count)
        self._intake = Intake(place, limits, on_bytes)
        self.resumed_bytes = 0

    def run(self) -> Arrival:
        """Fetch what is missing. Returns the members, all of them on disk and in the archive's order.

        :raises FilmroomError: when patience ends; everything that arrived is kept for the next run,
            unless it is what was wrong.
        :raises Stopped: when told to stop.
        """
        try:
            self._intake.resume(self._is_ours)
            self.resumed_bytes = self._intake.stream.position
            self._fetch_patiently()
        except OSError as error:
            raise disk_error(error, self._place.target) from error
        finally:
            self._intake.close()
        return self._intake.arrival

    def _is_ours(self, source: Source) -> bool:
        return (source.server, source.path) == (self._connection.root, self._request.path) and bool(
            source.etag
        )

    def _fetch_patiently(self) -> None:
        failures = 0
        reached = self._intake.stream.position
        while True:
            continued = self._intake.stream.position > 0
            try:
                self._fetch()
            except TransientFailure as failure:
                position = self._keep_what_arrived()
                failures = 1 if position > reached else failures + 1
                reached = max(position, reached)
                wait = self._connection.policy.wait(failures, failure.retry_after)
                if wait is None or (not failure.connected and failures >= 3):
                    raise _explained(failure.error) from failure
                if self._stop.wait(wait):
                    raise Stopped from None
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
        return self._intake.stream.position

    def _fetch(self) -> None:
        intake = self._intake
        source, offset = intake.arrival.source, intake.stream.position
        headers = {"Accept-Encoding": "identity"}
        if offset and source is not None and source.etag is not None:
            headers |= continuation_headers(offset, source.etag)
        with self._connection.stream(
            self._request.path, self._request.params, headers, denial=True
        ) as response:
            if response.status_code == 204:
                raise BadAnswer(f"{self._connection.root} sent no archive (status 204).")
            if not (
                offset
                and source is not None
                and source.etag is not None
                and continues(
                    response.status_code,
                    response.headers,
                    offset=offset,
                    etag=source.etag,
                    total=source.total,
                )
            ):
                intake.begin(self._source_of(response.status_code, response.headers))
            for chunk in _gathered(response.iter_raw()):
                intake.feed(chunk)
                if self._stop.is_set():
                    raise Stopped
        try:
            intake.stream.close()
        except IncompleteTransfer as error:
            raise TransientFailure(error) from error

    def _source_of(self, status: int, headers: Mapping[str, str]) -> Source:
        if status == 206:
            part = parse_content_range(headers.get("content-range", ""))
            raise BadAnswer(f"The server sent bytes from {part.start} where the whole was asked for.")
        if headers.get("content-encoding", "identity").lower() not in {"", "identity"}:
            raise BadAnswer("The server packed the archive once more, which it was told not to.")
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "text/html":
            raise BadAnswer(
                f"{self._connection.root} answered with a web page instead of an archive.",
                advice="It may be under maintenance. Run the same command again later.",
            )
        length = headers.get("content-length", "")
        return Source(
            self._connection.root,
            self._request.path,
            strong_etag(headers.get("etag")),
            int(length) if length.isascii() and length.isdigit() else None,
        )


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces of a body: threads then hand the interpreter over less often.

    What came before an error is handed out before the error, and slow bodies are not held back.
    """
    pieces: list[bytes] = []
    size, since = 0, time.monotonic()
    try:
        for chunk in chunks:
            pieces.append(chunk)
            size += len(chunk)
            now = time.monotonic()
            if size >= _GATHERED or now - since >= _HELD_BACK:
                yield b"".join(pieces)
                pieces, size, since = [], 0, now
    except Exception:
        if pieces:
            yield b"".join(pieces)
        raise
    if pieces:
        yield b"".join(pieces)


def _explained(error: FilmroomError) -> FilmroomError:
    if not error.advice:
        error.advice = "Run the same command again; it goes on where it stopped."
    return error
