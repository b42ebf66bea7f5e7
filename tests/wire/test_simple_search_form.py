"""The form of simple search to a question, and its answer to JSON."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from filmroom.errors import InvalidInput
from filmroom.model.search import (
    Days,
    Equipment,
    FoundPatient,
    FoundStudy,
    Page,
    Range,
    SimpleSearch,
    Summary,
    TimePoint,
)
from filmroom.wire.operations import OPERATIONS
from filmroom.wire.simple_search import CRITERIA, answer_pieces, read_page, read_search


def form(*criteria: tuple[str, dict[str, str] | str]) -> dict[str, str]:
    """Return the fields of some criteria, each a type with its value or with its fields."""
    fields = {}
    for number, (kind, given) in enumerate(criteria):
        fields[f"criteriaType{number}"] = kind
        for name, value in ({"value": given} if isinstance(given, str) else given).items():
            fields[f"{name}{number}"] = value
    return fields


JAN, FEB = dt.date(2024, 1, 31), dt.date(2024, 2, 29)
READ: list[tuple[str, dict[str, str] | str, SimpleSearch]] = [
    ("CollectionCriteria", "TCGA-LUAD", SimpleSearch(collections=("TCGA-LUAD",))),
    ("CollectionCriteria", "", SimpleSearch(collections=("",))),
    ("SpeciesCriteria", "337915000", SimpleSearch(species=("337915000",))),
    ("ImageModalityCriteria", "CT", SimpleSearch(modalities=("CT",))),
    ("ModalityAndedSearchCriteria", "all", SimpleSearch(all_modalities=True)),
    ("ModalityAndedSearchCriteria", "ALL", SimpleSearch()),
    ("ModalityAndedSearchCriteria", "any", SimpleSearch()),
    ("AnatomicalSiteCriteria", "not specified", SimpleSearch(body_parts=("not specified",))),
    ("PatientSexCriteria", "Null", SimpleSearch(sexes=("Null",))),
    ("ManufacturerCriteria", "GE", SimpleSearch(equipment=(Equipment("GE"),))),
    ("ModelCriteria", "GE||", SimpleSearch(equipment=(Equipment("GE", ""),))),
    ("ModelCriteria", "GE||Signa||X", SimpleSearch(equipment=(Equipment("GE", "Signa||X"),))),
    ("SoftwareVersionCriteria", "GE||A||1||2", SimpleSearch(equipment=(Equipment("GE", "A", "1||2"),))),
    ("PatientAgeRangeCriteria", {"from": "030Y", "to": "040y"}, SimpleSearch(ages=(Range(30, 40),))),
    ("PatientAgeRangeCriteria", {"from": "006M"}, SimpleSearch(ages=(Range(0.5, None),))),
    ("PatientAgeRangeCriteria", {"from": "", "to": "026W"}, SimpleSearch(ages=(Range(None, 0.5),))),
    ("PixelSpacingRangeCriteria", {"from": "0.5", "to": "1"}, SimpleSearch(pixel_spacings=(Range(0.5, 1),))),
    ("SliceThicknessRangeCriteria", {"to": "2.5"}, SimpleSearch(slice_thicknesses=(Range(None, 2.5),))),
    ("DescriptionCriteria", 'lung "chest ct"', SimpleSearch(descriptions=('lung "chest ct"',))),
    ("PatientCriteria", "P*", SimpleSearch(patient_ids=("P*",))),
    ("StudyCriteria", "1.2", SimpleSearch(study_instance_uids=("1.2",))),
    ("SeriesCriteria", "1.2.3", SimpleSearch(series_instance_uids=("1.2.3",))),
    ("MinNumberOfStudiesCriteria", " 1 ", SimpleSearch(more_studies_than=(1,))),
    ("MinNumberOfStudyDatesCriteria", "99999999999", SimpleSearch(more_study_dates_than=(2**31 - 1,))),
    ("PhantomCriteria", "2", SimpleSearch(phantoms=(True,))),
    ("PhantomCriteria", "1", SimpleSearch(phantoms=(False,))),
    ("PhantomCriteria", "0", SimpleSearch()),
    ("ThirdPartyAnalysis", "yes", SimpleSearch(third_party=(True,))),
    ("ThirdPartyAnalysis", "NO", SimpleSearch(third_party=(False,))),
    ("ThirdPartyAnalysis", "x", SimpleSearch()),
    ("ExcludeCommercialCriteria", "YES", SimpleSearch(commercial_only=True)),
    ("ExcludeCommercialCriteria", "NO", SimpleSearch()),
    (
        "TimePointCriteria",
        {"eventType": "DIAGNOSIS", "fromDay": "-1", "toDay": "90"},
        SimpleSearch(time_points=(TimePoint("DIAGNOSIS", Range(-1, 90)),)),
    ),
    (
        "TimePointCriteria",
        {"eventType": "DIAGNOSIS", "toDay": "0"},
        SimpleSearch(time_points=(TimePoint("DIAGNOSIS", Range(None, 0)),)),
    ),
    ("imagemodalityCRITERIA", "CT", SimpleSearch(modalities=("CT",))),
    ("NoSuchCriteria", "x", SimpleSearch()),
    ("", "x", SimpleSearch()),
]  # fmt: skip


@pytest.mark.parametrize("version", ["", "v4"])
@pytest.mark.parametrize(("kind", "given", "expected"), READ)
def test_criteria(kind: str, given: Any, expected: SimpleSearch, version: str) -> None:
    assert read_search(form((kind, given)), version) == expected


def test_every_type_is_read_here() -> None:
    assert {kind for kind, _, _ in READ} | {"DateRangeCriteria"} >= set(CRITERIA)


@pytest.mark.parametrize(
    ("version", "first", "last"), [("", "31/01/2024", "29/02/2024"), ("v4", "01-31-2024", "02-29-2024")]
)
@pytest.mark.parametrize("kind", ["DateRangeCriteria", "Criteria.DateRange"])
def test_days_are_written_differently(version: str, first: str, last: str, kind: str) -> None:
    both = form((kind, {"fromDate": first, "toDate": last}))
    assert read_search(both, version) == SimpleSearch(released=(Days(JAN, FEB),))
    assert read_search(form((kind, {"toDate": last})), version).released == (Days(None, FEB),)
    assert read_search(form((kind, {"fromDate": first})), version).released == (Days(JAN, None),)
    other = "v4" if version == "" else ""
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_search(both, other)


def test_the_alias_can_be_switched_off() -> None:
    asked = form(("Criteria.DateRange", {"fromDate": "anything"}), ("ImageModalityCriteria", "CT"))
    assert read_search(asked, "v4", date_alias=False) == SimpleSearch(modalities=("CT",))


def test_a_name_that_only_v4_knows() -> None:
    asked = form(("BodyPartExaminedCriteria", "CHEST"))
    assert read_search(asked, "v4") == SimpleSearch(body_parts=("CHEST",))
    assert read_search(asked, "") == SimpleSearch()


def test_several_of_one_type_stand_side_by_side() -> None:
    asked = form(
        ("ImageModalityCriteria", "CT"),
        ("ManufacturerCriteria", "GE"),
        ("ImageModalityCriteria", "MR"),
        ("SoftwareVersionCriteria", "GE||Signa||1"),
        ("ImageModalityCriteria", "CT"),
        ("ModelCriteria", "Acme||X"),
    )
    assert read_search(asked, "v4") == SimpleSearch(
        modalities=("CT", "MR"),
        equipment=(Equipment("GE"), Equipment("GE", "Signa", "1"), Equipment("Acme", "X")),
    )


def test_reading_ends_at_the_first_missing_number() -> None:
    asked = form(("ImageModalityCriteria", "CT"), ("ImageModalityCriteria", "MR"))
    asked["criteriaType3"], asked["value3"] = "ImageModalityCriteria", "PT"
    assert read_search(asked, "v4").modalities == ("CT", "MR")
    assert read_search({"criteriaType1": "ImageModalityCriteria", "value1": "CT"}, "v4") == SimpleSearch()


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("CollectionCriteria", {}),
        ("ModelCriteria", "GE"),
        ("SoftwareVersionCriteria", "GE||Signa"),
        ("MinNumberOfStudiesCriteria", "two"),
        ("MinNumberOfStudiesCriteria", ""),
        ("MinNumberOfStudyDatesCriteria", "1.5"),
        ("DateRangeCriteria", {}),
        ("DateRangeCriteria", {"fromDate": "", "toDate": ""}),
        ("DateRangeCriteria", {"fromDate": "30-02-2024"}),
        ("DateRangeCriteria", {"fromDate": "02-30-2024"}),
        ("PatientAgeRangeCriteria", {}),
        ("PatientAgeRangeCriteria", {"from": "old"}),
        ("PatientAgeRangeCriteria", {"from": "-1Y"}),
        ("PixelSpacingRangeCriteria", {"from": "nan"}),
        ("PixelSpacingRangeCriteria", {"from": "1mm"}),
        ("SliceThicknessRangeCriteria", {"from": " "}),
        ("TimePointCriteria", {"eventType": "DIAGNOSIS"}),
        ("TimePointCriteria", {"fromDay": "1"}),
        ("TimePointCriteria", {"eventType": "", "fromDay": "1"}),
        ("TimePointCriteria", {"eventType": "DIAGNOSIS", "fromDay": "1.5"}),
    ],
)
def test_what_cannot_be_read_is_refused(kind: str, given: Any) -> None:
    with pytest.raises(InvalidInput):
        read_search(form((kind, given)), "v4")


def test_how_much_may_be_asked() -> None:
    many = form(*(("PatientCriteria", f"P{n}") for n in range(10_000)))
    assert len(read_search(many, "v4").patient_ids) == 10_000
    with pytest.raises(InvalidInput, match="at most 10,000"):
        read_search(form(*(("PatientCriteria", f"P{n}") for n in range(10_001))), "v4")
    for kind, value, most in (
        ("ManufacturerCriteria", "M{}", 100),
        ("DescriptionCriteria", "word{}", 100),
        ("DescriptionCriteria", "one{0} two{0},three{0}-four{0}", 25),
        ("PatientCriteria", "P{}*", 20),
        ("SeriesCriteria", "*1.{}**3", 10),
    ):
        few = [(kind, value.format(n)) for n in range(most + 1)]
        read_search(form(*few[:most]), "v4")
        with pytest.raises(InvalidInput, match=r"at most (100|20) "):
            read_search(form(*few), "v4")
    modalities = [("ImageModalityCriteria", f"M{n}") for n in range(101)]
    read_search(form(*modalities), "v4")
    with pytest.raises(InvalidInput, match="at most 100"):
        read_search(form(*modalities, ("ModalityAndedSearchCriteria", "all")), "v4")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Page()),
        ({"start": "20", "size": "5"}, Page(20, 5)),
        ({"start": "", "size": ""}, Page(0, 10)),
        ({"size": "0"}, Page(0, 0)),
        ({"size": "1000000"}, Page(0, 1_000_000)),
        ({"size": "99999999999999999999"}, Page(0, 2**31 - 1)),
        ({"sortField": "subject", "sortDirection": "ascending"}, Page(sort="subject")),
        ({"sortField": "SUBJECT", "sortDirection": "Ascending"}, Page(sort="subject")),
        ({"sortField": "studies", "sortDirection": "descending"}, Page(sort="collection", descending=True)),
        ({"sortDirection": "x"}, Page(descending=True)),
        ({"sortField": "totalNumberOfSeries"}, Page(sort="totalNumberOfSeries")),
    ],
)
def test_pages(given: dict[str, str], expected: Page) -> None:
    assert read_page(given) == expected


@pytest.mark.parametrize(
    "given", [{"start": "-1"}, {"size": "-1"}, {"start": "x"}, {"size": "1.0"}, {"size": "ten"}]
)
def test_pages_that_are_none(given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        read_page(given)


# -- the answer ----------------------------------------------------------------------------------------

PATIENT = FoundPatient(
    id=7,
    patient_id="A",
    collection="P",
    species="337915000",
    modalities=("CT",),
    body_parts=("CHEST",),
    time_points={"DIAGNOSIS": (0, 90)},
    total_studies=1,
    total_series=2,
    studies=(FoundStudy(5, (11, 12), ("CT", "CT")),),
)
SUMMARY = Summary(1, {"P": 1}, {"CT": 1}, {"CHEST": 1}, {"337915000": 1}, {}, {})
# As the API guide prints it.
PRINTED = (
    '{"resultSet":[{"subjectId":"A","project":"P","id":7,'
    '"modalities":["CT"],"bodyParts":["CHEST"],"species":["337915000"],"timepoints":{"DIAGNOSIS":[0,90]},'
    '"totalNumberOfStudies":1,"totalNumberOfSeries":2,"authorized":1,'
    '"studyIdentifiers":[{"seriesIdentifiers":[11,12],"studyIdentifier":5}]}],'
    '"totalPatients":1,'
    '"bodyParts":[{"value":"CHEST","count":1}],"modalities":[{"value":"CT","count":1}],'
    '"collections":[{"value":"P","count":1}],"species":[{"value":"337915000","count":1}],'
    '"maxTimepoints":{},"minTimepoints":{},"sort":"subject-ascending"}'
)


def answer(patients: list[FoundPatient], **switches: bool) -> str:
    given = {"authorized": False, "with_modalities": False} | switches
    return b"".join(answer_pieces(patients, SUMMARY, Page(sort="subject"), **given)).decode()


def test_an_answer_is_as_the_guide_prints_it() -> None:
    assert answer([PATIENT], authorized=True) == PRINTED
    assert answer([PATIENT]) == PRINTED.replace('"authorized":1,', "")


def test_the_modality_of_each_series_where_all_were_asked_for() -> None:
    pairs = '"seriesAndModality":[{"seriesId":11,"modality":"CT"},{"seriesId":12,"modality":"CT"}],'
    assert answer([PATIENT], authorized=True, with_modalities=True) == PRINTED.replace(
        '"studyIdentifier":5', f'{pairs}"studyIdentifier":5'
    )


@pytest.mark.parametrize("patients", [0, 1, 99, 100, 101, 250])
def test_long_pages_come_in_pieces_and_are_one_answer(patients: int) -> None:
    pieces = list(
        answer_pieces([PATIENT] * patients, SUMMARY, Page(), authorized=True, with_modalities=False)
    )
    assert len(pieces) == patients // 100 + 1
    found = json.loads(b"".join(pieces))
    assert found["resultSet"] == [json.loads(PRINTED)["resultSet"][0]] * patients


def test_keys_are_those_of_the_table_of_operations() -> None:
    found = [o for o in OPERATIONS if o.action == "simple_search"]
    assert {(o.version, o.method, o.auth, o.strict) for o in found} == {
        ("", "POST", "required", False),
        ("v4", "POST", "optional", False),
    }
