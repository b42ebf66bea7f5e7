"""Rows as an HTML table for a notebook, with links to the viewer of the Imaging Data Commons."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from filmroom.client.layout import is_uid

VIEWER = "https://viewer.imaging.datacommons.cancer.gov/v3/viewer/"

Row = Mapping[Any, Any]


class HtmlTable:
    """A table that a notebook shows; ``data`` is its text, as IPython's ``HTML`` has it."""

    def __init__(self, data: str) -> None:
        self.data = data

    def _repr_html_(self) -> str:
        return self.data

    def __repr__(self) -> str:
        return f"<HtmlTable of {len(self.data)} characters>"


def html_table(rows: Sequence[Row], columns: Sequence[Any] | None = None) -> HtmlTable:
    """Return a table of rows. Values come from DICOM files: they are escaped, and only UIDs become links."""
    names = (
        list(columns) if columns is not None else list(dict.fromkeys(name for row in rows for name in row))
    )
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in names)
    lines = ["".join(f"<td>{_cell(row, name)}</td>" for name in names) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return HtmlTable(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def study_link(study: str) -> str:
    """Return the viewer's address of a study."""
    return f"{VIEWER}?{urlencode({'StudyInstanceUIDs': study})}"


def series_link(study: str, series: str) -> str:
    """Return the viewer's address of a series."""
    return f"{VIEWER}?{urlencode({'StudyInstanceUIDs': study, 'SeriesInstanceUIDs': series})}"


def _cell(row: Row, name: Any) -> str:
    value = row.get(name)
    text = "" if value is None else str(value)
    study = str(row.get("StudyInstanceUID") or "")
    if is_uid(study) and is_uid(text):
        if name == "StudyInstanceUID":
            return _link(study_link(study), text)
        if name == "SeriesInstanceUID":
            return _link(series_link(study, text), text)
    return html.escape(text)


def _link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address)}" target="_blank">{html.escape(text)}</a>'
