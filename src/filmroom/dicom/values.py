"""Raw values into what the catalogue keeps: text, dates and numbers, cleaned as the attribute table says.

What breaks the standard in an optional attribute is left out and becomes a warning; in an identifier it
refuses the object.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from collections.abc import Callable
from functools import partial

from filmroom.dicom.elements import ByteOrder
from filmroom.dicom.scan import CTP_CREATOR, CTP_CREATORS, Raw
from filmroom.dicom.text import CharacterSet, character_set, clean, decode
from filmroom.errors import IllegalIdentifier
from filmroom.model.attributes import ATTRIBUTES, BY_COLUMN, SPECIFIC_CHARACTER_SET, Attribute

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_UID_LENGTH = 64
_LEADING_ZERO = re.compile(r"(?:^|\.)0[0-9]")
_INTEGER = re.compile(r"([+-]?[0-9]{1,12})(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})(\.?)([0-9]{2})\2([0-9]{2})")
_INTEGERS = range(-(2**31), 2**31)  # IS (PS3.5 section 6.2), and what a database's integer holds
NUMBERS = {b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"FD": "d", b"FL": "f", b"UV": "Q", b"SV": "q"}
# Text of these VRs is one value that may have lines: a backslash is a character of it (PS3.5 section 6.2).
_ONE_VALUE = frozenset({"LT", "ST", "UT"})
_BODY_PART_LENGTH = 15  # NBIA keeps 15 characters of one that has 16 or more
_ADVICE = "Correct the file at its source, then ingest it again."
_CTP_LENGTH = 200
_CHARACTER_SET_LENGTH = 512  # bytes


class Reading:
    """The values of one header while they are converted; ``warnings`` collects what was cleaned."""

    def __init__(self, raw: Raw, order: ByteOrder) -> None:
        self.raw = raw
        self.order = order
        self.warnings: list[str] = []
        self._characters: CharacterSet | None = None

    def characters(self) -> CharacterSet:
        """The character set, worked out when the first value needs it."""
        if self._characters is None:
            self._characters = character_set(
                self.raw.get(SPECIFIC_CHARACTER_SET, (b"", b""))[1][:_CHARACTER_SET_LENGTH]
            )
            self.warnings.extend(self._characters.warnings)
        return self._characters

    def warn(self, attribute: Attribute, message: str) -> None:
        """Note what is odd about an attribute."""
        self.warnings.append(f"{attribute.keyword} {message}.")

    def text(self, data: bytes, vr: str, attribute: Attribute | None = None) -> str:
        """Return a value as clean text, its values joined by a backslash."""
        data = data.rstrip(b"\0 ")
        if data.isascii():
            text = data.decode("ascii")
            if text.isprintable() and "\\" not in text:
                return text.strip(" ") if vr == "CS" else text
            warning = ""
        if not data.isascii() or b"\x1b" in data:
            text, warning = decode(data, self.characters(), name=vr == "PN")
        if vr not in _ONE_VALUE:
            values = [value.rstrip("\0 ") for value in text.split("\\")]
            text = "\\".join(value.strip(" ") if vr == "CS" else value for value in values)
        cleaned = clean(text, lines=vr in _ONE_VALUE)
        if attribute is not None:
            if warning:
                self.warn(attribute, warning)
            if cleaned != text:
                self.warn(attribute, "held control characters; they were removed")
        cleaned = cleaned.rstrip(" ")
        return cleaned if cleaned.strip("\\ ") or vr in _ONE_VALUE else ""


Converter = Callable[[Reading, bytes, bytes], object]


def _text(attribute: Attribute, reading: Reading, _vr: bytes, data: bytes) -> object:
    text = reading.text(data, attribute.vr, attribute)
    if attribute.first:
        text = text.partition("\\")[0]
    if len(text) > attribute.length:
        if attribute.required and attribute.level == "patient":
            raise IllegalIdentifier(
                f"{attribute.keyword} has {len(text)} characters; the standard allows {attribute.length}.",
                advice=_ADVICE,
            )
        text = text[: attribute.length].rstrip(" ")
        reading.warn(attribute, f"was cut to {attribute.length} characters")
    return text


def _body_part(attribute: Attribute, reading: Reading, _vr: bytes, data: bytes) -> object:
    text = reading.text(data, attribute.vr, attribute)
    if len(text) > _BODY_PART_LENGTH:
        text = text[:_BODY_PART_LENGTH].rstrip(" ")
        reading.warn(attribute, f"was cut to {_BODY_PART_LENGTH} characters")
    return text


def _yes_or_no(attribute: Attribute, reading: Reading, _vr: bytes, data: bytes) -> object:
    text = reading.text(data, attribute.vr, attribute).upper()
    if text in {"", "YES", "NO"}:
        return text
    reading.warn(attribute, f"is neither YES nor NO but {text[:16]!r}")
    return ""


def _uid(attribute: Attribute, reading: Reading, _vr: bytes, data: bytes) -> object:
    text = data.decode("latin_1").strip("\0 ")
    if not text:
        return ""
    if len(text) > _UID_LENGTH or not _UID.fullmatch(text):
        shown = text[:_UID_LENGTH] + ("..." if len(text) > _UID_LENGTH else "")
        message = f"is no legal UID: {shown!r} (digits and dots, at most {_UID_LENGTH} characters)"
        if attribute.required:
            raise IllegalIdentifier(f"{attribute.keyword} {message}.", advice=_ADVICE)
        reading.warn(attribute, message)
        return ""
    if _LEADING_ZERO.search(text):
        reading.warn(attribute, "has a component with a leading zero")
    return text


def _date(attribute: Attribute, reading: Reading, _vr: bytes, data: bytes) -> object:
    text = data.decode("latin_1").strip("\0 ")
    if not text:
        return ""
    match = _DATE.fullmatch(text)
    if match:
        try:
            return dt.date(int(match[1]), int(match[3]), int(match[4]))
        except ValueError:
            pass
    reading.warn(attribute, f"is no date: {text[:32]!r}")
    return ""


def _number(attribute: Attribute, reading: Reading, vr: bytes, data: bytes) -> object:
    if vr not in NUMBERS and (attribute.vr.encode() not in NUMBERS or vr in {b"IS", b"DS"}):
        return _written_number(attribute, reading, data)
    return _binary_number(attribute, reading, vr if vr in NUMBERS else attribute.vr.encode(), data)


def _binary_number(attribute: Attribute, reading: Reading, vr: bytes, data: bytes) -> object:
    if not data:
        return ""
    form = reading.order.mark + NUMBERS[vr]
    size = struct.calcsize(form)
    if len(data) % size or (len(data) > size and not attribute.first):
        reading.warn(attribute, f"has {len(data)} bytes where one {vr.decode()} has {size}")
        return ""
    (value,) = struct.unpack_from(form, data)
    return _checked_number(attribute, reading, value, str(value))


def _written_number(attribute: Attribute, reading: Reading, data: bytes) -> object:
    text = data.decode("latin_1").strip("\0 ")
    if attribute.first:
        text = text.partition("\\")[0].strip("\0 ")
    if not text:
        return ""
    if attribute.kind == "integer":
        match = _INTEGER.fullmatch(text)
        if match:
            return _checked_number(attribute, reading, int(match[1]), text)
    elif _DECIMAL.fullmatch(text):
        return _checked_number(attribute, reading, float(text), text)
    reading.warn(attribute, f"is no number: {text[:32]!r}")
    return ""


def _checked_number(attribute: Attribute, reading: Reading, value: float, text: str) -> object:
    if not math.isfinite(value):
        reading.warn(attribute, f"is no finite number: {text[:32]!r}")
        return ""
    if attribute.kind == "decimal":
        return float(value)
    if value != int(value) or int(value) not in _INTEGERS:
        reading.warn(attribute, f"is no whole number of 32 bits: {text[:32]!r}")
        return ""
    return int(value)


def _converter(attribute: Attribute) -> Converter:
    if attribute.column == "body_part_examined":
        return partial(_body_part, attribute)
    if attribute.column == "qc_subject":
        return partial(_yes_or_no, attribute)
    if attribute.kind == "date":
        return partial(_date, attribute)
    if attribute.kind in {"integer", "decimal"}:
        return partial(_number, attribute)
    return partial(_uid if attribute.vr == "UI" else _text, attribute)


_CONVERTERS = tuple((attribute.tag, attribute.column, _converter(attribute)) for attribute in ATTRIBUTES)
_REQUIRED = tuple(attribute.column for attribute in ATTRIBUTES if attribute.required)


def convert(reading: Reading) -> dict[str, object]:
    """Return column -> value of every indexed attribute that is present and not empty.

    :raises IllegalIdentifier: when a required attribute is missing, empty or illegal.
    """
    values: dict[str, object] = {}
    raw = reading.raw
    for tag, column, converter in _CONVERTERS:
        found = raw.get(tag)
        if found is not None:
            value = converter(reading, *found)
            if value != "":
                values[column] = value
    lacking = [BY_COLUMN[column] for column in _REQUIRED if column not in values]
    if lacking:
        named = ", ".join(
            f"{attribute.keyword} is {'empty' if attribute.tag in raw else 'missing'}"
            for attribute in lacking
        )
        raise IllegalIdentifier(f"{named}; the archive cannot file an object without it.", advice=_ADVICE)
    return values


def ctp_tags(reading: Reading) -> tuple[str | None, str | None]:
    """Return collection and site from the private block of creator CTP in group 0013, None where absent."""
    raw = reading.raw
    for creator in CTP_CREATORS:
        if creator in raw and raw[creator][1].strip(b"\0 ") == CTP_CREATOR:
            block = 0x00130000 | (creator & 0xFF) << 8
            collection, site = (
                reading.text(raw[block | element][1], "LO")[:_CTP_LENGTH].strip() or None
                if block | element in raw
                else None
                for element in (0x10, 0x12)
            )
            return collection, site
    return None, None
