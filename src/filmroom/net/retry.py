"""Whether and when to try again.

Sources: RFC 9110 section 9.2.2 (safe methods may be repeated), 10.2.3 (Retry-After), RFC 6585 section 4
(429). Waiting times grow exponentially with full jitter, so that clients that failed together do not
come back together.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from filmroom.errors import FilmroomError

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses that say "not now": too many requests, bad gateway, unavailable, gateway time-out."""
_NO_ANSWER_ATTEMPTS = 2  # nobody there at all is told soon; a server that was there gets more patience


class TransientFailure(Exception):
    """Something that may be better in a moment; ``error`` is what to raise when patience ends.

    ``retry_after`` is what the server asked for in seconds; ``connected`` says whether it was there.
    """

    def __init__(
        self, error: FilmroomError, *, retry_after: float | None = None, connected: bool = True
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.connected = connected


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient to be.

    ``attempts`` counts the first one; ``first_wait`` and ``longest_wait`` are seconds. ``longest_wait``
    also caps what a server may ask for in ``Retry-After``.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(
        self, failures: int, retry_after: float | None = None, chance: Callable[[], float] = random.random
    ) -> float | None:
        """Return the seconds to wait after the ``failures``-th failure in a row, None to give up."""
        if failures >= self.attempts:
            return None
        ceiling = min(self.longest_wait, self.first_wait * 2.0 ** (failures - 1))
        jittered = ceiling * (0.5 + 0.5 * chance())
        if retry_after is None:
            return jittered
        return min(self.longest_wait, max(retry_after, jittered))


class Patience:
    """What is left of a policy's patience while one thing is tried."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def wait(self, failure: TransientFailure) -> float:
        """Return the seconds to wait before the next attempt. :raises FilmroomError: when patience ends."""
        self._failures += 1
        wait = self._policy.wait(self._failures, failure.retry_after)
        if wait is None or (not failure.connected and self._failures >= _NO_ANSWER_ATTEMPTS):
            raise failure.error from failure
        return wait


def retry_after_seconds(value: str | None, now: dt.datetime | None = None) -> float | None:
    """Return what a ``Retry-After`` header asks for in seconds; None where it asks for nothing legible."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max(0.0, (when - (now or dt.datetime.now(dt.UTC))).total_seconds())
