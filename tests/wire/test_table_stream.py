"""A JSON table that comes in pieces is cut between its rows, and nowhere else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmroom.errors import BadAnswer
from filmroom.wire import table_stream
from filmroom.wire.table_stream import json_parts

# What looks like the end of a row, within texts and within rows.
TEXTS = st.text() | st.sampled_from(["},{", '"},{"', '\\"}, {', "]", "[{}]", "\\"])
VALUES = st.none() | st.integers() | TEXTS | st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=3)
TABLES = st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=30)


def pieces(body: bytes, length: int) -> Iterator[bytes]:
    for start in range(0, len(body), length):
        yield body[start : start + length]


def read(parts: Iterator[bytes]) -> list[Any]:
    return [row for part in parts for row in json.loads(part)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_stream, "_PART", 64)
    monkeypatch.setattr(table_stream, "_LONGEST", 4096)


@settings(max_examples=300, deadline=None)
@given(
    table=TABLES,
    length=st.integers(1, 100),
    indent=st.sampled_from([None, 1]),
    front=st.sampled_from(["", " \n"]),
)
def test_any_table_in_any_pieces(table: list[Any], length: int, indent: int | None, front: str) -> None:
    body = (front + json.dumps(table, indent=indent, ensure_ascii=length % 2 == 0)).encode()
    assert read(json_parts(pieces(body, length))) == table


def test_no_more_is_held_than_a_part() -> None:
    row = json.dumps({"name": "x" * 20, "more": [{"a": 1}, {"a": 2}]})
    body = f"[{', '.join([row] * 500)}]".encode()
    parts = list(json_parts(pieces(body, 50)))
    assert max(map(len, parts)) < 300
    assert len(parts) > 100
    assert read(iter(parts)) == [json.loads(row)] * 500


@pytest.mark.parametrize("body", [b"", b" \n "])
def test_nothing_is_no_rows(body: bytes) -> None:
    assert list(json_parts([body])) == []


@pytest.mark.parametrize("body", [b'{"error": 1}', b"<html>" + bytes(100), b"x" * 5000])
def test_something_else(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        list(json_parts(pieces(body, 50)))


@pytest.mark.parametrize("body", [b'[{"a": "' + b"x" * 20_000, b'[{"a": "' + b"},{" * 20_000, b"[" * 20_000])
def test_a_row_without_an_end(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        list(json_parts(pieces(body, 50)))


def test_a_table_that_is_cut_short_is_no_table() -> None:
    """What is missing shows when the last part is read: its end is not there."""
    body = json.dumps([{"n": number} for number in range(200)]).encode()
    for cut in random.Random(1).sample(range(2, len(body) - 1), 40):
        with pytest.raises((BadAnswer, json.JSONDecodeError)):
            read(json_parts(pieces(body[:cut], 50)))
