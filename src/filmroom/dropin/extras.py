"""Packages that a call may need and an import does not: brought in when they are used."""

from __future__ import annotations

from typing import Any

from filmroom.client.extras import bring


def pandas() -> Any:
    """Return pandas. :raises MissingExtra: when it is not installed; the error says how to."""
    return bring("pandas", "dataframe", "A data frame")


def plotly_express() -> Any:
    """Return plotly's express module. :raises MissingExtra: when it is not installed."""
    return bring("plotly.express", "plot", "A chart")


def plotly_objects() -> Any:
    """Return plotly's module of graph objects. :raises MissingExtra: when it is not installed."""
    return bring("plotly.graph_objects", "plot", "A chart")
