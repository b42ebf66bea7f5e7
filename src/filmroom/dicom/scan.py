"""The header scan: one pass over the top level of a data set that keeps the raw values of indexed tags.

Explicit VR in both byte orders and implicit VR have a loop of their own; whatever they do not expect they
report as :class:`Unusual`, and :mod:`filmroom.dicom.fallback` takes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from filmroom.dicom.elements import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    WINDOW,
    ByteOrder,
    Element,
    Walker,
    Window,
    swapped,
    tag_text,
)
from filmroom.errors import TruncatedDicom, UnreadableDicom
from filmroom.model.attributes import ATTRIBUTES, PIXEL_DATA_TAGS, SPECIFIC_CHARACTER_SET

VALUE_LIMIT = 64 * 1024
"""Bytes of one indexed value that are read; the rest of a longer one is left."""

SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103

CTP_CREATORS = range(0x00130010, 0x00130020)
CTP_CREATOR = b"CTP"

ITEM_OF = {attribute.tag: attribute.item for attribute in ATTRIBUTES if attribute.item is not None}
"""Sequences that are looked into, and the attribute that is wanted of their first item."""

SPECIAL = frozenset(PIXEL_DATA_TAGS | ITEM_OF.keys())


def _indexed_tags() -> Iterator[int]:
    yield from (attribute.tag for attribute in ATTRIBUTES)
    yield SPECIFIC_CHARACTER_SET
    yield from (SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION, BITS_ALLOCATED)
    yield from (BITS_STORED, HIGH_BIT, PIXEL_REPRESENTATION)
    yield from PIXEL_DATA_TAGS
    for creator in CTP_CREATORS:
        block = 0x00130000 | (creator & 0xFF) << 8
        yield from (creator, block | 0x10, block | 0x12)


INDEXED = frozenset(_indexed_tags())
_BY_WIRE = {"<": {swapped(tag): tag for tag in INDEXED}, ">": {tag: tag for tag in INDEXED}}


class Unusual(Exception):
    """The data set is not laid out as its transfer syntax says, at ``position``: read it another way."""

    def __init__(self, position: int) -> None:
        super().__init__(f"at byte {position}")
        self.position = position


@dataclass(frozen=True, slots=True)
class PixelValue:
    """The pixel data element: declared length in bytes, or the number of items when encapsulated."""

    tag: int
    length: int
    items: int | None = None


Raw = dict[int, tuple[bytes, bytes]]
"""Indexed tag -> VR as found (empty in implicit VR) and value bytes."""


class Scanner(Walker):
    """One scan of one data set.

    ``raw``, ``pixels``, ``warnings`` and ``zeros`` (bytes of padding behind the data set) are what it found.
    """

    def __init__(self, window: Window, order: ByteOrder) -> None:
        super().__init__(window, order)
        self.raw: Raw = {}
        self.pixels: PixelValue | None = None
        self.pixels_at: int | None = None
        self.zeros = 0
        self.stray_delimiters = 0
        self.warnings: list[str] = []

    def scan(self, position: int, implicit: bool) -> None:  # noqa: FBT001 - a property of the data
        """Scan from ``position`` to the end of the source.

        :raises Unusual: when the layout is not the expected one.
        :raises TruncatedDicom: when the source ends inside an element.
        :raises UnreadableDicom: when sequences are malformed or nested too deep.
        """
        step = self._implicit_run if implicit else self._explicit_run
        while position + 8 <= self.window.size:
            try:
                position = step(position)
            except Unusual as unusual:
                if self.pixels is None:
                    raise
                self.junk_from(unusual.position)
                return
        self.finish(position)

    def is_padding(self, position: int) -> bool:
        """Tell whether only zeros follow ``position``, and remember how many."""
        if not self.window.only_zeros(position):
            return False
        self.zeros = max(self.zeros, self.window.size - position)
        return True

    def junk_from(self, position: int) -> None:
        """Warn about what stands behind the pixel data and is no data element."""
        self.warnings.append(f"{self.window.size - position:,} bytes behind the pixel data are no DICOM.")

    def finish(self, position: int) -> None:
        size = self.window.size
        if position > size:
            raise TruncatedDicom(
                f"The file ends at byte {size}, but an element claims to reach to {position}."
            )
        if not self.is_padding(position):
            raise TruncatedDicom(f"The file ends at byte {size}, inside the header of a data element.")

    def _explicit_run(self, position: int) -> int:
        """Walk the elements that begin in the current window; return where the next one begins."""
        window = self.window
        at: int = window.at(position, 8)
        base, buffer = window.base, window.buffer
        held = len(buffer)
        if base + held >= window.size:
            # At the end of the file a short header may be the last; spare the loop a second check.
            limit = held - 7
            buffer += bytes(4)
        else:
            limit = held - 11
            if at >= limit:
                window.at(position, min(WINDOW, window.size - position))
                return position
        unpack, long, wanted = self.order.explicit, self.order.long, _BY_WIRE[self.order.mark]
        raw = self.raw
        count = 0
        while at < limit:
            wire, vr, length = unpack(buffer, at)
            count += 1
            if vr in SHORT_VRS:
                start = at + 8
            elif vr in LONG_VRS:
                start = at + 12
                (length,) = long(buffer, at + 8)
                if length == UNDEFINED:
                    self.count(count)
                    return self._undefined(Element(self.order.tag(wire), vr, base + start, length), False)
            else:
                self.count(count)
                return self._end_of_elements(base + at, wire, vr)
            end: int = start + length
            if wire in wanted:
                tag = wanted[wire]
                if end <= held and tag not in SPECIAL:
                    raw[tag] = (vr, buffer[start:end])
                else:
                    self._keep(Element(tag, vr, base + start, length))
                    if base != window.base:
                        self.count(count)
                        return base + end
            at = end
        self.count(count)
        return base + at

    def _implicit_run(self, position: int) -> int:
        window = self.window
        at: int = window.at(position, 8)
        base, buffer = window.base, window.buffer
        held = len(buffer)
        limit = held - 7
        unpack, wanted, raw = self.order.implicit, _BY_WIRE[self.order.mark], self.raw
        count = 0
        while at < limit:
            wire, length = unpack(buffer, at)
            count += 1
            start = at + 8
            end: int = start + length
            if length == UNDEFINED:
                self.count(count)
                return self._undefined(Element(self.order.tag(wire), b"", base + start, length), True)
            if wire in wanted:
                tag = wanted[wire]
                if end <= held and tag not in SPECIAL:
                    raw[tag] = (b"", buffer[start:end])
                else:
                    self._keep(Element(tag, b"", base + start, length))
                    if base != window.base:
                        self.count(count)
                        return base + end
            elif self.order.tag(wire) in _DELIMITERS or (wire == 0 and length == 0):
                self.count(count)
                return self._end_of_elements(base + at, wire, b"\0\0")
            at = end
        self.count(count)
        return base + at

    def _end_of_elements(self, position: int, wire: int, vr: bytes) -> int:
        """What is at ``position`` is no element: padding, or something unusual."""
        if wire == 0 and vr == b"\0\0" and self.is_padding(position):
            return self.window.size
        raise Unusual(position)

    def _undefined(self, element: Element, implicit: bool) -> int:  # noqa: FBT001 - a property of the data
        if element.tag >> 16 == 0xFFFE:
            raise Unusual(element.position)
        self._look_into(element)
        end, items = self.skip_undefined(element, implicit)
        if element.tag in PIXEL_DATA_TAGS:
            self._found_pixels(element, items)
        return end

    def step(self, element: Element, implicit: bool) -> int:  # noqa: FBT001 - a property of the data
        """Take note of one element and return where the next one begins."""
        if element.length == UNDEFINED:
            return self._undefined(element, implicit)
        if element.tag in SPECIAL:
            self._keep(element)
        return self.end_of(element)

    def _found_pixels(self, element: Element, items: int | None) -> None:
        if self.pixels is None:
            self.pixels = PixelValue(element.tag, element.length, items)
            self.pixels_at = element.position

    def _keep(self, element: Element) -> None:
        """Take the value of an indexed element that is special, or not wholly in the window."""
        end = self.end_of(element)
        if element.tag in PIXEL_DATA_TAGS:
            self._found_pixels(element, None)
            return
        if element.tag in ITEM_OF:
            self._look_into(element)
            return
        length = min(element.length, VALUE_LIMIT)
        if length < element.length:
            self.warnings.append(f"Only {VALUE_LIMIT:,} bytes of {tag_text(element.tag)} were read.")
        data = self.window.source.read(element.position, length)
        if len(data) < length:
            raise TruncatedDicom(f"The file became shorter while it was read (byte {end} is gone).")
        self.raw[element.tag] = (element.vr, data)

    def _look_into(self, sequence: Element) -> None:
        """Keep the wanted attribute of the first item of a sequence."""
        wanted = ITEM_OF.get(sequence.tag)
        if wanted is None or sequence.length == 0:
            return
        end = self.window.size if sequence.length == UNDEFINED else self.end_of(sequence)
        at = self.window.at(sequence.position, 8)
        wire, length = self.order.implicit(self.window.buffer, at)
        if wire != self.order.item:
            return  # an empty sequence; anything else is reported by whoever walks it
        position = sequence.position + 8
        implicit = not sequence.vr or self._looks_implicit(position)
        if length != UNDEFINED:
            end = min(end, position + length)
        while position + 8 <= end:
            element = self.element(position, implicit)
            self.count()
            if element.tag >> 16 == 0xFFFE:
                return
            if element.length == UNDEFINED:
                position, _ = self.skip_undefined(element, implicit)
                continue
            position = self.end_of(element)
            if element.tag == wanted:
                data = self.window.source.read(element.position, min(element.length, VALUE_LIMIT))
                self.raw[sequence.tag] = (element.vr, data)
                return


_DELIMITERS = frozenset({ITEM, ITEM_END, SEQUENCE_END})


def check_layout(window: Window, order: ByteOrder, position: int, implicit: bool) -> Scanner:  # noqa: FBT001
    """Walk a data set element by element, as tolerant readers do, to learn that it is whole.

    Keeps no values but those of sequences that are looked into; ``pixels_at`` of the result is where the
    value of the pixel data begins.

    :raises TruncatedDicom: :raises UnreadableDicom: as :meth:`Scanner.scan`.
    """
    scanner = Scanner(window, order)
    while position + 8 <= window.size:
        element = scanner.element(position, implicit)
        scanner.count()
        if element.tag >> 16 == 0xFFFE or element.tag == 0:
            if scanner.is_padding(position):
                position = window.size
                break
            if scanner.pixels is not None:
                scanner.junk_from(position)
                return scanner
            if element.tag == SEQUENCE_END and element.length == 0:
                scanner.stray_delimiters += 1
                position += 8
                continue
            raise UnreadableDicom(f"The data set breaks off at byte {position}: no data element there.")
        position = scanner.step(element, implicit)
    scanner.finish(position)
    return scanner
