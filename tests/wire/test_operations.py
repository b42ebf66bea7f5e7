"""Requests to questions and questions to requests."""

import datetime as dt
from typing import Any

import pytest

from filmroom.errors import InvalidInput
from filmroom.model import queries as q
from filmroom.wire.dates import parse_dmy_lenient
from filmroom.wire.operations import OPERATIONS, build_query, encode_params, find_operation, read_parameters

SERIES_PARAMETERS = (
    "Collection format PatientID StudyInstanceUID Modality BodyPartExamined ManufacturerModelName "
    "Manufacturer SeriesInstanceUID"
)
# name: (parameters of v1, parameters of v4); a star marks the required ones. From the API guides.
PARAMETERS: dict[str, tuple[str, str]] = {
    "getCollectionValues": ("format", "format"),
    "getModalityValues": ("Collection format BodyPartExamined",) * 2,
    "getBodyPartValues": ("Collection format Modality",) * 2,
    "getManufacturerValues": ("Collection format Modality BodyPartExamined",) * 2,
    "getPatient": ("Collection format PatientId",) * 2,
    "getPatientByCollectionAndModality": ("Collection* Modality* format",) * 2,
    "NewPatientsInCollection": ("Collection* Date* format", "Collection* fromDate* format"),
    "getPatientStudy": ("Collection PatientID StudyInstanceUID format",) * 2,
    "NewStudiesInPatientCollection": (
        "Collection* PatientID Date* format",
        "Collection* PatientID fromDate* format",
    ),
    "getSeries": (SERIES_PARAMETERS, SERIES_PARAMETERS),
    "getUpdatedSeries": ("fromDate format", "fromDate format"),
    "getSeriesSize": ("SeriesInstanceUID* format",) * 2,
    "getSOPInstanceUIDs": ("SeriesInstanceUID* format",) * 2,
    "getImage": ("SeriesInstanceUID* NewFileNames", "SeriesInstanceUID* NewFileNames IncludeMD5"),
    "getImageWithMD5Hash": ("SeriesInstanceUID*",) * 2,
    "getSingleImage": ("SeriesInstanceUID* SOPInstanceUID*",) * 2,
    "getDCMImage": ("SeriesInstanceUID* IncludeAnnotation MD5Verification",) * 2,
    "getM5HashForImage": ("SOPInstanceUid*", ""),
    "getMD5HashForImage": ("", "SOPInstanceUID*"),
    "getSeriesMetaData": ("SeriesInstanceUID* format", ""),
}


ADVANCED: dict[str, str] = {
    "getCollectionValuesAndCounts": "",
    "getModalityValuesAndCounts": "Collection BodyPartExamined",
    "getBodyPartValuesAndCounts": "Collection Modality",
    "getManufacturerValuesAndCounts": "Collection Modality BodyPartExamined",
    "getSpeciesValuesAndCounts": "",
    "getSeriesMetadata2": "list*",
    "getSeriesMetadata3": "list*",
    "getSeriesMetadata": "list* format",
    "getSeriesMetadataCombined": "list*",
    "getCollectionDescriptions": "collectionName",
    "getCollectionOrSeriesForDOI": "DOI CollectionOrSeries",
    "getSpeciesTax": "",
    "getCollectionSite": "",
    "getSitesForSeries": "seriesId*",
    "getMinMaxTimepoints": "",
    "getLicenses": "",
    "getStudyDrillDown": "list*",
    "getStudyDrillDownWithSeriesIds": "list*",
    "getCartData": "list*",
    "getImageDrillDown": "list*",
    "getDicomTags": "SeriesUID*",
    "getDicomTagsByImageID": "imageID*",
    "getMD5Hierarchy": "SeriesInstanceUID StudyInstanceUID PatientID Collection",
    "getManifestTextV2": "list* includeAnnotation",
    "getManifestText": "list* includeAnnotation",
    "getManifestForCollection": "collection* visibility includeAnnotation",
    "getManifestFromPatientStudySeries": "patientIDs studyUIDs seriesUIDs anyOrAll includeAnnotation",
    "hostName": "",
}
SEARCH_FORM = (
    "criteriaType0 value0 fromDate0 toDate0 from0 to0 fromDay0 toDay0 eventType0 start size sortField "
    "sortDirection tool"
)
ADVANCED |= {
    "getSimpleSearchWithModalityAndBodyPartPaged": SEARCH_FORM,
    "getSimpleSearch": SEARCH_FORM,
    "getManifestForSimpleSearch": SEARCH_FORM,
    "getRestrictionsForSimpleSearch": SEARCH_FORM,
}
LEGACY: dict[str, str] = {
    **{
        name: PARAMETERS[name][0]
        for name in (
            "getCollectionValues",
            "getModalityValues",
            "getBodyPartValues",
            "getManufacturerValues",
            "getPatientStudy",
            "getSeries",
            "getSeriesSize",
            "getSOPInstanceUIDs",
            "NewPatientsInCollection",
            "NewStudiesInPatientCollection",
        )
    },
    "getPatient": "Collection format",
    "PatientsByModality": "Collection* Modality* format",
    "getImage": "SeriesInstanceUID* format",
    "getSingleImage": "SeriesInstanceUID* SOPInstanceUID* format",
    "ContentsByName": "name* format",
}
UNVERSIONED_ONLY = {
    "getSeriesMetadata2",
    "getSeriesMetadata3",
    "getLicenses",
    "getManifestTextV2",
    "getSimpleSearchWithModalityAndBodyPartPaged",
    "hostName",
}
V4_ONLY = {"getSeriesMetadata", "getSeriesMetadataCombined", "getManifestText", "getSimpleSearch"}
_STEP_1 = {"numberOfSeries", "series1", "seriesUid"}
_STEP_2 = {"userId", "includeAnnotation", "hasAnnotation", "sopUids"}
_WADO = {
    *("requestType*", "studyUID*", "seriesUID*", "objectUID*", "contentType", "charset", "anonymize"),
    *("annotation", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality"),
    *("frameNumber", "presentationUID", "presentationSeriesUID", "transferSyntax"),
}
OTHERS: dict[tuple[str, str], set[str]] = {
    ("", "getManufacturerTree"): {"Collection", "Modality", "BodyPartExamined"},
    ("v4", "getManufacturerTree"): set(),
    ("v1", "getImageOther"): {"SeriesInstanceUID*"},
    ("v4", "getImageOther"): {"SeriesInstanceUID*"},
    ("", "DownloadServlet"): {*_STEP_2, "seriesUid*", "newFileNames", "getMD5Hash"},
    ("", "DownloadServletV2"): {*_STEP_2, "seriesUid*"},
    ("", "DownloadServletV3"): {*_STEP_2, *_STEP_1, "newFileNames"},
    ("", "DownloadServletV4"): {*_STEP_2, *_STEP_1, "newFileNames", "getMD5Hash"},
    ("", "DownloadServletVersion"): {"os*", "appVersion"},
    ("v1", "getUserAgreementTxt"): set(),
    ("v1", "getContentsByName"): {"name*"},
    ("v2", "getContentsByName"): {"name*"},
    ("", "createSharedList"): {"list*", "name*", "description", "url"},
    ("", "getSharedList"): {"nameValue*"},
    ("", "deleteSharedList"): {"name*"},
    ("v2", "getSeriesQCInfo"): {"seriesId*", "format"},
    ("v4", "getSeriesQCInfo"): {"seriesId*", "format"},
    ("", "getRoles"): set(),
    ("", "getTextSearch"): {"textValue*"},
    ("", "getTextSearchPaged"): {"textValue*", "start", "size", "sortField", "sortDirection"},
    ("", "getManifestForTextSearch"): {"textValue*"},
    ("", "getRestrictionsForTextSearch"): {"textValue*"},
    ("", "getThumbnail"): {"seriesUID*", "objectUID*"},
    ("v4", "getThumbnail"): {"seriesUID*", "objectUID*"},
    ("v1", "wado"): _WADO,
    ("v1", "getWado"): _WADO,
    ("", "getWado"): _WADO,
    ("v1", "getKeycloakParams"): {"format"},
    ("", "up"): set(),
    # Filmroom's own.
    ("", "getAgreements"): set(),
    ("", "acceptAgreement"): {"agreement*"},
    ("v1", "getAllSOPClassDefinition"): set(),
    ("v1", "status"): set(),
    ("v1", "status/version"): set(),
    ("v1", "status/database"): set(),
    ("v1", "getDeniedSeries"): {"seriesList*", "userName", "format"},
    ("v4", "getDeniedSeries"): {"seriesList*", "userName", "format"},
}


def test_operations_and_parameters_are_those_of_the_guides() -> None:
    ours = {
        (operation.version, operation.name): {
            f"{parameter.name}{'*' if parameter.required else ''}" for parameter in operation.parameters
        }
        for operation in OPERATIONS
    }
    expected = {
        (version, name): set(parameters.split())
        for name, parameters in ADVANCED.items()
        for version in (("v4",) if name in V4_ONLY else ("",) if name in UNVERSIONED_ONLY else ("", "v4"))
    } | {
        (version, name): set(parameters[index].split())
        for name, parameters in PARAMETERS.items()
        for index, version in ((0, "v1"), (0, "v2"), (1, "v4"))
        if parameters[index]
    }
    legacy = {("legacy", name): {*parameters.split(), "api_key"} for name, parameters in LEGACY.items()} | {
        ("legacy", f"{name}/metadata"): {"api_key"} for name in LEGACY
    }
    assert ours == expected | OTHERS | legacy


def test_paths_are_those_of_nbia() -> None:
    assert find_operation("v4", "getSeries").path == "/nbia-api/services/v4/getSeries"


def ask(version: str, name: str, **params: str) -> q.Query | None:
    return build_query(find_operation(version, name), params)


@pytest.mark.parametrize(
    ("version", "name", "date", "expected"),
    [
        ("v1", "NewPatientsInCollection", {"Date": "2024/01/31"}, {"released_after": dt.date(2024, 1, 31)}),
        ("v1", "NewPatientsInCollection", {"Date": "2024-01-31"}, {"released_after": dt.date(2024, 1, 31)}),
        ("v1", "NewPatientsInCollection", {"Date": "01-31-2024"}, None),
        ("v1", "NewPatientsInCollection", {"Date": "2024/13/31"}, None),
        ("v1", "NewPatientsInCollection", {"Date": ""}, None),
        (
            "v4",
            "NewStudiesInPatientCollection",
            {"fromDate": "01-31-2024"},
            {"released_since": dt.date(2024, 1, 31)},
        ),
        ("v4", "NewStudiesInPatientCollection", {"fromDate": "2024/01/31"}, None),
        ("v4", "NewStudiesInPatientCollection", {"fromDate": "02-30-2024"}, None),
        ("v1", "getUpdatedSeries", {"fromDate": "31/01/2024"}, {"released_after": dt.date(2024, 1, 31)}),
        ("v1", "getUpdatedSeries", {"fromDate": "2023/01/15"}, {"released_after": dt.date(20, 7, 15)}),
        ("v1", "getUpdatedSeries", {"fromDate": "yesterday"}, None),
        ("v1", "getUpdatedSeries", {}, {"released_after": dt.date(1900, 1, 1)}),
        ("v4", "getUpdatedSeries", {"fromDate": "01-31-2024"}, {"released_after": dt.date(2024, 1, 31)}),
        ("v4", "getUpdatedSeries", {"fromDate": "31/01/2024"}, None),
        ("v4", "getUpdatedSeries", {}, {"released_after": dt.date(1900, 1, 1)}),
    ],
)
def test_date_patterns(
    version: str, name: str, date: dict[str, str], expected: dict[str, Any] | None
) -> None:
    query = ask(version, name, **date)
    if expected is None:
        assert query is None
    else:
        assert {key: getattr(query, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1/2/2024", dt.date(2024, 2, 1)),
        ("31/02/2023", dt.date(2023, 3, 3)),
        ("01/13/2023", dt.date(2024, 1, 1)),
        ("0/0/2024", dt.date(2023, 11, 30)),
        ("01/01/2024 noise", dt.date(2024, 1, 1)),
        ("999999999/999999999/999999999", dt.date.max),
        ("999999999/01/2000", dt.date.max),
        ("01/01/0", dt.date.min),
    ],
)
def test_lenient_dates_carry_over(text: str, day: dt.date) -> None:
    assert parse_dmy_lenient(text) == day


def test_case_rules_differ_between_versions() -> None:
    assert ask("v1", "getSeries", Manufacturer="x") == q.FindSeries(manufacturer="x", exact_case=True)
    assert ask("v4", "getSeries", Manufacturer="x") == q.FindSeries(manufacturer="x")
    assert ask("v1", "getPatient", PatientId="p") == q.FindPatients(patient_id="p")
    assert ask("v4", "getPatient", PatientId="p") == q.FindPatients(patient_id="p", exact_patient_id=True)
    assert ask("v1", "getManufacturerValues") == q.FindValues("manufacturer")
    assert ask("v4", "getManufacturerValues") == q.FindValues("manufacturer", uppercase=True)
    assert ask("v1", "getBodyPartValues", Modality="CT") == q.FindValues(
        "body_part_examined", modality="CT", uppercase=True
    )


def test_an_empty_parameter_is_a_value() -> None:
    assert ask("v4", "getSeries", Collection="") == q.FindSeries(collection="")


@pytest.mark.parametrize("text", ["Yes", "yes", "YES"])
def test_flags(text: str) -> None:
    operation = find_operation("v4", "getImage")
    values = read_parameters(
        operation, {"SeriesInstanceUID": "1", "NewFileNames": text, "IncludeMD5": "true"}
    )
    assert values == {"series_instance_uid": "1", "new_file_names": True, "include_md5": False}


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if o.query], ids=lambda o: f"{o.version}-{o.name}"
)
def test_questions_survive_the_wire(operation: Any) -> None:
    examples = {p.name: p.example for p in operation.parameters if p.field and p.example}
    query = build_query(operation, examples)
    assert query is not None
    assert encode_params(operation, query) == examples
    assert build_query(operation, encode_params(operation, query)) == query


def test_a_day_fits_both_kinds_of_bound() -> None:
    query = q.FindPatients(collection="C", released_since=dt.date(2024, 2, 1))
    assert encode_params(find_operation("v1", "NewPatientsInCollection"), query)["Date"] == "2024/01/31"
    assert encode_params(find_operation("v4", "NewPatientsInCollection"), query)["fromDate"] == "02-01-2024"


def test_what_an_operation_cannot_ask_is_refused() -> None:
    with pytest.raises(InvalidInput, match="modality"):
        encode_params(find_operation("v4", "getPatient"), q.FindPatients(modality="CT"))
    with pytest.raises(InvalidInput, match="column"):
        encode_params(find_operation("v4", "getModalityValues"), q.FindValues("manufacturer"))
