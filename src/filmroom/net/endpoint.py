"""One server and how it is spoken to: its address, who asks, with how much patience, by which way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from filmroom import __version__, settings
from filmroom.net.address import server_root
from filmroom.net.login import Login
from filmroom.net.request_log import keep_secrets
from filmroom.net.retry import RetryPolicy

AS_GUEST = {"Authorization": "Bearer undefined"}
"""What to send where a token is wanted and there is none: NBIA takes it for the guest's."""
_READ_AT_ONCE = 256 * 1024  # bytes; more, and the allocator gives each piece back to the kernel


def chosen_root(base_url: str | None) -> str:
    """Return the root of a server; by default of the setting ``server``, else of the public TCIA service.

    :raises InvalidInput: when it is no server's address.
    """
    return server_root(base_url or settings.get("server") or settings.TCIA_SERVER)


class Endpoint:
    """What connections to a server have in common, whether they block or wait.

    :param base_url: what :func:`filmroom.net.address.server_root` understands; default: the setting
        ``server``, else the public TCIA service.
    :param connections: how many are kept open.
    :param timeout: seconds without a single byte after which a connection is given up.
    :param login: with ``password``, or ``token`` alone: who asks; see :class:`~filmroom.net.login.Login`.
    :param proxies: address of a proxy by scheme (``http``, ``https``); default: those of the environment.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        connections: int = 8,
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self.root = chosen_root(base_url)
        self.timeout = timeout
        self.policy = policy or RetryPolicy()
        anonymous = login is None and password is None and token is None
        self.login = None if anonymous else Login(self.root, login=login, password=password, token=token)
        self.connections = connections
        self.proxies = dict(proxies or {})

    @property
    def has_login(self) -> bool:
        """Whether it asks as somebody."""
        return self.login is not None

    def pool_options(self, transport: Callable[..., Any], *, most: int | None) -> dict[str, Any]:
        """Return what a client of the HTTP library is made with.

        :param transport: its class of transports. :param most: connections at once, None for any number.
        """
        import httpcore2
        import httpx2

        keep_secrets()
        # In pieces of 64 KiB, as httpcore reads, a body costs four times the CPU.
        httpcore2.HTTP11Connection.READ_NUM_BYTES = _READ_AT_ONCE
        httpcore2.AsyncHTTP11Connection.READ_NUM_BYTES = _READ_AT_ONCE
        limits = httpx2.Limits(max_connections=most, max_keepalive_connections=self.connections + 2)
        return {
            "timeout": httpx2.Timeout(self.timeout, connect=min(15.0, self.timeout), pool=None),
            "limits": limits,
            "mounts": {
                f"{scheme}://": transport(proxy=address, limits=limits)
                for scheme, address in self.proxies.items()
            },
            "headers": {"User-Agent": f"filmroom/{__version__}"},
            "follow_redirects": True,
        }
