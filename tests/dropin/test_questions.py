"""The functions that ask: every one over a real server, in every format, with and without an answer."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from filmroom import nbia, utils
from filmroom.dropin.calls import CALLS
from filmroom.dropin.series_table import COLUMNS
from filmroom.wire.operations import find_operation

NOW, LATER = "2000/01/01", "2200/01/01"

# Arguments that find something, and arguments that find nothing (None: there always is something).
ASKED: dict[str, tuple[Callable[[Any], tuple[Any, ...]], Callable[[Any], tuple[Any, ...]] | None]] = {
    "getCollections": (lambda _: (), None),
    "getBodyPart": (lambda _: ("Open", "CT"), lambda _: ("Open", "MR")),
    "getModality": (lambda _: ("Open", "CHEST"), lambda _: ("Closed",)),
    "getManufacturer": (lambda _: ("Open", "CT", "CHEST"), lambda _: ("Closed",)),
    "getPatient": (lambda _: ("Open",), lambda _: ("Closed",)),
    "getPatientByCollectionAndModality": (lambda _: ("Open", "CT"), lambda _: ("Open", "MR")),
    "getNewPatientsInCollection": (lambda _: ("Open", NOW), lambda _: ("Open", LATER)),
    "getStudy": (lambda d: ("Open", "PHANTOM-001", d.study), lambda _: ("Open", "nobody")),
    "getNewStudiesInPatient": (
        lambda _: ("Open", "PHANTOM-001", NOW),
        lambda _: ("Open", "PHANTOM-001", LATER),
    ),
    "getSeries": (
        lambda d: ("Open", "PHANTOM-001", d.study, d.ct, "CT", "CHEST", "Filmroom", "Phantom"),
        lambda d: ("", "", "", d.mr),
    ),
    "getUpdatedSeries": (lambda _: (NOW,), lambda _: (LATER,)),
    "getSeriesSize": (lambda d: (d.ct,), lambda d: (d.mr,)),
    "getSopInstanceUids": (lambda d: (d.ct,), lambda d: (d.mr,)),
    "getSharedCart": (lambda _: ("my cart",), lambda _: ("no such cart",)),
    "getCollectionPatientCounts": (lambda _: (), None),
    "getModalityCounts": (lambda _: ("Open", "CHEST"), lambda _: ("Closed",)),
    "getBodyPartCounts": (lambda _: ("Open", "CT"), lambda _: ("Closed",)),
    "getManufacturerCounts": (lambda _: ("Open", "CT", "CHEST"), lambda _: ("Closed",)),
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.function)
def test_every_plain_function_in_every_format(call: Any, turned: Any, here: Path) -> None:
    function = getattr(nbia, call.function)
    some, none = ASKED[call.function]
    rows = function(*some(turned))
    assert rows
    assert rows == function(**dict(zip((a.name for a in call.arguments), some(turned), strict=False)))
    version = "v1" if call.endpoint == "getContentsByName" else "v4"
    view = find_operation(version, call.endpoint).view
    assert view is not None
    assert set(rows[0]) <= {column.name for column in view.columns}
    frame = function(*some(turned), format="df")
    assert frame.equals(pd.DataFrame(rows).rename(columns={"Series UID": "SeriesInstanceUID"}))
    assert function(*some(turned), format="csv").equals(frame)
    (written,) = here.iterdir()
    assert re.fullmatch(rf"{call.endpoint}_\d{{4}}-\d\d-\d\d_\d\d-\d\d\.csv", written.name)
    assert list(pd.read_csv(written).columns) == list(frame.columns)
    shown = function(*some(turned), format="html")
    assert shown.data == shown._repr_html_()
    assert shown.data.count("<tr>") == 1 + min(len(rows), 20)
    assert function(*some(turned), format="surprise") == rows
    if none is not None:
        assert function(*none(turned)) in (None, [])


def test_nobody_there_is_logged_and_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    assert nbia.getCollections(api_url="http://127.0.0.1:1") is None
    assert nbia.getSeriesList(["1.2"], api_url="http://127.0.0.1:1") is None
    assert nbia.getSimpleSearch(api_url="http://127.0.0.1:1") is None
    assert nbia.downloadSeries(["1.2"], input_type="list", api_url="http://127.0.0.1:1") is None
    assert caplog.text.count("No answer from http://127.0.0.1:1") == 4


def test_a_program_may_move_the_client_elsewhere(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMROOM_SERVER", "http://127.0.0.1:1")
    monkeypatch.setattr(nbia, "setApiUrl", lambda *_: f"{demo.url}/nbia-api/services/v1/")
    assert [row["Collection"] for row in nbia.getCollections()] == ["Open"]
    monkeypatch.undo()
    assert [row["Collection"] for row in nbia.getCollections(api_url=demo.url)] == ["Open"]


def test_metadata_of_many_series(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = nbia.getSeriesList([*turned.public, turned.mr], csv_filename="many")
    assert set(frame["SeriesInstanceUID"]) == set(turned.public)
    assert {"PatientID", "ImageCount", "FileSize", "LicenseName", "DataDescriptionURI"} <= set(frame)
    assert list(pd.read_csv(here / "many.csv").columns) == list(frame.columns)
    assert nbia.getSeriesList([turned.mr]) is None
    assert "tells nothing of these series" in caplog.text


def test_a_part_that_fails_is_not_left_out(turned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The second part is more than the server takes: what it refuses must not look like "not there".
    monkeypatch.setattr("filmroom.client.holdings.AT_ONCE", 1)
    assert len(nbia.getSeriesList(turned.public)) == 2
    huge = "1." * 6_000_000 + "1"
    assert nbia.getSeriesList([turned.ct, huge]) is None


def test_simple_search(turned: Any, here: Path) -> None:
    found = nbia.getSimpleSearch(
        collections=["Open"], species=[], modalities=["CT", "SEG"], bodyParts=["CHEST"], modalityAnded=True
    )
    assert [row["subjectId"] for row in found["resultSet"]] == ["PHANTOM-001"]
    assert nbia.getSimpleSearch(modalities=["CT", "MR"], modalityAnded=True)["resultSet"] == []
    assert nbia.getSimpleSearch(patients=["PHANTOM-001"], minStudies=1)["resultSet"] == []
    assert nbia.getSimpleSearch(species=["dog"])["resultSet"] == []
    assert set(nbia.getSimpleSearch(manufacturers=["FILMROOM"], format="uids")) == set(turned.public)
    assert nbia.getSimpleSearch(collections=["Closed"], format="uids") == []
    assert nbia.getSimpleSearch(format="manifest") is None
    (written,) = here.iterdir()
    assert re.fullmatch(r"manifest-\d{4}-\d\d-\d\d_\d\d-\d\d\.tcia", written.name)
    assert set(nbia.manifestToList(written)) == set(turned.public)
    text = nbia.getSimpleSearch(format="manifest_text")
    assert text.splitlines()[4:] == written.read_text().splitlines()[4:]
    old = nbia.getSimpleSearchWithModalityAndBodyPartPaged(collections=["Open"])
    assert old == nbia.getSimpleSearch(collections=["Open"])


def test_dates_of_a_search_are_heeded(turned: Any) -> None:
    # The server does not know the name that tcia_utils sends.
    today = dt.datetime.now(dt.UTC).strftime("%Y/%m/%d")
    assert len(nbia.getSimpleSearch(fromDate="2000/01/01", format="uids")) == 2
    assert nbia.getSimpleSearch(toDate="2000/01/01", format="uids") == []
    assert nbia.getSimpleSearch(fromDate="2100/01/01", toDate="2100/01/02", format="uids") == []
    assert nbia.getSimpleSearch(fromDate="2000/01/01", toDate=today)["totalPatients"] == 1
    with pytest.raises(nbia.StopExecution):
        nbia.getSimpleSearch(fromDate="01/02/2003")
    with pytest.raises(ValueError, match="not yyyy/MM/dd"):
        nbia.getUpdatedSeries("01/02/2003")


def test_dicom_tags(turned: Any) -> None:
    frame = nbia.getDicomTags(turned.seg)
    assert list(frame.columns) == ["element", "name", "data"]
    assert len(nbia.getDicomTags(turned.seg, format="json")) == len(frame)
    assert nbia.getDicomTags(turned.mr) is None
    assert nbia.getSegRefSeries(turned.seg) == turned.ct
    assert nbia.getSegRefSeries(turned.ct) == "N/A"
    assert nbia.getSegRefSeries(turned.mr) == "N/A"
    two = nbia.reportDicomTags([turned.ct, turned.mr, turned.seg], ["(0008,0060)"], api_url=turned.url)
    assert list(two.columns) == ["Series Instance UID (0020,000E)", "Modality (0008,0060)"]
    assert list(two["Modality (0008,0060)"]) == ["CT", "SEG"]
    assert "Patient's Name (0010,0010)" in nbia.reportDicomTags([turned.ct])
    assert nbia.reportDicomTags([turned.mr]) is None


def test_of_dois_and_descriptions(turned: Any) -> None:
    doi = nbia.getSeries()[0]["DataDescriptionURI"]
    assert [row["collection"] for row in nbia.getDoiMetadata(doi)] == ["Open"]
    assert len(nbia.getDoiMetadata(doi, output="series", format="df")) == 2
    assert list(nbia.getCollectionDescriptions(format="df", removeHtml="yes")["collectionName"]) == ["Open"]


def test_series_from_anywhere_become_one_table(turned: Any, here: Path) -> None:
    series = nbia.getSeries()
    frame = nbia.getSeries(format="df")
    before = frame.copy(deep=True)
    manifest = here / "five.tcia"
    manifest.write_text("\n".join(["downloadServerUrl=x", "a=b", "ListOfSeriesToDownload=", *turned.public]))
    for data, kind in ((series, ""), (frame, "df"), (turned.public, "list"), (manifest, "manifest")):
        tidy = nbia.formatSeriesInput(data, kind, "")
        assert set(COLUMNS) <= set(tidy.columns)
        assert set(tidy["SeriesInstanceUID"]) == set(turned.public)
        assert set(tidy["Collection"]) == {"Open"}
        assert set(tidy["DataDescriptionURI"]) == {"https://doi.org/10.7937/phantom"}
        assert tidy["DateReleased"].dt.date.nunique() == 1
        assert tidy["ImageCount"].sum() == 25
    pd.testing.assert_frame_equal(frame, before)
    for nothing in (None, [], nbia.getSeries("Closed")):
        with pytest.raises(nbia.StopExecution):
            nbia.formatSeriesInput(nothing, "", "")


def test_manifests_of_every_header(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    for lines in range(7):
        head = ["downloadServerUrl=x", *(f"k{n}=v" for n in range(lines)), "ListOfSeriesToDownload="]
        (here / "m.tcia").write_text("\n".join([*head, "1.2.3", "", "1.2.4", ""]))
        assert nbia.manifestToList("m.tcia") == ["1.2.3", "1.2.4"]
    (here / "m.tcia").write_text("<html>down</html>")
    assert nbia.manifestToList("m.tcia") is None
    assert "not a Series Instance UID" in caplog.text
    with pytest.raises(FileNotFoundError):
        nbia.manifestToList("none.tcia")


def test_reports(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    series = nbia.getSeries()
    report = nbia.reportCollectionSummary(series, format="csv")
    assert ",".join(report.columns) == (
        "Collection,DOIs,Licenses,Subjects,Studies,Series,Images,File Size,Disk Space,Body Parts,Modalities,"
        "Manufacturers,Min DateReleased,Max DateReleased,UniqueDateReleased"
    )
    (row,) = report.to_dict("records")
    size = sum(len(data) for uid in turned.public for data in turned.files[uid])
    assert (row["Subjects"], row["Series"], row["Images"], row["File Size"]) == (1, 2, 25, size)
    assert (row["Modalities"], row["Disk Space"]) == ("CT, SEG", utils.format_disk_space(size))
    (written,) = here.glob("tcia_collection_report_*.csv")
    assert len(pd.read_csv(written)) == 1
    series.append({**series[0], "SeriesInstanceUID": "1.2.3", "DataDescriptionURI": None})
    by_doi = nbia.reportDoiSummary(series)
    assert list(by_doi.columns[:3]) == ["Identifier", "DataDescriptionURI", "Collections"]
    assert list(by_doi["Series"]) == [1, 2]
    assert by_doi["DataDescriptionURI"][0] == "Not Specified"
    told = nbia.makeSeriesReport(turned.public, input_type="list", format="var")
    assert " ".join(told) == "subjects studies series images collections modalities body_parts manufacturers"
    assert told["modalities"].to_dict() == {"CT": 1, "SEG": 1}
    assert nbia.makeSeriesReport(series, format="file") is None
    (text,) = here.glob("seriesReport-*.txt")
    assert "Series: 3\n" in text.read_text()
    assert nbia.makeSeriesReport(series) is None
    assert "Summary Statistics\nSubjects: 1" in caplog.text


def test_charts(turned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import plotly.io as plotly_io

    figures: list[Any] = []
    monkeypatch.setattr(plotly_io, "show", lambda figure, *_, **__: figures.append(figure))
    series = nbia.getSeries()
    nbia.reportCollectionSummary(series, format="chart")
    assert len(figures) == 5
    nbia.reportSeriesReleaseDate(series, chart_width=300)
    nbia.reportSeriesSubmissionDate([{**row, "TimeStamp": "2024-01-02"} for row in series])
    assert [list(figure.data[0].y) for figure in figures[5:]] == [[2], [2]]
    assert figures[5].layout.width == 300


def test_what_comes_from_a_file_does_not_get_into_html() -> None:
    evil = {"StudyInstanceUID": '1.2" onclick="x', "SeriesInstanceUID": "1.2.3", "Text": "<script>x</script>"}
    for shown in (nbia.idcOhifViewer([evil]), nbia.idcOhifViewer(pd.DataFrame([evil]))):
        assert "<script>" not in shown.data
        assert "<a " not in shown.data
        assert 'onclick="' not in shown.data
    good = nbia.idcOhifViewer([{"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"}] * 3, max_rows=2)
    assert good.data.count("?StudyInstanceUIDs=1.2&amp;SeriesInstanceUIDs=1.2.3") == 2
    assert nbia.idcOhifViewer([]) is None
    assert nbia.idcOhifViewer("series") is None


def test_tools() -> None:
    frame = pd.DataFrame({"k": [1, 2, 3], "a": ["Lung", "liver", None]})
    assert list(utils.searchDf("LUNG", frame)["k"]) == [1]
    assert list(utils.searchDf(["lung", "liv"], frame, "a")["k"]) == [1, 2]
    assert utils.searchDf("x", frame, "none") is None
    assert utils.searchDf("x") is None
    other = pd.DataFrame({"k": [1, 2], "a": ["new", None], "b": [7, 8]})
    before = frame.copy(deep=True)
    filled = utils.copy_df_cols(frame, ["a", "b", "c"], other, "k")
    assert list(filled["a"])[:2] == ["new", "liver"]
    assert list(filled["b"])[:2] == [7, 8]
    assert filled["c"].isna().all()
    pd.testing.assert_frame_equal(frame, before)
    assert utils.format_disk_space(12_345_678) == "12.35 MB"
    assert utils.format_disk_space(999) == "999.00 B"
    assert utils.format_disk_space_binary(12_345_678) == "11.77 MiB"
    assert utils.remove_html_tags("<p>a &amp; b \N{EN DASH} caf\xe9</p>") == "a & b - cafe"


def test_through_a_proxy(demo: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    # A server that is asked as a proxy answers for its own paths: the request went through it.
    utils.set_proxy({"http": demo.url.replace("http://", "http://user:secret@")})
    try:
        assert utils.get_proxy() is not None
        rows = nbia.getCollections(api_url="http://archive.invalid")
        assert [row["Collection"] for row in rows] == ["Open"]
    finally:
        utils.set_proxy(None)
    assert "secret" not in caplog.text
