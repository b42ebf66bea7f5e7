"""DOI records read from a server that answers as DataCite was seen to answer, faults included."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from filmroom.client.datacite import Datacite, Listing, StoredRecords
from filmroom.client.datacite.manners import PUBLIC_SERVICE, Turns, is_datacite, user_agent
from filmroom.errors import (
    BadAnswer,
    IncompleteTransfer,
    InvalidInput,
    NotFound,
    ServerError,
    ServerUnreachable,
)
from filmroom.net.retry import RetryPolicy

DOI = "10.7937/s17z-r072"
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)
Reply = tuple[int, dict[str, str], bytes]


def found(doi: str, **attributes: Any) -> dict[str, Any]:
    return {
        "id": doi,
        "type": "dois",
        "attributes": {"doi": doi, "titles": [{"title": f"Title of {doi}"}], **attributes},
        "relationships": {"client": {"data": {"id": "nihnci.tcia", "type": "clients"}}},
    }


def reply(document: Any, status: int = 200, **headers: str) -> Reply:
    return (
        status,
        {"Content-Type": "application/json; charset=utf-8", **headers},
        json.dumps(document).encode(),
    )


@dataclass
class FarEnd:
    """A server whose answers are a function of the path and its parameters; it remembers what was asked."""

    answer: Callable[[str, dict[str, str]], Reply]
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    state = FarEnd(lambda _path, _params: reply({"errors": []}, 404))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            state.asked.append((unquote(parts.path), params, {k.lower(): v for k, v in self.headers.items()}))
            status, headers, body = state.answer(unquote(parts.path), params)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def datacite(far_end: FarEnd, tmp_path: Path) -> Iterator[Datacite]:
    with Datacite(far_end.url, retry=QUICK, stored=StoredRecords(tmp_path / "dois"), timeout=5) as made:
        yield made


def in_turn(*replies: Reply) -> Callable[[str, dict[str, str]], Reply]:
    left = iter(replies)
    return lambda _path, _params: next(left)


# -- one record ------------------------------------------------------------------------------------------


def test_a_record_in_any_form_of_its_doi(far_end: FarEnd, datacite: Datacite) -> None:
    far_end.answer = lambda *_: reply({"data": found(DOI)})
    for form in (
        DOI,
        DOI.upper(),
        f"https://doi.org/{DOI}",
        f"doi:{DOI}",
        f"http://dx.doi.org/{DOI.upper()}",
    ):
        stored = datacite.record(form)
        assert (stored.record.doi, stored.record.title) == (DOI, f"Title of {DOI}")
        assert (stored.record.client, stored.record.provider) == ("nihnci.tcia", "nihnci")
    path, params, headers = far_end.asked[0]
    assert path == f"/dois/{DOI}"
    assert params == {"affiliation": "true", "publisher": "true"}
    assert headers["accept"] == "application/vnd.api+json"
    for wrong in ("", "10.7937", "no doi", "11.1/x", "10.1/\x00"):
        with pytest.raises(InvalidInput):
            datacite.record(wrong)


def test_a_copy_is_kept_and_asked_about(far_end: FarEnd, datacite: Datacite) -> None:
    far_end.answer = lambda *_: reply({"data": found(DOI)}, ETag='W/"1"')
    first = datacite.record(DOI)
    assert not first.is_copy
    far_end.answer = lambda *_: (304, {}, b"")
    second = datacite.record(DOI)
    assert far_end.asked[-1][2]["if-none-match"] == 'W/"1"'
    assert (second.record.title, second.is_copy) == (first.record.title, False)
    assert second.fetched >= first.fetched
    far_end.answer = lambda *_: reply({"data": found(DOI, version="2")}, ETag='W/"2"')
    assert datacite.record(DOI).record.version == "2"
    asked = len(far_end.asked)
    offline = datacite.record(DOI.upper(), offline=True)
    assert (offline.record.version, offline.is_copy, len(far_end.asked)) == ("2", True, asked)
    assert offline.age.total_seconds() >= 0
    with pytest.raises(NotFound):
        datacite.record("10.1/never-asked", offline=True)


def test_without_an_answer_the_copy_is_used(far_end: FarEnd, tmp_path: Path) -> None:
    stored = StoredRecords(tmp_path)
    far_end.answer = lambda *_: reply({"data": found(DOI)})
    with Datacite(far_end.url, retry=QUICK, stored=stored) as client:
        client.record(DOI)
        far_end.answer = lambda *_: (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>")
        assert client.record(DOI).is_copy
        with pytest.raises(ServerError):
            client.record("10.1/other")
    with (
        Datacite("http://127.0.0.1:9", retry=QUICK, stored=stored) as nobody,
        pytest.raises(ServerUnreachable),
    ):
        nobody.record(DOI)  # copies of one server are not those of another


def test_a_broken_copy_is_as_good_as_none(far_end: FarEnd, datacite: Datacite) -> None:
    far_end.answer = lambda *_: reply({"data": found(DOI)})
    datacite.record(DOI)
    (copy,) = datacite.stored.folder.iterdir()
    for content in (b"", b"{", b"[]", b'{"key":"x","source":"y","etag":"","fetched":"soon","data":{}}'):
        copy.write_bytes(content)
        assert not datacite.record(DOI).is_copy


def test_where_no_copy_can_be_kept_the_record_is_read_all_the_same(far_end: FarEnd, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    far_end.answer = lambda *_: reply({"data": found(DOI)})
    with Datacite(far_end.url, retry=QUICK, stored=StoredRecords(tmp_path / "file" / "dois")) as client:
        assert client.record(DOI).record.doi == DOI


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b"<html>maintenance</html>"),
        (200, {}, b"not json"),
        reply([]),
        reply({"data": []}),
        reply({"data": found("10.1/another")}),
        reply({"data": {"id": None}}),
    ],
)
def test_another_answer_than_a_record_is_refused(far_end: FarEnd, datacite: Datacite, answer: Reply) -> None:
    far_end.answer = lambda *_: answer
    with pytest.raises(BadAnswer):
        datacite.record(DOI)
    assert not datacite.stored.folder.exists()


def test_what_is_not_there_is_said_so(datacite: Datacite) -> None:
    with pytest.raises(NotFound, match=f"has no record of {DOI}"):
        datacite.record(DOI)


# -- patience and manners --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        (429, {"Retry-After": "0"}, b"Your request has been rate limited."),
        (429, {}, b"Your request has been rate limited."),
        (500, {"Content-Type": "text/html"}, b"<html>fault</html>"),
        (502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"),
        (503, {}, b""),
        (504, {}, b""),
    ],
)
def test_what_may_pass_is_tried_again(far_end: FarEnd, datacite: Datacite, refusal: Reply) -> None:
    far_end.answer = in_turn(refusal, refusal, reply({"data": found(DOI)}))
    assert datacite.record(DOI).record.doi == DOI
    far_end.answer = in_turn(refusal, refusal, refusal)
    with pytest.raises(ServerError) as raised:
        datacite.record("10.1/x")
    assert raised.value.status == refusal[0]
    assert len(far_end.asked) == 6


def test_who_asks_is_told(far_end: FarEnd, datacite: Datacite, monkeypatch: pytest.MonkeyPatch) -> None:
    far_end.answer = lambda *_: reply({"data": found(DOI)})
    datacite.record(DOI)
    assert far_end.asked[-1][2]["user-agent"].startswith("filmroom/")
    assert user_agent("a@b.example").endswith(" (mailto:a@b.example)")
    monkeypatch.setenv("FILMROOM_CONTACT", "me@example.org")
    assert "(mailto:me@example.org)" in user_agent(None)
    for wrong in ("nobody", "a b@c", "a@b\r\nX: y", "a@b@c", "ä@b"):
        with pytest.raises(InvalidInput):
            user_agent(wrong)


def test_only_the_public_service_is_asked_slowly() -> None:
    assert is_datacite(PUBLIC_SERVICE)
    assert is_datacite("https://api.test.datacite.org")
    assert not is_datacite("https://datacite.org.example.com")
    now = 100.0
    slow = Turns(per_second=2.0, clock=lambda: now)
    assert [slow._wait() for _ in range(3)] == [0.0, 0.5, 1.0]
    now = 200.0
    assert slow._wait() == 0.0
    assert [Turns(None)._wait() for _ in range(3)] == [0, 0, 0]


# -- lists -----------------------------------------------------------------------------------------------


def pages(*groups: list[str], total: int | None = None) -> Callable[[str, dict[str, str]], Reply]:
    """Answers with these DOIs page by page; the cursor is the page's number."""

    def answer(path: str, params: dict[str, str]) -> Reply:
        assert path == "/dois"
        at = int(params["page[cursor]"]) - 1
        document: dict[str, Any] = {
            "data": [found(each) for each in groups[at]],
            "meta": {
                "total": total if total is not None else len({doi for group in groups for doi in group})
            },
            "links": {"self": "x"},
        }
        if at + 1 < len(groups):
            # As the real service: other parameters are lost here.
            document["links"]["next"] = (
                f"https://elsewhere.example/dois?page%5Bcursor%5D={at + 2}&page%5Bsize%5D=2"
            )
        return reply(document)

    return answer


def test_a_list_keeps_its_parameters_over_pages(far_end: FarEnd, datacite: Datacite) -> None:
    far_end.answer = pages(["10.1/a", "10.1/b"], ["10.1/c"])
    listing = datacite.records(
        "titles.title:lung", client_id="nihnci.tcia", license=["cc-by-4.0", "cc-by-3.0"], size=2
    )
    assert [each.doi for each in listing] == ["10.1/a", "10.1/b", "10.1/c"]
    assert (listing.total, listing.repeated, listing.is_complete) == (3, 0, True)
    listing.raise_for_missing()
    for number, (_, params, _) in enumerate(far_end.asked, 1):
        assert params == {
            "query": "titles.title:lung",
            "client-id": "nihnci.tcia",
            "license": "cc-by-4.0,cc-by-3.0",
            "page[size]": "2",
            "page[cursor]": str(number),
            "disable-facets": "true",
            "affiliation": "true",
            "publisher": "true",
        }


def test_pages_that_overlap_give_each_record_once(far_end: FarEnd, datacite: Datacite) -> None:
    far_end.answer = pages(["10.1/a", "10.1/b"], ["10.1/B", "10.1/c"], total=3)
    listing = datacite.records(size=2)
    assert [each.doi for each in listing] == ["10.1/a", "10.1/b", "10.1/c"]
    assert (listing.repeated, listing.is_complete) == (1, True)
    assert [each.doi for each in datacite.each_record(size=2)] == ["10.1/a", "10.1/b", "10.1/c"]


def test_a_list_that_is_not_whole_is_told(far_end: FarEnd, datacite: Datacite) -> None:
    far_end.answer = pages(["10.1/a", "10.1/b"], ["10.1/b"], total=4)
    listing = datacite.records(size=2)
    assert (len(listing), listing.total, listing.is_complete) == (2, 4, False)
    with pytest.raises(IncompleteTransfer):
        listing.raise_for_missing()
    with pytest.raises(IncompleteTransfer):
        list(datacite.each_record(size=2))


def test_a_cursor_that_goes_round_ends(far_end: FarEnd, datacite: Datacite) -> None:
    document = {"data": [found("10.1/a")], "meta": {}, "links": {"next": "/dois?page[cursor]=1"}}
    far_end.answer = lambda *_: reply(document)
    assert len(datacite.records()) == 1
    assert len(far_end.asked) == 1


def test_keys_may_be_missing_or_null(far_end: FarEnd, datacite: Datacite) -> None:
    items = [
        {
            "id": "10.1/a",
            "attributes": {"doi": "10.1/a", "titles": None, "creators": None, "publisher": None},
        },
        {"id": "10.1/b", "attributes": {"doi": "10.1/b"}, "relationships": None},
        None,
        {"attributes": {"doi": "10.1/c", "types": None, "dates": [None], "rightsList": [{}]}},
    ]
    far_end.answer = lambda *_: reply({"data": items, "meta": None, "links": None})
    listing = datacite.records()
    assert [each.doi for each in listing] == ["10.1/a", "10.1/b", "10.1/c"]
    assert [each.title for each in listing] == [None, None, None]
    assert isinstance(listing, Listing)
    for wrong in (reply({"meta": {}}), reply({"data": {}})):
        far_end.answer = lambda *_, wrong=wrong: wrong
        with pytest.raises(BadAnswer):
            datacite.records()
    with pytest.raises(InvalidInput):
        datacite.records(size=1001)


def test_the_records_of_tcia_under_whatever_symbol(far_end: FarEnd, datacite: Datacite) -> None:
    def answer(_path: str, params: dict[str, str]) -> Reply:
        known = params.get("provider-id") == "tciar"
        return reply({"data": [found(DOI)] if known else [], "meta": {"total": int(known)}})

    far_end.answer = answer
    assert [each.doi for each in datacite.tcia_records()] == [DOI]
    tried = [
        [name for name in params if name in {"client-id", "provider-id", "prefix"}]
        for _, params, _ in far_end.asked
    ]
    assert tried == [["client-id"], ["provider-id"], ["provider-id"]]


def test_counts(far_end: FarEnd, datacite: Datacite) -> None:
    facet = [{"id": "cc-by-4.0", "title": "CC-BY-4.0", "count": 3}, {"id": "x"}, None]
    far_end.answer = lambda *_: reply({"data": [], "meta": {"total": 7, "licenses": facet}})
    assert datacite.count(client_id="nihnci.tcia") == 7
    assert datacite.counts("licenses", prefix="10.7937") == {"cc-by-4.0": 3, "x": 0}
    assert far_end.asked[-1][1] == {"prefix": "10.7937", "page[size]": "0", "facets": "licenses"}


def test_activities_page_by_page_with_the_doi(far_end: FarEnd, datacite: Datacite) -> None:
    def answer(path: str, params: dict[str, str]) -> Reply:
        assert path == f"/dois/{DOI}/activities"
        number = int(params["page[number]"])
        ids = {1: ["a", "b"], 2: ["b", "c"]}.get(number, [])
        return reply(
            {
                "data": [{"id": each, "type": "activities"} for each in ids],
                "meta": {"total": 3},
                "links": {"next": "https://elsewhere.example/activities?page[number]=2"},
            }
        )

    far_end.answer = answer
    assert [each["id"] for each in datacite.activities(DOI.upper())] == ["a", "b", "c"]


# -- relations -------------------------------------------------------------------------------------------


def related(relation: str, doi: str) -> dict[str, str]:
    return {"relationType": relation, "relatedIdentifier": doi, "relatedIdentifierType": "DOI"}


def test_derived_data_sets_without_the_endpoint_that_is_gone(far_end: FarEnd, datacite: Datacite) -> None:
    # The two conditions of the query may be met by different elements.
    items = [
        found("10.1/derived", relatedIdentifiers=[related("IsDerivedFrom", DOI.upper())]),
        found(
            "10.1/no", relatedIdentifiers=[related("IsDerivedFrom", "10.1/other"), related("IsCitedBy", DOI)]
        ),
    ]
    far_end.answer = lambda *_: reply({"data": items, "meta": {"total": 2}})
    assert [each.doi for each in datacite.derived(DOI)[DOI]] == ["10.1/derived"]
    path, params, _ = far_end.asked[0]
    assert path == "/dois"
    assert params["query"] == (
        f'relatedIdentifiers.relatedIdentifier:"{DOI}" AND relatedIdentifiers.relationType:IsDerivedFrom'
    )


def test_the_graph_of_one_record(far_end: FarEnd, datacite: Datacite) -> None:
    own = found(
        DOI,
        relatedIdentifiers=[
            related("IsCitedBy", "10.1000/PAPER"),
            related("IsCitedBy", "https://doi.org/10.1000/paper"),
            related("IsCitedBy", "10.1007s00330-017-4996-4"),
            {
                "relationType": "HasMetadata",
                "relatedIdentifier": "https://x.example",
                "relatedIdentifierType": "URL",
            },
        ],
    )
    other = found(
        "10.1000/derived", relatedIdentifiers=[related("IsDerivedFrom", DOI), related("Cites", "10.1000/z")]
    )

    def answer(path: str, _params: dict[str, str]) -> Reply:
        return reply({"data": own} if path != "/dois" else {"data": [other], "meta": {"total": 1}})

    far_end.answer = answer
    graph = datacite.relations(DOI)
    told = {(each.source, each.relation, each.target) for each in graph.relations}
    assert told == {
        (DOI, "IsCitedBy", "10.1000/paper"),
        (DOI, "IsCitedBy", "10.1007s00330-017-4996-4"),
        (DOI, "HasMetadata", "https://x.example"),
        ("10.1000/derived", "IsDerivedFrom", DOI),
    }
    assert [each.given for each in graph.relations if not each.is_valid] == ["10.1007s00330-017-4996-4"]
    assert [each.given for each in graph.repeated()] == ["https://doi.org/10.1000/paper"]
    assert graph.counts() == {"IsCitedBy": 3, "HasMetadata": 1, "IsDerivedFrom": 1}
    assert set(graph.titles) == {DOI, "10.1000/derived"}
    assert "10.1000/derived" in graph.nodes
