"""Lists of related DOIs: references, citations, parts, versions and their inverses.

They follow from what records say of each other. A relation counts for both ends, but what a record says that
is not findable is seen in its own lists alone. An imported record has the lists that it came with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import chunks
from filmroom.catalog.doi_rows import COUNT_COLUMNS
from filmroom.catalog.schema_dois import doi, doi_document, doi_link
from filmroom.errors import InvalidInput
from filmroom.model.dois import RELATION_LISTS, DoiRecord, normal_doi

MOST_SHOWN = 25
"""DOIs of one list that a record shows."""

REFERENCES, CITATIONS, PARTS, PART_OF, VERSIONS, VERSION_OF = range(6)
_INVERSE = {
    REFERENCES: CITATIONS,
    CITATIONS: REFERENCES,
    PARTS: PART_OF,
    PART_OF: PARTS,
    VERSIONS: VERSION_OF,
    VERSION_OF: VERSIONS,
}
_LIST_OF_RELATION = {
    "Cites": REFERENCES,
    "References": REFERENCES,
    "IsSupplementedBy": REFERENCES,
    "IsCitedBy": CITATIONS,
    "IsReferencedBy": CITATIONS,
    "IsSupplementTo": CITATIONS,
    "HasPart": PARTS,
    "IsPartOf": PART_OF,
    "HasVersion": VERSIONS,
    "IsVersionOf": VERSION_OF,
}
_COUNT_NAMES = (
    "referenceCount",
    "citationCount",
    "partCount",
    "partOfCount",
    "versionCount",
    "versionOfCount",
)

Link = tuple[int, str, str]
"""Number of the list, whose list it is, and what stands in it."""


def links_of(record: DoiRecord) -> set[Link]:
    """Return the entries of lists that exist because of one record."""
    said = {
        (kind, record.doi, other)
        for kind, other in _relations(record.attributes.get("relatedIdentifiers", ()))
    }
    inverse = {(_INVERSE[kind], other, subject) for kind, subject, other in said}
    if record.imported is not None:
        said = set(_brought(record))
    return said | inverse if record.is_findable else said


def _relations(related: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, str]]:
    for each in related:
        kind = _LIST_OF_RELATION.get(str(each.get("relationType")))
        if kind is not None and each.get("relatedIdentifierType") == "DOI":
            other = _doi(each.get("relatedIdentifier"))
            if other is not None:
                yield kind, other


def _brought(record: DoiRecord) -> Iterator[Link]:
    assert record.imported is not None  # noqa: S101 - asked by the only caller
    for kind, name in enumerate(RELATION_LISTS):
        for text in record.imported.relations.get(name, ()):
            other = _doi(text)
            if other is not None:
                yield kind, record.doi, other


def _doi(text: Any) -> str | None:
    try:
        return normal_doi(text) if isinstance(text, str) else None
    except InvalidInput:
        return None  # a malformed DOI of a publisher is shown in the record, and leads nowhere


def replace_links(connection: sa.Connection, key: int, record: DoiRecord | None) -> set[str]:
    """Store what a record says of others, None for one that is gone; return whose lists may differ now."""
    of_record = doi_link.c.doi_id == key
    before = {
        (row.kind, row.subject, row.object)
        for row in connection.execute(sa.select(doi_link).where(of_record))
    }
    after = links_of(record) if record is not None else set()
    if before == after:
        return set()
    connection.execute(sa.delete(doi_link).where(of_record))
    if after:
        connection.execute(
            sa.insert(doi_link),
            [
                {"doi_id": key, "kind": kind, "subject": subject, "object": other}
                for kind, subject, other in sorted(after)
            ],
        )
    return {subject for _, subject, _ in before ^ after}


def recount(connection: sa.Connection, dois: Iterable[str], tick: int) -> None:
    """Set the counts of the archive's own records among these DOIs to what their lists hold."""
    for some in chunks(sorted(dois)):
        rows = connection.execute(
            sa.select(doi.c.doi, doi.c.id)
            .select_from(doi.join(doi_document))
            .where(doi.c.doi.in_(some), doi_document.c.imported.is_(None))
        )
        keys = {row.doi: row.id for row in rows}
        if not keys:
            continue
        found = {name: [0] * len(RELATION_LISTS) for name in keys}
        for row in connection.execute(
            sa.select(doi_link.c.subject, doi_link.c.kind, sa.func.count(doi_link.c.object.distinct()))
            .where(doi_link.c.subject.in_(list(keys)))
            .group_by(doi_link.c.subject, doi_link.c.kind)
        ):
            found[row[0]][row[1]] = row[2]
        columns = [COUNT_COLUMNS[name] for name in _COUNT_NAMES]
        connection.execute(
            sa.update(doi)
            .where(doi.c.id == sa.bindparam("key"))
            .values({name: sa.bindparam(f"new_{name}") for name in columns} | {"tick": tick}),
            [
                {"key": keys[name], **{f"new_{c}": n for c, n in zip(columns, counts, strict=True)}}
                for name, counts in found.items()
            ],
        )


def relations(connection: sa.Connection, dois: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the lists of records by name, each of :data:`MOST_SHOWN` DOIs at most, in order."""
    found: dict[str, dict[str, list[str]]] = {}
    for some in chunks(dois):
        rows = connection.execute(
            sa.select(doi_link.c.subject, doi_link.c.kind, doi_link.c.object)
            .where(doi_link.c.subject.in_(some))
            .distinct()
            .order_by(doi_link.c.subject, doi_link.c.kind, doi_link.c.object)
        )
        for row in rows:
            lists = found.setdefault(row.subject, {name: [] for name in RELATION_LISTS})
            entries = lists[RELATION_LISTS[row.kind]]
            if len(entries) < MOST_SHOWN:
                entries.append(row.object)
    return {name: {each: tuple(dois) for each, dois in lists.items()} for name, lists in found.items()}
