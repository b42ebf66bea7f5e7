"""Values with counts, and bulk metadata, over a real socket: content, formats, order, limits."""

import csv
import io
import json
import time
from typing import Any

import pytest

from filmroom.model.entities import Assignment
from filmroom.testing.live import running_server

FORM = {"Content_Type": "application/x-www-form-urlencoded", "Authorization": "Bearer undefined"}


def test_counts_as_version_4_writes_them(live: Any) -> None:
    answer = live.ask("v4/getModalityValuesAndCounts")
    assert (
        answer.text
        == '[{"Modality":"CT","Count":1,"Authorized":1},{"Modality":"MR","Count":1,"Authorized":1}]'
    )
    assert live.ask("v4/getCollectionValuesAndCounts").text == (
        '[{"Collection":"Open-CT","Count":1,"Authorized":1},{"Collection":"open-bare","Count":1,"Authorized":1}]'
    )
    assert json.loads(live.ask("v4/getBodyPartValuesAndCounts").body) == [
        {"BodyPart": "NOT SPECIFIED", "Count": 1, "Authorized": 1},
        {"BodyPart": "CHEST", "Count": 1, "Authorized": 1},
    ]
    assert json.loads(live.ask("v4/getManufacturerValuesAndCounts").body)[0] == {"Count": 1, "Authorized": 1}
    assert [row["Species"] for row in json.loads(live.ask("v4/getSpeciesValuesAndCounts").body)] == [
        "337915000",
        "448771007",
    ]


def test_counts_as_they_are_without_a_version(live: Any) -> None:
    assert live.ask("getModalityValuesAndCounts").text == (
        '[{"criteria":"CT","count":"1"},{"criteria":"MR","count":"1"}]'
    )
    assert json.loads(live.ask("getManufacturerValuesAndCounts", format="xml").body)[0] == {
        "criteria": "",
        "count": "1",
    }


def test_filters_of_counts(live: Any) -> None:
    filters = {"Collection": "OPEN-ct", "BodyPartExamined": "chest"}
    assert json.loads(live.ask("v4/getModalityValuesAndCounts", **filters).body) == [
        {"Modality": "CT", "Count": 1, "Authorized": 1}
    ]
    # Without a version the collection has its case.
    assert live.ask("getModalityValuesAndCounts", **filters).text == "[]"
    assert live.ask("getModalityValuesAndCounts", **filters | {"Collection": "Open-CT"}).text == (
        '[{"criteria":"CT","count":"1"}]'
    )
    nothing = live.ask("v4/getModalityValuesAndCounts", Collection="none")
    assert (nothing.status, nothing.body) == (200, b"")
    assert live.ask("getModalityValuesAndCounts", Collection="").text == "[]"
    assert live.ask("v4/getModalityValuesAndCounts", format="json").status == 400


def test_a_patient_counts_once_however_a_value_is_spelled(new_archive: Any, fetch: Any) -> None:
    where = Assignment("C", "C")
    for number, (patient, part) in enumerate([("A", "Chest"), ("A", "CHEST"), ("B", "CHEST"), ("C", None)]):
        new_archive.add(f"1.3.{number}", assignment=where, patient_id=patient, body_part_examined=part)
    with running_server(new_archive.address) as url:
        rows = json.loads(fetch(url, "/nbia-api/v4/getBodyPartValuesAndCounts").body)
        by_modality = json.loads(
            fetch(url, "/nbia-api/v4/getModalityValuesAndCounts?BodyPartExamined=chest").body
        )
    assert {row["BodyPart"]: row["Count"] for row in rows} == {"NOT SPECIFIED": 1, "CHEST": 2}
    assert by_modality == [{"Modality": "CT", "Count": 2, "Authorized": 1}]


def test_bulk_metadata(live: Any) -> None:
    uids = f"{live.bare.series_uid},{live.full.series_uid}"
    [bare, full] = json.loads(live.ask("v4/getSeriesMetadata", list=uids, format="json").body)
    assert bare == {
        "PatientID": "BARE",
        "StudyInstanceUID": live.bare.study_uid,
        "SeriesInstanceUID": live.bare.series_uid,
        "Collection": "open-bare",
        "Site": "open-bare",
        "Modality": "MR",
        "ImageCount": 1,
        "FileSize": live.bare.size,
        "ReleasedStatus": "Yes",
        "Authorized": "1",
    } | {name: bare[name] for name in ("MaxSubmissionTimestamp", "DateReleased", "ThirdPartyAnalysis")}
    assert full["SeriesNumber"] == "3.000000"
    assert full["LongitudinalTemporalOffsetFromEvent"] == "90.0"
    assert full["StudyDate"] == "09-06-2006"
    assert full["ImageCount"] == 12


def test_spacings_of_a_series_are_listed(new_archive: Any, fetch: Any) -> None:
    made = [
        new_archive.prepare("1.3", collection="C", numbers=[(1, n)], pixel_spacing=[s, s], slice_thickness=t)
        for n, (s, t) in enumerate([(0.5, 10.0)])
    ]
    for number, (spacing, thickness) in enumerate([(0.75, 2.5), (0.5, None), (0.75, 10.0)], 1):
        uid = f"1.3.{number}.1"
        made.append(
            new_archive.prepare(
                "1.3",
                collection="C",
                sop_instance_uid=uid,
                numbers=[(1, number + 1)],
                pixel_spacing=spacing,
                slice_thickness=thickness,
            )
        )
    made[0][1][0].values["pixel_spacing"] = 0.5
    new_archive.commit(Assignment("C", "C"), made)
    with running_server(new_archive.address) as url:
        answer = fetch(url, "/nbia-api/v4/getSeriesMetadata", "POST", b"list=1.3&format=json", **FORM)
    [row] = json.loads(answer.body)
    assert row["PixelSpacing(mm)-Row"] == "0.500000, 0.750000"
    assert row["SliceThickness(mm)"] == "2.500000, 10.000000"


@pytest.mark.parametrize(
    ("operation", "identifier"),
    [
        ("v4/getSeriesMetadata", "SeriesInstanceUID"),
        ("v4/getSeriesMetadataCombined", "Series Instance UID"),
        ("getSeriesMetadata2", "Series ID"),
        ("getSeriesMetadata3", "Series Instance UID"),
    ],
)
def test_bulk_metadata_is_a_csv_attachment(live: Any, operation: str, identifier: str) -> None:
    hidden = ",".join(each.series_uid for each in (live.hidden, live.fetched_only, live.restricted))
    answer = live.ask(operation, list=f"{live.full.series_uid},{hidden},9.9, '1.2.2', {live.full.series_uid}")
    assert answer.headers["content-disposition"] == 'attachment; filename="SeriesMetaData.csv"'
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row[identifier] for row in rows] == [live.full.series_uid, live.bare.series_uid]
    assert live.ask(operation, list="9.9").body == b""
    assert live.ask(operation, list="").body == b""


def test_dates_of_the_older_list(live: Any) -> None:
    text = live.ask("getSeriesMetadata2", list=live.full.series_uid).text
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["Study Date"], row["Series Date"]) == ("2006-09-06", "2006-09-07")
    assert row["Study Description"] == 'Thorax, "left" <5/8>'


def test_lists_keep_their_order_and_their_repetitions(live: Any) -> None:
    lists = [live.bare.series_uid, live.full.series_uid, f"{live.bare.series_uid},{live.bare.series_uid}"]
    rows = json.loads(live.ask("v4/getSeriesMetadata", list=lists, format="json").body)
    assert [row["SeriesInstanceUID"] for row in rows] == ["1.2.2", "1.2.1", "1.2.2"]
    # Without a version only the first counts.
    text = live.ask("getSeriesMetadata2", list=lists).text
    assert len(text.strip().split("\n")) == 2
    assert len(live.ask("v4/getSeriesMetadata", list=lists, format="CSV").text.strip().split("\n")) == 4


def test_ten_thousand_series_in_one_form(new_archive: Any, fetch: Any) -> None:
    uids = [f"1.3.6.1.4.1.14519.5.2.1.{number:030d}" for number in range(10_000)]
    for start in range(0, 1_000, 500):
        new_archive.add_many(uids[start : start + 500], Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        for body in (",".join(uids), "&list=".join(uids)):
            began = time.perf_counter()
            answer = fetch(url, "/nbia-api/v4/getSeriesMetadata", "POST", f"list={body}".encode(), **FORM)
            assert time.perf_counter() - began < 10
            found = [row["SeriesInstanceUID"] for row in csv.DictReader(io.StringIO(answer.text))]
            assert found == uids[:1_000]


def test_forms_have_a_size_and_a_type(live: Any) -> None:
    path = "/nbia-api/services/v4/getSeriesMetadata"
    large = b"list=" + b"1," * (1024 * 1024)
    answer = live.get(path, "POST", body=large, **FORM)
    assert (answer.status, answer.text) == (413, "A form has at most 2097152 bytes.")
    assert live.get(path, "POST", body=large[: 2 * 1024 * 1024], **FORM).status == 200
    other = live.get(path, "POST", body=b"list=1.2.1", Content_Type="application/json")
    assert other.status == 400
    assert "application/x-www-form-urlencoded" in other.text
    # What stands in the address of a form is not a parameter.
    assert live.get(f"{path}?list=1.2.1", "POST", body=b"", **FORM).status == 400
    assert live.get(path, "POST", body=b"list=%00", **FORM).status == 400
    assert live.get(path, "POST", body=b"a&" * 200_000, **FORM).status == 400
