"""The names, arguments and defaults that notebooks count on; none missing."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import filmroom
from filmroom import nbia, nbia_v4, utils
from filmroom.dropin.calls import CALLS
from filmroom.wire.operations import find_operation

# Everything that tcia_utils.nbia 3.3.5 has, in the form of its documentation.
SURFACE = """
getCollections(api_url='', format='')
getBodyPart(collection='', modality='', api_url='', format='')
getModality(collection='', bodyPart='', api_url='', format='')
getManufacturer(collection='', modality='', bodyPart='', api_url='', format='')
getPatient(collection='', api_url='', format='')
getPatientByCollectionAndModality(collection, modality, api_url='', format='')
getNewPatientsInCollection(collection, date, api_url='', format='')
getStudy(collection, patientId='', studyUid='', api_url='', format='')
getNewStudiesInPatient(collection, patientId, date, api_url='', format='')
getSeries(collection='', patientId='', studyUid='', seriesUid='', modality='', bodyPart='', manufacturer='', \
manufacturerModel='', api_url='', format='')
getUpdatedSeries(date, api_url='', format='')
getSeriesList(uids, api_url='', csv_filename='')
getSeriesSize(seriesUid, api_url='', format='')
getSopInstanceUids(seriesUid, api_url='', format='')
getSharedCart(name, api_url='', format='')
downloadSeries(series_data, number=0, path='tciaDownload', hash='', api_url='', input_type='', format='', \
csv_filename='', as_zip=False, max_workers=10)
downloadImage(seriesUID, sopUID, path='', api_url='')
getCollectionDescriptions(api_url='', format='', removeHtml=None)
getCollectionPatientCounts(api_url='', format='')
getModalityCounts(collection='', bodyPart='', api_url='', format='')
getBodyPartCounts(collection='', modality='', api_url='', format='')
getManufacturerCounts(collection='', modality='', bodyPart='', api_url='', format='')
getDicomTags(seriesUid, api_url='', format='df')
getSegRefSeries(uid, api_url='')
getDoi(format='')
getDoiMetadata(doi, output='', api_url='', format='')
getSimpleSearch(collections=(), species=(), modalities=(), bodyParts=(), manufacturers=(), fromDate='', \
toDate='', patients=(), minStudies=0, modalityAnded=False, start=0, size=10, sortDirection='ascending', \
sortField='subject', api_url='', format='')
formatSeriesInput(series_data, input_type, api_url)
reportDataSummary(series_data, input_type='', report_type='', api_url='', format='')
reportCollectionSummary(series_data, input_type='', api_url='', format='')
reportDoiSummary(series_data, input_type='', api_url='', format='')
reportSeriesReleaseDate(series_data, chart_width=1024, chart_height=768)
reportSeriesSubmissionDate(series_data, chart_width=1024, chart_height=768)
makeSeriesReport(series_data, input_type='', format='', filename=None, api_url='')
reportDicomTags(series_uids, elements=None, api_url='')
manifestToList(manifest)
idcOhifViewer(data, max_rows=500)
setApiUrl(endpoint, api_url='nbia')
queryData(endpoint, options, api_url, format='json', method='GET', param=None, max_rows=20)
getToken(user='', pw='', api_url='', return_values=False)
refreshToken(api_url='primary', return_values=False)
makeCredentialFile(user='', pw='')
getSeriesMetadata(seriesUid, api_url='', format='')
getSeriesListData(uids, api_url, include_patient_study)
getSimpleSearchWithModalityAndBodyPartPaged(collections=(), species=(), modalities=(), bodyParts=(), \
manufacturers=(), fromDate='', toDate='', patients=(), minStudies=0, modalityAnded=False, start=0, size=10, \
sortDirection='ascending', sortField='subject', api_url='', format='')
makeSharedCart(uids, name=None, description='', description_url='', api_url='', chunk_size=5000)
getAdvancedQCSearch(criteria_values, api_url='', format='', input_type=None)
makeVizLinks(series_data, csv_filename='')
viewSeries(*args, **kwargs)
viewSeriesAnnotation(*args, **kwargs)
viewSeriesAnnotations(*args, **kwargs)
viewSeriesSEG(*args, **kwargs)
viewSeriesRT(*args, **kwargs)
logoutToken(api_url='')
format_disk_space(size_in_bytes)
format_disk_space_binary(size_in_bytes)
searchDf(search_term, dataframe=None, column_name=None)
copy_df_cols(df_to_update, columns_to_copy, source_df, key_column)
remove_html_tags(text)
get_proxy()
create_pie_chart(data, metric_name, labels, width=800, height=600)
""".strip().splitlines()
UTILS = ("searchDf", "copy_df_cols", "format_disk_space", "format_disk_space_binary", "remove_html_tags")


@pytest.mark.parametrize("line", SURFACE, ids=lambda line: line.partition("(")[0])
def test_every_function_has_its_arguments_and_defaults(line: str) -> None:
    name, _, arguments = line.partition("(")
    function = getattr(nbia, name)
    plain = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in plain.parameters.values()]
    assert str(plain.replace(parameters=bare)) == f"({arguments}"
    assert function.__name__ == name
    assert inspect.getdoc(function)
    assert getattr(nbia_v4, name) is function
    assert name in nbia.__all__


def test_the_other_names_are_there() -> None:
    for name in (*UTILS, "set_proxy", "get_proxy"):
        assert callable(getattr(utils, name))
    for name in ("StopExecution", "Criteria", "NPEXSpecies", "api_call_headers", "access_token"):
        assert hasattr(nbia, name)
    assert nbia.NPEXSpecies["mouse"] == 447612001
    assert nbia.token_exp_time is None
    assert nbia.nlst_access_token is None
    assert filmroom.nbia is nbia
    assert filmroom.utils is utils
    assert filmroom.nbia_v4 is nbia_v4


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.function)
def test_the_table_names_operations_and_parameters_that_there_are(call: object) -> None:
    version = "v1" if call.endpoint == "getContentsByName" else "v4"
    operation = find_operation(version, call.endpoint)
    assert operation.method == "GET"
    assert {each.parameter for each in call.arguments} <= set(operation.parameter_names)
    required = {parameter.name for parameter in operation.parameters if parameter.required}
    assert required <= {each.parameter for each in call.arguments if each.required}


def test_the_page_lists_every_function() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "tcia_utils.md"
    listed = set(re.findall(r"^\| `(\w+)\(", page.read_text(), re.MULTILINE))
    assert {line.partition("(")[0] for line in SURFACE} <= listed


def test_what_a_notebook_says_first_is_seen(tmp_path: Path) -> None:
    code = (
        "from filmroom import nbia_v4 as nbia\n"
        "import sys\n"
        "nbia.getCollections(api_url='http://127.0.0.1:1')\n"
        "print(sorted(set(sys.modules) & {'pandas', 'plotly', 'IPython', 'numpy'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "[]\n"
    assert "nbia_v4 is deprecated" in done.stderr
    assert "No answer from http://127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("api_url", "base"),
    [
        ("", "https://nbia.cancerimagingarchive.net"),
        ("nbia", "https://nbia.cancerimagingarchive.net"),
        ("restricted", "https://nbia.cancerimagingarchive.net"),
        ("nlst", "https://nlst.cancerimagingarchive.net"),
        ("https://pacs.example.org/nbia-api", "https://pacs.example.org"),
    ],
)
def test_every_api_url_of_any_release_is_taken(
    api_url: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FILMROOM_SERVER", raising=False)
    assert nbia.setApiUrl("getSeries", api_url) == f"{base}/nbia-api/services/v4/"
    assert nbia.setApiUrl("getContentsByName", api_url) == f"{base}/nbia-api/services/v1/"


def test_another_api_url_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="api_url"):
        nbia.getSeries(api_url="elsewhere")
    monkeypatch.setenv("FILMROOM_SERVER", "http://127.0.0.1:8080")
    for api_url in ("", "nbia", "nlst", "restricted"):
        assert nbia.setApiUrl("x", api_url) == "http://127.0.0.1:8080/nbia-api/services/v4/"
