"""Questions, filters, pages, and the VisibleSet in every one of them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog, pages, series_pages
from filmroom.catalog.schema import access_grant, account, account_group, membership, protection_element
from filmroom.catalog.schema import protection_group as groups
from filmroom.catalog.schema import series as series_table
from filmroom.errors import NotFound
from filmroom.model import queries as q
from filmroom.model.access import Scope, Viewer, VisibleSet
from filmroom.model.entities import Assignment

Make = Callable[..., Any]
PUBLIC = VisibleSet()


def rows(catalog: Catalog, query: Any, visible: VisibleSet = PUBLIC) -> list[dict[str, Any]]:
    return list(itertools.chain.from_iterable(catalog.rows(query, visible)))


def series_uids(catalog: Catalog, visible: VisibleSet = PUBLIC, **filters: Any) -> list[str]:
    return [row["series_instance_uid"] for row in rows(catalog, q.FindSeries(**filters), visible)]


@pytest.fixture
def filled(catalog: Catalog, make: Make) -> Catalog:
    catalog.commit_batch(
        None,
        [
            make("1.1", series="1", study="10", patient="alpha", modality="CT", body_part_examined="Chest",
                 manufacturer="Acme", manufacturer_model_name="X1"),
            make("1.2", series="2", study="10", patient="alpha", modality="MR", manufacturer="acme"),
            make("1.3", series="3", study="20", patient="Beta", modality="MR", body_part_examined="HEAD",
                 collection="Open Two"),
        ],
    )  # fmt: skip
    return catalog


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["1", "2", "3"]),
        ({"collection": "open two"}, ["3"]),
        ({"collection": ""}, []),
        ({"patient_id": "ALPHA"}, ["1", "2"]),
        ({"study_instance_uid": "20"}, ["3"]),
        ({"series_instance_uid": "2"}, ["2"]),
        ({"modality": "mr"}, ["2", "3"]),
        ({"body_part_examined": "CHEST"}, ["1"]),
        ({"body_part_examined": "CHEST", "exact_case": True}, []),
        ({"manufacturer": "ACME"}, ["1", "2"]),
        ({"manufacturer": "acme", "exact_case": True}, ["2"]),
        ({"manufacturer_model_name": "x1"}, ["1"]),
        ({"modality": "MR", "collection": "C1"}, ["2"]),
        ({"patient_id": "' OR 1=1 --"}, []),
        ({"released_after": dt.date(1999, 1, 1)}, ["1", "2", "3"]),
        ({"released_after": dt.date(2999, 1, 1)}, []),
    ],
)
def test_series_filters(filled: Catalog, filters: dict[str, Any], expected: list[str]) -> None:
    assert series_uids(filled, **filters) == expected


def test_released_after_a_day_is_later_than_its_midnight(filled: Catalog) -> None:
    moments = {"1": dt.datetime(2020, 5, 1), "2": dt.datetime(2020, 5, 1, 0, 0, 1), "3": None}
    with filled._database.writing() as connection:
        for uid, moment in moments.items():
            connection.execute(
                sa.update(series_table)
                .where(series_table.c.series_instance_uid == uid)
                .values(date_released=moment)
            )
    day = dt.date(2020, 5, 1)
    assert series_uids(filled, released_after=day) == ["2"]
    assert [row["patient_id"] for row in rows(filled, q.FindPatients(released_since=day))] == ["alpha"]
    # The study is new because of one series; its count is of all it has.
    (study,) = rows(filled, q.FindStudies(released_after=day))
    assert (study["study_instance_uid"], study["series_count"]) == ("10", 2)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (q.FindValues("collection"), ["C1", "Open Two"]),
        (q.FindValues("modality"), ["CT", "MR"]),
        (q.FindValues("modality", collection="C1", body_part_examined="chest"), ["CT"]),
        (q.FindValues("modality", body_part_examined=""), []),
        (q.FindValues("body_part_examined", uppercase=True), [None, "CHEST", "HEAD"]),
        (q.FindValues("body_part_examined", modality="ct"), ["Chest"]),
        (q.FindValues("manufacturer"), [None, "Acme", "acme"]),
        (q.FindValues("manufacturer", uppercase=True), [None, "ACME"]),
        (q.FindValues("manufacturer", collection="C1", modality="MR"), ["acme"]),
    ],
)
def test_values(filled: Catalog, query: q.FindValues, expected: list[str | None]) -> None:
    assert [row[query.column] for row in rows(filled, query)] == expected


def test_patients_and_studies(filled: Catalog) -> None:
    assert [row["patient_id"] for row in rows(filled, q.FindPatients())] == ["Beta", "alpha"]
    assert [row["patient_id"] for row in rows(filled, q.FindPatients(collection="c1", modality="MR"))] == [
        "alpha"
    ]
    assert rows(filled, q.FindPatients(collection="Open Two", patient_id="alpha")) == []
    assert [r["patient_id"] for r in rows(filled, q.FindPatients(patient_id="BETA"))] == ["Beta"]
    assert rows(filled, q.FindPatients(patient_id="BETA", exact_patient_id=True)) == []
    assert [row["study_instance_uid"] for row in rows(filled, q.FindStudies(patient_id="beta"))] == ["20"]


def test_a_patient_of_two_sites_is_one_row(catalog: Catalog, make: Make) -> None:
    catalog.commit_batch(
        None,
        [
            make("1.1", assignment=Assignment("C", "North")),
            make("1.2", series="2", study="20", assignment=Assignment("C", "South")),
        ],
    )
    assert len(rows(catalog, q.FindPatients())) == 1
    assert {row["site"] for row in rows(catalog, q.FindSeries())} == {"North", "South"}


def test_long_answers_come_in_pages_without_loss(
    catalog: Catalog, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, names in ((pages, ("_PAGE", "_IDS")), (series_pages, ("_PAGE",))):
        monkeypatch.setattr(module, "_FIRST_PAGE", 3)
        for name in names:
            monkeypatch.setattr(module, name, 5)
    incoming = [make(f"9.{n}", series=f"5.{n}", study=f"6.{n % 7}", patient=f"P{n % 11}") for n in range(7)]
    incoming += [
        make(f"8.{n}", series=f"4.{n}", study=f"3.{n}", patient=f"P{n}", collection=f"C{n % 2}")
        for n in range(16)
    ]
    catalog.commit_batch(None, incoming)
    sizes = [len(page) for page in catalog.rows(q.FindSeries(), PUBLIC)]
    assert sizes[0] == 3
    assert max(sizes[1:]) == 5
    found = series_uids(catalog)
    assert found == sorted(found)
    assert len(found) == len(set(found)) == sum(sizes)
    filtered = series_uids(catalog, modality="ct")
    assert filtered == found
    assert series_uids(catalog, collection="c1") == [
        uid for uid in found if uid in set(series_uids(catalog, collection="C1", modality="CT"))
    ]
    assert len(rows(catalog, q.FindStudies())) == 7 + 16
    people = [(row["patient_id"], row["collection"]) for row in rows(catalog, q.FindPatients())]
    assert len(people) == len(set(people)) == 20


def _questions(uid: str, sop: str) -> list[Any]:
    return [
        q.FindValues("collection"),
        q.FindValues("modality"),
        q.FindPatients(),
        q.FindStudies(),
        q.FindSeries(),
        q.SeriesMetadata(uid),
        q.SeriesSize(uid),
        q.FindInstances(uid),
        q.InstanceDigest(sop),
    ]


@pytest.mark.parametrize(
    ("visibility", "access", "search", "retrieve"),
    [
        (1, "public", True, True),
        (12, "public", False, True),
        *((code, "public", False, False) for code in (0, 2, 3, 4, 5, 11)),
        (1, "restricted", False, False),
        (12, "restricted", False, False),
    ],
)
def test_what_is_not_visible_is_in_no_answer(
    catalog: Catalog, make: Make, visibility: int, access: Any, search: bool, retrieve: bool
) -> None:
    assignment = Assignment("C", "S", visibility=visibility, access=access)
    catalog.commit_batch(None, [make("1.1", series="1", assignment=assignment)])
    retrieving = VisibleSet(scope=Scope.RETRIEVE)
    for query in _questions("1", "1.1"):
        assert bool(rows(catalog, query)) is search, query
        if not isinstance(query, q.FindValues):
            assert bool(rows(catalog, query, retrieving)) is retrieve, query
    for visible, shown in ((PUBLIC, search), (retrieving, retrieve)):
        if shown:
            assert catalog.series_content("1", visible).collection == "C"
            assert catalog.instance("1", "1.1", visible).sop_instance_uid == "1.1"
        else:
            with pytest.raises(NotFound, match="There is no series 1"):
                catalog.series_content("1", visible)
            with pytest.raises(NotFound):
                catalog.instance("1", "1.1", visible)


def test_an_instance_is_found_only_in_its_own_series(filled: Catalog) -> None:
    with pytest.raises(NotFound):
        filled.instance("2", "1.1", PUBLIC)


def _grant(catalog: Catalog, role: str, *, by_group: bool) -> Viewer:
    moment = dt.datetime(2020, 1, 1)
    with catalog._database.writing() as connection:

        def insert(table: sa.Table, **values: Any) -> int:
            return int(connection.execute(sa.insert(table).values(**values)).inserted_primary_key[0])

        user = insert(account, login=f"user-{role}-{by_group}", created=moment)
        group = insert(groups, name=f"pg-{role}-{by_group}")
        (site_id,) = connection.execute(sa.text("SELECT id FROM site WHERE name = 'S'")).one()
        connection.execute(sa.insert(protection_element).values(protection_group_id=group, site_id=site_id))
        if by_group:
            members = insert(account_group, name=f"members-{role}")
            connection.execute(sa.insert(membership).values(account_id=user, account_group_id=members))
            insert(access_grant, protection_group_id=group, account_group_id=members, role=role)
        else:
            insert(access_grant, protection_group_id=group, account_id=user, role=role)
    return Viewer(user, "user")


@pytest.mark.parametrize("by_group", [False, True])
def test_a_grant_opens_a_pair_for_its_holder_alone(catalog: Catalog, make: Make, by_group: bool) -> None:
    catalog.commit_batch(
        None, [make("1.1", series="1", assignment=Assignment("C", "S", access="restricted"))]
    )
    catalog.commit_batch(None, [make("2.1", series="2", study="9", collection="Open")])
    reader = _grant(catalog, "NCIA.READ", by_group=by_group)
    other = _grant(catalog, "NCIA.DELETE_ADMIN", by_group=by_group)
    assert series_uids(catalog, VisibleSet(reader)) == ["1", "2"]
    assert series_uids(catalog, VisibleSet(other)) == ["2"]
    assert rows(catalog, q.FindValues("collection"), VisibleSet(reader)) == [
        {"collection": "C"},
        {"collection": "Open"},
    ]
    with catalog._database.writing() as connection:
        connection.execute(sa.update(account).values(active=False))
    assert series_uids(catalog, VisibleSet(reader)) == ["2"]
