"""The tabular operations of v1 and v4 over a real socket: content, formats, refusals."""

import csv
import datetime as dt
import io
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from filmroom.wire.operations import OPERATIONS, Operation

TABLES = [each for each in OPERATIONS if each.view is not None and "format" in each.parameter_names]
TODAY = dt.datetime.now(dt.UTC).date()
EARLIER = TODAY - dt.timedelta(days=2)


def name_of(operation: Operation) -> str:
    return operation.label


def arguments(operation: Operation, live: Any) -> dict[str, str]:
    """Return required parameters under which the full series is among the answers."""
    values = live.about(operation, live.full) | {"seriesList": "9.9.9"}
    return {p.name: values[p.name] for p in operation.parameters if p.required or p.name == "seriesUid"}


# Paths, methods, refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_each_operation_answers_under_all_its_paths(live: Any, operation: Operation) -> None:
    params = arguments(operation, live)
    if operation.name == "getMD5Hierarchy":
        params["SeriesInstanceUID"] = live.full.series_uid
    answer = live.ask(name_of(operation), **params)
    assert answer.status == 200
    assert answer.body
    assert len(operation.paths) > 1 or operation.action.startswith("servlet")
    for path in operation.paths:
        if operation.action in {"make_list", "drop_list"}:
            params = arguments(operation, live)  # a name that is free, or a list that is there
        alias = live.ask(name_of(operation), path=path, **params)
        assert (alias.status, alias.steady) == (200, answer.steady)


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_wrong_methods_are_405(live: Any, operation: Operation) -> None:
    allowed = "GET, HEAD" if operation.method == "GET" else "POST"
    if operation.either_method:
        allowed = "GET, HEAD, POST"
    for method in {"GET", "POST", "PUT", "DELETE"} - set(operation.methods):
        answer = live.ask(name_of(operation), method, **arguments(operation, live))
        assert answer.status == 405
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/nbia-api/services/v9/getSeries",
        "/nbia-api/v4/getseries",
        "/nbia-api/",
        "/nbia-api/services/v4/getSeriesMetaData",
        "/x",
    ],
)
def test_unknown_paths_are_404(live: Any, path: str) -> None:
    answer = live.get(path)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")


NEEDS = {
    "acceptAgreement": "A form parameter, agreement, is required for this API call.",
    **dict.fromkeys(
        (
            "getTextSearch",
            "getTextSearchPaged",
            "getManifestForTextSearch",
            "getRestrictionsForTextSearch",
        ),
        "A parameter, textValue, is required for this API call.",
    ),
    "getDCMImage": "A parameter, SeriesInstanceUID, is required for this API call.",
    "getDeniedSeries": (
        "A parameter, seriesList,  a list of SeriesInstanceUID is required for this API call."
    ),
    "getDicomTags": "A parameter, SeriesUID, is required for this API call.",
    "getDicomTagsByImageID": "A parameter, imageID, is required for this API call.",
    "getSitesForSeries": "A parameter, seriesId, is required for this API call.",
    "getManifestForCollection": "A parameter, collection, is required for this API call.",
    "getPatientByCollectionAndModality": (
        "A parameter, Collection and Modality, are required for this API call."
    ),
    "NewPatientsInCollection": "A parameter, Collection and Date are required for this API call.",
    "NewStudiesInPatientCollection": "A parameter, Collection and Date are required for this API call.",
    "ContentsByName": "A parameter, name is required for this API call.",
    "PatientsByModality": "A parameter, Collection and Modality, are required for this API call.",
    "getSeriesSize": "A parameter, SeriesInstanceUID is required for this API call.",
    "getSeriesQCInfo": "A parameter, SeriesInstanceUID is required for this API call.",
    "getContentsByName": "A parameter, name is required for this API call.",
    "v2/getContentsByName": "A parameter, SeriesInstanceUID is required for this API call.",
    "createSharedList": "A form parameter, name and list, is required for this API call.",
    "getThumbnail": "A parameter, seriesUID and objectUID, are required for this API call.",
    "wado": "Missing {}",
    "getWado": "Missing {}",
    "getSharedList": "A form parameter, nameValue, is required for this API call.",
    "deleteSharedList": "A form parameter, name, is required for this API call.",
    **dict.fromkeys(
        ("getStudyDrillDown", "getCartData", "getImageDrillDown"),
        "A form parameter, list, is required for this API call.",
    ),
    "getStudyDrillDownWithSeriesIds": (
        "A form parameter, list, containing at least one SeriesInstanceUID is required."
    ),
    "getSOPInstanceUIDs": "A parameter, SeriesInstanceUID is required for this API call.",
    "getSeriesMetaData": "A parameter, SeriesInstanceUID is required for this API call.",
    "getImage": "A parameter, SeriesInstanceUID, is required for this API call.",
    "getImageWithMD5Hash": "A parameter, SeriesInstanceUID, is required for this API call.",
    "getImageOther": "A parameter, SeriesInstanceUID, is required for this API call.",
    **dict.fromkeys(
        ("DownloadServlet", "DownloadServletV2", "DownloadServletV3", "DownloadServletV4"),
        "A parameter, seriesUid, is required for this API call.",
    ),
    "DownloadServletVersion": "A parameter, os, is required for this API call.",
    "getSingleImage": "A parameter, SeriesInstanceUID and SOPInstanceUID, are required for this API call.",
    "getM5HashForImage": "A parameter, SOPInstanceUid is required for this API call.",
    "getMD5HashForImage": "A parameter, SOPInstanceUID is required for this API call.",
    **dict.fromkeys(
        (
            "getSeriesMetadata",
            "getSeriesMetadata2",
            "getSeriesMetadata3",
            "getSeriesMetadataCombined",
            "getManifestText",
            "getManifestTextV2",
        ),
        "A form parameter, list, containing at least one SeriesInstanceUID is required.",
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_a_missing_parameter_is_named(live: Any, operation: Operation) -> None:
    required = arguments(operation, live)
    assert bool(required) == (operation.name in NEEDS)
    for absent in required:
        given = {name: value for name, value in required.items() if name != absent}
        answer = live.ask(name_of(operation), **given)
        text = NEEDS.get(operation.label, NEEDS[operation.name]).format(absent)
        assert (answer.status, answer.text) == (400, text)
        if operation.action == "wado":
            assert answer.headers["content-type"].startswith("text/plain")
            continue
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_unknown_parameters(live: Any, operation: Operation) -> None:
    answer = live.ask(name_of(operation), **arguments(operation, live), api_key="k")
    if not operation.strict:
        assert answer.status == 200
        return
    start, _, rest = answer.text.partition("[")
    assert answer.status == 400
    kind = "form" if operation.method == "POST" else "query"
    assert start == f"Invalid {kind} parameter: 'api_key'. Allowed parameters are: "
    assert rest.removesuffix("]") == ", ".join(p.name for p in operation.parameters)
    assert answer.headers["content-type"] == "application/json"


def test_unknown_names_are_refused_before_missing_ones(live: Any) -> None:
    assert live.ask("v4/getImage", cache="1").text.startswith("Invalid query parameter: 'cache'.")
    # Names have a case.
    assert live.ask("v4/getSeries", collection="x").status == 400
    assert live.ask("v1/getSeriesSize", seriesinstanceuid="1").status == 400


def test_the_first_of_repeated_parameters_counts(live: Any) -> None:
    path = "/nbia-api/services/v4/getSeries?Modality=MR&Modality=CT"
    assert [row["Modality"] for row in json.loads(live.get(path).body)] == ["MR"]


def test_hostile_query_strings_are_refused_or_harmless(live: Any) -> None:
    base = "/nbia-api/services/v1/getSeries"
    assert live.get(f"{base}?Collection=%00").status == 400
    assert live.get(f"{base}?{'a=1&' * 2000}").status == 400
    for odd in ("Collection=%ff%fe", "Collection=%27%20OR%201=1--", "=&&==", "Collection=%F0%9F%98%80"):
        answer = live.get(f"{base}?{odd}")
        assert answer.status == 200, odd
        assert (answer.body == b"") == odd.startswith("Collection")


def test_an_empty_filter_finds_nothing_and_an_empty_format_is_none(live: Any) -> None:
    assert live.ask("v4/getSeries", Collection="").body == b""
    answer = live.ask("v4/getSeries", format="")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("operation", TABLES, ids=name_of)
def test_an_unknown_format_is_refused_only_where_there_are_rows(live: Any, operation: Operation) -> None:
    params = arguments(operation, live)
    answer = live.ask(name_of(operation), **params, format="yaml")
    assert (answer.status, answer.text) == (400, "Server was not able to process your request")
    first = next((p.name for p in operation.parameters if p.field and not p.default), None)
    if first and operation.no_rows not in {"null_row", "list"}:
        nothing = live.ask(name_of(operation), **{**params, first: "no such", "format": "yaml"})
        assert nothing.status == (204 if operation.no_rows == "no_content" else 200)
        assert nothing.body == b""


@pytest.mark.parametrize("fmt", ["json", "csv", "csvquoted", "csv-download", "xml", "html", "XML"])
@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_nothing_is_zero_bytes_without_a_type(live: Any, version: str, fmt: str) -> None:
    for operation in TABLES:
        if operation.version != version or operation.no_rows != "empty":
            continue
        first = next((p.name for p in operation.parameters if p.field and not p.default), None)
        if first is None:
            continue
        params = {**arguments(operation, live), first: "no such", "format": fmt}
        answer = live.ask(name_of(operation), **params)
        assert (answer.status, answer.body) == (200, b""), operation
        assert "content-type" not in answer.headers
        assert answer.headers["content-length"] == "0"


def test_no_metadata_is_204(live: Any) -> None:
    answer = live.ask("v1/getSeriesMetaData", SeriesInstanceUID="1.9")
    assert (answer.status, answer.body) == (204, b"")


def test_the_size_of_nothing(live: Any) -> None:
    assert live.ask("v1/getSeriesSize", SeriesInstanceUID="1.9").text == "[{}]"
    assert live.ask("v4/getSeriesSize", SeriesInstanceUID="1.9").body == b""


# Content ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", TABLES, ids=name_of)
def test_all_formats_say_the_same(live: Any, operation: Operation) -> None:
    assert operation.view is not None
    params = arguments(operation, live)
    names = [column.name for column in operation.view.columns]

    def get(fmt: str) -> Any:
        return live.ask(name_of(operation), **params, format=fmt)

    rows = json.loads(get("json").body)
    for row in rows:
        assert list(row) == [name for name in names if name in row]
    quoted = get("csvquoted")
    assert quoted.headers["content-type"].startswith("text/csv")
    header, *cells = csv.reader(io.StringIO(quoted.text))
    assert header == names
    assert len(cells) == len(rows)
    for row, line in zip(rows, cells, strict=True):
        assert {name for name, cell in zip(names, line, strict=True) if cell != ""} == set(row)
    root = ET.fromstring(get("xml").text)
    assert [len(element) for element in root] == [len(row) for row in rows]
    html = get("html")
    assert html.headers["content-type"].startswith("text/html")
    assert html.headers["content-security-policy"].startswith("default-src 'none'")
    assert html.text.count("<TR>") == len(rows) + 1
    download = get("csv-download")
    assert download.headers["content-disposition"] == 'attachment; filename="SeriesMetaData.csv"'
    kind = "application/force-download" if operation.view.single else "text/csv"
    assert download.headers["content-type"].startswith(kind)


def rows_of(live: Any, operation: str, **params: str) -> list[dict[str, Any]]:
    answer = live.ask(operation, **params)
    assert answer.status == 200
    return json.loads(answer.body) if answer.body else []


def test_values(live: Any) -> None:
    assert live.ask("v1/getCollectionValues").text == '[{"Collection":"Open-CT"},{"Collection":"open-bare"}]'
    assert live.ask("v4/getModalityValues").text == '[{"Modality":"CT"},{"Modality":"MR"}]'
    assert live.ask("v1/getBodyPartValues").text == '[{},{"BodyPartExamined":"CHEST"}]'
    assert live.ask("v1/getManufacturerValues").text == '[{},{"Manufacturer":"Acme, Inc."}]'
    assert live.ask("v4/getManufacturerValues").text == '[{},{"Manufacturer":"ACME, INC."}]'
    assert live.ask("v1/getManufacturerValues", format="csv").text == "Manufacturer\n\nAcme, Inc.\n"
    assert rows_of(live, "v4/getModalityValues", Collection="OPEN-BARE") == [{"Modality": "MR"}]
    assert rows_of(live, "v1/getModalityValues", BodyPartExamined="CHEST") == [{"Modality": "CT"}]


def test_patients(live: Any) -> None:
    full, bare = (
        rows_of(live, "v1/getPatient", PatientId="PAT-LOWER"),
        rows_of(live, "v1/getPatient", PatientId="bare"),
    )
    assert full == [
        {
            "PatientId": "pat-Lower",
            "PatientName": "Doe^Jane",
            "PatientBirthDate": "1950-04-01 00:00:00.0",
            "PatientSex": "F",
            "EthnicGroup": "Unknown",
            "Collection": "Open-CT",
            "Phantom": "YES",
            "SpeciesCode": "448771007",
            "SpeciesDescription": "Canis lupus",
        }
    ]
    defaults = {"Phantom": "NO", "SpeciesCode": "337915000", "SpeciesDescription": "Homo sapiens"}
    assert bare == [{"PatientId": "BARE", "Collection": "open-bare", **defaults}]
    assert rows_of(live, "v4/getPatient", PatientId="PAT-LOWER") == []
    [exact] = rows_of(live, "v4/getPatient", PatientId="pat-Lower")
    assert exact["Authorized"] == 1
    assert "PatientBirthDate" not in exact
    by_modality = {"Collection": "open-ct", "Modality": "ct"}
    assert rows_of(live, "v1/getPatientByCollectionAndModality", **by_modality) == [
        {"PatientId": "pat-Lower"}
    ]
    assert rows_of(live, "v4/getPatientByCollectionAndModality", **by_modality) == [
        {"PatientId": "pat-Lower", "Authorized": 1}
    ]


def test_studies(live: Any) -> None:
    [v1] = rows_of(live, "v1/getPatientStudy", PatientID="PAT-LOWER")
    assert v1 == {
        "StudyInstanceUID": live.full.study_uid,
        "StudyDate": "2006-09-06 00:00:00.0",
        "StudyDescription": 'Thorax, "left" <5/8>',
        "AdmittingDiagnosesDescription": "Nodule",
        "StudyID": "77",
        "PatientAge": "056Y",
        "PatientID": "pat-Lower",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "1950-04-01 00:00:00.0",
        "PatientSex": "F",
        "EthnicGroup": "Unknown",
        "Collection": "Open-CT",
        "SeriesCount": 1,
        "LongitudinalTemporalEventType": "DIAGNOSIS",
        "LongitudinalTemporalOffsetFromEvent": 90,
    }
    [v4] = rows_of(live, "v4/getPatientStudy", StudyInstanceUID=live.full.study_uid)
    del v1["PatientBirthDate"]
    assert v4 == v1 | {"StudyDate": "09-06-2006", "Authorized": 1}


def test_series(live: Any) -> None:
    [v1] = rows_of(live, "v1/getSeries", SeriesInstanceUID=live.full.series_uid)
    [v4] = rows_of(live, "v4/getSeries", SeriesInstanceUID=live.full.series_uid)
    stamp = dt.datetime.fromisoformat(v1.pop("TimeStamp"))
    released = dt.datetime.fromisoformat(v1.pop("DateReleased"))
    assert v4.pop("MaxSubmissionTimestamp") == f"{stamp:%m-%d-%Y}"
    assert v4.pop("DateReleased") == f"{released:%m-%d-%Y}"
    common = {
        "SeriesInstanceUID": "1.2.1",
        "StudyInstanceUID": "1.2.1.0",
        "Modality": "CT",
        "ProtocolName": "Routine",
        "SeriesDescription": "Axial, 5 mm",
        "BodyPartExamined": "Chest",
        "SeriesNumber": 3,
        "Collection": "Open-CT",
        "PatientID": "pat-Lower",
        "Manufacturer": "Acme, Inc.",
        "ManufacturerModelName": "Model/16",
        "SoftwareVersions": "1.0",
        "ImageCount": 12,
        "LicenseName": "CC BY 4.0",
        "LicenseURI": "https://example.org/by/4.0/",
        "FileSize": live.full.size,
        "StudyDesc": 'Thorax, "left" <5/8>',
    }
    third_party = {
        key: row.pop(key, None) for row in (v1,) for key in ("ThirdPartyAnalysis", "AnnotationsFlag")
    }
    assert third_party["ThirdPartyAnalysis"] in {None, "NO"}
    assert v1 == common | {
        "SeriesDate": "2006-09-07 00:00:00.0",
        "StudyDate": "2006-09-06 00:00:00.0",
        "CollectionURI": "https://doi.org/10.1/open",
    }
    for key in ("ThirdPartyAnalysis", "AnnotationsFlag"):
        v4.pop(key, None)
    assert v4 == common | {
        "SeriesDate": "09-07-2006",
        "StudyDate": "09-06-2006",
        "DataDescriptionURI": "https://doi.org/10.1/open",
        "Site": "Open Site",
        "PatientSex": "F",
        "PatientAge": "056Y",
        "AdmittingDiagnosisDescription": "Nodule",
        "ReleasedStatus": "Yes",
        "Authorized": 1,
    }


def test_case_of_series_filters(live: Any) -> None:
    for name, stored in {
        "BodyPartExamined": "Chest",
        "Manufacturer": "Acme, Inc.",
        "ManufacturerModelName": "Model/16",
    }.items():
        assert len(rows_of(live, "v1/getSeries", **{name: stored})) == 1
        assert rows_of(live, "v1/getSeries", **{name: stored.upper()}) == []
        assert len(rows_of(live, "v4/getSeries", **{name: stored.upper()})) == 1
    for name, value in {"Collection": "OPEN-ct", "Modality": "ct", "PatientID": "PAT-lower"}.items():
        assert len(rows_of(live, "v1/getSeries", **{name: value})) == 1
    assert len(rows_of(live, "v4/getSeries", Collection="open-bare", Modality="MR")) == 1
    assert rows_of(live, "v4/getSeries", Collection="open-bare", Modality="CT") == []


def test_metadata(live: Any) -> None:
    [row] = rows_of(live, "v1/getSeriesMetaData", SeriesInstanceUID=live.full.series_uid)
    assert all(isinstance(value, str) for value in row.values())
    expected = {
        "Series UID": "1.2.1",
        "Subject ID": "pat-Lower",
        "Study Description": "Thorax left 58",
        "Study Date": "09-06-2006",
        "Series Description": "Axial 5 mm",
        "Manufacturer": "Acme  Inc.",
        "SOP Class UID": "1.2.840.10008.5.1.4.1.1.2",
        "Number of Images": "12",
        "File Size": str(live.full.size),
        "File Location": "77",
        "Series Number": "3.000000",
        "License Name": "CC BY 4.0",
        "Annotation Size": "0",
        "Series Date": "Thu Sep 07 00:00:00 UTC 2006",
    }
    assert {key: row[key] for key in expected} == expected


def test_sizes_and_instances(live: Any) -> None:
    for version in ("v1", "v4"):
        assert rows_of(live, f"{version}/getSeriesSize", SeriesInstanceUID="1.2.1") == [
            {"TotalSizeInBytes": live.full.size, "ObjectCount": 12}
        ]
        uids = [
            row["SOPInstanceUID"]
            for row in rows_of(live, f"{version}/getSOPInstanceUIDs", SeriesInstanceUID="1.2.1")
        ]
        assert sorted(uids) == sorted(live.full.files)


# Dates ------------------------------------------------------------------------------------------------

TOMORROW = TODAY + dt.timedelta(days=2)  # beyond any midnight that the test may run over


@pytest.mark.parametrize(
    ("operation", "name", "pattern"),
    [
        ("v1/NewPatientsInCollection", "Date", "%Y/%m/%d"),
        ("v1/NewPatientsInCollection", "Date", "%Y-%m-%d"),
        ("v1/NewStudiesInPatientCollection", "Date", "%Y/%m/%d"),
        ("v4/NewPatientsInCollection", "fromDate", "%m-%d-%Y"),
        ("v4/NewStudiesInPatientCollection", "fromDate", "%m-%d-%Y"),
        ("v1/getUpdatedSeries", "fromDate", "%d/%m/%Y"),
        ("v4/getUpdatedSeries", "fromDate", "%m-%d-%Y"),
    ],
)
def test_dates(live: Any, operation: str, name: str, pattern: str) -> None:
    base = {} if "Updated" in operation else {"Collection": "Open-CT"}
    assert rows_of(live, operation, **base, **{name: EARLIER.strftime(pattern)})
    assert rows_of(live, operation, **base, **{name: TOMORROW.strftime(pattern)}) == []
    for bad in ("nonsense", "", "2024.01.31", "99-99-2024"):
        answer = live.ask(operation, **base, **{name: bad})
        assert (answer.status, answer.body) == (200, b"")


def test_updated_series_without_a_date_lists_what_was_released(live: Any) -> None:
    for version in ("v1", "v4"):
        found = {row["SeriesInstanceUID"] for row in rows_of(live, f"{version}/getUpdatedSeries")}
        assert found == {live.full.series_uid, live.bare.series_uid}
    # Misread as the year 20, as NBIA does.
    assert rows_of(live, "v1/getUpdatedSeries", fromDate="2023/01/15")
