"""Text search: questions in words to patients, with what a viewer may see of them.

The index knows series. A word counts for a viewer only in series of its VisibleSet, which is part of every
statement here; words of one question may stand in different series of a patient. One patient of two sites of
a collection is searched site by site and answered as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.agreement_gate import gated_sites
from filmroom.catalog.database import Database, chunks
from filmroom.catalog.schema import collection, patient, series, site
from filmroom.catalog.schema_text import series_text
from filmroom.catalog.text_documents import unpacked
from filmroom.catalog.text_words import series_with
from filmroom.catalog.visible import visible_series
from filmroom.model.access import VisibleSet
from filmroom.model.excerpt import excerpts, joined
from filmroom.model.search import FoundStudy, Page
from filmroom.model.text_search import Clause, TextHit, TextQuestion

_PATIENTS = 200


@dataclass(frozen=True, slots=True)
class _Found:
    """A patient of one collection: one of its rows, and for each clause a series that holds it."""

    key: int
    patient_id: str
    collection: str
    hits: tuple[int, ...]

    def also(self, hit: int) -> _Found:
        return _Found(self.key, self.patient_id, self.collection, (*self.hits, hit))


class TextSearch:
    """Questions, each answered from one moment but for what is read page by page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def patients(
        self, question: TextQuestion, visible: VisibleSet, page: Page | None = None
    ) -> tuple[int, Iterator[list[TextHit]]]:
        """Return the number of patients that match and these, or one page of them, in lists never empty.

        Without a page they come by collection and patient ID.
        """
        found = self._found(question, visible)
        some = found if page is None else self._page(found, page, visible)
        return len(found), self._hits(some, question, visible)

    def series_uids(self, question: TextQuestion, visible: VisibleSet) -> Iterator[list[str]]:
        """Yield the Series Instance UIDs of the patients that match, patient by patient."""
        for some in chunks(self._found(question, visible), _PATIENTS):
            people = _people(some)
            statement = (
                sa.select(people.c.known, series.c.series_instance_uid)
                .select_from(people.join(series, series.c.patient_key == people.c.key))
                .where(visible_series(visible))
            )
            with self._database.reading() as connection:
                rows = connection.execute(statement).all()
            place = {each.key: number for number, each in enumerate(some)}
            yield [uid for _, uid in sorted((place[row[0]], row[1]) for row in rows)]

    def excludes_commercial_use(self, question: TextQuestion, visible: VisibleSet) -> bool:
        """Whether any series of the patients that match may not be used commercially."""
        for some in chunks(self._found(question, visible), _PATIENTS):
            people = _people(some)
            statement = (
                sa.select(sa.literal(1))
                .select_from(people.join(series, series.c.patient_key == people.c.key))
                .where(visible_series(visible), series.c.exclude_commercial.is_(True))
                .limit(1)
            )
            with self._database.reading() as connection:
                if connection.scalar(statement):
                    return True
        return False

    def _found(self, question: TextQuestion, visible: VisibleSet) -> list[_Found]:
        """Return the patients that match, by collection, patient ID and number."""
        if not question.clauses:
            return []
        first, *others = (self._holders(clause, visible) for clause in question.clauses)
        named = (
            sa.select(patient.c.id, patient.c.patient_id, collection.c.name, first.c.hit)
            .select_from(
                first.join(patient, patient.c.id == first.c.patient_key)
                .join(site, site.c.id == patient.c.site_id)
                .join(collection, collection.c.id == site.c.collection_id)
            )
            .order_by(collection.c.name, patient.c.patient_id, patient.c.id)
        )
        with self._database.reading() as connection:
            found = [_Found(key, who, where, (hit,)) for key, who, where, hit in connection.execute(named)]
            # Each clause by itself: what holds one can be counted beforehand, what holds all cannot, and an
            # engine that is wrong about it joins them in the worst of ways.
            for clause in others if found else ():
                rows = connection.execute(sa.select(clause.c.patient_key, clause.c.hit))
                hits = {row.patient_key: row.hit for row in rows}
                found = [each.also(hits[each.key]) for each in found if each.key in hits]
        # Those of several sites stand side by side.
        return [next(same) for _, same in groupby(found, key=lambda each: (each.collection, each.patient_id))]

    def _holders(self, clause: Clause, visible: VisibleSet) -> sa.Subquery:
        """Return the patients that hold a clause, each with the first of its series that does."""
        words = series_with(clause, self._database.backend)
        return (
            sa.select(series.c.patient_key, sa.func.min(series.c.id).label("hit"))
            .select_from(words.join(series, series.c.id == words.c.series_key))
            .where(_searched(visible))
            .group_by(series.c.patient_key)
            .subquery()
        )

    def _page(self, found: list[_Found], page: Page, visible: VisibleSet) -> list[_Found]:
        order: dict[str, Callable[[_Found], Any]] = {
            "collection": lambda each: each.collection.upper(),
            "subject": lambda each: each.patient_id.upper(),
        }
        if page.sort in order:
            key = order[page.sort]
        else:
            sizes = self._sizes(found, visible, of_studies=page.sort in {"study", "totalNumberOfStudies"})
            key = lambda each: sizes.get(each.key, 0)  # noqa: E731
        return sorted(found, key=key, reverse=page.descending)[page.start : page.start + page.size]

    def _sizes(self, found: list[_Found], visible: VisibleSet, *, of_studies: bool) -> dict[int, int]:
        """Return the number of visible studies or series by patient."""
        counted = sa.func.count(series.c.study_key.distinct()) if of_studies else sa.func.count()
        sizes: dict[int, int] = {}
        for some in chunks(found, _PATIENTS):
            people = _people(some)
            statement = (
                sa.select(people.c.known, counted)
                .select_from(people.join(series, series.c.patient_key == people.c.key))
                .where(visible_series(visible))
                .group_by(people.c.known)
            )
            with self._database.reading() as connection:
                sizes.update((row[0], row[1]) for row in connection.execute(statement))
        return sizes

    def _hits(
        self, found: Sequence[_Found], question: TextQuestion, visible: VisibleSet
    ) -> Iterator[list[TextHit]]:
        for some in chunks(found, _PATIENTS):
            if hits := self._hits_of(some, question, visible):
                yield hits

    def _hits_of(self, found: Sequence[_Found], question: TextQuestion, visible: VisibleSet) -> list[TextHit]:
        people = _people(found)
        holdings = (
            sa.select(people.c.known, people.c.key, series.c.study_key, series.c.id, series.c.modality)
            .select_from(people.join(series, series.c.patient_key == people.c.key))
            .where(visible_series(visible))
            .order_by(people.c.known, series.c.study_key, series.c.id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(holdings).all()
            texts = _texts(connection, [key for each in found for key in each.hits], visible)
        owned = {known: list(group) for known, group in groupby(rows, key=lambda row: row.known)}
        # What was hidden since it was found is left out.
        return [
            TextHit(
                min(row.key for row in owned[each.key]),
                each.patient_id,
                each.collection,
                _studies(owned[each.key]),
                _excerpt(each, question, texts),
            )
            for each in found
            if each.key in owned
        ]


def _searched(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition on ``series``: its words count for the viewer.

    They come from its files, so an agreement that stands before these stands before them.
    """
    return sa.and_(visible_series(visible), series.c.site_id.not_in(gated_sites(visible)))


def _people(found: Sequence[_Found]) -> sa.Subquery:
    """Return the rows (``key``) of patients of one ID and collection, each beside the one that is known."""
    known, here = patient.alias(), site.alias()
    return (
        sa.select(known.c.id.label("known"), patient.c.id.label("key"))
        .select_from(known.join(here, here.c.id == known.c.site_id))
        .join(site, site.c.collection_id == here.c.collection_id)
        .join(patient, sa.and_(patient.c.site_id == site.c.id, patient.c.patient_id == known.c.patient_id))
        .where(known.c.id.in_([each.key for each in found]))
        .subquery()
    )


def _texts(connection: sa.Connection, keys: Sequence[int], visible: VisibleSet) -> dict[int, list[str]]:
    texts: dict[int, list[str]] = {}
    for some in chunks(sorted(set(keys))):
        rows = connection.execute(
            sa.select(series_text.c.series_key, series_text.c.fields, series_text.c.tags)
            .select_from(series_text.join(series, series.c.id == series_text.c.series_key))
            .where(series_text.c.series_key.in_(some), _searched(visible))
        )
        texts.update((key, [*unpacked(fields), *unpacked(tags)]) for key, fields, tags in rows)
    return texts


def _studies(rows: Sequence[Any]) -> tuple[FoundStudy, ...]:
    return tuple(
        FoundStudy(study_key, tuple(row.id for row in group), tuple(row.modality for row in group))
        for study_key, members in groupby(rows, key=lambda row: row.study_key)
        for group in [list(members)]
    )


def _excerpt(found: _Found, question: TextQuestion, texts: dict[int, list[str]]) -> str:
    # Clauses that were found in one series are marked in its text together.
    phrases: dict[int, list[Any]] = {}
    for key, clause in zip(found.hits, question.clauses, strict=True):
        phrases.setdefault(key, []).extend(clause)
    return joined(piece for key, asked in phrases.items() for piece in excerpts(texts.get(key, ()), asked))
