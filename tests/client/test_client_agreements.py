"""The client and agreements, at a real server: told what to do, asked, agreed, fetched."""

from __future__ import annotations

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from filmroom import Client
from filmroom.catalog import Catalog
from filmroom.client import verify
from filmroom.errors import AccessDenied, AgreementRequired, BadAnswer, NotFound, ServerError
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant
from filmroom.net.retry import RetryPolicy
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

LOGIN, PASSWORD = "alice", "correct horse battery"
HASTY = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)
TEXT = "Do no harm."


@dataclass(frozen=True)
class Closed:
    """A server with one restricted collection, which alice may read once she agrees."""

    url: str
    catalog: Catalog

    def client(self) -> Client:
        return Client(self.url, login=LOGIN, password=PASSWORD, retry=HASTY)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest_paths(address, sample_files("Demo-MR"), IngestOptions(Rules(collection="Shut"), 1))
    with Catalog.open(address.database_url) as catalog:
        catalog.set_collection("Shut", access="restricted")
        catalog.accounts().add(LOGIN, PASSWORD)
        catalog.grants().add(Grant("Shut", None, Role.READ.value, user=LOGIN))
        catalog.agreements().put(TEXT)
        with running_server(address) as url:
            yield Closed(url, catalog)


def test_refused_agreed_to_fetched(closed: Closed, tmp_path: Path) -> None:
    with closed.client() as client:
        series = client.series()
        assert series
        report = client.download(series, tmp_path / "got")
        assert len(report.failed) == len(series)
        with pytest.raises(AgreementRequired) as refused:
            report.raise_for_failures()
        assert refused.value.address == f"{closed.url}/policy"
        assert f"{closed.url}/policy" in refused.value.advice
        assert f"filmroom agreement accept --server {closed.url}" in refused.value.advice
        [shown] = client.agreements()
        assert (shown.text, shown.required, shown.accepted, shown.is_missing) == (TEXT, True, None, True)
        accepted = client.accept_agreement(shown)
        assert accepted.accepted is not None
        assert accepted.accepted.utcoffset() == dt.timedelta(0)
        assert replace(accepted, accepted=None) == shown
        assert client.agreements() == [accepted]
        report = client.download(series, tmp_path / "got")
        report.raise_for_failures()
        assert {result.licence is not None for result in report.ok} == {True}
    assert {one.state for one in verify(tmp_path / "got").series} == {"whole"}


def test_a_single_image_says_the_same(closed: Closed) -> None:
    with closed.client() as client:
        uid = client.series()[0].series_instance_uid
        [sop, *_] = client.instances(uid)
        request = client.instance_request(uid, sop)
        with pytest.raises(AgreementRequired):
            client.connection.get(request.path, request.params, denial=True)
        with pytest.raises(NotFound):
            client.connection.get(request.path, {**request.params, "SOPInstanceUID": "9.9"}, denial=True)


def test_what_cannot_be_accepted(closed: Closed) -> None:
    with closed.client() as client:
        [shown] = client.agreements()
        closed.catalog.agreements().put("Do good.")
        with pytest.raises(ServerError, match="not the current one"):
            client.accept_agreement(shown)
        with pytest.raises(NotFound):
            client.accept_agreement(replace(shown, id=999))
    assert closed.catalog.agreements().accepted() == []
    with Client(closed.url, token="guest.x") as guest:
        [shown] = guest.agreements()
        assert not shown.required
        with pytest.raises(AccessDenied):
            guest.accept_agreement(shown)
    with Client(closed.url) as nobody:  # asks as the guest
        assert not nobody.agreements()[0].required
        with pytest.raises(AccessDenied):
            nobody.accept_agreement(shown)


@contextmanager
def answering(status: int, body: bytes, link: str = "") -> Iterator[str]:
    """A server with one answer to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"id":"x"}]', b"\xff", b"null"])
def test_answers_that_are_no_agreements(body: bytes) -> None:
    with answering(200, body) as url, Client(url, token="x") as client, pytest.raises(BadAnswer):
        client.agreements()


@pytest.mark.parametrize("accepted", ["null", '"2026-01-01T00:00:00Z"'])
def test_an_acceptance_that_is_none(closed: Closed, accepted: str) -> None:
    with closed.client() as client:
        [shown] = client.agreements()
    row = (
        f'[{{"id":{shown.id + (accepted != "null")},"collection":null,"version":1,"text":"","required":true,'
        f'"created":"2026-01-01T00:00:00Z","accepted":{accepted}}}]'
    )
    with answering(200, row.encode()) as url, Client(url, token="x") as client, pytest.raises(BadAnswer):
        client.accept_agreement(shown)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ('</policy>; rel="license"', "/policy"),
        ('<javascript:alert(1)>; rel="license"', ""),
        ("<https://example.org/\x7f>; rel=license", ""),
    ],
)
def test_where_a_hostile_server_sends_one(link: str, address: str, tmp_path: Path) -> None:
    with answering(400, b"no", link) as url, Client(url) as client:
        with pytest.raises(AgreementRequired) as refused:
            client.connection.get("/x", {})
        assert refused.value.address == (url + address if address else "")
