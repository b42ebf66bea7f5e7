"""Servers that share nothing but catalogue and store: one is killed, another goes on with its download."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from filmroom.client import Client
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.settings import ArchiveAddress

SLICES = 24
SLICE_BYTES = 1 << 20
CUT = 6 << 20
"""Bytes of an answer after which its server is killed."""


@contextlib.contextmanager
def serving(address: ArchiveAddress, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run ``filmroom serve`` in a process group of its own; give it and its port."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "filmroom.cli.app", "serve", "--port", "0", *options),
            *("--data", str(address.data), "--database-url", address.database_url),
            *("--store-url", address.store_url),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        match = re.fullmatch(r"Serving on http://\S+:(\d+)\n", process.stdout.readline())
        assert match
        yield process, int(match[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


class Balancer:
    """One port in front of several servers: each connection goes to the first that accepts it.

    ``on_cut`` is called once, in the thread of the connection, when ``CUT`` bytes of answers have passed,
    with the port of this end of the connection to the server.
    """

    def __init__(self, ports: list[int], on_cut: Callable[[int], None]) -> None:
        self._ports = ports
        self._on_cut = on_cut
        self._passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _connect(self) -> socket.socket:
        for port in self._ports:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port))
        raise ConnectionRefusedError

    def _serve(self, client: socket.socket) -> None:
        with client, self._connect() as server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    assert isinstance(key.fileobj, socket.socket)
                    try:
                        data = key.fileobj.recv(1 << 16)
                        if not data:
                            return
                        key.data.sendall(data)
                    except OSError:
                        return
                    if key.fileobj is client:
                        self.requests.append(data.decode("latin-1"))
                    else:
                        self._count(len(data), server)

    def _count(self, size: int, server: socket.socket) -> None:
        before, self._passed = self._passed, self._passed + size
        if before < CUT <= self._passed:
            self._on_cut(server.getsockname()[1])


# On one machine workers share a socket; several servers are for the archive that several machines share.
CASES = [("embedded", "workers"), ("institute", "workers"), ("institute", "servers")]


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def kind(case: tuple[str, str]) -> str:
    return case[1]


@pytest.fixture
def address(
    case: tuple[str, str], make_address: Callable[[str, Path], ArchiveAddress], tmp_path: Path
) -> ArchiveAddress:
    return make_address(case[0], tmp_path / "archive")


@pytest.fixture
def series(address: ArchiveAddress, tmp_path: Path) -> str:
    """Fill the archive with one series whose slices no compression makes small; its UID."""
    folder = tmp_path / "scans"
    folder.mkdir()
    made = dcmread(str(get_testdata_file("CT_small.dcm")))
    made.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    made.Rows, made.Columns = 1024, SLICE_BYTES // 2048
    for number in range(SLICES):
        made.InstanceNumber = number + 1
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid(
            entropy_srcs=[str(number)]
        )
        made.PixelData = hashlib.shake_128(str(number).encode()).digest(SLICE_BYTES)
        dcmwrite(folder / f"{number}.dcm", made)
    report = ingest_paths(address, [folder], IngestOptions(Rules(collection="C"), processes=1))
    assert report.stored == SLICES
    return str(made.SeriesInstanceUID)


def image_url(root: str, series: str) -> str:
    return f"{root}/nbia-api/services/v1/getImage?SeriesInstanceUID={series}"


def whole(root: str, series: str) -> tuple[bytes, str]:
    """Return the ZIP and its ETag, in one piece."""
    with urllib.request.urlopen(image_url(root, series), timeout=60) as answer:
        return answer.read(), answer.headers["ETag"]


def worker_at(port: int, server: int) -> int:
    """Return the process below ``server`` whose connection to ``port`` this is (proc(5))."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].partition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != server:
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) != server:
                    continue
                if any(str(fd.readlink()) in inodes for fd in (entry / "fd").iterdir()):
                    return int(entry.name)
    pytest.fail("nobody serves this connection")


@contextlib.contextmanager
def balanced(address: ArchiveAddress, kind: str, killed: list[int]) -> Iterator[tuple[Balancer, list[str]]]:
    """Run two servers, or one of two workers, behind one port; who serves at the cut is killed, kill -9."""
    with contextlib.ExitStack() as stack:
        if kind == "servers":
            servers = [stack.enter_context(serving(address)) for _ in range(2)]
        else:
            servers = [stack.enter_context(serving(address, "--workers", "2"))]

        def kill(port: int) -> None:
            victim = servers[0][0].pid if kind == "servers" else worker_at(port, servers[0][0].pid)
            os.kill(victim, signal.SIGKILL)
            if kind == "servers":
                servers[0][0].wait(60)  # until then its port takes connections that nobody serves
            killed.append(victim)

        balancer = Balancer([port for _, port in servers], kill)
        stack.callback(balancer.close)
        yield balancer, [f"http://127.0.0.1:{port}" for _, port in servers]


def test_curl_goes_on_where_a_killed_server_stopped(
    address: ArchiveAddress, series: str, tmp_path: Path, kind: str
) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl")
    killed: list[int] = []
    with balanced(address, kind, killed) as (balancer, roots):
        wanted = [whole(root, series) for root in roots]
        assert len(set(wanted)) == 1, "every server makes the same bytes under the same ETag"
        target, heads = tmp_path / "series.zip", tmp_path / "heads"
        command = (curl, "--silent", "--show-error", "--max-time", "60", "-D", str(heads), "-o", str(target))
        first = subprocess.run(
            [*command, image_url(balancer.url, series)], capture_output=True, text=True, check=False
        )
        assert first.returncode in {18, 56}, first.stderr
        assert len(killed) == 1
        part = target.stat().st_size
        assert CUT // 2 < part < len(wanted[0][0])
        tag = re.search(r"(?im)^etag: (\S+)\r?$", heads.read_text())
        assert tag
        assert tag[1] == wanted[0][1]
        again = [*command, "-C", "-", "-H", f"If-Range: {tag[1]}", image_url(balancer.url, series)]
        second = subprocess.run(again, capture_output=True, text=True, check=True)
        told = heads.read_text().splitlines()
        print(
            f"\n{kind}: process {killed[0]} killed; curl 1 ended with {first.returncode}: {first.stderr}",
            end="",
        )
        print(f"{part} of {len(wanted[0][0])} bytes were there; curl 2: {told[0]}", end="; ")
        print("; ".join(line for line in told if line.lower().startswith(("etag", "content-range"))))
        assert second.stderr == ""
        assert told[0].startswith("HTTP/1.1 206")
        assert target.read_bytes() == wanted[0][0]
        print(f"SHA-256 of both: {hashlib.sha256(target.read_bytes()).hexdigest()}")


def test_the_client_goes_on_where_a_killed_server_stopped(
    address: ArchiveAddress, series: str, tmp_path: Path, kind: str
) -> None:
    killed: list[int] = []
    with balanced(address, kind, killed) as (balancer, _), Client(balancer.url) as client:
        report = client.download([series], tmp_path / "got")
        assert len(killed) == 1
        report.raise_for_failures()
        got = list((tmp_path / "got" / series).glob("*.dcm"))
        wanted = sorted(hashlib.md5(path.read_bytes()).digest() for path in (tmp_path / "scans").iterdir())
        assert sorted(hashlib.md5(path.read_bytes()).digest() for path in got) == wanted
        ranges = re.findall(r"(?im)^range: bytes=(\d+)-", "\n".join(balancer.requests))
        print(f"\n{kind}: process {killed[0]} killed; the client went on at byte {ranges}; {len(got)} files")
        assert any(int(start) > CUT // 2 for start in ranges), "it went on, and did not start anew"
