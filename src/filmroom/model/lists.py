"""Shared lists: named sets of series that an account makes and everybody may read who may see the series."""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass

from filmroom.errors import InvalidInput
from filmroom.model.policy import checked_address

MOST_SERIES = 50_000
"""Series on one list."""
MOST_LISTS = 1_000
"""Lists of one account."""
_LONGEST_NAME = 200
_LONGEST_DESCRIPTION = 4_000


@dataclass(frozen=True, slots=True)
class NewList:
    """A list as it is to be made; checked on construction.

    Series named twice are on it once. :raises InvalidInput: for a name, description, address or number of
    series that no list can have.
    """

    name: str
    series_instance_uids: tuple[str, ...]
    description: str = ""
    hyperlink: str = ""

    def __post_init__(self) -> None:
        name = self.name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidInput(f"The name of a list has 1 to {_LONGEST_NAME} printable characters.")
        if len(self.description) > _LONGEST_DESCRIPTION:
            raise InvalidInput(f"The description of a list has at most {_LONGEST_DESCRIPTION} characters.")
        uids = tuple(dict.fromkeys(self.series_instance_uids))
        if not 1 <= len(uids) <= MOST_SERIES:
            raise InvalidInput(f"A list has 1 to {MOST_SERIES} series.")
        address = checked_address(self.hyperlink, "list") if self.hyperlink.strip() else ""
        for field, value in (("name", name), ("series_instance_uids", uids), ("hyperlink", address)):
            object.__setattr__(self, field, value)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One series on a list; ``id`` is internal."""

    id: int
    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class SharedList:
    """A list as a viewer sees it: ``entries`` are those whose series it may see, in the order given.

    ``owner`` is a login, empty for viewers without one. ``usage_count``: how often it was given out.
    """

    id: int
    name: str
    description: str
    hyperlink: str
    owner: str
    created: dt.datetime
    usage_count: int
    entries: tuple[ListEntry, ...]


@dataclass(frozen=True, slots=True)
class ListUse:
    """One time that a list was given out."""

    list_id: int


def folded(name: str) -> str:
    """Return a name as names are compared: without blanks around it and without its case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
