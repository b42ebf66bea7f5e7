"""Login with an institute's provider: a real one (oidc-provider on loopback), over real sockets."""

from __future__ import annotations

import base64
import functools
import hmac
import io
import json
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.testclient import TestClient

from filmroom.errors import InvalidInput, NotFound
from filmroom.model.access import Role
from filmroom.model.accounts import Grant
from filmroom.model.entities import Assignment
from filmroom.model.institute import Admission
from filmroom.server.app import ServerOptions, create_app
from filmroom.server.logs import configure_logging
from filmroom.server.oidc_options import OidcOptions
from filmroom.server.run import serve
from filmroom.testing.live import running_server

FOLDER = Path(__file__).with_name("oidc")
NODE = shutil.which("node")
AUDIENCE = "urn:filmroom:test"
SECRET = "a client's secret: /+&%"
SCRIPT_SECRET = "another client's secret"
PEOPLE = {
    "a-1": {"preferred_username": "alice", "email": "alice@example.org", "groups": ["Readers", "elsewhere"]},
    "b-2": {"preferred_username": "bob", "email": "none", "groups": []},
    "c-3": {"preferred_username": "<i>c</i>", "groups": ["Readers"]},
}
GROUPS = {"Readers": "readers"}
STARTS = "/login/oidc"
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"


@functools.cache
def new_key(name: str, _which: int = 0) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


class Provider:
    """The provider's process, and its keys: what it could sign, tests can."""

    def __init__(self) -> None:
        self.key = new_key("first")
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, people: dict[str, Any] | None = None) -> None:
        """Start it, at the port it had before."""
        if NODE is None or not (FOLDER / "node_modules").is_dir():
            pytest.skip("needs Node.js, and what `make node-packages` installs")
        client = {"application_type": "native"}
        given = {
            "port": self.port,
            "keys": KeySet([self.key]).as_dict(private=True),
            "people": PEOPLE if people is None else people,
            "clients": [
                {
                    **client,
                    "client_id": "archive",
                    "client_secret": SECRET,
                    "redirect_uris": ["http://127.0.0.1/login/oidc/callback"],
                },
                {
                    **client,
                    "client_id": "script",
                    "client_secret": SCRIPT_SECRET,
                    "redirect_uris": ["http://127.0.0.1/done"],
                },
            ],
        }
        self._process = subprocess.Popen(
            [NODE, "provider.mjs", json.dumps(given)],
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready "):
                self.port = int(line.split()[1])
                return
        pytest.fail("the provider did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def sign(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token as the provider signs them, but for what is given; None leaves a claim out."""
        moment = int(time.time())
        usual = {
            "iss": self.issuer,
            "sub": "a-1",
            "aud": AUDIENCE,
            "exp": moment + 300,
            "iat": moment,
            "scope": "read",
            **PEOPLE["a-1"],
        }
        given = {name: value for name, value in (usual | claims).items() if value is not None}
        full = {"alg": "RS256", "kid": "first", "typ": "at+jwt"} | (header or {})
        registry = JWSRegistry(algorithms=[full["alg"]], strict_check_header=False)
        return jwt.encode(full, given, key or self.key, registry=registry)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def own_provider() -> Iterator[Provider]:
    """A provider that a test may stop and change."""
    made = Provider()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def pair() -> str:
    """What the catalogue does on either engine is tested with the catalogue; here it is HTTP."""
    return "embedded"


@pytest.fixture
def archive(new_archive: Any) -> Any:
    """A public and a restricted collection; who is in the group readers sees both."""
    new_archive.add("1.2.1", patient_id="SEEN", assignment=Assignment("Open", "Open"))
    new_archive.add(
        "1.2.99", patient_id="SECRET", assignment=Assignment("Closed", "Site", access="restricted")
    )
    for name in ("readers", "guests", "locals"):
        new_archive.catalog.accounts().add_group(name)
    new_archive.catalog.grants().add(Grant("Closed", None, Role.READ.value, group="readers"))
    new_archive.catalog.accounts().add("carol", "correct horse battery")
    return new_archive


def options(provider: Provider, **changes: Any) -> OidcOptions:
    made = OidcOptions(
        provider.issuer,
        "archive",
        SECRET,
        audience=AUDIENCE,
        admission=Admission(groups=GROUPS),
        pause_seconds=0,
    )
    return replace(made, **changes)


@pytest.fixture
def url(archive: Any, provider: Provider) -> Iterator[str]:
    with running_server(archive.address, oidc=options(provider)) as served:
        yield served


@pytest.fixture
def open_url(archive: Any, provider: Provider) -> Iterator[str]:
    """A server that registers whoever comes."""
    admission = Admission(register=True, default_group="guests", groups=GROUPS)
    with running_server(archive.address, oidc=options(provider, admission=admission)) as served:
        yield served


# A person at a browser --------------------------------------------------------------------------------


def browser(**more: Any) -> httpx2.Client:
    return httpx2.Client(follow_redirects=True, timeout=30, **more)


def log_in(client: httpx2.Client, start: str, account: str = "a-1") -> httpx2.Response:
    """Begin at an address, fill in the provider's forms, and return where that ends."""
    page = client.get(start)
    while "/interaction/" in str(page.url) and page.status_code == 200:
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert form, page.text
        assert prompt, page.text
        fields = {"prompt": prompt[1], "login": account, "password": "any"}
        page = client.post(form[1], data=fields)
    return page


def token_on(page: httpx2.Response) -> str:
    found = re.search(r'<code id="token">([^<]+)</code>', page.text)
    assert page.status_code == 200, page.text
    assert found, page.text
    return found[1]


def collections(url: str, token: str) -> list[str]:
    answer = httpx2.get(
        f"{url}/nbia-api/v2/getCollectionValues", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200, answer.text
    return [row["Collection"] for row in answer.json()]


def status(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{url}/nbia-api/v2/getCollectionValues", headers=headers).status_code


def made_by_script(provider: Provider, account: str = "a-1") -> dict[str, Any]:
    """Return the provider's answer to a program that asks for access, where a person logs in."""
    asked = {
        "client_id": "script",
        "response_type": "code",
        "scope": "openid profile read",
        "resource": AUDIENCE,
        "redirect_uri": "http://127.0.0.1:9/done",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "s",
    }
    with browser() as client, pytest.raises(httpx2.ConnectError) as caught:
        log_in(client, f"{provider.issuer}/auth?{urlencode(asked)}", account)
    code = parse_qs(urlsplit(str(caught.value.request.url)).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": asked["redirect_uri"],
        "client_id": "script",
    }
    answer = httpx2.post(f"{provider.issuer}/token", data=form, auth=("script", quote(SCRIPT_SECRET)))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# Login in the browser ---------------------------------------------------------------------------------


def test_a_person_logs_in_and_uses_the_token(archive: Any, url: str, provider: Provider) -> None:
    catalog = archive.catalog
    with browser() as client:
        unknown = log_in(client, url + STARTS)
        assert unknown.status_code == 403
        assert "no account for the login &#x27;alice&#x27;" in unknown.text
        catalog.accounts().add("alice", None, "alice@example.org")
        [_, waiting] = sorted(catalog.accounts().all(), key=lambda one: one.login != "carol")
        assert (waiting.institute, waiting.has_password) == ("", False)
        page = log_in(client, url + STARTS)
        assert str(page.url).startswith(f"{url}{STARTS}/callback?")
        assert "Logged in as alice" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert not [cookie for cookie in client.cookies.jar if cookie.name.endswith("filmroom-login")]
        token = token_on(page)
        assert len(token) == 43
        # The same address once more: the code and the cookie have served.
        assert client.get(str(page.url)).status_code == 403
    assert collections(url, token) == ["Closed", "Open"]
    [account] = [one for one in catalog.accounts().all() if one.login == "alice"]
    assert (account.institute, account.groups) == (provider.issuer, ("readers",))
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx2.post(f"{url}/nbia-api/logout", headers=headers).status_code == 200
    assert status(url, token) == 401


def test_a_program_gets_json_with_the_id_token(archive: Any, open_url: str, provider: Provider) -> None:
    with browser(headers={"Accept": "application/json"}) as client:
        answer = log_in(client, open_url + STARTS)
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "expires_in", "id_token", "scope"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 28_800)
    assert jwt.decode(body["id_token"], provider.key).claims["sub"] == "a-1"
    assert collections(open_url, body["access_token"]) == ["Closed", "Open"]
    # Who logged in says it; it opens nothing.
    assert status(open_url, body["id_token"]) == 401


def test_who_is_registered_and_who_is_not(archive: Any, open_url: str, provider: Provider) -> None:
    catalog = archive.catalog
    for account, login, groups in (("a-1", "alice", ("guests", "readers")), ("b-2", "bob", ("guests",))):
        with browser() as client:
            token = token_on(log_in(client, open_url + STARTS, account))
        [made] = [one for one in catalog.accounts().all() if one.login == login]
        assert (made.groups, made.institute, made.has_password) == (groups, provider.issuer, False)
        assert collections(open_url, token) == (["Closed", "Open"] if "readers" in groups else ["Open"])
    emails = [one.email for one in catalog.accounts().all()]
    assert emails == ["alice@example.org", None, None]
    with browser() as client:
        strange = log_in(client, open_url + STARTS, "c-3")
    assert "Logged in as &lt;i&gt;c&lt;/i&gt;" in strange.text
    assert "<i>" not in strange.text


def test_a_login_that_cannot_be_taken_over(archive: Any, own_provider: Provider) -> None:
    logins = ["carol", "nbia_guest", "", " x", None, 7, "a\0b", "x" * 300]
    own_provider.stop()
    people = {
        f"s-{n}": {"preferred_username": login, "groups": ["Readers"]} for n, login in enumerate(logins)
    }
    own_provider.start(people)
    admission = Admission(register=True, groups=GROUPS)
    with running_server(archive.address, oidc=options(own_provider, admission=admission)) as url:
        for number, (subject, claims) in enumerate(people.items()):
            if number < 3:
                with browser() as client:
                    assert log_in(client, url + STARTS, subject).status_code == 403, claims
            assert status(url, own_provider.sign(sub=subject, **claims)) == 401, claims
    [only] = archive.catalog.accounts().all()
    assert (only.login, only.groups, only.institute) == ("carol", (), None)


def test_a_login_that_was_given_to_another_person(archive: Any, open_url: str, provider: Provider) -> None:
    with browser() as client:
        token_on(log_in(client, open_url + STARTS))
    later = provider.sign(sub="a-99", preferred_username="alice")
    assert status(open_url, later) == 401
    archive.catalog.identities().unlink("alice")
    assert status(open_url, provider.sign()) == 401
    archive.catalog.identities().link("alice")
    assert collections(open_url, later) == ["Closed", "Open"]
    assert status(open_url, provider.sign()) == 401
    with pytest.raises(InvalidInput):
        archive.catalog.identities().link("alice")
    with pytest.raises(NotFound):
        archive.catalog.identities().link("nobody")


def test_groups_follow_the_provider_and_ours_stay(archive: Any, own_provider: Provider) -> None:
    admission = Admission(register=True, groups=GROUPS)
    accounts = archive.catalog.accounts()
    with running_server(archive.address, oidc=options(own_provider, admission=admission)) as url:
        with browser() as client:
            token = token_on(log_in(client, url + STARTS))
        accounts.set_member("locals", "alice", member=True)
        accounts.set_member("guests", "alice", member=True)
        assert collections(url, token) == ["Closed", "Open"]
        own_provider.stop()
        changed = {name: value for name, value in PEOPLE["a-1"].items() if name != "groups"}
        own_provider.start({"a-1": changed})
        with browser() as client:
            later = token_on(log_in(client, url + STARTS))
        assert collections(url, later) == collections(url, token) == ["Open"]
        [account] = [one for one in accounts.all() if one.login == "alice"]
        assert account.groups == ("guests", "locals")
        # An access token that tells of groups settles it too, one that tells nothing does not.
        assert collections(url, own_provider.sign(groups="Readers")) == ["Closed", "Open"]
        assert collections(url, own_provider.sign(groups=None)) == ["Closed", "Open"]
        assert collections(url, own_provider.sign(groups=[])) == ["Open"]


def test_an_answer_that_this_browser_did_not_ask_for(archive: Any, open_url: str, provider: Provider) -> None:
    callback = f"{open_url}{STARTS}/callback"
    with browser() as mine, httpx2.Client(timeout=30) as other:
        for query in ("", "?code=x", "?code=x&state=y", "?state=", "?code=x&state=%00&iss=z"):
            assert mine.get(callback + query).status_code == 403
        # The state of one browser does not serve in another.
        asked = parse_qs(urlsplit(other.get(open_url + STARTS).headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == [callback]
        assert mine.get(f"{callback}?code=x&state={asked['state'][0]}").status_code == 403
        assert mine.get(open_url + STARTS).status_code == 200  # the provider's form
    for query, text in (
        ("error=access_denied", "did not log you in"),
        ("error=<script>alert(1)</script>&error_description=<b>", "did not log you in"),
        ("code=made-up", "not from your institute"),
        ("code=made-up&iss=https://evil.example", "not from your institute"),
        (f"code=made-up&iss={provider.issuer}", "took too long"),
    ):
        with httpx2.Client(timeout=30) as client:
            state = parse_qs(urlsplit(client.get(open_url + STARTS).headers["location"]).query)["state"][0]
            page = client.get(f"{callback}?{query}&state={state}")
            assert (page.status_code, text in page.text) == (403, True), page.text
            assert "<script" not in page.text
            assert "<b>" not in page.text
    with httpx2.Client(timeout=30) as client:
        client.get(open_url + STARTS)
        for cookie in list(client.cookies.jar):
            client.cookies.set(cookie.name, "forged", domain=cookie.domain, path=cookie.path)
        assert client.get(f"{callback}?code=x&state=y").status_code == 403
    # Nothing in the address says where to go.
    sent = httpx2.get(f"{open_url}{STARTS}?next=https://evil.example&redirect_uri=https://evil.example")
    assert "evil" not in sent.headers["location"]
    assert [one.login for one in archive.catalog.accounts().all()] == ["carol"]


def test_an_account_that_is_switched_off(archive: Any, open_url: str, provider: Provider) -> None:
    with browser() as client:
        token = token_on(log_in(client, open_url + STARTS))
        foreign = provider.sign()
        assert collections(open_url, foreign) == ["Closed", "Open"]
        archive.catalog.accounts().set_active("alice", active=False)
        assert status(open_url, token) == status(open_url, foreign) == 401
        page = log_in(client, open_url + STARTS)
        assert (page.status_code, "switched off" in page.text) == (403, True)


def test_the_cookie_behind_https(archive: Any, provider: Provider) -> None:
    served = ServerOptions(oidc=options(provider), public_url="https://images.example")
    app = create_app(archive.catalog, archive.store, options=served)
    with TestClient(app, base_url="https://images.example", follow_redirects=False) as client:
        answer = client.get(STARTS)
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "__Host-filmroom-login"
        parts = {part.strip().lower() for part in rest.split(";")[1:]}
        assert parts == {"httponly", "max-age=600", "path=/", "samesite=lax", "secure"}
        asked = parse_qs(urlsplit(answer.headers["location"]).query)
        assert asked["redirect_uri"] == ["https://images.example/login/oidc/callback"]
        # The provider answers to it: the cookie is read under that name.
        error = client.get(f"{STARTS}/callback?error=access_denied&state={asked['state'][0]}")
        assert (error.status_code, "did not log you in" in error.text) == (403, True)


# Access tokens of the provider ------------------------------------------------------------------------


def test_an_access_token_that_the_provider_made(archive: Any, url: str, provider: Provider) -> None:
    answer = made_by_script(provider)
    token = answer["access_token"]
    assert jwt.decode(token, provider.key).header["typ"] == "at+jwt"
    assert status(url, token) == 401  # nobody knows alice yet
    archive.catalog.accounts().add("alice", None)
    assert collections(url, token) == ["Closed", "Open"]
    assert status(url, answer["id_token"]) == 401
    image = httpx2.get(
        f"{url}/nbia-api/v4/getImage?SeriesInstanceUID=1.2.99", headers={"Authorization": f"Bearer {token}"}
    )
    assert (image.status_code, image.content[:2]) == (200, b"PK")
    ended = httpx2.post(f"{url}/nbia-api/logout", headers={"Authorization": f"Bearer {token}"})
    assert (ended.status_code, "ends there" in ended.text) == (400, True)


def test_first_requests_at_once_make_one_account(archive: Any, open_url: str, provider: Provider) -> None:
    token = provider.sign()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: status(open_url, token), range(16))) == [200] * 16
    assert [one.login for one in archive.catalog.accounts().all()] == ["alice", "carol"]


def plain(header: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()


def bad_tokens(provider: Provider) -> dict[str, str]:
    moment = int(time.time())
    public = OctKey.import_key(json.dumps(provider.key.as_dict(private=False)))
    good = provider.sign()
    head, body, signature = good.split(".")
    signed = f"{plain({'alg': 'HS256', 'kid': 'first'})}.{body}"
    mac = hmac.digest(provider.key.as_pem(private=False), signed.encode(), "sha256")
    return {
        "wrong audience": provider.sign(aud="archive"),
        "several audiences, not ours": provider.sign(aud=["archive", "account"]),
        "no audience": provider.sign(aud=None),
        "wrong issuer": provider.sign(iss="https://evil.example"),
        "issuer with a slash": provider.sign(iss=f"{provider.issuer}/"),
        "no issuer": provider.sign(iss=None),
        "expired": provider.sign(exp=moment - 61),
        "no expiry": provider.sign(exp=None),
        "expiry is text": provider.sign(exp=str(moment + 60)),
        "not yet": provider.sign(nbf=moment + 90),
        "issued in the future": provider.sign(iat=moment + 90),
        "no subject": provider.sign(sub=None),
        "empty subject": provider.sign(sub=""),
        "a list as subject": provider.sign(sub=["a-1"]),
        "subject with NUL": provider.sign(sub="a\0"),
        "long subject": provider.sign(sub="a" * 256),
        "another key under the same name": provider.sign(new_key("first", 1)),
        "another key": provider.sign(new_key("other"), {"kid": "other"}),
        "body exchanged": ".".join((head, provider.sign(sub="b-2").split(".")[1], signature)),
        "signature cut": good[:-4],
        "no signature": f"{head}.{body}.",
        "alg none": f"{plain({'alg': 'none'})}.{body}.",
        "alg none, of a known key": f"{plain({'alg': 'none', 'kid': 'first'})}.{body}.{signature}",
        "public key as a secret": provider.sign(public, {"alg": "HS256"}),
        "public PEM as a secret": f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "ID token": provider.sign(header={"typ": "JWT"}, scope=None, nonce="n"),
        "ID token of Keycloak": provider.sign(header={"typ": "JWT"}, typ="ID"),
        "refresh token of Keycloak": provider.sign(header={"typ": "JWT"}, typ="Refresh"),
        "critical header": provider.sign(header={"crit": ["b64"], "b64": False}),
        "dots": "..",
        "no base64": "ä.ö.ü",
        "JSON bomb": f"{'Ww' * 400}.{body}.{signature}",
        "huge": f"{head}.{'A' * 20_000}.{signature}",
    }


def test_tokens_that_are_not_good(archive: Any, url: str, provider: Provider) -> None:
    archive.catalog.accounts().add("alice", None)
    assert status(url, provider.sign()) == 200
    found = {}
    for name, token in bad_tokens(provider).items():
        headers = {"Authorization": b"Bearer " + token.encode()}
        answer = httpx2.get(f"{url}/nbia-api/v4/getCollectionValues", headers=headers)
        found[name] = (answer.status_code, b"invalid_token" in answer.content)
    assert found == dict.fromkeys(found, (401, True))
    moment = int(time.time())
    for good in (
        provider.sign(exp=moment - 30),
        provider.sign(iat=moment + 30, nbf=moment + 30),
        provider.sign(aud=["other", AUDIENCE]),
        provider.sign(header={"typ": "JWT"}, typ="Bearer"),
        provider.sign(header={"typ": "application/at+jwt"}, scope=None),
    ):
        assert status(url, good) == 200


def test_they_are_not_taken_where_no_audience_is_set(archive: Any, provider: Provider) -> None:
    archive.catalog.accounts().add("alice", None)
    with running_server(archive.address, oidc=options(provider, audience="")) as url:
        for token in (provider.sign(), provider.sign(aud=""), provider.sign(aud=None)):
            assert status(url, token) == 401


def test_keys_that_were_changed(archive: Any, own_provider: Provider) -> None:
    archive.catalog.accounts().add("alice", None)
    with running_server(archive.address, oidc=options(own_provider)) as url:
        old = own_provider.sign()
        assert status(url, old) == 200
        own_provider.stop()
        own_provider.key = new_key("second")
        own_provider.start()
        new = own_provider.sign(header={"kid": "second"})
        assert status(url, new) == 200
        assert status(url, old) == 401
        with browser() as client:
            assert collections(url, token_on(log_in(client, url + STARTS))) == ["Closed", "Open"]


def test_made_up_keys_do_not_become_requests_to_the_provider(archive: Any, own_provider: Provider) -> None:
    archive.catalog.accounts().add("alice", None)
    with running_server(archive.address, oidc=options(own_provider, pause_seconds=3600)) as url:
        assert status(url, own_provider.sign()) == 200
        own_provider.stop()  # whoever asked it now would be answered 503
        for n in range(3):
            assert status(url, own_provider.sign(header={"kid": f"made up {n}"})) == 401
        assert status(url, own_provider.sign()) == 200


def test_the_provider_is_away(archive: Any, own_provider: Provider) -> None:
    archive.catalog.accounts().add("alice", None)
    token = own_provider.sign()
    own_provider.stop()
    with running_server(archive.address, oidc=options(own_provider)) as url:
        answer = httpx2.get(f"{url}/nbia-api/v4/getSeries", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "login service does not answer" in answer.text
        page = httpx2.get(url + STARTS)
        assert (page.status_code, "login service does not answer" in page.text) == (503, True)
        form = {"grant_type": "password", "username": "carol", "password": "correct horse battery"}
        local = httpx2.post(f"{url}/nbia-api/oauth/token", data=form).json()
        assert collections(url, local["access_token"]) == ["Open"]
        assert "id_token" not in local
        own_provider.start()
        assert status(url, token) == 200
        own_provider.stop()
        assert status(url, token) == 200  # its keys are known


@pytest.mark.parametrize(
    ("change", "status_code"),
    [
        ({"client_secret": "wrong"}, 503),
        ({"issuer": "http://localhost:{port}"}, 503),
        ({"scopes": "openid"}, 403),
    ],
)
def test_settings_that_do_not_go_with_the_provider(
    archive: Any, provider: Provider, change: dict[str, str], status_code: int
) -> None:
    change = {name: value.format(port=provider.port) for name, value in change.items()}
    with running_server(archive.address, oidc=options(provider, **change)) as url, browser() as client:
        page = log_in(client, url + STARTS)
    assert (page.status_code, "Not logged in" in page.text) == (status_code, True)


# Settings, secrets ------------------------------------------------------------------------------------


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Any) -> None:
    for name in [name for name in os.environ if name.startswith("FILMROOM_")]:
        monkeypatch.delenv(name)
    assert OidcOptions.from_settings() is None

    def given(**values: str) -> OidcOptions | None:
        for name, value in values.items():
            monkeypatch.setenv(f"FILMROOM_{name.upper()}", value)
        return ServerOptions.from_settings().oidc

    (tmp_path / "secret").write_text(f"{SECRET}\n")
    for values, wrong in (
        ({"oidc_issuer": "http://idp.example"}, "https"),
        ({"oidc_issuer": "https://idp.example/realms/x"}, "CLIENT_ID"),
        ({"oidc_client_id": "archive"}, "CLIENT_SECRET"),
        ({"oidc_client_secret_file": str(tmp_path / "none")}, "cannot be read"),
        ({"oidc_client_secret_file": str(tmp_path / "secret")}, "PUBLIC_URL"),
        ({"public_url": "https://images.example", "oidc_scopes": "profile"}, "openid"),
        ({"oidc_scopes": "openid", "oidc_groups": "=x"}, "OIDC_GROUPS"),
        ({"oidc_groups": "x="}, "OIDC_GROUPS"),
        ({"oidc_groups": "", "oidc_token_seconds": "0"}, "at least 1"),
    ):
        with pytest.raises(InvalidInput, match=wrong):
            given(**values)
    found = given(oidc_token_seconds="60", oidc_groups="/tcia/Readers=readers, lab", oidc_register="yes")
    assert found is not None
    assert (found.client_secret, found.token_seconds, found.scopes) == (SECRET, 60, "openid")
    assert found.admission == Admission(True, "", {"/tcia/Readers": "readers", "lab": "lab"})
    assert SECRET not in repr(found)
    with pytest.raises(NotFound, match="lab"):
        serve(archive.address, "127.0.0.1", 0)


def test_no_secret_is_kept_or_logged(archive: Any, provider: Provider) -> None:
    log = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    configure_logging("json", "debug", log)
    secrets = [SECRET, urlencode({"": SECRET})[1:]]
    try:
        admission = Admission(register=True, groups=GROUPS)
        with running_server(archive.address, oidc=options(provider, admission=admission)) as url:
            seen: list[httpx2.Response] = []
            with browser(headers={"Accept": "application/json"}) as client:
                client.event_hooks = {"response": [seen.append]}
                answer = log_in(client, url + STARTS)
            query = parse_qs(urlsplit(str(seen[-1].url)).query)
            cookie = re.match(r"filmroom-login=([^;]+);", seen[0].headers["set-cookie"])
            assert cookie
            secrets += [*query["code"], *query["state"], cookie[1]]
            secrets += [answer.json()["access_token"], answer.json()["id_token"], provider.sign()]
            assert status(url, secrets[-1]) == 200
            assert status(url, provider.sign(exp=1)) == 401
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    archive.catalog.close()
    kept = b"".join(path.read_bytes() for path in Path(archive.address.data).rglob("*") if path.is_file())
    assert "institute login" in log.getvalue()
    assert len(secrets) >= 8
    for secret in secrets:
        assert secret not in log.getvalue(), secret
        assert secret.encode() not in kept, secret


class Chromium:
    """One page of a real browser, steered over its debugging pipe."""

    def __init__(self, profile: Path) -> None:
        program = (
            shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        )
        if program is None:
            pytest.skip("needs Chromium")
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # It takes its commands from descriptor 3 and answers on 4.
        start = f'exec 3<&{commands} 4>&{answers}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            [
                "/bin/bash",
                "-c",
                start,
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
            ],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._count, self._rest, self._loads = 0, b"", 0
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._from, 65_536)
            assert read, "the browser ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        self._loads += found.get("method") == "Page.loadEventFired"
        return found

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        asked = {"id": self._count, "method": method, "params": params}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._to, json.dumps(asked).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        return self._ask("Runtime.evaluate", expression=expression)["result"].get("value")

    def go(self, expression: str) -> None:
        """Do what leads to another page, and wait until that is there."""
        before = self._loads
        self.evaluate(expression)
        while self._loads == before:
            self._next()


def test_a_person_logs_in_with_a_real_browser(
    archive: Any, open_url: str, provider: Provider, tmp_path: Path
) -> None:
    chromium = Chromium(tmp_path / "profile")
    try:
        chromium.go(f"location = {json.dumps(open_url)}")
        chromium.go("document.querySelector('a[href=\"/login/oidc\"]').click()")
        chromium.go("f = document.forms[0]; f.login.value = 'a-1'; f.password.value = 'any'; f.submit()")
        chromium.go("document.forms[0].submit()")
        assert chromium.evaluate("document.querySelector('h1').textContent") == "Logged in as alice"
        token = chromium.evaluate("document.querySelector('#token').textContent")
        assert chromium.evaluate("document.cookie") == ""
        assert chromium.evaluate("document.scripts.length") == 0
    finally:
        chromium.close()
    assert collections(open_url, token) == ["Closed", "Open"]
