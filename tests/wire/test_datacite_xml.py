"""DataCite XML: written, read back, valid under the schema; and what is told of records that are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filmroom.errors import InvalidInput
from filmroom.wire.datacite.kernel import controlled_list, parse_xml, schema_errors
from filmroom.wire.datacite.record import Record
from filmroom.wire.datacite.validation import Problem, validate, validate_draft
from filmroom.wire.datacite.xml_reader import read_xml
from filmroom.wire.datacite.xml_writer import write_valid_xml, write_xml

FULL: dict[str, Any] = {
    "doi": "10.5072/full",
    "url": "https://archive.example.org/full",
    "creators": [
        {
            "name": "Doe, Jane",
            "nameType": "Personal",
            "givenName": "Jane",
            "familyName": "Doe",
            "affiliation": [
                {
                    "name": "An Institute",
                    "affiliationIdentifier": "https://ror.org/04wxnsj81",
                    "affiliationIdentifierScheme": "ROR",
                    "schemeUri": "https://ror.org",
                }
            ],
            "nameIdentifiers": [
                {
                    "nameIdentifier": "https://orcid.org/0000-0002-1825-0097",
                    "nameIdentifierScheme": "ORCID",
                    "schemeUri": "https://orcid.org",
                }
            ],
        },
        {
            "name": "Group",
            "nameType": "Organizational",
            "lang": "en",
            "affiliation": [],
            "nameIdentifiers": [],
        },
    ],
    "titles": [{"title": "Title <&>", "lang": "en"}, {"title": "Other", "titleType": "AlternativeTitle"}],
    "publisher": {
        "name": "Archive",
        "publisherIdentifier": "https://ror.org/04wxnsj81",
        "publisherIdentifierScheme": "ROR",
        "schemeUri": "https://ror.org",
        "lang": "en",
    },
    "publicationYear": 2026,
    "types": {
        "resourceType": "DICOM",
        "resourceTypeGeneral": "Dataset",
        "schemaOrg": "Dataset",
        "citeproc": "dataset",
        "bibtex": "misc",
        "ris": "DATA",
    },
    "subjects": [
        {
            "subject": "Lung",
            "subjectScheme": "MeSH",
            "schemeUri": "https://example.org/mesh",
            "valueUri": "https://example.org/mesh/1",
            "classificationCode": "C04",
            "lang": "en",
        }
    ],
    "contributors": [
        {"name": "Curator", "contributorType": "DataCurator", "affiliation": [], "nameIdentifiers": []}
    ],
    "dates": [
        {"date": "2026-01-02", "dateType": "Issued"},
        {"date": "2026", "dateType": "Other", "dateInformation": "why"},
    ],
    "language": "en",
    "identifiers": [{"identifier": "Demo-Lung", "identifierType": "TCIA Short Name"}],
    "relatedIdentifiers": [
        {
            "relatedIdentifier": "10.1/X",
            "relatedIdentifierType": "DOI",
            "relationType": "Other",
            "relationTypeInformation": "seen beside",
            "resourceTypeGeneral": "Dataset",
        },
        {
            "relatedIdentifier": "https://example.org/meta.xml",
            "relatedIdentifierType": "URL",
            "relationType": "HasMetadata",
            "relatedMetadataScheme": "ddi",
            "schemeUri": "https://example.org/ddi.xsd",
            "schemeType": "XSD",
        },
    ],
    "relatedItems": [
        {
            "relatedItemType": "Journal",
            "relationType": "IsPublishedIn",
            "relatedItemIdentifier": {
                "relatedItemIdentifier": "1234-5678",
                "relatedItemIdentifierType": "ISSN",
            },
            "creators": [{"name": "Ed", "affiliation": [], "nameIdentifiers": []}],
            "titles": [{"title": "Journal"}],
            "publicationYear": "2025",
            "volume": "1",
            "issue": "2",
            "number": "3",
            "numberType": "Article",
            "firstPage": "4",
            "lastPage": "5",
            "publisher": "P",
            "edition": "6",
            "contributors": [
                {"name": "C", "contributorType": "Editor", "affiliation": [], "nameIdentifiers": []}
            ],
        }
    ],
    "sizes": ["12 series", "1.5 GB"],
    "formats": ["application/dicom"],
    "version": "1.1",
    "rightsList": [{"rights": "Own terms", "rightsUri": "https://example.org/terms", "lang": "en"}],
    "descriptions": [{"description": "About.\nMore.", "descriptionType": "Abstract", "lang": "en"}],
    "geoLocations": [
        {
            "geoLocationPlace": "Bern",
            "geoLocationPoint": {"pointLongitude": "7.4", "pointLatitude": "46.9"},
            "geoLocationBox": {
                "westBoundLongitude": "7",
                "eastBoundLongitude": "8",
                "southBoundLatitude": "46",
                "northBoundLatitude": "47",
            },
            "geoLocationPolygon": [
                {"polygonPoint": {"pointLongitude": str(x), "pointLatitude": str(y)}}
                for x, y in ((7, 46), (8, 46), (8, 47), (7, 46))
            ]
            + [{"inPolygonPoint": {"pointLongitude": "7.5", "pointLatitude": "46.5"}}],
        }
    ],
    "fundingReferences": [
        {
            "funderName": "Fund",
            "funderIdentifier": "https://ror.org/040gcmg81",
            "funderIdentifierType": "ROR",
            "schemeUri": "https://ror.org",
            "awardNumber": "1",
            "awardUri": "https://example.org/award/1",
            "awardTitle": "Award",
        }
    ],
    "schemaVersion": "http://datacite.org/schema/kernel-4",
}


def errors_of(content: bytes) -> list[str]:
    return [each.message for each in schema_errors(parse_xml(content))]


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "xml").glob("*.xml"))


def test_records_as_xml_are_letter_for_letter_the_expected(shared_datacite: Path) -> None:
    assert len(names(shared_datacite)) == 12
    for name in names(shared_datacite):
        data = json.loads((shared_datacite / "records" / f"{name}.json").read_text())["data"]
        wanted = (shared_datacite / "xml" / f"{name}.xml").read_bytes()
        assert write_xml(Record.of(data)) == wanted
        assert write_valid_xml(Record.of(data)) == wanted
        assert write_xml(Record(read_xml(wanted))) == wanted
        assert errors_of(wanted) == []


def test_everything_that_a_record_may_hold_is_written_and_read() -> None:
    written = write_xml(Record(FULL))
    assert errors_of(written) == []
    assert read_xml(written) == {name: value for name, value in FULL.items() if name != "url"}


def test_a_record_of_an_older_kernel_4_is_read() -> None:
    older = write_xml(Record(FULL)).replace(b"schema/kernel-4", b"schema/kernel-4.1")
    assert read_xml(older)["titles"] == FULL["titles"]


def test_orcid_and_ror_become_addresses() -> None:
    short = (
        write_xml(Record(FULL)).replace(b"https://orcid.org/0000", b"0000").replace(b"https://ror.org/", b"")
    )
    people = read_xml(short)["creators"]
    assert people[0]["nameIdentifiers"] == FULL["creators"][0]["nameIdentifiers"]
    assert people[0]["affiliation"] == FULL["creators"][0]["affiliation"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cannot be read"),
        (b"<a><b></a>", "cannot be read"),
        (b"<a/>", "not that of a DataCite record"),
        (b'<resource xmlns="http://datacite.org/schema/kernel-3"/>', "kernel-3 is no longer supported"),
        (b'<resource xmlns="http://datacite.org/schema/kernel-2.2"/>', "no longer supported"),
        (b'<!DOCTYPE r [<!ENTITY x "y">]><r>&x;</r>', "no document type"),
        (b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>', "no document type"),
    ],
)
def test_xml_that_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read_xml(content)


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
    )
    with pytest.raises(InvalidInput):
        read_xml(bomb + b"]><r>&j;</r>")


# -- validity --------------------------------------------------------------------------------------------

UID = "10.5072/full"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": None}, ("url", "Can't be blank")),
        ({"url": "javascript:alert(1)"}, ("url", "URL is not valid")),
        ({"url": "https://exa mple.org/"}, ("url", "URL is not valid")),
        ({"titles": ["x"]}, ("titles", "Title 'x' should be an object instead of a string.")),
        ({"creators": ["x"]}, ("creators", "Creator 'x' should be an object instead of a string.")),
        (
            {"creators": []},
            (
                "creators",
                (
                    f"DOI {UID}: Missing child element(s). Expected is "
                    "( {http://datacite.org/schema/kernel-4}creator ). at line 4, column 0"
                ),
            ),
        ),
        ({"contributors": [{"name": "x"}]}, ("contributors", "Contributor type None is not supported")),
        ({"creators": [{"name": "x", "nameIdentifiers": {}}]}, None),
        (
            {"creators": [{"name": "x", "nameIdentifiers": {"a": 1}}]},
            ("creators", "NameIdentifiers should be an array."),
        ),
        ({"creators": [{"givenName": "x"}]}, ("creators", "Can't be blank")),
        ({"titles": [{"title": ""}]}, ("titles", "Can't be blank")),
        ({"publisher": None}, ("publisher", f"DOI {UID}: [facet 'minLength']")),
        ({"publisher": 1}, ("publisher", "Should be a string or an object.")),
        ({"publicationYear": None}, ("publicationYear", f"DOI {UID}: [facet 'pattern']")),
        ({"publicationYear": "soon"}, ("publicationYear", "Should be a year")),
        ({"types": {}}, ("types", f"DOI {UID}: The attribute 'resourceTypeGeneral' is required")),
        ({"types": {"resourceTypeGeneral": "Thing"}}, ("types", f"DOI {UID}: [facet 'enumeration']")),
        ({"dates": [{"date": "2026", "dateType": "Someday"}]}, ("dates", f"DOI {UID}: [facet 'enumer")),
        ({"language": "not one"}, ("language", f"DOI {UID}: 'not one' is not a valid value")),
        ({"rightsList": [{"rights": "x" * 2001}]}, ("rightsList", "Rights has at most 2000 characters.")),
        ({"sizes": [1]}, ("sizes", "Should be an array of strings.")),
        ({"identifiers": [{"identifier": "x"}]}, ("identifiers", f"DOI {UID}: The attribute 'alternate")),
        ({"version": ["1"]}, ("version", "Should be a string.")),
    ],
)
def test_what_is_wrong_is_told_with_its_source(
    changes: dict[str, Any], problem: tuple[str, str] | None
) -> None:
    found = validate({**FULL, **changes})
    if problem is None:
        assert found == []
        return
    assert [each.source for each in found] == [problem[0]]
    assert found[0].title.startswith(problem[1])
    assert found[0].uid == UID


def test_a_draft_may_be_empty_but_not_misshapen() -> None:
    assert validate_draft({"doi": "10.5072/x"}) == []
    assert validate_draft({"doi": "10.5072/bad name"}) == [Problem("doi", "Is invalid", "10.5072/bad name")]
    assert [each.source for each in validate_draft({"doi": "10.5072/x", "url": "ftp:"})] == ["url"]
    assert [each.source for each in validate_draft({"doi": "10.5072/x", "titles": "x"})] == ["titles"]
    sources = [each.source for each in validate({"doi": "10.5072/x"})]
    assert sources == ["url", "creators", "titles", "publisher", "publicationYear", "types"]


def test_imported_records_that_the_schema_refuses_become_valid_xml() -> None:
    odd = {
        **FULL,
        "dates": [{"date": "2026", "dateType": None}, {"date": "2026", "dateType": "Issued"}],
        "relatedIdentifiers": [{"relatedIdentifier": "x", "relationType": "Likes"}],
        "creators": [{"name": "A", "nameType": "Robot", "nameIdentifiers": [{"nameIdentifier": "1"}]}],
        "rightsList": [{"rights": "R", "rightsUri": "no address at all %%"}],
        "language": "two words",
        "titles": [{"title": "T", "titleType": "Nickname"}],
    }
    assert errors_of(write_xml(Record(odd)))
    mended = write_valid_xml(Record(odd))
    assert errors_of(mended) == []
    read = read_xml(mended)
    assert read["dates"] == [{"date": "2026", "dateType": "Issued"}]
    assert read["titles"] == [{"title": "T"}]
    assert read["creators"][0]["name"] == "A"
    assert read["rightsList"] == [{"rights": "R"}]
    assert "language" not in read


def test_very_many_faults_are_left_out_at_once() -> None:
    dates = [{"date": "2026", "dateType": f"Kind {number}"} for number in range(500)]
    mended = write_valid_xml(Record({**FULL, "dates": [*dates, FULL["dates"][0]]}))
    assert read_xml(mended)["dates"] == [FULL["dates"][0]]


WORDS = st.text(max_size=12)
VALUES = st.one_of(
    st.none(), WORDS, st.integers(), st.lists(WORDS, max_size=2), st.dictionaries(WORDS, WORDS)
)


def _objects(*names_: str) -> st.SearchStrategy[Any]:
    return st.one_of(VALUES, st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(names_, VALUES))))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "subjects": _objects("subject", "subjectScheme", "schemeUri", "lang"),
            "dates": _objects("date", "dateType", "dateInformation"),
            "contributors": _objects("name", "contributorType", "nameType", "affiliation", "nameIdentifiers"),
            "relatedIdentifiers": _objects("relatedIdentifier", "relatedIdentifierType", "relationType"),
            "descriptions": _objects("description", "descriptionType", "lang"),
            "rightsList": _objects("rights", "rightsUri"),
            "geoLocations": _objects("geoLocationPlace", "geoLocationPoint", "geoLocationPolygon"),
            "fundingReferences": _objects("funderName", "funderIdentifier", "awardUri"),
            "relatedItems": _objects("relatedItemType", "titles", "creators", "number"),
            "sizes": VALUES,
            "version": VALUES,
            "language": VALUES,
        },
    )
)
def test_whatever_a_record_holds_its_xml_is_valid(changes: dict[str, Any]) -> None:
    assert errors_of(write_valid_xml(Record({**FULL, **changes}))) == []
    for problem in validate({**FULL, **changes}):
        assert problem.source in {*changes, "metadata"}


def test_the_controlled_lists_are_those_of_4_7() -> None:
    assert len(controlled_list("resourceType")) == 34
    for name, value in (
        ("resourceType", "Poster"),
        ("relationType", "Other"),
        ("relatedIdentifierType", "SWHID"),
        ("dateType", "Coverage"),
        ("contributorType", "Translator"),
        ("funderIdentifierType", "ROR"),
        ("descriptionType", "TechnicalInfo"),
        ("titleType", "Subtitle"),
        ("nameType", "Personal"),
        ("numberType", "Chapter"),
    ):
        assert value in controlled_list(name)  # type: ignore[arg-type]
