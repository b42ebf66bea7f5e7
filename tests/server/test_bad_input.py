"""Bad input over a real socket: every operation, every parameter, each with its specified answer."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from filmroom.server.openapi import openapi_document
from filmroom.wire.operations import OPERATIONS, Operation
from filmroom.wire.parameters import Parameter, ParameterKind

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
LARGEST_FORM = 2 * 1024 * 1024
FAILURE = "Server was not able to process your request"
DOCUMENT = openapi_document(OPERATIONS)

# What no parameter knows. Each is answered as this one is, once its own text is taken out of the answer.
UNKNOWN = "no-such-value"
ODD = {
    "a word for a number or a day": "yesterday",
    "a quote": "' OR '1'='1' --",
    "a path": "../../../../etc/passwd",
    "markup": "<script>alert(1)</script>",
    "wildcards": "%_*?[a-z]",
    "a template": "{uid}%s${jndi:ldap://x}{{7*7}}",
    "lines": "a\r\nSet-Cookie: b=c\r\n\r\nd",
    "far too large a number": "9" * 40,
    "letters of everywhere": "Ünï\u202ecode 図 \U0001f600 \ufeff\uffff",
    "very much": "1." * 6_000,
}

# Parameters whose text has a meaning of its own; what they refuse is told in their own tests. Here they
# have to be answered at all, with a documented status.
OWN_MEANING = {
    "criteriaType0": "other names are passed over",
    "DOI": "empty means every one",
    "textValue": "words, at most 4,000 characters",
    "anyOrAll": "not looked at",
    "visibility": "codes between commas",
    "start": "a whole number",
    "size": "a whole number",
    "sortField": "others mean collection",
    "sortDirection": "others mean descending",
    "tool": "not looked at",
    "api_key": "ignored",
    "userName": "the caller's own or the public's",
    "includeAnnotation": "a switch",
    "numberOfSeries": "a whole number; step 1 of the servlet",
    "series1": "only with numberOfSeries",
    "userId": "a login",
    "sopUids": "what to leave out",
    "os": "the retriever's system",
    "appVersion": "the retriever's version",
    "description": "of a new list",
    "url": "of a new list",
}
SWITCHES = {ParameterKind.FLAG, ParameterKind.SWITCH, ParameterKind.SERIES}


def has_own_meaning(operation: Operation, parameter: Parameter) -> bool:
    if operation.action == "wado" or parameter.name in OWN_MEANING:
        return True
    numbered = parameter.name.endswith("0") and parameter.name != "value0"
    return numbered or (operation.action == "make_list" and parameter.name == "name")


Ask = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def connection(live: Any) -> Iterator[http.client.HTTPConnection]:
    with live.connected() as connection:
        yield connection


@pytest.fixture
def ask(live: Any, connection: http.client.HTTPConnection, operation: Operation) -> Ask:
    """Ask the operation, as an account with a grant."""
    header = {"Authorization": f"Bearer {live.tokens['grantee']}"}

    def ask(params: dict[str, Any]) -> Any:
        answer = live.send_over(connection, operation.label, params, **header)
        assert_documented(operation, answer)
        return answer

    return ask


def assert_documented(operation: Operation, answer: Any) -> None:
    """The status is in the document, and nothing of the inside is told."""
    [described] = [
        each for name, each in DOCUMENT["paths"][operation.path].items() if name in {"get", "post"}
    ][:1]
    assert str(answer.status) in described["responses"], (answer.status, answer.text[:200])
    assert answer.status < 500, answer.text
    if answer.status >= 400:
        assert not {"set-cookie"} & set(answer.headers)
        assert "Traceback" not in answer.text
        assert "sqlalchemy" not in answer.text.lower()


def same(answer: Any, value: str) -> tuple[int, str | None, bytes]:
    """What has to be the same, whatever the value."""
    body = re.sub(rb"databasketId=[^\n]*\n", b"", answer.steady)
    for spelling in (value, json.dumps(value, ensure_ascii=False)[1:-1]):
        body = body.replace(spelling.encode(), b"*")
    return answer.status, answer.headers.get("content-type"), body


# What is decided before the catalogue is asked need not be asked on both.
on_one_catalogue = pytest.mark.parametrize("session_address", ["embedded"], indirect=True)


def parametrize(operations: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=lambda operation: operation.label)


@parametrize(list(OPERATIONS))
def test_missing_and_unknown(live: Any, operation: Operation, ask: Ask) -> None:
    params = live.about(operation, live.full)
    for parameter in operation.parameters:
        if parameter.required:
            answer = ask({name: value for name, value in params.items() if name != parameter.name})
            text = parameter.missing_text or operation.missing_text
            assert (answer.status, answer.text) == (400, text)
            assert text
    answer = ask({**live.about(operation, live.full), "cacheBuster": "1"})
    if operation.strict:
        kind = "form" if operation.method == "POST" else "query"
        assert answer.status == 400
        assert answer.text.startswith(f"Invalid {kind} parameter: 'cacheBuster'. Allowed parameters are: [")
    elif operation.action != "drop_list":  # of which the caller is not the owner
        assert answer.status == (204 if operation.action == "denied" else 200)


# Version 2 is version 1 for whoever has a token: the same rows.
ASKED = [operation for operation in OPERATIONS if operation.parameters and operation.version != "v2"]


@parametrize(ASKED)
def test_a_value_that_means_nothing(live: Any, operation: Operation, ask: Ask) -> None:
    """Empty, of another type, huge or hostile: as a value that nothing has, or as the parameter says."""
    for parameter in operation.parameters:
        params = live.about(operation, live.full)
        # A new list gets a name that no other question is about.
        end = " of a new list" if operation.action == "make_list" else ""
        wrong = {what: ask({**params, parameter.name: value + end}) for what, value in ODD.items()}
        empty = ask({**params, parameter.name: ""})
        if parameter.kind is ParameterKind.FORMAT:
            absent = ask({name: value for name, value in params.items() if name != "format"})
            assert same(empty, "-") == same(absent, "-")
            assert {(answer.status, answer.text) for answer in wrong.values()} <= {(400, FAILURE), (204, "")}
        elif parameter.kind in SWITCHES:
            off = ask({**params, parameter.name: "no"})
            assert {same(answer, "-") for answer in (*wrong.values(), empty)} == {same(off, "-")}
        elif parameter.kind is ParameterKind.SAID:
            said = ask({**params, parameter.name: "Yes"})
            assert {same(answer, "-") for answer in wrong.values()} == {same(said, "-")}
        elif not has_own_meaning(operation, parameter):
            nothing = same(ask({**params, parameter.name: UNKNOWN}), UNKNOWN)
            assert {what: same(answer, ODD[what]) for what, answer in wrong.items()} == dict.fromkeys(
                ODD, nothing
            )


@on_one_catalogue
@parametrize(ASKED)
def test_repeated(live: Any, operation: Operation, ask: Ask) -> None:
    """The first of several values counts, and all of a list."""
    for parameter in operation.parameters:
        params = live.about(operation, live.full)
        if parameter.name not in params or operation.action in {"make_list", "drop_list"}:
            continue
        once = ask(params)
        twice = ask({**params, parameter.name: [params[parameter.name], UNKNOWN]})
        assert (twice.status, twice.steady) == (once.status, once.steady), parameter.name


@parametrize(ASKED)
def test_what_is_no_text(live: Any, connection: Any, operation: Operation) -> None:
    """NUL is refused, bytes that are no UTF-8 are read as the character for what cannot be read."""
    header = {"Authorization": f"Bearer {live.tokens['grantee']}"}
    for parameter in operation.parameters:
        params = live.about(operation, live.full)
        rest = urlencode({name: value for name, value in params.items() if name != parameter.name})
        answers = {}
        for what, value in {
            "nul": "a%00b",
            "no UTF-8": "%ff%fe%c0%80",
            "half an escape": "%",
            "surrogate": "%ed%a0%80",
        }.items():
            text = f"{rest}&{quote(parameter.name)}={value}"
            answers[what] = send_text(live, connection, operation, text, header)
            assert_documented(operation, answers[what])
        assert (answers["nul"].status, answers["nul"].text) == (400, "A parameter holds a NUL character.")


def send_text(live: Any, connection: Any, operation: Operation, text: str, header: dict[str, str]) -> Any:
    if operation.method == "POST":
        return live.get_over(connection, operation.path, "POST", text.encode(), **FORM, **header)
    return live.get_over(connection, f"{operation.path}?{text}", **header)


GETS = [operation for operation in OPERATIONS if operation.method == "GET"]
POSTS = [operation for operation in OPERATIONS if operation.method == "POST"]


@on_one_catalogue
@parametrize(GETS)
def test_too_much_in_an_address(live: Any, operation: Operation) -> None:
    assert live.get(f"{operation.path}?{'a=1&' * 1_001}").status == 400
    # The server ends what is no address any more before it reaches an operation.
    assert live.get(f"{operation.path}?a={'1' * 100_000}").status in {400, 414, 431}


@on_one_catalogue
@parametrize(POSTS)
def test_too_much_in_a_form(live: Any, connection: Any, operation: Operation) -> None:
    header = {**FORM, "Authorization": f"Bearer {live.tokens['grantee']}"}
    fits = b"ignored=" + b"1" * (LARGEST_FORM - len(b"ignored="))
    answer = live.get_over(connection, operation.path, "POST", fits, **header)
    assert_documented(operation, answer)
    assert answer.status != 413
    answer = live.get(operation.path, "POST", fits + b"1", **header)
    assert (answer.status, answer.text) == (413, f"A form has at most {LARGEST_FORM} bytes.")
    many = live.get_over(connection, operation.path, "POST", b"a=1&" * 100_001, **header)
    assert (many.status, many.text) == (400, "The request has too many parameters.")


@on_one_catalogue
@parametrize(POSTS)
def test_a_body_that_is_no_form(live: Any, connection: Any, operation: Operation) -> None:
    bearer = {"Authorization": f"Bearer {live.tokens['grantee']}"}
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        answer = live.get_over(connection, operation.path, "POST", b'{"a": 1}', Content_Type=kind, **bearer)
        assert answer.status == 400
        assert answer.text == "The parameters of this operation come as application/x-www-form-urlencoded."
