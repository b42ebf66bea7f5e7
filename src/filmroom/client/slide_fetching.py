"""Whole-slide images of a client's server, brought to the disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from filmroom.client.report import DownloadReport, Progress
from filmroom.client.slide_download import SlideDownload
from filmroom.client.snapshot.answers import Snapshot
from filmroom.client.sources.choose import Sources
from filmroom.errors import InvalidInput, NotOffline
from filmroom.model.slides import ListedSlide


class SlideFetching:
    """What a client fetches of slides."""

    sources: Sources
    snapshot: Snapshot | None
    workers: int

    def download_slides(
        self,
        slides: ListedSlide | Iterable[ListedSlide],
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        overwrite: bool = False,
        stop: threading.Event | None = None,
    ) -> DownloadReport:
        """Fetch slides to ``<path>/<collection>/<file name>``, each checked before it appears there.

        What is there and whole is skipped; what an earlier call left unfinished is continued. Compared are
        the size, and the MD5 or SHA-256 where the server tells them, as Filmroom does. Slides of one name
        in one collection are kept apart by a folder of their own.

        :param slides: a record of :meth:`slides`, or many. :param overwrite: fetch also what is there.
        :param progress: called with a :class:`Progress`, from other threads, one call at a time.
        :param stop: set it from another thread to end soon; what arrived is kept for the next call.
        :return: what became of each slide (:class:`~filmroom.client.slide_download.SlideResult`). A slide
            that fails does not stop the others; see :meth:`DownloadReport.raise_for_failures`.
        :raises InvalidInput: for something that is no slide.
        :raises StoreFull, StoreError: when the disk is too small or cannot be written.
        :raises Stopped: when ``stop`` was set.
        :raises NotOffline: when this client answers from a snapshot.
        """
        if self.snapshot is not None:
            raise NotOffline("Files come from the server alone.", advice="Leave snapshot= out.")
        many = [slides] if isinstance(slides, ListedSlide) else list(slides)
        for each in many:
            if not isinstance(each, ListedSlide):
                raise InvalidInput(f"No slide: {each!r:.80}.", advice="Give records of slides().")
        download = SlideDownload(
            self.sources.listed,
            Path(path).expanduser(),
            workers=self.workers if workers is None else workers,
            overwrite=overwrite,
            progress=progress,
            stop=stop,
        )
        return download.run(many)
