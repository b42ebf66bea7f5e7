"""An ingest outlives a database that restarts: what it asks meanwhile is asked again, for a minute."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from filmroom.errors import CatalogUnreachable

_log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0


def patiently(work: Callable[[], T], again: Callable[[], T] | None = None) -> T:
    """Do something with the catalogue; where the database is away, do it again until it is back.

    :param again: what to do after a failure, where that is not the same: a transaction whose end nobody
        heard of may have been committed.
    :raises CatalogUnreachable: when the database stays away for a minute.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    wait, told = _FIRST_WAIT, False
    while True:
        try:
            return work()
        except CatalogUnreachable as error:
            if time.monotonic() >= deadline:
                raise
            if not told:
                _log.warning("%s Trying again for up to a minute.", error)
                told = True
        work = again or work
        # Several processes lost it together; they need not come back together.
        time.sleep(wait * (0.5 + random.random() / 2))
        wait = min(2 * wait, _LONGEST_WAIT)
