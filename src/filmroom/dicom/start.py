"""How a file begins: preamble, file meta information (PS3.10 chapter 7), and how its data set is encoded."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

from filmroom.dicom.elements import (
    BIG,
    LITTLE,
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED,
    ByteOrder,
    Walker,
    Window,
    is_letters,
)
from filmroom.dicom.source import ByteSource
from filmroom.errors import NotDicom, TruncatedDicom, UnreadableDicom

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
# Deflated Explicit VR LE; the JPIP and HTJ2K JPIP forms whose data set is deflated as well.
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})

INFLATED_LIMIT = 512 * 1024 * 1024
"""Bytes that a deflated data set may have when inflated; a small file can hold any number."""

_CHUNK = 64 * 1024
_PREFIX = b"DICM"
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+)+")


@dataclass(slots=True)
class Start:
    """Where the data set begins and how it is encoded. ``window`` looks at the (inflated) bytes."""

    window: Window
    position: int
    implicit: bool
    order: ByteOrder
    transfer_syntax_uid: str
    media_storage_class_uid: str = ""
    warnings: list[str] = field(default_factory=list)


class InflatedSource:
    """The inflated bytes of a raw deflate stream, never held as a whole.

    The stream is inflated once to learn its size and that it is whole; reading goes forward and begins
    anew when it has to go back.

    :raises TruncatedDicom: when the stream does not end.
    :raises UnreadableDicom: when it is damaged, or longer than :data:`INFLATED_LIMIT`.
    """

    def __init__(self, source: ByteSource, offset: int) -> None:
        self._source = source
        self._offset = offset
        self._restart()
        while not self._inflater.eof:
            self._drop(len(self._held))
            if not self._more() and not self._inflater.eof:
                raise TruncatedDicom("The deflated data set ends before its stream does.")
            if self._base + len(self._held) > INFLATED_LIMIT:
                raise UnreadableDicom(f"The data set inflates to more than {INFLATED_LIMIT >> 20} MiB.")
        self.size = self._base + len(self._held)
        self._restart()

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer only where the data set ends."""
        if offset < self._base:
            self._restart()
        end = min(offset + length, self.size)
        while self._base + len(self._held) < end:
            if self._base + len(self._held) <= offset:
                self._drop(len(self._held))
            if not self._more():
                break
        self._drop(max(0, min(offset - self._base, len(self._held))))
        return bytes(self._held[offset - self._base : end - self._base])

    def _restart(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._input = self._offset
        self._pending = b""
        self._base = 0
        self._held = bytearray()

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._base += count

    def _more(self) -> bool:
        """Inflate up to one chunk more. Returns False at the end of the input."""
        while not self._inflater.eof:
            data = self._pending
            if not data:
                data = self._source.read(self._input, _CHUNK)
                self._input += len(data)
            try:
                inflated = self._inflater.decompress(data, _CHUNK)
            except zlib.error as error:
                raise UnreadableDicom(f"The deflated data set is damaged ({error}).") from None
            self._pending = self._inflater.unconsumed_tail
            if inflated:
                self._held += inflated
                return True
            if not data:
                return False
        return False


def open_start(source: ByteSource) -> Start:
    """Read how a file begins.

    :raises NotDicom: when nothing says that it is DICOM.
    :raises TruncatedDicom: when it ends inside its file meta information.
    :raises UnreadableDicom: when its deflated data set is damaged.
    """
    window = Window(source)
    position, class_uid, syntax = _read_meta(window)
    start = Start(window, position, False, LITTLE, syntax, class_uid)
    if position >= window.size:
        raise TruncatedDicom("The file ends after its file meta information: it has no data set.")
    if syntax in DEFLATED:
        start.window = Window(InflatedSource(source, position))
        start.position = 0
    _choose_encoding(start)
    return start


def media_storage_class(source: ByteSource) -> str:
    """Return the Media Storage SOP Class UID, empty where there is none.

    :raises NotDicom: :raises TruncatedDicom: :raises UnreadableDicom: as :func:`open_start`.
    """
    return _read_meta(Window(source))[1]


def _read_meta(window: Window) -> tuple[int, str, str]:
    """Walk group 0002; return where it ends, Media Storage SOP Class UID and Transfer Syntax UID."""
    position = 132 if window.buffer[128:132] == _PREFIX else 0
    if position == 0 and not _plausible(window):
        raise NotDicom("The file is not DICOM.")
    walker = Walker(window, LITTLE)
    found = {0x00020002: "", 0x00020010: ""}
    while position + 8 <= window.size:
        element = walker.element(position, False)
        if element.tag >> 16 != 0x0002:
            break
        if element.length == UNDEFINED:
            raise UnreadableDicom("The file meta information has an element of undefined length.")
        position = walker.end_of(element)
        walker.count()
        if element.tag in found:
            data = window.source.read(element.position, min(element.length, 128)).strip(b"\0 ")
            if _UID.fullmatch(data):
                found[element.tag] = data.decode("ascii")
    return position, found[0x00020002], found[0x00020010]


def _choose_encoding(start: Start) -> None:
    """Set VR encoding and byte order from the transfer syntax and from what is really there."""
    syntax = start.transfer_syntax_uid
    window = start.window
    head = window.source.read(start.position, 8)
    explicit = is_letters(head[4:6])
    if not syntax:
        if explicit and int.from_bytes(head[:2], "little") >= 0x0400:
            start.order = BIG
        start.implicit = not explicit
        guessed = EXPLICIT_BIG if start.order is BIG else EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE
        start.transfer_syntax_uid = guessed
        start.warnings.append(f"The file states no transfer syntax; by its layout it is {guessed}.")
        return
    start.implicit = syntax == IMPLICIT_LITTLE
    if syntax == EXPLICIT_BIG:
        start.order = BIG
    if len(head) == 8 and start.implicit == explicit:
        start.implicit = not explicit
        found = "explicit" if explicit else "implicit"
        start.warnings.append(f"The data set is {found} VR, although its transfer syntax is {syntax}.")


def _plausible(window: Window) -> bool:
    """Tell whether a file without the DICM prefix begins like a data set (or its meta information)."""
    return any(
        _begins_like_data_set(window, order, implicit)
        for order, implicit in ((LITTLE, True), (LITTLE, False), (BIG, False))
    )


def _begins_like_data_set(window: Window, order: ByteOrder, implicit: bool) -> bool:  # noqa: FBT001
    """Look at the first three elements: group 2 or 8 first, ascending tags, legal VRs, fitting lengths."""
    walker = Walker(window, order)
    position = 0
    previous = 0
    seen = 0
    while seen < 3 and position + 8 <= window.size:
        try:
            element = walker.element(position, implicit)
        except TruncatedDicom:
            return False
        group = element.tag >> 16
        legal_vr = element.vr in SHORT_VRS or element.vr in LONG_VRS
        if group > 0x7FE0 or element.tag <= previous or legal_vr == implicit:
            return False
        if seen == 0 and group not in {0x0002, 0x0008}:
            return False
        seen += 1
        if element.length == UNDEFINED:
            return seen > 1
        position = element.position + element.length
        if position > window.size:
            return False
        previous = element.tag
    return seen > 1
