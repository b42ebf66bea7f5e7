"""Let text search know what the files say: one file of each series that it does not know yet."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from filmroom.catalog import Catalog
from filmroom.catalog.text_documents import distinct_values
from filmroom.catalog.text_index import Reading, Unread
from filmroom.dicom.text import clean
from filmroom.errors import StoreUnavailable
from filmroom.model.entities import StoredInstance
from filmroom.store.content import ContentReader
from filmroom.upkeep.stored_tags import stored_tags

_LEASE_SECONDS = 600
_STEP_SECONDS = 60
"""After so long, what was read is stored: far from the end of the lease."""


class TextIndexer:
    """Indexes what waits, some series at a time. For one thread."""

    def __init__(self, catalog: Catalog, reader: ContentReader, *, at_once: int = 50) -> None:
        """:param at_once: series of one lease and of one transaction."""
        self._index = catalog.text_index()
        self._reader = reader
        self._worker = secrets.token_hex(16)
        self._at_once = at_once

    def step(self, between: Callable[[], bool] = lambda: True) -> int:
        """Index the next series; return their number, 0 when none waits that nobody is at.

        :param between: called after each file; the step ends early when it returns False.
        :raises StoreUnavailable: when the store does not answer; what was read so far is indexed.
        """
        leased = self._index.lease(self._worker, self._at_once, _LEASE_SECONDS)
        if not leased:
            return 0
        begun, readings = time.monotonic(), dict[int, Reading]()
        try:
            for unread in leased:
                readings[unread.series_key] = self._read(unread)
                if not between() or time.monotonic() - begun > _STEP_SECONDS:
                    break
        finally:
            # Also what stands before an error: it is worth keeping.
            self._index.store(self._worker, [unread.series_key for unread in leased], readings)
        return len(readings)

    def _read(self, unread: Unread) -> Reading:
        if unread.instance is None:
            return Reading()
        try:
            return Reading(list(_values(self._reader, unread.instance)))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one file breaks, the next one can be read
            return Reading(problem=f"{type(error).__name__}: {error}")


def _values(reader: ContentReader, stored: StoredInstance) -> list[str]:
    rows = stored_tags(reader, stored)
    # A tag whose value is not told has dots for one.
    return distinct_values(clean(row.data) for row in rows if row.data and row.data != "...")
