"""The DataCite API of an archive with records of its own: lists, what follows a DOI, who sees what."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from filmroom.catalog import Catalog
from filmroom.model.doi_import import records_from_json
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.server.datacite.app import ROUTES
from filmroom.server.datacite.calls import DataCiteOptions
from filmroom.settings import ArchiveAddress
from filmroom.testing.doi_records import doi_records
from filmroom.testing.live import running_server

PASSWORD = "correct horse battery"
HOST = "dois.example.org"
MIRRORED = 40
NOT_FOUND = {"errors": [{"status": "404", "title": "The resource you are looking for doesn't exist."}]}
BAD_CREDENTIALS = {"errors": [{"status": "401", "title": "Bad credentials."}]}


def own_record(name: str, state: DoiState, client: str = "demo.archive", **attributes: Any) -> DoiRecord:
    return DoiRecord(
        doi=f"10.5072/{name}",
        client=client,
        state=state,
        url=f"https://archive.example.org/{name}/",
        source="mds",
        attributes={
            "titles": [{"title": f"Secretword of {name}"}],
            "publisher": {"name": "Demo"},
            "publicationYear": 2026,
            "types": {"resourceTypeGeneral": "JournalArticle", "resourceType": "Data Note"},
            "creators": [
                {
                    "name": "Doe, Jane",
                    "familyName": "Doe",
                    "givenName": "Jane",
                    "nameIdentifiers": [
                        {"nameIdentifier": "0000-0002-1825-0097", "nameIdentifierScheme": "Other"}
                    ],
                    "affiliation": [
                        {"name": "Institute", "affiliationIdentifier": "https://ror.org/04wxnsj81"}
                    ],
                },
                {
                    "name": "Institute of Organisations",
                    "nameIdentifiers": [{"nameIdentifier": "https://ror.org/040gcmg81"}],
                },
            ],
            "subjects": [
                {"subject": "Lung, with comma"},
                {
                    "subject": "FOS: Clinical medicine",
                    "subjectScheme": "Fields of Science and Technology (FOS)",
                },
            ],
            "rightsList": [{"rights": "CC0", "rightsIdentifier": "CC0-1.0"}],
            "fundingReferences": [
                {"funderName": "F", "funderIdentifier": "https://doi.org/10.13039/100000054"},
                {"funderName": "G", "funderIdentifier": "https://ror.org/00example"},
            ],
            "relatedIdentifiers": [
                {
                    "relationType": "Cites",
                    "relatedIdentifier": "10.5072/draft",
                    "relatedIdentifierType": "DOI",
                }
            ],
        }
        | attributes,
    )


@dataclass(frozen=True)
class Archive:
    """A running server, and how it is asked."""

    url: str
    fetch: Callable[..., Any]
    mirrored: list[DoiRecord]

    def get(self, path: str, method: str = "GET", **headers: str) -> Any:
        return self.fetch(self.url, f"/datacite{path}", method, **headers)

    def json(self, path: str, **headers: str) -> Any:
        answer = self.get(path, **headers)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)

    def ids(self, path: str, **headers: str) -> list[str]:
        return [each["id"] for each in self.json(path, **headers)["data"]]


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


@pytest.fixture(scope="module")
def archive(module_address: ArchiveAddress, fetch: Callable[..., Any]) -> Iterator[Archive]:
    with Catalog.create(module_address.database_url) as catalog:
        repositories = catalog.doi_repositories()
        repositories.add("demo.archive", "Demo Archive", prefixes=["10.5072"], password=PASSWORD)
        repositories.add("other.archive", "Other Archive", password=PASSWORD)
        dois = catalog.dois()
        mirrored = [
            record
            for document in doi_records(MIRRORED)
            for record in records_from_json(document, dt.datetime(2026, 8, 30))
        ]
        dois.import_many(mirrored, actor="import")
        for state in DoiState:
            dois.put(own_record(state.value, state), actor="jane")
        findable = dois.get("10.5072/findable")
        dois.put(replace(findable, reason="none"), actor="jane")
    options = DataCiteOptions(
        host=HOST, aliases={"old.archive": "demo.archive"}, provider_names={"demo": "Demo Institute"}
    )
    with running_server(module_address, datacite=options) as url:
        yield Archive(url, fetch, mirrored)


# -- filters ---------------------------------------------------------------------------------------------

OWN = ["10.5072/findable"]


@pytest.mark.parametrize(
    "asked",
    [
        "client-id=demo.archive",
        "client_id=DEMO.ARCHIVE",
        "client-id=old.archive",
        "provider-id=demo",
        "provider-id=old.archive",
        "prefix=10.5072,10.9999",
        "resource-type-id=journal-article",
        "resource-type-id=JournalArticle",
        "resource-type=data%20note",
        "published=2026",
        "published=2027,2026",
        "license=cc0-1.0",
        "license=CC0-1.0,mit",
        "subject=FOS:%20Clinical%20medicine",
        "field-of-science=clinical_medicine",
        "user-id=https://orcid.org/0000-0002-1825-0097",
        "user-id=0000-0002-1825-0097",
        "affiliation-id=https://ror.org/04wxnsj81",
        "affiliation_id=ror.org/04wxnsj81",
        "has-affiliation=true",
        "has-organization=1",
        "has-funder=x",
        "funder-id=10.13039/100000054",
        "funder-id=https://doi.org/10.13039/100000054,10.13039/1",
        "source=mds",
        "id=10.5072/FINDABLE",
        "ids=10.5072/findable,10.5072/draft,10.5072/registered,nonsense",
        "has-references=1&prefix=10.5072",
        "client-type=repository&prefix=10.5072",
        "schema-version=4&prefix=10.5072",
        "query=secretword",
        "query=secretword&client-id=&created=",
        "unknown-parameter=1&prefix=10.5072",
    ],
)
def test_a_filter_finds_the_archives_own_record(archive: Archive, asked: str) -> None:
    assert archive.ids(f"/dois?{asked}&page[size]=100") == OWN


@pytest.mark.parametrize(
    "asked",
    [
        "subject=FOS:%20clinical%20medicine",
        "client-id=nobody",
        "provider-id=nobody",
        "client-type=periodical",
        "certificate=x",
        "re3data-id=1",
        "link-check-status=200",
        "affiliation-country=DE",
        "consortium-id=x",
        "schema-version=3",
        "user-id=nobody",
        "published=abc",
        "created=0",
        "registered=99999",
        "has-citations=1&prefix=10.5072",
        "has-views=1&prefix=10.5072",
        "query=secretword&license=mit",
        "ids=nonsense",
        "funded-by=ror.org/123456789",
    ],
)
def test_a_filter_that_nothing_meets_finds_nothing(archive: Archive, asked: str) -> None:
    document = archive.json(f"/dois?{asked}")
    assert document["data"] == []
    assert document["meta"] == {"total": 0, "totalPages": 0, "page": 1}
    assert list(document["links"]) == ["self"]


def test_the_union_of_symbols_and_of_what_records_have(archive: Archive) -> None:
    both = archive.json("/dois?provider-id=demo&client-id=nihnci.tcia&page[size]=0")["meta"]["total"]
    assert both == MIRRORED + 1
    either = archive.json("/dois?provider-id=demo&has-person=1&page[size]=0")["meta"]["total"]
    assert either == 1
    years = [record.attributes["publicationYear"] for record in archive.mirrored]
    some = archive.json("/dois?published=2013,2019&client-id=tciar&page[size]=0")["meta"]["total"]
    assert some == sum(2013 <= year <= 2019 for year in years)


def test_who_chooses_states(archive: Archive) -> None:
    assert archive.ids("/dois?state=draft,registered&prefix=10.5072") == OWN  # anybody: findable, always
    mine = basic("demo.archive")
    assert archive.ids("/dois?state=draft&prefix=10.5072", **mine) == ["10.5072/draft"]
    assert len(archive.ids("/dois?prefix=10.5072", **mine)) == 3
    assert archive.ids("/dois?prefix=10.5072", **basic("other.archive")) == OWN


# -- parts of lists --------------------------------------------------------------------------------------


def walk(archive: Archive, path: str) -> list[str]:
    seen: list[str] = []
    while path:
        document = archive.json(path)
        seen += [each["id"] for each in document["data"]]
        path = document["links"].get("next", "").removeprefix(f"{archive.url}/datacite")
    return seen


@pytest.mark.parametrize(
    ("start", "pages", "in_order"),
    [
        ("/dois?sort=title&license=cc-by-4.0,cc-by-3.0&disable-facets=1", "&page[size]=7", True),
        ("/dois/?sort=-view-count&source=api", "&page%5Bsize%5D=5", True),
        ("/providers/tciar/dois?sort=name", "&page[size]=9", True),
        ("/clients/tciar/dois?fields[dois]=titles", "&page[cursor]=1&page[size]=11", False),
        ("/dois?query=lung%20OR%20(brain)%20OR%20ct*", "&page[cursor]=&page[size]=3", False),
    ],
)
def test_what_follows_keeps_everything_that_was_asked(
    archive: Archive, start: str, pages: str, in_order: bool
) -> None:
    whole = archive.ids(f"{start}&page[size]=1000")
    walked = walk(archive, start + pages)
    assert len(whole) > 10
    assert walked == whole if in_order else sorted(walked) == sorted(whole)


def test_next_is_written_in_order_and_escaped(archive: Archive) -> None:
    path = "/dois?sort=name&query=publisher:%22The+Cancer+Imaging+Archive%22&page[size]=2&client-id=tciar"
    links = archive.json(path)["links"]
    root = f"{archive.url}/datacite/dois"
    assert links["self"] == f"{archive.url}/datacite{path}"
    assert links["next"] == (
        f"{root}?client-id=tciar&page%5Bnumber%5D=2&page%5Bsize%5D=2"
        "&query=publisher%3A%22The%20Cancer%20Imaging%20Archive%22&sort=name"
    )


def test_a_scroll_reads_all_and_ends(archive: Archive) -> None:
    document = archive.json("/dois?page[scroll]=1m&page[size]=15&client-id=tciar")
    seen: list[str] = []
    while document["data"]:
        assert document["meta"]["total"] == MIRRORED
        seen += [each["id"] for each in document["data"]]
        document = archive.json(f"/dois?page[scroll]=1m&scroll-id={document['meta']['scroll-id']}")
    assert len(seen) == len(set(seen)) == MIRRORED
    for bad in ("x", "eJyLVkrKT1KK1QEAEOYCtw", "a" * 30_000):
        answer = archive.get(f"/dois?scroll-id={bad}")
        assert (answer.status, json.loads(answer.text)) == (404, NOT_FOUND)
    ended = archive.json("/dois?page[scroll]=0s&page[size]=1")["meta"]["scroll-id"]
    assert archive.get(f"/dois?scroll-id={ended}").status == 404


def test_random_and_samples(archive: Archive) -> None:
    assert len(set(archive.ids("/dois?random=true&page[size]=20"))) == 20
    drawn = archive.json("/dois?sample=2&sample-group=client&page[size]=100")
    assert len(drawn["data"]) == 3  # two of TCIA's and the archive's one
    assert "next" not in archive.json("/dois?random=TRUE&page[size]=5")["links"]


def test_an_unknown_order_is_the_default_one(archive: Archive) -> None:
    default = archive.ids("/dois?page[size]=50")
    for sort in ("-updated", "updated_at", "views", "-", "title-count", "-relevance"):
        assert archive.ids(f"/dois?page[size]=50&sort={sort}") == default
    assert archive.ids("/dois?page[size]=50&sort=updated") != default


def test_facets_have_titles(archive: Archive) -> None:
    meta = archive.json("/dois?prefix=10.5072")["meta"]
    assert meta["states"] == [{"id": "findable", "title": "Findable", "count": 1}]
    assert meta["resourceTypes"] == [{"id": "journal-article", "title": "Journal Article", "count": 1}]
    assert meta["providers"] == [{"id": "demo", "title": "Demo Institute", "count": 1}]
    assert meta["clients"] == [{"id": "demo.archive", "title": "Demo Archive", "count": 1}]
    assert meta["affiliations"] == [{"id": "ror.org/04wxnsj81", "title": "Institute", "count": 1}]
    assert meta["licenses"] == [{"id": "cc0-1.0", "title": "CC0-1.0", "count": 1}]
    assert meta["schemaVersions"] == [{"id": "4", "title": "Schema 4", "count": 1}]
    assert meta["subjects"][0] == {
        "id": "FOS: Clinical medicine",
        "title": "Fos: Clinical Medicine",
        "count": 1,
    }
    assert meta["fieldsOfScience"] == [{"id": "clinical_medicine", "title": "Clinical medicine", "count": 1}]
    some = archive.json("/dois?facets=client_types,registrationAgencies,languages,nonsense&prefix=10.5072")
    assert list(some["meta"]) == [
        "total",
        "totalPages",
        "page",
        "clientTypes",
        "registrationAgencies",
        "languages",
    ]
    assert list(archive.json("/dois?facets=")["meta"]) == ["total", "totalPages", "page"]


# -- HTTP ------------------------------------------------------------------------------------------------


def test_headers_of_answers(archive: Archive) -> None:
    answer = archive.get("/dois/10.5072/findable", Origin="https://elsewhere.example")
    headers = answer.headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["cache-control"] == "max-age=0, private, must-revalidate"
    assert headers["etag"].startswith('W/"')
    assert "Accept" in headers["vary"]
    assert headers["x-request-id"]
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    for tag in (headers["etag"], f'"x", {headers["etag"]}', "*"):
        again = archive.get("/dois/10.5072/findable", If_None_Match=tag)
        assert (again.status, again.body) == (304, b"")
    assert archive.get("/dois/10.5072/findable", If_None_Match='"x"').status == 200
    assert archive.get("/nope").headers["cache-control"] == "no-cache"
    head = archive.get("/dois/10.5072/findable", "HEAD")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("path", ["/dois", "/dois/10.5072/x", "/nope", "/activities"])
def test_options_are_answered_everywhere(archive: Archive, path: str) -> None:
    answer = archive.get(path, "OPTIONS", Origin="https://elsewhere.example")
    assert (answer.status, answer.body) == (204, b"")
    assert "PUT" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "accept", ["application/vnd.api+json", "application/json", "*/*", "text/html", "", "text/html,*/*;q=0.1"]
)
def test_json_is_what_api_clients_get(archive: Archive, accept: str) -> None:
    for path in ("/dois/10.5072/findable", "/dois?page[size]=1"):
        answer = archive.get(path, Accept=accept)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert json.loads(answer.text)["data"]


def test_lists_come_in_other_formats(archive: Archive) -> None:
    by_path = archive.get("/dois/application/x-bibtex?query=secretword")
    by_header = archive.get("/dois?query=secretword", Accept="application/x-bibtex")
    assert by_path.text == by_header.text
    assert "@article" in by_path.text or "@misc" in by_path.text
    assert archive.get("/dois?page[size]=1", Accept="application/x-nothing").status == 406


def test_jsonp_calls_a_function_and_nothing_else(archive: Archive) -> None:
    answer = archive.get("/dois/10.5072/findable?callback=my.done_1")
    assert answer.headers["content-type"].startswith("application/javascript")
    assert answer.text.startswith("/**/my.done_1({")
    for bad in ("alert(1)", "a-b", "1a", "a" * 200, "<script>"):
        assert archive.get(f"/dois/10.5072/findable?callback={quote(bad)}").status == 400
    # A browser's stored password must not reach a foreign page.
    known = archive.get("/dois/10.5072/draft?callback=steal", **basic("demo.archive"))
    assert known.headers["content-type"].startswith("application/json")


def test_the_api_has_a_host_of_its_own(archive: Archive) -> None:
    answer = archive.fetch(archive.url, "/dois?query=secretword", Host=HOST)
    document = json.loads(answer.text)
    assert [each["id"] for each in document["data"]] == OWN
    assert document["links"]["self"] == f"http://{HOST}/dois?query=secretword"
    assert archive.fetch(archive.url, "/", Host=HOST).status == 404
    assert archive.fetch(archive.url, "/dois").status == 404  # elsewhere it lies below /datacite


def test_small_answers(archive: Archive) -> None:
    heartbeat = archive.get("/heartbeat")
    assert (heartbeat.status, heartbeat.text) == (200, "OK")
    assert heartbeat.headers["content-type"].startswith("text/plain")
    assert archive.json("/dois/10.5072/Findable/get-url") == {"url": "https://archive.example.org/findable/"}
    assert archive.json("/dois/random?prefix=10.5072&number=122149076") == {"dois": ["10.5072/3mfp-6m52"]}
    assert len(set(archive.json("/dois/random?prefix=10.5072&size=5")["dois"])) == 5
    for bad in ("number=x", "number=-1", "number=99999999999999", "size=1001"):
        assert archive.get(f"/dois/random?prefix=10.5072&{bad}").status == 400
    for name in ("media", "metadata", "events"):
        assert archive.json(f"/dois/10.5072/findable/{name}")["data"] == []
    mine = basic("demo.archive")
    assert archive.json("/dois/get-dois", **mine) == {
        "dois": ["10.5072/DRAFT", "10.5072/FINDABLE", "10.5072/REGISTERED"]
    }
    assert archive.get("/dois/get-dois", **basic("other.archive")).status == 204
    assert archive.get("/dois/get-dois").status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/dois?" + "&".join(f"a{n}=1" for n in range(600)),
        "/dois?query=" + "x" * 5_000,
        "/dois?query=" + quote("(" * 25 + "a" + ")" * 25),
    ],
)
def test_absurd_questions_are_refused(archive: Archive, path: str) -> None:
    assert archive.get(path).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/dois/10.5072/%00",
        "/dois/%FF",
        "/dois?query=%00",
        "/dois?query=%ff",
        "/dois?client-id=%00&created=%F0%9F%92%A9",
        "/dois?page[size]=" + "9" * 400,
        "/dois?page[number]=" + "9" * 400,
        "/dois?page[cursor]=%F0%9F%92%A9",
        "/dois?page[cursor]=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSx4",
        "/dois?sample=-5",
        "/dois?has-views=" + "9" * 30,
        "/dois?subject=" + "x" * 3_000,
        "/dois?query=doi:" + "x" * 3_000,
        "/dois?ids=" + ",".join("10.5072/x" for _ in range(500)),
        "/activities?query=%25_%5C",
        "/activities/%00",
        "/providers/%00",
        "/prefixes/..",
        "/works?rows=abc&person-id=%00",
        "/dois/../../etc/passwd",
        "/dois//",
    ],
)
def test_hostile_questions_are_answered(archive: Archive, path: str) -> None:
    answer = archive.get(path)
    assert answer.status in {200, 400, 404}, answer.text
    assert "Traceback" not in answer.text
    json.loads(answer.text)


# -- members, activities, works --------------------------------------------------------------------------


def test_members_are_listed(archive: Archive) -> None:
    clients = archive.json("/clients")
    assert [each["id"] for each in clients["data"]] == ["demo.archive", "other.archive", "nihnci.tcia"]
    assert list(clients["meta"])[3:] == [
        "years",
        "providers",
        "software",
        "certificates",
        "repository_types",
        "clientTypes",
    ]
    assert archive.ids("/clients?sort=-name&page[size]=1") == ["nihnci.tcia"]
    assert archive.ids("/repositories?provider-id=demo") == ["demo.archive"]
    assert archive.ids("/providers/demo/repositories") == ["demo.archive"]
    assert archive.ids("/clients?query=cancer") == ["nihnci.tcia"]
    assert archive.ids("/clients?year=2025") == ["nihnci.tcia"]
    providers = archive.json("/providers?page[size]=2")
    assert providers["meta"]["total"] == 3
    assert "page%5Bnumber%5D=2" in providers["links"]["next"]
    assert archive.json("/providers/old.archive")["data"]["attributes"]["name"] == "Demo Institute"
    assert archive.json("/repositories/old.archive")["data"]["type"] == "repositories"
    assert archive.ids("/prefixes") == ["10.25737", "10.5072", "10.7937"]
    assert archive.ids("/providers/tciar/prefixes") == ["10.25737", "10.7937"]
    assert archive.ids("/clients/demo.archive/prefixes") == ["10.5072"]
    assert archive.ids("/prefixes?query=5072") == ["10.5072"]
    assert len(archive.ids("/resource-types?page[size]=100")) == 34
    assert archive.json("/resource-types/journal-article")["data"]["attributes"]["title"] == "Journal Article"
    for path in ("/providers/x", "/clients/x", "/prefixes/10.1", "/resource-types/x", "/members"):
        answer = archive.get(path)
        assert (answer.status, json.loads(answer.text)) == (404, NOT_FOUND)


def test_the_history_of_a_record(archive: Archive) -> None:
    document = archive.json("/dois/10.5072/FINDABLE/activities")
    updated, created = document["data"]
    assert [updated["attributes"]["version"], created["attributes"]["version"]] == [2, 1]
    assert updated["attributes"]["changes"] == {"reason": [None, "none"]}
    root = f"{archive.url}/datacite"
    assert created["attributes"]["prov:wasAttributedTo"] == f"{root}/repositories/demo.archive"
    assert created["attributes"]["prov:wasGeneratedBy"] == f"{root}/activities/{created['id']}"
    assert created["attributes"]["prov:wasDerivedFrom"] == "https://doi.org/10.5072/findable"
    assert created["attributes"]["changes"]["publisher"] == "Demo"
    shown = archive.json(f"/activities/{created['id']}?publisher=true")["data"]["attributes"]
    assert shown["changes"]["publisher"] == {"name": "Demo"}
    assert archive.ids("/dois/10.5072/findable/activities?sort=created") == [created["id"], updated["id"]]
    assert archive.ids("/clients/demo.archive/activities") == [updated["id"], created["id"]]
    assert archive.ids(f"/activities?ids={created['id']},x") == [created["id"]]
    assert archive.ids("/activities?query=10.5072/findable%20update") == [updated["id"]]
    everything = walk(archive, "/activities?page[cursor]=1&page[size]=10")
    assert len(everything) == len(set(everything)) == MIRRORED + 2
    assert len(walk(archive, "/activities?page[size]=17")) == MIRRORED + 2
    scoped = walk(archive, "/dois/10.5072/findable/activities?page[size]=1")
    assert scoped == [updated["id"], created["id"]]
    assert len(archive.ids("/activities?query=10.5072", **basic("demo.archive"))) == 4


def test_works_in_their_old_shape(archive: Archive) -> None:
    [work] = archive.json("/works?query=secretword&rows=5")["data"]
    assert (work["id"], work["type"]) == ("https://doi.org/10.5072/findable", "works")
    attributes = work["attributes"]
    assert attributes["author"] == [
        {"given": "Jane", "family": "Doe"},
        {"literal": "Institute of Organisations"},
    ]
    assert attributes["title"] == "Secretword of findable"
    assert attributes["container-title"] == "Demo"
    assert attributes["resource-type-id"] == "journal-article"
    assert (attributes["data-center-id"], attributes["member-id"]) == ("demo.archive", "demo")
    assert archive.json("/works/10.5072/findable")["data"] == work
    listed = archive.json("/works?member-id=tciar&rows=3")
    assert "links" not in listed
    assert list(listed["meta"]) == [
        "resource-types",
        "registered",
        "providers",
        "data-centers",
        "affiliations",
        "total",
        "total-pages",
        "page",
    ]
    assert (len(listed["data"]), listed["meta"]["total"], listed["meta"]["total-pages"]) == (3, 40, 14)
    assert (
        archive.json("/works?person-id=0000-0002-1825-0097&data-center-id=demo.archive")["meta"]["total"] == 1
    )
    assert archive.get("/works/10.5072/draft").status == 404


# -- who sees what ---------------------------------------------------------------------------------------

# A path for every route that reads, about one DOI where it is about one.
PATHS = {
    "heartbeat": "/heartbeat",
    "random": "/dois/random?prefix=10.5072&number=1",
    "all_dois": "/dois/get-dois",
    "url": "/dois/{doi}/get-url",
    "nothing_more": "/dois/{doi}/media",
    "one": "/dois/{doi}",
    "dois": "/dois?ids={doi}&query=*",
    "in_format": "/dois/text/x-bibliography?query=doi:{doi}",
    "of_provider": "/providers/demo/dois?query=doi:{doi}",
    "of_client": "/clients/demo.archive/dois?query=doi:{doi}",
    "of_doi": "/dois/{doi}/activities",
    "every": "/activities?query={doi}",
    "providers": "/providers",
    "provider": "/providers/demo",
    "clients": "/clients",
    "client": "/clients/demo.archive",
    "prefixes": "/prefixes",
    "prefix": "/prefixes/10.5072",
    "resource_types": "/resource-types",
    "resource_type": "/resource-types/dataset",
    "works": "/works?query=doi:{doi}",
    "work": "/works/{doi}",
    "resolved": "/{doi}",
}
VIEWERS = {
    "anybody": {},
    "owner": basic("demo.archive"),
    "owner in capitals": basic("DEMO.ARCHIVE"),
    "another repository": basic("other.archive"),
}
# These tell of no record.
OF_NO_RECORD = {
    "heartbeat",
    "random",
    "all_dois",
    "providers",
    "provider",
    "clients",
    "client",
    "prefixes",
    "prefix",
    "resource_types",
    "resource_type",
}


def test_every_route_that_reads_is_in_the_table() -> None:
    reading = {r.handler.__name__ for r in ROUTES if "GET" in r.methods and r.handler.__name__ != "one"}
    assert reading == set(PATHS) - {"one"}


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("name", sorted(set(PATHS) - OF_NO_RECORD))
def test_what_is_not_findable_does_not_exist_for_others(archive: Archive, name: str, viewer: str) -> None:
    for state in DoiState:
        doi, unknown = f"10.5072/{state.value}", "10.5072/unknown"
        answer = archive.get(PATHS[name].format(doi=doi), **VIEWERS[viewer])
        absent = archive.get(PATHS[name].format(doi=unknown), **VIEWERS[viewer])
        if state is DoiState.FINDABLE or viewer.startswith("owner"):
            assert answer.status in {200, 303}, answer.text
            assert (answer.status, answer.text.replace(doi, unknown)) != (absent.status, absent.text)
        else:
            assert (answer.status, answer.text.replace(doi, unknown)) == (absent.status, absent.text)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_one_activity_is_shown_with_its_record(archive: Archive, viewer: str) -> None:
    known = archive.json("/activities?page[size]=100&query=10.5072", **basic("demo.archive"))["data"]
    shown = {
        each["attributes"]["prov:wasDerivedFrom"]
        for each in known
        if archive.get(f"/activities/{each['id']}", **VIEWERS[viewer]).status == 200
    }
    assert len(shown) == (3 if viewer.startswith("owner") else 1)


@pytest.mark.parametrize("name", sorted(PATHS))
def test_wrong_credentials_are_refused_everywhere(archive: Archive, name: str) -> None:
    answer = archive.get(
        PATHS[name].format(doi="10.5072/findable"), Authorization="Bearer not-a-token-of-anybody"
    )
    assert (answer.status, json.loads(answer.text)) == (401, BAD_CREDENTIALS)


def test_what_is_listed_of_everything_holds_nothing_secret(archive: Archive) -> None:
    for path in ("/dois?page[size]=1000&detail=1", "/activities?page[size]=1000", "/works?rows=1000"):
        text = archive.get(path).text
        assert "Secretword of findable" in text
        assert "Secretword of draft" not in text
        assert "Secretword of registered" not in text


def test_looks_at_a_page_are_counted_but_for_robots(archive_address: ArchiveAddress, fetch: Any) -> None:
    with Catalog.create(archive_address.database_url) as catalog:
        catalog.dois().put(own_record("findable", DoiState.FINDABLE), actor="jane")
        with running_server(archive_address) as url:
            for agent in ("Mozilla/5.0 (X11)", "Googlebot/2.1", "curl/8", "Mozilla/5.0 (Macintosh)"):
                assert fetch(url, "/doi/10.5072/findable", User_Agent=agent).status == 200
            assert fetch(url, "/doi/10.5072/findable").status == 200
            assert fetch(url, "/doi/10.5072/findable", "HEAD", User_Agent="Mozilla/5.0").status == 200
        # What waits is written before the server ends.
        assert catalog.dois().shown("10.5072/findable").counts["viewCount"] == 2
