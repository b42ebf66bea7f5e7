"""Creators of a dataset as a person types them: a name, an ORCID iD, an affiliation."""

from __future__ import annotations

import re
from typing import Any

from filmroom.errors import InvalidInput

_ORCID = re.compile(
    r"(?:https?://(?:www\.)?orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])", re.ASCII | re.IGNORECASE
)


def creator_of(text: str) -> dict[str, Any]:
    """Return a creator from ``Family, Given; ORCID; affiliation``; the latter two may be absent.

    A name without a comma is that of an organisation.

    :raises InvalidInput: for no name, or an ORCID iD that is none.
    """
    name, *more = (part.strip() for part in text.split(";"))
    if not name:
        raise InvalidInput(f"A creator is 'Family, Given; ORCID; affiliation', not {text[:200]!r}.")
    family, comma, given = (part.strip() for part in name.partition(","))
    creator: dict[str, Any] = {"name": name, "nameType": "Organizational"}
    if comma:
        creator = {"name": name, "nameType": "Personal", "givenName": given, "familyName": family}
    orcids = [part for part in more if re.match(r"(https?:|\d{4}-)", part)]
    affiliations = [part for part in more if part and part not in orcids]
    if len(orcids) > 1:
        raise InvalidInput(f"A creator has one ORCID iD, not several: {text[:200]!r}.")
    if orcids:
        creator["nameIdentifiers"] = [
            {
                "nameIdentifier": checked_orcid(orcids[0]),
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    creator["affiliation"] = [{"name": each} for each in affiliations]
    return creator


def checked_orcid(text: str) -> str:
    """Return an ORCID iD as an address. Source: ISO 7064 MOD 11-2. :raises InvalidInput: when it is none."""
    found = _ORCID.fullmatch(text.strip())
    digits = found[1].upper().replace("-", "") if found else ""
    total = 0
    for digit in digits[:15]:
        total = (total + int(digit)) * 2
    check = "0123456789X"[(12 - total % 11) % 11]
    if found is None or digits[15] != check:
        raise InvalidInput(f"Not an ORCID iD: {text[:80]!r}.")
    return f"https://orcid.org/{found[1].upper()}"
