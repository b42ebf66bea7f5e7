"""Walking data elements (DICOM PS3.5 chapter 7) without reading their values.

:class:`Walker` goes over a data set iteratively, so no nesting can exhaust the stack, and only ever holds
one window of the file, so no declared length is allocated. It is tolerant in the way readers in the field
are: an element of an explicit VR data set whose VR is no VR is taken as implicit VR.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any

from filmroom.dicom.source import ByteSource
from filmroom.errors import TruncatedDicom, UnreadableDicom

UNDEFINED = 0xFFFFFFFF
WINDOW = 64 * 1024
FIRST_WINDOW = 16 * 1024
MAXIMUM_DEPTH = 64
MAXIMUM_ELEMENTS = 5_000_000

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

# PS3.5 section 7.1.2: VRs with a 16-bit length, and those with two reserved bytes and a 32-bit length.
SHORT_VRS = frozenset(re.findall(b"..", b"AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS"))
LONG_VRS = frozenset(re.findall(b"..", b"OBODOFOLOVOWSQSVUCUNURUTUV"))


def swapped(tag: int) -> int:
    """Return a tag as a little-endian reader sees its four bytes: element before group."""
    return (tag & 0xFFFF) << 16 | tag >> 16


@dataclass(frozen=True, slots=True)
class ByteOrder:
    """How headers are unpacked in one byte order. ``mark`` is the prefix of :mod:`struct` formats."""

    mark: str
    explicit: Callable[..., tuple[Any, ...]]  # tag as one number, VR, 16-bit length
    implicit: Callable[..., tuple[Any, ...]]  # tag as one number, 32-bit length
    long: Callable[..., tuple[Any, ...]]
    item: int
    item_end: int
    sequence_end: int

    @property
    def little(self) -> bool:
        return self.mark == "<"

    def tag(self, wire: int) -> int:
        """Return the tag (group in the upper half) of a number unpacked by this order."""
        return swapped(wire) if self.mark == "<" else wire


def _byte_order(mark: str) -> ByteOrder:
    turn = swapped if mark == "<" else int
    return ByteOrder(
        mark,
        Struct(mark + "L2sH").unpack_from,
        Struct(mark + "LL").unpack_from,
        Struct(mark + "L").unpack_from,
        turn(ITEM),
        turn(ITEM_END),
        turn(SEQUENCE_END),
    )


LITTLE = _byte_order("<")
BIG = _byte_order(">")


def is_letters(vr: bytes) -> bool:
    """Tell whether two bytes can be a VR at all (two capital letters)."""
    return len(vr) == 2 and vr.isalpha() and vr.isupper()


class Window:
    """The part of a source that is in memory: moves, never grows."""

    __slots__ = ("base", "buffer", "size", "source")

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.size = source.size
        self.base = 0
        self.buffer = source.read(0, FIRST_WINDOW)

    def at(self, position: int, need: int, ahead: int = WINDOW) -> int:
        """Return the place in ``buffer`` of ``need`` bytes from ``position``, moving if necessary.

        :raises TruncatedDicom: when the source ends before.
        """
        local = position - self.base
        if local >= 0 and local + need <= len(self.buffer):
            return local
        if position + need > self.size:
            raise TruncatedDicom(f"The file ends at byte {self.size}, inside a data element.")
        self.base = position
        self.buffer = self.source.read(position, max(ahead, need))
        if len(self.buffer) < need:
            raise TruncatedDicom("The file became shorter while it was read.")
        return 0

    def only_zeros(self, position: int) -> bool:
        """Tell whether everything from ``position`` on is zero bytes."""
        while position < self.size:
            data = self.source.read(position, WINDOW)
            if not data or data.count(0) != len(data):
                return False
            position += len(data)
        return True


@dataclass(slots=True)
class Element:
    """Header of one element: ``position`` of its value, ``length`` as declared."""

    tag: int
    vr: bytes
    position: int
    length: int


class Walker:
    """Walks elements, items and delimiters with an explicit stack."""

    def __init__(self, window: Window, order: ByteOrder) -> None:
        self.window = window
        self.order = order
        self.elements = 0

    def count(self, number: int = 1) -> None:
        """Count elements. :raises UnreadableDicom: when there are absurdly many."""
        self.elements += number
        if self.elements > MAXIMUM_ELEMENTS:
            raise UnreadableDicom(f"The file has more than {MAXIMUM_ELEMENTS:,} data elements.")

    def element(self, position: int, implicit: bool) -> Element:  # noqa: FBT001 - a property of the data
        """Read the element header at ``position``. :raises TruncatedDicom:"""
        window = self.window
        at = window.at(position, 8)
        wire, vr, length = self.order.explicit(window.buffer, at)
        tag = self.order.tag(wire)
        if implicit or not is_letters(vr):
            return Element(tag, b"", position + 8, self.order.long(window.buffer, at + 4)[0])
        if vr in LONG_VRS:
            at = window.at(position, 12)
            return Element(tag, vr, position + 12, self.order.long(window.buffer, at + 8)[0])
        return Element(tag, vr, position + 8, length)

    def end_of(self, element: Element) -> int:
        """Return where an element of defined length ends. :raises TruncatedDicom:"""
        end = element.position + element.length
        if end > self.window.size:
            raise TruncatedDicom(
                f"The file ends at byte {self.window.size}, but the element "
                f"{tag_text(element.tag)} claims to reach to byte {end}."
            )
        return end

    def skip_undefined(self, element: Element, implicit: bool) -> tuple[int, int]:  # noqa: FBT001
        """Walk over a value of undefined length: a sequence, or encapsulated pixel data.

        Returns where it ends, delimiter included, and how many items it has.

        :raises TruncatedDicom: :raises UnreadableDicom: when it is no list of items or nested too deep.
        """
        # One entry per open sequence or item: is it an item, and is its content implicit VR?
        open_: list[tuple[bool, bool]] = [(False, implicit or not element.vr)]
        position = element.position
        items = 0
        order = self.order
        window = self.window
        # Fragments of pixel data are long: fetching a window behind each would read the pixels.
        ahead = WINDOW
        while open_:
            in_item, inner = open_[-1]
            at = window.at(position, 8, ahead)
            wire, length = order.implicit(window.buffer, at)
            self.count()
            if in_item:
                if wire == order.item_end:
                    open_.pop()
                    position += 8
                else:
                    position = self._skip_in_item(position, inner, open_)
            elif wire == order.item:
                items += len(open_) == 1
                position += 8
                if length == UNDEFINED:
                    self._open(open_, (True, inner or self._looks_implicit(position)))
                else:
                    position = self.end_of(Element(ITEM, b"", position, length))
                    ahead = 16 if length > WINDOW else WINDOW
            elif wire == order.sequence_end:
                open_.pop()
                position += 8
            else:
                raise UnreadableDicom(
                    f"The element {tag_text(element.tag)} holds something that is not an item, "
                    f"at byte {position}."
                )
        return position, items

    def _skip_in_item(self, position: int, implicit: bool, open_: list[tuple[bool, bool]]) -> int:  # noqa: FBT001
        element = self.element(position, implicit)
        if element.tag >> 16 == 0xFFFE:
            raise UnreadableDicom(f"A delimiter stands where none belongs, at byte {position}.")
        if element.length != UNDEFINED:
            return self.end_of(element)
        self._open(open_, (False, implicit or not element.vr))
        return element.position

    @staticmethod
    def _open(open_: list[tuple[bool, bool]], entry: tuple[bool, bool]) -> None:
        if len(open_) >= 2 * MAXIMUM_DEPTH:
            raise UnreadableDicom(f"Sequences are nested deeper than {MAXIMUM_DEPTH} levels.")
        open_.append(entry)

    def _looks_implicit(self, position: int) -> bool:
        """Look at the first VR of an item: items of UN sequences are implicit VR (PS3.5 section 6.2.2)."""
        at = self.window.at(position, 8)
        return not is_letters(self.window.buffer[at + 4 : at + 6])


def tag_text(tag: int) -> str:
    """Return a tag as the standard writes it, for example ``(0008,0018)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
