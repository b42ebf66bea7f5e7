"""Logins over real sockets: every grant at every address, what ends a token, and who then sees what."""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import io
import json
import logging
import re
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import sqlalchemy as sa

from filmroom.catalog import Catalog
from filmroom.catalog.schema_access import token
from filmroom.model.access import Role
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.server.login import LoginOptions
from filmroom.server.logs import configure_logging
from filmroom.testing.live import running_server
from filmroom.wire.login import LOGOUT_PATHS, TOKEN_PATHS

ADDRESSES = [path.format(realm="TCIA") for path in TOKEN_PATHS]
TOKEN, LOGOUT = ADDRESSES[0], LOGOUT_PATHS[0]
ALICE, BOB = ("alice", "correct horse battery"), ("bob", "staple staple staple")
READ = Role.READ.value


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    """A running server, its catalogue, and everything secret that passed."""

    url: str
    catalog: Catalog
    secrets: list[str] = field(default_factory=list)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def form(self, path: str = TOKEN, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.send("POST", path, urlencode(fields).encode(), kind | (headers or {}))
        if answer.status == 200:
            self.secrets.extend(answer.json[key] for key in answer.json if key.endswith("_token"))
        self.secrets.extend(fields[key] for key in ("password", "client_secret") if fields.get(key))
        return answer

    def password(self, login: str, password: str, path: str = TOKEN, **more: str) -> Answer:
        return self.form(path, grant_type="password", username=login, password=password, **more)

    def log_in(self, who: tuple[str, str] = ALICE) -> dict[str, Any]:
        answer = self.password(*who)
        assert answer.status == 200, answer
        return answer.json

    def refresh(self, refresh_token: str, path: str = TOKEN) -> Answer:
        return self.form(path, grant_type="refresh_token", refresh_token=refresh_token)

    def get(self, path: str, access: str | None = None, method: str = "GET") -> Answer:
        headers = {} if access is None else {"Authorization": f"Bearer {access}"}
        return self.send(method, path, headers=headers)

    def status(self, access: str | None) -> int:
        """Return the status of a question that needs a token."""
        return self.get("/nbia-api/v2/getCollectionValues", access).status

    def collections(self, access: str | None, version: str = "v2") -> list[str]:
        rows = self.get(f"/nbia-api/services/{version}/getCollectionValues", access).json
        return [row["Collection"] for row in rows]


@pytest.fixture
def pair() -> str:
    """What the catalogue does on either engine is tested with the catalogue; here it is HTTP."""
    return "embedded"


@pytest.fixture
def archive(new_archive: Any) -> Any:
    """An archive with a public and a restricted collection, and two accounts: alice may read, bob not."""
    from filmroom.model.entities import Assignment

    new_archive.add("1.2.1", patient_id="SEEN", assignment=Assignment("Open", "Open"))
    new_archive.add(
        "1.2.99", patient_id="SECRET", assignment=Assignment("Closed", "Site", access="restricted")
    )
    for who in (ALICE, BOB):
        new_archive.catalog.accounts().add(*who)
    new_archive.catalog.grants().add(Grant("Closed", None, READ, user="alice"))
    return new_archive


@pytest.fixture
def site(archive: Any) -> Iterator[Site]:
    with running_server(archive.address) as url:
        yield Site(url, archive.catalog)


# Grants -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_grant_at_every_address(site: Site, path: str) -> None:
    first = site.password(*ALICE, path, client_id="NBIA", client_secret="", scope="openid")
    assert first.status == 200
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"] == "no-store"
    assert list(first.json) == [
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
        *(["id_token"] if path.startswith("/auth/realms/") else []),
        "scope",
    ]
    assert first.json.get("id_token", "") == ""  # clients of 2022 to 2024 want the key, and nothing in it
    assert (first.json["token_type"], first.json["expires_in"]) == ("Bearer", 7200)
    assert site.collections(first.json["access_token"]) == ["Closed", "Open"]
    second = site.refresh(first.json["refresh_token"], path)
    assert site.collections(second.json["access_token"]) == ["Closed", "Open"]
    made = site.catalog.accounts().add_client("alice")
    third = site.form(
        path,
        grant_type="client_credentials",
        client_id=made.client_id,
        client_secret=made.client_secret,
    )
    assert "refresh_token" not in third.json
    assert site.collections(third.json["access_token"]) == ["Closed", "Open"]
    basic = base64.b64encode(f"{made.client_id}:{made.client_secret}".encode()).decode()
    fourth = site.form(path, {"Authorization": f"Basic {basic}"}, grant_type="client_credentials")
    assert site.status(fourth.json["access_token"]) == 200
    guest = site.form(path, grant_type="password", username="nbia_guest")
    assert list(guest.json) == list(first.json)
    assert site.collections(guest.json["access_token"]) == ["Open"]


@pytest.mark.parametrize("password", ["", "anything", "correct horse battery"])
def test_the_guest_needs_no_password_and_sees_what_is_public(site: Site, password: str) -> None:
    guest = site.password("nbia_guest", password).json
    again = site.refresh(guest["refresh_token"]).json
    for version in ("v1", "v2", "v4"):
        for access in (guest["access_token"], again["access_token"], "undefined"):
            assert site.collections(access, version) == ["Open"]
    assert site.get(LOGOUT, guest["access_token"], "POST").status == 200


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "alice"}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": ""}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": "wrong"}, 401, "invalid_grant"),
        ({"grant_type": "password", "username": "alice", "password": "x" * 9000}, 401, "invalid_grant"),
        ({"grant_type": "password", "username": "nobody", "password": ALICE[1]}, 401, "invalid_grant"),
        ({"grant_type": "password", "username": "a\0", "password": "x"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "made up"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        (
            {"grant_type": "client_credentials", "client_id": "NBIA", "client_secret": "x"},
            401,
            "invalid_client",
        ),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "x": "y" * 20_000}, 413, "invalid_request"),
    ],
)
def test_refusals(site: Site, fields: dict[str, str], status: int, error: str) -> None:
    answer = site.form(**fields)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json) == ["error", "error_description"]
    if error == "invalid_grant" and "username" in fields:
        assert answer.json["error_description"] == "Invalid user credentials"


def test_requests_that_are_no_form(site: Site) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    for body, headers in (
        (b'{"grant_type":"password"}', {"Content-Type": "application/json"}),
        (b"", {}),
        (b"grant_type=password&grant_type=password", form),
        (b"&".join(b"a%d=1" % n for n in range(100)), form),
        (b"grant_type=\xff\xfe", form),
    ):
        answer = site.send("POST", TOKEN, body, headers)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    for header in ("Basic !!!", "Basic eA==", "Digest x"):
        answer = site.form(TOKEN, {"Authorization": header}, grant_type="client_credentials")
        assert answer.status == 400
    # What stands in the address is not looked at.
    query = urlencode({"grant_type": "password", "username": ALICE[0], "password": ALICE[1]})
    assert site.send("POST", f"{TOKEN}?{query}", b"", form).status == 400


def test_a_password_in_the_address_only_where_it_is_switched_on(archive: Any, site: Site) -> None:
    path = f"{TOKEN}?{urlencode({'grant_type': 'password', 'username': ALICE[0], 'password': ALICE[1]})}"
    refused = site.get(path)
    assert (refused.status, refused.headers["allow"]) == (405, "POST")
    for method in ("PUT", "DELETE", "HEAD"):
        assert site.get(TOKEN, method=method).status == 405
    with running_server(archive.address, login=LoginOptions(in_query=True)) as url:
        old = Site(url, archive.catalog)
        assert old.collections(old.get(path).json["access_token"]) == ["Closed", "Open"]


def test_pages_of_other_origins_may_log_in(site: Site) -> None:
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert site.send("OPTIONS", TOKEN, headers=headers).headers["access-control-allow-origin"] == "*"


# What ends a token ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LOGOUT_PATHS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_logout(site: Site, path: str, method: str) -> None:
    mine, other = site.log_in(), site.log_in()
    assert site.get(path, method=method).status == 401
    assert site.get(path, mine["access_token"], method).status == 200
    assert site.status(mine["access_token"]) == 401
    assert site.refresh(mine["refresh_token"]).status == 400
    assert site.get(path, mine["access_token"], method).status == 401
    assert site.status(other["access_token"]) == 200
    assert site.get(path, other["access_token"], "PUT").status == 405


def test_an_expired_token(archive: Any, site: Site) -> None:
    with running_server(archive.address, login=LoginOptions(TokenLifetimes(60, 90))) as url:
        short = Site(url, archive.catalog)
        issued = short.log_in()
        assert (issued["expires_in"], issued["refresh_expires_in"]) == (60, 90)
        assert short.status(issued["access_token"]) == 200
        with archive.catalog._database.writing() as connection:
            connection.execute(
                sa.update(token).where(token.c.kind == "access").values(expires=dt.datetime(2020, 1, 1))
            )
        answer = short.get("/nbia-api/v4/getCollectionValues", issued["access_token"])
        assert (answer.status, answer.json["error"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert issued["access_token"].encode() not in answer.body
        # v1 does not look at it.
        assert short.collections(issued["access_token"], "v1") == ["Open"]
        # The other server, and the refreshed token.
        assert site.status(issued["access_token"]) == 401
        assert site.status(short.refresh(issued["refresh_token"]).json["access_token"]) == 200


def test_a_refresh_token_serves_once(site: Site) -> None:
    first = site.log_in()
    second = site.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    assert site.status(second["access_token"]) == 200
    assert site.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert site.status(second["access_token"]) == 401
    # One kind does not serve as the other.
    third = site.log_in()
    assert site.status(third["refresh_token"]) == 401
    assert site.refresh(third["access_token"]).status == 400


def test_an_account_that_is_switched_off_is_out_at_once(site: Site) -> None:
    issued = site.log_in()
    made = site.catalog.accounts().add_client("alice")
    fields = {"client_id": made.client_id, "client_secret": made.client_secret}
    program = site.form(grant_type="client_credentials", **fields).json
    site.catalog.accounts().set_active("alice", active=False)
    assert site.status(issued["access_token"]) == site.status(program["access_token"]) == 401
    assert site.refresh(issued["refresh_token"]).status == 400
    assert site.form(grant_type="client_credentials", **fields).status == 401
    assert site.password(*ALICE).json["error_description"] == "Invalid user credentials"
    assert site.log_in(BOB)


def test_a_grant_that_ends_ends_at_once(site: Site) -> None:
    access = site.log_in()["access_token"]
    assert site.collections(access) == ["Closed", "Open"]
    site.catalog.grants().remove(Grant("Closed", None, READ, user="alice"))
    assert site.collections(access) == ["Open"]


# Attempts ---------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down(archive: Any) -> None:
    with running_server(archive.address, login=LoginOptions(failures_per_minute=3)) as url:
        site = Site(url, archive.catalog)
        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(
                answer.status for answer in pool.map(lambda n: site.password("alice", f"no {n}"), range(12))
            )
        # Two are hashed at once, so one may slip in beside the third.
        assert statuses in ([401] * 3 + [429] * 9, [401] * 4 + [429] * 8)
        right = site.password(*ALICE)
        assert (right.status, right.json["error"]) == (429, "too_many_attempts")
        assert 1 <= int(right.headers["retry-after"]) <= 61
        # Another login of that address goes on, until the address has failed too often.
        assert site.log_in(BOB)
        while site.password(f"guess-{len(site.secrets)}", "x").status == 401:
            assert len(site.secrets) < 60
        assert site.password(*BOB).status == 429
        assert site.refresh("made up").status == 429


def test_success_is_never_slowed_down(archive: Any) -> None:
    with running_server(archive.address, login=LoginOptions(failures_per_minute=2)) as url:
        site = Site(url, archive.catalog)
        assert [site.password(*ALICE).status for _ in range(6)] == [200] * 6


# Who sees what ----------------------------------------------------------------------------------------


def test_lists_without_a_token_can_be_as_they_were(archive: Any) -> None:
    with running_server(archive.address, empty_401=True) as url:
        site = Site(url, archive.catalog)
        for access in (None, "made up"):
            answer = site.get("/nbia-api/v2/getSeries", access)
            assert (answer.status, answer.body) == (200, b"")
            assert site.get("/nbia-api/v2/getImage?SeriesInstanceUID=1.2.1", access).status == 401
        assert site.get("/nbia-api/v4/getSeries", "made up").status == 401
        assert site.collections(site.log_in()["access_token"]) == ["Closed", "Open"]


def test_three_operations_of_v4_show_the_public_set_to_everybody(site: Site) -> None:
    access = site.log_in()["access_token"]
    for path in ("v4/getSeriesSize?SeriesInstanceUID=1.2.99", "v4/getUpdatedSeries"):
        answer = site.get(f"/nbia-api/{path}", access)
        assert answer.status == 200
        assert b"1.2.99" not in answer.body
        assert site.get(f"/nbia-api/{path}", "made up").status == 401
    assert site.get("/nbia-api/v2/getSeriesSize?SeriesInstanceUID=1.2.99", access).json != [{}]
    assert b"1.2.99" in site.get("/nbia-api/v2/getUpdatedSeries", access).body


def test_a_download_is_recorded_with_its_login(site: Site, archive: Any) -> None:
    access = site.log_in()["access_token"]
    answer = site.get("/nbia-api/v2/getImage?SeriesInstanceUID=1.2.99", access)
    assert zipfile.ZipFile(io.BytesIO(answer.body)).testzip() is None
    waited = threading.Event()
    for _ in range(100):
        found = archive.catalog.downloads()
        if found:
            break
        waited.wait(0.1)
    assert [(one.viewer, one.kind, one.series_instance_uid) for one in found] == [
        ("alice", "v2API", "1.2.99")
    ]


# Secrets ----------------------------------------------------------------------------------------------


def test_no_secret_is_kept_or_logged(archive: Any, tmp_path: Path) -> None:
    log = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    configure_logging("json", "debug", log)
    try:
        with running_server(archive.address, login=LoginOptions(in_query=True)) as url:
            site = Site(url, archive.catalog)
            issued = site.log_in()
            site.secrets.append(site.catalog.accounts().add_client("alice").client_secret)
            site.password("alice", "a wrong password")
            site.password("a-password-as-login", "another wrong password")
            site.secrets.append("a-password-as-login")
            site.refresh(site.refresh(issued["refresh_token"]).json["refresh_token"])
            site.refresh(issued["refresh_token"])
            site.get("/nbia-api/v4/getSeries", issued["access_token"])
            site.get("/nbia-api/v4/getSeries", "a-made-up-token")
            site.secrets.append("a-made-up-token")
            query = urlencode({"grant_type": "password", "username": "bob", "password": BOB[1]})
            site.secrets.extend([BOB[1], site.get(f"{TOKEN}?{query}").json["access_token"]])
            site.get(LOGOUT, site.log_in()["access_token"], "POST")
    finally:
        logging.getLogger().handlers[:], level = before[0], before[1]
        logging.getLogger().setLevel(level)
    archive.catalog.close()
    kept = b"".join(path.read_bytes() for path in Path(archive.address.data).rglob("*") if path.is_file())
    said = log.getvalue()
    assert re.search(r'"operation": ?"token"', said)
    assert b"alice" in kept
    assert len(site.secrets) > 15
    for secret in {*site.secrets, ALICE[1]}:
        for form in {secret, urlencode({"": secret})[1:], secret.replace(" ", "%20")}:
            assert form not in said, form
            assert form.encode() not in kept, form
