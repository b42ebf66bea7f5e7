"""Filmroom: an archive for cancer images that speaks NBIA, and the client for it and for TCIA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filmroom import datacite, idc, nbia, nbia_v4, pathdb, utils, wordpress
    from filmroom.client import AsyncClient, Client

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Client",
    "__version__",
    "datacite",
    "idc",
    "nbia",
    "nbia_v4",
    "pathdb",
    "utils",
    "wordpress",
]
_MODULES = frozenset({"datacite", "idc", "nbia", "nbia_v4", "pathdb", "utils", "wordpress"})


def __getattr__(name: str) -> Any:
    """Load the client, or a drop-in module, on first use, so that ``import filmroom`` stays instant."""
    if name in {"AsyncClient", "Client"}:
        from filmroom import client

        return getattr(client, name)
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"filmroom.{name}")
    raise AttributeError(f"module 'filmroom' has no attribute {name!r}")
