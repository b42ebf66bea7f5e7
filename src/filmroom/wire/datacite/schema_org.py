"""A record as schema.org JSON-LD. Source: schema.org, types Dataset and CreativeWork."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from filmroom.wire.datacite.fill_in import filled_types, schema_org_type
from filmroom.wire.datacite.record import (
    DOI_RESOLVER,
    Part,
    Record,
    affiliations,
    bare_doi,
    part,
    parts,
    text,
    texts,
    without_nulls,
)

_WEB = ("http://", "https://")


def schema_org(record: Record) -> dict[str, Any]:
    """Return a record as a JSON-LD document; a list of one is that one."""
    given, container = record.attributes, record.container
    kind = text(filled_types(record.types), "schemaOrg")
    publisher = record.publisher
    return without_nulls(
        {
            "@context": "http://schema.org",
            "@type": kind,
            "@id": record.address,
            "identifier": identifiers(record),
            "url": record.url,
            "additionalType": text(record.types, "resourceType"),
            "name": record.title,
            "author": _collapsed([_creator(each) for each in record.creators]),
            "editor": _collapsed([_contributor(each) for each in record.contributors]),
            "description": record.description("Abstract"),
            "license": licences(record),
            "version": record.version,
            "keywords": ", ".join(record.subjects) or None,
            "inLanguage": record.language,
            "contentSize": _collapsed(texts(given, "sizes")),
            "encodingFormat": _collapsed(texts(given, "formats")),
            "dateCreated": record.date("Created"),
            "datePublished": published(record),
            "dateModified": record.date("Updated"),
            "temporalCoverage": record.date("Coverage"),
            "pageStart": text(container, "firstPage"),
            "pageEnd": text(container, "lastPage"),
            "spatialCoverage": _collapsed([_place(each) for each in parts(given, "geoLocations")]),
            "sameAs": _related(record, "IsIdenticalTo"),
            "isPartOf": _related(record, "IsPartOf"),
            "hasPart": _related(record, "HasPart"),
            "predecessor_of": _related(record, "IsPreviousVersionOf"),
            "successor_of": _related(record, "IsNewVersionOf"),
            "citation": _related(record, "References", "Cites", "Documents"),
            "workTranslation": _related(record, "HasTranslation"),
            "translationOfWork": _related(record, "IsTranslationOf"),
            "@reverse": _reverse(record),
            "contentUrl": _collapsed(texts(given, "contentUrl")),
            "schemaVersion": text(given, "schemaVersion"),
            "periodical": _container(container, "Periodical") if kind != "Dataset" else None,
            "includedInDataCatalog": _container(container, "DataCatalog") if kind == "Dataset" else None,
            "publisher": _publisher(publisher) if publisher else None,
            "funder": _collapsed([_funder(each) for each in parts(given, "fundingReferences")]),
            "provider": {"@type": "Organization", "name": "datacite"},
        }
    )


def identifiers(record: Record) -> Any:
    """Return the record's other identifiers."""
    return _collapsed(
        [
            without_nulls(
                {
                    "@type": "PropertyValue",
                    "propertyID": text(each, "identifierType"),
                    "value": text(each, "identifier"),
                }
            )
            for each in parts(record.attributes, "identifiers")
        ]
    )


def licences(record: Record) -> Any:
    """Return the addresses of the licences."""
    return _collapsed([address for each in record.rights if (address := text(each, "rightsUri"))])


def published(record: Record) -> Any:
    """Return the date of issue, else the year of publication, which is a number."""
    return record.date("Issued") or record.year


def _collapsed(found: Sequence[Any]) -> Any:
    if not found:
        return None
    return found[0] if len(found) == 1 else list(found)


def _creator(person: Part) -> dict[str, Any]:
    family, given = text(person, "familyName"), text(person, "givenName")
    kind = {"Personal": "Person", "Organizational": "Organization"}.get(text(person, "nameType") or "")
    identified = (text(each, "nameIdentifier") for each in parts(person, "nameIdentifiers"))
    return without_nulls(
        {
            "name": " ".join(filter(None, (given, family))) if family else text(person, "name"),
            "givenName": given,
            "familyName": family,
            "affiliation": _collapsed([_organisation(each) for each in affiliations(person)]),
            "@type": kind,
            "@id": next(filter(None, identified), None),
        }
    )


def _contributor(person: Part) -> dict[str, Any]:
    described = _creator(person)
    kind = text(person, "contributorType")
    return {**described, "contributorType": kind} if kind else described


def _organisation(affiliation: Part) -> dict[str, Any]:
    return without_nulls(
        {
            "@type": "Organization",
            "@id": text(affiliation, "affiliationIdentifier"),
            "name": text(affiliation, "name"),
        }
    )


def _publisher(publisher: Part) -> dict[str, Any]:
    return without_nulls(
        {
            "@type": "Organization",
            "@id": text(publisher, "publisherIdentifier"),
            "name": text(publisher, "name"),
        }
    )


def _funder(reference: Part) -> dict[str, Any]:
    return without_nulls(
        {
            "@id": text(reference, "funderIdentifier"),
            "@type": "Organization",
            "name": text(reference, "funderName"),
        }
    )


def _container(container: Part, kind: str) -> dict[str, Any] | None:
    title, identifier = text(container, "title"), text(container, "identifier")
    if title is None and identifier is None:
        return None
    return without_nulls({"@id": identifier, "@type": kind, "name": title})


def related_address(item: Part) -> str | None:
    """Return the address of a related identifier: a DOI's, or its own when it is one."""
    value = text(item, "relatedIdentifier") or ""
    if text(item, "relatedIdentifierType") == "DOI":
        return DOI_RESOLVER + quote(bare_doi(value), safe="/:;()._-~!$&'*+,=@")
    return value if value.lower().startswith(_WEB) else None


def _work(item: Part, default: str) -> dict[str, Any]:
    address = related_address(item)
    described = {"@id": address, "@type": schema_org_type(text(item, "resourceTypeGeneral")) or default}
    if address is None:
        described["identifier"] = text(item, "relatedIdentifier")
    return without_nulls(described)


def _related(record: Record, *kinds: str) -> Any:
    return _collapsed([_work(each, "CreativeWork") for each in record.related(*kinds)])


def _reverse(record: Record) -> dict[str, Any] | None:
    """Return the works that have a relation to this one."""
    names: Iterable[tuple[str, str]] = (("citation", "IsReferencedBy"), ("isBasedOn", "IsSupplementTo"))
    found = {
        name: _collapsed([_work(each, "ScholarlyArticle") for each in record.related(kind)])
        for name, kind in names
    }
    return without_nulls(found) or None


def _place(location: Part) -> dict[str, Any]:
    point, box = part(location, "geoLocationPoint"), part(location, "geoLocationBox")
    shape: dict[str, Any] | None = None
    if box:
        corners = ("southBoundLatitude", "westBoundLongitude", "northBoundLatitude", "eastBoundLongitude")
        shape = {"@type": "GeoShape", "box": " ".join(text(box, name) or "" for name in corners)}
    elif point:
        shape = {
            "@type": "GeoCoordinates",
            "latitude": text(point, "pointLatitude"),
            "longitude": text(point, "pointLongitude"),
        }
    return without_nulls({"@type": "Place", "name": text(location, "geoLocationPlace"), "geo": shape})
