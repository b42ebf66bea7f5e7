"""The drill-down: content, order, bounds, and what is left out."""

import datetime as dt
import json
from typing import Any

import pytest

from filmroom.catalog import drill_down
from filmroom.model.entities import Assignment, Licence
from filmroom.testing.live import running_server

EPOCH = dt.date(1970, 1, 1)
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def milliseconds(day: dt.date) -> int:
    return (day - EPOCH).days * 86_400_000


@pytest.mark.parametrize("version", ["", "v4/"])
@pytest.mark.parametrize("name", ["getStudyDrillDown", "getCartData", "getStudyDrillDownWithSeriesIds"])
def test_a_study_with_its_series(live: Any, version: str, name: str) -> None:
    by_uid = name.endswith("SeriesIds")
    named = live.full.series_uid if by_uid else live.series_id(live.full)
    answer = live.ask(f"{version}{name}", list=[named, "9.9.9" if by_uid else "99999", named])
    assert answer.headers["content-type"] == "application/json"
    [study] = json.loads(answer.body)
    [series] = study.pop("seriesList")
    assert study.pop("id") == series["studyPkId"]
    assert study == {
        "studyId": live.full.study_uid,
        "date": "09-06-2006",
        "description": 'Thorax, "left" <5/8>',
        "study_id": "77",
        "excludeCommercial": None,
    }
    for name_, string in (("dateReleased", "dateReleasedString"), ("maxSubmissionTimestamp",) * 2):
        moment = dt.datetime.fromtimestamp(series.pop(name_) / 1000, dt.UTC)
        text = series.pop(string if string != name_ else "maxSubmissionTimestampString")
        assert text == f"{moment:%m-%d-%Y}"
    assert series.pop("patientPkId").isdigit()
    assert isinstance(series.pop("studyPkId"), int)
    assert str(series.pop("seriesPkId")) == live.series_id(live.full)
    assert series == {
        "seriesNumber": "3.000000",
        "seriesUID": "1.2.1",
        "numberImages": 12,
        "modality": "CT",
        "manufacturer": "Acme, Inc.",
        "annotationsFlag": series["annotationsFlag"],
        "annotationsSize": 0,
        "patientId": "pat-Lower",
        "studyId": live.full.study_uid,
        "totalSizeForAllImagesInSeries": live.full.size,
        "project": "Open-CT",
        "description": "Axial, 5 mm",
        "dataProvenanceSiteName": "Open Site",
        "manufacturerModelName": "Model/16",
        "softwareVersion": "1.0",
        "maxFrameCount": "0",
        "studyDate": milliseconds(dt.date(2006, 9, 6)),
        "seriesDate": milliseconds(dt.date(2006, 9, 7)),
        "protocolName": "Routine",
        "softwareVersions": "1.0",
        "studyDesc": 'Thorax, "left" <5/8>',
        "bodyPartExamined": "Chest",
        "study_id": "77",
        "thirdPartyAnalysis": series["thirdPartyAnalysis"],
        "descriptionURI": "https://doi.org/10.1/open",
        "sopClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "licenseName": "CC BY 4.0",
        "licenseUrl": "https://example.org/by/4.0/",
        "commercialRestrictions": False,
        "studyDateString": "09-06-2006",
        "seriesDateString": "09-07-2006",
        "seriesId": "1.2.1",
        "exactSize": live.full.size,
    }


def test_missing_values_are_null(live: Any) -> None:
    [study] = json.loads(live.ask("getStudyDrillDown", list=live.series_id(live.bare)).body)
    assert (study["date"], study["description"], study["study_id"]) == (None, None, None)
    [series] = study["seriesList"]
    assert (series["seriesNumber"], series["seriesDate"], series["seriesDateString"]) == (None, None, None)


@pytest.mark.parametrize("version", ["", "v4/"])
def test_images_by_instance_number(live: Any, version: str) -> None:
    both = [live.series_id(live.bare), live.series_id(live.full)]
    images = json.loads(live.ask(f"{version}getImageDrillDown", list=both).body)
    assert len(images) == 13
    numbers = [image["instanceNumber"] for image in images]
    assert numbers == [None, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7]
    bare = images[0]
    assert str(bare.pop("imagePkId")) == live.image_id(live.bare)
    assert bare == {
        "contentDate": None,
        "contentTime": None,
        "seriesPkId": int(live.series_id(live.bare)),
        "instanceNumber": None,
        "sopInstanceUid": live.bare.first,
        "seriesInstanceUid": live.bare.series_uid,
        "studyInstanceUid": live.bare.study_uid,
        "size": live.bare.size,
        "fileURI": "",
        "project": "open-bare",
        "siteName": "open-bare",
        "frameNum": 0,
        "acquisitionNumber": None,
    }
    assert sorted(image["sopInstanceUid"] for image in images[1:]) == sorted(live.full.files)


@pytest.mark.parametrize("name", ["getStudyDrillDown", "getCartData", "getImageDrillDown"])
@pytest.mark.parametrize(
    "hostile", ["", ",,,", "x", "-1", "0", "1e3", "9" * 30, str(2**63), "\u0661", "1 OR 1=1", "1.0", "0x1"]
)
def test_what_is_no_number_names_nothing(live: Any, name: str, hostile: str) -> None:
    answer = live.ask(name, list=hostile)
    assert (answer.status, answer.text) == (200, "[]")
    assert answer.headers["content-type"] == "application/json"


def test_many_names_in_one_form(live: Any) -> None:
    numbers = ",".join(map(str, range(1_000_000, 1_040_000)))
    answer = live.ask("v4/getStudyDrillDown", list=[numbers, live.series_id(live.full)])
    assert [study["studyId"] for study in json.loads(answer.body)] == [live.full.study_uid]


def test_order_terms_and_bounds(new_archive: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Licence("No sale", "NC", "https://example.org/nc", commercial_use=False)
    free, bound = Assignment("Open", "Open"), Assignment("Open", "Site", closed)
    dates = {"1.5": dt.date(2001, 1, 1), "1.4": dt.date(2001, 1, 1), "1.6": dt.date(1999, 5, 5), "1.7": None}
    uids = []
    for study, date in dates.items():
        for number in (10, 2, None):
            uid = f"{study}.{number or 0}"
            uids.append(uid)
            new_archive.add(
                uid,
                assignment=bound if study == "1.6" else free,
                study_uid=study,
                patient_id=f"P{study}",
                series_number=number,
                study_date=date,
            )
    with running_server(new_archive.address) as url:

        def post(name: str, named: list[str]) -> Any:
            body = "&".join(f"list={each}" for each in named).encode()
            return fetch(url, f"/nbia-api/services/v4/{name}", "POST", body, **FORM)

        studies = json.loads(post("getStudyDrillDownWithSeriesIds", uids).body)
        assert [study["studyId"] for study in studies] == ["1.7", "1.6", "1.4", "1.5"]
        assert [study["excludeCommercial"] for study in studies] == [None, "YES", None, None]
        for study in studies:
            assert [series["seriesNumber"] for series in study["seriesList"]] == [
                None,
                "10.000000",
                "2.000000",
            ]
            for series in study["seriesList"]:
                assert series["commercialRestrictions"] is (study["studyId"] == "1.6")
        keys = [str(series["seriesPkId"]) for study in studies for series in study["seriesList"]]
        assert len(json.loads(post("getImageDrillDown", keys).body)) == 24
        monkeypatch.setattr(drill_down, "MOST_IMAGES", 23)
        answer = post("getImageDrillDown", keys)
        assert (answer.status, answer.text) == (400, "These series have more than 23 images; name fewer.")
        monkeypatch.setattr(drill_down, "_PAGE", 5)
        assert json.loads(post("getStudyDrillDownWithSeriesIds", uids).body) == studies
        assert len(json.loads(post("getImageDrillDown", keys[:6]).body)) == 12
