"""What a client writes of a search is what a server reads, and the other way round."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmroom.errors import BadAnswer, InvalidInput
from filmroom.model.search import (
    Days,
    Equipment,
    FoundPatient,
    FoundStudy,
    Page,
    Range,
    SimpleSearch,
    SortField,
    Summary,
    TimePoint,
)
from filmroom.model.text_search import TextHit
from filmroom.wire.search_request import read_search_answer, read_text_answer, write_page, write_search
from filmroom.wire.simple_search import answer_pieces, read_page, read_search
from filmroom.wire.text_search import page_pieces

TEXTS = st.lists(st.text(max_size=5), max_size=3, unique=True).map(tuple)
DATES = st.dates(dt.date(1900, 1, 1), dt.date(9999, 12, 31))
NUMBERS = st.floats(0, 1000)
PART = st.text("abc|* ", max_size=4).filter(lambda text: "||" not in text and not text.endswith("|"))
EQUIPMENT = st.one_of(
    PART.map(Equipment),
    st.builds(Equipment, PART, PART),
    st.builds(Equipment, PART, PART, st.text(max_size=4)),
)
AGES = st.one_of(
    *(st.integers(0, 9999).map(lambda n, per=per: n / per) for per in (1, 12, 52, 365))  # type: ignore[misc]
)


def some(strategy: Any) -> Any:
    return st.lists(strategy, max_size=2, unique=True).map(tuple)


CRITERIA: dict[str, Any] = {
    "collections": TEXTS,
    "species": TEXTS,
    "modalities": TEXTS,
    "all_modalities": st.booleans(),
    "body_parts": TEXTS,
    "sexes": TEXTS,
    "equipment": some(EQUIPMENT),
    "released": some(st.builds(Days, DATES, DATES)),
    "ages": some(st.builds(Range, AGES, AGES)),
    "pixel_spacings": some(st.builds(Range, NUMBERS, st.none() | NUMBERS)),
    "slice_thicknesses": some(st.builds(Range, st.none(), NUMBERS)),
    "descriptions": TEXTS,
    "patient_ids": TEXTS,
    "study_instance_uids": TEXTS,
    "series_instance_uids": TEXTS,
    "more_studies_than": some(st.integers(0, 99)),
    "more_study_dates_than": some(st.integers(0, 99)),
    "phantoms": some(st.booleans()),
    "third_party": some(st.booleans()),
    "commercial_only": st.booleans(),
    "time_points": some(
        st.builds(TimePoint, st.text("AB", min_size=1), st.builds(Range, st.integers(-99, 99), st.none()))
    ),
}
SEARCHES = st.builds(SimpleSearch, **CRITERIA)


@given(SEARCHES, st.sampled_from(["v4", ""]))
def test_a_search_arrives_as_it_was_meant(search: SimpleSearch, version: str) -> None:
    assert read_search(write_search(search, version), version) == search


def test_every_attribute_is_written() -> None:
    assert set(CRITERIA) == {field.name for field in fields(SimpleSearch)}


@given(
    st.builds(
        Page, st.integers(0, 99), st.integers(0, 99), st.sampled_from(get_args(SortField)), st.booleans()
    )
)
def test_a_page_arrives_as_it_was_meant(page: Page) -> None:
    assert read_page(write_page(page)) == page


@pytest.mark.parametrize(
    "search",
    [
        SimpleSearch(modalities="CT"),  # type: ignore[arg-type]
        SimpleSearch(more_studies_than=1),  # type: ignore[arg-type]
        SimpleSearch(equipment=(Equipment("a", None, "c"),)),
        SimpleSearch(equipment=(Equipment("a||b", "c"),)),
        SimpleSearch(released=(Days(),)),
        SimpleSearch(ages=(Range(0.123456, None),)),
        SimpleSearch(ages=(Range(),)),
    ],
)
def test_what_a_form_cannot_say(search: SimpleSearch) -> None:
    with pytest.raises(InvalidInput):
        write_search(search, "v4")


def test_pages_that_are_none() -> None:
    for page in (Page(-1), Page(0, -1)):
        with pytest.raises(InvalidInput):
            write_page(page)


PATIENT = FoundPatient(
    7,
    "A",
    "P",
    "337915000",
    ("CT",),
    ("CHEST",),
    {"DIAGNOSIS": (0, 90)},
    1,
    2,
    (FoundStudy(5, (11, 12), ("CT", "MR")),),
)
SUMMARY = Summary(1, {"P": 1}, {"CT": 1}, {"CHEST": 1}, {"337915000": 1}, {"DIAGNOSIS": 0}, {"DIAGNOSIS": 90})


@pytest.mark.parametrize("authorized", [True, False])
def test_an_answer_is_read_back(authorized: bool) -> None:
    pieces = answer_pieces([PATIENT], SUMMARY, Page(), authorized=authorized, with_modalities=True)
    (row,), summary = read_search_answer(b"".join(pieces))
    assert summary == SUMMARY
    assert row.pop("authorized", None) == (1 if authorized else None)
    assert FoundPatient(**row) == PATIENT


def test_a_text_answer_is_read_back() -> None:
    hit = TextHit(7, "A", "P", (FoundStudy(5, (11,), ()),), "<em>x</em>")
    (row,), total = read_text_answer(b"".join(page_pieces(3, iter([[hit]]), Page())))
    assert (total, row.pop("totalNumberOfSeries", None), TextHit(**row)) == (3, None, hit)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"resultSet":[1]}', b'{"resultSet":[{}]}', b'{"totalPatients":"many"}', b"\xff\xfe"],
)
def test_answers_that_are_none(content: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_search_answer(content)


def test_an_answer_of_little() -> None:
    rows, summary = read_search_answer(b'{"resultSet":[{"subjectId":"A","project":"P","new":1}]}')
    assert (rows[0]["patient_id"], rows[0]["new"], rows[0]["modalities"], summary.patients) == ("A", 1, (), 0)
