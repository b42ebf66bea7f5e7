"""Records of DOIs in every format, against what DataCite answered and against texts typed out here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filmroom.wire.datacite.apa import apa, initials_of
from filmroom.wire.datacite.csl import csl_json
from filmroom.wire.datacite.fill_in import filled_in
from filmroom.wire.datacite.formats import RECORD_FORMATS, find_format
from filmroom.wire.datacite.json_formats import crosscite_json, datacite_json
from filmroom.wire.datacite.kernel import parse_xml
from filmroom.wire.datacite.record import Record
from filmroom.wire.datacite.schema_org import schema_org
from filmroom.wire.datacite.styles import CitationOptions, find_style, formatted_citation, has_processor
from filmroom.wire.datacite.text_formats import bibtex, csv_table, ris

CONVERTED = ("10.7937_s17z-r072", "10.7937_k9_tcia.2015.lo9ql9sx", "10.7937_k9_tcia.2016.rnyfuye9")

ARTICLE: dict[str, Any] = {
    "doi": "10.5072/abcd-1234",
    "url": "https://archive.example.org/doi/10.5072/abcd-1234",
    "creators": [
        {"name": "Doe, Jane", "nameType": "Personal", "givenName": "Jane", "familyName": "Doe"},
        {"name": "Imaging Consortium", "nameType": "Organizational", "affiliation": ["An Institute"]},
    ],
    "titles": [{"title": "Phantoms & friends {of} CT"}, {"title": "Short", "titleType": "AlternativeTitle"}],
    "publisher": {"name": "Example Archive", "publisherIdentifier": "https://ror.org/04wxnsj81"},
    "publicationYear": "2026",
    "subjects": [{"subject": "Lung"}, {"subject": "CT"}],
    "contributors": [
        {"name": "Roe, Rich", "givenName": "Rich", "familyName": "Roe", "contributorType": "Editor"}
    ],
    "dates": [{"date": "2026-08-02", "dateType": "Issued"}, {"date": "2026-09-01", "dateType": "Updated"}],
    "language": "en",
    "types": {"resourceTypeGeneral": "JournalArticle"},
    "identifiers": [],
    "container": {
        "title": "Journal of Tests",
        "volume": "3",
        "issue": "2",
        "firstPage": "1",
        "lastPage": "9",
    },
    "relatedIdentifiers": [
        {"relationType": "IsPartOf", "relatedIdentifier": "1234-5678", "relatedIdentifierType": "ISSN"},
        {"relationType": "Cites", "relatedIdentifier": "10.1/X<y>", "relatedIdentifierType": "DOI"},
        {"relationType": "IsSupplementTo", "relatedIdentifier": "10.1/B", "relatedIdentifierType": "DOI"},
    ],
    "rightsList": [{"rights": "Own terms", "rightsUri": "https://archive.example.org/terms"}],
    "descriptions": [{"description": "First\nsecond.", "descriptionType": "Abstract"}],
    "geoLocations": [{"geoLocationPlace": "Bern"}],
    "fundingReferences": [{"funderName": "A Fund", "funderIdentifier": "https://ror.org/040gcmg81"}],
    "state": "findable",
}


def record(**changes: Any) -> Record:
    return Record({**ARTICLE, **changes}, client="demo.archive", provider="demo")


def shared_record(folder: Path, name: str) -> Record:
    return Record.of(json.loads((folder / "records" / f"{name}.json").read_text())["data"])


@pytest.mark.parametrize("name", CONVERTED)
def test_conversions_are_what_they_must_be(name: str, shared_datacite: Path) -> None:
    given = shared_record(shared_datacite, name)

    def expected(ending: str) -> str:
        return (shared_datacite / "expected" / f"{name}.{ending}").read_bytes().decode()

    assert bibtex(given) == expected("bib")
    assert ris(given) == expected("ris")
    assert csl_json(given) == json.loads(expected("csl.json"))
    assert schema_org(given) == json.loads(expected("schemaorg.json"))
    assert find_format("application/vnd.datacite.datacite+json").write(
        [given], CitationOptions()
    ) == expected("datacite.json")
    for made, ending in ((schema_org, "schemaorg.json"), (csl_json, "csl.json")):
        assert list(made(given)) == list(json.loads(expected(ending)))


def test_all_citations_are_those_of_the_public_service(shared_datacite: Path) -> None:
    wanted = json.loads((shared_datacite / "expected" / "apa.json").read_text())
    assert len(wanted) == 11
    for doi, citation in wanted.items():
        assert apa(shared_record(shared_datacite, doi.replace("/", "_"))) == citation


def test_bibtex_of_an_article() -> None:
    assert bibtex(record()) == (
        "@article{https://doi.org/10.5072/abcd-1234,\n"
        "  doi = {10.5072/ABCD-1234},\n"
        "  url = {https://archive.example.org/doi/10.5072/abcd-1234},\n"
        "  author = {Doe, Jane and {Imaging Consortium}},\n"
        "  keywords = {Lung, CT},\n"
        "  language = {en},\n"
        "  title = {Phantoms & friends {of} CT},\n"
        "  journal = {Journal of Tests},\n"
        "  volume = {3},\n"
        "  issue = {2},\n"
        "  pages = {1-9},\n"
        "  publisher = {Example Archive},\n"
        "  year = {2026},\n"
        "  copyright = {Own terms}\n"
        "}\n"
    )


def test_ris_of_an_article() -> None:
    assert ris(record()).split("\r\n") == [
        "TY  - JOUR",
        "T1  - Phantoms & friends {of} CT",
        "T2  - Journal of Tests",
        "AU  - Doe, Jane",
        "AU  - Imaging Consortium",
        "DO  - 10.5072/ABCD-1234",
        "UR  - https://archive.example.org/doi/10.5072/abcd-1234",
        "AB  - First second.",
        "KW  - Lung",
        "KW  - CT",
        "PY  - 2026",
        "PB  - Example Archive",
        "LA  - en",
        "VL  - 3",
        "IS  - 2",
        "SP  - 1",
        "EP  - 9",
        "SN  - 1234-5678",
        "ER  - ",
    ]


def test_csl_of_an_article() -> None:
    item = csl_json(record())
    assert item["type"] == "article-journal"
    assert item["author"] == [{"family": "Doe", "given": "Jane"}, {"literal": "Imaging Consortium"}]
    assert item["editor"] == item["contributor"] == [{"family": "Roe", "given": "Rich"}]
    assert item["issued"] == {"date-parts": [[2026, 8, 2]]}
    assert (item["container-title"], item["page"], item["categories"]) == (
        "Journal of Tests",
        "1-9",
        ["Lung", "CT"],
    )
    assert "version" not in item
    software = csl_json(record(types={"resourceTypeGeneral": "Software"}, version=2))
    assert (software["type"], software["version"]) == ("book", "2")
    assert "author" not in csl_json(record(creators=[{"name": ":(unav)"}]))


def test_schema_org_of_an_article() -> None:
    described = schema_org(record())
    assert described["@type"] == "ScholarlyArticle"
    assert described["datePublished"] == "2026-08-02"
    assert described["dateModified"] == "2026-09-01"
    assert described["keywords"] == "Lung, CT"
    assert described["isPartOf"] == {"@type": "CreativeWork", "identifier": "1234-5678"}
    assert described["citation"] == {"@id": "https://doi.org/10.1/x%3Cy%3E", "@type": "CreativeWork"}
    assert described["@reverse"] == {
        "isBasedOn": {"@id": "https://doi.org/10.1/b", "@type": "ScholarlyArticle"}
    }
    assert described["spatialCoverage"] == {"@type": "Place", "name": "Bern"}
    assert described["periodical"] == {"@type": "Periodical", "name": "Journal of Tests"}
    assert described["author"][1] == {
        "name": "Imaging Consortium",
        "affiliation": {"@type": "Organization", "name": "An Institute"},
        "@type": "Organization",
    }
    assert described["funder"]["name"] == "A Fund"
    catalog = schema_org(record(types={"resourceTypeGeneral": "Dataset"}))["includedInDataCatalog"]
    assert catalog == {"@type": "DataCatalog", "name": "Journal of Tests"}


def test_datacite_json_has_objects_for_publisher_and_affiliations() -> None:
    made = datacite_json(record())
    assert made["publisher"]["name"] == "Example Archive"
    assert made["creators"][1]["affiliation"] == [{"name": "An Institute"}]
    assert (made["providerId"], made["clientId"], made["state"]) == ("demo", "demo.archive", "findable")
    snake = crosscite_json(record())
    assert {"publication_year", "rights_list", "client_id"} <= set(snake)
    assert snake["rights_list"] == made["rightsList"]


def test_csv_has_one_header() -> None:
    lines = csv_table([record(), record(state=None)]).splitlines()
    assert lines[0].split(",")[:3] == ["doi", "url", "registered"]
    assert lines[1] == (
        "10.5072/ABCD-1234,https://archive.example.org/doi/10.5072/abcd-1234,,findable,JournalArticle,,"
        'Phantoms & friends {of} CT,"Doe, Jane and Imaging Consortium",Example Archive,2026'
    )
    assert len(lines) == 3


def test_jats_is_a_citation_element() -> None:
    root = parse_xml(find_format("application/vnd.jats+xml").write([record()], CitationOptions()).encode())
    assert (root.tag, root.get("publication-type")) == ("element-citation", "journal")
    assert [each.text for each in root.iter("surname")] == ["Doe", "Roe"]
    assert root.findtext("article-title") == "Phantoms & friends {of} CT"
    assert root.find("year").get("iso-8601-date") == "2026-08-02"
    assert (root.findtext("month"), root.findtext("pub-id")) == ("08", "10.5072/ABCD-1234")


def test_many_records_in_one_answer() -> None:
    def written(media: str) -> str:
        return find_format(media).write([record(), record()], CitationOptions())

    assert len(json.loads(written("application/citeproc+json"))) == 2
    assert written("application/x-bibtex").count("\n\n@article{") == 1
    assert written("application/x-research-info-systems").count("\r\n\r\nTY  - ") == 1
    assert written("text/x-bibliography").count("\n\n") == 1
    assert written("application/x-datacite+xml").count("<?xml") == 2
    assert find_format("application/rdf+xml") is None
    assert find_format("Application/LD+JSON").name == "schema.org"


# -- citations -------------------------------------------------------------------------------------------


def dataset(**changes: Any) -> Record:
    made: dict[str, Any] = {
        "doi": "10.1/x",
        "titles": [{"title": "A title"}],
        "creators": [{"name": "Doe, Jane", "givenName": "Jane Ann", "familyName": "Doe"}],
        "publisher": "Pub",
        "publicationYear": 2020,
        "types": {"resourceTypeGeneral": "Dataset"},
    }
    return Record({**made, **changes})


def people(number: int) -> list[dict[str, str]]:
    return [
        {"name": f"F{each}, G", "familyName": f"F{each}", "givenName": "G"} for each in range(1, number + 1)
    ]


@pytest.mark.parametrize(
    ("changes", "citation"),
    [
        ({}, "Doe, J. A. (2020). A title [Dataset]. Pub. https://doi.org/10.1/X"),
        (
            {"version": "1.1"},
            "Doe, J. A. (2020). A title (Version 1.1) [Dataset]. Pub. https://doi.org/10.1/X",
        ),
        ({"creators": []}, "A title [Dataset]. (2020). Pub. https://doi.org/10.1/X"),
        (
            {"creators": [{"name": "TCIA Team"}]},
            "TCIA Team. (2020). A title [Dataset]. Pub. https://doi.org/10.1/X",
        ),
        ({"creators": people(2)}, "F1, G., & F2, G. (2020). A title [Dataset]. Pub. https://doi.org/10.1/X"),
        ({"publicationYear": None}, "Doe, J. A. (n.d.). A title [Dataset]. Pub. https://doi.org/10.1/X"),
        ({"publisher": None}, "Doe, J. A. (2020). A title [Dataset]. https://doi.org/10.1/X"),
        (
            {"types": {"resourceTypeGeneral": "Image"}},
            "Doe, J. A. (2020). A title [Graphic]. Pub. https://doi.org/10.1/X",
        ),
        (
            {"types": {"resourceTypeGeneral": "Other"}},
            "Doe, J. A. (2020). A title. Pub. https://doi.org/10.1/X",
        ),
        (
            {"types": {"resourceTypeGeneral": "Other"}, "titles": [{"title": "Why?"}]},
            "Doe, J. A. (2020). Why? Pub. https://doi.org/10.1/X",
        ),
    ],
)
def test_apa(changes: dict[str, Any], citation: str) -> None:
    assert apa(dataset(**changes)) == citation


def test_apa_of_many_authors() -> None:
    twenty, more = apa(dataset(creators=people(20))), apa(dataset(creators=people(22)))
    assert "F19, G., & F20, G. (2020)" in twenty
    assert "…" not in twenty
    assert "F19, G., … F22, G. (2020)" in more
    assert "F20" not in more


def test_apa_of_an_article_and_as_html() -> None:
    assert apa(record()) == (
        "Doe, J., & Imaging Consortium. (2026). Phantoms & friends {of} CT. "
        "Journal of Tests, 3(2), 1\u20139. https://doi.org/10.5072/ABCD-1234"
    )
    hostile = dataset(titles=[{"title": "<script>x</script> & <i>y</i>"}], publisher="<b>P")
    assert apa(hostile, html=True) == (
        "Doe, J. A. (2020). <i>&lt;script&gt;x&lt;/script&gt; &amp; &lt;i&gt;y&lt;/i&gt;</i> [Dataset]. "
        "&lt;b&gt;P. https://doi.org/10.1/X"
    )


@pytest.mark.parametrize(
    ("given", "initials"),
    [
        ("Edwin J.R.", "E. J. R."),
        ("Lara Garcia-Foncillas", "L. G.-F."),
        ("L. G.-F.", "L. G.-F."),
        ("Jean-Luc de", "J.-L. de"),
        ("Élodie Ch.", "É. C."),
        ("小明", "小明"),
        (". -", ""),
        ("", ""),
    ],
)
def test_initials(given: str, initials: str) -> None:
    assert initials_of(given) == initials


STYLE = """<style xmlns="http://purl.org/net/xbiblio/csl" class="in-text" version="1.0">
<info><title>T</title><id>t</id><updated>2026-01-01T00:00:00+00:00</updated></info>
<citation><layout><text variable="title"/></layout></citation>
<bibliography><layout delimiter=" "><text variable="title" font-style="italic" suffix=" / "/>
<text term="and"/><text variable="publisher" prefix=" "/></layout></bibliography></style>"""


@pytest.mark.skipif(not has_processor(), reason="needs the extra cite")
def test_other_styles_and_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain.csl").write_text(STYLE)
    (tmp_path / "broken.csl").write_text("<style")
    monkeypatch.setenv("FILMROOM_CITATION_STYLES", str(tmp_path))
    hostile = dataset(titles=[{"title": "A <b>& c"}])
    assert formatted_citation(hostile, CitationOptions("plain", "en-US")) == "A <b>& c / and Pub"
    assert formatted_citation(hostile, CitationOptions("plain", "de-DE")) == "A <b>& c / und Pub"
    marked = formatted_citation(hostile, CitationOptions("plain", html=True))
    assert marked == "<i>A &lt;b&gt;&amp; c</i> / and Pub"
    for unknown in ("broken", "no-such-style", "../plain", "PLAIN", ""):
        assert formatted_citation(dataset(), CitationOptions(unknown)) == apa(dataset())
    assert formatted_citation(hostile, CitationOptions("plain", "xx-XX")) == "A <b>& c / and Pub"


@pytest.mark.skipif(not has_processor(), reason="needs the extra cite")
def test_the_style_that_the_processor_brings() -> None:
    assert find_style("harvard-cite-them-right") is not None
    cited = formatted_citation(dataset(), CitationOptions("harvard-cite-them-right", "en-GB"))
    assert cited.startswith("Doe, J.A. (2020)")


# -- hostile records -------------------------------------------------------------------------------------

HOSTILE: list[dict[str, Any]] = [
    {},
    {"doi": None},
    {"titles": None, "creators": "nobody", "publisher": 7, "types": [], "dates": {}, "container": "x"},
    {"creators": [None, "x", {"name": None}, {"familyName": 3}], "titles": [{}, 1, {"title": " "}]},
    {"publicationYear": "soon", "dates": [{"date": None, "dateType": "Issued"}]},
    {
        "relatedIdentifiers": [
            {"relationType": "Cites"},
            {"relatedIdentifier": ["x"], "relationType": "Cites"},
        ]
    },
    {"subjects": ["text"], "rightsList": [None], "descriptions": [{"description": {"a": 1}}]},
    {"geoLocations": [{"geoLocationPolygon": "x"}, {"geoLocationPoint": [1]}], "relatedItems": [{}]},
    {"creators": [{"name": "\x00\x0b\ufffe\ud800"}], "titles": [{"title": "a\x00b"}]},
]


@pytest.mark.parametrize("each", RECORD_FORMATS, ids=lambda each: each.name)
@pytest.mark.parametrize("attributes", HOSTILE)
def test_no_record_is_too_odd_for_a_format(each: Any, attributes: dict[str, Any]) -> None:
    assert isinstance(each.write([Record(attributes)], CitationOptions()), str)


def test_lines_and_braces_do_not_escape() -> None:
    title = "x},\n  url = {https://evil.example} }\r\nER  - \u2028TY  - JOUR"
    made = dataset(titles=[{"title": title}])
    assert len(bibtex(made).splitlines()) == len(bibtex(dataset()).splitlines())
    assert bibtex(made).count("{") == bibtex(made).count("}") == bibtex(dataset()).count("{")
    assert len(ris(made).splitlines()) == len(ris(dataset()).splitlines())
    assert len(csv_table([made]).splitlines()) == 2


def test_descriptions_as_text() -> None:
    given = "Nodules &gt;=3 mm<br>and <b>more</b>.<p>Then <script>x</script>&amp;lt;"
    made = dataset(descriptions=[{"description": given, "descriptionType": "Abstract"}])
    assert made.description() == given
    assert made.plain_description() == "Nodules >=3 mm\nand more.\nThen x&lt;"
    assert dataset().plain_description() is None


def test_what_is_known_of_a_licence_and_a_type_is_filled_in() -> None:
    spdx = {
        "rights": "Creative Commons Attribution Non Commercial 4.0 International",
        "rightsUri": "https://creativecommons.org/licenses/by-nc/4.0/legalcode",
        "schemeUri": "https://spdx.org/licenses/",
        "rightsIdentifier": "cc-by-nc-4.0",
        "rightsIdentifierScheme": "SPDX",
    }
    for given in (
        {"rights": "Creative Commons Attribution-NonCommercial 4.0 International License"},
        {"rightsUri": "http://creativecommons.org/licenses/by-nc/4.0/"},
        {"rights": "x", "rightsIdentifier": "CC-BY-NC-4.0"},
    ):
        assert filled_in({"rightsList": [given]})["rightsList"] == [spdx]
    own = {"rights": "NIH Controlled Data Access Policy", "rightsUri": "https://example.org/policy"}
    assert filled_in({"rightsList": [own, None]})["rightsList"] == [own, None]
    types = filled_in({"types": {"resourceTypeGeneral": "Dataset", "ris": "GEN"}})["types"]
    assert types == {
        "schemaOrg": "Dataset",
        "citeproc": "dataset",
        "bibtex": "misc",
        "ris": "GEN",
        "resourceTypeGeneral": "Dataset",
    }
