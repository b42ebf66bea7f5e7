"""Suffixes of new DOIs: a number in Crockford's base 32 with two check digits, ``3mfp-6m52``.

Source: Crockford's base 32 (no i, l, o, u) and ISO/IEC 7064 MOD 97-10, as DataCite makes its own.
"""

from __future__ import annotations

import re
import secrets

from filmroom.errors import InvalidInput

BELOW = 1_073_741_823
"""The numbers that are encoded are less than this."""

_SYMBOLS = "0123456789abcdefghjkmnpqrstvwxyz"


def suffix_of(number: int) -> str:
    """Return the suffix of a number: four characters, a dash, two characters and two check digits.

    :raises ValueError: when the number is negative or not below :data:`BELOW`.
    """
    if not 0 <= number < BELOW:
        raise ValueError(f"A suffix is made of a number from 0 to {BELOW - 1}, not {number}.")
    check = 98 - number * 100 % 97
    text = ""
    for _ in range(6):
        number, digit = divmod(number, 32)
        text = _SYMBOLS[digit] + text
    return f"{text[:4]}-{text[4:]}{check:02d}"


def random_suffix() -> str:
    """Return a suffix that nobody can foresee; whether it is free is the catalogue's to say."""
    return suffix_of(secrets.randbelow(BELOW))


def suffix_after(template: str, *, short_name: str, year: int) -> str:
    """Return a suffix after a template such as ``tcia.{year}.{random}``; ``random`` alone is a template, too.

    :param short_name: the dataset's, for ``{short_name}``; what a DOI cannot hold becomes a dash.
    :raises InvalidInput: for a template that has other parts in braces, or makes nothing.
    """
    if template == "random":
        return random_suffix()
    plain = re.sub(r"[^0-9a-z\-._]+", "-", short_name.lower()).strip("-")
    parts = {"short_name": plain, "year": str(year), "random": random_suffix()}
    suffix = template.lower()
    for name, value in parts.items():
        suffix = suffix.replace(f"{{{name}}}", value)
    if not re.fullmatch(r"[0-9a-z\-._;()/:*~$=]+", suffix):
        raise InvalidInput(
            f"Not a template of suffixes: {template!r}.",
            advice="It holds letters, digits, - . _ / and {short_name}, {year} or {random}.",
        )
    return suffix
