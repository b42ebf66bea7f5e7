"""Registration at the other end, a second archive's own write API; with what goes wrong on the way."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from datacite_writing import COMPLETE, PASSWORD

from filmroom.catalog import Catalog
from filmroom.errors import InvalidInput
from filmroom.model.doi_registration import PushStatus
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import DoiRecord
from filmroom.net.retry import RetryPolicy
from filmroom.server.datacite.editor import DoiEditor
from filmroom.server.registration.far_end import AccountRefused, FarEnd
from filmroom.server.registration.options import RegistrationOptions
from filmroom.server.registration.worker import Registrar, worker_name
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.wire.datacite.change import DoiChange, document_of

EVERYBODY = DoiWriter("test", everywhere=True)
AT_ONCE = RetryPolicy(attempts=1_000, first_wait=0.0, longest_wait=3_600.0)


class _Proxy(BaseHTTPRequestHandler):
    """Passes one request on, or does to it what the script says next."""

    protocol_version = "HTTP/1.1"
    server: ScriptedProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.append((self.command, self.path, json.loads(body) if body else None))
        fault = self.server.next(self.command)
        if isinstance(fault, tuple):
            self._answer(*fault)
            return
        if fault == "drop before":
            self._drop()
            return
        status, headers, content = self._passed_on(body)
        if fault == "drop after":
            self._drop()
        elif callable(fault):
            fault()
            self._drop()
        else:
            self._answer(status, headers, content)

    do_GET = do_PUT = _serve  # noqa: N815 - as the library looks for them

    def _passed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        target = urlsplit(self.server.target)
        assert target.hostname
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {"Content-Type": answer.getheader("content-type") or ""}, content

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, *said: Any) -> None:
        del said


class ScriptedProxy(ThreadingHTTPServer):
    """Stands between worker and other end. ``faults``: by method, what happens to the next requests."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.target = target
        self.requests: list[tuple[str, str, Any]] = []
        self.faults: dict[str, list[Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next(self, method: str) -> Any:
        waiting = self.faults.get(method)
        return waiting.pop(0) if waiting else None

    def sent(self, method: str) -> list[Any]:
        return [body for name, _, body in self.requests if name == method]


@dataclass
class TwoEnds:
    """An archive that registers its DOIs, and the one where it does."""

    near: Catalog
    near_address: ArchiveAddress
    far: Catalog
    far_url: str
    proxy: ScriptedProxy
    options: RegistrationOptions
    page: str

    def worker(self, **changed: Any) -> Registrar:
        options = replace(self.options, **changed)
        pushes = self.near.doi_pushes(options.system, options.symbol, worker_name())
        return Registrar(pushes, options, policy=AT_ONCE)

    def made(self, doi: str = "", event: str = "publish", **attributes: Any) -> DoiRecord:
        named = {**COMPLETE, "url": self.page, **attributes}
        change = DoiChange(named, doi=doi, prefix="10.12345", event=event)
        return DoiEditor(self.near).create(EVERYBODY, change)

    def changed(self, doi: str, event: str = "", **attributes: Any) -> DoiRecord:
        return DoiEditor(self.near).update(EVERYBODY, doi, DoiChange(attributes, event=event))[0]

    def status(self, doi: str) -> PushStatus:
        pushes = self.near.doi_pushes(self.options.system, self.options.symbol)
        [found] = [each for each in pushes.status() if each.doi == doi]
        return found

    def retry(self) -> None:
        self.near.doi_pushes(self.options.system, self.options.symbol).retry()

    def is_same(self, doi: str) -> bool:
        """Whether both ends have the same record in the same state."""
        here, there = self.near.dois().get(doi, EVERYBODY), self.far.dois().get(doi, EVERYBODY)
        ours, theirs = document_of(here), document_of(there)
        ours.pop("source"), theirs.pop("source")
        return ours == theirs and here.state == there.state

    def revisions(self, doi: str) -> int:
        """How often the record at the other end was changed."""
        return self.far.dois().get(doi, EVERYBODY).revision


@pytest.fixture(scope="module")
def far_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, str]]:
    address = ArchiveAddress.resolve(tmp_path_factory.mktemp("far"))
    with Catalog.create(address.database_url) as catalog:
        repositories = catalog.doi_repositories()
        domains = ["127.0.0.1"]
        prefixes = ["10.5072", "10.12345"]
        repositories.add("demo.archive", "Demo", prefixes=prefixes, domains=domains, password=PASSWORD)
        repositories.add("demo.other", "Other", prefixes=prefixes)
        with running_server(address) as url:
            yield catalog, url


@pytest.fixture
def ends(archive_address: ArchiveAddress, far_end: tuple[Catalog, str]) -> Iterator[TwoEnds]:
    far, url = far_end
    with open_proxy(url) as proxy, Catalog.create(archive_address.database_url) as near:
        near.doi_repositories().add("DEMO.ARCHIVE", "Demo", prefixes=["10.5072", "10.12345"])
        options = RegistrationOptions(
            "test",
            "demo.archive",
            PASSWORD,
            f"{proxy.url}/datacite",
            pause=0.0,
            internal_hosts=frozenset({urlsplit(url).netloc, "127.0.0.1:1"}),
        )
        yield TwoEnds(near, archive_address, far, url, proxy, options, page=f"{url}/up")


@contextmanager
def open_proxy(target: str) -> Iterator[ScriptedProxy]:
    proxy = ScriptedProxy(target)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


# -- all is well -----------------------------------------------------------------------------------------


def test_a_record_goes_through_all_its_states(ends: TwoEnds) -> None:
    doi = ends.made(event="").doi
    worker = ends.worker()
    with FarEnd(ends.options) as far:
        assert worker.step(far) is None  # a draft is nobody's business
        for event, state in (("register", "registered"), ("publish", "findable"), ("hide", "registered")):
            ends.changed(doi, event)
            assert ends.status(doi).state == "waiting"
            sent = worker.step(far)
            assert sent is not None
            assert (sent.doi, sent.outcome) == (doi, "sent")
            assert ends.is_same(doi)
            assert ends.far.dois().get(doi, EVERYBODY).state.value == state
            assert ends.status(doi).state == "done"
            assert worker.step(far) is None
    assert [body["data"]["attributes"].get("event") for body in ends.proxy.sent("PUT")] == [
        "register",
        "publish",
        "hide",
    ]


def test_a_change_of_metadata_is_sent_without_an_event(ends: TwoEnds) -> None:
    doi = ends.made().doi
    with FarEnd(ends.options) as far:
        worker = ends.worker()
        worker.step(far)
        ends.changed(doi, version="2", subjects=[{"subject": "Phantom"}])
        assert worker.step(far).outcome == "sent"  # type: ignore[union-attr]
        assert "event" not in ends.proxy.sent("PUT")[-1]["data"]["attributes"]
        assert ends.is_same(doi)
        # What is the same is not sent: taken back, the other end has it already.
        ends.changed(doi, version="3")
        ends.changed(doi, version="2")
        assert worker.step(far).outcome == "same"  # type: ignore[union-attr]
    assert len(ends.proxy.sent("PUT")) == 2


def test_several_workers_send_each_record_once(ends: TwoEnds) -> None:
    dois = [ends.made().doi for _ in range(8)]

    def work(_: int) -> int:
        done = 0
        worker = ends.worker()
        with FarEnd(ends.options) as far:
            while any(ends.status(doi).state != "done" for doi in dois):
                done += worker.step(far) is not None
        return done

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 8
    assert all(ends.is_same(doi) for doi in dois)
    assert len(ends.proxy.sent("PUT")) == 8


def test_what_changes_while_it_is_sent_is_sent_again(ends: TwoEnds) -> None:
    doi = ends.made().doi
    ends.proxy.faults["GET"] = [lambda: ends.changed(doi, version="9")]
    with FarEnd(ends.options) as far:
        worker = ends.worker()
        assert worker.step(far).outcome == "waiting"  # type: ignore[union-attr]
        assert ends.status(doi).state == "waiting"
        assert worker.step(far).outcome == "sent"  # type: ignore[union-attr]
    assert ends.far.dois().get(doi, EVERYBODY).attributes["version"] == "9"


def test_the_server_sends_by_itself(ends: TwoEnds) -> None:
    doi = ends.made().doi
    with running_server(ends.near_address, registration=ends.options):
        _until(lambda: ends.status(doi).state == "done")
    assert ends.is_same(doi)


def _until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(2_400):
        if condition():
            return
        waiting.wait(0.05)
    raise AssertionError("it did not happen within two minutes")


# -- something goes wrong --------------------------------------------------------------------------------

HTML = b"<html><h1>502 Bad Gateway</h1></html>"
BUSY: tuple[tuple[str, Any, str], ...] = (
    ("GET", (429, {}, b"slow down"), "status 429"),
    ("PUT", (429, {"Retry-After": "0"}, b"slow down"), "status 429"),
    ("GET", (502, {"Content-Type": "text/html"}, HTML), "status 502"),
    ("PUT", (502, {"Content-Type": "text/html"}, HTML), "status 502"),
    ("PUT", (500, {}, b""), "status 500"),
    ("GET", (200, {"Content-Type": "text/html"}, HTML), "not JSON"),
    ("PUT", (200, {"Content-Type": "application/json"}, b"{}"), "no record"),
    ("GET", "drop before", "No answer"),
    ("PUT", "drop before", "No answer"),
    ("PUT", "drop after", "No answer"),
)


@pytest.mark.parametrize("case", BUSY, ids=[f"{n}-{each[0]}" for n, each in enumerate(BUSY)])
def test_what_may_pass_is_tried_again(ends: TwoEnds, case: tuple[str, Any, str]) -> None:
    method, fault, told = case
    doi = ends.made().doi
    ends.proxy.faults[method] = [fault] * 3
    worker = ends.worker()
    with FarEnd(ends.options) as far:
        for tries in (1, 2, 3):
            sent = worker.step(far)
            if fault == "drop after" and tries > 1:
                # The first had arrived, so the second look finds it there.
                assert sent is not None
                assert sent.outcome == "same"
                break
            assert sent is not None
            assert sent.outcome == "waiting"
            assert told in sent.message
            status = ends.status(doi)
            assert (status.state, status.tries, status.error) == ("waiting", tries, sent.message)
        if ends.status(doi).state != "done":
            assert worker.step(far).outcome == "sent"  # type: ignore[union-attr]
    assert ends.is_same(doi)
    assert ends.revisions(doi) == 1
    assert (ends.status(doi).state, ends.status(doi).error) == ("done", None)


def test_as_long_as_the_other_end_asks_for(ends: TwoEnds) -> None:
    doi = ends.made().doi
    ends.proxy.faults["PUT"] = [(429, {"Retry-After": "120"}, b"")]
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with FarEnd(ends.options) as far:
        worker = ends.worker()
        worker.step(far)
        after = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        wait = dt.timedelta(seconds=120)
        found = ends.status(doi).next_try
        assert found is not None
        # The database has a clock of its own.
        assert before + wait - dt.timedelta(seconds=5) <= found <= after + wait + dt.timedelta(seconds=5)
        assert worker.step(far) is None
        ends.retry()
        assert worker.step(far).outcome == "sent"  # type: ignore[union-attr]


def test_what_is_refused_is_stopped_and_told(ends: TwoEnds) -> None:
    doi = ends.made(url="https://elsewhere.example.org/").doi
    # The other end allows no such host; the page is not asked for, as it is not published.
    ends.changed(doi, event="hide")
    worker = ends.worker()
    with FarEnd(ends.options) as far:
        sent = worker.step(far)
        assert sent is not None
        assert sent.outcome == "stopped"
        assert (
            "url: URL https://elsewhere.example.org/ is not allowed by repository DEMO.ARCHIVE"
            in sent.message
        )
        status = ends.status(doi)
        assert (status.state, status.error) == ("stopped", sent.message)
        assert worker.step(far) is None
        ends.changed(doi, url=ends.page)
        assert worker.step(far).outcome == "sent"  # type: ignore[union-attr]
    assert ends.is_same(doi)


def test_a_wrong_password_stops_the_round_and_is_told_nowhere(
    ends: TwoEnds, capfd: pytest.CaptureFixture[str]
) -> None:
    dois = sorted(ends.made().doi for _ in range(2))
    secret = "not the pass" + "word at all"
    wrong = replace(ends.options, password=secret)
    with FarEnd(wrong) as far, pytest.raises(AccountRefused, match="status 401"):
        while ends.worker().step(far):
            pass
    assert sorted(ends.status(doi).state for doi in dois) == ["stopped", "waiting"]
    told = "".join(str(ends.status(doi).error) for doi in dois) + "".join(capfd.readouterr()) + repr(wrong)
    assert secret not in told
    if ends.near_address.database_url.startswith("sqlite"):
        kept = b"".join(each.read_bytes() for each in ends.near_address.data.glob("catalog*"))
        assert secret.encode() not in kept
        assert PASSWORD.encode() not in kept


def test_a_page_that_does_not_answer_is_not_published(ends: TwoEnds) -> None:
    worker = ends.worker()
    with FarEnd(ends.options) as far:
        for page, told in (
            (f"{ends.far_url}/no-such-page", "answers with status 404"),
            (f"http://{'b' * 300}.example/", "does not answer"),
            ("http://127.0.0.1:1/", "does not answer"),
        ):
            doi = ends.made(url=page).doi
            sent = worker.step(far, doi)
            assert sent is not None
            assert sent.outcome == "waiting"
            assert told in sent.message
            assert not ends.far.dois().exists(doi)
        # Registered, its page need not be there.
        ends.changed(doi, event="hide")
        assert worker.step(far, doi).outcome == "sent"  # type: ignore[union-attr]
        ftp = ends.made(url="ftp://127.0.0.1/data").doi
        assert worker.step(far, ftp).outcome == "stopped"  # type: ignore[union-attr]


def test_a_page_in_an_internal_network_is_asked_for_only_where_it_is_meant(ends: TwoEnds) -> None:
    worker = ends.worker()
    hidden = ends.proxy.url  # on this machine, and none of the hosts that the options name
    shown = replace(ends.options, internal_hosts=frozenset({urlsplit(hidden).netloc}))
    loopback = urlsplit(ends.far_url)
    for options, page in (
        (ends.options, f"{hidden}/up"),
        (ends.options, f"http://localhost:{urlsplit(hidden).port}/up"),
        (ends.options, f"http://[::ffff:127.0.0.1]:{urlsplit(hidden).port}/up"),
        (ends.options, "http://10.0.0.1/"),
        (ends.options, "http://169.254.169.254/latest/meta-data/"),
        (shown, f"{hidden}/moved"),
    ):
        if page.endswith("/moved"):  # the page may be asked for, but not where it leads to
            ends.proxy.faults["GET"] = [None, (302, {"Location": f"http://{loopback.netloc}/up"}, b"")]
        doi = ends.made(url=page).doi
        before = len(ends.proxy.requests)
        with FarEnd(options) as far:
            sent = worker.step(far, doi)
        assert sent is not None
        assert sent.outcome == "stopped", sent
        assert "internal address" in sent.message
        assert not ends.far.dois().exists(doi)
        asked = [path for _, path, _ in ends.proxy.requests[before:] if not path.startswith("/datacite/")]
        assert asked == (["/moved"] if page.endswith("/moved") else [])


def test_the_archive_s_own_pages_may_be_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(f"FILMROOM_DATACITE_{name.upper()}", value)
    monkeypatch.setenv("FILMROOM_PUBLIC_URL", "https://Images.example.org/archive")
    monkeypatch.setenv("FILMROOM_DATACITE_INTERNAL_HOSTS", "pages.example.org, 10.0.0.1:8080,")
    options = RegistrationOptions.from_settings()
    assert options is not None
    assert options.internal_hosts == {"images.example.org", "pages.example.org", "10.0.0.1:8080"}


def test_the_prefix_for_tests_never_goes_to_production(ends: TwoEnds, pair: str) -> None:
    doi = ends.made(f"10.5072/never-{pair}").doi
    production = replace(ends.options, system="production")
    with FarEnd(production) as far:
        sent = ends.worker(system="production").step(far)
        assert sent is not None
        assert (sent.doi, sent.outcome) == (doi, "stopped")
        assert "prefix for tests" in sent.message
    assert ends.proxy.requests == []
    with FarEnd(ends.options) as far:  # the systems share nothing: at the test system it goes on
        assert ends.worker().step(far).outcome == "sent"  # type: ignore[union-attr]


def test_a_doi_of_somebody_else_is_left_alone(ends: TwoEnds, pair: str) -> None:
    doi = f"10.12345/theirs-{pair}"
    theirs = DoiChange({**COMPLETE, "url": ends.page}, doi=doi, event="publish", repository="demo.other")
    DoiEditor(ends.far).create(EVERYBODY, theirs)
    ends.made(doi, version="ours")
    with FarEnd(ends.options) as far:
        sent = ends.worker().step(far)
        assert sent is not None
        assert sent.outcome == "stopped"
        assert "DEMO.OTHER" in sent.message
    assert ends.proxy.sent("PUT") == []
    assert ends.far.dois().get(doi, EVERYBODY).attributes["version"] is None


def test_mirrored_records_and_other_repositories_are_never_sent(ends: TwoEnds) -> None:
    from filmroom.model.doi_import import records_from_json

    ends.near.doi_repositories().add("demo.second", "Second", prefixes=["10.54321"])
    DoiEditor(ends.near).create(
        EVERYBODY, DoiChange({**COMPLETE, "url": ends.page}, doi="10.54321/second", event="publish")
    )
    record = {
        "attributes": {"doi": "10.12345/mirrored", **COMPLETE, "url": ends.page, "state": "findable"},
        "relationships": {"client": {"data": {"id": "demo.archive"}}},
    }
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    ends.near.dois().import_many(list(records_from_json({"data": record}, moment)), actor="import")
    with FarEnd(ends.options) as far:
        assert ends.worker().step(far) is None
    assert ends.proxy.requests == []


# -- killed ----------------------------------------------------------------------------------------------

_PUSH = [sys.executable, "-m", "filmroom.cli.app", "doi", "push"]


def _environment(ends: TwoEnds) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FILMROOM_")}
    return {
        **kept,
        "FILMROOM_DATA": str(ends.near_address.data),
        "FILMROOM_DATABASE_URL": ends.near_address.database_url,
        "FILMROOM_STORE_URL": ends.near_address.store_url,
        "FILMROOM_DATACITE_MODE": "test",
        "FILMROOM_DATACITE_SYMBOL": "DEMO.ARCHIVE",
        "FILMROOM_DATACITE_PASSWORD": PASSWORD,
        "FILMROOM_DATACITE_API_URL": ends.options.address,
        "FILMROOM_DATACITE_INTERNAL_HOSTS": ",".join(ends.options.internal_hosts),
    }


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_killed_when_the_other_end_has_answered(ends: TwoEnds, method: str) -> None:
    doi = ends.made().doi
    ready = threading.Event()
    pid: list[int] = []

    def kill() -> None:
        ready.wait()
        os.kill(pid[0], signal.SIGKILL)

    ends.proxy.faults[method] = [kill]
    with subprocess.Popen(_PUSH, env=_environment(ends), stdout=subprocess.DEVNULL) as process:
        pid.append(process.pid)
        ready.set()
        assert process.wait(timeout=120) == -signal.SIGKILL
    assert ends.far.dois().exists(doi) is (method == "PUT")
    assert ends.status(doi).state == "waiting"
    with FarEnd(ends.options) as far:
        assert ends.worker().step(far) is None  # as long as the dead one may still be at it
        _end_leases(ends)
        sent = ends.worker().step(far)
        assert sent is not None
        assert sent.outcome == ("same" if method == "PUT" else "sent")
    assert ends.is_same(doi)
    assert ends.revisions(doi) == 1
    assert ends.status(doi).state == "done"


def _end_leases(ends: TwoEnds) -> None:
    import sqlalchemy as sa

    from filmroom.catalog.schema_doi_registration import doi_push

    past = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=1)
    with ends.near._database.writing() as connection:
        connection.execute(sa.update(doi_push).values(lease_expires=past))


# -- by hand ---------------------------------------------------------------------------------------------


def _run(ends: TwoEnds, *words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", "doi", *words],
        env={**_environment(ends), **changed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("pair", ["embedded"], indirect=True)
def test_by_hand_with_a_look_before(ends: TwoEnds) -> None:
    doi = ends.made().doi
    shown = _run(ends, "push", "--dry-run")
    assert shown.returncode == 0, shown
    first, _, body = shown.stdout.partition("\n")
    assert first == f"PUT {ends.options.address}/dois/{doi}"
    assert '"event": "publish"' in body
    assert PASSWORD not in shown.stdout + shown.stderr
    assert ends.proxy.sent("PUT") == []

    refusal = b'{"errors":[{"source":"creators","title":"Bad ones"}]}'
    ends.proxy.faults["PUT"] = [(422, {}, refusal)]
    failed = _run(ends, "push")
    told = f"{ends.options.address} answered with status 422: creators: Bad ones"
    assert (failed.returncode, failed.stdout) == (1, f"{doi}: stopped: {told}\n")
    [row] = json.loads(_run(ends, "status", "--format", "json").stdout)
    assert (row["doi"], row["wanted"], row["registration"]) == (doi, "findable", "stopped")
    assert row["error"] == told
    done = _run(ends, "push", doi, "--retry")
    assert (done.returncode, done.stdout) == (0, f"{doi}: sent\n")
    assert ends.is_same(doi)
    off = _run(ends, "status", FILMROOM_DATACITE_MODE="off")
    assert (off.returncode, "Registration at DataCite is off." in off.stderr) == (2, True)
    nobody = _run(ends, "status", FILMROOM_DATACITE_SYMBOL="DEMO.NOBODY")
    assert (nobody.returncode, "no repository 'demo.nobody'" in nobody.stderr) == (4, True)


GIVEN = {
    "mode": "test",
    "symbol": "DEMO.ARCHIVE",
    "password": PASSWORD,
    "password_file": "",
    "api_url": "",
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mode": "maybe"}, "off, test or production"),
        ({"symbol": ""}, "FILMROOM_DATACITE_SYMBOL"),
        ({"symbol": "nothing"}, "symbol looks like"),
        ({"password": ""}, "FILMROOM_DATACITE_PASSWORD"),
        ({"password": "", "password_file": "/no/such/file"}, "DATACITE_PASSWORD_FILE cannot be read"),
        ({"api_url": "http://api.example.org"}, "https"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GIVEN, **changed}.items():
        monkeypatch.setenv(f"FILMROOM_DATACITE_{name.upper()}", value)
    with pytest.raises(InvalidInput, match=told):
        RegistrationOptions.from_settings()


def test_where_and_as_whom(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FILMROOM_DATACITE_MODE", raising=False)
    assert RegistrationOptions.from_settings() is None
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    for name, value in {**GIVEN, "password": "", "password_file": str(secret)}.items():
        monkeypatch.setenv(f"FILMROOM_DATACITE_{name.upper()}", value)
    for mode, root in (("test", "https://api.test.datacite.org"), ("production", "https://api.datacite.org")):
        monkeypatch.setenv("FILMROOM_DATACITE_MODE", mode)
        options = RegistrationOptions.from_settings()
        assert options is not None
        assert (options.root, options.symbol, options.password) == (root, "demo.archive", PASSWORD)
        assert PASSWORD not in repr(options)
