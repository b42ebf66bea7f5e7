"""The columns themselves: patients replaced in any number and order, texts and patterns."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

from filmroom.catalog.simple_search_columns import Holdings, Patients, Series
from filmroom.catalog.simple_search_terms import Phrases, Terms


def columns(held: dict[int, list[int]], keys: list[int]) -> tuple[Patients, Series]:
    """Return columns in which patient ``key`` has the series ``held[key]``; everything else is 0."""

    def filled(kind: Any, rows: int, **given: list[int]) -> Any:
        arrays = {
            name: np.zeros(rows, array.dtype)
            for name, array in zip(kind.__slots__, kind.empty().arrays(), strict=True)
        }
        return kind(**(arrays | {name: np.asarray(some, arrays[name].dtype) for name, some in given.items()}))

    there = [key for key in sorted(keys) if held[key]]
    counts = [len(held[key]) for key in there]
    rows = [row for key in there for row in held[key]]
    return filled(Patients, len(there), key=there, series=counts), filled(Series, len(rows), key=rows)


@pytest.mark.parametrize("seed", range(40))
def test_any_patients_may_be_replaced(seed: int) -> None:
    """New ones, grown ones, emptied ones, at the beginning, in between and at the end."""
    draw = random.Random(seed)
    held: dict[int, list[int]] = {key: [] for key in range(1, 30)}
    holdings = Holdings.empty()
    for step in range(12):
        changed = draw.sample(sorted(held), draw.randint(0, 12))
        for key in changed:
            held[key] = [key * 1_000 + step * 10 + number for number in range(draw.randint(0, 3))]
        holdings = holdings.replaced(changed, *columns(held, changed))
        whole = Holdings.of(*columns(held, sorted(held)), holdings.words)
        for got, expected in ((holdings.patients, whole.patients), (holdings.series, whole.series)):
            for one, other in zip(got.arrays(), expected.arrays(), strict=True):
                assert one.dtype == other.dtype
                assert one.tolist() == other.tolist()
        assert holdings.slot.tolist() == whole.slot.tolist()
        assert holdings.starts.tolist() == whole.starts.tolist()


def found(flags: Any, texts: list[str]) -> list[str]:
    return [text for text, flag in zip(texts, flags, strict=True) if flag]


def test_numbers_of_texts_never_change() -> None:
    terms = Terms()
    first = terms.encode(["b", "a", "b"]).tolist()
    assert [terms[number] for number in first] == ["b", "a", "b"]
    assert terms.encode(["c", "b", "a", "C"]).tolist() == [2, *first[:2], 3]
    # Without regard to case, and then by it.
    assert sorted(range(len(terms)), key=terms.ranks().tolist().__getitem__) == [1, 0, 3, 2]


@pytest.mark.parametrize("seed", range(30))
def test_wildcards_are_those_of_a_shell(seed: int) -> None:
    draw = random.Random(seed)
    texts = sorted({"".join(draw.choices("aB.\n", k=draw.randint(0, 7))) for _ in range(200)})
    terms = Terms()
    terms.encode(texts)
    for _ in range(20):
        name = "".join(draw.choices("ab.*", k=draw.randint(1, 6)))
        plain = re.compile("(?s:" + ".*".join(map(re.escape, name.upper().split("*"))) + r")\Z")
        assert found(terms.named([name]), texts) == [text for text in texts if plain.match(text.upper())]


TEXTS = [
    "Chest CT",
    "CT, chest",
    "chest-ct thin",
    "chestct",
    "T2 weighted",
    "T2_weighted",
    "Thorax 5.0 mm",
    "",
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("chest", TEXTS[:3]),
        ("CHEST thorax", [*TEXTS[:3], "Thorax 5.0 mm"]),
        ('"chest ct"', ["Chest CT", "chest-ct thin"]),
        ('"ct chest" weighted', ["CT, chest", "T2 weighted"]),
        ("chest*", TEXTS[:4]),
        ("*ct", TEXTS[:4]),
        ("t2*", ["T2 weighted", "T2_weighted"]),
        ("5.0", ["Thorax 5.0 mm"]),
        ("chest-ct", ["Chest CT", "chest-ct thin"]),
        ('"t* 5.*"', ["Thorax 5.0 mm"]),
        ("*", []),
        ('" " "', []),
        ("\u00fc", []),
    ],
)
def test_words_and_phrases(asked: str, expected: list[str]) -> None:
    phrases = Phrases()
    for text in TEXTS:  # one by one: what comes later is found too
        phrases.encode([text])
    assert found(phrases.telling([asked]), TEXTS) == expected


@pytest.mark.parametrize("name", ["a*" * 30 + "b", "*a" * 30 + "*b", "*" * 1_000 + "b"])
def test_no_pattern_takes_for_ever(name: str) -> None:
    """Naive matching of these takes longer than anybody lives."""
    terms, phrases = Terms(), Phrases()
    for each in (terms, phrases):
        each.encode(["a" * 64])
    assert not terms.named([name]).any()
    assert not phrases.telling([name]).any()
