"""Parts of lists: pages by number, cursors, scrolls, and the addresses of what follows."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from filmroom.errors import NotFound
from filmroom.model.doi_questions import BEGINNING, Cursor
from filmroom.server.datacite.calls import DoiCall, Parameters, leading_number

DEFAULT_SIZE, LARGEST_SIZE = 25, 1_000
MOST_BY_NUMBER = 10_000
"""How far page numbers reach; what lies beyond needs a cursor."""

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC as everywhere
_LONGEST_SCROLL = 20_000
_PERIOD = re.compile(r"([0-9]{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_PERIOD = 3_600


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is asked for. ``number`` counts from 1; with a ``cursor`` it says nothing."""

    size: int = DEFAULT_SIZE
    number: int = 1
    cursor: Cursor | None = None

    @classmethod
    def asked(cls, parameters: Parameters, *, size_name: str = "page[size]") -> Paging:
        """Return what a request asks for; what makes no sense becomes what does."""
        size = DEFAULT_SIZE
        if parameters.text(size_name):
            size = min(leading_number(parameters.text(size_name)), LARGEST_SIZE)
            size = DEFAULT_SIZE if size < 0 else size
        if "page[cursor]" in parameters:
            return cls(size, cursor=_cursor(parameters.text("page[cursor]")))
        number = max(leading_number(parameters.text("page[number]")), 1)
        return cls(size, max(min(number, MOST_BY_NUMBER // size), 1) if size else 1)

    @property
    def offset(self) -> int:
        """How many come before the page."""
        return (self.number - 1) * self.size

    def meta(self, total: int, *, capped: bool = True) -> dict[str, Any]:
        """Return the numbers that an answer begins its ``meta`` with.

        :param capped: page numbers end at :data:`MOST_BY_NUMBER`.
        """
        reached = min(total, MOST_BY_NUMBER) if capped and self.cursor is None else total
        pages = -(-reached // self.size) if self.size else 0
        made = {"total": total, "totalPages": pages}
        return made if self.cursor is not None else made | {"page": self.number}

    def links(
        self,
        call: DoiCall,
        total: int,
        count: int,
        last: tuple[dt.datetime, str] | None,
        *,
        capped: bool = True,
    ) -> dict[str, str]:
        """Return the addresses of an answer and of what follows it.

        :param count: how many items it has. :param last: creation and name of the last one.
        :param capped: see :meth:`meta`.
        """
        made = {"self": call.address}
        more = {"page[size]": str(self.size)}
        if not self.size or count < self.size:
            return made
        if self.cursor is not None and last is not None:
            made["next"] = call.next_address(more | {"page[cursor]": encoded_cursor(*last)})
        elif self.number < self.meta(total, capped=capped)["totalPages"]:
            made["next"] = call.next_address(more | {"page[number]": str(self.number + 1)})
        return made


def encoded_cursor(created: dt.datetime, doi: str) -> str:
    """Return the cursor that follows on a record."""
    moment = (created - _EPOCH) // dt.timedelta(milliseconds=1)
    return base64.urlsafe_b64encode(f"{moment},{doi}".encode()).decode().rstrip("=")


def _cursor(text: str) -> Cursor:
    """Return a place from a cursor; whatever is none is the beginning."""
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        moment, comma, doi = decoded.partition(",")
        if not comma:
            return BEGINNING
        return Cursor(_EPOCH + dt.timedelta(milliseconds=int(moment)), doi.lower())
    except (binascii.Error, ValueError, OverflowError):
        return BEGINNING


# -- scrolls ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scroll:
    """A list read through piece by piece. Its identifier holds the question and the place, for a while."""

    parameters: Parameters
    place: Cursor = BEGINNING
    seconds: int = 60
    began: float = field(default_factory=time.time)

    @classmethod
    def asked(cls, parameters: Parameters) -> Scroll | None:
        """Return the scroll that a request begins or goes on with, None for another kind of list.

        :raises NotFound: for one that has expired, or never was.
        """
        seconds = _period(parameters.text("page[scroll]"))
        identifier = parameters.text("scroll_id")
        if identifier:
            return cls._continued(identifier, seconds)
        return cls(parameters, seconds=seconds) if "page[scroll]" in parameters else None

    @classmethod
    def _continued(cls, identifier: str, seconds: int) -> Scroll:
        try:
            if len(identifier) > _LONGEST_SCROLL:
                raise ValueError
            packed = base64.urlsafe_b64decode(identifier + "=" * (-len(identifier) % 4))
            query, moment, doi, expires = json.loads(zlib.decompressobj().decompress(packed, _LONGEST_SCROLL))
            if not (isinstance(query, str) and isinstance(doi, str) and float(expires) > time.time()):
                raise ValueError
            place = Cursor(_EPOCH + dt.timedelta(milliseconds=int(moment)), doi)
            return cls(Parameters(query.encode("latin-1")), place, seconds)
        except (ValueError, TypeError, OverflowError, zlib.error, RecursionError):
            raise NotFound("There is no such scroll, or it has expired.") from None

    def identifier(self, last: tuple[dt.datetime, str] | None) -> str:
        """Return what the next piece is asked by. :param last: creation and name of the last record."""
        created, doi = last or (self.place.created, self.place.doi)
        moment = (created - _EPOCH) // dt.timedelta(milliseconds=1)
        said = [self.parameters.query_with({}), moment, doi, int(self.began) + self.seconds]
        return base64.urlsafe_b64encode(zlib.compress(json.dumps(said).encode())).decode().rstrip("=")


def _period(text: str) -> int:
    found = _PERIOD.fullmatch(text)
    return min(int(found[1]) * _SECONDS[found[2]], _LONGEST_PERIOD) if found else 60
