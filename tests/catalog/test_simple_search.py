"""Simple search against a plain look at every series: each criterion, their combinations, pages, viewers."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema import patient, series, study
from filmroom.catalog.simple_search import Searches
from filmroom.errors import InvalidInput
from filmroom.model.access import PUBLIC, Role, Scope, Viewer, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment, Licence
from filmroom.model.search import (
    Days,
    Equipment,
    FoundPatient,
    Page,
    Range,
    SimpleSearch,
    Summary,
    TimePoint,
)
from filmroom.testing.services import PostgresServer

Row = dict[str, Any]
ALL = Page(size=10_000)
FREE = Licence("Free for all", "Free", "https://example.org/free", commercial_use=True)
BOUND = Licence("Not for sale", "Bound", "https://example.org/bound", commercial_use=False)
PLACES = [
    Assignment("Alpha", "Alpha", FREE),
    Assignment("alpha-two", "North", BOUND),
    Assignment("alpha-two", "South", BOUND),
    Assignment("Beta", "Beta", third_party_analysis=True),
    Assignment("Closed", "Closed", FREE, access="restricted"),
]


def rows_to_be(seed: int = 7) -> Iterator[Row]:
    """Yield what is to be in the archive: one row per series, with its place, state and values."""
    draw = random.Random(seed)
    pick = draw.choice
    number = 0
    for person in range(40):
        place = pick(PLACES)
        # The same ID at several places is several patients; case tells them apart too.
        name = pick([f"TCGA-{person % 25:02}", f"tcga-{person % 25:02}x", f"P*{person}"])
        whole_person = {
            "patient_id": f"{name}-{place.collection}-{place.site}-{person}"
            if person % 3
            else f"{name}-{person}",
            "patient_sex": pick(["F", "M", "O", None]),
            "species_code": pick([None, "448771007", "337915000"]),
            "qc_subject": pick(["YES", "NO", None]),
        }
        for visit in range(draw.randint(1, 4)):
            whole_study = {
                "study_instance_uid": f"1.2.{person}.{visit}",
                "study_date": pick([None, dt.date(2001, 2, 3), dt.date(2002, 3, 4), dt.date(2003, 4, 5)]),
                "study_desc": pick(["CHEST CT", "Chest, CT with contrast", "Brain_MR", "", None]),
                "patient_age": pick(["056Y", "006M", "026W", "100D", "old", None]),
                "longitudinal_event_type": (event := pick(["DIAGNOSIS", "ENROLLMENT", None])),
                "longitudinal_offset": pick([-3.0, 0.0, 90.0, None]) if event else None,
            }
            for _ in range(draw.randint(1, 4)):
                number += 1
                yield {
                    "place": place,
                    "visibility": pick([1, 1, 1, 1, 0, 12]),
                    "released": dt.datetime(2020, 1, draw.randint(1, 5), draw.randint(0, 23), 59, 59),
                    **whole_person,
                    **whole_study,
                    "series_instance_uid": f"1.2.{person}.{visit}.{number}",
                    "modality": pick(["CT", "MR", "PT", "SEG"]),
                    "body_part_examined": pick(["Chest", "CHEST", "BREAST", None]),
                    "manufacturer": pick(["Acme", "ACME", "Other, Inc.", None]),
                    "manufacturer_model_name": pick(["X1", "X2", None]),
                    "software_versions": pick(["1.0", "2.0", None]),
                    "series_desc": pick(
                        ["Axial 5.0 chest ct", "lungs axial", "T2-weighted", "under_score", None]
                    ),
                    "protocol_name": pick(["Lung cancer", "5.0", None]),
                    "pixel_spacings": draw.sample([0.5, 0.7, 1.0, None], 2),
                    "slice_thickness": pick([1.25, 5.0, None]),
                }  # fmt: skip


ROWS = list(rows_to_be())


class Filled:
    """The archive that all these tests look at."""

    def __init__(self, catalog: Catalog, make: Callable[..., Any]) -> None:
        self.catalog = catalog
        incoming = []
        for row in ROWS:
            values = {
                name: value
                for name, value in row.items()
                if name not in {"place", "visibility", "released", "pixel_spacings"}
            }
            place = row["place"]
            assignment = Assignment(
                place.collection, place.site, place.licence, None, place.third_party_analysis,
                row["visibility"], place.access,
            )  # fmt: skip
            for index, spacing in enumerate(row["pixel_spacings"]):
                uid = values["series_instance_uid"]
                incoming.append(
                    make(
                        f"{uid}.{index}", uid, values["study_instance_uid"], values["patient_id"],
                        assignment=assignment, pixel_spacing=spacing,
                        **{k: v for k, v in values.items() if not k.endswith(("_uid", "patient_id"))},
                    )
                )  # fmt: skip
        outcomes = catalog.commit_batch(None, incoming)
        assert {outcome.outcome for outcome in outcomes} == {"stored"}, outcomes
        catalog.accounts().add("alice", "correct horse battery")
        catalog.grants().add(Grant("Closed", None, Role.READ.value, user="alice"))
        token = catalog.tokens().log_in("alice", "correct horse battery", TokenLifetimes()).access
        self.alice = catalog.tokens().viewer(token)
        with catalog._database.writing() as connection:
            for row in ROWS:
                where = series.c.series_instance_uid == row["series_instance_uid"]
                connection.execute(sa.update(series).where(where).values(date_released=row["released"]))
            keys = sa.select(series.c.series_instance_uid, series.c.id, study.c.id, patient.c.id).select_from(
                series.join(study, study.c.id == series.c.study_key).join(
                    patient, patient.c.id == series.c.patient_key
                )
            )
            self.keys = {uid: rest for uid, *rest in connection.execute(keys)}
        self.searches: Searches = catalog.searches()

    def find(
        self, page: Page = ALL, viewer: Viewer = PUBLIC, **criteria: Any
    ) -> tuple[Summary, list[FoundPatient]]:
        found = self.searches.find(SimpleSearch(**criteria), VisibleSet(viewer))
        return found.summary(), list(found.patients(page))

    def uids(self, viewer: Viewer = PUBLIC, page: Page = ALL, **criteria: Any) -> list[str]:
        found = self.searches.find(SimpleSearch(**criteria), VisibleSet(viewer))
        return list(found.series_uids(page))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, maker: Callable[..., Any]
) -> Iterator[Filled]:
    if request.param == "sqlite":
        with Catalog.create(f"sqlite:///{tmp_path_factory.mktemp('search') / 'c.sqlite'}") as catalog:
            yield Filled(catalog, maker)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url, Catalog.create(url) as catalog:
        yield Filled(catalog, maker)


# -- the plain look ------------------------------------------------------------------------------------


def seen_by(viewer: Viewer) -> list[Row]:
    return [
        row
        for row in ROWS
        if row["visibility"] == 1 and (row["place"].access == "public" or viewer is not PUBLIC)
    ]


def person_of(row: Row) -> tuple[str, str, str]:
    return row["place"].collection, row["place"].site, row["patient_id"]


def by_person(rows: list[Row]) -> dict[tuple[str, str, str], list[Row]]:
    people = defaultdict(list)
    for row in rows:
        people[person_of(row)].append(row)
    return people


def text(value: str | None, missing: str = "") -> str:
    return (value or missing).upper()


def glob(pattern: str) -> re.Pattern[str]:
    return re.compile("(?s:" + ".*".join(map(re.escape, pattern.upper().split("*"))) + r")\Z")


def told(row: Row, wanted: str) -> bool:
    """Whether a word or phrase stands in a description, word by word."""
    words = re.findall(r"\w+", wanted.upper().replace("*", "STAR"))
    if not any(word.replace("STAR", "") for word in words):
        return False
    for name in ("series_desc", "protocol_name", "study_desc"):
        have = re.findall(r"\w+", text(row[name]))
        for start in range(len(have) - len(words) + 1):
            pairs = zip(words, have[start : start + len(words)], strict=True)
            if all(re.fullmatch(each.replace("STAR", r"\w*"), word) for each, word in pairs):
                return True
    return False


def years(age: str | None) -> float | None:
    return {"056Y": 56.0, "006M": 0.5, "026W": 0.5, "100D": 100 / 365}.get(age or "")


def made_by(row: Row, wanted: Equipment) -> bool:
    names = ("manufacturer", "manufacturer_model_name", "software_versions")
    asked = (wanted.manufacturer, wanted.model, wanted.software)
    return all(
        text(row[name]) == value.upper()
        for name, value in zip(names, asked, strict=True)
        if value is not None
    )


CHECKS: dict[str, Callable[[Row, Any], bool]] = {
    "collections": lambda row, value: row["place"].collection.upper() == value.upper(),
    "species": lambda row, value: text(row["species_code"], "337915000") == value,
    "modalities": lambda row, value: row["modality"] == value.upper(),
    "body_parts": lambda row, value: text(row["body_part_examined"], "NOT SPECIFIED") == value.upper(),
    "sexes": lambda row, value: text(row["patient_sex"], "NULL") == value.upper(),
    "equipment": made_by,
    "released": lambda row, days: (
        (days.first or dt.date.min) <= row["released"].date() <= (days.last or dt.date.max)
    ),
    "ages": lambda row, ages: (age := years(row["patient_age"])) is not None and age in ages,
    "pixel_spacings": lambda row, span: any(v is not None and v in span for v in row["pixel_spacings"]),
    "slice_thicknesses": lambda row, span: (value := row["slice_thickness"]) is not None and value in span,
    "descriptions": lambda row, value: (
        any(told(row, a or b) for a, b in re.findall(r'"([^"]*)"|([^\s"]+)', value))
    ),
    "patient_ids": lambda row, value: bool(glob(value).match(row["patient_id"].upper())),
    "study_instance_uids": lambda row, value: bool(glob(value).match(row["study_instance_uid"])),
    "series_instance_uids": lambda row, value: bool(glob(value).match(row["series_instance_uid"])),
    "phantoms": lambda row, value: (row["qc_subject"] == "YES") == value,
    "third_party": lambda row, value: row["place"].third_party_analysis == value,
    "time_points": lambda row, point: (
        row["longitudinal_event_type"] == point.event
        and row["longitudinal_offset"] is not None
        and row["longitudinal_offset"] in point.days
    ),
}  # fmt: skip


def matching(viewer: Viewer, search: SimpleSearch) -> list[Row]:
    found = []
    for some in by_person(seen_by(viewer)).values():
        studies = {row["study_instance_uid"] for row in some}
        dates = {row["study_date"] for row in some} - {None}
        if search.more_studies_than and not any(len(studies) > n for n in search.more_studies_than):
            continue
        if search.more_study_dates_than and not any(len(dates) > n for n in search.more_study_dates_than):
            continue
        if search.all_modalities and not set(search.modalities) <= {row["modality"] for row in some}:
            continue
        for row in some:
            if search.commercial_only and row["place"].licence is BOUND:
                continue
            if all(
                any(CHECKS[each.name](row, value) for value in getattr(search, each.name))
                for each in fields(search)
                if each.name in CHECKS and getattr(search, each.name)
            ):
                found.append(row)
    return found


def expected_summary(found: list[Row]) -> Summary:
    def count(value: Callable[[Row], str]) -> dict[str, int]:
        pairs = {(person_of(row), value(row)) for row in found}
        return dict(sorted(Counter(name for _, name in pairs).items()))

    days = defaultdict(list)
    for row in found:
        if row["longitudinal_offset"] is not None:
            days[row["longitudinal_event_type"]].append(int(row["longitudinal_offset"]))
    return Summary(
        patients=len({person_of(row) for row in found}),
        collections=count(lambda row: row["place"].collection),
        modalities=count(lambda row: row["modality"]),
        body_parts=count(lambda row: text(row["body_part_examined"], "NOT SPECIFIED")),
        species=count(lambda row: row["species_code"] or "337915000"),
        earliest={event: min(some) for event, some in sorted(days.items())},
        latest={event: max(some) for event, some in sorted(days.items())},
    )


def expected_patients(keys: dict[str, Any], viewer: Viewer, found: list[Row]) -> dict[int, dict[str, Any]]:
    whole = by_person(seen_by(viewer))
    patients: dict[int, dict[str, Any]] = {}
    for person, rows in by_person(found).items():
        every = whole[person]
        uid = rows[0]["series_instance_uid"]
        studies: dict[int, set[tuple[int, str]]] = defaultdict(set)
        times: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            series_key, study_key, _ = keys[row["series_instance_uid"]]
            studies[study_key].add((series_key, row["modality"]))
            if row["longitudinal_offset"] is not None:
                times[row["longitudinal_event_type"]].add(int(row["longitudinal_offset"]))
        patients[keys[uid][2]] = {
            "patient_id": rows[0]["patient_id"],
            "collection": rows[0]["place"].collection,
            "species": rows[0]["species_code"] or "337915000",
            "modalities": tuple(sorted({row["modality"] for row in rows})),
            "body_parts": tuple(sorted({text(row["body_part_examined"], "NOT SPECIFIED") for row in rows})),
            "time_points": {event: tuple(sorted(some)) for event, some in times.items()},
            "total_studies": len({row["study_instance_uid"] for row in every}),
            "total_series": len(every),
            "studies": {key: sorted(some) for key, some in studies.items()},
        }
    return patients


def shown(patient: FoundPatient) -> dict[str, Any]:
    studies = {each.id: sorted(zip(each.series, each.modalities, strict=True)) for each in patient.studies}
    assert len(studies) == len(patient.studies)
    return {
        "patient_id": patient.patient_id,
        "collection": patient.collection,
        "species": patient.species,
        "modalities": patient.modalities,
        "body_parts": patient.body_parts,
        "time_points": dict(patient.time_points),
        "total_studies": patient.total_studies,
        "total_series": patient.total_series,
        "studies": studies,
    }


def check(filled: Filled, viewer: Viewer, **criteria: Any) -> int:
    """Compare everything that a search says with the plain look; return the number of series found."""
    found = matching(viewer, SimpleSearch(**criteria))
    summary, patients = filled.find(viewer=viewer, **criteria)
    assert summary == expected_summary(found)
    assert {each.id: shown(each) for each in patients} == expected_patients(filled.keys, viewer, found)
    assert len(patients) == summary.patients
    assert sorted(filled.uids(viewer, **criteria)) == sorted(row["series_instance_uid"] for row in found)
    return len(found)


# -- what is asked -------------------------------------------------------------------------------------

ALONE: list[dict[str, Any]] = [
    {},
    {"collections": ("alpha",)},
    {"collections": ("ALPHA", "Alpha-Two")},
    {"species": ("337915000",)},
    {"species": ("448771007",)},
    {"species": ("337915000", "448771007")},
    {"modalities": ("CT",)},
    {"modalities": ("ct", "PT")},
    {"modalities": ("CT", "PT"), "all_modalities": True},
    {"modalities": ("CT", "MR", "PT", "SEG"), "all_modalities": True},
    {"all_modalities": True},
    {"body_parts": ("chest",)},
    {"body_parts": ("NOT SPECIFIED",)},
    {"body_parts": ("BREAST", "not specified")},
    {"sexes": ("F",)},
    {"sexes": ("Null",)},
    {"sexes": ("m", "O")},
    {"equipment": (Equipment("acme"),)},
    {"equipment": (Equipment(""),)},
    {"equipment": (Equipment("Acme", "X1"),)},
    {"equipment": (Equipment("Acme", ""),)},
    {"equipment": (Equipment("Acme", "X1", "2.0"),)},
    {"equipment": (Equipment("Other, Inc."), Equipment("ACME", "x2"), Equipment("ACME", "X1", ""))},
    {"released": (Days(dt.date(2020, 1, 2), dt.date(2020, 1, 3)),)},
    {"released": (Days(dt.date(2020, 1, 5), None), Days(None, dt.date(2020, 1, 1)))},
    {"ages": (Range(0.5, 0.5),)},
    {"ages": (Range(None, 0.4), Range(50, 60))},
    {"pixel_spacings": (Range(0.6, 0.8),)},
    {"pixel_spacings": (Range(0.5, 0.5), Range(1.0, None))},
    {"slice_thicknesses": (Range(2, None),)},
    {"slice_thicknesses": (Range(None, 1.25),)},
    {"descriptions": ("axial",)},
    {"descriptions": ("lung cancer",)},
    {"descriptions": ('"chest ct"',)},
    {"descriptions": ('"chest ct" weighted',)},
    {"descriptions": ("lung*", "*weight*")},
    {"descriptions": ('"axial 5.0 chest"',)},
    {"descriptions": ("*_score",)},
    {"descriptions": ("5.0",)},
    {"descriptions": ("t2-weighted",)},
    {"patient_ids": ("tcga-03*",)},
    {"patient_ids": ("P*7", "*X-*2")},
    {"patient_ids": (ROWS[0]["patient_id"].lower(), ROWS[40]["patient_id"])},
    {"study_instance_uids": (ROWS[0]["study_instance_uid"], ROWS[9]["study_instance_uid"])},
    {"study_instance_uids": ("1.2.1*.0",)},
    {"series_instance_uids": (ROWS[0]["series_instance_uid"],)},
    {"series_instance_uids": ("1.2.*.*1", ROWS[0]["series_instance_uid"])},
    {"more_studies_than": (1,)},
    {"more_studies_than": (3, 2)},
    {"more_study_dates_than": (1,)},
    {"phantoms": (True,)},
    {"phantoms": (False,)},
    {"phantoms": (True, False)},
    {"third_party": (True,)},
    {"third_party": (False,)},
    {"third_party": (False, True)},
    {"commercial_only": True},
    {"time_points": (TimePoint("DIAGNOSIS", Range(0, None)),)},
    {"time_points": (TimePoint("DIAGNOSIS", Range(None, -1)), TimePoint("ENROLLMENT", Range(90, 90)))},
]  # fmt: skip
NOTHING: list[dict[str, Any]] = [
    {"collections": ("",)},
    {"collections": ("Closed",)},
    {"modalities": ("CT'; DROP TABLE series;--",)},
    {"modalities": ("CT", "XA"), "all_modalities": True},
    {"body_parts": ("",)},
    {"sexes": ("",)},
    {"species": ("x",)},
    {"equipment": (Equipment("Acme", "X9"),)},
    {"released": (Days(dt.date(2020, 1, 6), None),)},
    {"released": (Days(dt.date(2020, 1, 3), dt.date(2020, 1, 2)),)},
    {"ages": (Range(57, 100),)},
    {"descriptions": ("axia",)},
    {"descriptions": ("score",)},
    {"descriptions": ("",)},
    {"descriptions": ('"" - *',)},
    {"patient_ids": ("tcga-03",)},
    {"study_instance_uids": ("1.2",)},
    {"series_instance_uids": ("1.2.%",)},
    {"series_instance_uids": ("1.2._.0.*", "")},
    {"more_studies_than": (4,)},
    {"time_points": (TimePoint("DIAGNOSIS", Range(1, 89)),)},
]


def name_of(criteria: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in criteria.items())[:70] or "everything"


@pytest.mark.parametrize("criteria", ALONE, ids=name_of)
def test_each_criterion(filled: Filled, criteria: dict[str, Any]) -> None:
    public = check(filled, PUBLIC, **criteria)
    assert public
    if criteria.get("collections") is None:
        # Who sees more finds more; nothing else is different.
        assert check(filled, filled.alice, **criteria) >= public


@pytest.mark.parametrize("criteria", NOTHING, ids=name_of)
def test_what_does_not_match_finds_nothing(filled: Filled, criteria: dict[str, Any]) -> None:
    assert filled.find(**criteria) == (Summary(0, {}, {}, {}, {}, {}, {}), [])
    assert check(filled, PUBLIC, **criteria) == 0
    assert filled.uids(**criteria) == []


def test_criteria_of_two_types_must_both_hold(filled: Filled) -> None:
    """Every pair of the types, drawn from the list above."""
    by_type: dict[str, dict[str, Any]] = {}
    for criteria in ALONE:
        by_type.setdefault(next(iter(criteria), ""), criteria)
    found = [
        check(filled, PUBLIC, **one, **other)
        for one, other in itertools.combinations(by_type.values(), 2)
        if not set(one) & set(other)
    ]
    assert sum(map(bool, found)) > 150


def test_three_and_more(filled: Filled) -> None:
    draw = random.Random(11)
    found = 0
    for _ in range(60):
        criteria: dict[str, Any] = {}
        for one in draw.sample(ALONE, draw.randint(3, 5)):
            criteria |= one
        found += bool(check(filled, filled.alice, **criteria))
    assert found > 10


# -- pages ---------------------------------------------------------------------------------------------


def order_of(sort: str) -> Callable[[FoundPatient], Any]:
    usual = lambda each: (each.collection.upper(), each.patient_id.upper(), each.patient_id, each.id)  # noqa: E731
    first: dict[str, Callable[[FoundPatient], Any]] = {
        "collection": lambda each: each.collection.upper(),
        "subject": lambda each: each.patient_id.upper(),
        "study": lambda each: len(each.studies),
        "series": lambda each: sum(len(study.series) for study in each.studies),
        "totalNumberOfStudies": lambda each: each.total_studies,
        "totalNumberOfSeries": lambda each: each.total_series,
    }
    return lambda each: (first[sort](each), usual(each))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    "sort", ["collection", "subject", "study", "series", "totalNumberOfStudies", "totalNumberOfSeries"]
)
def test_pages_in_every_order(filled: Filled, sort: Any, descending: bool) -> None:
    criteria = {"modalities": ("CT", "MR")}
    whole_summary, whole = filled.find(Page(0, 1_000, sort, descending), **criteria)
    keys = [order_of(sort)(each) for each in whole]
    firsts = [key[0] for key in keys]
    assert firsts == sorted(firsts, reverse=descending)
    for _, equals in itertools.groupby(keys, key=lambda key: key[0]):
        usual = [key[1] for key in equals]
        assert usual == sorted(usual)
    pages = []
    for start in range(0, len(whole) + 7, 7):
        summary, page = filled.find(Page(start, 7, sort, descending), **criteria)
        assert summary == whole_summary
        pages += page
    assert pages == whole


@pytest.mark.parametrize(("start", "size"), [(10_000, 10), (0, 0), (2**31 - 1, 2**31 - 1)])
def test_a_page_past_the_end_is_empty(filled: Filled, start: int, size: int) -> None:
    summary, patients = filled.find(Page(start, size))
    assert patients == []
    assert summary.patients == len({person_of(row) for row in seen_by(PUBLIC)})


def test_a_page_has_its_series_alone(filled: Filled) -> None:
    page = Page(3, 4, "subject")
    _, patients = filled.find(page, modalities=("CT",))
    keys = [key for each in patients for study in each.studies for key in study.series]
    by_key = {key: uid for uid, (key, _, _) in filled.keys.items()}
    assert filled.uids(page=page, modalities=("CT",)) == [by_key[key] for key in keys]


@pytest.mark.parametrize(
    ("collections", "restricted"),
    [(("Alpha",), False), (("alpha-two",), True), (("Beta",), False), ((), True)],
)
def test_whether_commercial_use_is_excluded(
    filled: Filled, collections: tuple[str, ...], restricted: bool
) -> None:
    def excluded(page: Page, **criteria: Any) -> bool:
        search = SimpleSearch(collections=collections, **criteria)
        return filled.searches.find(search, VisibleSet()).excludes_commercial(page)

    assert excluded(ALL) is restricted
    assert excluded(ALL, commercial_only=True) is False
    assert excluded(Page(10_000, 10)) is False


# -- viewers -------------------------------------------------------------------------------------------


def test_who_was_granted_nothing_sees_the_public_alone(filled: Filled) -> None:
    assert filled.find(viewer=Viewer(10_000, "nobody")) == filled.find()
    summary, _ = filled.find(viewer=filled.alice)
    assert "Closed" in summary.collections
    assert "Closed" not in filled.find()[0].collections


@pytest.mark.parametrize("name", ["patient_ids", "study_instance_uids", "series_instance_uids"])
def test_a_hidden_series_cannot_be_named(filled: Filled, name: str) -> None:
    hidden = [row for row in ROWS if row not in seen_by(PUBLIC)]
    open_people = {person_of(row)[2] for row in seen_by(PUBLIC)}
    open_studies = {row["study_instance_uid"] for row in seen_by(PUBLIC)}
    column = name.removesuffix("s")
    values = {row[column] for row in hidden} - open_people - open_studies
    assert values
    assert filled.find(**{name: tuple(values)})[1] == []


def test_only_what_is_visible_is_searched(filled: Filled) -> None:
    with pytest.raises(InvalidInput, match="Only visible series"):
        filled.searches.find(SimpleSearch(), VisibleSet(scope=Scope.CURATE))
