"""What is asked of a catalogue over HTTP: every read operation, unfiltered and by its usual filters.

A question is a path with its parameters, or a form. Beside some stands plain SQL over the tables: what the
engine itself needs for the like, without rights, formats or a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, cycle
from typing import Any, Literal
from urllib.parse import urlencode

SHARED_LIST = "bench"
"""Name of the list that the bench makes of the series it asks about."""

Kind = Literal["values", "filtered values", "look-up", "list", "whole list", "simple search", "other"]


@dataclass(frozen=True, slots=True)
class Question:
    """One request. ``sql``: what asks the tables for nearly the same."""

    what: str
    kind: Kind
    label: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    sql: str = ""

    @property
    def path(self) -> str:
        """The path, for GET with the query."""
        base = f"/nbia-api/services/{self.label}"
        return f"{base}?{urlencode(self.parameters)}" if self.parameters and self.method == "GET" else base

    @property
    def form(self) -> bytes:
        """The body of a POST."""
        return urlencode(self.parameters).encode() if self.method == "POST" else b""


_PUBLIC_SERIES = "SELECT * FROM series WHERE visibility = 1 AND "
_COUNTED = "SELECT {0}, count(DISTINCT patient_key) FROM series WHERE visibility = 1 {1}GROUP BY {0}"


def _values() -> Iterator[Question]:
    yield Question("collections", "values", "v4/getCollectionValues", sql="SELECT name FROM collection")
    yield Question(
        "modalities",
        "values",
        "v4/getModalityValues",
        sql="SELECT DISTINCT modality FROM series WHERE visibility = 1",
    )
    yield Question("body parts", "values", "v4/getBodyPartValues")
    yield Question("manufacturers", "values", "v4/getManufacturerValues")
    for name, column in (
        ("Collection", ""),
        ("Modality", "modality"),
        ("BodyPart", "body_part_examined"),
        ("Manufacturer", "manufacturer"),
        ("Species", ""),
    ):
        sql = _COUNTED.format(column, "") if column else ""
        yield Question(f"{name} values and counts", "values", f"v4/get{name}ValuesAndCounts", sql=sql)
    nlst = {"Collection": "nlst"}
    chest = {"Modality": "CT", "BodyPartExamined": "CHEST"}
    yield Question("modalities of the largest collection", "filtered values", "v4/getModalityValues", nlst)
    yield Question("body parts of a modality", "filtered values", "v4/getBodyPartValues", {"Modality": "MR"})
    yield Question(
        "manufacturers by all filters", "filtered values", "v4/getManufacturerValues", nlst | chest
    )
    counts = "ValuesAndCounts"
    yield Question(
        "modalities and counts of a body part",
        "filtered values",
        f"v4/getModality{counts}",
        {"BodyPartExamined": "CHEST"},
        sql=_COUNTED.format("modality", "AND upper(body_part_examined) = 'CHEST' "),
    )
    yield Question(
        "body parts and counts of a modality",
        "filtered values",
        f"v4/getBodyPart{counts}",
        {"Modality": "CT"},
    )
    yield Question(
        "body parts and counts, largest collection", "filtered values", f"v4/getBodyPart{counts}", nlst
    )
    yield Question(
        "manufacturers and counts by all filters",
        "filtered values",
        f"v4/getManufacturer{counts}",
        nlst | chest,
    )


def look_ups(one: Mapping[str, Any]) -> Iterator[Question]:
    """Yield the questions about one patient, study or series."""
    person = {"PatientID": one["PatientID"]}
    uid, study = one["SeriesInstanceUID"], one["StudyInstanceUID"]
    of_patient = (
        f"patient_key IN (SELECT id FROM patient WHERE upper(patient_id) = upper('{one['PatientID']}'))"
    )
    yield Question("one patient", "look-up", "v4/getPatient", {"PatientId": one["PatientID"]})
    yield Question("studies of a patient", "look-up", "v4/getPatientStudy", person)
    yield Question("one study", "look-up", "v4/getPatientStudy", {"StudyInstanceUID": study})
    yield Question("series of a patient", "look-up", "v4/getSeries", person, sql=_PUBLIC_SERIES + of_patient)
    yield Question(
        "series of a study",
        "look-up",
        "v4/getSeries",
        {"StudyInstanceUID": study},
        sql=_PUBLIC_SERIES + f"study_key = (SELECT id FROM study WHERE study_instance_uid = '{study}')",
    )
    yield Question(
        "one series",
        "look-up",
        "v4/getSeries",
        {"SeriesInstanceUID": uid},
        sql=_PUBLIC_SERIES + f"series_instance_uid = '{uid}'",
    )
    yield Question("size of a series", "look-up", "v4/getSeriesSize", {"SeriesInstanceUID": uid})
    yield Question("metadata of a series", "look-up", "v1/getSeriesMetaData", {"SeriesInstanceUID": uid})
    yield Question("no such series", "look-up", "v4/getSeries", {"SeriesInstanceUID": "1.2.3"})
    yield Question("no such patient", "look-up", "v4/getPatient", {"PatientId": "nobody"})


def _lists(one: Mapping[str, Any]) -> Iterator[Question]:
    mid, nlst = {"Collection": one["Collection"]}, {"Collection": "nlst"}
    yield Question("patients of a collection", "list", "v4/getPatient", mid)
    yield Question("all patients", "list", "v4/getPatient")
    yield Question(
        "patients by collection and modality",
        "list",
        "v4/getPatientByCollectionAndModality",
        mid | {"Modality": "CT"},
    )
    yield Question(
        "new patients, largest collection",
        "list",
        "v4/NewPatientsInCollection",
        nlst | {"fromDate": "06-01-2025"},
    )
    yield Question("studies of a collection", "list", "v4/getPatientStudy", mid)
    yield Question("all studies", "list", "v4/getPatientStudy")
    yield Question(
        "new studies, largest collection",
        "list",
        "v4/NewStudiesInPatientCollection",
        nlst | {"fromDate": "06-01-2025"},
    )
    yield Question("series of a collection", "list", "v4/getSeries", {"Collection": "lidc_idri"})
    yield Question("series by collection and modality", "list", "v4/getSeries", mid | {"Modality": "CT"})
    yield Question(
        "series by body part and modality",
        "list",
        "v4/getSeries",
        {"BodyPartExamined": "PROSTATE", "Modality": "MR"},
    )
    yield Question(
        "series by model and modality",
        "list",
        "v4/getSeries",
        {"ManufacturerModelName": "Sensation 16", "Modality": "CT"},
    )
    yield Question("updated series of a day", "list", "v4/getUpdatedSeries", {"fromDate": "12-31-2025"})
    yield Question("series of the largest collection", "list", "v4/getSeries", nlst)


def _others(one: Mapping[str, Any], some: list[str]) -> Iterator[Question]:
    uid, doi = one["SeriesInstanceUID"], one["DataDescriptionURI"]
    yield Question("collection descriptions", "other", "v4/getCollectionDescriptions")
    yield Question("species", "other", "v4/getSpeciesTax")
    yield Question("sites", "other", "v4/getCollectionSite")
    yield Question("sites of series", "other", "v4/getSitesForSeries", {"seriesId": uid}, "POST")
    yield Question("licences", "other", "getLicenses")
    yield Question("manufacturer tree", "other", "v4/getManufacturerTree")
    yield Question(
        "manufacturer tree, largest collection", "other", "getManufacturerTree", {"Collection": "nlst"}
    )
    yield Question("time points", "other", "v4/getMinMaxTimepoints")
    doi_label = "v4/getCollectionOrSeriesForDOI"
    yield Question("collections by DOI", "other", doi_label, {"DOI": doi}, "POST")
    yield Question("collections of all DOIs", "other", doi_label, {"DOI": ""}, "POST")
    yield Question(
        "series of a DOI", "other", doi_label, {"DOI": doi, "CollectionOrSeries": "Series"}, "POST"
    )
    yield Question("MD5 of a patient", "other", "v4/getMD5Hierarchy", {"PatientID": one["PatientID"]}, "POST")
    yield Question(
        "denied of 101 series",
        "other",
        "v4/getDeniedSeries",
        {"seriesList": ",".join([*some[:100], "1.2.3"])},
    )
    yield Question(
        "metadata of 500 series", "other", "v4/getSeriesMetadata", {"list": ",".join(some)}, "POST"
    )
    for name in ("v4/getSeriesMetadataCombined", "getSeriesMetadata2", "getSeriesMetadata3"):
        yield Question(
            f"500 series, {name.rpartition('/')[2]}", "other", name, {"list": ",".join(some)}, "POST"
        )
    named = {"list": ",".join(some)}
    yield Question("studies of 500 series", "other", "getStudyDrillDownWithSeriesIds", named, "POST")
    numbers = {"list": ",".join(map(str, range(1, 501)))}
    yield Question("studies of 500 series by number", "other", "getStudyDrillDown", numbers, "POST")
    yield Question("cart of 500 series", "other", "getCartData", numbers, "POST")
    yield Question("a shared list of 500 series", "other", "v1/getContentsByName", {"name": SHARED_LIST})
    yield Question("manifest of 500 series", "other", "v4/getManifestText", {"list": ",".join(some)}, "POST")
    yield Question(
        "manifest of a collection",
        "other",
        "v4/getManifestForCollection",
        {"collection": one["Collection"]},
        "POST",
    )
    yield Question(
        "manifest of the largest collection",
        "other",
        "v4/getManifestForCollection",
        {"collection": "nlst"},
        "POST",
    )
    yield Question(
        "manifest of a patient",
        "other",
        "v4/getManifestFromPatientStudySeries",
        {"patientIDs": one["PatientID"]},
        "POST",
    )


_CRITERIA: tuple[tuple[dict[str, str], ...], ...] = (
    # Each in forms: with the field names of the API, but for their numbers. Wide ones, which find much.
    ({"criteriaType": "CollectionCriteria", "value": "nlst"},),
    ({"criteriaType": "SpeciesCriteria", "value": "337915000"},),
    ({"criteriaType": "ImageModalityCriteria", "value": "CT"},),
    (
        {"criteriaType": "ImageModalityCriteria", "value": "PT"},
        {"criteriaType": "ModalityAndedSearchCriteria", "value": "all"},
    ),
    ({"criteriaType": "AnatomicalSiteCriteria", "value": "CHEST"},),
    (
        {"criteriaType": "PatientSexCriteria", "value": "Null"},
        {"criteriaType": "PatientSexCriteria", "value": "F"},
    ),
    ({"criteriaType": "ManufacturerCriteria", "value": "SIEMENS"},),
    ({"criteriaType": "ModelCriteria", "value": "GE MEDICAL SYSTEMS||LightSpeed16"},),
    ({"criteriaType": "DateRangeCriteria", "fromDate": "06-01-2024", "toDate": "12-01-2025"},),
    ({"criteriaType": "PatientAgeRangeCriteria", "from": "040Y", "to": "080Y"},),
    ({"criteriaType": "PixelSpacingRangeCriteria", "from": "0", "to": "1"},),
    ({"criteriaType": "SliceThicknessRangeCriteria", "to": "5"},),
    ({"criteriaType": "DescriptionCriteria", "value": 'axial lung* "chest ct"'},),
    ({"criteriaType": "PatientCriteria", "value": "1*"},),
    ({"criteriaType": "StudyCriteria", "value": "1.3.6.1.4.1.14519.5.2.1.7009.2403.3*"},),
    ({"criteriaType": "SeriesCriteria", "value": "1.3.6.1.4.1.14519.5.2.1.7009.2403.3*"},),
    ({"criteriaType": "MinNumberOfStudiesCriteria", "value": "0"},),
    ({"criteriaType": "MinNumberOfStudyDatesCriteria", "value": "1"},),
    ({"criteriaType": "PhantomCriteria", "value": "1"},),
    ({"criteriaType": "ThirdPartyAnalysis", "value": "NO"},),
    ({"criteriaType": "ExcludeCommercialCriteria", "value": "YES"},),
    ({"criteriaType": "TimePointCriteria", "eventType": "DIAGNOSIS", "fromDay": "0"},),
)


def searches() -> Iterator[Question]:
    """Yield simple searches: the first page by every two types of criteria, in changing order."""
    sorts = cycle(("collection", "subject", "study", "totalNumberOfSeries"))
    for one, other in combinations(_CRITERIA, 2):
        form = {"start": "0", "size": "10", "sortField": next(sorts), "sortDirection": "ascending"}
        for number, fields in enumerate((*one, *other)):
            form |= {f"{name}{number}": value for name, value in fields.items()}
        yield Question("simple search by two criteria", "simple search", "v4/getSimpleSearch", form, "POST")


WHOLE_LISTS: tuple[Question, ...] = (
    Question("all series, v4", "whole list", "v4/getSeries", sql="SELECT * FROM series ORDER BY 1"),
    Question("all series, v1", "whole list", "v1/getSeries"),
    Question(
        "series of all DOIs",
        "whole list",
        "v4/getCollectionOrSeriesForDOI",
        {"DOI": "", "CollectionOrSeries": "Series"},
        "POST",
    ),
)
"""Each has a row for every series of the archive."""


def questions(one: Mapping[str, Any], some: list[str]) -> list[Question]:
    """Return the questions about a catalogue.

    :param one: a series of it, as ``v4/getSeries`` lists it. :param some: UIDs of 500.
    """
    return [*_values(), *look_ups(one), *_lists(one), *_others(one, some)]


ASKED_ELSEWHERE = {
    # Bytes and headers of files: measured with real files by the sections on delivery.
    *("getImage", "getImageWithMD5Hash", "getDCMImage", "getSingleImage", "getDicomTags"),
    *("getDicomTagsByImageID", "getSOPInstanceUIDs", "getM5HashForImage", "getMD5HashForImage"),
    # Simple search by another name, and what follows from it.
    *("getSimpleSearchWithModalityAndBodyPartPaged", "getManifestForSimpleSearch"),
    "getRestrictionsForSimpleSearch",
    # Manifests by another name.
    "getManifestTextV2",
    # Asked of a part that is indexed for it; see ``catalog_text``.
    *("getTextSearch", "getTextSearchPaged", "getManifestForTextSearch", "getRestrictionsForTextSearch"),
    # Nothing of the catalogue is read.
    *("getUserAgreementTxt", "getAllSOPClassDefinition", "hostName"),
}
