"""The record of a DOI as it travels: the ``attributes`` of a JSON:API document, read without trust.

Records of the real service have parts that are absent, null or of another type than they should be, so every
part is asked for with a function that answers with nothing then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from filmroom.model.html_text import html_text

DOI_RESOLVER = "https://doi.org/"
UNAVAILABLE = ":(unav)"
"""What stands for a creator who is not known (DataCite Metadata Schema 4.7, appendix 3)."""

Part = Mapping[str, Any]


def parts(holder: Part, name: str) -> list[Part]:
    """Return the objects of a list of a record; whatever else is in it is left out."""
    found = holder.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []


def part(holder: Part, name: str) -> Part:
    """Return an object of a record, empty where there is none."""
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def text(holder: Part, name: str) -> str | None:
    """Return a text of a record; None where it is absent, empty, or neither text nor number."""
    found = holder.get(name)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    return str(found).strip() or None


def texts(holder: Part, name: str) -> list[str]:
    """Return the texts of a list of a record."""
    found = holder.get(name)
    given = found if isinstance(found, list | tuple) else [found]
    return [each.strip() for each in given if isinstance(each, str) and each.strip()]


def without_nulls(holder: Part) -> dict[str, Any]:
    """Return what is known of an object."""
    return {name: value for name, value in holder.items() if value is not None}


def bare_doi(value: str) -> str:
    """Return a DOI without the resolver's address or ``doi:`` before it, in lower case."""
    name = value.strip().lower()
    return re.sub(r"^(?:https?://(?:dx\.|www\.)?doi\.org/|doi:\s*)", "", name)


@dataclass(frozen=True, slots=True)
class Record:
    """A record with the symbols of the repository and the provider that it belongs to."""

    attributes: Part
    client: str | None = None
    provider: str | None = None

    @classmethod
    def of(cls, data: Part) -> Record:
        """Return the record of the ``data`` of an answer."""
        relations = part(data, "relationships")
        client, provider = (
            text(part(part(relations, name), "data"), "id") for name in ("client", "provider")
        )
        attributes = part(data, "attributes")
        if client is not None and provider is None:
            # Lists tell the repository alone; a provider's symbol is the first half of it.
            provider = client.partition(".")[0]
        return cls(attributes, client, provider)

    @property
    def doi(self) -> str:
        """The DOI in lower case."""
        return re.sub(r"[\x00-\x1f\x7f-\x9f]", "", bare_doi(text(self.attributes, "doi") or ""))

    @property
    def stored_doi(self) -> str:
        """The DOI in upper case, as conversions show it."""
        return self.doi.upper()

    @property
    def address(self) -> str:
        """The DOI as an address, its identifier in conversions."""
        return DOI_RESOLVER + self.doi

    @property
    def url(self) -> str | None:
        """Address of the landing page."""
        return text(self.attributes, "url")

    @property
    def title(self) -> str | None:
        """The first title."""
        return next(
            (found for each in parts(self.attributes, "titles") if (found := text(each, "title"))), None
        )

    @property
    def publisher(self) -> Part:
        """The publisher as an object, empty where there is none."""
        given = self.attributes.get("publisher")
        name = given.strip() if isinstance(given, str) else ""
        return {"name": name} if name else part(self.attributes, "publisher")

    @property
    def year(self) -> int | None:
        """The year of publication."""
        found = text(self.attributes, "publicationYear")
        return int(found) if found and re.fullmatch(r"[0-9]{4}", found) else None

    @property
    def types(self) -> Part:
        return part(self.attributes, "types")

    @property
    def container(self) -> Part:
        return part(self.attributes, "container")

    @property
    def pages(self) -> str | None:
        """First and last page in the container."""
        first, last = text(self.container, "firstPage"), text(self.container, "lastPage")
        return None if first is None else "-".join(filter(None, (first, last)))

    @property
    def creators(self) -> list[Part]:
        """Who made it, in the order of citation; nobody where the only creator is not known."""
        people = parts(self.attributes, "creators")
        unknown = len(people) == 1 and text(people[0], "name") == UNAVAILABLE
        return [] if unknown else people

    @property
    def contributors(self) -> list[Part]:
        return parts(self.attributes, "contributors")

    @property
    def subjects(self) -> list[str]:
        """The subjects' texts."""
        return [found for each in parts(self.attributes, "subjects") if (found := text(each, "subject"))]

    @property
    def version(self) -> str | None:
        return text(self.attributes, "version")

    @property
    def language(self) -> str | None:
        return text(self.attributes, "language")

    @property
    def rights(self) -> list[Part]:
        return parts(self.attributes, "rightsList")

    def date(self, kind: str) -> str | None:
        """Return the first date of a kind, for example ``Issued``."""
        dates = (
            text(each, "date") for each in parts(self.attributes, "dates") if each.get("dateType") == kind
        )
        return next(filter(None, dates), None)

    def description(self, kind: str | None = None) -> str | None:
        """Return the first description of a kind, or of any."""
        found = (
            text(each, "description")
            for each in parts(self.attributes, "descriptions")
            if kind is None or each.get("descriptionType") == kind
        )
        return next(filter(None, found), None)

    def plain_description(self, kind: str | None = None) -> str | None:
        """Return the same as text: without tags, entities decoded."""
        found = self.description(kind)
        return None if found is None else html_text(found, line_break="\n")

    def related(self, *kinds: str) -> Iterator[Part]:
        """Yield the related identifiers of these kinds of relation that have one."""
        for each in parts(self.attributes, "relatedIdentifiers"):
            if each.get("relationType") in kinds and text(each, "relatedIdentifier"):
                yield each


def full_name(person: Part) -> str | None:
    """Return a person's name as it is sorted: ``Family, Given`` where the parts are known."""
    family, given = text(person, "familyName"), text(person, "givenName")
    if family:
        return f"{family}, {given}" if given else family
    return text(person, "name")


def affiliations(person: Part) -> list[Part]:
    """Return a person's affiliations as objects with a name."""
    given = person.get("affiliation")
    listed = given if isinstance(given, list | tuple) else [given]
    found = ({"name": each.strip()} if isinstance(each, str) else each for each in listed)
    return [each for each in found if isinstance(each, Mapping) and text(each, "name")]
