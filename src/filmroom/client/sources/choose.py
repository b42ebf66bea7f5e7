"""Which source a series comes from."""

from __future__ import annotations

from filmroom.client.sources.archive import Archive, ServerSource
from filmroom.client.sources.base import RemoteSeries, SeriesSource
from filmroom.model.entities import Series


class Sources:
    """The sources of one client."""

    def __init__(self, archive: Archive) -> None:
        self._server = ServerSource(archive)

    def of(self, series: str | Series | RemoteSeries) -> SeriesSource:
        """Return where a series comes from. :raises FilmroomError: when it cannot be had."""
        return self._server
