"""A small NBIA server of the old kind, with faults on demand, and DICOM series for it.

It stands in for servers that are not ours: deflated archives with data descriptors, chunked, without a
length or ranges; or stored archives with ranges; and for everything that goes wrong on the way.
"""

from __future__ import annotations

import hashlib
import io
import json
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom
import pytest

from filmroom import Client
from filmroom.model.entities import Series
from filmroom.net.retry import RetryPolicy
from filmroom.settings import ArchiveAddress
from filmroom.testing.archives import PAIRS, shared_archive
from filmroom.testing.slices import dicom_file

LICENCE = b"License Information. Test data, CC BY 4.0.\nDo as you please.\n"


@dataclass
class Held:
    """A series as the server holds it: file name to content."""

    uid: str
    files: dict[str, bytes]

    @classmethod
    def made(cls, uid: str, count: int = 3, pixels: int = 20_000) -> Held:
        return cls(uid, {f"1-{n:02}.dcm": dicom_file(uid, n, pixels) for n in range(1, count + 1)})

    def archive(self, *, deflated: bool, digests: bool = True, licence: bool = True) -> bytes:
        sink: io.BytesIO = _Unseekable() if deflated else io.BytesIO()
        method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
        with zipfile.ZipFile(sink, "w", method) as target:
            if licence:
                target.writestr("LICENSE", LICENCE)
            for name, data in self.files.items():
                target.writestr(zipfile.ZipInfo(name), data, compress_type=method)
            if digests:
                target.writestr("md5hashes.csv", self.digests())
        return sink.getvalue()

    def digests(self) -> str:
        lines = [f"{name},{hashlib.md5(data).hexdigest()}\n" for name, data in self.files.items()]
        return "Filename,MD5Hash\n" + "".join(lines)

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    def change(self, number: int | None = None, /, **values: str) -> None:
        """Give the images other values, or the n-th one alone."""
        for at, (name, data) in enumerate(self.files.items(), 1):
            if number in {None, at}:
                dataset = pydicom.dcmread(io.BytesIO(data))
                for keyword, value in values.items():
                    setattr(dataset, keyword, value)
                sink = io.BytesIO()
                dataset.save_as(sink)
                self.files[name] = sink.getvalue()

    def record(self, collection: str | None = "Coll A") -> Series:
        """Return what a search says of the series."""
        return Series(self.uid, collection=collection, image_count=len(self.files), file_size=self.size)


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:  # type: ignore[override]
        raise io.UnsupportedOperation


@dataclass
class OldNbia:
    """What the server has and how it misbehaves.

    ``faults`` are taken off the front, one per archive request: ``cut:N`` (break after N bytes of body),
    ``short`` (a valid archive that lacks an image), ``cut-archive`` (ends early, but ends well), ``html``,
    ``hang``, ``md5`` (a wrong digest), ``crc``, ``foreign`` (an object of another series), ``twice`` (an
    object in the place of another), ``name:…`` (of the second image), ``status:N``, ``reset``, ``empty``,
    ``json``. At a ``meeting``, archives are sent once so many are asked for; ``peak`` is how many were under
    way at once. ``ranges``: stored archives with length, ETag and Range, else deflated and chunked.
    """

    series: dict[str, Held] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ranges: bool = True
    digests: bool = True
    delay: float = 0.0
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    table: bytes | None = None
    table_type: str = "application/json"
    etag: str = "one"
    meeting: threading.Barrier | None = None
    under_way: int = 0
    peak: int = 0
    url: str = ""

    def hold(self, uid: str, **values: str) -> Held:
        """Have one more series."""
        self.series[uid] = made = Held.made(uid)
        made.change(**values)
        return made

    def archives_asked(self) -> list[str]:
        """Return the Range header (or "") of every archive request."""
        return [ranged for path, ranged in self.requests if "getImage" in path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: OldNbia
    counting: threading.Lock

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        operation = parts.path.rsplit("/", 1)[-1]
        self.state.requests.append((parts.path, self.headers.get("Range", "")))
        uid = params.get("SeriesInstanceUID", "")
        held = self.state.series.get(uid)
        if operation == "getSeriesSize":
            row = [{"TotalSizeInBytes": held.size, "ObjectCount": len(held.files)}] if held else None
            self._whole(200, "application/json", json.dumps(row).encode() if row else b"")
        elif operation in {"getImage", "getImageWithMD5Hash"}:
            with self.counting:
                self.state.under_way += 1
                self.state.peak = max(self.state.peak, self.state.under_way)
            try:
                if self.state.meeting is not None:
                    self.state.meeting.wait(20)
                self._archive(held, numbered=operation != "getImage")
            finally:
                with self.counting:
                    self.state.under_way -= 1
        elif operation == "getSingleImage" and held is not None:
            wanted = int(params["SOPInstanceUID"].rsplit(".", 1)[1])
            self._whole(200, "application/dicom", list(held.files.values())[wanted - 1])
        elif operation == "getSOPInstanceUIDs" and held is not None:
            rows = [{"SOPInstanceUID": f"{uid}.{n}"} for n in range(1, len(held.files) + 1)]
            self._whole(200, "application/json", json.dumps(rows).encode())
        elif operation in {"getMD5HashForImage", "getM5HashForImage"}:
            self._hash(params)
        elif self.state.table is not None:
            self._fault_or_table()
        else:
            self._whole(404, "text/plain", b"no such operation")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.state.requests.append((urlsplit(self.path).path, ""))
        self._fault_or_table()

    def _hash(self, params: dict[str, str]) -> None:
        sop = params.get("SOPInstanceUID") or params.get("SOPInstanceUid") or ""
        series, _, number = sop.rpartition(".")
        data = list(self.state.series[series].files.values())[int(number) - 1]
        self._whole(200, "text/plain", hashlib.md5(data).hexdigest().encode())

    def _fault_or_table(self) -> None:
        fault = self.state.faults.pop(0) if self.state.faults else ""
        if fault.startswith("status:"):
            self._whole(
                int(fault.split(":")[1]), "application/json", b"the server's own words", {"Retry-After": "0"}
            )
        else:
            self._whole(200, self.state.table_type, self.state.table or b"")

    def _whole(self, status: int, media: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _archive(self, held: Held | None, *, numbered: bool) -> None:
        state = self.state
        fault = state.faults.pop(0) if state.faults else ""
        if held is None:
            self._whole(
                400, "application/json", b"Image with given SeriesInstanceUID,x, is not in public domain."
            )
            return
        if fault in {"html", "json"}:
            media, body = {"html": ("text/html", b"<html>down</html>"), "json": ("application/json", b"{}")}[
                fault
            ]
            self._whole(200, media, body)
        elif fault == "empty":
            self._whole(200, "application/octet-stream", b"")
        elif fault.startswith("status:"):
            self._whole(
                int(fault.split(":")[1]),
                "text/plain",
                b"Server was not able\nto process",
                {"Retry-After": "0"},
            )
        elif fault == "hang":
            time.sleep(3)
            self.close_connection = True
        elif fault == "reset":
            self._reset()
        else:
            body = self._body(held, fault, numbered=numbered)
            self._send(body, int(fault[4:]) if fault.startswith("cut:") else None)

    def _body(self, held: Held, fault: str, *, numbered: bool) -> bytes:
        state = self.state
        if fault == "short":
            held = Held(held.uid, dict(list(held.files.items())[:-1]))
        if fault == "foreign":
            held = Held(held.uid, dict(held.files) | {"1-01.dcm": dicom_file("9.9.9.9", 1, 20_000)})
        if fault == "twice":
            held = Held(held.uid, dict(held.files) | {"1-02.dcm": held.files["1-01.dcm"]})
        if numbered:
            held = Held(held.uid, {f"{n:08}.dcm": data for n, data in enumerate(held.files.values(), 1)})
        body = held.archive(deflated=not state.ranges, digests=state.digests, licence=not numbered)
        if fault.startswith("name:"):
            files = dict(held.files)
            files["@" * len(fault[5:])] = files.pop("1-02.dcm")
            body = Held(held.uid, files).archive(deflated=not state.ranges)
            body = body.replace(b"@" * len(fault[5:]), fault[5:].encode())
        if fault == "crc":
            at = len(body) // 2
            body = body[:at] + bytes([body[at] ^ 255]) + body[at + 1 :]
        if fault == "md5":
            good = hashlib.md5(held.files["1-01.dcm"]).hexdigest()
            wrong = Held(held.uid, dict(held.files))
            wrong.digests = lambda: held.digests().replace(good, "0" * 32)  # type: ignore[method-assign]
            body = wrong.archive(deflated=not state.ranges)
        if fault == "cut-archive":
            body = body[: len(body) // 2]
        return body

    def _send(self, body: bytes, cut: int | None) -> None:
        state, start = self.state, 0
        etag = f'"{state.etag}"'
        if state.ranges:
            wanted = self.headers.get("Range", "")
            if wanted and self.headers.get("If-Range") == etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body) - start))
        else:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        body = body[start:]
        for at in range(0, len(body), 8192):
            piece = body[at : at + 8192]
            if cut is not None and at + len(piece) > cut:
                self._reset()
                return
            self.wfile.write(piece if state.ranges else b"%x\r\n%b\r\n" % (len(piece), piece))
            state.sent += len(piece)
            if state.delay:
                self.wfile.flush()
                time.sleep(state.delay)
        if not state.ranges:
            self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # What was written should reach the client before the reset tears it down.
        time.sleep(0.05)
        self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the tests."""


@pytest.fixture
def old_nbia() -> Iterator[OldNbia]:
    state = OldNbia()
    handler = type("Handler", (_Handler,), {"state": state, "counting": threading.Lock()})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)


@pytest.fixture
def client(old_nbia: OldNbia) -> Iterator[Client]:
    with Client(old_nbia.url, timeout=1.0, retry=QUICK, workers=4) as made:
        yield made


@pytest.fixture
def held(old_nbia: OldNbia) -> Held:
    made = Held.made("1.2.3.4")
    old_nbia.series[made.uid] = made
    return made


@pytest.fixture
def large(old_nbia: OldNbia) -> Held:
    """A series with members large enough to be continued inside."""
    made = Held.made("1.2.3.5", count=3, pixels=800_000)
    old_nbia.series[made.uid] = made
    return made


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@dataclass
class Real:
    """Our own server with real and generated series in it."""

    url: str
    large_uid: str
    large: list[bytes]


@pytest.fixture(scope="session", params=PAIRS)
def session_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    """The address of an archive that the tests of this folder share and do not change, on either pair."""
    yield from shared_archive(request, tmp_path_factory)


@pytest.fixture(scope="session")
def real(session_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Our server on a real socket: pydicom's files by collection, and one series of three large slices."""
    from filmroom.ingest.assign import Rules
    from filmroom.ingest.load import IngestOptions, ingest_paths
    from filmroom.model.entities import Licence
    from filmroom.testing.live import running_server
    from filmroom.testing.samples import sample_files

    root = tmp_path_factory.mktemp("real")
    licence = Licence("Creative Commons Attribution 4.0", "CC BY 4.0", "https://creativecommons.org/by/4.0/")
    uid = "1.2.826.0.1.3680043.10.999.1"
    slices = [dicom_file(uid, number, 3_000_000) for number in (1, 2, 3)]
    (root / "in").mkdir()
    for number, data in enumerate(slices):
        (root / "in" / f"{number}.dcm").write_bytes(data)
    for collection, files in {
        "Demo-CT": sample_files("Demo-CT"),
        "Demo-MR": sample_files("Demo-MR"),
        "Large": [root / "in"],
    }.items():
        ingest_paths(session_address, files, IngestOptions(Rules(collection=collection, licence=licence), 1))
    with running_server(session_address) as url:
        yield Real(url, uid, slices)
