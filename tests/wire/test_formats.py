"""Rows to bytes in every format, and back."""

import csv
import datetime as dt
import io
import json
import math
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmroom.errors import BadAnswer, UnknownFormat
from filmroom.wire import views
from filmroom.wire.cells import CellType
from filmroom.wire.formats import Format, attachment_name, decode, encode, find_format, media_type
from filmroom.wire.operations import OPERATIONS
from filmroom.wire.text_formats import xml_name
from filmroom.wire.views import VIEWS, Column, View

Row = dict[str, Any]


def written(view: View, rows: list[Row], fmt: Format = Format.JSON) -> str:
    return b"".join(encode(view, [rows], fmt)).decode()


def empty_row(view: View) -> Row:
    return {column.source: None for column in view.columns}


def test_every_table_has_the_columns_of_the_guides(expected_columns: dict[str, list[str]]) -> None:
    ours = {
        operation.label: [column.name for column in operation.view.columns]
        for operation in OPERATIONS
        if operation.view is not None
    }
    assert ours == expected_columns


@pytest.mark.parametrize("fmt", list(Format))
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_no_rows_are_zero_bytes(view: View, fmt: Format) -> None:
    assert list(encode(view, [], fmt)) == []
    assert list(encode(view, [[]], fmt)) == []


def test_json_of_v1_series(series_row: Row) -> None:
    assert json.loads(written(views.SERIES_V1, [series_row])) == [
        {
            "SeriesInstanceUID": "1.2.3",
            "StudyInstanceUID": "1.2",
            "Modality": "CT",
            "ProtocolName": "Thorax, routine",
            "SeriesDate": "2006-09-07 00:00:00.0",
            "SeriesDescription": 'He said "5/8", & <left>',
            "BodyPartExamined": "Chest",
            "SeriesNumber": 3,
            "AnnotationsFlag": False,
            "Collection": "C-1",
            "PatientID": "P1",
            "Manufacturer": "ACME, Inc.",
            "ManufacturerModelName": "M/16",
            "SoftwareVersions": "1.0",
            "ImageCount": 2,
            "TimeStamp": "2024-01-31 12:05:09.25",
            "LicenseName": "CC BY 4.0",
            "LicenseURI": "https://creativecommons.org/licenses/by/4.0/",
            "CollectionURI": "https://doi.org/10.7937/K9%2FTCIA",
            "FileSize": 5_000_000_000,
            "DateReleased": "2024-02-01 00:00:00.0",
            "StudyDesc": "Study, one",
            "StudyDate": "2006-09-06 00:00:00.0",
            "ThirdPartyAnalysis": "NO",
        }
    ]


def test_json_of_v4_series_has_its_own_dates_and_flags(series_row: Row) -> None:
    [row] = json.loads(written(views.SERIES_V4, [series_row]))
    assert row["SeriesDate"] == "09-07-2006"
    assert row["MaxSubmissionTimestamp"] == "01-31-2024"
    assert row["DateReleased"] == "02-01-2024"
    assert row["AnnotationsFlag"] == "false"
    assert row["Authorized"] == 1
    assert row["Site"] == "S-1"
    assert "TimeStamp" not in row


def test_json_keeps_column_order_and_is_one_line(series_row: Row) -> None:
    for view in (views.SERIES_V1, views.SERIES_V4, views.SERIES_BRIEF, views.SERIES_METADATA):
        text = written(view, [series_row, series_row])
        assert [list(row) for row in json.loads(text)] == [[column.name for column in view.columns]] * 2
        assert "\n" not in text
        assert '": ' not in text


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_json_leaves_null_keys_out(view: View) -> None:
    [row] = json.loads(written(view, [empty_row(view)]))
    kept = {column.name: column.default for column in view.columns if column.default is not None}
    assert row == kept


def test_json_of_a_missing_value_alone_is_an_empty_object() -> None:
    rows = [{"body_part_examined": None}, {"body_part_examined": "chest"}]
    assert written(views.BODY_PART_VALUES, rows) == '[{},{"BodyPartExamined":"CHEST"}]'


@pytest.mark.parametrize(
    ("value", "in_json", "in_csv"),
    [
        (3.0, "3", "3.000000"),
        (-1.0, "-1", "-1.000000"),
        (2.5, "2.5", "2.500000"),
        (1e300, "1e300", None),
        (math.nan, None, ""),
        (math.inf, None, ""),
    ],
)
def test_decimals(value: float, in_json: str | None, in_csv: str | None) -> None:
    view = View("number", (Column("N", "n", CellType.DECIMAL),))
    assert written(view, [{"n": value}]) == ("[{}]" if in_json is None else f'[{{"N":{in_json}}}]')
    if in_csv is not None:
        assert written(view, [{"n": value}], Format.CSV) == f'"N"\n"{in_csv}"\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (90.0, "90.0"),
        (-1.5, "-1.5"),
        (0.0, "0.0"),
        (1e7, "1.0E7"),
        (1.25e-4, "1.25E-4"),
        (-12345678.5, "-1.23456785E7"),
    ],
)
def test_doubles_outside_json_are_as_java_prints_them(value: float, text: str) -> None:
    view = View("number", (Column("N", "n", CellType.DOUBLE),))
    assert written(view, [{"n": value}], Format.CSV) == f'"N"\n"{text}"\n'


def test_csv_quotes_every_cell_and_doubles_quotes(series_row: Row) -> None:
    text = written(views.SERIES_V4, [series_row, empty_row(views.SERIES_V4)], Format.CSV)
    header, first, second = text.removesuffix("\n").split("\n")
    assert header.startswith('"SeriesInstanceUID","StudyInstanceUID",')
    assert '"He said ""5/8"", & <left>"' in first
    assert '"3.000000"' in first
    assert second == ",".join(['""'] * 29 + ['"1"'])
    parsed = list(csv.reader(io.StringIO(text)))
    assert {len(row) for row in parsed} == {30}


def test_csv_of_value_lists_is_bare() -> None:
    rows = [{"manufacturer": None}, {"manufacturer": 'A "B", C'}]
    assert written(views.MANUFACTURER_VALUES_V1, rows, Format.CSV) == 'Manufacturer\n\nA "B", C\n'
    assert (
        written(views.MANUFACTURER_VALUES_V1, rows, Format.CSV_QUOTED) == '"Manufacturer"\n""\n"A ""B"", C"\n'
    )


def test_a_table_of_one_column_is_quoted_all_the_same() -> None:
    assert written(views.PATIENT_IDS_V1, [{"patient_id": "P"}], Format.CSV) == '"PatientId"\n"P"\n'


def test_xml_is_word_for_word(series_row: Row) -> None:
    row = empty_row(views.SERIES_V1) | {
        name: series_row[name]
        for name in ("series_instance_uid", "series_desc", "series_number", "annotations_flag", "file_size")
    }
    row["date_released"] = series_row["date_released"]
    assert written(views.SERIES_V1, [row], Format.XML) == (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Results><Row>'
        "<SeriesInstanceUID type='java.lang.String'>1.2.3</SeriesInstanceUID>"
        "<SeriesDescription type='java.lang.String'>He said &quot;5&#x2f;8&quot;, &amp; &lt;left&gt;"
        "</SeriesDescription>"
        "<SeriesNumber type='java.math.BigDecimal'>3.000000</SeriesNumber>"
        "<AnnotationsFlag type='java.lang.Boolean'>false</AnnotationsFlag>"
        "<FileSize type='java.lang.Long'>5000000000</FileSize>"
        "<DateReleased type='java.sql.Timestamp'>2024-02-01 00:00:00.0</DateReleased>"
        "</Row></Results>"
    )


@pytest.mark.parametrize("view", [views.SERIES_METADATA, views.SERIES_V4], ids=lambda view: view.name)
def test_xml_is_well_formed_and_means_the_same(view: View, series_row: Row) -> None:
    row = series_row | {"manufacturer_model_name": "a\x01b\ufffe]]>\U0001f600"}
    [element] = ET.fromstring(written(view, [row], Format.XML))
    values = {child.tag: child.text for child in element}
    assert values[xml_name(view.columns[0].name)] == "1.2.3"
    model = next(c.name for c in view.columns if c.source == "manufacturer_model_name")
    assert values[xml_name(model)] == "a\ufffdb\ufffd]]>\U0001f600"


def test_illegal_xml_names_are_mended() -> None:
    assert xml_name("3rd Party Analysis") == "_3rd_Party_Analysis"
    assert xml_name("PixelSpacing(mm)-Row") == "PixelSpacing_mm_-Row"


def test_html_is_word_for_word() -> None:
    rows = [{"file_size": 10, "image_count": None}]
    assert written(views.SERIES_SIZE, rows, Format.HTML) == (
        "<P ALIGN='center'><TABLE BORDER=1><TR><TH>TotalSizeInBytes</TH><TH>ObjectCount</TH></TR>"
        "<TR><TD>10</TD><TD>&nbsp;</TD></TR></TABLE></P>"
    )


def test_html_runs_no_script() -> None:
    text = written(views.MODALITY_VALUES, [{"modality": "<script>alert('x')</script>"}], Format.HTML)
    assert "<script" not in text
    assert "&lt;script&gt;alert&#x28;&#x27;x&#x27;&#x29;&lt;&#x2f;script&gt;" in text


def test_metadata_is_all_text(series_row: Row) -> None:
    row = series_row | {"study_desc": "Größe: 5/8, (left).", "study_id": "SID"}
    [got] = json.loads(written(views.SERIES_METADATA, [row]))
    assert all(isinstance(value, str) for value in got.values())
    assert got["Study Description"] == "Gre 58 left."
    assert got["Manufacturer"] == "ACME  Inc."
    assert got["Number of Images"] == "2"
    assert got["Series Number"] == "3.000000"
    assert got["Study Date"] == "09-06-2006"
    assert got["Series Date"] == "Thu Sep 07 00:00:00 UTC 2006"
    assert got["TimeStamp"] == "Wed Jan 31 12:05:09 UTC 2024"
    assert got["Annotations Flag"] == "false"
    assert got["File Location"] == "SID"


def test_pages_join_into_one_answer(series_row: Row) -> None:
    for fmt in Format:
        pages = [[series_row], [], [series_row, series_row]]
        assert b"".join(encode(views.SERIES_V4, pages, fmt)) == b"".join(
            encode(views.SERIES_V4, [[series_row] * 3], fmt)
        )


def test_encoding_takes_a_page_only_when_it_is_wanted(series_row: Row) -> None:
    taken = []

    def pages() -> Any:
        for number in range(3):
            taken.append(number)
            yield [series_row]

    pieces = encode(views.SERIES_V1, pages())
    next(pieces)
    assert taken == [0]


def test_formats_are_found_in_any_case() -> None:
    assert find_format(None) is find_format("") is find_format("JSON") is Format.JSON
    assert find_format("Csv-Download") is Format.CSV_DOWNLOAD
    with pytest.raises(UnknownFormat):
        find_format("yaml")


def test_media_types() -> None:
    assert media_type(views.SERIES_V1, Format.CSV_DOWNLOAD) == "text/csv"
    assert media_type(views.MODALITY_VALUES, Format.CSV_DOWNLOAD) == "application/force-download"
    assert media_type(views.SERIES_V1, Format.XML) == "application/xml"
    assert attachment_name(Format.CSV_DOWNLOAD) == "SeriesMetaData.csv"
    assert attachment_name(Format.CSV) is None


# Decoding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", [Format.JSON, Format.CSV, Format.CSV_QUOTED, Format.CSV_DOWNLOAD])
def test_v1_and_v4_decode_to_the_same_row(fmt: Format, series_row: Row) -> None:
    for view in (views.SERIES_V1, views.SERIES_V4):
        content = b"".join(encode(view, [[series_row]], fmt))
        [row] = decode(view, content, media_type(view, fmt) + "; charset=utf-8")
        sources = [column.source for column in view.columns if column.source]
        expected = {source: series_row[source] for source in sources}
        if view is views.SERIES_V4:  # its dates have no time of day
            expected["max_submission_timestamp"] = dt.datetime(2024, 1, 31)
        assert row == expected


def test_metadata_decodes_to_the_names_of_series(series_row: Row) -> None:
    [row] = decode(views.SERIES_METADATA, b"".join(encode(views.SERIES_METADATA, [[series_row]])))
    assert row["series_date"] == dt.date(2006, 9, 7)
    assert row["max_submission_timestamp"] == dt.datetime(2024, 1, 31, 12, 5, 9)
    assert row["image_count"] == 2
    assert row["series_number"] == 3.0
    assert row["annotations_flag"] is False
    assert row["patient_id"] == "P1"


@pytest.mark.parametrize(
    "value",
    [
        '"2006-09-07 00:00:00.0"',
        '"09-07-2006"',
        '"2006-09-07"',
        '"Thu Sep 07 00:00:00 CDT 2006"',
        "1157587200000",
    ],
)
def test_dates_in_every_spelling(value: str) -> None:
    [row] = decode(views.SERIES_V4, f'[{{"SeriesDate":{value},"DateReleased":{value}}}]'.encode())
    assert row["series_date"] == dt.date(2006, 9, 7)
    assert row["date_released"] == dt.datetime(2006, 9, 7)


def test_decoding_is_tolerant() -> None:
    content = (
        b'[{},{"Subject ID":5,"PatientName":null,"New Key":[1],"AnnotationsFlag":"","Date Released":""}]'
    )
    first, second = decode(views.SERIES_BRIEF, content)
    assert set(first.values()) == {None}
    assert second["patient_id"] == "5"
    assert second["New Key"] == [1]
    assert second["annotations_flag"] is None
    assert second["date_released"] is None


def test_nothing_decodes_to_no_rows() -> None:
    assert decode(views.SERIES_V4, b"", "") == decode(views.SERIES_V4, b"\n", "application/json") == []


def test_bare_csv_decodes_with_its_empty_lines() -> None:
    rows = decode(views.BODY_PART_VALUES, b'BodyPartExamined\n\nCHEST\nA "B", C\n', "text/csv")
    assert [row["body_part_examined"] for row in rows] == [None, "CHEST", 'A "B", C']


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (b"<html>maintenance</html>", "text/html"),
        (b"<html>maintenance</html>", "application/json"),
        (b'{"a":1}', "application/json"),
        (b"[1]", "application/json"),
        (b'[{"SeriesInstanceUID":"1"', "application/json"),
        (b'[{"ImageCount":"many"}]', "application/json"),
        (b'[{"ImageCount":1.5}]', "application/json"),
        (b'[{"ImageCount":true}]', "application/json"),
        (b'[{"SeriesDate":"yesterday"}]', "application/json"),
        (b'[{"SeriesDate":"13-45-2006"}]', "application/json"),
        (b'[{"SeriesInstanceUID":["1"]}]', "application/json"),
        (b'"A","B"\n"1"\n', "text/csv"),
        (b'"A"\n"\xff"\n', "text/csv"),
    ],
)
def test_what_is_no_table_is_a_bad_answer(content: bytes, media: str) -> None:
    with pytest.raises(BadAnswer):
        decode(views.SERIES_V4, content, media)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)


@given(st.lists(st.tuples(st.one_of(st.none(), texts), st.one_of(st.none(), texts)), min_size=1, max_size=5))
def test_any_text_survives_both_ways(values: list[tuple[str | None, str | None]]) -> None:
    view = views.STUDIES_V1
    rows = [empty_row(view) | {"study_desc": a, "study_id": b} for a, b in values]
    assert decode(view, written(view, rows).encode()) == rows
    # CSV cannot tell an empty text from none.
    as_csv = [row | {key: row[key] or None for key in ("study_desc", "study_id")} for row in rows]
    assert decode(view, written(view, rows, Format.CSV).encode(), "text/csv") == as_csv
    ET.fromstring(written(view, rows, Format.XML))
