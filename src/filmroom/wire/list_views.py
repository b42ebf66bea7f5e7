"""The column lists of shared lists. Source: NBIA API guides."""

from __future__ import annotations

from dataclasses import replace

from filmroom.wire.views import SERIES_BRIEF, View

LIST_CONTENTS = View(
    "list-contents",
    tuple(
        replace(column, name="Date Released") if column.name == "DateReleased" else column
        for column in SERIES_BRIEF.columns
    ),
)
