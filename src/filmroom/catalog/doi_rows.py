"""Between DOI records and the rows they lie in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from filmroom.catalog.doi_terms import orcid_of, ror_of
from filmroom.model.doi_metadata import StoredAttributes
from filmroom.model.doi_types import dashed
from filmroom.model.dois import COUNTS, DoiRecord, DoiState, ImportedFacts

FOS_SCHEME = "Fields of Science and Technology (FOS)"
COUNT_COLUMNS = {
    "viewCount": "view_count",
    "downloadCount": "download_count",
    "referenceCount": "reference_count",
    "citationCount": "citation_count",
    "partCount": "part_count",
    "partOfCount": "part_of_count",
    "versionCount": "version_count",
    "versionOfCount": "version_of_count",
}
_LONGEST_TEXT = 400
LONGEST_SOURCE, LONGEST_SCHEMA = 40, 60


def row_of(record: DoiRecord) -> dict[str, Any]:
    """Return the columns of ``doi``; counts are added by whoever knows them."""
    types = record.attributes.get("types") or {}
    resource_type = types.get("resourceType")
    titles = [each["title"] for each in record.attributes.get("titles", ()) if each.get("title")]
    return {
        "doi": record.doi,
        "prefix": record.prefix,
        "client": record.client,
        "provider": record.provider,
        "state": record.state.value,
        "created": record.created,
        "registered": record.registered,
        "updated": record.updated,
        "imported_at": record.imported_at,
        "publication_year": record.attributes.get("publicationYear"),
        "resource_type_id": _cut(dashed(types.get("resourceTypeGeneral")), 40),
        "resource_type": _cut(resource_type, _LONGEST_TEXT),
        "title": _cut(str(titles[0]), _LONGEST_TEXT) if titles else "",
        "source": _cut(record.source, LONGEST_SOURCE),
        "schema_version": _cut(record.schema_version, LONGEST_SCHEMA),
        "metadata_version": record.metadata_version,
        "labels": json.dumps(_labels(record.attributes), ensure_ascii=False),
        "revision": record.revision,
    }


def document_of(record: DoiRecord) -> dict[str, Any]:
    """Return the columns of ``doi_document`` but for the key."""
    facts = record.imported
    return {
        "attributes": _json(record.attributes),
        "url": record.url,
        "reason": record.reason,
        "xml": record.xml,
        "imported": None
        if facts is None
        else _json(
            {
                "counts": dict(facts.counts),
                "over_time": {name: list(each) for name, each in facts.over_time.items()},
                "relations": {name: list(each) for name, each in facts.relations.items()},
            }
        ),
    }


def record_of(row: Any) -> DoiRecord:
    """Return the record of a row of ``doi`` joined with its document."""
    return DoiRecord(
        doi=row.doi,
        client=row.client,
        state=DoiState(row.state),
        attributes=StoredAttributes(row.attributes),
        url=row.url,
        source=row.source,
        reason=row.reason,
        schema_version=row.schema_version,
        metadata_version=row.metadata_version,
        xml=row.xml,
        created=row.created,
        registered=row.registered,
        updated=row.updated,
        imported_at=row.imported_at,
        imported=None if row.imported is None else _facts(msgspec.json.decode(row.imported)),
        revision=row.revision,
    )


def counts_of(row: Any) -> dict[str, int]:
    """Return the counts of a row of ``doi``, by their names in JSON and in its order."""
    return {name: getattr(row, COUNT_COLUMNS[name]) for name in COUNTS}


def imported_counts(facts: ImportedFacts) -> dict[str, int]:
    """Return the count columns of a record that brought its counts along."""
    return {column: int(facts.counts.get(name, 0)) for name, column in COUNT_COLUMNS.items()}


def _facts(said: Mapping[str, Any]) -> ImportedFacts:
    return ImportedFacts(
        said["counts"],
        {name: tuple(each) for name, each in said["over_time"].items()},
        {name: tuple(each) for name, each in said["relations"].items()},
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut(text: Any, length: int) -> str | None:
    return text[:length] if isinstance(text, str) else None


# -- what lists are counted by ---------------------------------------------------------------------------


def _labels(attributes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values that facets count; those with a name of their own as pairs."""
    subjects = [each for each in attributes.get("subjects", ()) if isinstance(each.get("subject"), str)]
    made: dict[str, Iterable[Any]] = {
        "licenses": (
            each["rightsIdentifier"].lower()
            for each in attributes.get("rightsList", ())
            if isinstance(each.get("rightsIdentifier"), str)
        ),
        "subjects": (each["subject"] for each in subjects),
        "fields": (
            each["subject"].partition(":")[2].strip()
            for each in subjects
            if each.get("subjectScheme") == FOS_SCHEME and each["subject"].startswith("FOS:")
        ),
        "affiliations": (
            (ror_of(each.get("affiliationIdentifier")), _named(each, "name"))
            for people in ("creators", "contributors")
            for person in attributes.get(people, ())
            for each in person.get("affiliation") or ()
        ),
        "funders": (
            (_named(each, "funderIdentifier") or None, _named(each, "funderName"))
            for each in attributes.get("fundingReferences", ())
        ),
        "authors": (
            (orcid_of(each.get("nameIdentifier")), _named(person, "name"))
            for person in attributes.get("creators", ())
            for each in person.get("nameIdentifiers") or ()
        ),
        "languages": (attributes[name] for name in ("language",) if attributes.get(name)),
    }
    found = {name: list(dict.fromkeys(_known(values))) for name, values in made.items()}
    return {name: values for name, values in found.items() if values}


def _known(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, tuple):
            if value[0]:
                yield tuple(part[:_LONGEST_TEXT] for part in value)
        elif value:
            yield value[:_LONGEST_TEXT]


def _named(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
