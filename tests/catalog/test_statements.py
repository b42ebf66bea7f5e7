"""Statements are built once for all questions that set the same filters; dead connections are replaced."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import series
from filmroom.catalog.statements import prepared
from filmroom.catalog.visible import visible_series
from filmroom.model import queries as q
from filmroom.model.access import Scope, Viewer, VisibleSet


def _build(query: q.FindSeries, visible: VisibleSet) -> sa.Select[Any]:
    conditions = [] if query.modality is None else [series.c.modality == query.modality]
    if query.released_after is not None:
        conditions.append(series.c.date_released > query.released_after)
    return sa.select(series.c.id, sa.literal(query.exact_case)).where(visible_series(visible), *conditions)


def test_what_differs_in_values_alone_is_one_statement() -> None:
    public = VisibleSet()
    statement, values = prepared(_build, q.FindSeries(modality="CT"), public)
    other, others = prepared(_build, q.FindSeries(modality="MR"), public)
    assert statement is other
    assert (values, others) == ({"modality": "CT"}, {"modality": "MR"})
    assert prepared(_build, q.FindSeries(modality=""), public) == (statement, {"modality": ""})
    day = prepared(_build, q.FindSeries(released_after=dt.date(2020, 1, 2)), public)[1]
    assert day == {"released_after": dt.datetime(2020, 1, 2)}


def test_filters_switches_and_viewers_have_statements_of_their_own() -> None:
    made = [
        prepared(_build, query, visible)[0]
        for query in (
            q.FindSeries(),
            q.FindSeries(modality="CT"),
            q.FindSeries(modality="CT", exact_case=True),
            q.FindSeries(modality="CT", released_after=dt.date(2020, 1, 2)),
        )
        for visible in (
            VisibleSet(),
            VisibleSet(scope=Scope.RETRIEVE),
            VisibleSet(Viewer(1, "one")),
            VisibleSet(Viewer(2, "two")),
        )
    ]
    assert all(one is not other for one, other in itertools.combinations(made, 2))


def test_a_connection_that_the_server_ended_is_replaced(postgres: Any) -> None:
    with postgres.database() as url, Catalog.open(url) as catalog:
        before = catalog.counts()
        other = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with other.connect() as connection:
            ours = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ended = connection.execute(sa.text(f"SELECT pg_terminate_backend(pid, 60000) {ours}")).all()
        other.dispose()
        assert ended == [(True,)]
        assert catalog.counts() == before
        with catalog._database.writing() as connection:
            assert connection.scalar(sa.select(sa.literal(1))) == 1
