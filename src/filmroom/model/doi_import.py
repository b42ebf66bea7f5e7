"""From DataCite's JSON to records: what was fetched from there, or exported, becomes a mirrored record."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from filmroom.errors import InvalidInput
from filmroom.model.doi_metadata import METADATA, clean, complete
from filmroom.model.doi_repositories import checked_symbol
from filmroom.model.dois import (
    COUNTS,
    OVER_TIME,
    RELATION_LISTS,
    DoiRecord,
    DoiState,
    ImportedFacts,
    normal_doi,
)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_LARGEST_COUNT = 1 << 53


def records_from_json(document: Any, imported_at: dt.datetime) -> Iterator[DoiRecord]:
    """Yield the records of an answer of DataCite: one record, a list of them, or the objects alone.

    :param document: decoded JSON. :param imported_at: the moment of the import, naive UTC.
    :raises InvalidInput: where it is something else.
    """
    data = document.get("data", document) if isinstance(document, Mapping) else document
    for item in data if isinstance(data, list) else [data]:
        yield _record(item, imported_at)


def _record(item: Any, imported_at: dt.datetime) -> DoiRecord:
    attributes = item.get("attributes") if isinstance(item, Mapping) else None
    if not isinstance(attributes, Mapping) or not isinstance(attributes.get("doi"), str):
        raise InvalidInput("This is no record of DataCite: it has no attributes with a doi.")
    doi = normal_doi(attributes["doi"])
    try:
        return _mirrored(doi, item, attributes, imported_at)
    except InvalidInput as error:
        raise InvalidInput(f"The record of {doi} cannot be imported: {error}") from None


def _mirrored(
    doi: str, item: Mapping[str, Any], attributes: Mapping[str, Any], imported_at: dt.datetime
) -> DoiRecord:
    relationships = item.get("relationships")
    relationships = relationships if isinstance(relationships, Mapping) else {}
    client = _identifier(relationships.get("client"))
    if client is None:
        raise InvalidInput("It does not say whose it is (relationships.client).")
    return DoiRecord(
        doi=doi,
        client=checked_symbol(client),
        state=_state(attributes.get("state")),
        attributes=complete({name: attributes[name] for name in METADATA if name in attributes}),
        url=_text(attributes, "url"),
        source=_text(attributes, "source"),
        reason=_text(attributes, "reason"),
        schema_version=_text(attributes, "schemaVersion"),
        metadata_version=_count(attributes, "metadataVersion"),
        xml=_xml(attributes.get("xml")),
        created=_time(attributes, "created"),
        registered=_time(attributes, "registered"),
        updated=_time(attributes, "updated"),
        imported_at=imported_at,
        imported=ImportedFacts(
            {name: _count(attributes, name) for name in COUNTS},
            {name: _over_time(attributes, name) for name in OVER_TIME if attributes.get(name)},
            {name: _relations(relationships.get(name)) for name in RELATION_LISTS if relationships.get(name)},
        ),
    )


def _identifier(relationship: Any) -> str | None:
    data = relationship.get("data") if isinstance(relationship, Mapping) else None
    found = data.get("id") if isinstance(data, Mapping) else None
    return found if isinstance(found, str) else None


def _relations(relationship: Any) -> tuple[str, ...]:
    data = relationship.get("data") if isinstance(relationship, Mapping) else None
    entries = data if isinstance(data, list) else []
    return tuple(
        clean(each["id"]) for each in entries if isinstance(each, Mapping) and isinstance(each.get("id"), str)
    )


def _state(value: Any) -> DoiState:
    try:
        return DoiState(value)
    except ValueError:
        raise InvalidInput("Its state is none of draft, registered, findable.") from None


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text.")
    return value


def _count(attributes: Mapping[str, Any], name: str) -> int:
    value = attributes.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST_COUNT:
        raise InvalidInput(f"{name} must be a number from 0.")
    return value


def _over_time(attributes: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], ...]:
    period = "year" if name == "citationsOverTime" else "yearMonth"
    entries = attributes[name]
    if not isinstance(entries, list):
        raise InvalidInput(f"{name} must be a list.")
    found = []
    for each in entries:
        if not isinstance(each, Mapping) or not isinstance(each.get(period), str):
            raise InvalidInput(f"{name} must hold objects with {period} and total.")
        found.append({period: clean(each[period][:7]), "total": _count(each, "total")})
    return tuple(found)


def _time(attributes: Mapping[str, Any], name: str) -> dt.datetime | None:
    value = _text(attributes, name)
    if value is None:
        return None
    if not _TIME.fullmatch(value):
        raise InvalidInput(f"{name} must be a time like 2020-11-25T16:39:22Z.")
    try:
        return dt.datetime.fromisoformat(value).replace(tzinfo=None)
    except ValueError:
        raise InvalidInput(f"{name} is no moment that ever was.") from None


def _xml(value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise InvalidInput("xml must be base64.") from None
