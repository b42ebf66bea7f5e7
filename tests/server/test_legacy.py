"""The API of before 2022 over a real socket: its paths, spellings, answers, and what each says of it."""

import datetime as dt
import io
import json
import re
import zipfile
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from filmroom.testing.live import running_server
from filmroom.wire.operations.legacy import LEGACY_OPERATIONS, REPLACED_OPERATIONS

V3, V4, OLDEST = "/services/v3/TCIA/query", "/services/v4/TCIA/query", "/services/TCIA/TCIA/query"
RETIRED = dt.datetime(2022, 6, 22, tzinfo=dt.UTC)
EARLIER = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)


def rows(live: Any, path: str) -> Any:
    answer = live.get(path)
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def test_an_old_call_is_answered(live: Any) -> None:
    [row] = rows(live, f"{V4}/getSeries?Collection=Open-CT&api_key=16ade9bc-f2fa-4a37-b357")
    assert row["SeriesInstanceUID"] == live.full.series_uid
    assert list(row)[-1] == "ImageCount"
    for path in (f"{V3}/getSeries?collection=Open-CT", f"{OLDEST}/getSeries?COLLECTION=open-ct"):
        assert rows(live, path) == [row]


@pytest.mark.parametrize(
    "spelling", ["SeriesInstanceUID", "seriesinstanceuid", "series_instance_uid", "SERIES_INSTANCE_UID"]
)
def test_names_are_spelled_in_any_way(live: Any, spelling: str) -> None:
    for root in (V3, V4, OLDEST):
        found = rows(live, f"{root}/getSOPInstanceUIDs?{spelling}={live.full.series_uid}&FORMAT=json")
        assert {row["SOPInstanceUID"] for row in found} == set(live.full.files)


def test_the_first_of_two_spellings_counts(live: Any) -> None:
    uid = live.full.series_uid
    found = rows(live, f"{V4}/getSeries?series_instance_uid={uid}&SeriesInstanceUID=9.9.9")
    assert [row["SeriesInstanceUID"] for row in found] == [uid]


def test_the_patient_is_named_as_it_was(live: Any) -> None:
    bare, full = rows(live, f"{V4}/getPatient")
    assert bare == {"PatientID": "BARE", "Collection": "open-bare"}
    assert full["PatientID"] == "pat-Lower"
    assert rows(live, f"{V4}/PatientsByModality?Collection=open-ct&Modality=ct") == [
        {"PatientID": "pat-Lower"}
    ]


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%Y/%m/%d"])
def test_a_day_is_written_in_either_way(live: Any, pattern: str) -> None:
    query = f"Collection=Open-CT&Date={EARLIER.strftime(pattern)}"
    assert rows(live, f"{V4}/NewPatientsInCollection?{query}") == [{"PatientID": "pat-Lower"}]
    assert rows(live, f"{V4}/NewStudiesInPatientCollection?{query}") == [
        {"StudyInstanceUID": live.full.study_uid}
    ]
    after = dt.date.today() + dt.timedelta(days=2)  # noqa: DTZ011 - the day after tomorrow anywhere
    assert rows(live, f"{V4}/NewPatientsInCollection?Collection=Open-CT&Date={after:{pattern}}") == []
    assert rows(live, f"{V4}/NewPatientsInCollection?Collection=Open-CT&Date=yesterday") == []


def test_nothing_is_an_empty_list_in_json_and_zero_bytes_elsewhere(live: Any) -> None:
    for name in ("getSeriesSize?SeriesInstanceUID=9", "getPatient?Collection=9", "getSeries?Modality=9"):
        nothing = live.get(f"{V4}/{name}")
        assert (nothing.status, nothing.text) == (200, "[]")
        assert nothing.headers["content-type"] == "application/json"
        for fmt in ("csv", "xml", "html"):
            assert live.get(f"{V4}/{name}&format={fmt}").body == b""
        assert live.get(f"{V4}/{name}&format=yaml").status == 400


def test_images(live: Any) -> None:
    answer = live.get(f"{V4}/getImage?SeriesInstanceUID={live.full.series_uid}")
    assert answer.headers["content-disposition"] == f'attachment; filename="{live.full.series_uid}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        names = archive.namelist()
        assert names[:2] == ["LICENSE", "00000001.dcm"]
        assert {archive.read(name) for name in names[1:]} == set(live.full.files.values())
    one = live.get(
        f"{OLDEST}/getSingleImage?series_instance_uid={live.full.series_uid}"
        f"&sop_instance_uid={live.full.first}"
    )
    assert one.body == live.full.files[live.full.first]
    assert live.get(f"{V4}/getImage?SeriesInstanceUID=9.9.9").status == 400


def test_a_shared_list(live: Any) -> None:
    name = live.new_list(live.full)
    for root in ("/services/v3/SharedList/query", "/services/v4/SharedList/query"):
        [row] = rows(live, f"{root}/ContentsByName?NAME={name.replace(' ', '%20')}")
        assert row["SeriesInstanceUID"] == live.full.series_uid
        assert rows(live, f"{root}/ContentsByName?name=no+list") == []
        table = live.get(f"{root}/ContentsByName?name={name.replace(' ', '%20')}&format=csv").text
        assert table.startswith('"SeriesInstanceUID","StudyInstanceUID",')


@pytest.mark.parametrize("operation", REPLACED_OPERATIONS, ids=lambda operation: operation.name)
def test_metadata_tells_parameters_and_columns(live: Any, operation: Any) -> None:
    for path in operation.paths:
        told = rows(live, f"{path}/metadata?api_key=x")
        assert told["name"] == operation.name
        assert [each["name"] for each in told["parameters"]] == list(operation.parameter_names)
        if operation.view is None:
            assert "schema" not in told
        else:
            names = [column.name for column in operation.view.columns]
            assert list(told["schema"]["items"]["properties"]) == names


def assert_marked(answer: Any, successor: str | None) -> None:
    assert answer.headers["deprecation"] == f"@{int(RETIRED.timestamp())}"  # RFC 9745: seconds
    assert parsedate_to_datetime(answer.headers["sunset"]) == RETIRED  # RFC 8594: an HTTP date
    assert answer.headers["sunset"] == "Wed, 22 Jun 2022 00:00:00 GMT"
    found = re.findall(r'<([^>]+)>; rel="([^"]+)"', answer.headers["link"])
    links = {relation: address for address, relation in found}
    assert links["deprecation"] == "/docs/migration"
    assert links.get("successor-version") == successor


@pytest.mark.parametrize("operation", LEGACY_OPERATIONS, ids=lambda operation: operation.name)
def test_every_answer_names_its_successor(live: Any, operation: Any) -> None:
    for path in operation.paths:
        # Rows, refusals for want of a parameter, other methods: all of them.
        for answer in (live.get(path), live.get(path, "HEAD"), live.get(path, "DELETE")):
            assert_marked(answer, operation.successor.path)
    refused = live.get(f"{operation.path}?Collection=%00")
    assert refused.status == 400
    assert_marked(refused, operation.successor.path)


def test_what_never_was_is_404_and_marked(live: Any) -> None:
    for path in (f"{V4}/getEverything", "/services/v5/TCIA/query/getSeries", "/services/", f"{V4}/getseries"):
        answer = live.get(path)
        assert answer.status == 404
        assert_marked(answer, None)


def test_the_answers_of_today_are_not_marked(live: Any) -> None:
    for operation in REPLACED_OPERATIONS:
        headers = live.get(operation.successor.path).headers
        assert not {"deprecation", "sunset"} & set(headers)


def test_pages_of_others_may_read_the_headers(live: Any) -> None:
    answer = live.get(f"{V4}/getCollectionValues", Origin="https://example.org")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"Link", "Deprecation", "Sunset"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )


def test_the_migration_page_maps_every_call(live: Any) -> None:
    text = live.get("/docs/migration").text
    assert 'href="/docs/migration"' in live.get("/").text
    assert "This server still answers them." in text
    for operation in REPLACED_OPERATIONS:
        assert f"{operation.path}<" in text or f"{operation.path}?" in text
        assert operation.successor.path in text
    assert "<code>Date</code> is now <code>fromDate</code>." in text
    # The new call asks for the days that the old one found: those after 31 January.
    assert "Date=2024/01/31</code>" in text
    assert "fromDate=02-01-2024</code>" in text


def test_the_document_marks_them_as_deprecated(live: Any) -> None:
    paths = json.loads(live.get("/openapi.json").body)["paths"]
    deprecated = {path for path, methods in paths.items() if methods.get("get", {}).get("deprecated")}
    assert deprecated == {operation.path for operation in LEGACY_OPERATIONS}


def test_it_can_be_switched_off(new_archive: Any, fetch: Any) -> None:
    with running_server(new_archive.address, legacy_api=False) as url:
        for operation in LEGACY_OPERATIONS:
            assert fetch(url, operation.path).status == 404
        assert "does not answer them" in fetch(url, "/docs/migration").text
        assert "/services/v4/TCIA" not in fetch(url, "/openapi.json").text
        assert fetch(url, "/nbia-api/services/v4/getCollectionValues").status == 200
