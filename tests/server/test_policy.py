"""Data usage agreements: refused before, given out after, asked again for a new text; the policy's pages."""

from __future__ import annotations

import datetime as dt
import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from filmroom.errors import AgreementRequired, InvalidInput, NotFound
from filmroom.model.access import PUBLIC, Role, Scope, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.agreements import LONGEST_AGREEMENT
from filmroom.model.entities import Assignment, Licence
from filmroom.model.policy import Attribution
from filmroom.testing.live import running_server

TEXT = 'Do no harm.\n\nTell <nobody> & "everybody".'
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
UID = "1.3.9"
LICENCE = Licence("Closed Licence", "Closed 1.0", "https://example.org/closed")


@dataclass
class House:
    """An archive with a restricted, a public and a mixed collection, served; and how to ask it."""

    archive: Any
    ask: Any
    url: str = ""
    sop: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def agreements(self) -> Any:
        return self.archive.catalog.agreements()

    def log_in(self, login: str) -> str:
        issued = self.archive.catalog.tokens().log_in(login, f"password of {login}", TokenLifetimes())
        self.tokens[login] = issued.access
        return issued.access

    def viewer(self, login: str) -> Any:
        return self.archive.catalog.tokens().viewer(self.tokens[login])

    def get(self, path: str, login: str = "", **headers: str) -> Any:
        if login:
            headers["Authorization"] = f"Bearer {self.tokens[login]}"
        return self.ask(self.url, path, **headers)

    def image(self, login: str = "", uid: str = UID) -> Any:
        return self.get(f"/nbia-api/services/v4/getImage?SeriesInstanceUID={uid}", login)

    def post(self, path: str, fields: dict[str, Any], login: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[login]}"} if login else {}
        return self.ask(self.url, path, "POST", urlencode(fields).encode(), **FORM, **headers)

    def shown(self, login: str) -> list[dict[str, Any]]:
        answer = self.get("/nbia-api/services/getAgreements", login)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        found: list[dict[str, Any]] = json.loads(answer.body)
        return found

    def accept(self, login: str, number: object) -> Any:
        return self.post("/nbia-api/services/acceptAgreement", {"agreement": number}, login)


@pytest.fixture
def house(new_archive: Any, fetch: Any) -> Iterator[House]:
    made = House(new_archive, fetch)
    closed = Assignment("Closed", "A", LICENCE, access="restricted")
    made.sop = new_archive.add(UID, assignment=closed, patient_id="C").first
    new_archive.add("1.3.1", assignment=Assignment("Open", "Open", LICENCE), patient_id="O")
    new_archive.add("1.3.2", assignment=Assignment("Mixed", "Open", LICENCE), patient_id="M")
    shut = Assignment("Mixed", "Shut", access="restricted")
    new_archive.add("1.3.3", assignment=shut, patient_id="N")
    accounts = new_archive.catalog.accounts()
    for login in ("alice", "bob", "carol"):
        accounts.add(login, f"password of {login}")
        made.log_in(login)
    for login in ("alice", "bob"):
        for collection in ("Closed", "Mixed"):
            new_archive.catalog.grants().add(Grant(collection, None, Role.READ.value, user=login))
    with running_server(
        new_archive.address,
        attribution=Attribution("The Örigin", "https://origin.example/policy", "Cite us."),
    ) as url:
        made.url = url
        yield made


def sentence(house: House) -> str:
    return f"Please accept its data usage agreement first: {house.url}/policy"


def test_refused_agreed_to_fetched(house: House) -> None:
    house.agreements.put(TEXT)
    unknown = house.image(uid="9.9.9")
    for login in ("", "carol"):
        denied = house.image(login)
        assert (denied.status, denied.text) == (400, unknown.text.replace("9.9.9", UID))
        assert denied.headers.get("link") == unknown.headers.get("link")
        assert 'rel="license"' not in denied.headers["link"]
    refused = house.image("alice")
    assert (refused.status, refused.text) == (400, f"{unknown.text.replace('9.9.9', UID)} {sentence(house)}")
    assert f'<{house.url}/policy>; rel="license"' in refused.headers["link"]
    [shown] = house.shown("alice")
    assert (shown["collection"], shown["version"], shown["text"]) == (None, 1, TEXT)
    assert (shown["required"], shown["accepted"]) == (True, None)
    answer = house.accept("alice", shown["id"])
    assert answer.status == 200
    [accepted] = json.loads(answer.body)
    moment = dt.datetime.fromisoformat(accepted.pop("accepted"))
    assert abs(dt.datetime.now(dt.UTC) - moment) < dt.timedelta(minutes=5)
    shown.pop("accepted")
    assert accepted == shown
    fetched = house.image("alice")
    assert fetched.status == 200
    assert 'rel="license"' not in fetched.headers["link"]
    text = zipfile.ZipFile(io.BytesIO(fetched.body)).read("LICENSE").decode()
    assert text == (
        "License Information. The Closed collection is distributed under the Closed 1.0 at "
        "https://example.org/closed By downloading the data, you agree to abide by terms of this license.\n"
        + TEXT
        + "\n\nThese data are mirrored from The Örigin.\n"
        "Its data usage policy applies to whoever uses them or passes them on: "
        "https://origin.example/policy\nPlease cite: Cite us."
    )
    # What one agreed to opens nothing for another.
    assert house.image("bob").status == 400
    [kept] = house.agreements.accepted()
    assert (kept.login, kept.collection, kept.version, kept.address) == ("alice", None, 1, "127.0.0.1")


def test_lists_show_what_was_granted_before_it_is_agreed_to(house: House) -> None:
    house.agreements.put(TEXT)
    rows = json.loads(house.get("/nbia-api/services/v4/getSeries?Collection=Closed", "alice").body)
    assert [row["SeriesInstanceUID"] for row in rows] == [UID]


def test_the_gate_is_in_the_catalogue(house: House) -> None:
    house.agreements.put(TEXT)
    for scope in Scope:
        visible = VisibleSet(house.viewer("alice"), scope)
        with pytest.raises(AgreementRequired):
            house.archive.catalog.series_content(UID, visible)
        with pytest.raises(AgreementRequired):
            house.archive.catalog.instance(UID, house.sop, visible)
        for viewer in (PUBLIC, house.viewer("carol")):
            with pytest.raises(NotFound):
                house.archive.catalog.series_content(UID, VisibleSet(viewer, scope))
            with pytest.raises(NotFound):
                house.archive.catalog.instance(UID, house.sop, VisibleSet(viewer, scope))


def test_without_a_text_a_grant_is_enough(house: House) -> None:
    assert house.image("alice").status == 200
    assert house.shown("alice") == []
    house.agreements.put(TEXT)
    assert house.image("alice").status == 400
    house.agreements.withdraw()
    assert house.image("alice").status == 200
    with pytest.raises(NotFound):
        house.agreements.withdraw()


def test_public_series_are_never_gated(house: House) -> None:
    house.agreements.put(TEXT)
    house.agreements.put("Mixed terms.", "Mixed")
    house.agreements.put("Open terms.", "Open")
    for login in ("", "alice", "carol"):
        for uid in ("1.3.1", "1.3.2"):
            assert house.image(login, uid).status == 200
    text = zipfile.ZipFile(io.BytesIO(house.image(uid="1.3.1").body)).read("LICENSE").decode()
    assert "license.\nOpen terms.\n\n" in text
    # Of one collection the public part is had, the restricted one is asked for.
    assert house.image("alice", "1.3.3").status == 400


def test_a_collections_text_takes_the_place_of_the_archives(house: House) -> None:
    house.agreements.put(TEXT)
    own, _ = house.agreements.put("Closed terms.", "Closed")
    assert [(each["collection"], each["required"]) for each in house.shown("alice")] == [
        (None, True),
        ("Closed", True),
    ]
    assert house.accept("alice", own.id).status == 200
    assert house.image("alice").status == 200
    assert house.image("alice", "1.3.3").status == 400
    # Withdrawn, the archive's own is what is asked for.
    house.agreements.withdraw("Closed")
    assert house.image("alice").status == 400


def test_what_one_does_not_see_has_no_agreement(house: House) -> None:
    own, _ = house.agreements.put("Closed terms.", "Closed")
    for login in ("carol", "alice"):
        assert [each["collection"] for each in house.shown(login)] == (["Closed"] if login == "alice" else [])
    unknown = house.accept("carol", 99_999)
    answer = house.accept("carol", own.id)
    assert (answer.status, answer.body) == (unknown.status, unknown.body) == (404, b"Not found")
    house.agreements.put("Other terms.", "Closed")
    answer = house.accept("carol", own.id)
    assert (answer.status, answer.body) == (unknown.status, unknown.body)
    assert house.agreements.accepted() == []


def test_a_new_version_asks_again(house: House) -> None:
    first, new = house.agreements.put(TEXT)
    assert new
    assert house.accept("alice", first.id).status == 200
    assert house.agreements.put(TEXT + "\n") == (first, False)
    assert house.image("alice").status == 200
    second, new = house.agreements.put("Do good.")
    assert (second.version, new) == (2, True)
    assert house.image("alice").status == 400
    late = house.accept("bob", first.id)
    assert late.status == 400
    assert "not the current one" in late.text
    assert house.accept("alice", second.id).status == 200
    assert house.image("alice").status == 200
    kept = [(each.login, each.version) for each in house.agreements.accepted()]
    assert kept == [("alice", 1), ("alice", 2)]
    versions = [(each.version, each.text, each.superseded is None) for each in house.agreements.all()]
    assert versions == [(1, TEXT, False), (2, "Do good.", True)]


def test_accepting_twice_keeps_the_first_time(house: House) -> None:
    first, _ = house.agreements.put(TEXT)
    answers = [house.accept("alice", first.id) for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert len(house.agreements.accepted()) == 1


def test_a_number_that_is_none(house: House) -> None:
    house.agreements.put(TEXT)
    assert house.accept("alice", 0).status == 404
    for number in ("", "x", "-1", "1.5", "9" * 40, "\u0661"):
        assert house.accept("alice", number).status == 400
    assert house.agreements.accepted() == []


def test_the_guest_reads_and_does_not_accept(house: House) -> None:
    first, _ = house.agreements.put(TEXT)
    house.agreements.put("Closed terms.", "Closed")
    house.tokens["guest"] = "undefined"
    assert [(each["collection"], each["required"]) for each in house.shown("guest")] == [(None, False)]
    assert house.accept("guest", first.id).status == 401
    assert house.get("/nbia-api/v1/getUserAgreementTxt").text == TEXT


def test_a_text_that_is_none(house: House) -> None:
    for text in ("", " \n\t", "x" * (LONGEST_AGREEMENT + 1), "a\0b", "a\x1b[31mb"):
        with pytest.raises(InvalidInput):
            house.agreements.put(text)
    with pytest.raises(NotFound):
        house.agreements.put("Terms.", "No such collection")
    assert house.agreements.all() == []


# The pages ---------------------------------------------------------------------------------------------


def fields_of(page: str) -> dict[str, str]:
    """Return the hidden fields of a page with one form."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def log_in_by_page(house: House, login: str) -> Any:
    return house.post("/policy/login", {"login": login, "password": f"password of {login}", "token": ""})


def test_the_page_of_the_policy(house: House) -> None:
    house.agreements.put(TEXT)
    house.agreements.put("Closed terms.", "Closed")
    answer = house.get("/policy")
    assert answer.status == 200
    assert "Tell &lt;nobody&gt; &amp; &quot;everybody&quot;." in answer.text
    assert '<a href="https://example.org/closed">Closed Licence</a>' in answer.text
    assert '<a href="https://origin.example/policy">' in answer.text
    assert "Closed terms" not in answer.text
    assert "<script" not in answer.text
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert '<a href="/policy">' in house.get("/").text


def test_accepted_by_page(house: House) -> None:
    house.agreements.put(TEXT)
    house.agreements.put("Closed <b>terms</b>.", "Closed")
    page = log_in_by_page(house, "alice")
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert "set-cookie" not in page.headers
    assert "Closed &lt;b&gt;terms&lt;/b&gt;." in page.text
    assert "2 agreements wait for you." in page.text
    for left in ("One agreement waits for you.", "Nothing is left to accept."):
        page = house.post("/policy/accept", fields_of(page.text))
        assert page.status == 200
        assert left in page.text
        assert "You have accepted: Data usage agreement" in page.text
    assert house.image("alice").status == house.image("alice", "1.3.3").status == 200
    assert {each.address for each in house.agreements.accepted()} == {"127.0.0.1"}


def test_accepted_by_page_with_a_token(house: House) -> None:
    house.agreements.put(TEXT)
    page = house.post("/policy/login", {"token": house.tokens["alice"]})
    assert house.post("/policy/accept", fields_of(page.text)).status == 200
    assert house.image("alice").status == 200


def test_a_page_of_yesterday_accepts_nothing(house: House) -> None:
    house.agreements.put(TEXT)
    page = log_in_by_page(house, "alice")
    house.agreements.put("Do good.")
    late = house.post("/policy/accept", fields_of(page.text))
    assert late.status == 400
    assert "not the current one" in late.text
    assert "Do good." in late.text
    assert house.agreements.accepted() == []


def test_no_form_of_another_site_accepts(house: House) -> None:
    """Nothing that a browser sends by itself is looked at: neither cookies nor the Authorization header."""
    first, _ = house.agreements.put(TEXT)
    for token in ({}, {"token": ""}, {"token": "guessed"}, {"token": "undefined"}, {"token": "guest.x"}):
        answer = house.post("/policy/accept", {"agreement": first.id, **token}, login="alice")
        assert answer.status == 403
        assert "log in again" in answer.text
    assert house.get("/policy/accept").status == 405
    assert house.agreements.accepted() == []


def test_wrong_logins_on_the_page(house: House) -> None:
    house.agreements.put(TEXT)
    for login, password in (("alice", "wrong"), ("nobody", "wrong"), ("", ""), ("nbia_guest", "")):
        answer = house.post("/policy/login", {"login": login, "password": password})
        assert answer.status == 403
        assert "The login or the password is wrong." in answer.text
        assert "wrong</" not in answer.text.replace("is wrong.</", "")
    for _ in range(10):
        answer = house.post("/policy/login", {"login": "alice", "password": "wrong"})
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    # It is one count with that of the tokens' address.
    given = {"grant_type": "password", "username": "alice", "password": "password of alice"}
    assert house.post("/nbia-api/oauth/token", given).status == 429


def test_forms_that_are_none(house: House) -> None:
    for path in ("/policy/login", "/policy/accept"):
        assert house.ask(house.url, path, "POST", b"{}", Content_Type="application/json").status == 400
        assert house.ask(house.url, path, "POST", b"a=" + b"x" * 20_000, **FORM).status == 413
        assert house.ask(house.url, path, "POST", b"token=a&token=b", **FORM).status == 400
        assert house.ask(house.url, path, "POST", b"token=%00", **FORM).status == 400


# A mirror ----------------------------------------------------------------------------------------------


def test_every_answer_names_the_policies(house: House) -> None:
    for name in ("v4/getSeries", "v4/nothing", "v2/getSeries"):
        assert house.get(f"/nbia-api/{name}").headers["link"] == (
            '</policy>; rel="terms-of-service", <https://origin.example/policy>; rel="terms-of-service"; '
            "title*=UTF-8''Data%20usage%20policy%20of%20The%20%C3%96rigin"
        )


def test_a_manifest_has_its_six_lines_and_the_links(house: House) -> None:
    answer = house.post("/nbia-api/services/v4/getManifestText", {"list": "1.3.1"})
    assert answer.status == 200
    lines = answer.text.splitlines()
    assert lines[5:] == ["ListOfSeriesToDownload=", "1.3.1"]
    assert "https://origin.example/policy" in answer.headers["link"]


@pytest.mark.parametrize(
    "given",
    [
        ("", "https://x.example", ""),
        ("A", "ftp://x", ""),
        ("A", "https://x/>", ""),
        ("A\nB", "", ""),
        ("A", "", "\0"),
    ],
)
def test_an_attribution_that_is_none(given: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidInput):
        Attribution(*given)
