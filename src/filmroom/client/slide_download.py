"""Whole-slide images to the disk: one file each, continued if interrupted, compared, then put in place."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filmroom.client.crew import Crew
from filmroom.client.layout import check_space, disk_error, held, writing
from filmroom.client.mending import md5_of
from filmroom.client.report import DownloadReport, Meter, Progress, SeriesResult, Status
from filmroom.client.slide_places import SlidePlace, SlideReceipt, has_file, place_slides
from filmroom.client.sources.base import RemoteFile, origin_of
from filmroom.client.sources.files import FilesBody, FileService
from filmroom.client.transfer import SeriesTransfer
from filmroom.errors import BadAnswer, FilmroomError, InvalidInput, NotFound, ServerUnreachable, TransferError
from filmroom.model.slides import ListedSlide


@dataclass(frozen=True, slots=True)
class SlideResult(SeriesResult):
    """What became of one slide: ``path`` is its file, ``md5`` (hex) that of what is there now.

    ``series_instance_uid`` is a UID made from its address, as of other files that are no DICOM.
    """

    slide: ListedSlide | None = None
    md5: str | None = None


class SlideDownload:
    """One call of ``client.download_slides``; the parameters are told there.

    :param service: gives the files. :param by_collection: see :func:`place_slides`.
    :raises InvalidInput: when there would be no worker.
    """

    def __init__(
        self,
        service: FileService,
        target: Path,
        *,
        workers: int,
        by_collection: bool = True,
        overwrite: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        if workers < 1:
            raise InvalidInput("A download needs at least one worker.")
        self._service = service
        self._target = target
        self._workers = workers
        self._by_collection = by_collection
        self._overwrite = overwrite
        self._meter = Meter(progress)
        self._stop = stop or threading.Event()

    def plan(self, slides: Sequence[ListedSlide]) -> list[SlidePlace]:
        """Return where the slides go."""
        return place_slides(slides, self._target, by_collection=self._by_collection)

    def is_there(self, place: SlidePlace) -> bool:
        """Whether a slide was fetched before, is as it was, and as the server lists it."""
        receipt = place.receipt
        return (
            not self._overwrite
            and receipt is not None
            and receipt.is_of(place.slide)
            and receipt.is_unchanged(self._target)
        )

    def run(self, slides: Sequence[ListedSlide]) -> DownloadReport:
        """Fetch the slides. Failures of single slides are in the report.

        :raises StoreFull: when the disk cannot hold them. :raises StoreError: when it cannot be written.
        """
        nowhere = [_failed(slide) for slide in slides if not has_file(slide)]
        return self.fetch(self.plan(slides), nowhere)

    def fetch(self, places: Sequence[SlidePlace], failed: Sequence[SlideResult] = ()) -> DownloadReport:
        """Fetch slides to their places; see :meth:`run`. :param failed: what is known to fail."""
        began = time.monotonic()
        with writing(self._target):
            self._target.mkdir(parents=True, exist_ok=True)
        new = [place for place in places if not self.is_there(place)]
        check_space(self._target, sum(place.slide.size or 0 for place in new))
        self._meter.series_total = len(places)
        self._meter.bytes_total = sum(place.slide.size or 0 for place in places)
        results = Crew(self._one, self._workers, self._stop).run(places)
        return DownloadReport((*results, *failed), time.monotonic() - began)

    def _one(self, place: SlidePlace) -> SlideResult:
        try:
            if place.receipt is not None and self.is_there(place):
                result = _result(place, place.receipt, "skipped")
            else:
                with held(place.state):
                    result = self._fetched(place)
        except FilmroomError as error:
            result = _failed(place.slide, place, error)
        except OSError as error:
            result = _failed(place.slide, place, disk_error(error, self._target))
        self._meter.ended(result)
        return result

    def _fetched(self, place: SlidePlace) -> SlideResult:
        file = self._told(place)
        if not self._overwrite and (there := _as_told(place.file, file)):
            shutil.rmtree(place.state.partial, ignore_errors=True)
            return _result(place, self._noted(place, there), "skipped")
        body = FilesBody(
            origin_of(place.url),
            place.key,
            [file],
            self._service.get,
            policy=self._service.policy,
            identified=False,
            archived=False,
        )
        transfer = SeriesTransfer(
            body, place.state, stop=self._stop, on_bytes=lambda count: self._meter.count(place.key, count)
        )
        arrival = transfer.run()
        try:
            body.deliver(place.state, arrival)
        except TransferError as error:
            if not isinstance(error, ServerUnreachable):
                shutil.rmtree(place.state.partial)  # whole, and wrong: the next run begins anew
            raise
        place.file.parent.mkdir(parents=True, exist_ok=True)
        (place.state.files / file.name).replace(place.file)
        receipt = self._noted(place, arrival.arrived[0].md5)
        shutil.rmtree(place.state.partial)
        return replace(_result(place, receipt, "ok"), resumed_bytes=transfer.resumed_bytes)

    def _told(self, place: SlidePlace) -> RemoteFile:
        """Return what list and server tell of the file. :raises BadAnswer: when they disagree."""
        file = self._service.files([place.url])[0]
        slide = place.slide
        if slide.size is not None and file.size not in {None, slide.size}:
            raise BadAnswer(f"{file.name} has {file.size} bytes and is listed with {slide.size}.")
        listed = {"md5": slide.md5} if slide.md5 else {}
        size = slide.size if file.size is None else file.size
        return replace(file, name=place.file.name, size=size, checksums={**dict(file.checksums), **listed})

    def _noted(self, place: SlidePlace, md5: str) -> SlideReceipt:
        stat = place.file.stat()
        address = place.url.partition("?")[0]  # what signs it is not kept in a folder that may be passed on
        receipt = SlideReceipt(address, place.relative, stat.st_size, md5, stat.st_mtime_ns)
        place.note(receipt)
        return receipt


def _as_told(path: Path, file: RemoteFile) -> str | None:
    """Return the MD5 of what lies at the place of a file, if it has the size and MD5 that are told of that.

    What another program left there is compared, not believed.
    """
    with contextlib.suppress(OSError):
        if file.size is not None and path.stat().st_size == file.size:
            md5 = md5_of(path)
            if file.checksums.get("md5") in {None, md5}:
                return md5
    return None


def _result(place: SlidePlace, receipt: SlideReceipt, status: Status) -> SlideResult:
    return SlideResult(place.key, status, place.file, 1, receipt.size, slide=place.slide, md5=receipt.md5)


def _failed(
    slide: ListedSlide, place: SlidePlace | None = None, error: FilmroomError | None = None
) -> SlideResult:
    if place is None:
        reason = NotFound(f"The server tells no address of a file of slide {slide.id}.")
        return SlideResult(str(slide.id), "failed", Path(), error=reason, slide=slide)
    return SlideResult(place.key, "failed", place.file, error=error, slide=slide)
