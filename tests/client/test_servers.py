"""Which version a server speaks, and which server has a series: found by asking real ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPError, Request, urlopen

import pytest

from filmroom import AsyncClient, Client, errors
from filmroom.client import SimpleSearch, servers, verify
from filmroom.client.servers import siblings


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_SPOKEN", {})


@contextmanager
def of_before(real: str) -> Iterator[tuple[str, list[str]]]:
    """Our own server as one of before version 4: a proxy that knows no such path. Also what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self, body: bytes | None = None) -> None:
            asked.append(urlsplit(self.path).path)
            if "/v4/" in self.path:
                self._answer(404, {"Content-Type": "text/plain"}, b"HTTP 404 Not Found")
                return
            headers = {
                name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]
            }
            try:
                with urlopen(Request(real + self.path, body, headers)) as response:
                    self._answer(response.status, dict(response.headers), response.read())
            except HTTPError as error:
                with error:
                    self._answer(error.code, dict(error.headers), error.read())

        def do_POST(self) -> None:
            self.do_GET(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", headers.get("Content-Type", headers.get("content-type", "")))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_of_before_version_4(real: Any, tmp_path: Path) -> None:
    with of_before(real.url) as (url, asked):
        with Client(url) as client, Client(real.url) as known:
            assert client.api == "v4"
            assert client.collections() == known.collections()
            assert client.api == "v1"
            assert client.counts("modality") == known.counts("modality")
            uids = [each.series_instance_uid for each in known.series(collection="Demo-MR")]
            assert {each.series_instance_uid for each in client.series_records(uids)} == set(uids)
            assert client.search(SimpleSearch()).total == known.search(SimpleSearch()).total
            client.download(uids, tmp_path).raise_for_failures()
        assert verify(tmp_path).ok
        tried = [path for path in asked if "/v4/" in path]
        assert [path.rsplit("/", 1)[1] for path in tried] == ["getCollectionValues"] * 2
        with Client(url) as another:  # what was found is kept for the server
            another.collections()
        assert [path for path in asked if "/v4/" in path] == tried


def test_many_that_ask_at_once_find_the_version(real: Any) -> None:
    with of_before(real.url) as (url, _), Client(url, workers=8) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.collections(), range(24)))
    assert len(answers) == 24
    assert all(answer == answers[0] != [] for answer in answers)


def test_questions_that_are_awaited_find_the_same(real: Any, old_nbia: Any) -> None:
    async def ask() -> None:
        with of_before(real.url) as (url, _):
            async with AsyncClient(url) as client, AsyncClient(old_nbia.url, others=[real.url]) as other:
                answers = await asyncio.gather(*(client.collections() for _ in range(8)))
                assert all(answer == answers[0] != [] for answer in answers)
                assert client.api == "v1"
                assert (await other.series_size(real.large_uid)).count == 3
                with pytest.raises(errors.NotFound):
                    await other.series_size("9.9.9")

    asyncio.run(ask())


def test_the_version_given_by_hand_wins(real: Any) -> None:
    with of_before(real.url) as (url, asked):
        with (
            Client(url, api="v4") as client,
            pytest.raises(errors.NoSuchOperation, match="v4/getCollectionValues"),
        ):
            client.collections()
        assert len(asked) == 1
        with Client(url, api="v1") as client:
            assert client.collections()
    with Client(real.url, api="v1") as client:
        assert (client.collections() != [], client.api) == (True, "v1")


def test_a_server_that_lacks_one_operation_is_not_taken_for_an_older_one(old_nbia: Any) -> None:
    old_nbia.table, old_nbia.faults = b"[]", ["status:404"]
    with Client(old_nbia.url) as client:
        with pytest.raises(errors.NoSuchOperation, match="getLicenses"):
            client.licences()
        assert client.api == "v4"


def test_no_nbia_server_at_all(old_nbia: Any) -> None:
    with (
        Client(old_nbia.url) as client,
        pytest.raises(errors.NoSuchOperation, match="v4/getPatient") as caught,
    ):
        client.patients()
    assert "NBIA" in caught.value.advice


def test_tcia_is_two_servers() -> None:
    nbia, nlst = "https://nbia.cancerimagingarchive.net", "https://nlst.cancerimagingarchive.net"
    assert (siblings(nbia, None), siblings(nlst, None)) == ((nlst,), (nbia,))
    assert siblings("https://other.example.org", None) == ()
    assert siblings(nbia, ()) == ()
    assert siblings(nbia, "https://one.example.org") == ("https://one.example.org",)
    assert siblings("http://127.0.0.1", ["127.0.0.1:81", "http://127.0.0.1/nbia-api"]) == (
        "http://127.0.0.1:81",
    )
    with Client() as client:
        assert client.others == (nlst,)
    with pytest.raises(errors.InvalidInput):
        Client("http://x", others=["ftp://y"])


def test_a_series_of_another_server(real: Any, old_nbia: Any, held: Any, tmp_path: Path) -> None:
    """The client speaks to the old server; what that does not have is found on ours."""
    theirs = real.large_uid
    with Client(old_nbia.url, others=[real.url]) as client:
        old_nbia.table = b""
        assert client.series_size(theirs).count == 3
        assert client.instances(theirs) == [f"{theirs}.{n}" for n in (1, 2, 3)]
        assert [each.collection for each in client.series(series_instance_uid=theirs)] == ["Large"]
        assert client.tags(theirs)[0].element == "(0002,0000)"
        assert [each.series_instance_uid for each in client.series_records([theirs])] == [theirs]
        report = client.download([held.uid, theirs, "9.9.9"], tmp_path)
        assert {each.series_instance_uid: each.status for each in report.results} == {
            held.uid: "ok",
            theirs: "ok",
            "9.9.9": "failed",
        }
        with pytest.raises(errors.NotFound):
            client.series_size("9.9.9")
        assert client.instances("9.9.9") == []
    with Client(old_nbia.url) as alone, pytest.raises(errors.NotFound):
        alone.series_size(theirs)


def test_a_record_of_another_server_is_fetched_from_there(real: Any, old_nbia: Any, tmp_path: Path) -> None:
    old_nbia.table = b""
    with Client(old_nbia.url, others=[real.url]) as client:
        client.download(client.series(collection="Demo-MR"), tmp_path).raise_for_failures()
    assert len(verify(tmp_path).series) > 0
    assert not old_nbia.archives_asked()


def test_a_login_is_not_shown_to_another_server(old_nbia: Any) -> None:
    """The other server is asked as nobody."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization", ""))
            body = json.dumps([{"ObjectCount": 1, "TotalSizeInBytes": 2}]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    other = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{other.server_address[1]}"
        old_nbia.table = b""
        with Client(old_nbia.url, token="secret", others=[address]) as client:
            assert client.series_size("1.2.9").count == 1
    finally:
        other.shutdown()
        other.server_close()
        thread.join()
    assert shown == [""]
