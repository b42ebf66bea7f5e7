"""What a request asks of a resource, read with care: pages, fields, numbers, search, order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from starlette.datastructures import QueryParams

from filmroom.errors import InvalidInput
from filmroom.wire.collection_manager.resources import Field, Resource, Version

PER_PAGE, MOST_PER_PAGE = 10, 1_000
_LARGEST = 2**53
_MOST_NUMBERS = 5_000
_LONGEST_SEARCH = 200
_PARAMETERS = {"v1": ("_fields", "include"), "v2": ("fields", "id")}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: ``fields`` are those to be told, in the resource's order."""

    resource: Resource
    fields: tuple[Field, ...]
    numbers: frozenset[int] | None = None
    search: str = ""
    orderby: str = ""
    descending: bool = False
    page: int = 1
    per_page: int = PER_PAGE

    @classmethod
    def of(cls, resource: Resource, version: Version, given: QueryParams) -> Self:
        """Read the parameters of a request; others than the API's are passed over.

        :raises InvalidInput: for a value that cannot be.
        """
        named, numbered = _PARAMETERS[version]
        known = resource.fields_of(version)
        wanted = {name.strip() for name in given.get(named, "").split(",")} - {""}
        # A page builder names a field of a field as title.rendered: it gets the whole of it.
        wanted |= {name.partition(".")[0] for name in wanted}
        long = version == "v1" or given.get("v", "") in {"1", "true"}
        fields = [each for each in known if (each.name in wanted if wanted else long or not each.long)]
        search, orderby, order = (given.get(name, "").strip() for name in ("search", "orderby", "order"))
        if len(search) > _LONGEST_SEARCH:
            raise InvalidInput(f"search has at most {_LONGEST_SEARCH} characters.")
        if orderby and orderby not in {each.name for each in known} and orderby != "include":
            raise InvalidInput(f"orderby is the name of a field, not {orderby[:60]!r}.")
        if order.lower() not in {"", "asc", "desc"}:
            raise InvalidInput(f"order is asc or desc, not {order[:60]!r}.")
        return cls(
            resource,
            tuple(fields),
            _numbers(numbered, given.get(numbered, "")),
            search.casefold(),
            "" if orderby == "include" else orderby,
            order.lower() == "desc",
            _number("page", given.get("page", "1"), _LARGEST),
            _number("per_page", given.get("per_page", str(PER_PAGE)), MOST_PER_PAGE),
        )

    def found(self, rows: Sequence[Any]) -> list[Any]:
        """Return the rows that are asked about, in order, of all pages."""
        found = [row for row in rows if self.numbers is None or row.number in self.numbers]
        if self.search:
            found = [row for row in found if self.search in self._text(row)]
        make = {each.name: each.make for each in self.resource.fields}.get(self.orderby)
        # Always by number in the end: pages of one question never overlap.
        found.sort(key=lambda row: row.number, reverse=self.descending)
        if make is not None:
            found.sort(key=lambda row: _sorted_by(make(row)), reverse=self.descending)
        return found

    def part(self, found: Sequence[Any]) -> Sequence[Any]:
        """Return the rows of the page."""
        first = (self.page - 1) * self.per_page
        return found[first : first + self.per_page]

    def pages(self, found: Sequence[Any]) -> int:
        """Return the number of pages, one even if there is nothing."""
        return max(1, -(-len(found) // self.per_page))

    def _text(self, row: Any) -> str:
        return "\n".join(_texts(each.make(row)) for each in self.resource.fields).casefold()


def _texts(value: Any) -> str:
    """Return the words of a value; addresses are none, and other things that it refers to have their own."""
    given = value if isinstance(value, list) else [value]
    words = [each for each in given if isinstance(each, str)]
    return "\n".join(each for each in words if not each.startswith(("http://", "https://")))


def _sorted_by(value: Any) -> tuple[int, float, str]:
    """Return what a value is sorted by: numbers, then texts in any case of letters, then nothing."""
    if value in (None, "", []):
        return 2, 0, ""
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0, _texts(value).casefold() or repr(value)


def _numbers(name: str, text: str) -> frozenset[int] | None:
    given = [part.strip() for part in text.split(",") if part.strip()]
    if len(given) > _MOST_NUMBERS:
        raise InvalidInput(f"{name} has at most {_MOST_NUMBERS} numbers.")
    return frozenset(_number(name, part, _LARGEST) for part in given) if given else None


def _number(name: str, text: str, largest: int) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= 16
    if not digits or not 1 <= int(text) <= largest:
        raise InvalidInput(f"{name} is a number from 1 to {largest}, not {text[:60]!r}.")
    return int(text)
