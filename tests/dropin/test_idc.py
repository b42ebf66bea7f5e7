"""The questions of tcia_utils.idc, asked of the index of Imaging Data Commons that is installed."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import filmroom
from filmroom import idc
from filmroom.client.sources.idc_index import table

# Everything that tcia_utils.idc 3.3.5 has; lists by default are tuples here.
_FILTERS = (
    "doi='', age='', sex='', studyDesc='', license='', modality='', bodyPart='', manufacturer='', "
    "seriesDesc='', format='')"
)
SURFACE = f"""
getCollections(analysisResult='', {_FILTERS}
getAnalysisResults(collection='', {_FILTERS}
getBodyPart(collection='', modality='', format='')
getBodyPartCounts(collection='', modality='', format='')
getModality(collection='', bodyPart='', format='')
getModalityCounts(collection='', bodyPart='', format='')
getManufacturer(collection='', modality='', bodyPart='', format='')
getManufacturerCounts(collection='', modality='', bodyPart='', format='')
getPatient(collection='', format='')
getPatientByCollectionAndModality(collection, modality, format='')
getStudy(collection, patientId='', studyUid='', format='')
getSeries(collection='', patientId='', studyUid='', seriesUid='', modality='', bodyPart='', manufacturer='', \
manufacturerModel='', format='')
getSeriesList(uids, format='df')
getSopInstanceUids(seriesUid, format='')
downloadSeries(series_data, number=0, path='tciaDownload', input_type='', format='', template='flat', \
use_sync=True, max_workers=10)
downloadImage(seriesUID, sopUID, path='idcDownload')
getDicomTags(seriesUid, format='df')
getSegRefSeries(uid)
idcOhifViewer(data, max_rows=500)
getCollectionDescriptions(format='')
reportDataSummary(series_data, input_type='', report_type='', format='')
reportCollectionSummary(series_data, input_type='', format='')
reportDoiSummary(series_data, input_type='', format='')
getSimpleSearch(collections=(), species=(), modalities=(), bodyParts=(), manufacturers=(), fromDate='', \
toDate='', releasedAfter='', releasedBefore='', patients=(), minStudies=0, modalityAnded=False, start=0, \
size=10, sortDirection='ascending', sortField='subject', format='')
reportSeriesReleaseDate(series_data, input_type='', chart_width=1024, chart_height=768)
getNewPatientsInCollection(collection, date, format='')
getNewStudiesInPatient(collection, patientId, date, format='')
getUpdatedSeries(date, format='')
setApiUrl(*args, **kwargs)
getSeriesSize(*args, **kwargs)
getSharedCart(*args, **kwargs)
makeSeriesReport(*args, **kwargs)
reportSeriesSubmissionDate(*args, **kwargs)
getDoiMetadata(*args, **kwargs)
getCollectionPatientCounts(*args, **kwargs)
reportDicomTags(*args, **kwargs)
format_output(df, format='json', max_rows=20)
get_client()
format_disk_space(size_in_bytes)
format_disk_space_binary(size_in_bytes)
get_proxy()
""".strip().splitlines()
UNSUPPORTED = [line.partition("(")[0] for line in SURFACE if line.endswith("(*args, **kwargs)")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("line", SURFACE, ids=lambda line: line.partition("(")[0])
def test_every_function_has_its_arguments_and_defaults(line: str) -> None:
    name, _, arguments = line.partition("(")
    function = getattr(idc, name)
    plain = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in plain.parameters.values()]
    assert str(plain.replace(parameters=bare)) == f"({arguments}"
    assert function.__name__ == name
    assert inspect.getdoc(function)
    assert name in idc.__all__


def test_the_page_lists_every_function() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "tcia_utils.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)\(", page.partition("## filmroom.idc")[2], re.MULTILINE))
    assert {line.partition("(")[0] for line in SURFACE} <= listed
    assert filmroom.idc is idc


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_warns(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert getattr(idc, name)("1.2.3", format="df") is None
    assert [each.category for each in caught] == [UserWarning]
    assert f"{name} is not supported in the IDC module" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_importing_is_light() -> None:
    code = (
        "import sys; from filmroom import idc\n"
        "print(sorted(set(sys.modules) & {'pandas', 'polars', 'numpy', 'idc_index_data', 'plotly'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_values() -> None:
    every = table().select("collection_id").unique().collect()["collection_id"].to_list()
    assert [row["Collection"] for row in idc.getCollections()] == sorted(every)
    with_pet = [row["Collection"] for row in idc.getCollections(modality="pt", sex="f", license="CC BY 3%")]
    assert "tcga_luad" in with_pet and set(with_pet) < set(every)
    assert {"AnalysisResult": "bamf_aimi_annotations"} in idc.getAnalysisResults(collection="TCGA_LUAD")
    assert all(row["AnalysisResult"] for row in idc.getAnalysisResults())
    assert {"BodyPartExamined": "CHEST"} in idc.getBodyPart("tcga_luad", "CT")
    assert {"Modality": "CT"} in idc.getModality("tcga_luad", bodyPart="chest")
    makers = idc.getManufacturer("tcga_luad", "CT")
    assert {"Manufacturer", "ManufacturerModelName"} == set(makers[0])


@pytest.mark.parametrize(
    ("function", "column"),
    [
        (idc.getBodyPartCounts, "BodyPartExamined"),
        (idc.getModalityCounts, "Modality"),
        (idc.getManufacturerCounts, "Manufacturer"),
    ],
)
def test_counts_are_of_series(function: Any, column: str) -> None:
    rows = function(collection="tcga_luad")
    expected = table().filter(pl.col("collection_id") == "tcga_luad").collect()[column].to_list()
    assert {row[column]: row["Count"] for row in rows} == {
        each: expected.count(each) for each in set(expected)
    }


def test_patients_studies_series() -> None:
    patients = idc.getPatient("tcga_luad")
    assert set(patients[0]) == {"Collection", "PatientID", "PatientSex", "PatientAge"}
    with_pet = idc.getPatientByCollectionAndModality("tcga_luad", "PT")
    assert {row["PatientID"] for row in with_pet} < {row["PatientID"] for row in patients}
    patient = with_pet[0]["PatientID"]
    studies = idc.getStudy("tcga_luad", patientId=patient)
    assert {row["PatientID"] for row in studies} == {patient}
    series = idc.getSeries("tcga_luad", patientId=patient, modality="PT")
    assert {row["StudyInstanceUID"] for row in series} <= {row["StudyInstanceUID"] for row in studies}
    (one,) = idc.getSeries(seriesUid=series[0]["SeriesInstanceUID"])
    assert one["ImageCount"] > 0 and one["FileSizeMiB"] > 0 and one["LicenseName"]
    frame = idc.getSeriesList([one["SeriesInstanceUID"], "1.2.3"])
    assert frame["SeriesInstanceUID"].tolist() == [one["SeriesInstanceUID"]]
    assert len(idc.getSeries("tcga_luad", studyUid=one["StudyInstanceUID"], manufacturer="%")) >= 1
    assert idc.getSeries(collection="no such") == []


def test_patterns_are_not_expressions() -> None:
    assert idc.getSeries(seriesUid=".*") == []
    assert idc.getCollections(seriesDesc="(") == []
    assert idc.getModality("tcga_lua_") == idc.getModality("tcga_luad") != []


def test_days() -> None:
    first = idc.getNewPatientsInCollection("tcga_luad", "1900/01/01")
    assert len(first) == len(idc.getPatient("tcga_luad"))
    assert idc.getNewPatientsInCollection("tcga_luad", "2999/01/01") == []
    patient = first[0]["PatientID"]
    assert idc.getNewStudiesInPatient("tcga_luad", patient, "1900/01/01") == idc.getStudy(
        "tcga_luad", patient
    )
    assert idc.getUpdatedSeries("2999/01/01") == []
    versions = table("version_metadata_index").sort("version_timestamp").collect()
    last = versions["version_timestamp"].to_list()[-1]
    updated = idc.getUpdatedSeries(last.replace("-", "/"))
    number = versions["idc_version"].to_list()[-1]
    assert {number} == {
        max(row["series_init_idc_version"], row["series_revised_idc_version"]) for row in updated
    }


def test_a_wrong_day_is_refused() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        idc.getUpdatedSeries("yesterday")


def test_search() -> None:
    every = {"collections": ["tcga_luad"], "modalities": ["CT", "PT"]}
    uids = idc.getSimpleSearch(**every, format="uids")
    expected = table().filter(
        pl.col("collection_id").eq("tcga_luad") & pl.col("Modality").is_in(["CT", "PT"])
    )
    assert sorted(uids) == sorted(expected.collect()["SeriesInstanceUID"].to_list())
    both = idc.getSimpleSearch(**every, modalityAnded=True, format="uids")
    patients = {row["PatientID"] for row in idc.getPatientByCollectionAndModality("tcga_luad", "PT")}
    rows = idc.getSimpleSearch(**every, modalityAnded=True, size=1000)
    assert sorted(row["SeriesInstanceUID"] for row in rows) == sorted(both)
    assert {row["PatientID"] for row in rows} <= patients
    page = idc.getSimpleSearch(**every, start=5, size=3, sortField="series", sortDirection="descending")
    assert [row["SeriesInstanceUID"] for row in page] == sorted(uids, reverse=True)[5:8]
    assert idc.getSimpleSearch(**every, format="manifest_text").splitlines() == uids
    assert idc.getSimpleSearch(**every, species=["mouse"]) == []
    assert idc.getSimpleSearch(**every, species=["human"], format="uids") == uids
    assert idc.getSimpleSearch(**every, fromDate="2999/01/01") == []
    assert idc.getSimpleSearch(**every, toDate="2999/01/01", releasedBefore="2000/01/01") == []
    assert idc.getSimpleSearch(**every, releasedAfter="2000/01/01", format="uids") == uids
    many = idc.getSimpleSearch(**every, minStudies=2, patients=sorted(patients), size=1000)
    assert 0 < len({row["PatientID"] for row in many}) < len(patients) + 1
    assert idc.getSimpleSearch(bodyParts=["CHEST"], manufacturers=["SIEMENS"], size=1)
    assert idc.getSimpleSearch(size=-1) is None


def test_files_and_formats(tmp_path: Path) -> None:
    frame = idc.getSimpleSearch(collections=["tcga_luad"], modalities=["PT"], format="manifest")
    (manifest,) = tmp_path.glob("manifest-*.csv")
    assert re.fullmatch(r"manifest-\d{4}-\d\d-\d\d_\d\d-\d\d\.csv", manifest.name)
    assert len(manifest.read_text().splitlines()) == len(frame) + 1
    rows = idc.getModality("tcga_luad", format="csv")
    (query,) = tmp_path.glob("idc_query_*.csv")
    assert query.read_text().splitlines()[0] == "Modality" == ",".join(rows.columns)
    page = idc.getSeries("tcga_luad", modality="PT", format="html")
    assert page.data.count("<tr>") == 21 and "viewer.imaging" in page.data
    assert idc.getSeries("none", format="df").empty
    assert "Collection" in idc.getCollectionDescriptions(format="df").columns
    renamed = idc.format_output(table().head(1).collect().to_pandas(), "df")
    assert {"Collection", "ImageCount", "FileSizeMiB"} <= set(renamed.columns)


def test_reports(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    series = idc.getSeries("tcga_luad", modality="PT", format="df")
    before = series.copy()
    by_collection = idc.reportCollectionSummary(series, input_type="df", format="csv")
    assert series.equals(before)
    assert (tmp_path / "idc_collection_report.csv").is_file()
    (row,) = by_collection.to_dict("records")
    assert row["Collection"] == "tcga_luad" and row["Series"] == len(series)
    assert row["Images"] == series["ImageCount"].sum() and row["Modality"] == ["PT"]
    assert row["File Size MiB"] == round(series["FileSizeMiB"].sum(), 2)
    (by_doi,) = idc.reportDoiSummary(series["SeriesInstanceUID"].tolist(), "list").to_dict("records")
    assert by_doi["Collections"] == ["tcga_luad"] and by_doi["DataDescriptionURI"].startswith("10.7937/")
    assert idc.reportDataSummary([], "list") is None
    assert "no series" in caplog.text


def test_the_chart_of_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    import plotly.graph_objects

    shown: list[Any] = []

    def show(figure: Any) -> None:
        shown.append(figure)

    monkeypatch.setattr(plotly.graph_objects.Figure, "show", show)
    idc.reportSeriesReleaseDate(idc.getSeries("tcga_luad", modality="PT"))
    (figure,) = shown
    assert max(max(trace.y) for trace in figure.data) == len(idc.getSeries("tcga_luad", modality="PT"))


def test_without_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    from filmroom.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "idc_index_data", None)
    with pytest.raises(MissingExtra, match="idc"):
        idc.getCollections()
