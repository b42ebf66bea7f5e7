"""Bytes of text values into text: character sets (PS3.3 C.12.1.1.2, PS3.5 section 6.1) and cleaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

ESCAPE = b"\x1b"
# What returns to the first character set (PS3.5 section 6.1.2.5.3): line ends, tabulator, form feed; the
# separator of values, and in names those of components and component groups.
_RESETS = re.compile(rb"[\r\n\t\f\\]")
_RESETS_IN_NAMES = re.compile(rb"[\r\n\t\f\\^=]")
_FRAGMENTS = re.compile(rb"\A[^\x1b]+|\x1b[^\x1b]*")

# What a database or a format refuses, or a person cannot see: C0, DEL, C1, and the two noncharacters that
# XML 1.0 forbids.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_CONTROLS_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")

_DEFAULT = "iso8859"
_TERMS = 16  # more character sets than the standard has code extensions are no honest value
# Encodings whose Python codec reads the escape sequences itself.
_READS_ESCAPES = frozenset({"iso2022_jp", "iso2022_jp_2"})


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """The Python encodings of a Specific Character Set: the first one, and those reached by escapes.

    ``declared`` is False where the file names none, so that bytes above 127 have no meaning.
    """

    encodings: tuple[str, ...]
    declared: bool
    warnings: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def character_set(value: bytes) -> CharacterSet:
    """Return the character set that a value of (0008,0005) names; unknown terms become warnings."""
    from pydicom.charset import STAND_ALONE_ENCODINGS, python_encoding

    terms = [term.strip(" \0") for term in value.decode("latin_1").split("\\")][:_TERMS]
    encodings: list[str] = []
    warnings: list[str] = []
    for index, term in enumerate(terms):
        known = _corrected(term, python_encoding)
        if known is None:
            warnings.append(f"The character set {term[:32]!r} is unknown; the default one was used.")
            known = ""
        elif known != term:
            warnings.append(f"The character set {term[:32]!r} was taken as {known!r}.")
        if index and known in STAND_ALONE_ENCODINGS:
            warnings.append(f"The character set {known!r} cannot extend another one and was ignored.")
            continue
        encodings.append(python_encoding[known])
        if index == 0 and known in STAND_ALONE_ENCODINGS:
            break
    return CharacterSet(tuple(encodings), terms[0] not in {"", "ISO_IR 6", "ISO 2022 IR 6"}, tuple(warnings))


def _corrected(term: str, known: dict[str, str]) -> str | None:
    """Return the defined term that is meant, None when there is none."""
    if term in known:
        return term
    words = re.sub(r"[^0-9A-Z]+", " ", term.upper()).strip()
    if words in {"UTF 8", "UTF8"}:
        return "ISO_IR 192"
    match = re.fullmatch(r"ISO ?(2022 ?)?IR ?(\d{1,3})", words)
    if match is None:
        return None
    meant = f"ISO 2022 IR {match[2]}" if match[1] else f"ISO_IR {match[2]}"
    return meant if meant in known else None


def decode(data: bytes, characters: CharacterSet, *, name: bool = False) -> tuple[str, str]:
    """Decode one value (all its components and values). Returns the text and a warning or ``""``.

    ``name``: the value is a person name, in which ``^`` and ``=`` end the reach of an escape sequence.
    """
    first = characters.encodings[0]
    if ESCAPE not in data:
        text, warning = _decode_part(data, first)
        if not warning and not characters.declared and not data.isascii():
            warning = "holds bytes that its character set does not have; they were read as Latin-1"
        return text, warning
    resets = _RESETS_IN_NAMES if name else _RESETS
    parts: list[str] = []
    worst = ""
    for fragment in _FRAGMENTS.findall(data):
        for part, encoding in _split_fragment(fragment, characters.encodings, resets):
            text, warning = _decode_part(part, encoding or first)
            if encoding is None:
                warning = "uses an escape sequence that its character set does not have"
            parts.append(text)
            worst = worst or warning
    return "".join(parts), worst


def _split_fragment(
    fragment: bytes, encodings: tuple[str, ...], resets: re.Pattern[bytes]
) -> list[tuple[bytes, str | None]]:
    """Split what begins with one escape sequence into parts and their encodings (None: unknown escape)."""
    from pydicom.charset import CODES_TO_ENCODINGS

    if not fragment.startswith(ESCAPE):
        return [(fragment, encodings[0])]
    length = 4 if fragment[1:3] in {b"$(", b"$)"} else 3
    encoding = CODES_TO_ENCODINGS.get(fragment[:length], "")
    if encoding != _DEFAULT and encoding not in encodings:
        return [(fragment[1:], None)]
    if encoding in _READS_ESCAPES:
        return [(fragment, encoding)]
    content = fragment[length:]
    end = resets.search(content)
    if end is None:
        return [(content, encoding)]
    return [(content[: end.start()], encoding), (content[end.start() :], encodings[0])]


def _decode_part(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), ""
    except UnicodeError:
        return data.decode(encoding, "replace"), "holds bytes that its character set does not have"


def clean(text: str, *, lines: bool = False) -> str:
    """Remove control characters (with ``lines``, keep line ends and tabulators)."""
    return (_CONTROLS_BUT_LINES if lines else _CONTROLS).sub("", text)
