"""Measure the computed ZIP: planning, and serving beside plain sendfile.

    python bench/zip.py [--seconds 4]

Prints MB/s and CPU seconds of the serving process per GB, for 1 and 8 clients that drop what they receive.
Both servers run in a process of their own; on two cores the clients take their part of the time, so compare
CPU and ratios, not MB/s alone.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import multiprocessing
import os
import resource
import socket
import sys
import tempfile
import threading
import time
import zlib
from multiprocessing.connection import Connection
from pathlib import Path

from filmroom.model.entities import Location, SeriesContent, StoredInstance
from filmroom.store.content import ContentReader
from filmroom.store.local import LocalStore
from filmroom.store.packs import PackWriter
from filmroom.store.series_zip import licence_text, series_zip

SLICES, SLICE = 100, 527_000
_LIBC = ctypes.CDLL(None, use_errno=True)


def drop(connection: socket.socket, most: int) -> int:
    """Receive and drop bytes; Linux does so in the kernel (tcp(7), MSG_TRUNC), at next to no cost."""
    if sys.platform != "linux":
        return len(connection.recv(most))
    count = int(_LIBC.recv(connection.fileno(), None, most, socket.MSG_TRUNC))
    if count <= 0:
        raise ConnectionError(os.strerror(ctypes.get_errno()))
    return count


def stored(data: bytes, location: Location, number: int) -> StoredInstance:
    return StoredInstance(
        f"1.2.{number}",
        len(data),
        hashlib.md5(data).digest(),
        hashlib.sha256(data).digest(),
        zlib.crc32(data),
        location,
        number,
        1,
    )


def make_series(folder: Path, slices: int, size: int) -> tuple[LocalStore, SeriesContent]:
    store = LocalStore(folder / f"store-{size}")
    files = [os.urandom(size) for _ in range(slices)]
    with PackWriter(store, f"1.2.{size}") as writer:
        for data in files:
            writer.add(data, size)
        locations = writer.finish()
    instances = tuple(stored(d, p, n) for n, (d, p) in enumerate(zip(files, locations, strict=True), 1))
    return store, SeriesContent(f"1.2.{size}", "BENCH", "S", "CC BY 4.0", "https://x", instances)


def serve_zip(folder: Path, listener: socket.socket, pipe: Connection, large: bool) -> None:  # noqa: FBT001
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route

    from filmroom.server.zip_response import ZipResponse

    store, content = make_series(folder, SLICES, SLICE) if large else make_series(folder, 2, 3200)
    reader = ContentReader(store)

    async def get(_request: object) -> ZipResponse:
        layout = series_zip(content, names="numbered", licence=licence_text(content), md5=False)
        return ZipResponse(layout, reader, filename="1.2.zip")

    app = Starlette(routes=[Route("/", get)])
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=report, args=(pipe,), daemon=True).start()
    server.run(sockets=[listener])


def serve_file(folder: Path, listener: socket.socket, pipe: Connection, size: int) -> None:
    path = folder / "ready.zip"
    path.write_bytes(os.urandom(size))
    fd = os.open(path, os.O_RDONLY)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()

    def serve(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(head)
            sent = 0
            while sent < size:
                sent += os.sendfile(connection.fileno(), fd, sent, size - sent)

    threading.Thread(target=report, args=(pipe,), daemon=True).start()
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def report(pipe: Connection) -> None:
    """Answer every message with CPU seconds and peak memory of this process."""
    while True:
        pipe.recv()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send((usage.ru_utime + usage.ru_stime, usage.ru_maxrss))


def client(address: tuple[str, int], until: float, totals: list[tuple[int, int]]) -> None:
    request = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
    done = count = 0
    with socket.create_connection(address) as connection:
        while time.monotonic() < until:
            connection.sendall(request)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            fields, _, body = head.partition(b"\r\n\r\n")
            length = int(fields.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            left = length - len(body)
            while left:
                left -= drop(connection, min(left, 4 << 20))
            done += length
            count += 1
    totals.append((done, count))


def measure(name: str, target: object, argument: object, folder: Path, seconds: float) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=target, args=(folder, listener, theirs, argument))
    process.start()
    address = listener.getsockname()
    client(address, 0.0, [])
    client(address, time.monotonic() + 0.5, [])
    for clients in (1, 8):
        ours.send(None)
        before = ours.recv()[0]
        totals: list[tuple[int, int]] = []
        started = time.monotonic()
        threads = [
            threading.Thread(target=client, args=(address, started + seconds, totals)) for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - started
        ours.send(None)
        after, peak = ours.recv()
        size, count = sum(done for done, _ in totals), sum(count for _, count in totals)
        print(
            f"{name:28} {clients} clients {size / elapsed / 1e6:8,.0f} MB/s {count / elapsed:9,.0f} req/s "
            f"{(after - before) / size * 1e9:7.3f} CPU s/GB {(after - before) / count * 1e6:9,.0f} us/req "
            f"peak {peak >> 10} MiB"
        )
    process.kill()
    process.join()
    listener.close()


def plan(count: int, size: int) -> None:
    location = Location("ab/cd/x.pack", 0, size, size, 1)
    digests = os.urandom(48)
    instances = tuple(
        StoredInstance(f"1.2.{n}", size, digests[:16], digests[16:], n, location, n, 1) for n in range(count)
    )
    content = SeriesContent("1.2", "BENCH", "S", None, None, instances)
    best = min(_timed(content) for _ in range(5))
    print(f"plan {count:,} entries of {size:,} bytes: {best * 1000:.0f} ms")


def _timed(content: SeriesContent) -> float:
    started = time.process_time()
    series_zip(content, names="numbered", licence=licence_text(content), md5=False)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    plan(70_000, 3_000)
    plan(70_000, SLICE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("sendfile of a ready file", serve_file, SLICES * SLICE, folder, options.seconds)
        measure("series ZIP, 100 x 527 KB", serve_zip, True, folder, options.seconds)
        measure("series ZIP, 2 x 3.2 KB", serve_zip, False, folder, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
