"""Filmroom: an archive for cancer images that speaks NBIA, and the client for it and for TCIA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filmroom.client import Client

__version__ = "0.1.0"
__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the client on first use, so that ``import filmroom`` stays instant."""
    if name == "Client":
        from filmroom.client import Client

        return Client
    raise AttributeError(f"module 'filmroom' has no attribute {name!r}")
