"""Reading the indexed values with pydicom, for data sets that the header scan does not expect."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from filmroom.dicom.elements import tag_text
from filmroom.dicom.scan import INDEXED, ITEM_OF, VALUE_LIMIT, Raw, Scanner, check_layout
from filmroom.dicom.source import ByteSource
from filmroom.dicom.start import Start
from filmroom.dicom.text import clean
from filmroom.errors import UnreadableDicom
from filmroom.model.attributes import PIXEL_DATA_TAGS

# Catching warnings changes the state of the whole process.
_WARNINGS = threading.Lock()
_WARNINGS_KEPT = 20


class _SourceFile:
    """A source as the file object that pydicom reads, ending at ``end``."""

    def __init__(self, source: ByteSource, position: int, end: int) -> None:
        self._source = source
        self._position = position
        self._end = end

    def read(self, length: int = -1) -> bytes:
        left = max(0, self._end - self._position)
        data = self._source.read(self._position, left if length < 0 else min(length, left))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._end)[whence]
        return self._position

    def tell(self) -> int:
        return self._position


def scan_with_pydicom(start: Start) -> Scanner:
    """Check the layout with the tolerant walk, then let pydicom read what lies before the pixel data.

    The walk bounds nesting and proves that every element lies inside the file before pydicom, which
    recurses and reads short values without a word, sees the bytes.

    :raises TruncatedDicom: :raises UnreadableDicom:
    """
    scanner = check_layout(start.window, start.order, start.position, start.implicit)
    end = start.window.size if scanner.pixels_at is None else scanner.pixels_at
    with _WARNINGS, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            scanner.raw.update(_read(start, end))
        except Exception as error:  # pydicom raises whatever it comes across
            reason = _short(f"{type(error).__name__}: {error}")
            raise UnreadableDicom(f"The data set cannot be read ({reason}).") from error
    scanner.warnings.append("The data set has elements that break the standard; it was read tolerantly.")
    if scanner.stray_delimiters:
        scanner.warnings.append(f"{scanner.stray_delimiters:,} delimiters without a sequence were ignored.")
    scanner.warnings.extend(
        dict.fromkeys(_short(str(warning.message)) for warning in caught[:_WARNINGS_KEPT])
    )
    return scanner


def _short(message: str) -> str:
    """A message of pydicom as one line; it may quote any amount of what is in the file."""
    return clean(message)[:200]


def _read(start: Start, end: int) -> Raw:
    from pydicom.filereader import data_element_generator

    source = start.window.source
    raw: Raw = {}
    little = start.order.little
    elements: Iterable[Any] = data_element_generator(
        _SourceFile(source, start.position, end),  # type: ignore[arg-type]  # all of a file that it uses
        start.implicit,
        little,
        stop_when=lambda tag, _vr, _length: int(tag) in PIXEL_DATA_TAGS,
        defer_size=VALUE_LIMIT,
    )
    for element in elements:
        tag = int(element.tag)
        if tag not in INDEXED:
            continue
        vr = (element.VR or "").encode("ascii", "replace")
        if tag in ITEM_OF:
            item = _first_item(element, little)
            wanted = None if item is None else item.get_item(ITEM_OF[tag])
            if wanted is not None and wanted.value:
                raw[tag] = (b"", wanted.value)
            continue
        value: Any = element.value
        if value is None and element.length:  # left out because it is long
            value = source.read(element.value_tell, min(element.length, VALUE_LIMIT))
        if value is not None and not isinstance(value, bytes):
            raise UnreadableDicom(f"The element {tag_text(tag)} holds a sequence.")
        raw[tag] = (vr, value or b"")
    return raw


def _first_item(element: Any, little: bool) -> Any:  # noqa: FBT001 - a property of the data
    from pydicom.dataelem import RawDataElement
    from pydicom.filereader import read_sequence

    sequence = element.value
    if isinstance(element, RawDataElement):
        data = element.value or b""
        sequence = read_sequence(BytesIO(data), element.VR in (None, "UN"), little, len(data), ["iso8859"])
    return sequence[0] if sequence else None
