"""ZIP and instance responses over a real socket: whole, by ranges, broken off, abandoned."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from pydicom.data import get_testdata_file
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from filmroom.errors import StoreError
from filmroom.model.entities import Location, SeriesContent, StoredInstance
from filmroom.server.zip_response import InstanceResponse, ZipResponse
from filmroom.store import content as store_content
from filmroom.store import open_store
from filmroom.store.base import Store
from filmroom.store.content import ContentReader, crc32
from filmroom.store.local import LocalStore
from filmroom.store.packs import PackWriter, in_place_location
from filmroom.store.series_zip import licence_text, series_zip

UID = "1.2.840.99.1"
FILES = ("CT_small.dcm", "MR_small.dcm", "waveform_ecg.dcm", "examples_palette.dcm", "rtplan.dcm")
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def instance_of(data, location, number, uid=None):
    return StoredInstance(
        uid or f"{UID}.{number}",
        len(data),
        hashlib.md5(data).digest(),
        hashlib.sha256(data).digest(),
        zlib.crc32(data),
        location,
        number,
        1,
    )


class StoreElsewhere(Store):
    """A store whose objects cannot be opened as files, like one behind a network."""

    write = delete = keys = None

    def __init__(self, store):
        self.stat, self.read = store.stat, store.read

    stat = read = None


class Site:
    """An archive of one series behind a real server, and what the server reported."""

    def __init__(self, store, instances):
        self.store = store
        self.reader = ContentReader(store)
        self.content = SeriesContent(UID, "DEMO", "Site", None, None, tuple(instances))
        self.ends = []
        self.address = ("127.0.0.1", 0)

    @property
    def layout(self):
        return series_zip(self.content, names="numbered", licence=licence_text(self.content), md5=True)

    def app(self):
        async def get_zip(_request):
            return ZipResponse(
                self.layout,
                self.reader,
                filename=f"{UID}.zip",
                headers={"Cache-Control": "private"},
                on_end=lambda size, complete: self.ends.append((size, complete)),
            )

        async def get_one(request):
            return InstanceResponse(
                self.content.instances[int(request.path_params["index"])],
                self.reader,
                on_end=lambda size, complete: self.ends.append((size, complete)),
            )

        async def failed(_request, error):
            return PlainTextResponse(str(error), status_code=500)

        routes = [
            Route("/zip", get_zip, methods=["GET", "HEAD"]),
            Route("/one/{index}", get_one, methods=["GET", "HEAD"]),
        ]
        return Starlette(routes=routes, exception_handlers={StoreError: failed})

    @contextlib.contextmanager
    def served(self, **options):
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        config = uvicorn.Config(
            self.app(),
            log_config=None,
            lifespan="off",
            access_log=False,
            **{"loop": "uvloop", "http": "httptools", **options},
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            deadline = time.monotonic() + 10
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            yield self
        finally:
            server.should_exit = True
            thread.join(20)
            listener.close()

    def get(self, path="/zip", method="GET", **headers):
        """Return status, headers and body; IncompleteRead when the connection breaks."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def wait_for_ends(self, count):
        deadline = time.monotonic() + 10
        while len(self.ends) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.ends


@pytest.fixture
def data():
    """Real DICOM files; the last is a large one made of them."""
    real = [Path(get_testdata_file(name, download=False)).read_bytes() for name in FILES]
    return [*real, random.Random(5).randbytes(9 << 20)]


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "folder":
        yield LocalStore(tmp_path / "store")
        return
    with request.getfixturevalue("s3").bucket() as bucket:
        yield open_store(f"s3://{bucket}")


in_a_folder = pytest.mark.parametrize("store", ["folder"], indirect=True)
"""For tests of what may happen to files; those of buckets are in ``test_remote_delivery.py``."""


@pytest.fixture
def site(store, tmp_path, data):
    """Five instances in a pack, one alone in the store, one in place."""
    with PackWriter(store, UID) as writer:
        for file in data:
            writer.add(file, len(file))
        locations = writer.finish()
    in_place = tmp_path / "in place.dcm"
    in_place.write_bytes(data[0])
    instances = [instance_of(*pair, n) for n, pair in enumerate(zip(data, locations, strict=True), 1)]
    instances.append(instance_of(data[0], in_place_location(in_place), len(instances) + 1))
    return Site(store, instances)


@pytest.fixture
def served(site):
    with site.served():
        yield site


def check_zip(body, site, data):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[0] == "LICENSE"
        assert names[-1] == "md5hashes.csv"
        assert [archive.read(name) for name in names[1:-1]] == [*data, data[0]]


def overwrite(path, offset, replacement, *, keep_time):
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(replacement)
    if keep_time:
        os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))


def path_of(site, index):
    location = site.content.instances[index].location
    return Path(location.key) if location.in_place else site.store.local_path(location.key)


# -- whole -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["cached", "threads", "elsewhere", "asyncio-h11"])
def test_a_zip_arrives_whole_however_it_is_read(site, data, way, monkeypatch):
    options = {}
    if way == "threads":
        monkeypatch.setattr(store_content, "_NOWAIT", 0)
    elif way == "elsewhere":
        site.reader = ContentReader(StoreElsewhere(site.store))
    elif way == "asyncio-h11":
        options = {"loop": "asyncio", "http": "h11"}
    with site.served(**options):
        status, headers, body = site.get()
    assert status == 200
    assert headers["content-length"] == str(len(body)) == str(site.layout.size)
    assert "transfer-encoding" not in headers
    assert headers["etag"] == site.layout.etag
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == f'attachment; filename="{UID}.zip"'
    assert headers["cache-control"] == "private"
    assert site.ends == [(len(body), True)]
    check_zip(body, site, data)


@in_a_folder
def test_a_file_that_is_not_in_memory_is_read_in_a_thread(site, data):
    if not hasattr(os, "posix_fadvise"):
        pytest.skip("this system cannot drop a file from the page cache")
    path = path_of(site, 5)
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
    with site.served():
        _, _, body = site.get()
    check_zip(body, site, data)


def test_an_instance_arrives_as_a_dicom_file(served, data):
    status, headers, body = served.get("/one/1")
    assert (status, body) == (200, data[1])
    assert headers["content-type"] == "application/dicom"
    assert headers["content-disposition"] == f"attachment; filename={UID}.2.dcm"
    assert served.get("/one/1", Range="bytes=128-131")[2] == b"DICM"
    assert served.get("/one/6")[2] == data[0]
    assert served.get("/one/1", If_None_Match=headers["etag"])[0] == 304


def test_deflated_instances(store, data):
    instances = []
    for number, file in enumerate([*data, data[0]], 1):
        compressor = zlib.compressobj(1, wbits=-15)
        packed = compressor.compress(file) + compressor.flush()
        stat = store.write(str(number), [packed])
        location = Location(str(number), 0, len(packed), stat.size, stat.modified_ns, encoding="deflate")
        instances.append(instance_of(file, location, number))
    site = Site(store, instances)
    with site.served():
        _, _, body = site.get()
        check_zip(body, site, data)
        for index in (0, 5):
            status, headers, body = site.get(f"/one/{index}")
            assert (status, body) == (200, data[index])
            assert headers["content-length"] == str(len(data[index]))
        status, headers, body = site.get("/one/5", Range="bytes=3000000-3000009")
        assert (status, body) == (206, data[5][3000000:3000010])


@in_a_folder
def test_hostile_file_names_are_made_harmless(site):
    hostile = '..\\"x"\r\nSet-Cookie: a=b;é'
    response = ZipResponse(site.layout, site.reader, filename=hostile)
    assert response.headers["content-disposition"] == 'attachment; filename="..__x___Set-Cookie__a_b__"'
    one = InstanceResponse(replace(site.content.instances[0], sop_instance_uid=hostile), site.reader)
    assert one.headers["content-disposition"] == "attachment; filename=..__x___Set-Cookie__a_b__.dcm"


# -- others that read it -----------------------------------------------------------------------------------


def need(program):
    if shutil.which(program) is None:
        if CI:
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


def test_info_zip_reads_it(served, tmp_path):
    need("unzip")
    (tmp_path / "series.zip").write_bytes(served.get()[2])
    command = ["unzip", "-t", tmp_path / "series.zip"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No errors detected" in result.stdout


READ_ZIP_JAVA = """
import java.io.*; import java.math.BigInteger; import java.security.MessageDigest; import java.util.zip.*;
public class ReadZip {
  public static void main(String[] arguments) throws Exception {
    try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(System.in))) {
      byte[] buffer = new byte[65536];
      for (ZipEntry entry; (entry = in.getNextEntry()) != null; ) {
        MessageDigest digest = MessageDigest.getInstance("MD5");
        long size = 0;
        for (int n; (n = in.read(buffer)) >= 0; size += n) digest.update(buffer, 0, n);
        System.out.println(entry.getName() + " " + size + " "
            + String.format("%032x", new BigInteger(1, digest.digest())));
      }
    }
  }
}
"""


@in_a_folder
def test_javas_stream_reader_reads_it(served, tmp_path, data):
    need("javac")
    need("java")
    (tmp_path / "ReadZip.java").write_text(READ_ZIP_JAVA)
    subprocess.run(["javac", "-J-Xshare:auto", "ReadZip.java"], cwd=tmp_path, check=True)
    result = subprocess.run(
        ["java", "-cp", tmp_path, "ReadZip"], input=served.get()[2], capture_output=True, check=True
    )
    rows = [line.split() for line in result.stdout.decode().splitlines()]
    assert [row[0] for row in rows] == ["LICENSE", *(f"{n:08d}.dcm" for n in range(1, 8)), "md5hashes.csv"]
    assert [(int(row[1]), row[2]) for row in rows[1:-1]] == [
        (len(file), hashlib.md5(file).hexdigest()) for file in [*data, data[0]]
    ]


@pytest.mark.parametrize("have", [1, 100_000, 5_000_000])
def test_curl_resumes_to_identical_bytes(served, tmp_path, have):
    need("curl")
    _, _, body = served.get()
    target = tmp_path / "series.zip"
    target.write_bytes(body[:have])
    url = "http://{}:{}/zip".format(*served.address)
    subprocess.run(["curl", "-sSf", "-C", "-", "-o", target, url], check=True)
    assert target.read_bytes() == body
    assert served.ends[-1] == (len(body) - have, True)


# -- ranges and conditions ---------------------------------------------------------------------------------


def test_2000_random_ranges_are_the_same_bytes(served):
    _, _, body = served.get()
    rng = random.Random(7)
    connection = http.client.HTTPConnection(*served.address, timeout=30)
    with contextlib.closing(connection):
        for number in range(2000):
            start = rng.randrange(len(body))
            length = rng.choice([1, 10, 1000, 70_000, 600_000 if number % 20 == 0 else 100])
            end = min(start + length, len(body))
            connection.request("GET", "/zip", headers={"Range": f"bytes={start}-{start + length - 1}"})
            response = connection.getresponse()
            assert response.status == 206
            assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(body)}"
            assert response.headers["content-length"] == str(end - start)
            assert response.read() == body[start:end]
    assert served.wait_for_ends(2001)[-1][1]


def test_kinds_of_ranges(served):
    _, headers, body = served.get()
    size = len(body)
    for text, start, end in (
        ("bytes=0-", 0, size),
        ("bytes=5-5", 5, 6),
        (f"bytes={size - 1}-", size - 1, size),
        ("bytes=-1", size - 1, size),
        ("bytes=-100", size - 100, size),
        (f"bytes=-{size * 2}", 0, size),
        (f"bytes=10-{size * 2}", 10, size),
        ("Bytes = 1-2 ", 1, 3),
    ):
        status, found, part = served.get(Range=text)
        assert (status, part) == (206, body[start:end]), text
        assert found["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert found["etag"] == headers["etag"]


@pytest.mark.parametrize(
    "text",
    ["bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=0-1", "bytes=+1-2", "bytes=1-2x",
     "bytes=" + "9" * 5000 + "-", "bytes=\u0661-".encode().decode("latin-1")],
)  # fmt: skip
def test_ranges_that_are_ignored(served, text):
    status, headers, body = served.get(Range=text)
    assert status == 200
    assert "content-range" not in headers
    assert len(body) == served.layout.size


@pytest.mark.parametrize("text", ["bytes={size}-", "bytes=-0", "bytes=9999999999-"])
def test_ranges_that_cannot_be_satisfied(served, text):
    size = served.layout.size
    status, headers, body = served.get(Range=text.format(size=size))
    assert (status, body) == (416, b"")
    assert headers["content-range"] == f"bytes */{size}"
    assert headers["content-length"] == "0"
    assert "content-disposition" not in headers
    assert served.ends == []


def test_if_range(served):
    etag = served.layout.etag
    assert served.get(Range="bytes=0-9", If_Range=etag)[0] == 206
    for other in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 00:00:00 GMT", etag.strip('"')):
        status, _, body = served.get(Range="bytes=0-9", If_Range=other)
        assert (status, len(body)) == (200, served.layout.size), other


def test_if_none_match_and_if_match(served):
    etag = served.layout.etag
    for method in ("GET", "HEAD"):
        for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            status, headers, body = served.get(method=method, If_None_Match=value)
            assert (status, body) == (304, b""), value
            assert headers["etag"] == etag
    assert served.get(If_None_Match='"other"')[0] == 200
    assert served.get(If_Match=etag, Range="bytes=0-0")[0] == 206
    for value in ('"other"', f"W/{etag}"):
        assert served.get(If_Match=value)[0] == 412
    assert [end for end in served.ends if not end[1]] == []
    assert len(served.ends) == 2


def test_head_says_everything_and_sends_nothing(served):
    status, headers, body = served.get(method="HEAD", Range="bytes=0-9")
    assert (status, body) == (200, b"")
    assert headers["content-length"] == str(served.layout.size)
    assert headers["etag"] == served.layout.etag
    assert served.ends == []
    status, headers, _ = served.get("/one/0", method="HEAD")
    assert headers["content-length"] == str(served.content.instances[0].size)


# -- anything wrong ----------------------------------------------------------------------------------------


@in_a_folder
@pytest.mark.parametrize("index", [0, 4, 5, 6])
def test_a_damaged_byte_breaks_the_connection(served, index, caplog):
    """Same size, same time: only the CRC-32 on the way can tell."""
    place = served.content.instances[index].location
    overwrite(path_of(served, index), place.offset + place.length - 5, b"\xee\xdd", keep_time=True)
    with pytest.raises(http.client.IncompleteRead) as caught:
        served.get()
    assert caught.value.expected > 0
    [(sent, complete)] = served.wait_for_ends(1)
    assert not complete
    assert sent < served.layout.size
    assert len(caught.value.partial) <= sent
    assert "is not what was catalogued" in caplog.text
    with pytest.raises(http.client.HTTPException):
        served.get(f"/one/{index}")


@in_a_folder
def test_a_damaged_byte_of_a_changed_file_is_found_before_the_status(served):
    place = served.content.instances[1].location
    overwrite(path_of(served, 1), place.offset + 1000, b"\xee\xdd", keep_time=False)
    status, _, body = served.get()
    assert status == 500
    assert b"is not what was catalogued" in body
    assert served.get("/one/1")[0] == 500
    assert served.get("/one/1", Range="bytes=0-0")[0] == 500
    assert served.get("/one/0")[0] == 200
    assert served.wait_for_ends(4) == [(0, False)] * 3 + [(served.content.instances[0].size, True)]


@in_a_folder
def test_a_restored_copy_with_another_time_is_served(served, data):
    for index in (0, 5, 6):
        os.utime(path_of(served, index), (1, 1))
    check_zip(served.get()[2], served, data)


@in_a_folder
@pytest.mark.parametrize("index", [0, 5, 6])
@pytest.mark.parametrize("fault", ["truncated", "grown", "gone", "pipe"])
def test_a_wrong_object_is_found_before_the_status(served, index, fault):
    path = path_of(served, index)
    if fault in {"truncated", "grown"}:
        os.truncate(path, path.stat().st_size + (-1 if fault == "truncated" else 1))
    else:
        path.unlink()
    if fault == "pipe":
        os.mkfifo(path)
    assert served.get()[0] == 500
    assert served.wait_for_ends(1) == [(0, False)]


def sparse_site(tmp_path, count, size):
    """A series of large files of zeros in place."""
    block = bytes(1 << 20)
    checksum = 0
    for _ in range(size >> 20):
        checksum = crc32(block, checksum)
    instances = []
    for number in range(count):
        path = tmp_path / f"{number}.dcm"
        with path.open("wb") as file:
            file.truncate(size)
        instance = instance_of(b"", in_place_location(path), number)
        instances.append(replace(instance, size=size, crc32=checksum))
    return Site(LocalStore(tmp_path / "store"), instances)


@pytest.mark.parametrize("index", [0, 100, 199])
def test_every_one_of_many_objects_is_looked_at_before_the_status(tmp_path, index):
    site = sparse_site(tmp_path, 200, 1 << 20)
    os.truncate(site.content.instances[index].location.key, 1000)
    with site.served():
        assert site.get()[0] == 500
        start = site.layout.size // 2
        assert site.get(Range=f"bytes={start}-{start + 100}")[0] == (500 if index == 100 else 206)


def begin(site, receive_buffer=64 << 10):
    """Ask for the ZIP on a slow connection and read a little of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(30)
    connection.connect(site.address)
    connection.sendall(b"GET /zip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    return connection


def drain(connection):
    total = 0
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1 << 20):
            total += len(piece)
    return total


def test_a_file_truncated_on_the_way_breaks_the_connection(tmp_path):
    site = sparse_site(tmp_path, 1, 64 << 20)
    with site.served(), contextlib.closing(begin(site)) as connection:
        os.truncate(site.content.instances[0].location.key, 32 << 20)
        assert drain(connection) < 40 << 20
        [(sent, complete)] = site.wait_for_ends(1)
    assert not complete
    assert sent < 40 << 20


def test_an_object_replaced_on_the_way_breaks_the_connection(tmp_path):
    """The twentieth object is checked before the status and again when its turn comes."""
    site = sparse_site(tmp_path, 20, 2 << 20)
    with site.served(), contextlib.closing(begin(site)) as connection:
        other = tmp_path / "other"
        other.write_bytes(os.urandom(2 << 20))
        other.rename(site.content.instances[19].location.key)
        assert drain(connection) < site.layout.size
        [(_, complete)] = site.wait_for_ends(1)
    assert not complete


# -- resources ---------------------------------------------------------------------------------------------


def open_descriptors(folder):
    found = 0
    for entry in os.scandir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += str(Path(entry.path).readlink()).startswith(str(folder))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


@needs_proc
def test_a_client_that_goes_away_ends_the_reading(tmp_path):
    site = sparse_site(tmp_path, 3, 512 << 20)
    with site.served():
        connection = begin(site)
        assert open_descriptors(tmp_path) >= 1
        connection.close()
        [(sent, complete)] = site.wait_for_ends(1)
        assert not complete
        assert sent < 64 << 20
        assert open_descriptors(tmp_path) == 0
        assert site.get(Range="bytes=0-9")[0] == 206, "the server lives on"
        assert site.wait_for_ends(2)[1:] == [(10, True)]


@needs_proc
def test_many_objects_need_few_descriptors(tmp_path):
    """600 files in place: more than are checked beforehand, and never more than a few open."""
    site = sparse_site(tmp_path, 600, 1 << 20)
    most = 0
    with site.served(), contextlib.closing(begin(site)) as connection:
        received = 0
        while piece := connection.recv(1 << 20):
            received += len(piece)
            most = max(most, open_descriptors(tmp_path))
    assert site.ends == [(site.layout.size, True)]
    assert received > site.layout.size - 1000
    assert 1 <= most <= 8


@needs_proc
def test_memory_is_bounded_with_eight_slow_clients(tmp_path):
    def resident():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))

    site = sparse_site(tmp_path, 4, 256 << 20)
    with site.served():
        site.get(Range="bytes=0-3000000")
        before = resident()
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(contextlib.closing(begin(site))) for _ in range(8)]
            for _ in range(200):
                for connection in connections:
                    connection.recv(16 << 10)
            grown = resident() - before
    assert grown < 32 << 20
    assert [complete for _, complete in site.wait_for_ends(9)] == [True] + [False] * 8
