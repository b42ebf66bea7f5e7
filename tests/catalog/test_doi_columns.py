"""The columns of lists of DOIs, brought up to date by what changed, are those that are read anew."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from filmroom.catalog import Catalog
from filmroom.catalog.doi_columns import LABELS, NUMBERS, SINGLE, Columns, KeptColumns
from filmroom.catalog.doi_facets import FACETS, facets_of
from filmroom.catalog.doi_keys import either
from filmroom.catalog.doi_write import tick_of
from filmroom.model.doi_import import records_from_json
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.testing.doi_records import doi_records

MOMENT = dt.datetime(2026, 1, 1)


def records(number: int, seed: int = 1) -> list[DoiRecord]:
    made = doi_records(number, seed=seed)
    return [record for document in made for record in records_from_json(document, MOMENT)]


def as_lists(columns: Columns) -> dict[str, Any]:
    """Everything that is known of each row."""
    made: dict[str, Any] = {"keys": columns.keys.tolist(), "dois": columns.dois.tolist()}
    made["titles"] = columns.titles.tolist()
    made |= {name: columns.numbers[name].tolist() for name in NUMBERS}
    for name in SINGLE:
        coded = columns.single[name]
        made[name] = [coded.values[code] for code in coded.codes.tolist()]
    for name in LABELS:
        labels = columns.labels[name]
        runs = zip(labels.starts.tolist(), labels.lengths.tolist(), strict=True)
        made[name] = [[labels.values[c] for c in labels.codes[a : a + n].tolist()] for a, n in runs]
    return made


def test_columns_stay_in_step_with_the_catalogue(tmp_path: Path) -> None:
    dice = random.Random(7)
    kept = KeptColumns()
    stored = records(30)
    with Catalog.create(f"sqlite:///{tmp_path / 'catalog.sqlite'}") as catalog:
        dois = catalog.dois()
        for step in range(8):
            changed = dice.sample(stored, 5)
            fresh = [
                replace(
                    each,
                    attributes={
                        **each.attributes,
                        "publicationYear": 2000 + step,
                        "titles": [{"title": f"Title {dice.random()}"}],
                        "language": dice.choice(("en", "de", None)),
                        "subjects": [{"subject": f"S{dice.randrange(4)}"} for _ in range(dice.randrange(3))],
                    },
                )
                for each in changed
            ]
            dois.import_many(fresh, actor="test")
            draft = DoiRecord(doi=f"10.5072/draft-{step % 2}", client="demo.archive", state=DoiState.DRAFT)
            if step % 3 == 2:
                dois.delete_draft("10.5072/draft-0", actor="test")
            elif not dois.exists(draft.doi):
                dois.put(draft, actor="test")
            with catalog._database.reading() as connection:
                followed = kept.at(connection, tick_of(connection))
                anew = KeptColumns().at(connection, tick_of(connection))
            # A deleted draft stays until its key is taken again: nothing names it.
            places = followed.places(anew.keys)
            assert followed.keys[places].tolist() == anew.keys.tolist()
            assert facets_of(followed, places, FACETS) == facets_of(anew, np.arange(len(anew.keys)), FACETS)
            rows = as_lists(anew)
            mine = as_lists(followed)
            assert {name: [mine[name][place] for place in places.tolist()] for name in mine} == rows


def test_no_columns_are_columns() -> None:
    empty = Columns.of([])
    assert as_lists(empty.with_newer(empty)) == as_lists(Columns())
    assert empty.places(np.array([1, 2])).tolist() == []
    assert facets_of(empty, np.empty(0, np.int64), ["subjects", "created", "views"]) == {
        "subjects": [],
        "created": [],
        "views": [],
    }
    assert either([]).tolist() == []
