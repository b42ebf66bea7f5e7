"""Identity rules, totals, facets, quarantine and ledger."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog, Refusal
from filmroom.catalog.schema import facet, patient, series
from filmroom.errors import CatalogError, InvalidInput, NotFound
from filmroom.model.access import Scope, VisibleSet
from filmroom.model.entities import Assignment, Licence
from filmroom.model.queries import FindPatients, FindSeries, FindStudies, FindValues, SeriesSize

Make = Callable[..., Any]
PUBLIC = VisibleSet()
CURATE = VisibleSet(scope=Scope.CURATE)


def rows(catalog: Catalog, query: Any, visible: VisibleSet = PUBLIC) -> list[dict[str, Any]]:
    return list(itertools.chain.from_iterable(catalog.rows(query, visible)))


def test_a_batch_becomes_visible_with_its_totals(catalog: Catalog, make: Make) -> None:
    outcomes = catalog.commit_batch(
        None, [make("1.1", content=b"abc"), make("1.2", content=b"de"), make("1.3", series="1.2.4")]
    )
    assert [outcome.outcome for outcome in outcomes] == ["stored"] * 3
    found = rows(catalog, FindSeries())
    assert [(row["series_instance_uid"], row["image_count"], row["file_size"]) for row in found] == [
        ("1.2.3", 2, 5),
        ("1.2.4", 1, 1),
    ]
    assert rows(catalog, FindStudies())[0]["series_count"] == 2
    assert rows(catalog, SeriesSize("1.2.3")) == [{"file_size": 5, "image_count": 2}]
    assert catalog.counts()["instances"] == 3


def test_the_same_bytes_again_change_nothing(catalog: Catalog, make: Make) -> None:
    catalog.commit_batch(None, [make()])
    before = catalog.counts()
    (outcome,) = catalog.commit_batch(None, [make()])
    assert outcome.outcome == "present"
    assert catalog.counts() == before


def test_other_bytes_under_the_same_uid_are_quarantined_and_keep_the_first(
    catalog: Catalog, make: Make
) -> None:
    catalog.commit_batch(None, [make(content=b"first")])
    (outcome,) = catalog.commit_batch(None, [make(content=b"other!", key="ab/cd/other.dcm")])
    assert (outcome.outcome, outcome.reason) == ("quarantined", "conflict")
    assert "other bytes" in outcome.message
    assert catalog.series_content("1.2.3", PUBLIC).instances[0].size == 5
    (item,) = catalog.quarantine()
    assert item.location is not None
    assert item.location.key == "ab/cd/other.dcm"
    assert catalog.drop_quarantine(item.id) == ["ab/cd/other.dcm"]
    with pytest.raises(NotFound):
        catalog.drop_quarantine(item.id)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"series": "1.2.3", "study": "1.9"}, "belongs to study 1.2"),
        ({"series": "1.2.9", "patient": "P2"}, "belongs to patient 'P1'"),
        ({"series": "1.2.9", "collection": "C2"}, "of C1//C1"),
    ],
)
def test_a_uid_that_claims_other_parents_conflicts_and_leaves_no_trace(
    catalog: Catalog, make: Make, change: dict[str, str], words: str
) -> None:
    catalog.commit_batch(None, [make()])
    before = {name: count for name, count in catalog.counts().items() if name != "quarantined"}
    (outcome,) = catalog.commit_batch(None, [make("1.2.3.2", **change)])
    assert outcome.outcome == "quarantined"
    assert words in outcome.message
    assert {name: count for name, count in catalog.counts().items() if name != "quarantined"} == before


def test_conflicts_inside_one_batch_are_seen(catalog: Catalog, make: Make) -> None:
    outcomes = catalog.commit_batch(
        None, [make("1.1"), make("1.1"), make("1.1", content=b"no"), make("1.2", study="7.7")]
    )
    assert [outcome.outcome for outcome in outcomes] == ["stored", "present", "quarantined", "quarantined"]


def test_the_same_patient_id_in_two_collections_is_two_patients(catalog: Catalog, make: Make) -> None:
    catalog.commit_batch(
        None, [make(), make("2.1", series="2.2", study="2.3", collection="C2", patient_sex="F")]
    )
    assert [(row["collection"], row["patient_sex"]) for row in rows(catalog, FindPatients())] == [
        ("C1", None),
        ("C2", "F"),
    ]


def test_values_are_the_first_that_are_not_empty(catalog: Catalog, make: Make) -> None:
    catalog.commit_batch(None, [make("1.1", body_part_examined=None, patient_sex=None)])
    catalog.commit_batch(
        None,
        [
            make("1.2", body_part_examined="CHEST", patient_sex="M", study_desc="a"),
            make("1.3", study_desc="b"),
        ],
    )
    catalog.commit_batch(None, [make("1.4", body_part_examined="HEAD")])
    (row,) = rows(catalog, FindSeries())
    assert (row["body_part_examined"], row["patient_sex"], row["study_desc"]) == ("CHEST", "M", "a")
    assert rows(catalog, FindValues("body_part_examined")) == [{"body_part_examined": "CHEST"}]


def recount(catalog: Catalog) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Count the facets anew, from the series."""
    expected: dict[tuple[Any, ...], tuple[set[int], int]] = {}
    statement = sa.select(
        series.c.patient_key,
        series.c.site_id,
        series.c.modality,
        series.c.body_part_examined,
        series.c.manufacturer,
        patient.c.species_code,
    ).select_from(series.join(patient, patient.c.id == series.c.patient_key))
    with catalog._database.reading() as connection:
        found = connection.execute(statement.where(series.c.visibility == 1)).all()
    for key, site, *values in found:
        for mask in range(16):
            cell = (site, mask, *(v or "" if mask >> bit & 1 else "" for bit, v in enumerate(values)))
            people, count = expected.setdefault(cell, (set(), 0))
            people.add(key)
            expected[cell] = (people, count + 1)
    return {cell: (len(people), count) for cell, (people, count) in expected.items()}


def test_facets_stay_exact_over_random_batches(catalog: Catalog, make: Make) -> None:
    chance = random.Random(7)
    for batch in range(12):
        incoming = []
        for number in range(25):
            person = chance.randrange(9)
            series_number = chance.randrange(4)
            incoming.append(
                make(
                    f"9.{batch}.{number}",
                    series=f"5.{person}.{series_number}",
                    study=f"6.{person}",
                    patient=f"P{person}",
                    collection=f"C{person % 2}",
                    modality=chance.choice(["CT", "MR"]),
                    body_part_examined=chance.choice([None, "CHEST", "HEAD"]),
                    manufacturer=chance.choice([None, "Acme"]),
                    species_code=chance.choice([None, "337915000"]),
                    assignment=Assignment(
                        f"C{person % 2}", f"C{person % 2}", visibility=chance.choice([1, 0])
                    ),
                )
            )
        catalog.commit_batch(None, incoming)
        with catalog._database.reading() as connection:
            kept = {tuple(row[:6]): (row[6], row[7]) for row in connection.execute(sa.select(facet))}
        assert kept == recount(catalog)


def test_terms_come_from_the_assignment_then_from_the_site(catalog: Catalog, make: Make) -> None:
    terms = Licence("Attribution Only", "CC BY-NC 4.0", "https://licence.example/", commercial_use=False)
    first = Assignment("C1", "C1", licence=terms, description_uri="https://doi.org/10.1/x")
    catalog.commit_batch(None, [make("1.1", assignment=first), make("1.2", series="1.2.4", collection="C1")])
    for row in rows(catalog, FindSeries()):
        assert (row["licence_name"], row["licence_url"]) == ("CC BY-NC 4.0", "https://licence.example/")
        assert row["description_uri"] == "https://doi.org/10.1/x"
        assert row["exclude_commercial"] is True
        assert row["third_party_analysis"] == "NO"
        assert row["released_status"] == "Yes"


def test_set_collection_reaches_its_series_and_is_recorded(catalog: Catalog, make: Make) -> None:
    analysis = Assignment(
        "C1", "C1", third_party_analysis=True, description_uri="https://doi.org/10.1/analysis"
    )
    catalog.commit_batch(None, [make("1.1"), make("1.2", series="1.2.4", assignment=analysis)])
    catalog.set_collection(
        "C1", description_uri="https://doi.org/10.1/own", licence=Licence("L", "L", "https://l.example/")
    )
    own, third = rows(catalog, FindSeries())
    assert own["description_uri"] == "https://doi.org/10.1/own"
    assert third["description_uri"] == "https://doi.org/10.1/analysis"
    assert (own["licence_name"], third["licence_name"]) == ("L", "L")
    catalog.set_collection("C1", access="restricted")
    assert rows(catalog, FindSeries()) == []
    assert catalog.collections()[0].access == "restricted"
    with pytest.raises(NotFound):
        catalog.set_collection("absent", access="public")
    with pytest.raises(InvalidInput):
        catalog.set_collection("C1", access="secret")


def test_refusals_are_kept_once(catalog: Catalog) -> None:
    refusal = Refusal(
        "/a.dcm", "truncated", "The file ends early.", 10, Assignment("C", "S"), "quarantine/a.dcm"
    )
    for _ in range(2):
        catalog.commit_batch(None, [], [refusal])
    (item,) = catalog.quarantine()
    assert item == catalog.quarantine_item(item.id)
    assert item.assignment == Assignment("C", "S")
    assert catalog.unreferenced(["quarantine/a.dcm", "quarantine/b.dcm"]) == ["quarantine/b.dcm"]


def test_a_run_is_resumed_by_its_key_until_it_ends(catalog: Catalog, make: Make) -> None:
    run = catalog.begin_run("k")
    first = catalog.add_batch(run.id, ["a", "b"])
    catalog.add_batch(run.id, ["c"])
    catalog.commit_batch(first, [make()])
    again = catalog.begin_run("k")
    assert (again.id, again.resumed) == (run.id, True)
    assert [batch.sources for batch in catalog.batches(again.id, "done")] == [["a", "b"]]
    catalog.end_run(run.id, {"stored": 1})
    assert catalog.begin_run("k").resumed is False


def test_a_failed_transaction_leaves_nothing(catalog: Catalog, make: Make) -> None:
    broken = make("1.2")
    object.__setattr__(broken.instance, "md5", None)
    with pytest.raises(CatalogError, match=r"(?i)not.null"):
        catalog.commit_batch(None, [make("1.1"), broken])
    assert catalog.counts() == dict.fromkeys(catalog.counts(), 0)
