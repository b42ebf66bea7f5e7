"""Sentences that several groups of operations say, word for word as clients know them."""

from __future__ import annotations

NOT_GRANTED = (
    "The user has not been granted the access to image with given SeriesInstanceUID,{uid}. "
    "Please contact System Admin to resolve this issue."
)
"""Of a series that is unknown, hidden or denied, outside version 1."""
