"""The metadata of a DOI: its names, and the one form in which it is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from filmroom.errors import InvalidInput

Attributes = Mapping[str, Any]
_YEARS = range(1, 10_000)

_LISTS = (
    "identifiers",
    "creators",
    "titles",
    "subjects",
    "contributors",
    "dates",
    "relatedIdentifiers",
    "relatedItems",
    "rightsList",
    "descriptions",
    "geoLocations",
    "fundingReferences",
)
_TEXT_LISTS = ("sizes", "formats")

METADATA: Mapping[str, Any] = {
    "identifiers": [],
    "creators": [],
    "titles": [],
    "publisher": None,
    "container": {},
    "publicationYear": None,
    "subjects": [],
    "contributors": [],
    "dates": [],
    "language": None,
    "types": {},
    "relatedIdentifiers": [],
    "relatedItems": [],
    "sizes": [],
    "formats": [],
    "version": None,
    "rightsList": [],
    "descriptions": [],
    "geoLocations": [],
    "fundingReferences": [],
    "contentUrl": [],
}
"""Every name of ``attributes`` in order, and its value where nothing is said."""

STORAGE_NAMES: Mapping[str, str] = {
    "creators": "creators",
    "contributors": "contributors",
    "titles": "titles",
    "publicationYear": "publication_year",
    "types": "types",
    "descriptions": "descriptions",
    "container": "container",
    "sizes": "sizes",
    "formats": "formats",
    "version": "version_info",
    "language": "language",
    "dates": "dates",
    "identifiers": "identifiers",
    "relatedIdentifiers": "related_identifiers",
    "relatedItems": "related_items",
    "fundingReferences": "funding_references",
    "geoLocations": "geo_locations",
    "rightsList": "rights_list",
    "subjects": "subjects",
    "contentUrl": "content_url",
    "publisher": "publisher",
}
"""Names of attributes in activities, in their order there."""


class StoredAttributes(Mapping[str, Any]):
    """Metadata from its JSON; a value is decoded when it is asked for, since lists pass most of them on."""

    __slots__ = ("_decoded", "_parts")

    def __init__(self, text: str) -> None:
        self._parts = _PARTS.decode(text)
        self._decoded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a value, always the same object."""
        if name not in self._decoded:
            self._decoded[name] = msgspec.json.decode(self._parts[name])
        return self._decoded[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names in order."""
        return iter(self._parts)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._parts)

    def __repr__(self) -> str:
        """Return the metadata as a dictionary is shown."""
        return repr(dict(self))

    def encoded(self, name: str) -> msgspec.Raw:
        """Return a value as JSON."""
        return self._parts[name]


_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def complete(attributes: Attributes) -> dict[str, Any]:
    """Return metadata with every name of :data:`METADATA`, in order, nested keys in DataCite's order.

    A publisher given as text becomes an object, affiliations likewise; what has another name is left out.

    :raises InvalidInput: where a value has another type than its name allows.
    """
    made: dict[str, Any] = {}
    for name, default in METADATA.items():
        value = attributes.get(name, default)
        if value is None and default is not None and name != "contentUrl":
            value = default
        made[name] = _ordered(_CHECKS.get(name, _as_given)(name, value))
    return made


def _as_given(_name: str, value: Any) -> Any:
    return value


def _objects(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InvalidInput(f"{name} must be a list of objects.")
    return value


def _people(name: str, value: Any) -> list[Any]:
    people = []
    for person in _objects(name, value):
        affiliations = person.get("affiliation")
        if affiliations is None:
            affiliations = []
        elif isinstance(affiliations, str | Mapping):
            affiliations = [affiliations]
        if not isinstance(affiliations, list) or not all(isinstance(a, str | Mapping) for a in affiliations):
            raise InvalidInput(f"affiliation of {name} must be a list of texts or objects.")
        names = person.get("nameIdentifiers") or []
        made = {**person, "nameIdentifiers": _objects("nameIdentifiers", names)}
        made["affiliation"] = [{"name": each} if isinstance(each, str) else each for each in affiliations]
        people.append(made)
    return people


def _texts(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{name} must be a list of texts.")
    return value


def _object(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object.")
    return value


def _publisher(name: str, value: Any) -> Any:
    if value is None or isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text or an object.")
    return {"name": value} if value else None


def _year(name: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,4}", text) or int(text) not in _YEARS:
        raise InvalidInput(f"{name} must be a year.")
    return int(text)


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{name} must be a text.")
    return str(value)


def _content_url(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    return None if value is None else _texts(name, value)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(_LISTS, _objects),
    **dict.fromkeys(("creators", "contributors"), _people),
    **dict.fromkeys(_TEXT_LISTS, _texts),
    "container": _object,
    "types": _object,
    "publisher": _publisher,
    "publicationYear": _year,
    "language": _text,
    "version": _text,
    "contentUrl": _content_url,
}


_DEEPEST = 12
_NO_CHARACTERS = re.compile("[\0\ud800-\udfff]")


def _ordered(value: Any, depth: int = 0) -> Any:
    """Return a value with the keys of its objects in DataCite's order: shorter first, then by byte.

    :raises InvalidInput: for what is no JSON, or nested without end.
    """
    if depth > _DEEPEST:
        raise InvalidInput("The metadata is nested too deeply.")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidInput("The names in an object must be texts.")
        keys = sorted(value, key=lambda key: (len(key), key))
        return {clean(key): _ordered(value[key], depth + 1) for key in keys}
    if isinstance(value, list):
        return [_ordered(each, depth + 1) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("A number of the metadata is infinite or none.")
    if value is not None and not isinstance(value, str | bool | int | float):
        raise InvalidInput(f"The metadata holds a value that is no JSON: {type(value).__name__}.")
    return clean(value) if isinstance(value, str) else value


def clean(text: str) -> str:
    """Return a text without what no database takes: NUL, and halves of characters."""
    return _NO_CHARACTERS.sub("", text)
