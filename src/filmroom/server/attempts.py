"""How often a login may be tried: failures within a minute per login and per address; how many at once."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from filmroom.errors import AccessDenied, TooManyAttempts

T = TypeVar("T")

_HASHES_AT_ONCE = 2
_LONGEST_LOGIN = 200
_LOGINS_PER_ADDRESS = 5
"""An institute behind one address has more than one person who mistypes."""


class Attempts:
    """Counts failures in this process; nothing of them is kept.

    :param per_minute: failures of one login after which it must wait; five times as many of one address.
    """

    def __init__(self, per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._login = RateLimitItemPerMinute(per_minute, namespace="login")
        self._address = RateLimitItemPerMinute(per_minute * _LOGINS_PER_ADDRESS, namespace="address")

    def _counted(self, login: str | None, address: str) -> list[tuple[RateLimitItem, str]]:
        by_address: list[tuple[RateLimitItem, str]] = [(self._address, _network(address))]
        return by_address if login is None else [(self._login, login[:_LONGEST_LOGIN]), *by_address]

    def seconds_to_wait(self, login: str | None, address: str) -> int:
        """Return for how many seconds no further attempt is let through; 0: it may be made.

        :param login: None where none is tried.
        """
        waits = [0.0]
        for item, name in self._counted(login, address):
            if not self._limiter.test(item, name):
                waits.append(self._limiter.get_window_stats(item, name).reset_time - time.time())
        longest = max(waits)
        return 0 if len(waits) == 1 else max(1, int(longest) + 1)

    def failed(self, login: str | None, address: str) -> None:
        """Count one failure."""
        for item, name in self._counted(login, address):
            self._limiter.hit(item, name)


class LoginGuard:
    """What every check of a password passes, wherever the password came in.

    :param per_minute: failures of one login after which it must wait.
    """

    def __init__(self, per_minute: int) -> None:
        self._attempts = Attempts(per_minute)
        # Each takes 19 MiB and a core for a while; a third waits.
        self._hashing = anyio.CapacityLimiter(_HASHES_AT_ONCE)

    async def attempt(self, login: str | None, address: str, work: Callable[[], Awaitable[T]]) -> T:
        """Let an attempt through unless too many failed, and count it when it fails.

        :raises AccessDenied: when it fails. :raises TooManyAttempts:
        """
        async with self._hashing:
            # Within the limiter, so that many at once do not slip through before the first has failed.
            wait = self._attempts.seconds_to_wait(login, address)
            if wait:
                raise TooManyAttempts("Too many attempts failed; try again later", seconds=wait)
            try:
                return await work()
            except AccessDenied:
                self._attempts.failed(login, address)
                raise


def _network(address: str) -> str:
    """Return what one customer of a provider holds: an IPv4 address, or 64 bits of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
