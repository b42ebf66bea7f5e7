"""Records as DataCite JSON, as the same in names of former days, and as CodeMeta."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from filmroom.wire.datacite.fill_in import filled_types
from filmroom.wire.datacite.record import Record, affiliations, without_nulls
from filmroom.wire.datacite.schema_org import identifiers, licences, published

_COPIED = ("identifiers", "sizes", "formats", "version", "rightsList", "descriptions", "geoLocations")
_COPIED_LAST = ("fundingReferences", "relatedIdentifiers", "relatedItems", "schemaVersion")


def datacite_json(record: Record) -> dict[str, Any]:
    """Return a record as DataCite JSON; what is null is left out."""
    given = record.attributes
    return without_nulls(
        {
            "id": record.address,
            "doi": record.stored_doi,
            "url": record.url,
            "types": given.get("types"),
            "creators": _people(given.get("creators")),
            "titles": given.get("titles"),
            "publisher": dict(record.publisher) or None,
            "container": given.get("container"),
            "subjects": given.get("subjects"),
            "contributors": _people(given.get("contributors")),
            "dates": given.get("dates"),
            "publicationYear": given.get("publicationYear"),
            "language": given.get("language"),
            **{name: given.get(name) for name in (*_COPIED, *_COPIED_LAST)},
            "providerId": record.provider,
            "clientId": record.client,
            "agency": "datacite",
            "state": given.get("state"),
        }
    )


def crosscite_json(record: Record) -> dict[str, Any]:
    """Return a record as DataCite JSON with names in snake_case."""
    return {re.sub(r"[A-Z]", _lowered, name): value for name, value in datacite_json(record).items()}


def _lowered(capital: re.Match[str]) -> str:
    return f"_{capital[0].lower()}"


def _people(given: Any) -> Any:
    """Return people with their affiliations as objects."""
    if not isinstance(given, list | tuple):
        return given
    return [
        {**each, "affiliation": affiliations(each)} if isinstance(each, Mapping) else each for each in given
    ]


def codemeta_json(record: Record) -> dict[str, Any]:
    """Return a record as CodeMeta 2.0, which is meant for software."""
    return without_nulls(
        {
            "@context": "https://raw.githubusercontent.com/codemeta/codemeta/master/codemeta.jsonld",
            "@type": filled_types(record.types).get("schemaOrg"),
            "@id": record.address,
            "identifier": identifiers(record),
            "codeRepository": record.url,
            "name": record.title,
            "authors": _people(record.attributes.get("creators")),
            "description": record.description(),
            "version": record.version,
            "tags": record.subjects or None,
            "datePublished": published(record),
            "dateModified": record.date("Updated"),
            "publisher": dict(record.publisher) or None,
            "license": licences(record),
        }
    )
