"""One MD5 for all instances of a series, study, patient or collection (NBIA's ``getMD5Hierarchy``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal

import sqlalchemy as sa

from filmroom.catalog.database import Database, chunks
from filmroom.catalog.pages import Page, same_text
from filmroom.catalog.schema import collection, instance, patient, series, study
from filmroom.catalog.series_rows import SERIES_FROM
from filmroom.catalog.visible import visible_series
from filmroom.model.access import VisibleSet
from filmroom.model.queries import HierarchyDigest

_SERIES_AT_ONCE = 200

Level = Literal["series", "study", "patient", "collection"]


def joined_digest(digests: Iterable[str]) -> str:
    """Return the MD5 (hexadecimal) of hexadecimal digests, sorted and joined."""
    return hashlib.md5("".join(sorted(digests)).encode(), usedforsecurity=False).hexdigest()


def _chosen(query: HierarchyDigest) -> tuple[Level, list[sa.ColumnElement[bool]]] | None:
    """Return the level of the answer and the condition on its series."""
    in_collection = [] if query.collection is None else [collection.c.name == query.collection]
    if query.patient_id is not None:
        # Through the index on the upper-case ID.
        folded = same_text(patient.c.patient_id, query.patient_id)
        return "patient", [folded, patient.c.patient_id == query.patient_id, *in_collection]
    if in_collection:
        return "collection", in_collection
    if query.study_instance_uid is not None:
        return "study", [study.c.study_instance_uid == query.study_instance_uid]
    if query.series_instance_uid is not None:
        return "series", [series.c.series_instance_uid == query.series_instance_uid]
    return None


def _series_digests(database: Database, keys: list[int]) -> Iterator[tuple[int, str]]:
    for some in chunks(keys, _SERIES_AT_ONCE):
        statement = (
            sa.select(instance.c.series_key, instance.c.md5)
            .where(instance.c.series_key.in_(some))
            .order_by(instance.c.series_key)
        )
        with database.reading() as connection:
            rows = connection.execute(statement).all()
        for key, group in groupby(rows, key=lambda row: row.series_key):
            yield key, joined_digest(bytes(row.md5).hex() for row in group)


def _joined(level: Level, parents: dict[int, tuple[int, int]], digests: dict[int, str]) -> str:
    """:param parents: patient and study by series; :param digests: by series."""
    if level == "series":
        return next(iter(digests.values()))
    studies: dict[tuple[int, int], list[str]] = {}
    for key, digest in digests.items():
        studies.setdefault(parents[key], []).append(digest)
    of_study = {path: joined_digest(below) for path, below in studies.items()}
    if level != "collection":
        return next(iter(of_study.values())) if level == "study" else joined_digest(of_study.values())
    patients: dict[int, list[str]] = {}
    for (patient_key, _), digest in of_study.items():
        patients.setdefault(patient_key, []).append(digest)
    return joined_digest(joined_digest(below) for below in patients.values())


def read(database: Database, query: HierarchyDigest, visible: VisibleSet) -> Iterator[Page]:
    """Yield one row ``{"md5": hexadecimal}``; nothing where nothing is found or asked."""
    chosen = _chosen(query)
    if chosen is None:
        return
    level, conditions = chosen
    statement = (
        sa.select(series.c.id, series.c.patient_key, series.c.study_key)
        .select_from(SERIES_FROM)
        .where(visible_series(visible), *conditions)
    )
    with database.reading() as connection:
        parents = {
            key: (patient_key, study_key) for key, patient_key, study_key in connection.execute(statement)
        }
    digests = dict(_series_digests(database, sorted(parents)))
    if digests:
        yield [{"md5": _joined(level, parents, digests)}]
