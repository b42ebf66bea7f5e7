"""Simple search reads its copy of the catalogue while the server starts, not when the first person asks."""

from __future__ import annotations

import threading

from filmroom.catalog.simple_search import Searches
from filmroom.errors import FilmroomError
from filmroom.server.logs import get_logger

_log = get_logger("filmroom.search")
_CLOSING_SECONDS = 10.0


class SearchPreparation:
    """One thread that prepares and ends."""

    def __init__(self, searches: Searches) -> None:
        self._searches = searches
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="filmroom-search", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        self._searches.close()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        try:
            self._searches.prepare()
        except FilmroomError as error:
            # The first search reads for itself, and tells its caller what is wrong.
            if not self._closing.is_set():
                _log.warning("simple search is not prepared", error=str(error))
