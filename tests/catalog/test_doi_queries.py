"""Queries for DOIs: what each form of the language finds, among a handful of records made for it."""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog, doi_search
from filmroom.catalog.database import time_limit
from filmroom.catalog.doi_facets import DEFAULT_FACETS, FACETS
from filmroom.catalog.doi_leaves import pattern_of
from filmroom.catalog.doi_query import pieces
from filmroom.errors import QueryRefused
from filmroom.model.doi_directory import DoiDirectory
from filmroom.model.doi_questions import Counted, Cursor, DoiPart, DoiQuestion, OneOf
from filmroom.model.doi_repositories import DoiWriter, Repository
from filmroom.model.dois import DoiRecord, DoiState, ImportedFacts
from filmroom.testing.services import PostgresServer

CREATED = dt.datetime(2020, 5, 17, 12, 30, 15, 250_000)
DIRECTORY = DoiDirectory(
    [Repository("demo.archive", "Demo Imaging Archive"), Repository("demo.other", "Other")],
    aliases={"old.archive": "demo.archive"},
    provider_names={"demo": "Demonstration Institute"},
)


def record(name: str, title: str, **more: Any) -> DoiRecord:
    attributes = {
        "titles": [{"title": title}],
        "publisher": {"name": "Archive of Demonstrations"},
        "publicationYear": 2020,
        "types": {"resourceTypeGeneral": "Dataset"},
    } | more.pop("attributes", {})
    given: dict[str, Any] = {
        "doi": f"10.5072/{name}",
        "client": "demo.archive",
        "state": DoiState.FINDABLE,
        "created": CREATED,
        "updated": CREATED,
        "imported_at": CREATED,
        "imported": ImportedFacts(more.pop("counts", {})),
    }
    return DoiRecord(attributes=attributes, **(given | more))


RECORDS = [
    record(
        "ct-lung",
        "CT images of the Lung Cancer screening trial",
        counts={"citationCount": 120, "viewCount": 7},
        attributes={
            "creators": [
                {
                    "name": "Rios Velazquez, Ada",
                    "familyName": "Rios Velazquez",
                    "givenName": "Ada",
                    "affiliation": [
                        {"name": "Institute A", "affiliationIdentifier": "https://ror.org/04wxnsj81"}
                    ],
                },
                {"name": "O'Hara, Bo J.R.", "familyName": "O'Hara"},
            ],
            "identifiers": [{"identifier": "Lung-CT 1", "identifierType": "TCIA Short Name"}],
            "subjects": [
                {"subject": "Lung Cancer"},
                {
                    "subject": "FOS: Clinical medicine",
                    "subjectScheme": "Fields of Science and Technology (FOS)",
                },
            ],
            "rightsList": [{"rights": "CC BY 4.0", "rightsIdentifier": "CC-BY-4.0"}],
            "relatedIdentifiers": [
                {
                    "relatedIdentifier": "10.5072/MR-Brain",
                    "relatedIdentifierType": "DOI",
                    "relationType": "IsDerivedFrom",
                },
                {
                    "relatedIdentifier": "10.1000/paper",
                    "relatedIdentifierType": "DOI",
                    "relationType": "IsCitedBy",
                },
            ],
            "geoLocations": [{"geoLocationPoint": {"pointLatitude": "-33.5", "pointLongitude": 18}}],
            "version": "2",
        },
        url="https://archive.example.org/ct",
    ),
    record(
        "k9/mr-brain",
        "Brain MR of glioblastoma",
        created=CREATED + dt.timedelta(days=400),
        counts={"citationCount": 3},
        attributes={
            "publicationYear": 2016,
            "creators": [{"name": "Müller, Jürgen", "familyName": "Müller"}],
            "descriptions": [
                {"description": "Imaging of the brain; no lung cancer here.", "descriptionType": "Abstract"}
            ],
            "contributors": [{"name": "Curator", "contributorType": "DataCurator"}],
            "version": "10",
            "language": "en",
        },
    ),
    record(
        "k9/image",
        "Screening mammography",
        client="demo.other",
        attributes={"types": {"resourceTypeGeneral": "Image"}, "publisher": {"name": "Archive"}},
    ),
    record("hidden", "Lung of the registered", state=DoiState.REGISTERED),
    record("draft", "Lung of the draft", state=DoiState.DRAFT, client="demo.other"),
]
FINDABLE = {"10.5072/ct-lung", "10.5072/k9/mr-brain", "10.5072/k9/image"}
CT, MR, IMAGE = "ct-lung", "k9/mr-brain", "k9/image"

Find = Callable[..., list[str]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalogue with the records above, on each engine; no test changes it."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("dois")
        with Catalog.create(f"sqlite:///{folder / 'catalog.sqlite'}") as made:
            made.dois().import_many(RECORDS, actor="test")
            yield made
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url, Catalog.create(url) as made:
            made.dois().import_many(RECORDS, actor="test")
            yield made


@pytest.fixture(scope="module")
def find(filled: Catalog) -> Find:
    """Return the suffixes of what a query finds, sorted."""
    search = filled.doi_search()

    def found(query: str, *, strict: bool = True, viewer: DoiWriter | None = None) -> list[str]:
        question = DoiQuestion(query=query, strict=strict)
        result = search.find(question, DoiPart(100), DIRECTORY, viewer or DoiWriter())
        assert result.total == len(result.records)
        return sorted(each.record.suffix for each in result.records)

    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # words, phrases, places
        ("titles.title:LUNG", [CT]),
        ("lung", [CT, MR]),
        ("lung cancer", [CT, MR]),
        ("lung AND glioblastoma", [MR]),
        ("lung && glioblastoma", [MR]),
        ("mammography || glioblastoma", [IMAGE, MR]),
        ("lung !glioblastoma", [CT]),
        ("lung NOT glioblastoma", [CT]),
        ("lung -glioblastoma", [CT]),
        ("+lung +screening", [CT]),
        ("NOT lung", [IMAGE]),
        ("-lung", [IMAGE]),
        ("NOT NOT mammography", [IMAGE]),
        ("(lung OR mammography) AND screening", [CT, IMAGE]),
        ("mammography OR lung AND glioblastoma", [IMAGE, MR]),  # AND before OR
        ("titles.title:(lung AND ct)", [CT]),
        ("titles.title:(lung ct)", [CT]),
        ('titles.title:"images of the lung"', [CT]),
        ('titles.title:"images the lung"', [CT]),  # one foreign word
        ('titles.title:"images lung"', []),  # two
        ('titles.title:"images lung"~2', [CT]),
        ('titles.title:"lung the"', []),  # order
        ('titles.title:"lung the"~2', [CT]),
        ('"lung cancer"', [CT, MR]),
        ('publisher:"archive of demonstrations"', [CT, MR]),
        ('publisher:"archive demonstrations"', [CT, MR]),
        ('publisher_obj.name:"Archive"', [CT, IMAGE, MR]),
        # nothing reaches from one element of an array into the next
        ('creators.name:"Ada O\'Hara"', []),
        ("creators.name:(Ada AND O'Hara)", [CT]),
        ('creators.familyName:"Rios Velazquez"', [CT]),
        ("creators.name:j.r", [CT]),
        ("creators.familyName:müller", [MR]),
        ("creator_names:jürgen", [MR]),
        ("descriptions.description:brain", [MR]),
        # wildcards, fuzzy, boost
        ("titles.title:glio*", [MR]),
        ("titles.title:*blastoma", [MR]),
        ("titles.title:gl?obl*ma", [MR]),
        ("titles.title:Scr*ning", [CT, IMAGE]),
        ("titles.title:gloiblastoma~1", [MR]),  # letters that changed places
        ("titles.title:glioblastomi~", [MR]),
        ("titles.title:glxoblxstoma~1", []),
        ("titles.title:glioblastoma^3", [MR]),
        (r"titles.title:glio\*", []),
        ("titles.title:*", [CT, IMAGE, MR]),
        ("*", [CT, IMAGE, MR]),
        ("*:*", [CT, IMAGE, MR]),
        # keywords: whole values, with case or without
        ("doi:10.5072/CT-LUNG", [CT]),
        ("uid:10.5072/k9/*", [IMAGE, MR]),
        ("id:10.5072/k9*", [IMAGE, MR]),
        ("10.5072/ct-lung", [CT]),
        ('identifiers.identifier:"lung-ct 1"', [CT]),
        (r"identifiers.identifier:Lung\-CT\ 1", [CT]),
        ("identifiers.identifier:Lung-CT", []),
        ('identifiers.identifierType:"TCIA Short Name"', [CT]),
        ('identifiers.identifierType:"tcia short name"', []),
        ("rightsList.rightsIdentifier:cc-by-4.0", [CT]),
        ("rightsList.rightsIdentifier:cc*", [CT]),
        ("rightsList.rights:CC", []),
        ("types.resourceTypeGeneral:Image", [IMAGE]),
        ("types.resourceTypeGeneral:image", []),
        ("resource_type_id:image", [IMAGE]),
        ('titles.title.keyword:"Screening mammography"', [IMAGE]),
        ('titles.title.keyword:"screening mammography"', []),
        ('subjects.subject.keyword:"Lung Cancer"', [CT]),
        ("subjects.subject:lung", [CT]),
        ('creators_and_contributors.affiliation.name:"Institute A"', [CT]),
        ('affiliation_id:"ror.org/04wxnsj81"', [CT]),
        ("url:archive.example.org", [CT]),
        ("prefix:10.5072", [CT, IMAGE, MR]),
        ("prefix:(10.1 OR 10.5072)", [CT, IMAGE, MR]),
        ("suffix:ct-lung", [CT]),
        ("aasm_state:findable", [CT, IMAGE, MR]),
        ("aasm_state:draft", []),
        ("agency:datacite", [CT, IMAGE, MR]),
        ("is_active:true", [CT, IMAGE, MR]),
        ('schemaVersion:"http://datacite.org/schema/kernel-4"', [CT, IMAGE, MR]),
        ('schema_version:"http://datacite.org/schema/kernel-4"', []),  # the trap of version:
        ("relatedIdentifiers.relatedIdentifier:10.5072/mr-brain", [CT]),
        # two conditions may be met by different elements
        ("relatedIdentifiers.relatedIdentifier:10.1000/paper AND related_identifiers.relationType:Is*", [CT]),
        ("relatedIdentifiers.relatedIdentifier:10.1000/paper relatedIdentifiers.relationType:IsD*", [CT]),
        # ranges, numbers, dates
        ("version:2", [CT]),
        ("version:[1 TO 19]", [MR]),  # as texts
        ("publicationYear:2016", [MR]),
        ("publicationYear:[2016 TO 2019]", [MR]),
        ("publicationYear:{2016 TO 2020}", []),
        ("publicationYear:[2016 TO 2020}", [MR]),
        ("publicationYear:>=2020", [CT, IMAGE]),
        ("publicationYear:<2020", [MR]),
        ("created:2020", [CT, IMAGE]),
        ("created:2020-05", [CT, IMAGE]),
        ("created:2020-05-17", [CT, IMAGE]),
        ("created:2020-05-17T12", [CT, IMAGE]),
        ("created:2020-05-17T12:30", [CT, IMAGE]),
        ("created:2020-05-17T12:30:15Z", [CT, IMAGE]),
        ("created:2020-05-17T12:30:15.250Z", [CT, IMAGE]),
        ("created:2020-05-17T12:30:15.251Z", []),
        ("created:[2020 TO 2021]", [CT, IMAGE, MR]),
        ("created:{2020 TO *]", [MR]),
        ("created:>2020-05-17", [MR]),
        ("created:<=2020-05-17", [CT, IMAGE]),
        ('created:["2020-05-01" TO "2020-06-01"]', [CT, IMAGE]),
        ("citationCount:[100 TO *]", [CT]),
        ("citation_count:3", [MR]),
        ("viewCount:>6", [CT]),
        ("geoLocations.geoLocationPoint.pointLatitude:[-40 TO -30]", [CT]),
        ("geoLocations.geoLocationPoint.pointLongitude:18", [CT]),
        ("geoLocations.geoLocationPoint.pointLatitude:[-30 TO 40]", []),
        # what is there at all
        ("_exists_:rightsList", [CT]),
        ("_exists_:rightsList.rightsIdentifier", [CT]),
        ("NOT _exists_:rightsList", [IMAGE, MR]),
        ("_exists_:language", [MR]),
        ("_exists_:created", [CT, IMAGE, MR]),
        ("_exists_:registered", []),
        ("_exists_:citation_count", [CT, IMAGE, MR]),
        # whose it is
        ("client_id:demo.other", [IMAGE]),
        ("client_id:OLD.archive", [CT, MR]),
        ("provider_id:demo", [CT, IMAGE, MR]),
        ("client.name:imaging", [CT, MR]),
        ('provider.name:"Demonstration Institute"', [CT, IMAGE, MR]),
        ("client.client_type:repository", [CT, IMAGE, MR]),
        ("client.client_type:periodical", []),
        # names that the index does not have
        ("state:findable", []),
        ("clientId:demo.other", []),
        ("alternateIdentifiers.alternateIdentifier:*", []),
        ("nosuchfield:lung", []),
        ("@creator_orcid:*", []),
        ("nosuchword", []),
        ("%_", []),
    ],
)
def test_what_a_query_finds(find: Find, query: str, expected: list[str]) -> None:
    assert find(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state:findable", [CT, IMAGE, MR]),
        ("clientId:demo.other", [IMAGE]),
        ("providerId:demo", [CT, IMAGE, MR]),
        ('alternateIdentifiers.alternateIdentifier:"Lung-CT 1"', [CT]),
        ('alternateIdentifiers.alternateIdentifierType:"TCIA Short Name"', [CT]),
        ("referenceCount:0", [CT, IMAGE, MR]),
        ("isActive:true", [CT, IMAGE, MR]),
        ("resourceTypeId:image", [IMAGE]),
    ],
)
def test_names_of_the_json_are_known_unless_strict(find: Find, query: str, expected: list[str]) -> None:
    assert find(query, strict=False) == expected


@pytest.mark.parametrize(
    "query",
    [
        "lung AND",
        "AND lung",
        "(lung",
        "lung )",
        "( )",
        "titles.title:",
        '"lung',
        "publicationYear:[2015 TO",
        "[",
        "~",
        "publicationYear:x",
        "publicationYear:20*",
        "created:yesterday",
        "created:2020-13",
        "created:[2020-02-30 TO *]",
        "citationCount:many",
        "citationCount:nan",
        "citation_count:1*",
        "a" * 4_097,
        "(" * 21 + "a" + ")" * 21,
        "NOT " * 1_000 + "a",
        'titles.title:"' + "a b " * 40 + '"',
        '"a b"~1000',
    ],
)
def test_what_no_query_is_refused(find: Find, query: str) -> None:
    with pytest.raises(QueryRefused):
        find(query)


def test_the_longest_and_deepest_query_is_answered(find: Find) -> None:
    assert find(" OR ".join(["x"] * 800 + ["glioblastoma"])) == [MR]
    assert find("(" * 20 + "glioblastoma" + ")" * 20) == [MR]


def test_a_pattern_that_stands_for_too_many_words_is_refused(
    filled: Catalog, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filmroom.catalog import doi_leaves

    monkeypatch.setattr(doi_leaves, "MOST_EXPANDED", 3)
    assert find("titles.title:gl*") == [MR]
    with pytest.raises(QueryRefused, match="more than 3"):
        find("titles.title:*n*")
    assert find("doi:10.5072/*") == [CT, IMAGE, MR]  # the beginning of a keyword is one piece of the index


def test_words_with_wildcards_are_matched_as_files_are() -> None:
    for number in range(4**5):
        pattern = "".join("ab*?"[number // 4**place % 4] for place in range(5)).lstrip("b")
        fits = pattern_of(pieces(pattern)).fullmatch
        for word in ("", "a", "ab", "ba", "aab", "abab", "babab", "aabbab", "bbbbbb"):
            assert (fits(word) is not None) == fnmatch.fnmatchcase(word, pattern), (pattern, word)


def test_stars_between_letters_take_no_time_on_a_long_title(find: Find) -> None:
    """The database finds it without regard to case; what then tells the cases apart tries nothing twice."""
    assert pattern_of(pieces("*a" * 500 + "*Z*")).fullmatch("a" * 2000 + "z") is None
    assert find("titles.title.keyword:" + "*a" * 500 + "*Z*") == []


def test_a_query_that_takes_too_long_is_refused(filled: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doi_search, "_SECONDS", 0.0)
    with pytest.raises(QueryRefused, match="too long"):
        filled.doi_search().find(DoiQuestion(query="lung"), DoiPart(1), DIRECTORY)


def test_a_statement_that_takes_too_long_is_ended(filled: Catalog) -> None:
    endless = sa.text(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    )
    with filled._database.reading() as connection:
        with pytest.raises(QueryRefused, match="too long"), time_limit(connection, 0.05):
            connection.execute(endless)
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_who_may_see_what(filled: Catalog, find: Find) -> None:
    assert find("titles.title:registered") == []
    assert find("lung", viewer=DoiWriter("a", frozenset({"demo.archive"}))) == [CT, "hidden", MR]
    assert find("lung", viewer=DoiWriter("b", frozenset({"demo.other"}))) == [CT, "draft", MR]
    assert find("lung", viewer=DoiWriter("c", everywhere=True)) == [CT, "draft", "hidden", MR]
    assert find("NOT lung", viewer=DoiWriter("b", frozenset({"demo.other"}))) == [IMAGE]
    search = filled.doi_search()
    named = DoiQuestion((OneOf("doi", ("10.5072/draft", "10.5072/ct-lung")),))
    assert search.find(named, DoiPart(9), DIRECTORY).total == 1
    states = DoiQuestion((OneOf("state", ("draft",)),))
    assert search.find(states, DoiPart(9), DIRECTORY).total == 0


@pytest.mark.parametrize(
    ("sort", "descending", "expected"),
    [
        ("name", False, [CT, IMAGE, MR]),
        ("name", True, [MR, IMAGE, CT]),
        ("created", False, [CT, IMAGE, MR]),
        ("created", True, [MR, CT, IMAGE]),  # equal ones by DOI
        ("published", False, [MR, CT, IMAGE]),
        ("title", False, [MR, CT, IMAGE]),
        ("citation", True, [CT, MR, IMAGE]),
        ("view", True, [CT, IMAGE, MR]),
        ("download", False, [CT, IMAGE, MR]),
    ],
)
def test_orders(filled: Catalog, sort: str, descending: bool, expected: list[str]) -> None:
    search = filled.doi_search()
    part = DoiPart(10, sort=sort, descending=descending)
    found = search.find(DoiQuestion(), part, DIRECTORY).records
    assert [each.record.suffix for each in found] == expected
    paged = [
        search.find(DoiQuestion(), DoiPart(1, offset, sort, descending), DIRECTORY).records[0].record.suffix
        for offset in range(3)
    ]
    assert paged == expected


def test_relevance_likes_rare_words_and_heavy_ones(filled: Catalog) -> None:
    search = filled.doi_search()

    def order(query: str) -> list[str]:
        found = search.find(DoiQuestion(query=query), DoiPart(10, sort="relevance"), DIRECTORY)
        return [each.record.suffix for each in found.records]

    assert order("screening OR mammography") == [IMAGE, CT]
    assert order("lung^50 OR glioblastoma")[0] == CT
    assert order("lung OR glioblastoma^50")[0] == MR
    assert order("glioblastoma OR 10.5072/k9/image")[0] == IMAGE


def test_a_cursor_goes_from_the_oldest_to_the_newest(filled: Catalog) -> None:
    search, seen, place = filled.doi_search(), [], Cursor(dt.datetime(1970, 1, 1), "")
    for _ in range(4):
        found = search.find(DoiQuestion(), DoiPart(1, cursor=place), DIRECTORY).records
        for each in found:
            assert each.record.created is not None
            seen.append(each.record.suffix)
            place = Cursor(each.record.created, each.record.doi)
    assert seen == [CT, IMAGE, MR]


def test_samples_and_random_orders(filled: Catalog) -> None:
    search = filled.doi_search()
    some = search.find(DoiQuestion(), DoiPart(2, random=True), DIRECTORY)
    assert (some.total, len(some.records)) == (3, 2)
    grouped = search.find(DoiQuestion(), DoiPart(10, sample=1, group="client"), DIRECTORY).records
    assert sorted(each.record.client for each in grouped) == ["demo.archive", "demo.other"]
    drawn = search.find(DoiQuestion(), DoiPart(10, sample=2), DIRECTORY).records
    assert len({each.record.doi for each in drawn}) == 2


def test_facets_count_the_whole_result(filled: Catalog) -> None:
    search = filled.doi_search()
    facets = search.find(DoiQuestion(), DoiPart(1), DIRECTORY, facets=tuple(FACETS)).facets
    assert list(facets) == list(FACETS)
    assert list(facets)[: len(DEFAULT_FACETS)] == list(DEFAULT_FACETS)
    assert facets["states"] == [Counted("findable", 3)]
    assert facets["resourceTypes"] == [Counted("dataset", 2), Counted("image", 1)]
    assert facets["created"] == [Counted("2021", 1), Counted("2020", 2)]
    assert facets["published"] == [Counted("2020", 2), Counted("2016", 1)]
    assert facets["clients"] == [Counted("demo.archive", 2), Counted("demo.other", 1)]
    assert facets["licenses"] == [Counted("cc-by-4.0", 1)]
    assert facets["licensesWithMissing"] == [
        Counted("__missing__", 2, "Missing"),
        Counted("cc-by-4.0", 1),
    ]
    assert facets["subjects"] == [Counted("FOS: Clinical medicine", 1), Counted("Lung Cancer", 1)]
    assert facets["fieldsOfScience"] == [Counted("Clinical medicine", 1)]
    assert facets["affiliations"] == [Counted("ror.org/04wxnsj81", 1, "Institute A")]
    assert facets["citations"] == [Counted("2020", 120), Counted("2016", 3)]
    assert facets["views"] == [Counted("2020", 7)]
    assert facets["downloads"] == []
    assert facets["languages"] == [Counted("en", 1)]
    of_some = search.find(DoiQuestion(query="glioblastoma"), DoiPart(0), DIRECTORY, facets=["clients"])
    assert (of_some.facets, of_some.records) == ({"clients": [Counted("demo.archive", 1)]}, [])
    nothing = search.find(DoiQuestion(query="nosuchword"), DoiPart(1), DIRECTORY, facets=["clients"])
    assert nothing.facets == {}
