"""How DOIs are related to each other, by what their records say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from filmroom.wire.datacite.record import Record, bare_doi, parts, text

_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+")


@dataclass(frozen=True, slots=True)
class Relation:
    """``source`` (a DOI) stands in a relation to ``target``, as ``source``'s record says.

    Of DOIs ``target`` is in the form that is compared, ``given`` as it stands in the record. ``is_valid``
    is False for what calls itself a DOI and is none.
    """

    source: str
    relation: str
    target: str
    target_type: str
    given: str
    is_valid: bool = True


@dataclass(frozen=True, slots=True)
class RelationGraph:
    """Relations among DOIs and other works; ``titles`` of the DOIs whose records are known."""

    relations: tuple[Relation, ...]
    titles: dict[str, str]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Everything that is related, each once."""
        return tuple(dict.fromkeys(node for each in self.relations for node in (each.source, each.target)))

    def counts(self) -> dict[str, int]:
        """Return how often each kind of relation occurs, the commonest first."""
        return dict(Counter(each.relation for each in self.relations).most_common())

    def repeated(self) -> tuple[Relation, ...]:
        """Return relations that are said more than once, each as often as it is said again."""
        seen: set[tuple[str, str, str]] = set()
        again = []
        for each in self.relations:
            key = (each.source, each.relation, each.target)
            if key in seen:
                again.append(each)
            seen.add(key)
        return tuple(again)


def relations_of(record: Record) -> list[Relation]:
    """Return the relations that a record tells of; broken ones are marked, not left out."""
    found = []
    for each in parts(record.attributes, "relatedIdentifiers"):
        given = text(each, "relatedIdentifier")
        if given is None:
            continue
        kind = text(each, "relatedIdentifierType") or ""
        is_doi = kind == "DOI"
        target = bare_doi(given) if is_doi else given
        is_valid = not is_doi or _DOI.fullmatch(target) is not None
        found.append(Relation(record.doi, text(each, "relationType") or "", target, kind, given, is_valid))
    return found


def graph_of(records: Iterable[Record], about: str | None = None) -> RelationGraph:
    """Return the relations of records; with ``about``, those alone that this DOI is part of."""
    relations: list[Relation] = []
    titles: dict[str, str] = {}
    for record in {each.doi: each for each in records}.values():
        told = [each for each in relations_of(record) if about is None or about in {each.source, each.target}]
        relations += told
        if told or record.doi == about:
            titles[record.doi] = record.title or ""
    return RelationGraph(tuple(relations), titles)


def is_derived(record: Record, doi: str) -> bool:
    """Whether one relation of a record says that it is derived from a DOI."""
    wanted = bare_doi(doi)
    return any(each.relation == "IsDerivedFrom" and each.target == wanted for each in relations_of(record))


def derived_from(records: Iterable[Record], doi: str) -> list[Record]:
    """Return those records that say that they are derived from a DOI."""
    return [record for record in records if is_derived(record, doi)]


def derived_items(items: Iterable[dict[str, Any]], doi: str) -> list[dict[str, Any]]:
    """Return the same of records as they are sent."""
    return [item for item in items if is_derived(Record.of(item), doi)]
