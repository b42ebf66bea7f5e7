"""Lists of series: whole, in order, the same bytes from either kind of page, few statements, by index."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from test_growth import GROWING, whole_reads

from filmroom.catalog import Catalog, series_pages
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet
from filmroom.model.row_page import RowPage
from filmroom.wire import views
from filmroom.wire.formats import Format, encode

PUBLIC = VisibleSet()
SERIES_VIEWS = (views.SERIES_V1, views.SERIES_V4, views.SERIES_BRIEF)


@pytest.fixture
def filled(catalog: Catalog, make: Any, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Forty series of two collections, with values that are odd, missing and shared; pages are small."""
    monkeypatch.setattr(series_pages, "_FIRST_PAGE", 4)
    monkeypatch.setattr(series_pages, "_PAGE", 9)
    odd = {
        "series_desc": 'a "quoted" \\ back\tslash \x1f \u2028 é 🙂',
        "series_number": 1e300,
        "series_date": dt.date(1, 1, 1),
        "manufacturer": "</script>",
    }
    incoming = []
    for number in range(40):
        values: dict[str, Any] = odd if number % 3 == 0 else {}
        if number % 5 == 0:
            values = {**values, "series_number": 2.5, "body_part_examined": "", "patient_age": "007Y"}
        study = number // 2
        incoming.append(
            make(
                f"9.{number}",
                f"5.{number * 7919 % 1000}",
                f"6.{study}",
                f"P{study // 3}",
                collection=f"C{study // 3 % 2}",
                **values,
            )
        )
    catalog.commit_batch(None, incoming)
    return catalog


@contextmanager
def statements(catalog: Catalog) -> Iterator[list[tuple[str, list[str]]]]:
    """Give what is read meanwhile: each statement with the tables that it reads from end to end."""
    engine = catalog._database._read
    sqlite = engine.dialect.name == "sqlite"
    found: list[tuple[str, list[str]]] = []

    def look(
        _connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if statement.startswith(("SELECT", "WITH")):
            found.append((statement, list(whole_reads(cursor, statement, parameters, sqlite=sqlite))))

    sa.event.listen(engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", look)


QUESTIONS = (
    q.FindSeries(),
    q.FindSeries(collection="c1"),
    q.FindSeries(modality="ct"),
    q.FindSeries(released_after=dt.date(2000, 1, 1)),
)


@pytest.mark.parametrize("query", QUESTIONS)
def test_a_list_is_whole_and_in_order(filled: Catalog, query: q.FindSeries) -> None:
    found = [row["series_instance_uid"] for page in filled.rows(query, PUBLIC) for row in page]
    everything = [row for page in filled.rows(q.FindSeries(), PUBLIC) for row in page]
    wanted = [row for row in everything if query.collection is None or row["collection"] == "C1"]
    assert len(everything) == 40
    assert found == sorted(row["series_instance_uid"] for row in wanted)


@pytest.mark.parametrize("fmt", [Format.JSON, Format.CSV])
@pytest.mark.parametrize("view", SERIES_VIEWS, ids=lambda view: view.name)
def test_pages_and_records_are_the_same_bytes(filled: Catalog, view: views.View, fmt: Format) -> None:
    pages = list(filled.rows(q.FindSeries(), PUBLIC))
    assert all(isinstance(page, RowPage) for page in pages)
    joined, once = pages[0], pages[1]
    assert isinstance(joined, RowPage)
    assert isinstance(once, RowPage)
    assert joined.names == once.names
    records = [list(page) for page in pages]
    assert b"".join(encode(view, pages, fmt)) == b"".join(encode(view, records, fmt))


def test_the_parents_are_those_of_each_series(filled: Catalog) -> None:
    pages = list(filled.rows(q.FindSeries(), PUBLIC))
    assert len(pages) > 3
    for row in itertools.chain.from_iterable(pages):
        [same] = [row for page in filled.rows(_one(row), PUBLIC) for row in page]
        assert same == row


def _one(row: dict[str, Any]) -> q.FindSeries:
    return q.FindSeries(series_instance_uid=row["series_instance_uid"])


@pytest.mark.parametrize("query", QUESTIONS)
def test_a_page_costs_four_statements(filled: Catalog, query: q.FindSeries) -> None:
    with statements(filled) as asked:
        pages = [page for page in filled.rows(query, PUBLIC) if page]
    # Beside the pages: the sites of a collection or the ids, and the end.
    assert len(pages) > 2
    assert len(asked) <= 1 + 4 * len(pages)


@pytest.mark.parametrize(
    ("query", "most"),
    [
        (q.FindSeries(series_instance_uid="5.0"), 1),
        (q.FindSeries(patient_id="P6"), 2),
        (q.FindSeries(study_instance_uid="6.1"), 2),
        (q.FindPatients(patient_id="P1"), 2),
        (q.FindStudies(patient_id="P1"), 2),
        (q.FindStudies(study_instance_uid="6.1"), 2),
        (q.FindPatients(collection="C1"), 3),
        (q.FindStudies(collection="C1", released_after=dt.date(2000, 1, 1)), 3),
    ],
)
def test_look_ups_take_few_statements_and_read_no_table_whole(
    filled: Catalog, query: q.Query, most: int
) -> None:
    if filled._database.backend == "postgresql":

        @sa.event.listens_for(filled._database._read, "begin")
        def _by_index(connection: sa.Connection) -> None:
            # Of tables this small it would rather read everything; what counts is that it need not.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")

    with statements(filled) as asked:
        assert [row for page in filled.rows(query, PUBLIC) for row in page]
    assert len(asked) <= most
    assert [statement for statement, whole in asked if {each.split()[0] for each in whole} & GROWING] == []
