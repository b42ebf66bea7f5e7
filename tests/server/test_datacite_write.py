"""The write API of DataCite over HTTP: states, merging, minting, roles, bodies."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from datacite_writing import COMPLETE, ORCID, PASSWORD, Writers, basic, writers

from filmroom.model.doi_import import records_from_json
from filmroom.settings import ArchiveAddress
from filmroom.wire.datacite.kernel import parse_xml, schema_errors

SUFFIX = re.compile(r"^10\.5072/[0-9a-hjkmnp-tv-z]{4}-[0-9a-hjkmnp-tv-z]{4}$")
MISSING = {"errors": [{"status": "404", "title": "The resource you are looking for doesn't exist."}]}
FORBIDDEN = {"errors": [{"status": "403", "title": "You are not authorized to access this resource."}]}
BAD_CREDENTIALS = {"errors": [{"status": "401", "title": "Bad credentials."}]}


@pytest.fixture(scope="module")
def api(module_address: ArchiveAddress, fetch: Callable[..., Any]) -> Iterator[Writers]:
    with writers(module_address, fetch) as found:
        yield found


def problems(reply: tuple[int, Any, Any]) -> dict[str, str]:
    status, body, _ = reply
    assert status == 422, reply
    return {each["source"]: each["title"] for each in body["errors"]}


# -- the conversation ------------------------------------------------------------------------------------


def at(document: Any, path: str) -> Any:
    for part in re.findall(r"[A-Za-z]+|\d+", path):
        document = document[int(part) if part.isdigit() else part]
    return document


@pytest.mark.shared
def test_the_recorded_conversation_step_by_step(api: Writers, shared_datacite: Path) -> None:
    folder = shared_datacite / "write"
    draft = ""
    seen: dict[str, Any] = {}
    for step in json.loads((folder / "sequence.json").read_text()):
        body = (folder / step["body"]).read_bytes() if "body" in step else None
        path = step["path"].replace("<the DOI of step 1>", draft)
        who = None if "anonymous" in step["step"] else "demo"
        status, answer, headers = api.ask(step["method"], path, body, who)
        assert status == step["status"], (step, answer)
        attributes = answer.get("data", {}).get("attributes", {}) if answer else {}
        draft = draft or attributes["doi"]
        if status == 201:
            assert headers["location"] == f"{api.url}/datacite/dois/{attributes['doi']}"
        for name, expected in step.get("then", {}).items():
            if name == "doi matches":
                assert re.match(expected, attributes["doi"])
            elif expected == "not null":
                assert attributes[name] is not None
            elif expected == "unchanged":
                assert attributes[name] == seen[name]
            elif expected == "valid against kernel-4":
                assert not schema_errors(parse_xml(base64.b64decode(attributes["xml"])))
            elif name.startswith("errors"):
                assert at(answer, name) == expected
            else:
                assert at(attributes, name) == expected, step
        seen |= attributes


def test_from_draft_to_findable_and_back(api: Writers) -> None:
    draft = api.made()
    assert SUFFIX.match(draft["doi"])
    assert (draft["state"], draft["registered"], draft["isActive"], draft["xml"]) == (
        "draft",
        None,
        False,
        None,
    )
    path = f"/dois/{draft['doi']}"
    assert api.ask("GET", path, who=None)[:2] == (404, MISSING)
    assert api.ask("GET", path, who="other")[:2] == (404, MISSING)
    assert api.ask("GET", path)[0] == 200

    status, body, _ = api.write("PUT", path, **COMPLETE, event="register")
    assert (status, body["data"]["attributes"]["state"]) == (200, "registered")
    registered = body["data"]["attributes"]["registered"]
    assert registered is not None
    assert api.ask("GET", path, who=None)[0] == 404

    status, body, _ = api.write("PATCH", path, event="publish")
    shown = body["data"]["attributes"]
    assert (shown["state"], shown["isActive"], shown["registered"]) == ("findable", True, registered)
    assert api.ask("GET", path, who=None)[0] == 200
    assert not schema_errors(parse_xml(base64.b64decode(shown["xml"])))

    status, body, headers = api.ask("DELETE", path)
    assert (status, body) == (405, {"errors": [{"status": "405", "title": "Method not allowed"}]})
    assert headers["allow"] == "HEAD, GET, POST, PATCH, PUT, OPTIONS"

    # Events that do not apply change nothing.
    for event in ("register", "publish", "nonsense"):
        assert api.write("PUT", path, event=event)[1]["data"]["attributes"]["state"] == "findable"
    _, body, _ = api.write("PUT", path, event="hide", reason="withdrawn")
    assert (body["data"]["attributes"]["state"], body["data"]["attributes"]["reason"]) == (
        "registered",
        "withdrawn",
    )
    assert api.ask("GET", path, who=None)[0] == 404
    assert api.write("PUT", path, event="show")[1]["data"]["attributes"]["state"] == "findable"


def test_state_in_a_body_is_ignored_and_a_draft_can_go(api: Writers) -> None:
    draft = api.made(state="findable", isActive=True, created="2001-01-01T00:00:00Z", viewCount=9)
    assert (draft["state"], draft["viewCount"]) == ("draft", 0)
    assert not draft["created"].startswith("2001")
    path = f"/dois/{draft['doi']}"
    assert api.ask("DELETE", path, who="other")[:2] == (404, MISSING)
    assert api.ask("DELETE", path, who="bob")[:2] == (404, MISSING)
    assert api.ask("DELETE", path)[:2] == (204, None)
    assert api.ask("GET", path)[:2] == (404, MISSING)
    assert api.ask("DELETE", path)[:2] == (404, MISSING)


def test_put_makes_what_is_not_there(api: Writers) -> None:
    status, body, headers = api.write("PUT", "/dois/10.5072/PUT.Made/here", titles=[{"title": "x"}])
    assert (status, body["data"]["id"]) == (201, "10.5072/put.made/here")
    assert headers["location"].endswith("/dois/10.5072/put.made/here")
    # Slashes may come escaped, in any case.
    status, body, _ = api.write("PATCH", "/dois/10.5072%2Fput.MADE%2Fhere", version=2)
    assert (status, body["data"]["attributes"]["version"]) == (200, "2")
    assert body["data"]["attributes"]["titles"] == [{"title": "x"}]


# -- merging ---------------------------------------------------------------------------------------------


def test_named_attributes_replace_and_the_others_stay(api: Writers) -> None:
    made = api.made(
        **COMPLETE, subjects=[{"subject": "Lung"}, {"subject": "CT"}], sizes=["1 GB"], language="en"
    )
    path = f"/dois/{made['doi']}"
    _, body, _ = api.write("PUT", path, subjects=[{"subject": "Phantom"}], sizes=None, language=None)
    after = body["data"]["attributes"]
    assert after["subjects"] == [{"subject": "Phantom"}]
    assert (after["sizes"], after["language"]) == ([], None)
    for name in ("creators", "titles", "publisher", "types", "url"):
        assert after[name] == made[name]
    assert api.write("PUT", path, subjects=[])[1]["data"]["attributes"]["subjects"] == []


@pytest.mark.parametrize("query", ["", "?affiliation=true&publisher=true"])
def test_what_was_read_can_be_sent_back(api: Writers, query: str) -> None:
    made = api.made(**COMPLETE, event="publish", contributors=[])
    path = f"/dois/{made['doi']}"
    _, read, _ = api.ask("GET", path + query)
    status, again, _ = api.ask("PUT", path + query, read)
    assert status == 200
    assert again == read  # not even the time of the change, as nothing changed
    _, activities, _ = api.ask("GET", f"{path}/activities")
    if activities is not None and "data" in activities:
        assert len(activities["data"]) == 1
    rich = api.ask("GET", f"{path}?affiliation=true")[1]["data"]["attributes"]["creators"][0]["affiliation"]
    assert rich[0]["affiliationIdentifier"] == "https://ror.org/04wxnsj81"


def test_alternate_identifiers_are_the_identifiers(api: Writers) -> None:
    alternate = {"alternateIdentifierType": "TCIA Short Name", "alternateIdentifier": "Demo"}
    made = api.made(alternateIdentifiers=[alternate])
    assert made["identifiers"] == [{"identifier": "Demo", "identifierType": "TCIA Short Name"}]
    assert made["alternateIdentifiers"] == [alternate]
    own = {"identifier": f"https://doi.org/{made['doi'].upper()}", "identifierType": "DOI"}
    _, body, _ = api.write("PUT", f"/dois/{made['doi']}", identifiers=[own, *made["identifiers"]])
    assert body["data"]["attributes"]["identifiers"] == made["identifiers"]


def test_what_is_filled_in_on_writing(api: Writers) -> None:
    made = api.made(
        types={"resourceTypeGeneral": "Image"},
        rightsList=[{"rightsUri": "https://creativecommons.org/licenses/by/4.0/"}],
        relatedIdentifiers=[
            {
                "relatedIdentifier": "https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
                "relatedIdentifierType": "DOI",
                "relationType": "IsDerivedFrom",
            }
        ],
        schemaVersion="http://datacite.org/schema/kernel-4.5",
        publicationYear="2026",
        publisher="Demo",
    )
    assert made["types"]["schemaOrg"] == "ImageObject"
    assert made["rightsList"][0]["rightsIdentifier"] == "cc-by-4.0"
    assert made["relatedIdentifiers"][0]["relatedIdentifier"] == "10.7937/K9/TCIA.2015.LO9QL9SX"
    assert made["schemaVersion"] == "http://datacite.org/schema/kernel-4"
    assert (made["publicationYear"], made["publisher"]) == (2026, "Demo")


def test_xml_says_what_the_body_does_not(api: Writers) -> None:
    made = api.made(**COMPLETE, version="7")
    xml = made["xml"]
    other = api.made(xml=xml, titles=[{"title": "Another"}])
    assert other["titles"] == [{"title": "Another"}]
    assert (other["version"], other["publisher"]) == ("7", "Demo Archive")
    assert other["creators"][0]["nameIdentifiers"][0]["nameIdentifier"] == ORCID
    old = base64.b64decode(xml).replace(b"kernel-4", b"kernel-3")
    refused = problems(api.write("POST", "/dois", prefix="10.5072", xml=base64.b64encode(old).decode()))
    assert "http://datacite.org/schema/kernel-3 is no longer supported" in refused["xml"]
    for bad in ("no base64!", base64.b64encode(b"<a").decode(), base64.b64encode(b"<a/>").decode()):
        assert "xml" in problems(api.write("POST", "/dois", prefix="10.5072", xml=bad))
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + base64.b64decode(xml).partition(b"?>")[2]
    )
    assert "xml" in problems(
        api.write("POST", "/dois", prefix="10.5072", xml=base64.b64encode(bomb).decode())
    )


# -- minting ---------------------------------------------------------------------------------------------


def test_how_a_new_doi_is_called(api: Writers) -> None:
    assert re.match(r"^10\.5072/abc-[0-9a-z]{4}-[0-9a-z]{4}$", api.made(prefix="10.5072/abc")["doi"])
    assert api.made(suffix="My.Suffix")["doi"] == "10.5072/my.suffix"
    assert problems(api.write("POST", "/dois", prefix="10.5072", suffix="my.suffix")) == {
        "doi": "This DOI has already been taken"
    }
    assert api.made(doi="https://doi.org/10.12345/Given")["doi"] == "10.12345/given"
    assert problems(api.write("POST", "/dois")) == {"doi": "Can't be blank"}
    assert len({api.made()["doi"] for _ in range(20)}) == 20


# -- who may ---------------------------------------------------------------------------------------------


def test_nobody_writes_without_credentials(api: Writers) -> None:
    for method, path in (
        ("POST", "/dois"),
        ("POST", "/dois/validate"),
        ("PUT", "/dois/10.5072/nobody"),
        ("PATCH", "/dois/10.5072/nobody"),
        ("DELETE", "/dois/10.5072/nobody"),
    ):
        assert api.ask(method, path, b"no JSON at all", who=None)[:2] == (401, BAD_CREDENTIALS)


def test_wrong_credentials_are_refused_everywhere(api: Writers) -> None:
    made = api.made(**COMPLETE, event="publish")
    for path in (f"/dois/{made['doi']}", "/heartbeat", "/dois/random?prefix=10.5072"):
        assert api.ask("GET", path, who=None)[0] == 200
        assert api.ask("GET", path, who="wrong")[:2] == (401, BAD_CREDENTIALS)
        for header in (
            "Basic ???",
            "Basic " + base64.b64encode(b"demo").decode(),
            "Digest x",
            "Bearer nothing",
        ):
            answer = api.fetch(api.url, f"/datacite{path}", authorization=header)
            assert answer.status == 401, header
    assert api.ask("POST", "/dois", {"data": {}}, who="wrong")[:2] == (401, BAD_CREDENTIALS)


def test_many_wrong_passwords_have_to_wait(module_address: ArchiveAddress, fetch: Callable[..., Any]) -> None:
    from filmroom.testing.live import running_server

    with running_server(module_address) as url:  # of its own: what is counted is counted for an address
        wrong = basic("Demo.Archive", "guess")
        statuses = [fetch(url, "/datacite/heartbeat", authorization=wrong).status for _ in range(12)]
        assert statuses[:10] == [401] * 10
        assert statuses[10:] == [429, 429]
        # The symbol in other letters is the same login.
        answer = fetch(url, "/datacite/heartbeat", authorization=basic("DEMO.ARCHIVE", "guess"))
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) > 0


def test_a_password_that_was_changed_is_dead_at_once(api: Writers) -> None:
    api.catalog.accounts().add("carol", PASSWORD)
    api.catalog.doi_repositories().set_writer("carol", "demo.archive", writer=True)
    proof = basic("carol")
    ask = lambda: api.fetch(api.url, "/datacite/dois/get-dois", authorization=proof).status  # noqa: E731
    assert ask() in {200, 204}
    assert ask() in {200, 204}
    api.catalog.accounts().set_password("carol", "another horse battery")
    assert ask() == 401
    proof = basic("carol", "another horse battery")
    assert ask() in {200, 204}
    api.catalog.accounts().set_active("carol", active=False)
    assert ask() == 401


def test_what_belongs_to_others_is_not_written(api: Writers) -> None:
    made = api.made(**COMPLETE, event="publish")
    path = f"/dois/{made['doi']}"
    for who in ("other", "bob", "closed"):
        assert api.write("PUT", path, who, version="9")[:2] == (403, FORBIDDEN)
        assert api.ask("DELETE", path, who=who)[:2] == (403, FORBIDDEN)
    for who, doi in (
        ("demo", "10.54321/x"),  # another's prefix
        ("demo", "10.77777/x"),  # nobody's
        ("closed", "10.99999/x"),  # its own, and it is switched off
        ("bob", "10.5072/bob"),
    ):
        assert api.write("POST", "/dois", who, doi=doi)[:2] == (403, FORBIDDEN)
        assert api.write("PUT", f"/dois/{doi}", who)[:2] == (403, FORBIDDEN)
    assert api.ask("GET", path, who=None)[1]["data"]["attributes"]["version"] is None


def test_an_account_writes_for_its_repository_with_its_token(api: Writers) -> None:
    made = api.made("alice")
    _, body, _ = api.ask("GET", f"/dois/{made['doi']}", who="alice")
    assert body["data"]["relationships"]["client"]["data"]["id"] == "demo.archive"
    assert api.write("PUT", f"/dois/{made['doi']}", "demo", version="2")[0] == 200


def test_an_administrator_names_the_repository(api: Writers) -> None:
    document = {"data": {"attributes": {"doi": "10.5072/by-admin"}}}
    assert problems(api.ask("POST", "/dois", document, "admin")) == {"client": "Can't be blank"}
    document["data"]["relationships"] = {"client": {"data": {"type": "clients", "id": "DEMO.OTHER"}}}
    assert api.ask("POST", "/dois", document, "admin")[0] == 201
    # With a prefix of one repository alone there is nothing to name.
    assert api.write("POST", "/dois", "admin", doi="10.54321/by-admin")[0] == 201
    assert api.ask("GET", "/dois/10.54321/by-admin", who="other")[0] == 200
    document["data"]["attributes"]["doi"] = "10.5072/not-mine"
    assert api.ask("POST", "/dois", document, "demo")[:2] == (403, FORBIDDEN)


def test_a_doi_moves_to_another_repository(api: Writers) -> None:
    made = api.made()
    path = f"/dois/{made['doi']}"
    move = {
        "data": {
            "attributes": {"mode": "transfer"},
            "relationships": {"client": {"data": {"type": "clients", "id": "demo.other"}}},
        }
    }
    assert api.ask("PUT", path, move, "demo")[:2] == (403, FORBIDDEN)
    assert api.ask("PUT", path, move, "other")[:2] == (403, FORBIDDEN)
    # Without the mode a repository that is named means nothing.
    assert api.ask("PUT", path, {"data": {**move["data"], "attributes": {}}}, "demo")[0] == 200
    status, body, _ = api.ask("PUT", path, move, "admin")
    assert (status, body["data"]["relationships"]["client"]["data"]["id"]) == (200, "demo.other")
    assert api.ask("GET", path, who="demo")[0] == 404
    move["data"]["relationships"]["client"]["data"]["id"] = "demo.nobody"
    assert problems(api.ask("PUT", path, move, "admin")) == {"client": "Can't be blank"}


def test_a_record_of_another_archive_is_read_only(api: Writers) -> None:
    record = {
        "id": "10.5072/mirrored",
        "attributes": {"doi": "10.5072/mirrored", **COMPLETE, "state": "findable"},
    }
    record["attributes"] |= {"created": "2020-01-01T00:00:00.000Z", "updated": "2020-01-01T00:00:00.000Z"}
    record["relationships"] = {"client": {"data": {"id": "demo.archive", "type": "clients"}}}
    import datetime as dt

    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    api.catalog.dois().import_many(list(records_from_json({"data": record}, moment)), actor="import")
    path = "/dois/10.5072/mirrored"
    for who in ("demo", "admin"):
        assert api.write("PUT", path, who, version="9")[:2] == (403, FORBIDDEN)
        assert api.write("PUT", path, who, event="hide")[:2] == (403, FORBIDDEN)
        assert api.ask("DELETE", path, who=who)[:2] == (403, FORBIDDEN)
    assert api.ask("GET", path, who=None)[1]["data"]["attributes"]["updated"] == "2020-01-01T00:00:00.000Z"


def test_landing_pages_are_within_the_repositorys_domains(api: Writers) -> None:
    for url in ("https://evil.org/", "https://other.org.evil.org/", "https://notother.org/"):
        refused = problems(api.write("POST", "/dois", "other", prefix="10.54321", url=url))
        assert refused == {"url": f"URL {url} is not allowed by repository DEMO.OTHER domain settings."}
    for url in (r"https://evil.org\@a.other.org/", "https://evil.org@a.other.org/", "https://a.other.org/ x"):
        refused = problems(api.write("POST", "/dois", "other", prefix="10.54321", url=url))
        assert refused == {"url": "URL is not valid"}
    for url in ("https://a.other.org/x", "http://OTHER.org:8080/", "ftp://b.c.other.org/x"):
        assert api.write("POST", "/dois", "other", prefix="10.54321", url=url)[0] == 201


# -- logging in ------------------------------------------------------------------------------------------


def test_a_token_for_a_password(api: Writers) -> None:
    form = f"grant_type=password&username=DEMO.ARCHIVE&password={PASSWORD.replace(' ', '+')}".encode()
    kind = "application/x-www-form-urlencoded"
    status, body, headers = api.ask("POST", "/token", form, None, content_type=kind)
    assert (status, body["expires_in"], headers["cache-control"]) == (200, 2_592_000, "no-store")
    api.proofs["token"] = f"Bearer {body['access_token']}"
    assert api.write("POST", "/dois", "token", prefix="10.5072")[0] == 201
    for bad in (b"", b"grant_type=password", b"grant_type=none&username=a&password=b", b"\xff", b"a&a"):
        assert api.ask("POST", "/token", bad, None, content_type=kind)[0] == 400
    wrong = form.replace(b"horse", b"house")
    assert api.ask("POST", "/token", wrong, None, content_type=kind)[:2] == (401, BAD_CREDENTIALS)


# -- bodies ----------------------------------------------------------------------------------------------


def test_bodies_may_be_packed_and_are_bounded(api: Writers) -> None:
    plain = json.dumps(
        {"data": {"attributes": {"prefix": "10.5072", "titles": [{"title": "packed"}]}}}
    ).encode()
    for encoding, body in (
        ("gzip", gzip.compress(plain)),
        ("deflate", zlib.compress(plain)),
        ("identity", plain),
    ):
        status, answer, _ = api.ask("POST", "/dois", body, content_encoding=encoding)
        assert (status, answer["data"]["attributes"]["titles"]) == (201, [{"title": "packed"}])
    large = b'{"data": {"attributes": {"prefix": "10.5072", "titles": "' + b" " * (11 << 20) + b'"}}}'
    assert api.ask("POST", "/dois", gzip.compress(large), content_encoding="gzip")[0] == 413
    assert api.ask("POST", "/dois", large)[0] == 413
    for encoding, body in (
        ("gzip", plain),
        ("gzip", gzip.compress(plain)[:-9]),
        ("br", plain),
        ("deflate", b"x"),
    ):
        assert api.ask("POST", "/dois", body, content_encoding=encoding)[0] == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'"x"', b"null", b'{"data": []}', b'{"data": null}', b'{"data": {"attributes": []}}'],
)
def test_a_body_without_data_is_refused(api: Writers, body: bytes) -> None:
    expected = {
        "errors": [{"status": "400", "title": "You need to provide a payload following the JSONAPI spec"}]
    }
    for method, path in (("POST", "/dois"), ("PUT", "/dois/10.5072/x"), ("POST", "/dois/validate")):
        assert api.ask(method, path, body)[:2] == (400, expected)
    # Only what says that it is JSON: other kinds, and none, a browser sends for a page of another site.
    for kind in ("text/plain", "", "application/x-www-form-urlencoded"):
        assert api.ask("POST", "/dois", b'{"data": {}}', content_type=kind)[:2] == (400, expected)


@pytest.mark.parametrize(
    "body", [b"{", b'"\xed\xa0\x80"', b'{"data": NaN}', b"\xff\xfe", b"[" * 100_000, b'{"a": "\\ud800"}']
)
def test_what_is_no_json_is_refused(api: Writers, body: bytes) -> None:
    status, answer, _ = api.ask("POST", "/dois", body)
    assert status == 400, answer
    assert answer["errors"][0]["status"] == "400"


# -- only if nobody was faster ---------------------------------------------------------------------------


def test_if_match_keeps_what_somebody_else_wrote(api: Writers) -> None:
    made = api.made()
    path = f"/dois/{made['doi']}"
    body = {"data": {"attributes": {"version": "2"}}}
    tag = api.ask("GET", path)[2]["etag"]
    status, _, headers = api.ask("PUT", path, body, if_match=tag)
    assert status == 200
    assert headers["etag"] != tag
    status, answer, _ = api.ask("PUT", path, {"data": {"attributes": {"version": "3"}}}, if_match=tag)
    assert (status, answer["errors"][0]["status"]) == (412, "412")
    assert api.ask("GET", path)[1]["data"]["attributes"]["version"] == "2"
    assert api.ask("PUT", path, body, if_match=f'"other", {headers["etag"]}')[0] == 200
    assert api.ask("PUT", path, body, if_match="*")[0] == 200
    assert api.ask("PUT", "/dois/10.5072/not-there", body, if_match="*")[0] == 412
    assert api.ask("GET", "/dois/10.5072/not-there")[0] == 404


def test_writers_at_once_lose_nothing(api: Writers) -> None:
    doi = api.made(**COMPLETE)["doi"]
    names = ("subjects", "sizes", "formats", "dates", "version", "language", "titles", "publicationYear")
    values: tuple[Any, ...] = (
        [{"subject": "s"}],
        ["1"],
        ["f"],
        [{"date": "2026", "dateType": "Issued"}],
        "5",
        "en",
        [{"title": "t"}],
        2025,
    )

    def write(pair: tuple[str, Any]) -> int:
        return api.write("PATCH", f"/dois/{doi}", **dict([pair]))[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(write, zip(names, values, strict=True))) == [200] * 8
    found = api.ask("GET", f"/dois/{doi}")[1]["data"]["attributes"]
    assert tuple(found[name] for name in names) == values
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: api.write("POST", "/dois", doi="10.5072/at-once")[0], range(8)))
    assert sorted(made) == [201] + [422] * 7


# -- looking before writing ------------------------------------------------------------------------------


def test_validation_keeps_nothing(api: Writers) -> None:
    status, body, _ = api.write("POST", "/dois/validate", doi="10.5072/looked", **COMPLETE)
    assert (status, body["data"]["attributes"]["titles"]) == (200, COMPLETE["titles"])
    assert body["data"]["attributes"]["xml"] is not None
    status, body, _ = api.write("POST", "/dois/validate", doi="10.5072/looked")
    assert status == 200
    assert {"url", "creators", "titles"} <= {each["source"] for each in body["errors"]}
    assert api.ask("GET", "/dois/10.5072/looked")[0] == 404
    assert api.write("POST", "/dois/validate", doi="10.54321/x", **COMPLETE)[:2] == (403, FORBIDDEN)
    assert api.ask("POST", "/dois/status", {})[0] == 501
