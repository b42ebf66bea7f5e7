"""From what a person types to the root of a server."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from filmroom.errors import InvalidInput

# Everything that people append to a server's root when they copy an address (API guide, clients in use).
_API_TAIL = re.compile(r"/(?:nbia-api(?:/services)?(?:/v[0-9]+)?|nbia-download(?:/servlet.*)?)/?$")


def server_root(text: str) -> str:
    """Return the root of a server, such as ``https://nbia.cancerimagingarchive.net``.

    A missing scheme becomes ``https``, or ``http`` for this machine. ``/nbia-api``, ``/services`` and a
    version at the end are dropped; a path in front of them is kept (a proxy may serve below one).

    :raises InvalidInput: for anything that is not such an address, or that carries a user name or
        password, a query or a fragment.
    """
    trimmed = text.strip()
    if "://" not in trimmed:
        trimmed = f"{'http' if _is_this_machine(trimmed) else 'https'}://{trimmed}"
    try:
        parts = urlsplit(trimmed)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\s\x00-\x20\x7f]", trimmed):
        raise InvalidInput(
            f"Not a server address: {_without_login(text)!r}.",
            advice="Give something like http://127.0.0.1:8080 or https://nbia.cancerimagingarchive.net.",
        )
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("A server address must not hold a user name or password.")
    if parts.query or parts.fragment:
        raise InvalidInput(f"A server address has neither a query nor a fragment: {text!r}.")
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    path = _API_TAIL.sub("", parts.path.rstrip("/"))
    return f"{parts.scheme}://{netloc}{path}".rstrip("/")


def is_private(url: str) -> bool:
    """Whether what is sent there can be read by nobody on the way: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_this_machine(text: str) -> bool:
    host = text.split("/", 1)[0]
    host = host[1 : host.index("]")] if host.startswith("[") and "]" in host else host.rsplit(":", 1)[0]
    return _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_login(text: str) -> str:
    return re.sub(r"[^/@]*@", "", text)
