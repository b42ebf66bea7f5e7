"""Lists of series: whole, in order, the same bytes from either kind of page, few statements, by index."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from test_growth import GROWING, whole_reads

from filmroom.catalog import Catalog, series_pages
from filmroom.catalog.schema import patient, series, site, study
from filmroom.model import queries as q
from filmroom.model.access import VisibleSet
from filmroom.model.row_page import RowPage
from filmroom.wire import views
from filmroom.wire.formats import Format, encode
from filmroom.wire.json_format import encode_rows
from filmroom.wire.row_text import row_text

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


def _by_index(catalog: Catalog) -> None:
    """Have no table read whole that need not be; small ones PostgreSQL would rather read."""
    if catalog._database.backend == "postgresql":

        @sa.event.listens_for(catalog._database._read, "checkout")
        def _set(connection: Any, _record: Any, _proxy: Any) -> None:
            connection.execute("SET enable_seqscan = off")
            connection.commit()


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


def texts(catalog: Catalog, query: q.FindSeries, view: views.View, visible: VisibleSet = PUBLIC) -> bytes:
    """Return the answer as it is sent: the first page written by us, the others by the database if it can."""
    pages = catalog.rows(query, visible)
    assert isinstance(pages, series_pages.SeriesPages)
    form = row_text(view)
    assert form is not None
    pieces = [encode_rows(view, next(pages))]
    for read in pages.texts(form):
        found = read()
        pieces.append(found.encode() if isinstance(found, str) else encode_rows(view, found))
    return b"[" + b",".join(piece for piece in pieces if piece) + b"]"


def test_the_database_writes_the_same_bytes(filled: Catalog) -> None:
    for number in (None, 2.0, -0.0, 2.5, 1e14, 1e15, 1e300):
        with filled._database.writing() as connection:
            flag = series.c.id % 2 == 0
            connection.execute(sa.update(series).values(series_number=number, annotations_flag=flag))
        for view, query in itertools.product(SERIES_VIEWS, QUESTIONS):
            assert texts(filled, query, view) == b"".join(encode(view, filled.rows(query, PUBLIC)))


_CHANGES: tuple[tuple[sa.Table, dict[str, Any]], ...] = (
    (series, {"max_submission_timestamp": dt.datetime(2024, 2, 29, 23, 59, 59, 120)}),
    (series, {"max_submission_timestamp": dt.datetime(9, 1, 2, 3, 4, 5, 500_000)}),
    (series, {"date_released": dt.datetime(1999, 12, 31), "annotations_flag": None}),
    (
        series,
        {
            "series_desc": "".join(map(chr, (*range(1, 256), 0x2028, 0xFFFD, 0x1F600)))[:64],
            "modality": "null",
        },
    ),
    (
        series,
        {"series_desc": "".join(map(chr, range(64, 128))), "image_count": 2**31 - 1, "file_size": 2**62},
    ),
    (series, {"series_desc": "%s %% %(x)s :name {0} \\u0000", "licence_name": None, "licence_url": ""}),
    (study, {"study_date": dt.date(9999, 12, 31), "study_desc": "\u00e9\U0001f642", "patient_age": None}),
    (patient, {"patient_sex": "'\"\\"}),
    (site, {"name": "a, b"}),
)


@pytest.mark.parametrize(("table", "values"), _CHANGES)
def test_after_any_change_the_database_writes_the_same_bytes(
    filled: Catalog, table: sa.Table, values: dict[str, Any]
) -> None:
    with filled._database.writing() as connection:
        connection.execute(sa.update(table).values(series_number=1.0) if table is series else sa.select(1))
        connection.execute(sa.update(table).values(**values))
    for view in SERIES_VIEWS:
        whole = b"".join(encode(view, filled.rows(q.FindSeries(), PUBLIC)))
        assert texts(filled, q.FindSeries(), view) == whole
        assert len(json.loads(whole)) == 40


def test_what_is_hidden_meanwhile_is_in_no_page_after_it(filled: Catalog) -> None:
    view, form = views.SERIES_V4, row_text(views.SERIES_V4)
    assert form is not None
    for query in QUESTIONS:
        pages = filled.rows(query, PUBLIC)
        assert isinstance(pages, series_pages.SeriesPages)
        first = next(pages)
        with filled._database.writing() as connection:
            connection.execute(sa.update(series).values(visibility=0))
        left = [read() for read in pages.texts(form)]
        assert len(left) > 1
        assert set(map(len, left)) == {0}
        with filled._database.writing() as connection:
            connection.execute(sa.update(series).values(visibility=1))
        assert b"".join(encode(view, filled.rows(query, PUBLIC))).startswith(b"[" + encode_rows(view, first))


def test_the_parents_are_those_of_each_series(filled: Catalog) -> None:
    pages = list(filled.rows(q.FindSeries(), PUBLIC))
    assert len(pages) > 3
    for row in itertools.chain.from_iterable(pages):
        [same] = [row for page in filled.rows(_one(row), PUBLIC) for row in page]
        assert same == row


def _one(row: dict[str, Any]) -> q.FindSeries:
    return q.FindSeries(series_instance_uid=row["series_instance_uid"])


@pytest.mark.parametrize("query", QUESTIONS)
def test_a_page_costs_five_statements(filled: Catalog, query: q.FindSeries) -> None:
    with statements(filled) as asked:
        pages = [page for page in filled.rows(query, PUBLIC) if page]
    # Where it ends, its series, and their parents; beside the pages the sites of a collection or the ids.
    assert len(pages) > 2
    assert len(asked) <= 1 + 5 * len(pages)


@pytest.mark.parametrize("query", QUESTIONS)
def test_a_page_of_texts_costs_two_statements_by_index(filled: Catalog, query: q.FindSeries) -> None:
    _by_index(filled)
    form = row_text(views.SERIES_V4)
    assert form is not None
    with filled._database.writing() as connection:
        connection.execute(sa.update(series).values(series_number=1))
    pages = filled.rows(query, PUBLIC)
    assert isinstance(pages, series_pages.SeriesPages)
    next(pages)
    with statements(filled) as asked:
        found = [read() for read in pages.texts(form)]
    assert len(found) > 1
    assert all(isinstance(text, str) for text in found)
    assert len(asked) <= 2 * len(found)
    assert [each for each, whole in asked if {table.split()[0] for table in whole} & GROWING] == []


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
    _by_index(filled)
    with statements(filled) as asked:
        assert [row for page in filled.rows(query, PUBLIC) for row in page]
    assert len(asked) <= most
    assert [statement for statement, whole in asked if {each.split()[0] for each in whole} & GROWING] == []
