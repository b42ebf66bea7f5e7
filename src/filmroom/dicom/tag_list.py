"""The attributes of one object as a flat list of rows, in the form of NBIA's ``getDicomTags``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import pydicom
from pydicom.datadict import dictionary_description
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from filmroom.errors import UnreadableDicom

_FIRST_UNTOLD_GROUP = 0x6000
_UNTOLD = "..."


class TagRow(NamedTuple):
    """One row: the tag with a ``>`` per level, the attribute's name, its values joined by ``\\``."""

    element: str
    name: str
    data: str | None


def tag_rows(file: BinaryIO) -> list[TagRow]:
    """Return the rows of a DICOM file: file meta information, then the data set up to its pixels.

    A sequence is a row of its own, then the rows of all its items, then a row ``End <name>``.

    :raises UnreadableDicom: when the file cannot be read as DICOM.
    """
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        return [*_rows(dataset.file_meta, 0), *_rows(dataset, 0)]
    except OSError:
        raise
    except (Exception, RecursionError) as error:
        # What a data set can break in the reader has no common base class.
        raise UnreadableDicom(f"The object cannot be read: {error}.") from error


def _name(tag: BaseTag) -> str:
    if tag.is_private:
        return ""
    try:
        return dictionary_description(tag)
    except KeyError:
        return ""


def _rows(dataset: Dataset, depth: int) -> Iterator[TagRow]:
    for tag in sorted(dataset.keys()):
        name = _name(tag)
        element = f"{'>' * depth}({tag.group:04X},{tag.element:04X})"
        if tag.group >= _FIRST_UNTOLD_GROUP:
            yield TagRow(element, name, _UNTOLD)
            continue
        found = _element(dataset, tag)
        if found is None or found.VR != "SQ":
            yield TagRow(element, name, None if found is None else _text(found.value))
            continue
        yield TagRow(element, name, None)
        for item in found.value or ():
            yield from _rows(item, depth + 1)
        yield TagRow(element, f"End {name}", None)


def _element(dataset: Dataset, tag: BaseTag) -> pydicom.DataElement | None:
    """Return an element, None where its value breaks its VR."""
    try:
        return dataset[tag]
    except (ValueError, TypeError, NotImplementedError, ArithmeticError, LookupError):
        return None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, (MultiValue, list, tuple)):
        return "\\".join(_text(each) or "" for each in value) or None
    if isinstance(value, bytes):
        text = value.rstrip(b"\0 ").decode("latin-1")
        return (text or None) if text.isascii() and text.isprintable() else _UNTOLD
    if isinstance(value, BaseTag):
        return f"({value.group:04X},{value.element:04X})"
    return str(value) or None
