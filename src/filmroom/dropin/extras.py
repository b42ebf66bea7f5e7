"""Packages that a call may need and an import does not: brought in when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from filmroom.errors import MissingExtra


def pandas() -> Any:
    """Return pandas. :raises MissingExtra: when it is not installed; the error says how to."""
    return _brought("pandas", "dataframe", "A data frame")


def plotly_express() -> Any:
    """Return plotly's express module. :raises MissingExtra: when it is not installed."""
    return _brought("plotly.express", "plot", "A chart")


def _brought(module: str, extra: str, purpose: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtra(extra, purpose) from None
