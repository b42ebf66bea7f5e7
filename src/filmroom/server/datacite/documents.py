"""Records as JSON: names, order and nulls of DataCite's API."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from filmroom.model.doi_metadata import Attributes, StoredAttributes
from filmroom.model.dois import OVER_TIME, RELATION_LISTS, DoiRecord, ShownDoi
from filmroom.server.datacite.calls import Parameters

Json = dict[str, Any]

_LEFT_OUT_OF_COMPOSITE = (
    "contributors",
    "fundingReferences",
    "relatedIdentifiers",
    "geoLocations",
    "subjects",
)
_COUNTS_BEFORE_PARTS = (
    ("viewCount", "viewsOverTime"),
    ("downloadCount", "downloadsOverTime"),
    ("referenceCount", None),
    ("citationCount", "citationsOverTime"),
    ("partCount", None),
    ("partOfCount", None),
    ("versionCount", None),
    ("versionOfCount", None),
)
assert {name for _, name in _COUNTS_BEFORE_PARTS if name} == set(OVER_TIME)  # noqa: S101


def time_text(moment: dt.datetime | None, *, in_list: bool = False) -> str | None:
    """Return a time stamp: lists have no milliseconds, single resources have them."""
    if moment is None:
        return None
    return f"{moment.isoformat(timespec='seconds' if in_list else 'milliseconds')}Z"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer shows of each record, as its parameters ask.

    ``detail``: everything that a single record has. ``in_list``: it is an item of a list.
    """

    in_list: bool = False
    detail: bool = True
    composite: bool = False
    affiliation: bool = False
    publisher: bool = False
    agency: bool = False
    fields: frozenset[str] | None = None

    @classmethod
    def asked(cls, parameters: Parameters, *, in_list: bool) -> Shape:
        """Return the shape that a request asks for."""
        fields = parameters.list("fields[dois]")
        return cls(
            in_list=in_list,
            detail=not in_list or bool(parameters.text("detail")),
            composite=in_list and bool(parameters.text("composite")),
            affiliation=parameters.is_true("affiliation"),
            publisher=parameters.is_true("publisher"),
            agency=bool(parameters.text("include_other_registration_agencies")),
            fields=frozenset(fields) if "fields[dois]" in parameters else None,
        )

    def resource(self, shown: ShownDoi) -> Json:
        """Return a record as a resource object."""
        attributes, relationships = self._attributes(shown), self._relationships(shown)
        if self.fields is not None:
            attributes = {name: value for name, value in attributes.items() if name in self.fields}
            relationships = {name: value for name, value in relationships.items() if name in self.fields}
        return {
            "id": shown.record.doi,
            "type": "dois",
            "attributes": attributes,
            "relationships": relationships,
        }

    def _attributes(self, shown: ShownDoi) -> Json:
        record = shown.record
        made: Json = {"doi": record.doi}
        if self.detail:
            made["prefix"] = record.prefix
            made["suffix"] = record.suffix
        attributes = record.attributes
        for name in attributes:
            made[name] = _as_it_is(attributes, name)
            if name == "identifiers" and self.detail:
                made["alternateIdentifiers"] = [_alternate(each) for each in attributes[name]]
        made.pop("contentUrl")
        self._reshape(made, attributes)
        if self.detail:
            made["xml"] = None if record.xml is None else base64.b64encode(record.xml).decode()
        made["url"] = record.url
        made["contentUrl"] = _as_it_is(attributes, "contentUrl")
        made["metadataVersion"] = record.metadata_version
        made["schemaVersion"] = record.schema_version
        made["source"] = record.source
        made["isActive"] = record.is_findable
        made["state"] = record.state.value
        made["reason"] = record.reason
        for name, over_time in _COUNTS_BEFORE_PARTS:
            made[name] = shown.counts[name]
            if over_time is not None and self.detail:
                made[over_time] = list(shown.over_time.get(over_time, ()))
        self._times(made, record)
        return made

    def _reshape(self, made: Json, attributes: Attributes) -> None:
        if not self.publisher and attributes["publisher"] is not None:
            made["publisher"] = attributes["publisher"].get("name")
        if not self.affiliation:
            for people in ("creators", "contributors"):
                if _has_affiliations(made[people]):
                    made[people] = [_with_names_alone(person) for person in attributes[people]]
        if self.composite:
            for name in _LEFT_OUT_OF_COMPOSITE:
                made.pop(name)

    def _times(self, made: Json, record: DoiRecord) -> None:
        year = record.attributes["publicationYear"]
        made["created"] = time_text(record.created, in_list=self.in_list)
        made["registered"] = time_text(record.registered, in_list=self.in_list)
        made["published"] = None if self.in_list or year is None else str(year)
        made["updated"] = time_text(record.updated, in_list=self.in_list)
        if self.agency:
            made["agency"] = "datacite"

    def _relationships(self, shown: ShownDoi) -> Json:
        record = shown.record
        made: Json = {"client": {"data": {"id": record.client, "type": "clients"}}}
        if not self.detail:
            return made
        made["provider"] = {"data": {"id": record.provider, "type": "providers"}}
        if not self.in_list:
            # One object with the record's own DOI: a quirk that programs know.
            made["media"] = {"data": {"id": record.doi, "type": "media"}}
        for name in RELATION_LISTS:
            others = shown.relations.get(name, ())
            made[name] = {"data": [{"id": each, "type": "dois"} for each in others]}
        return made


def _as_it_is(attributes: Attributes, name: str) -> Any:
    """Return a value to be shown: as the JSON that it is stored as, where it comes from there."""
    return attributes.encoded(name) if isinstance(attributes, StoredAttributes) else attributes[name]


def _has_affiliations(people: Any) -> bool:
    return not isinstance(people, msgspec.Raw) or b'"affiliation":[{' in bytes(people)


def _alternate(identifier: Mapping[str, Any]) -> Json:
    return {
        "alternateIdentifierType": identifier.get("identifierType"),
        "alternateIdentifier": identifier.get("identifier"),
    }


def _with_names_alone(person: Mapping[str, Any]) -> Json:
    """Return a person whose affiliations are texts."""
    if not person["affiliation"]:
        return dict(person)
    return {**person, "affiliation": [each["name"] for each in person["affiliation"] if each.get("name")]}


def included_clients(symbols: Iterable[str], resources: Mapping[str, Json]) -> list[Json]:
    """Return the resource objects of repositories that are known, each once."""
    return [resources[symbol] for symbol in dict.fromkeys(symbols) if symbol in resources]
