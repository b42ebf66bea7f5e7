"""Records as tables of other libraries, as files, and in a notebook."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from filmroom import errors
from filmroom.client import Records
from filmroom.model.entities import Patient, Series
from filmroom.model.search import FoundPatient, FoundStudy

ROWS = [
    {
        "series_instance_uid": "1.2",
        "modality": "CT",
        "series_date": dt.date(2020, 1, 31),
        "date_released": dt.datetime(2021, 2, 3, 4, 5, 6),
        "image_count": 3,
        "series_number": 2.0,
        "annotations_flag": True,
        "New": 1,
        "Mixed": "x",
        "Deep": {"a": [1]},
        "Huge": 2**70,
    },
    {"series_instance_uid": "1.3", "series_desc": 'a "b",\nc', "New": 2.5, "Mixed": 7},
]
SERIES = Records.of_rows(Series, ROWS)
FOUND = Records(
    FoundPatient,
    [
        FoundPatient(
            7,
            "P1",
            "C",
            "337915000",
            ("CT", "MR"),
            (),
            {"DIAGNOSIS": (0, 9)},
            1,
            2,
            (FoundStudy(5, (11,), ()),),
        )
    ],
)


def test_pandas() -> None:
    frame = SERIES.to_pandas()
    assert list(frame.columns) == [*SERIES.columns, "New", "Mixed", "Deep", "Huge"]
    assert list(frame["New"]) == [1, 2.5]
    assert list(Records(Series, []).to_pandas().columns) == list(SERIES.columns)


def test_polars() -> None:
    import polars as pl

    frame = SERIES.to_polars()
    row = frame.row(0, named=True)
    assert (row["series_date"], row["date_released"]) == (ROWS[0]["series_date"], ROWS[0]["date_released"])
    assert (row["New"], row["Mixed"], row["Deep"], row["Huge"]) == (1.0, "x", '{"a":[1]}', str(2**70))
    assert frame.row(1, named=True)["Mixed"] == "7"
    empty = Records(Series, []).to_polars()
    assert empty.schema == {name: frame.schema[name] for name in SERIES.columns}
    assert (empty.schema["image_count"], empty.schema["file_size"]) == (pl.Int64, pl.Int64)


def test_arrow() -> None:
    import pyarrow as pa

    table = SERIES.to_arrow()
    assert table.column_names == list(SERIES.to_pandas().columns)
    assert table.schema.field("date_released").type == pa.timestamp("us")
    assert table.column("series_date").to_pylist() == [dt.date(2020, 1, 31), None]
    assert Records(Series, []).to_arrow().schema.field("file_size").type == pa.int64()


def test_what_has_parts() -> None:
    (row,) = FOUND.to_dicts()
    assert row["modalities"] == ["CT", "MR"]
    assert row["studies"] == [{"id": 5, "series": (11,), "modalities": ()}]
    assert FOUND.to_arrow().column("time_points").to_pylist() == ['{"DIAGNOSIS":[0,9]}']
    assert FOUND.to_polars()["modalities"].to_list() == ['["CT","MR"]']


def test_files(tmp_path: Path) -> None:
    SERIES.to_json(tmp_path / "a.json")
    told = json.loads((tmp_path / "a.json").read_text())
    assert (told[0]["series_date"], told[0]["Deep"], told[1]["series_desc"]) == (
        "2020-01-31",
        {"a": [1]},
        'a "b",\nc',
    )
    SERIES.to_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["Deep"], rows[0]["date_released"], rows[1]["series_desc"], rows[1]["Deep"]) == (
        '{"a":[1]}',
        "2021-02-03T04:05:06",
        'a "b",\nc',
        "",
    )
    SERIES.to_parquet(tmp_path / "a.parquet")
    import pyarrow.parquet as pq

    assert pq.read_table(tmp_path / "a.parquet").equals(SERIES.to_arrow())
    Records(Series, []).to_json(tmp_path / "a.json")
    Records(Series, []).to_csv(tmp_path / "a.csv")
    assert json.loads((tmp_path / "a.json").read_text()) == []
    assert (tmp_path / "a.csv").read_text().strip() == ",".join(SERIES.columns)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.parquet"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "no" / "a.csv", tmp_path / "taken"):
        with pytest.raises(errors.StoreError):
            SERIES.to_csv(path)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("method", "module", "extra"),
    [
        ("to_pandas", "pandas", "dataframe"),
        ("to_polars", "polars", "polars"),
        ("to_arrow", "pyarrow", "arrow"),
    ],
)
def test_what_is_not_installed(method: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(errors.MissingExtra) as caught:
        getattr(SERIES, method)()
    assert f"filmroom[{extra}]" in caught.value.advice


def test_slices_keep_what_the_server_sent_beyond() -> None:
    tail = SERIES[1:]
    assert (len(tail), tail[0].series_instance_uid, tail.to_dicts()[0]["New"]) == (1, "1.3", 2.5)
    assert SERIES[::-1].extras[1]["New"] == 1
    assert SERIES[5:].extras == {}


def test_a_notebook_shows_what_there_is() -> None:
    records: Records[Any] = Records.of_rows(
        Patient, [{"patient_id": "<script>alert(1)</script>", "<b>": "<i>"}] * 3000
    )
    text = records._repr_html_()
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text
    assert "3,000 Patient records, of which the first 20 are shown" in text
    assert text.count("<tr>") == 21
    assert "patient_sex" not in text  # empty throughout
    assert repr(records) == "<3000 Patient records>"
