"""Which hosts are not in the public Internet, so that nobody has the server ask them in his stead."""

from __future__ import annotations

import ipaddress
import socket


def internal_address(host: str, port: int) -> str | None:
    """Return an address of a host that leads into this machine or an internal network.

    None when all of them are public, or when nobody knows the host.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not address.is_global or address.is_multicast:
            return str(address)
    return None
