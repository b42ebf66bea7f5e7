"""How DataCite wants to be asked: who asks, not too much at once, and with patience.

Source: DataCite's documentation of rate limits: 500 requests in five minutes of one address, 1,000 of one
that names a mailbox; 429 beyond that.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from filmroom import __version__, settings
from filmroom.errors import InvalidInput
from filmroom.net.retry import RetryPolicy

PUBLIC_SERVICE = "https://api.datacite.org"
PATIENCE = RetryPolicy(attempts=6, first_wait=10.0, longest_wait=300.0)
"""Patience with the public service; its waits are long."""

_AT_ONCE = 4
_PER_SECOND = 2.0
_MAILBOX = re.compile(r"[^\s<>\"(),;:@\x00-\x1f]+@[^\s<>\"(),;:@\x00-\x1f]+")


def is_datacite(root: str) -> bool:
    """Whether an address is that of DataCite's own services."""
    host = urlsplit(root).hostname or ""
    return host == "datacite.org" or host.endswith(".datacite.org")


def user_agent(contact: str | None) -> str:
    """Return who asks.

    :param contact: a mailbox; default: the setting ``contact``.
    :raises InvalidInput: when it is no mailbox.
    """
    mailbox = (settings.get("contact") if contact is None else contact).strip()
    if mailbox and not (mailbox.isascii() and _MAILBOX.fullmatch(mailbox)):
        raise InvalidInput(f"Not an e-mail address: {mailbox[:80]!r}.")
    return f"filmroom/{__version__}" + (f" (mailto:{mailbox})" if mailbox else "")


class Turns:
    """Lets requests begin one after another: so many at once, so many in a second.

    :param per_second: None for no limit.
    """

    def __init__(
        self,
        per_second: float | None = _PER_SECOND,
        at_once: int = _AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._apart = 1 / per_second if per_second else 0.0
        self._places = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._next = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and hold it."""
        with self._places:
            time.sleep(self._wait())
            yield

    def _wait(self) -> float:
        if not self._apart:
            return 0.0
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._apart
            return start - now
