"""How a row is written as JSON text, told so that the catalogue can have its database write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CellKind = Literal["constant", "text", "integer", "number", "flag", "flag_text", "timestamp", "us_date"]
"""How a value is written.

``number``: without a fraction where it has none. ``flag``: true or false; ``flag_text``: the same in quotes.
``timestamp``: ``yyyy-MM-dd HH:mm:ss.S``, more digits where they are not zero. ``us_date``: ``MM-dd-yyyy``.
"""


@dataclass(frozen=True, slots=True)
class CellText:
    """One member of an object; it is left out where the value is NULL.

    :ivar opening: the name with its colon; the whole member where the kind is ``constant``.
    :ivar source: the column of the catalogue.
    """

    opening: str
    source: str
    kind: CellKind


RowText = tuple[CellText, ...]
"""The members of an object in order; the first one is never left out."""
