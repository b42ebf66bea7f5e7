"""Data usage agreements: what an archive asks its users to agree to before it gives restricted data out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from filmroom.errors import InvalidInput

LONGEST_AGREEMENT = 256 * 1024
"""Characters that the text of an agreement may have; it is part of every ZIP."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of a text. ``collection`` is None for the archive's own, which holds for every collection
    that has none.

    Every edit is a new version; ``superseded`` says since when it is not current. Times are naive UTC.
    """

    id: int
    collection: str | None
    version: int
    text: str
    created: dt.datetime
    superseded: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class ShownAgreement:
    """A current agreement as one account is asked for it; what travels between server and client.

    ``required``: restricted series that the account was granted come under it. ``accepted``: when the account
    agreed to this version, None where it did not. Times are in UTC and say so.
    """

    id: int
    collection: str | None
    version: int
    text: str
    created: dt.datetime
    required: bool
    accepted: dt.datetime | None

    @property
    def is_missing(self) -> bool:
        """Whether bytes are refused until it is accepted."""
        return self.required and self.accepted is None

    @property
    def title(self) -> str:
        """What it is called, for a person."""
        return "Data usage agreement" + (f" of {self.collection}" if self.collection is not None else "")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That an account agreed to one version; ``address`` is where it asked from."""

    login: str
    collection: str | None
    version: int
    at: dt.datetime
    address: str


def checked_agreement(text: str) -> str:
    """Return the text of an agreement with plain line ends and without blanks around it.

    :raises InvalidInput: when it is empty, too long, or holds control characters.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff").strip()
    if not plain or len(plain) > LONGEST_AGREEMENT:
        raise InvalidInput(f"The text of an agreement has 1 to {LONGEST_AGREEMENT} characters.")
    if any(not (each.isprintable() or each in "\n\t\f" or each.isspace()) for each in plain):
        raise InvalidInput("The text of an agreement holds characters that cannot be printed.")
    return plain
