"""The history of DOI records, as far as whoever asks may see the records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.dois import ANYBODY, visible_dois
from filmroom.catalog.schema_dois import doi, doi_activity
from filmroom.errors import NotFound
from filmroom.model.doi_questions import Cursor
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import DoiActivity


@dataclass(frozen=True, slots=True)
class ActivityQuestion:
    """Which activities; what is None or empty does not choose. ``words`` stand in DOI, symbol or action."""

    doi: str | None = None
    client: str | None = None
    provider: str | None = None
    uids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class DoiActivities:
    """Reads activities. They are written together with what they tell of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(self, uid: str, viewer: DoiWriter = ANYBODY) -> DoiActivity:
        """Return one activity. :raises NotFound: also when the viewer may not see the record."""
        _, found = self.find(ActivityQuestion(uids=(uid,)), 1, viewer=viewer)
        if not found:
            raise NotFound("There is no such activity.")
        return found[0]

    def find(
        self,
        question: ActivityQuestion,
        size: int,
        *,
        offset: int = 0,
        after: Cursor | None = None,
        newest_first: bool = True,
        viewer: DoiWriter = ANYBODY,
    ) -> tuple[int, list[DoiActivity]]:
        """Return how many there are, and part of them.

        :param after: the place that a cursor names: moment and uid; the order then is from the oldest.
        """
        conditions = [_visible(viewer), *_chosen(question)]
        count = sa.select(sa.func.count()).select_from(doi_activity).where(*conditions)
        statement = sa.select(doi_activity).where(*conditions).limit(size)
        by_time = (doi_activity.c.at, doi_activity.c.uid)
        if after is not None:
            statement = statement.where(sa.tuple_(*by_time) > sa.tuple_(after.created, after.doi))
            statement = statement.order_by(*by_time)
        elif newest_first:
            statement = statement.order_by(doi_activity.c.at.desc(), doi_activity.c.id.desc()).offset(offset)
        else:
            statement = statement.order_by(doi_activity.c.at, doi_activity.c.id).offset(offset)
        with self._database.reading() as connection:
            total = int(connection.execute(count).scalar_one())
            rows = connection.execute(statement).all() if size else []
        return total, [_activity(row) for row in rows]


def _visible(viewer: DoiWriter) -> sa.ColumnElement[bool]:
    """Condition: the record is one that the viewer may see, or one of theirs that is gone."""
    record = sa.select(sa.literal(1)).where(doi.c.doi == doi_activity.c.doi).correlate(doi_activity)
    seen = record.where(visible_dois(viewer)).exists()
    if viewer.everywhere:
        return sa.true()
    if not viewer.repositories:
        return seen
    theirs = doi_activity.c.client.in_(sorted(viewer.repositories))
    return sa.or_(seen, sa.and_(theirs, sa.not_(record.exists())))


def _chosen(question: ActivityQuestion) -> list[sa.ColumnElement[bool]]:
    made: list[sa.ColumnElement[bool]] = []
    if question.doi is not None:
        made.append(doi_activity.c.doi == question.doi)
    if question.client is not None:
        made.append(doi_activity.c.client == question.client)
    if question.provider is not None:
        made.append(doi_activity.c.client.startswith(f"{question.provider}.", autoescape=True))
    if question.uids:
        made.append(doi_activity.c.uid.in_(question.uids))
    made += [
        sa.or_(
            doi_activity.c.doi.contains(word, autoescape=True),
            doi_activity.c.uid == word,
            doi_activity.c.client == word,
            doi_activity.c.action == word,
        )
        for word in question.words
    ]
    return made


def _activity(row: Any) -> DoiActivity:
    return DoiActivity(
        row.uid, row.doi, row.version, row.at, row.action, row.client, row.actor, json.loads(row.changes)
    )
