"""Rows as NBIA's text formats: CSV, XML and HTML.

In XML and HTML every character of a string that is not a letter, digit, space or one of ``,.-_`` is written
as an entity, as NBIA does; we use numeric ones, which XML knows too. NBIA also undoes percent and entity
escapes inside values first; that changes data (``%2F`` in a URL), so we do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from filmroom.wire.cells import STRING, CellType
from filmroom.wire.views import Column, View

Rows = Sequence[Mapping[str, Any]]
Cell = Callable[[Mapping[str, Any]], str | None]


def _cell(column: Column) -> Cell:
    """Return the function from a row to the column's text, None for NULL."""
    source, write, default = column.source, column.type.form.text, column.default
    fallback = None if default is None else str(default)
    if column.type is CellType.CONSTANT:
        return lambda row: fallback

    def cell(row: Mapping[str, Any]) -> str | None:
        value = row[source]
        text: str | None = fallback if value is None else write(value)
        return text

    return cell


@lru_cache(256)
def _cells(view: View) -> tuple[Cell, ...]:
    return tuple(_cell(column) for column in view.columns)


@lru_cache(256)
def _markup_cells(view: View) -> tuple[Cell, ...]:
    """Like :func:`_cells`, with strings entity-encoded; numbers and timestamps hold nothing to encode."""
    return tuple(
        _encoded(cell) if column.java_class == STRING else cell
        for cell, column in zip(_cells(view), view.columns, strict=True)
    )


def _encoded(cell: Cell) -> Cell:
    def encoded(row: Mapping[str, Any]) -> str | None:
        text = cell(row)
        return None if text is None else entity_encoded(text)

    return encoded


def _quoted(text: str | None) -> str:
    if text is None:
        return '""'
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if '"' in text else f'"{text}"'


def encode_csv(view: View, pages: Iterable[Rows], *, quote_single: bool = False) -> Iterator[bytes]:
    """Yield CSV: a header, then a line per row; nothing at all when there is no row.

    Cells are quoted, except in the value lists, unless ``quote_single``; lines end in LF.
    """
    cells = _cells(view)
    bare = view.single and not quote_single
    header = ",".join(column.name if bare else _quoted(column.name) for column in view.columns) + "\n"
    for page in pages:
        if not page:
            continue
        if bare:
            lines = [f"{cells[0](row) or ''}\n" for row in page]
        else:
            lines = [",".join([_quoted(cell(row)) for cell in cells]) + "\n" for row in page]
        yield (header + "".join(lines)).encode()
        header = ""


_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


class _Entities(dict[int, str]):
    """Character code to its entity, worked out when first met (for ``str.translate``)."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if (character.isascii() and character.isalnum()) or character in " ,.-_":
            entity = character
        elif character in "\t\n\r" or (code > 0x1F and not 0x7F <= code <= 0x9F and code not in _NOT_XML):
            entity = _NAMED.get(character, f"&#x{code:x};")
        else:
            entity = "&#xfffd;"
        self[code] = entity
        return entity


# Characters above U+001F that no XML document may hold (XML 1.0, section 2.2).
_NOT_XML = frozenset((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF))
_entities = _Entities()


def entity_encoded(text: str) -> str:
    """Return text with everything but letters, digits, space and ``,.-_`` as entities."""
    return text.translate(_entities)


_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def xml_name(name: str) -> str:
    """Return a column name as a legal XML name: ``3rd Party Analysis`` is ``_3rd_Party_Analysis``."""
    legal = _NOT_A_NAME.sub("_", name)
    return legal if legal[0].isalpha() or legal[0] == "_" else f"_{legal}"


def encode_xml(view: View, pages: Iterable[Rows]) -> Iterator[bytes]:
    """Yield XML with the Java class of each value; NULL elements are left out."""
    parts = [
        (cell, f"<{xml_name(column.name)} type='{column.java_class}'>", f"</{xml_name(column.name)}>")
        for cell, column in zip(_markup_cells(view), view.columns, strict=True)
    ]
    opening = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Results>'
    begun = False
    for page in pages:
        if not page:
            continue
        pieces = ["" if begun else opening]
        begun = True
        for row in page:
            pieces.append("<Row>")
            pieces += [f"{start}{text}{end}" for cell, start, end in parts if (text := cell(row)) is not None]
            pieces.append("</Row>")
        yield "".join(pieces).encode()
    if begun:
        yield b"</Results>"


def encode_html(view: View, pages: Iterable[Rows]) -> Iterator[bytes]:
    """Yield one HTML table; NULL is a no-break space."""
    cells = _markup_cells(view)
    heads = "".join(f"<TH>{entity_encoded(column.name)}</TH>" for column in view.columns)
    opening = f"<P ALIGN='center'><TABLE BORDER=1><TR>{heads}</TR>"
    begun = False
    for page in pages:
        if not page:
            continue
        pieces = ["" if begun else opening]
        begun = True
        for row in page:
            texts = [cell(row) for cell in cells]
            row_cells = "".join(f"<TD>{'&nbsp;' if text is None else text}</TD>" for text in texts)
            pieces.append(f"<TR>{row_cells}</TR>")
        yield "".join(pieces).encode()
    if begun:
        yield b"</TABLE></P>"
