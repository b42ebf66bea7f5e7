"""Simple search over HTTP: both versions, the manifest and the restrictions of a page, and refusals."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from filmroom.model.entities import Assignment, Licence
from filmroom.testing.live import running_server

OLD = "getSimpleSearchWithModalityAndBodyPartPaged"
NEW = "v4/getSimpleSearch"
BOUND = Licence("Not for sale", "Bound", "https://example.org/bound", commercial_use=False)
TODAY = dt.datetime.now(dt.UTC).date()


def form(*criteria: tuple[str, str], **fields: str) -> dict[str, str]:
    numbered = {}
    for number, (kind, value) in enumerate(criteria):
        numbered |= {f"criteriaType{number}": kind, f"value{number}": value}
    return numbered | fields


def search(live: Any, operation: str, *criteria: tuple[str, str], **fields: str) -> dict[str, Any]:
    answer = live.ask(operation, **form(*criteria, **fields))
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return dict(json.loads(answer.body))


@pytest.mark.parametrize("operation", [OLD, NEW])
def test_one_patient(live: Any, operation: str) -> None:
    found = search(
        live, operation, ("ImageModalityCriteria", "CT"), sortField="subject", start="0", size="10"
    )
    assert found == {
        "resultSet": [
            {
                "subjectId": "pat-Lower",
                "project": "Open-CT",
                "id": found["resultSet"][0]["id"],
                "modalities": ["CT"],
                "bodyParts": ["CHEST"],
                "species": ["448771007"],
                "timepoints": {"DIAGNOSIS": [90]},
                "totalNumberOfStudies": 1,
                "totalNumberOfSeries": 1,
                **({"authorized": 1} if operation == NEW else {}),
                "studyIdentifiers": found["resultSet"][0]["studyIdentifiers"],
            }
        ],
        "totalPatients": 1,
        "bodyParts": [{"value": "CHEST", "count": 1}],
        "modalities": [{"value": "CT", "count": 1}],
        "collections": [{"value": "Open-CT", "count": 1}],
        "species": [{"value": "448771007", "count": 1}],
        "maxTimepoints": {"DIAGNOSIS": 90},
        "minTimepoints": {"DIAGNOSIS": 90},
        "sort": "subject-ascending",
    }
    assert list(found["resultSet"][0]["studyIdentifiers"][0]) == ["seriesIdentifiers", "studyIdentifier"]


def test_its_numbers_lead_to_the_series(live: Any) -> None:
    """The way of NBIA's pages: search, then the drill-down by the internal numbers."""
    found = search(live, NEW, ("PatientCriteria", "PAT-LOWER"))
    [study] = found["resultSet"][0]["studyIdentifiers"]
    answer = live.ask("v4/getStudyDrillDown", list=[str(key) for key in study["seriesIdentifiers"]])
    [drilled] = json.loads(answer.body)
    assert drilled["id"] == study["studyIdentifier"]
    assert [each["seriesUID"] for each in drilled["seriesList"]] == [live.full.series_uid]


def test_nothing_asked_is_everything_public(live: Any) -> None:
    whole = search(live, NEW)
    assert [each["subjectId"] for each in whole["resultSet"]] == ["BARE", "pat-Lower"]
    assert whole["collections"] == [{"value": "Open-CT", "count": 1}, {"value": "open-bare", "count": 1}]
    assert whole["bodyParts"] == [{"value": "CHEST", "count": 1}, {"value": "NOT SPECIFIED", "count": 1}]
    assert whole["sort"] == "collection-ascending"


def test_nothing_found(live: Any) -> None:
    found = search(live, NEW, ("CollectionCriteria", "nowhere"))
    assert found == {
        "resultSet": [],
        "totalPatients": 0,
        **{name: [] for name in ("bodyParts", "modalities", "collections", "species")},
        "maxTimepoints": {},
        "minTimepoints": {},
        "sort": "collection-ascending",
    }


def test_pages(live: Any) -> None:
    whole = search(live, NEW, sortField="subject", sortDirection="descending")
    assert [each["subjectId"] for each in whole["resultSet"]] == ["pat-Lower", "BARE"]
    for start in range(4):
        page = search(live, NEW, sortField="subject", sortDirection="descending", start=str(start), size="1")
        assert page["resultSet"] == whole["resultSet"][start : start + 1]
        assert {k: v for k, v in page.items() if k != "resultSet"} == {
            k: v for k, v in whole.items() if k != "resultSet"
        }


def test_days_of_release(live: Any) -> None:
    kinds = ("DateRangeCriteria", "Criteria.DateRange")
    for operation, pattern in ((OLD, "%d/%m/%Y"), (NEW, "%m-%d-%Y")):
        for kind in kinds:
            for first, last, expected in ((-1, 1, 2), (-3, 3, 2), (-3, -2, 0), (2, 3, 0)):
                days = {
                    f"{name}Date0": (TODAY + dt.timedelta(days=days)).strftime(pattern)
                    for name, days in (("from", first), ("to", last))
                }
                found = search(live, operation, (kind, ""), **days)
                assert found["totalPatients"] == expected


def test_without_the_alias_the_days_are_passed_over(live: Any, fetch: Callable[..., Any]) -> None:
    with running_server(live.archive.address, date_alias=False) as url:
        path, body = (
            f"/nbia-api/services/{NEW}",
            urlencode(form(("Criteria.DateRange", ""), toDate0="01-01-1999")),
        )
        answer = fetch(url, path, "POST", body.encode(), Content_Type="application/x-www-form-urlencoded")
    assert json.loads(answer.body)["totalPatients"] == 2
    assert search(live, NEW, ("Criteria.DateRange", ""), toDate0="01-01-1999")["totalPatients"] == 0


def test_all_modalities_tell_those_of_the_series(live: Any) -> None:
    both = (("ImageModalityCriteria", "CT"), ("ModalityAndedSearchCriteria", "all"))
    [patient] = search(live, NEW, *both)["resultSet"]
    [study] = patient["studyIdentifiers"]
    [series] = study["seriesIdentifiers"]
    assert study["seriesAndModality"] == [{"seriesId": series, "modality": "CT"}]
    assert search(live, NEW, *both, ("ImageModalityCriteria", "MR"))["totalPatients"] == 0


@pytest.mark.parametrize("viewer", ["guest", "stranger", "grantee", "member"])
@pytest.mark.parametrize("operation", [OLD, NEW])
def test_who_finds_the_restricted_patient(live: Any, operation: str, viewer: str) -> None:
    answer = live.send(operation, {"sortField": "subject"}, Authorization=f"Bearer {live.tokens[viewer]}")
    names = [each["subjectId"] for each in json.loads(answer.body)["resultSet"]]
    assert names == ["BARE", "pat-Lower", *(["SECRET"] if viewer in {"grantee", "member"} else [])]


def test_a_manifest_of_the_page(live: Any) -> None:
    for operation in ("getManifestForSimpleSearch", "v4/getManifestForSimpleSearch"):
        answer = live.ask(operation, **form(sortField="subject", size="1", start="1"))
        assert answer.headers["content-type"] == "application/x-nbia-manifest-file"
        lines = answer.text.split("\n")
        assert lines[0].endswith("/nbia-download/servlet/DownloadServlet")
        assert lines[1] == "includeAnnotation=false"
        assert lines[5:] == ["ListOfSeriesToDownload=", live.full.series_uid, ""]
        whole = live.ask(operation, **form(size="1000000")).text.split("\n")
        assert sorted(whole[6:-1]) == sorted([live.full.series_uid, live.bare.series_uid])


@pytest.mark.parametrize("version", ["", "v4/"])
def test_restrictions_of_the_page(new_archive: Any, fetch: Callable[..., Any], version: str) -> None:
    new_archive.add("1.1", assignment=Assignment("A-Free", "A"), patient_id="P1")
    new_archive.add("1.2", assignment=Assignment("B-Bound", "B", BOUND), patient_id="P2")
    with running_server(new_archive.address) as url:

        def ask(**fields: str) -> tuple[str, str]:
            answer = fetch(
                url,
                f"/nbia-api/services/{version}getRestrictionsForSimpleSearch",
                "POST",
                urlencode(fields).encode(),
                Content_Type="application/x-www-form-urlencoded",
                Authorization="Bearer undefined",
            )
            assert answer.status == 200
            return answer.text, answer.headers["content-type"]

        free, bound = ("no", "application/x-nbia-manifest-file"), ("yes", "application/text")
        assert ask() == bound
        assert ask(size="1") == free
        assert ask(start="1") == bound
        assert ask(criteriaType0="CollectionCriteria", value0="a-free") == free
        assert ask(criteriaType0="ExcludeCommercialCriteria", value0="YES") == free
        assert ask(start="9") == free


def test_a_long_page_and_what_is_added_meanwhile(new_archive: Any, fetch: Callable[..., Any]) -> None:
    """An answer in pieces is whole; the next one has what came in between."""
    assignment = Assignment("Many", "Many")

    def add(first: int, last: int) -> None:
        new_archive.commit(
            assignment,
            [
                new_archive.prepare(
                    f"1.{n}", collection="Many", patient_id=f"P{n:04}", numbers=[(1, 1)], modality="MR"
                )
                for n in range(first, last)
            ],
        )

    add(0, 230)
    with running_server(new_archive.address) as url:

        def ask() -> Any:
            body = urlencode(form(sortField="subject", size="1000")).encode()
            kind = {"Content_Type": "application/x-www-form-urlencoded"}
            answer = fetch(url, f"/nbia-api/services/{NEW}", "POST", body, **kind)
            return answer.headers, json.loads(answer.body)

        headers, found = ask()
        assert "content-length" not in headers
        assert [each["subjectId"] for each in found["resultSet"]] == [f"P{n:04}" for n in range(230)]
        add(230, 232)
        assert ask()[1]["totalPatients"] == 232


@pytest.mark.parametrize(
    "fields",
    [
        {"start": "-1"},
        {"size": "many"},
        form(("MinNumberOfStudiesCriteria", "x")),
        form(("DateRangeCriteria", ""), fromDate0="soon"),
        form(("DateRangeCriteria", "")),
        form(("TimePointCriteria", ""), eventType0="DIAGNOSIS"),
        form(("ModelCriteria", "only one")),
        {"criteriaType0": "SeriesCriteria"},
    ],
)
@pytest.mark.parametrize(
    "operation", [OLD, NEW, "getManifestForSimpleSearch", "v4/getRestrictionsForSimpleSearch"]
)
def test_what_cannot_be_read_is_a_bad_request(live: Any, operation: str, fields: dict[str, str]) -> None:
    answer = live.ask(operation, **fields)
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert 10 < len(answer.body) < 200


@pytest.mark.parametrize(
    "value",
    [
        "' OR 1=1 --",
        '"; DROP TABLE series',
        "\\",
        "%",
        "_",
        "*" * 2_000,
        "(" * 5_000,
        "\u0130\u00df\ud7ff",
        "a*" * 20,
        "1" * 60_000 + "*",
        "1*" * 20,
    ],
)
@pytest.mark.parametrize(
    "kind",
    ["PatientCriteria", "SeriesCriteria", "StudyCriteria", "DescriptionCriteria", "CollectionCriteria"],
)
def test_hostile_values_are_values(live: Any, kind: str, value: str) -> None:
    found = search(live, NEW, (kind, value))
    matches_all = set(value) == {"*"} and kind in {"PatientCriteria", "SeriesCriteria", "StudyCriteria"}
    assert found["totalPatients"] == (2 if matches_all else 0)


def test_fields_that_nobody_knows_are_passed_over(live: Any) -> None:
    found = search(live, NEW, ("NoSuchCriteria", "x"), api_key="y", tool="z", anything="else")
    assert found["totalPatients"] == 2
