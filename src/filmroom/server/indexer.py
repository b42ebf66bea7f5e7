"""Text search learns what new files say while the server runs, in a thread that gives way to requests."""

from __future__ import annotations

import threading
import time

from filmroom.catalog import Catalog
from filmroom.server.logs import get_logger
from filmroom.store.content import ContentReader
from filmroom.upkeep.text_indexing import TextIndexer

_log = get_logger("filmroom.indexer")
_IDLE_SECONDS = 5.0
_LONGEST_PAUSE = 300.0
_CLOSING_SECONDS = 10.0


class BackgroundIndexer:
    """Works off what waits to be indexed, at most half of the time."""

    def __init__(self, catalog: Catalog, reader: ContentReader, *, idle: float = _IDLE_SECONDS) -> None:
        """:param idle: seconds after which it looks for work again when there was none."""
        self._indexer = TextIndexer(catalog, reader)
        self._idle = idle
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="filmroom-indexer", daemon=True)
        self._since = 0.0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the file that is being read; what was read is kept, the rest is given back."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        pause = self._idle
        while not self._closing.is_set():
            self._since = time.monotonic()
            try:
                done = self._indexer.step(self._give_way)
            except Exception as error:  # noqa: BLE001 - whatever database and store say, it goes on later
                _log.error("indexing is put off", seconds=pause, error=repr(error))
                self._closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = self._idle
            if not done:
                self._closing.wait(self._idle)

    def _give_way(self) -> bool:
        """Rest for as long as the last file took; return whether to go on."""
        self._closing.wait(time.monotonic() - self._since)
        self._since = time.monotonic()
        return not self._closing.is_set()
