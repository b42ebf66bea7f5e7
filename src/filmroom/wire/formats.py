"""The output formats of tabular operations: which there are, and how rows become bytes and back.

>>> pages = [[{"collection": "TCGA-LUAD"}]]
>>> b"".join(encode(COLLECTION_VALUES, pages, Format.JSON))
b'[{"Collection":"TCGA-LUAD"}]'

An answer without rows is zero bytes without a content type, in every format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from filmroom.errors import UnknownFormat
from filmroom.wire.decode import decode
from filmroom.wire.json_format import Rows, encode_json
from filmroom.wire.text_formats import encode_csv, encode_html, encode_xml
from filmroom.wire.views import COLLECTION_VALUES, View

__all__ = ["COLLECTION_VALUES", "Format", "attachment_name", "decode", "encode", "find_format", "media_type"]


class Format(Enum):
    """Values of the parameter ``format``."""

    JSON = "json"
    CSV = "csv"
    CSV_QUOTED = "csvquoted"
    CSV_DOWNLOAD = "csv-download"
    XML = "xml"
    HTML = "html"


_MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.CSV_QUOTED: "text/csv",
    Format.CSV_DOWNLOAD: "text/csv",
    Format.XML: "application/xml",
    Format.HTML: "text/html",
}


def find_format(text: str | None) -> Format:
    """Return the format that a parameter names, in any case; JSON when it is absent or empty.

    :raises UnknownFormat: for anything else.
    """
    if not text:
        return Format.JSON
    try:
        return Format(text.lower())
    except ValueError:
        raise UnknownFormat("There is no such format.") from None


def media_type(view: View, fmt: Format) -> str:
    """Return the content type of an answer that has rows."""
    if fmt is Format.CSV_DOWNLOAD and view.single:
        return "application/force-download"
    return _MEDIA_TYPES[fmt]


def attachment_name(fmt: Format) -> str | None:
    """Return the file name that the answer proposes, if it does."""
    return "SeriesMetaData.csv" if fmt is Format.CSV_DOWNLOAD else None


def encode(view: View, pages: Iterable[Rows], fmt: Format = Format.JSON) -> Iterator[bytes]:
    """Yield the answer's bytes piece by piece, one piece per page of rows.

    :param pages: rows as mappings from the sources of the view's columns to values.
    """
    if fmt is Format.JSON:
        return encode_json(view, pages)
    if fmt is Format.XML:
        return encode_xml(view, pages)
    if fmt is Format.HTML:
        return encode_html(view, pages)
    return encode_csv(view, pages, quote_single=fmt is Format.CSV_QUOTED)
