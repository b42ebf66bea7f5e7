"""Packages that a call may need and an import does not: brought in when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from filmroom.errors import MissingExtra


def bring(module: str, extra: str, purpose: str) -> Any:
    """Return a module. :raises MissingExtra: when it is not installed; the error says how to."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtra(extra, purpose) from None
