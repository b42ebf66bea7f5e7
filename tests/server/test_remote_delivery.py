"""Delivery from a bucket: few requests, no damage, through connections that break."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import socket
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from filmroom.errors import StoreError
from filmroom.model.entities import Location, SeriesContent, StoredInstance
from filmroom.server.object_stream import steps
from filmroom.server.zip_response import ZipResponse
from filmroom.store import open_store
from filmroom.store.content import ContentReader
from filmroom.store.packs import PackWriter, in_place_location
from filmroom.store.s3 import S3Store
from filmroom.store.series_zip import series_zip
from filmroom.testing.relay import Relay


@contextlib.contextmanager
def running_app(app: Starlette) -> Iterator[str]:
    """Serve an application on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


class CountingStore(S3Store):
    """A store in a bucket that notes what is asked of it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.ranges: list[tuple[str, int, int]] = []
        self.stats: list[str] = []

    def stat(self, key: str) -> Any:
        self.stats.append(key)
        return super().stat(key)

    async def open_range(self, key: str, offset: int, length: int) -> Any:
        self.ranges.append((key, offset, length))
        return await super().open_range(key, offset, length)


@dataclass
class Site:
    """Series in a bucket behind a real server."""

    store: Any
    url: str = ""
    series: dict[str, tuple[SeriesContent, list[bytes]]] = field(default_factory=dict)
    ends: list[tuple[int, bool]] = field(default_factory=list)

    def add(self, uid: str, files: list[bytes], order: list[int] | None = None) -> list[Location]:
        """Store files in the order given, delivered in the order ``order``."""
        with PackWriter(self.store, uid) as writer:
            for file in files:
                writer.add(file, len(file))
            locations = writer.finish()
        chosen = order or list(range(len(files)))
        self.put(uid, [files[n] for n in chosen], [locations[n] for n in chosen])
        return [locations[n] for n in chosen]

    def put(self, uid: str, files: list[bytes], locations: list[Location]) -> None:
        instances = tuple(
            StoredInstance(
                f"{uid}.{number}",
                len(data),
                hashlib.md5(data).digest(),
                hashlib.sha256(data).digest(),
                zlib.crc32(data),
                location,
                number,
                1,
            )
            for number, (data, location) in enumerate(zip(files, locations, strict=True), 1)
        )
        self.series[uid] = (SeriesContent(uid, "C", "S", None, None, instances), files)

    def app(self, reader: ContentReader) -> Starlette:
        async def get_zip(request: Any) -> ZipResponse:
            content, _ = self.series[request.path_params["uid"]]
            layout = series_zip(content, names="numbered", licence="x", md5=True)
            return ZipResponse(
                layout, reader, filename="x.zip", on_end=lambda size, whole: self.ends.append((size, whole))
            )

        async def failed(_request: Any, error: Exception) -> PlainTextResponse:
            return PlainTextResponse(str(error), status_code=500)

        return Starlette(routes=[Route("/{uid}", get_zip)], exception_handlers={StoreError: failed})

    def get(self, uid: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        try:
            connection.request("GET", f"/{uid}", headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def check(self, uid: str) -> None:
        status, body = self.get(uid)
        assert status == 200
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None
            found = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
        assert found == self.series[uid][1]


@pytest.fixture
def bucket(s3):
    with s3.bucket() as made:
        yield made


@pytest.fixture
def site(bucket):
    made = Site(CountingStore(f"s3://{bucket}"))
    with running_app(made.app(ContentReader(made.store))) as made.url:
        yield made


@pytest.fixture
def relay(s3):
    with Relay(s3.endpoint) as made:
        yield made


@pytest.fixture
def relayed(site, bucket, relay, monkeypatch):
    """The same site, whose server reaches the bucket through the relay."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
    made = Site(site.store, series=site.series)
    with running_app(made.app(ContentReader(open_store(f"s3://{bucket}")))) as made.url:
        yield made


def files_of(count, size):
    return [os.urandom(size) for _ in range(count)]


def test_neighbours_are_one_request(site):
    site.add("1.2", files_of(200, 50_000))
    site.store.stats.clear()
    site.check("1.2")
    assert len(site.store.ranges) == 1
    assert site.store.ranges[0][1:] == (0, 200 * 50_000)
    assert site.store.stats == [], "the answer itself says whether the object is the one"


def test_a_range_asks_for_no_more_than_it_needs(site):
    site.add("1.2", files_of(20, 100_000))
    _, body = site.get("1.2")
    site.store.ranges.clear()
    start = len(body) // 2
    status, part = site.get("1.2", Range=f"bytes={start}-{start + 250_000}")
    assert (status, part) == (206, body[start : start + 250_001])
    assert len(site.store.ranges) == 1
    assert site.store.ranges[0][2] <= 250_001


@pytest.mark.parametrize("size", [10, 20_000, 700_000])
def test_any_order_of_the_files_in_their_pack(site, size):
    files = files_of(40, size)
    site.add("1.2", files, list(reversed(range(40))))
    site.check("1.2")
    mixed = sorted(range(40), key=lambda n: hashlib.md5(bytes([n])).digest())
    site.add("1.3", files, mixed)
    site.check("1.3")


def test_files_in_place_and_in_the_bucket_together(site, tmp_path):
    files = files_of(6, 300_000)
    locations = site.add("1.2", files)
    for number in (1, 2, 5):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(files[number])
        locations[number] = in_place_location(path)
    site.put("1.2", files, locations)
    site.check("1.2")
    (tmp_path / "5.dcm").unlink()
    assert site.get("1.2")[0] == 500


def test_large_files_alone_and_small_ones_in_packs(site):
    site.add("1.2", [os.urandom(9 << 20), *files_of(30, 1 << 20), os.urandom(12 << 20)])
    site.check("1.2")
    deadline = time.monotonic() + 10
    while not site.ends and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [whole for _, whole in site.ends] == [True]


@pytest.mark.parametrize(
    ("index", "fault"),
    [(0, "gone"), (0, "shorter"), (0, "longer"), (0, "other"), (2, "gone"), (2, "shorter"), (2, "longer")],
)
def test_a_wrong_object_is_found_before_the_status(site, index, fault):
    locations = site.add("1.2", files_of(3, 9 << 20))
    key = locations[index].key
    content = b"".join(site.store.read(key))
    site.store.delete(key)
    if fault == "other":
        time.sleep(1.1)  # the service's times have whole seconds
        site.store.write(key, [bytes(len(content))])
    elif fault != "gone":
        site.store.write(key, [content[:-1] if fault == "shorter" else content + b"x"])
    status, body = site.get("1.2")
    assert status == 500
    assert key.encode() in body
    assert site.ends == [(0, False)]


def test_other_bytes_in_a_later_object_break_the_connection(site):
    locations = site.add("1.2", files_of(3, 9 << 20))
    content = b"".join(site.store.read(locations[2].key))
    site.store.delete(locations[2].key)
    site.store.write(locations[2].key, [content[:-1] + bytes([content[-1] ^ 1])])
    with pytest.raises(http.client.IncompleteRead):
        site.get("1.2")


def test_a_restored_object_with_another_time_is_served(site):
    (location, *_) = site.add("1.2", files_of(3, 100_000))
    content = b"".join(site.store.read(location.key))
    site.store.delete(location.key)
    time.sleep(1.1)
    site.store.write(location.key, [content])
    site.check("1.2")


def test_broken_connections_to_the_bucket_are_not_noticed(site, relayed, relay):
    site.add("1.2", files_of(40, 1 << 20))
    relay.cuts = [3 << 20, 100, 5 << 20, 7 << 20]
    relayed.check("1.2")
    assert relay.cuts == []


def test_a_bucket_that_stays_away_breaks_the_download(site, relayed, relay):
    site.add("1.2", files_of(60, 1 << 20))
    relay.cuts = [3 << 20] + [0] * 200
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        relayed.get("1.2")
    relay.cuts = []
    relayed.check("1.2")
    assert relayed.ends[0][1] is False


def test_clients_that_leave_end_the_requests(site):
    site.add("1.2", files_of(60, 1 << 20))
    before = threading.active_count()
    for _ in range(5):
        connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/1.2")
        connection.getresponse().read(1 << 20)
        connection.close()
    deadline = time.monotonic() + 10
    while len(site.ends) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [whole for _, whole in site.ends] == [False] * 5
    site.check("1.2")
    assert threading.active_count() <= before + 12, "only the thread pool"


def planned(site, uid):
    content, _ = site.series[uid]
    layout = series_zip(content, names="numbered", licence=None, md5=False)
    return list(steps(layout.segments(), ContentReader(site.store)))


def test_runs_join_neighbours_only(site):
    locations = site.add("1.2", files_of(6, 1000), [0, 1, 2, 4, 5, 3])
    plan = planned(site, "1.2")
    assert [(run.start, run.end, len(run.items), count) for run, count in plan] == [
        (0, 3000, 3, 3000),
        (4000, 6000, 2, 2000),
        (3000, 4000, 1, 1000),
    ]
    assert {run.items[0].location.key for run, _ in plan} == {locations[0].key}


@pytest.mark.parametrize("packs", [2, 7, 20])
def test_packs_that_take_turns_are_each_read_once_through(site, packs):
    files = [[os.urandom(40_000) for _ in range(10)] for _ in range(packs)]
    places = [site.add(f"1.3.{number}", group) for number, group in enumerate(files)]
    order = [(number, index) for index in range(10) for number in range(packs)]
    site.put("1.2", [files[n][i] for n, i in order], [places[n][i] for n, i in order])
    site.check("1.2")
    runs = {id(run): run for run, _ in planned(site, "1.2")}.values()
    if packs <= 8:
        assert len(runs) == packs
    assert len(site.store.ranges) == len(runs)
