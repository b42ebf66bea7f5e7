"""Single attributes of a file by keyword, as text: what names of folders and files are made of."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from filmroom.dicom.elements import BIG, LITTLE
from filmroom.dicom.scan import Raw
from filmroom.dicom.values import NUMBERS, Reading
from filmroom.errors import UnreadableDicom
from filmroom.model.attributes import SPECIFIC_CHARACTER_SET

_TEXT = frozenset(b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())


def is_named_value(keyword: str) -> bool:
    """Whether the keyword is that of an attribute whose value is text or a number (PS3.6)."""
    tag = tag_for_keyword(keyword)
    return tag is not None and dictionary_VR(tag).encode() in _TEXT | NUMBERS.keys()


def named_values(path: Path, keywords: Iterable[str]) -> dict[str, str]:
    """Return the values of attributes for which :func:`is_named_value` holds.

    Several values are joined by a backslash; what is absent, empty or illegible is left out.

    :raises UnreadableDicom: when the file cannot be read as DICOM. :raises OSError:
    """
    wanted = {keyword: tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None}
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(wanted))
    except OSError:
        raise
    except Exception as error:
        # What a data set can break in the reader has no common base class.
        raise UnreadableDicom(f"{path.name} cannot be read: {error}.") from error
    little = dataset.original_encoding[1] is not False
    reading = Reading(_raw(dataset), LITTLE if little else BIG)
    shown = {keyword: _shown(reading, tag) for keyword, tag in wanted.items()}
    return {keyword: text for keyword, text in shown.items() if text}


def _raw(dataset: Dataset) -> Raw:
    """Return the values as they are in the file: converting one may warn, and refuse it."""
    raw: Raw = {}
    for tag in list(dataset.keys()):
        element: object = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            vr = element.VR or dictionary_VR(tag)
            raw[int(tag)] = (vr.encode(), element.value or b"")
        elif int(tag) == SPECIFIC_CHARACTER_SET:  # pydicom needed it itself
            value: Any = dataset[tag].value
            terms = [value] if isinstance(value, str) else list(value or ())
            raw[int(tag)] = (b"CS", "\\".join(terms).encode("ascii", "replace"))
    return raw


def _shown(reading: Reading, tag: int) -> str:
    vr, data = reading.raw.get(tag, (b"", b""))
    if vr not in NUMBERS:
        return reading.text(data, vr.decode()).strip() if vr in _TEXT else ""
    form = f"{reading.order.mark}{len(data) // struct.calcsize('<' + NUMBERS[vr])}{NUMBERS[vr]}"
    if struct.calcsize(form) != len(data):
        return ""
    return "\\".join(map(str, struct.unpack(form, data)))
