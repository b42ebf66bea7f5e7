"""Views told so that the catalogue can have its database write their rows as our JSON."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from filmroom.model.row_text import CellKind, CellText, RowText
from filmroom.wire.cells import CellType
from filmroom.wire.views import Column, View

_KINDS: dict[CellType, CellKind] = {
    CellType.TEXT: "text",
    CellType.INTEGER: "integer",
    CellType.DECIMAL: "number",
    CellType.BOOLEAN: "flag",
    CellType.BOOLEAN_TEXT: "flag_text",
    CellType.TIMESTAMP: "timestamp",
    CellType.US_DATE: "us_date",
}


@lru_cache(64)
def row_text(view: View) -> RowText | None:
    """Return how rows of a view are written, None where it has what only we can write."""
    cells = [_cell_text(column) for column in view.columns]
    if view.nulls or any(cell is None for cell in cells):
        return None
    return tuple(cell for cell in cells if cell is not None)


def _cell_text(column: Column) -> CellText | None:
    opening = msgspec.json.encode(column.name).decode() + ":"
    if column.type is CellType.CONSTANT:
        return CellText(opening + msgspec.json.encode(column.default).decode(), "", "constant")
    kind = _KINDS.get(column.type)
    if kind is None or column.default is not None or column.items is not None:
        return None
    return CellText(opening, column.source, kind)
