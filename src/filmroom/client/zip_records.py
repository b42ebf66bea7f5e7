"""The fixed records of a ZIP archive, parsed from bytes (PKWARE APPNOTE 6.3.10, section 4.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from filmroom.errors import BadAnswer

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
DESCRIPTOR = b"PK\x07\x08"
END = b"PK\x05\x06"
END_64 = b"PK\x06\x06"
LOCATOR_64 = b"PK\x06\x07"

STORED = 0
DEFLATED = 8

LOCAL_SIZE = 30
CENTRAL_SIZE = 46
END_SIZE = 22
END_64_SIZE = 56
LOCATOR_64_SIZE = 20
DESCRIPTOR_LOOKAHEAD = 28  # the longest data descriptor and the signature behind it

_U32 = 0xFFFFFFFF
_U16 = 0xFFFF
_ZIP64_EXTRA = 0x0001
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_PATCH = 0x0020
_HAS_DESCRIPTOR = 0x0008
_UTF8 = 0x0800

_LOCAL_FIELDS = struct.Struct("<4xHHHHHLLLHH")
_CENTRAL_FIELDS = struct.Struct("<4xHHHHHHLLLHHHHHLL")
_END_FIELDS = struct.Struct("<4xHHHHLLH")
_END_64_FIELDS = struct.Struct("<4xQHHLLQQQQ")
_LOCATOR_64_FIELDS = struct.Struct("<4xLQL")


@dataclass(frozen=True, slots=True)
class LocalHeader:
    """A local file header. ``size``, ``compressed`` and ``crc`` are None where a descriptor follows."""

    name: str
    method: int
    size: int | None
    compressed: int | None
    crc: int | None
    descriptor: bool


@dataclass(frozen=True, slots=True)
class CentralEntry:
    """One entry of the central directory."""

    name: str
    method: int
    crc: int
    compressed: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class EndRecord:
    """What an end record says; None stands for "see the ZIP64 record"."""

    entries: int | None
    directory_size: int | None
    directory_offset: int | None
    comment: int = 0


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        raise BadAnswer(f"The archive holds a member with an illegible name: {raw[:60]!r}.") from None


def _check_member(flags: int, method: int, name: str) -> None:
    if flags & _ENCRYPTED or flags & _PATCH:
        raise BadAnswer(f"The archive's member {name[:80]!r} is encrypted or a patch.")
    if method not in {STORED, DEFLATED}:
        raise BadAnswer(f"The archive's member {name[:80]!r} uses compression method {method}.")


def _zip64_values(extra: bytes) -> list[int] | None:
    """Return the numbers of the ZIP64 extra field, None without one."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == _ZIP64_EXTRA:
            return list(struct.unpack(f"<{len(body) // 8}Q", body[: len(body) // 8 * 8]))
        position += 4 + length
    return None


def _next(values: list[int]) -> int:
    if not values:
        raise BadAnswer("The archive has a ZIP64 field that is too short.")
    return values.pop(0)


def local_tail(raw: bytes | memoryview) -> int:
    """Return how many bytes of name and extra field follow the fixed part of a local header."""
    name_length, extra_length = struct.unpack_from("<HH", raw, 26)
    return int(name_length) + int(extra_length)


def parse_local(raw: bytes) -> LocalHeader:
    """Parse a whole local header. :raises BadAnswer: when it is not one we can read."""
    _, flags, method, _, _, crc, compressed, size, name_length, _ = _LOCAL_FIELDS.unpack_from(raw)
    name = _decoded(raw[LOCAL_SIZE : LOCAL_SIZE + name_length], flags)
    _check_member(flags, method, name)
    values = _zip64_values(raw[LOCAL_SIZE + name_length :])
    if values is not None:
        if size == _U32:
            size = _next(values)
        if compressed == _U32:
            compressed = _next(values)
    descriptor = bool(flags & _HAS_DESCRIPTOR)
    if descriptor and not compressed:
        return LocalHeader(name, method, None, None, None, descriptor)
    if method == STORED and size != compressed:
        raise BadAnswer(f"The archive's member {name[:80]!r} is stored with two different sizes.")
    return LocalHeader(name, method, size, compressed, None if descriptor else crc, descriptor)


def central_tail(raw: bytes | memoryview) -> int:
    """Return how many bytes follow the fixed part of a central directory entry."""
    return sum(struct.unpack_from("<HHH", raw, 28))


def parse_central(raw: bytes) -> CentralEntry:
    """Parse a whole central directory entry. :raises BadAnswer: when it is not one we can read."""
    fields = _CENTRAL_FIELDS.unpack_from(raw)
    _, _, flags, method, _, _, crc, compressed, size, name_length, extra_length, *_ = fields
    offset = fields[-1]
    name = _decoded(raw[CENTRAL_SIZE : CENTRAL_SIZE + name_length], flags)
    _check_member(flags, method, name)
    start = CENTRAL_SIZE + name_length
    values = _zip64_values(raw[start : start + extra_length])
    if values is not None:
        size = _next(values) if size == _U32 else size
        compressed = _next(values) if compressed == _U32 else compressed
        offset = _next(values) if offset == _U32 else offset
    return CentralEntry(name, method, crc, compressed, size, offset)


def parse_end(raw: bytes) -> EndRecord:
    """Parse the end record. :raises BadAnswer: for an archive in several volumes."""
    disk, directory_disk, _, entries, size, offset, comment = _END_FIELDS.unpack_from(raw)
    if {disk, directory_disk} - {0, _U16}:
        raise BadAnswer("The archive is split into several volumes.")
    return EndRecord(
        None if entries == _U16 else entries,
        None if size == _U32 else size,
        None if offset == _U32 else offset,
        comment,
    )


def parse_end_64(raw: bytes) -> tuple[EndRecord, int]:
    """Parse the ZIP64 end record; returns it and the length of the extensible data behind it."""
    length, _, _, disk, directory_disk, _, entries, size, offset = _END_64_FIELDS.unpack_from(raw)
    if disk or directory_disk:
        raise BadAnswer("The archive is split into several volumes.")
    extension = length + 12 - END_64_SIZE
    if not 0 <= extension <= 65_536:
        raise BadAnswer("The archive has a ZIP64 end record of an impossible length.")
    return EndRecord(entries, size, offset), extension


def parse_locator_64(raw: bytes) -> int:
    """Return the offset at which the locator says that the ZIP64 end record lies."""
    return int(_LOCATOR_64_FIELDS.unpack_from(raw)[1])


def descriptor_length(raw: bytes, *, crc: int, compressed: int, size: int) -> int | None:
    """Return the length of the data descriptor that ``raw`` begins with.

    The standard leaves open whether the signature is there and whether sizes take four or eight bytes;
    the descriptor is the form that agrees with what was read and is followed by a header's signature.
    """
    for signature in (DESCRIPTOR, b""):
        for sizes in ("<LLL", "<LQQ"):
            try:
                form = signature + struct.pack(sizes, crc, compressed, size)
            except struct.error:
                continue  # sizes beyond 4 GiB do not fit the short form
            if raw.startswith(form) and raw[len(form) : len(form) + 4] in {LOCAL, CENTRAL}:
                return len(form)
    return None
