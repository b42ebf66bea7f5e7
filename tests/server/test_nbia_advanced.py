"""The Advanced API over a real socket, against what went in: holdings, trees, manifests, digests."""

import hashlib
import json
from typing import Any

import pytest

from filmroom.client.manifests import parse_manifest
from filmroom.model.entities import Assignment, Licence
from filmroom.testing.live import running_server


def asked(live: Any, operation: str, **params: Any) -> Any:
    answer = live.ask(operation, **params)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


# Holdings -----------------------------------------------------------------------------------------------


def test_collection_descriptions(live: Any) -> None:
    full, bare = asked(live, "getCollectionDescriptions")
    assert list(full) == [
        "description",
        "id",
        "collectionDescTimestamp",
        "collectionName",
        "userName",
        "licenseId",
        "descriptionURI",
    ]
    assert full["collectionName"] == "Open-CT"
    assert full["descriptionURI"] == "https://doi.org/10.1/open"
    assert full["userName"] is None
    assert full["collectionDescTimestamp"] > 1_700_000_000_000
    assert (bare["description"], bare["licenseId"], bare["descriptionURI"]) == (None, None, None)
    [v4] = asked(live, "v4/getCollectionDescriptions", collectionName="Open-CT")
    assert v4 == {name: full[name] for name in ("description", "id", "collectionName", "descriptionURI")}
    for name in ("open-ct", "Closed", ""):
        assert asked(live, "v4/getCollectionDescriptions", collectionName=name) == []


def test_what_a_doi_describes(live: Any) -> None:
    doi = "https://doi.org/10.1/open"
    [collection] = asked(live, "getCollectionOrSeriesForDOI", DOI=doi)
    assert collection["collection"] == "Open-CT"
    assert "seriesInstanceUID" not in collection
    [series] = asked(live, "v4/getCollectionOrSeriesForDOI", DOI=doi, CollectionOrSeries="SERIES")
    assert series["seriesInstanceUID"] == live.full.series_uid
    assert series["authorized"] == 1
    assert "thirdPartyAnanlysis" in series
    assert asked(live, "getCollectionOrSeriesForDOI", DOI=doi.upper()) == []
    assert asked(live, "getCollectionOrSeriesForDOI", DOI="") == [collection]


def test_licences_species_and_sites(live: Any) -> None:
    [licence] = asked(live, "getLicenses")
    assert licence | {"id": 0} == {
        "longName": "Creative Commons Attribution 4.0 International License",
        "id": 0,
        "shortName": "CC BY 4.0",
        "licenseURL": "https://example.org/by/4.0/",
        "licenseText": "",
        "commercialUse": "YES",
    }
    for operation in ("getSpeciesTax", "v4/getSpeciesTax"):
        assert asked(live, operation, anything="x") == [
            {"speciesCode": "337915000", "speciesDescription": "Human (Homo sapiens)"},
            {"speciesCode": "448771007", "speciesDescription": "Canis lupus"},
        ]
    assert asked(live, "v4/getCollectionSite") == ["Open-CT//Open Site", "open-bare//open-bare"]
    assert asked(live, "getSitesForSeries", seriesId=[live.full.series_uid, "9.9"]) == ["Open Site"]
    both = [live.full.series_uid, live.bare.series_uid]
    assert asked(live, "v4/getSitesForSeries", seriesId=both) == []


def test_a_licence_nobody_may_see_data_of_is_not_told(new_archive: Any, fetch: Any) -> None:
    secret = Licence("Terms of the secret study", "SECRET", "", commercial_use=False)
    new_archive.add("1.3.1", assignment=Assignment("Closed", "Closed", secret, access="restricted"))
    new_archive.add("1.3.2", assignment=Assignment("Hidden", "Hidden", secret, visibility=0))
    guest = {"Authorization": "Bearer undefined"}
    with running_server(new_archive.address) as url:
        for name in ("getLicenses", "getCollectionSite", "getCollectionDescriptions"):
            assert fetch(url, f"/nbia-api/services/{name}", **guest).text == "[]"


def test_the_manufacturer_tree(live: Any) -> None:
    leaf = {"data": {"criteria": "Software Ver.", "value": "1.0"}, "children": []}
    model = {"data": {"criteria": "Model", "value": "Model/16"}, "children": [leaf]}
    maker = {"data": {"criteria": "Manufacturer", "value": "Acme, Inc."}, "children": [model]}
    root = {"criteria": "root", "value": "All Manufactures"}
    assert asked(live, "getManufacturerTree", Modality="ct") == {"data": root, "children": [maker]}
    assert asked(live, "getManufacturerTree", Modality="XX") == {"data": root, "children": []}
    whole = asked(live, "v4/getManufacturerTree")
    assert [child["data"]["value"] for child in whole["children"]] == ["", "Acme, Inc."]


def test_time_points(new_archive: Any, fetch: Any) -> None:
    where = Assignment("C", "C")
    for number, (event, offset) in enumerate(
        [("DIAGNOSIS", 90.0), ("DIAGNOSIS", -1.0), ("ENROLLMENT", 5.5), (None, 7.0)]
    ):
        new_archive.add(
            f"1.3.{number}", assignment=where, longitudinal_event_type=event, longitudinal_offset=offset
        )
    new_archive.add(
        "1.4",
        assignment=Assignment("H", "H", visibility=0),
        longitudinal_event_type="DIAGNOSIS",
        longitudinal_offset=400.0,
    )
    with running_server(new_archive.address) as url:
        found = json.loads(fetch(url, "/nbia-api/v4/getMinMaxTimepoints").body)
    assert found == {
        "maxTimepoints": {"DIAGNOSIS": 90, "ENROLLMENT": 5},
        "minTimepoints": {"DIAGNOSIS": -1, "ENROLLMENT": 5},
    }


# Digests ------------------------------------------------------------------------------------------------


def series_digest(made: Any) -> str:
    return md5("".join(sorted(hashlib.md5(content).hexdigest() for content in made.files.values())))


def test_digests_of_a_hierarchy(new_archive: Any, fetch: Any) -> None:
    where = Assignment("C", "C")
    of = [("P1", "2.1"), ("P1", "2.1"), ("P1", "2.2"), ("P2", "2.3")]
    made = [
        new_archive.add(f"1.3.{n}", assignment=where, patient_id=patient, study_uid=study)
        for n, (patient, study) in enumerate(of)
    ]
    new_archive.add("1.4", assignment=Assignment("C", "C", visibility=0), patient_id="P1", study_uid="2.1")
    series = [series_digest(each) for each in made]
    first = md5("".join(sorted(series[:2])))
    p1 = md5("".join(sorted([first, md5(series[2])])))
    p2 = md5(md5(series[3]))
    expected = {
        "SeriesInstanceUID=1.3.0": series[0],
        "SeriesInstanceUID=1.3.0&StudyInstanceUID=2.1": first,
        "StudyInstanceUID=2.1&PatientID=P1&Collection=C": p1,
        "PatientID=P1": p1,
        "SeriesInstanceUID=1.3.0&Collection=C": md5("".join(sorted([p1, p2]))),
        "SeriesInstanceUID=1.4": "",
        "PatientID=P1&Collection=D": "",
        "": "",
    }
    headers = {"Content_Type": "application/x-www-form-urlencoded"}
    with running_server(new_archive.address) as url:
        for form, digest in expected.items():
            answer = fetch(url, "/nbia-api/v4/getMD5Hierarchy", "POST", form.encode(), **headers)
            assert (answer.status, answer.text) == (200, digest), form


# Manifests ----------------------------------------------------------------------------------------------


def manifest_of(live: Any, operation: str, **params: Any) -> list[str]:
    answer = live.ask(operation, **params)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-nbia-manifest-file"
    lines: list[str] = answer.text.split("\n")
    assert lines.pop() == ""
    return lines


def test_a_manifest_is_written_as_clients_read_it(live: Any) -> None:
    lists = [f"{live.bare.series_uid},{live.full.series_uid}", live.restricted.series_uid, "9.9"]
    lines = manifest_of(live, "v4/getManifestText", list=lists, includeAnnotation="false")
    assert lines[0] == f"downloadServerUrl={live.url}/nbia-download/servlet/DownloadServlet"
    assert lines[1:3] == ["includeAnnotation=false", "noOfrRetry=4"]
    assert lines[3].startswith("databasketId=manifest-1")
    assert lines[4:] == ["manifestVersion=3.0", "ListOfSeriesToDownload=", "1.2.2", "1.2.1"]
    assert parse_manifest("\n".join(lines).encode()).series == ("1.2.2", "1.2.1")
    assert manifest_of(live, "getManifestTextV2", list="1.2.1")[1] == "includeAnnotation=true"


def test_a_manifest_of_a_collection(live: Any) -> None:
    lines = manifest_of(live, "getManifestForCollection", collection="Open-CT")
    assert lines[3].startswith("databasketId=Open-CT-2")
    assert lines[6:] == ["1.2.1"]
    for visibility, found in {"13": ["1.2.1"], "0,1": ["1.2.1"], "0": [], "12": []}.items():
        given = {"collection": "Open-CT", "visibility": visibility}
        assert manifest_of(live, "v4/getManifestForCollection", **given)[6:] == found
    assert manifest_of(live, "v4/getManifestForCollection", collection="Closed")[6:] == []
    forged = manifest_of(live, "v4/getManifestForCollection", collection="x\n9.9.9\r\n8.8")
    assert len(forged) == 6


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"patientIDs": "pat-Lower, SECRET,ZERO"}, ["1.2.1"]),
        ({"patientIDs": "PAT-LOWER"}, []),
        ({"patientIDs": "BARE", "studyUIDs": "1.2.1.0"}, ["1.2.1", "1.2.2"]),
        ({"seriesUIDs": "1.2.2,1.2.99,1.2.10,1.2.12", "anyOrAll": "all"}, ["1.2.2"]),
        ({}, []),
    ],
)
def test_a_manifest_of_patients_studies_and_series(
    live: Any, given: dict[str, str], found: list[str]
) -> None:
    assert manifest_of(live, "getManifestFromPatientStudySeries", **given)[6:] == found


# Denied series and the retriever's ZIP --------------------------------------------------------------------


def test_denied_series(live: Any) -> None:
    for version in ("v1", "v4"):
        asked_about = "1.2.1,9.9,1.2.99,1.2.12,1.2.10"
        answer = live.ask(f"{version}/getDeniedSeries", seriesList=asked_about, format="csv")
        assert answer.text == "SeriesInstanceUID\n9.9\n1.2.99\n1.2.10\n"
        accepted = live.ask(f"{version}/getDeniedSeries", seriesList="1.2.1,1.2.12")
        assert (accepted.status, accepted.body) == (204, b"")


def test_denied_series_of_a_login_are_told_to_itself_alone(live: Any) -> None:
    def denied(viewer: str, name: str) -> int:
        params = {"seriesList": live.restricted.series_uid, "userName": name}
        token = f"Bearer {live.tokens[viewer]}"
        return int(live.send("v4/getDeniedSeries", params, Authorization=token).status)

    assert denied("grantee", "grantee") == 204
    assert denied("grantee", "null") == 200
    assert denied("stranger", "grantee") == 200
    assert denied("stranger", "stranger") == 200
    params = {"seriesList": live.restricted.series_uid, "userName": "grantee"}
    assert live.ask("v1/getDeniedSeries", **params).status == 200


# The server itself ----------------------------------------------------------------------------------------


def test_the_server_tells_of_itself(live: Any) -> None:
    assert live.ask("v1/status").text == "<p>NBIA Restful Web Service version 00.01.00 is running</p>"
    assert live.ask("v1/status/version").text == "<p>Version:00.01.00</p>"
    assert live.ask("v1/status/database").text == (
        "<p>Database connection: OK</p><p>Text search: up to date</p>"
    )
    assert live.ask("hostName").text == "127.0.0.1"
    agreement = live.ask("v1/getUserAgreementTxt")
    assert agreement.text == live.agreement
    assert agreement.headers["content-type"] == "application/octet-stream"
    lines = live.ask("v1/getAllSOPClassDefinition", SeriesInstanceUID="x").text.split("\n")
    assert "1.2.840.10008.5.1.4.1.1.2=CT Image Storage" in lines
    assert all("=" in line for line in lines[:-1])


def test_no_agreement_is_404(new_archive: Any, fetch: Any) -> None:
    with running_server(new_archive.address) as url:
        answer = fetch(url, "/nbia-api/v1/getUserAgreementTxt")
    assert (answer.status, answer.text) == (404, "No user agreement file found.")
