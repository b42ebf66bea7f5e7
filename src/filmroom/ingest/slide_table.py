"""What a person knows of slides, from a CSV file."""

from __future__ import annotations

from pathlib import Path

from filmroom.errors import InvalidInput
from filmroom.ingest.csv_table import Cells, read_table
from filmroom.model.slides import SlideDescription

COLUMNS = ("name", "subject_id", "image_id", "stain")
_LONGEST = {"subject_id": 64, "image_id": 200, "stain": 64}


def read_slide_table(path: Path) -> list[SlideDescription]:
    """Read a CSV file with the header of :data:`COLUMNS`; only ``name`` is required.

    :raises InvalidInput: see :func:`filmroom.ingest.csv_table.read_table`.
    """
    return read_table(path, COLUMNS, _description, lambda row: row.name)


def _description(cells: Cells) -> SlideDescription:
    if not cells["name"]:
        raise InvalidInput("The name of the slide is missing.")
    for column, most in _LONGEST.items():
        text = cells.get(column, "")
        if len(text) > most or not text.isprintable():
            raise InvalidInput(f"{column} has at most {most} printable characters: {text[:200]!r}.")
    return SlideDescription(cells["name"], **{column: cells.get(column) or None for column in _LONGEST})
