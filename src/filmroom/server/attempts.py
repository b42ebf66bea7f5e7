"""How often a login may be tried: failures per login and per address, within a minute."""

from __future__ import annotations

import ipaddress
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

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


def _network(address: str) -> str:
    """Return what one customer of a provider holds: an IPv4 address, or 64 bits of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
