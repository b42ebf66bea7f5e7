"""The server around the API: pages, headers, metrics, log, the document of the API."""

import html.parser
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from filmroom.model.entities import Assignment
from filmroom.server.logs import configure_logging, printable, safe_query
from filmroom.testing.live import running_server
from filmroom.wire.login import LOGOUT_PATHS, TOKEN_PATHS
from filmroom.wire.operations import OPERATIONS


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The server's log as JSON lines, of this process, for one test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_of(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_up(live: Any) -> None:
    answer = live.get("/up")
    assert (answer.status, answer.text) == (200, "up")
    assert live.get("/up", "HEAD").status == 200
    assert live.get("/up", "POST").status == 405


def test_every_answer_has_an_identifier_and_is_not_sniffed(live: Any) -> None:
    for path in ("/up", "/x", "/nbia-api/v4/getSeries", "/nbia-api/v4/getSeries?x=1"):
        headers = live.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])
    assert live.get("/up", X_Request_ID="trace-1.a_B").headers["x-request-id"] == "trace-1.a_B"
    for odd in ("a b", "x" * 65, "a;b", ""):
        assert live.get("/up", X_Request_ID=odd).headers["x-request-id"] != odd


def test_cors(live: Any) -> None:
    path = "/nbia-api/services/v4/getSeries"
    simple = live.get(path, Origin="https://example.org")
    assert simple.headers["access-control-allow-origin"] == "*"
    preflight = live.get(
        path,
        "OPTIONS",
        Origin="https://example.org",
        Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="authorization,content-type,x-requested-with",
    )
    assert preflight.status == 200
    assert preflight.headers["access-control-max-age"] == "10"
    allowed = preflight.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "accept", "x-requested-with", "origin"} <= set(allowed)
    methods = preflight.headers["access-control-allow-methods"].split(", ")
    assert set(methods) == {"GET", "POST", "HEAD", "OPTIONS", "PUT"}
    # The rest of the server is not for the pages of others.
    assert "access-control-allow-origin" not in live.get("/metrics", Origin="https://example.org").headers


class Links(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_need_nothing_from_elsewhere(live: Any, path: str) -> None:
    answer = live.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    page = Links(answer.text)
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert page.links
    for link in page.links:
        assert link.startswith("/")
        # A link to a series of the example may lead nowhere, but never to an error of ours.
        assert live.get(link).status in {200, 204, 400}, link


def test_the_api_page_lists_every_operation(live: Any) -> None:
    text = live.get("/docs").text
    for operation in OPERATIONS:
        assert f"{operation.method} {operation.path}<" in text


def test_names_are_escaped_on_pages(new_archive: Any, fetch: Any) -> None:
    new_archive.add("1.3", assignment=Assignment("<script>alert(1)</script>", "S"))
    with running_server(new_archive.address) as url:
        text = fetch(url, "/").text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_openapi_document_describes_what_is_served(live: Any) -> None:
    document = json.loads(live.get("/openapi.json").body)
    assert document["openapi"].startswith("3.1.")
    logins = {*TOKEN_PATHS, *LOGOUT_PATHS}
    assert set(document["paths"]) == {operation.path for operation in OPERATIONS} | logins
    assert all({*document["paths"][path]} == {"post"} for path in logins)
    identifiers = set()
    for operation in OPERATIONS:
        [(method, described)] = document["paths"][operation.path].items()
        assert method == operation.method.lower()
        identifiers.add(described["operationId"])
        needed = {p.name for p in operation.parameters if p.required}
        if operation.method == "POST":
            [form] = described["requestBody"]["content"].values()
            assert list(form["schema"]["properties"]) == list(operation.parameter_names)
            assert set(form["schema"].get("required", ())) == needed
        else:
            assert [p["name"] for p in described["parameters"]] == list(operation.parameter_names)
            assert {p["name"] for p in described["parameters"] if p["required"]} == needed
        assert {"200", "400", "500"} <= set(described["responses"])
        assert ("401" in described["responses"]) == (operation.auth != "public")
        assert all(answer["description"] for answer in described["responses"].values())
    assert len(identifiers) == len(OPERATIONS)
    for reference in re.findall(r'"\$ref":"(#[^"]+)"', live.get("/openapi.json").text):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place["type"] == "array"


def test_the_schemas_fit_the_answers(live: Any) -> None:
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    document = json.loads(live.get("/openapi.json").body)
    for operation in ("v1/getSeries", "v4/getSeries", "v4/getPatientStudy", "v1/getPatient"):
        path = document["paths"][f"/nbia-api/services/{operation}"]["get"]
        reference = path["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        properties = document["components"]["schemas"][reference.rpartition("/")[2]]["items"]["properties"]
        for row in json.loads(live.ask(operation).body):
            for name, value in row.items():
                assert isinstance(value, kinds[properties[name]["type"]]), (operation, name)


# Metrics ----------------------------------------------------------------------------------------------


def test_metrics_count(new_archive: Any, fetch: Any) -> None:
    new_archive.add("1.3", assignment=Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        sent = len(fetch(url, "/nbia-api/v4/getImage?SeriesInstanceUID=1.3").body)
        fetch(url, "/nbia-api/v4/getImage?SeriesInstanceUID=1.9")
        fetch(url, "/nbia-api/v4/nothing-of-the-kind")
        refused = len(fetch(url, "/nbia-api/v4/getImage?SeriesInstanceUID=1.9").body)
        text = fetch(url, "/metrics").text
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            assert fetch(url, "/metrics", **{header: "203.0.113.9"}).status == 403
    assert 'filmroom_requests_total{operation="v4/getImage",status="200"} 1.0' in text
    assert 'filmroom_requests_total{operation="v4/getImage",status="400"} 2.0' in text
    assert 'filmroom_requests_total{operation="other",status="404"} 1.0' in text
    assert f'filmroom_sent_bytes_total{{operation="v4/getImage"}} {float(sent + 2 * refused)}' in text
    assert 'filmroom_request_seconds_count{operation="v4/getImage"} 3.0' in text
    assert "filmroom_downloads_in_progress 0.0" in text
    assert "nothing-of-the-kind" not in text


def test_metrics_for_everybody_where_it_is_wanted(new_archive: Any, fetch: Any) -> None:
    with running_server(new_archive.address, metrics_from_anywhere=True) as url:
        assert fetch(url, "/metrics", X_Forwarded_For="203.0.113.9").status == 200


# Log --------------------------------------------------------------------------------------------------


def test_each_request_is_one_line(new_archive: Any, fetch: Any, log: io.StringIO) -> None:
    new_archive.add("1.3", assignment=Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        size = len(fetch(url, "/nbia-api/v1/getSeries?Collection=C", X_Request_ID="abc").body)
    [line] = [line for line in lines_of(log) if line.get("message") == "request"]
    assert line.pop("ms") > 0
    assert line.pop("timestamp")
    assert line == {
        "message": "request",
        "level": "info",
        "logger": "filmroom.request",
        "request_id": "abc",
        "method": "GET",
        "path": "/nbia-api/v1/getSeries",
        "query": "Collection=C",
        "operation": "v1/getSeries",
        "status": 200,
        "bytes": size,
        "client": "127.0.0.1",
    }


def test_secrets_stay_out_of_the_log(new_archive: Any, fetch: Any, log: io.StringIO) -> None:
    with running_server(new_archive.address) as url:
        fetch(url, "/nbia-api/v4/getSeries", Authorization="Bearer sesame1")
        for name in ("api_key", "API_KEY", "password", "pass%77ord", "Authorization", "access_token"):
            fetch(url, f"/nbia-api/v1/getSeries?Collection=C&{name}=sesame2&Modality=CT")
    text = log.getvalue()
    assert "sesame" not in text
    assert text.count("Modality=CT") == 6
    assert text.count("***") == 6


def test_nothing_can_be_forged_into_the_log(new_archive: Any, fetch: Any, log: io.StringIO) -> None:
    with running_server(new_archive.address) as url:
        fetch(url, "/nbia-api/x%0a%7b%22message%22:%22forged%22%7d%1b[31m?a=%0aforged%0d%1b[2J")
    assert {line["message"] for line in lines_of(log)} == {"request"}
    assert "\x1b" not in log.getvalue()


def test_what_is_logged_is_printable_and_short() -> None:
    assert printable("a\nb\x1b[31m\u202ec") == "a\\nb\\x1b[31m\\u202ec"
    assert len(printable("x" * 1_000_000)) == 2_000
    assert len(safe_query(b"a=" + b"%41" * 1_000_000)) <= 2_000
    assert safe_query(b"") == ""
    assert safe_query(b"Collection=A%20B&password=%0a") == "Collection=A+B&password=***"


def test_failures_are_logged_whole_and_told_in_general(
    new_archive: Any, fetch: Any, log: io.StringIO
) -> None:
    new_archive.add("1.3", assignment=Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        [key] = new_archive.store.keys()
        new_archive.store.delete(key)
        answer = fetch(url, "/nbia-api/v4/getImage?SeriesInstanceUID=1.3", X_Request_ID="lost")
    assert answer.status == 500
    failures = [line for line in lines_of(log) if line["level"] == "error"]
    assert any(line.get("request_id") == "lost" and "ObjectMissing" in json.dumps(line) for line in failures)
    assert key not in answer.text
