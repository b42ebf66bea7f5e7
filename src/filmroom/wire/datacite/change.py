"""What a writer wants of a record: read from the body of a request, and merged into what is there.

Source: DataCite's REST API. Attributes that are not named stay; named lists are replaced as a whole; null
and an empty list empty. What answers hold beside metadata is ignored when it is sent back.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from filmroom.errors import InvalidInput
from filmroom.model.doi_metadata import METADATA, complete
from filmroom.model.dois import KERNEL_4, DoiRecord, DoiState
from filmroom.wire.datacite.fill_in import filled_in
from filmroom.wire.datacite.record import bare_doi, part, parts, text
from filmroom.wire.datacite.validation import Problem

_FIELDS = {"url": "url", "source": "source", "reason": "reason", "schemaVersion": "schema_version"}
WRITABLE = frozenset({*METADATA, *_FIELDS})
"""The attributes that a writer sets."""

_NO_PAYLOAD = "You need to provide a payload following the JSONAPI spec"
_KERNEL_4 = re.compile(r"https?://datacite\.org/schema/kernel-4(\.[0-9]+)?", re.ASCII)
_LONGEST_SOURCE = 40
_DEEPEST = 12
# Neither XML nor the databases hold these.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# What an event does to each state; where it is not named it does nothing.
_EVENTS: Mapping[str, Mapping[DoiState, DoiState]] = {
    "register": {DoiState.DRAFT: DoiState.REGISTERED},
    "publish": {DoiState.DRAFT: DoiState.FINDABLE, DoiState.REGISTERED: DoiState.FINDABLE},
    "show": {DoiState.REGISTERED: DoiState.FINDABLE},
    "hide": {DoiState.FINDABLE: DoiState.REGISTERED},
}


class InvalidRecord(InvalidInput):
    """A record, or a change of one, breaks the rules; ``problems`` names the attributes."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{each.source}: {each.title}" for each in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class DoiChange:
    """One change. ``attributes`` are those of :data:`WRITABLE` that are named, as they were given.

    ``xml`` is base64. ``repository`` is the symbol that the request names, in lower case. ``transfer``: the
    DOI is to become that repository's.
    """

    attributes: Mapping[str, Any] = field(default_factory=dict)
    doi: str = ""
    prefix: str = ""
    suffix: str = ""
    event: str = ""
    xml: str = ""
    repository: str = ""
    transfer: bool = False


def read_change(document: Any) -> DoiChange:
    """Return what the JSON:API document of a request asks for.

    :raises InvalidInput: when it is none. :raises InvalidRecord: for words of it that are no texts.
    """
    data = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(data.get("attributes", {}), Mapping):
        raise InvalidInput(_NO_PAYLOAD)
    attributes = part(data, "attributes")
    owner = text(part(part(part(data, "relationships"), "client"), "data"), "id") or ""
    return DoiChange(
        named_attributes(attributes),
        bare_doi(_word(attributes, "doi")),
        prefix=_word(attributes, "prefix").strip().lower(),
        suffix=_word(attributes, "suffix").strip().lower(),
        event=_word(attributes, "event"),
        xml=_word(attributes, "xml"),
        repository=owner.lower(),
        transfer=_word(attributes, "mode") == "transfer",
    )


def named_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of :data:`WRITABLE` that are named, under these names."""
    named = {name: value for name, value in attributes.items() if name in WRITABLE}
    if "identifiers" not in named and "alternateIdentifiers" in attributes:
        named["identifiers"] = _identifiers(attributes["alternateIdentifiers"])
    if isinstance(schema := named.get("schemaVersion"), str) and _KERNEL_4.fullmatch(schema.strip()):
        named["schemaVersion"] = KERNEL_4  # without its minor version
    if isinstance(related := named.get("relatedIdentifiers"), list):
        named["relatedIdentifiers"] = [_bare(each) if isinstance(each, Mapping) else each for each in related]
    return named


def document_of(record: DoiRecord) -> dict[str, Any]:
    """Return what is written of a record, under the names of :data:`WRITABLE`, and its DOI."""
    fields = {name: getattr(record, stored) for name, stored in _FIELDS.items()}
    return {"doi": record.doi, **record.attributes, **fields}


def merged(document: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's document after a change; nothing of it is checked yet.

    The name alone of an affiliation or a publisher, as answers show them, stands for what is known by it.
    """
    after = {**document, **change}
    known = {each["name"]: each for each in _affiliations(document)}
    for name in ("creators", "contributors"):
        if isinstance(people := change.get(name), list):
            after[name] = [_with_known(each, known) if isinstance(each, Mapping) else each for each in people]
    before = part(document, "publisher")
    if after.get("publisher") is not None and after["publisher"] == before.get("name"):
        after["publisher"] = before
    if after.get("schemaVersion") is None:
        after["schemaVersion"] = KERNEL_4
    return filled_in(after)


def field_problems(document: Mapping[str, Any]) -> list[Problem]:
    """Return what keeps a document from being kept at all, whatever its metadata mean."""
    doi = _FORBIDDEN.sub("", document["doi"])
    problems = [
        Problem(name, "Is invalid", doi) for name, value in document.items() if not _keepable(value, 0)
    ]
    schema = document.get("schemaVersion")
    if schema != KERNEL_4:
        problems.append(
            Problem("schemaVersion", f"DOI {doi}: Schema {str(schema)[:200]} is no longer supported", doi)
        )
    for name, longest in (("source", _LONGEST_SOURCE), ("reason", 2_000)):
        value = document.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= longest):
            problems.append(Problem(name, f"Should be a string of at most {longest} characters.", doi))
    return problems


def record_after(record: DoiRecord, document: Mapping[str, Any]) -> DoiRecord:
    """Return a record with what a document says, which was found to be in order."""
    fields: dict[str, Any] = {stored: document.get(name) or None for name, stored in _FIELDS.items()}
    return dataclasses.replace(record, attributes=_without_itself(complete(document), record.doi), **fields)


def next_state(state: DoiState, event: str) -> DoiState:
    """Return the state after an event; one that does not apply changes nothing."""
    return _EVENTS.get(event, {}).get(state, state)


# Parts -------------------------------------------------------------------------------------------------


def _word(attributes: Mapping[str, Any], name: str) -> str:
    """Return a text of the request that is no metadata. :raises InvalidRecord: when it is something else."""
    given = attributes.get(name)
    if given is not None and (not isinstance(given, str) or _FORBIDDEN.search(given)):
        raise InvalidRecord([Problem(name, "Is invalid", "")])
    return given or ""


def _identifiers(alternates: Any) -> Any:
    if not isinstance(alternates, list):
        return alternates
    return [
        {
            "identifier": each.get("alternateIdentifier"),
            "identifierType": each.get("alternateIdentifierType"),
        }
        if isinstance(each, Mapping)
        else each
        for each in alternates
    ]


def _bare(related: Mapping[str, Any]) -> dict[str, Any]:
    """Return a related identifier; a DOI without the resolver before it, in the case that it was given in."""
    value = related.get("relatedIdentifier")
    if related.get("relatedIdentifierType") != "DOI" or not isinstance(value, str):
        return dict(related)
    bare = bare_doi(value)
    return {**related, "relatedIdentifier": value.strip()[-len(bare) :] if bare else value}


def _without_itself(attributes: dict[str, Any], doi: str) -> dict[str, Any]:
    """Return metadata whose further identifiers are others than the DOI itself."""
    others = [
        each
        for each in attributes["identifiers"]
        if each.get("identifierType") != "DOI" or bare_doi(str(each.get("identifier") or "")) != doi
    ]
    return {**attributes, "identifiers": others}


def _affiliations(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("creators", "contributors"):
        for person in parts(document, name):
            yield from (each for each in parts(person, "affiliation") if text(each, "name"))


def _with_known(person: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    given = person.get("affiliation")
    if not isinstance(given, list):
        return dict(person)
    return {
        **person,
        "affiliation": [known.get(each, each) if isinstance(each, str) else each for each in given],
    }


def _keepable(value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return _FORBIDDEN.search(value) is None
    if isinstance(value, Mapping):
        return depth < _DEEPEST and all(
            _keepable(key, depth + 1) and _keepable(each, depth + 1) for key, each in value.items()
        )
    if isinstance(value, list):
        return depth < _DEEPEST and all(_keepable(each, depth + 1) for each in value)
    return True
