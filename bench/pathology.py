"""Slides: tiles as stored and tiles drawn, many viewers at once, lists of many, and a slide's download."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import threading
import time
from pathlib import Path

from harness import Context, Section, Server, filmroom_server

_SIDE, _QUICK_SIDE = 16_384, 6_144
_TILE = 256
_LOOKS, _QUICK_LOOKS = 400, 150
_VIEWERS = 32
_LISTED, _QUICK_LISTED = 200_000, 20_000


def measure(context: Context) -> Section:
    """Make slides, serve and measure them."""
    from filmroom.catalog import Catalog
    from filmroom.ingest.assign import Rules
    from filmroom.ingest.load import IngestOptions, ingest_paths
    from filmroom.settings import ArchiveAddress
    from filmroom.testing.slides import catalogued_slides, write_pyramid, write_svs

    folder = context.folder("pathology")
    source, archive = folder / "slides", folder / "archive"
    source.mkdir()
    side = _QUICK_SIDE if context.quick else _SIDE
    write_svs(source / "stored.svs", width=side, height=side)
    write_pyramid(source / "drawn.tif", width=side // 2, height=side // 2, tile=512)
    address = ArchiveAddress.resolve(archive)
    began = time.perf_counter()
    ingest_paths(address, [source], IngestOptions(Rules(collection="Slides")))
    seconds = time.perf_counter() - began
    section = Section("Slides", header=("what", "p50 ms", "p95 ms", "worst ms"))
    size = sum(path.stat().st_size for path in source.iterdir())
    section.remarks.append(f"{size / 1e6:.0f} MB of slides were taken in within {seconds:.1f} s.")
    count = _QUICK_LISTED if context.quick else _LISTED
    with Catalog.open(address.database_url) as catalog:
        catalogued_slides(catalog, "Many", count)
    with filmroom_server(archive) as server:
        numbers = _numbers(server)
        looks = _QUICK_LOOKS if context.quick else _LOOKS
        _tiles(section, server, numbers["stored"], side, looks, "stored tile", 2.0)
        _tiles(section, server, numbers["drawn"], side // 2, looks, "drawn tile", 25.0)
        _viewers(section, server, numbers["drawn"], side // 2)
        _list(section, server, count)
        _download(section, server, numbers["stored"], source / "stored.svs")
    return section


def _numbers(server: Server) -> dict[str, int]:
    entries = json.loads(_get(server, "/pathdb/listofimages/1?_format=json&page=0")[1])
    return {entry["imageid"][0]["value"]: entry["nid"][0]["value"] for entry in entries}


def _get(server: Server, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def _paths(number: int, side: int, count: int, seed: int) -> list[str]:
    chance, tiles = random.Random(seed), side // _TILE
    places = [(chance.randrange(tiles), chance.randrange(tiles)) for _ in range(count)]
    return [
        f"/pathdb/iiif/{number}/{x * _TILE},{y * _TILE},{_TILE},{_TILE}/{_TILE},{_TILE}/0/default.jpg"
        for x, y in places
    ]


def _tiles(
    section: Section, server: Server, number: int, side: int, count: int, what: str, gate: float
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    taken: list[float] = []
    for place, path in enumerate(_paths(number, side, count + 10, seed=number)):
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        if place >= 10:  # the first open the slide, and start what draws
            taken.append((time.perf_counter() - began) * 1e3)
    connection.close()
    p95 = statistics.quantiles(taken, n=20)[-1]
    section.figure(
        f"{what} of 256 pixels", f"{statistics.median(taken):.2f}", f"{p95:.2f}", f"{max(taken):.1f}"
    )
    section.ratio(f"{what}, p95", p95, "ms", gate=gate, at_most=True)


def _viewers(section: Section, server: Server, number: int, side: int) -> None:
    failed: list[str] = []
    taken: list[float] = []

    def view(seed: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for path in _paths(number, side, 20, seed):
            began = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            taken.append((time.perf_counter() - began) * 1e3)
            if answer.status != 200:
                failed.append(path)
        connection.close()

    threads = [threading.Thread(target=view, args=(seed,)) for seed in range(_VIEWERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    p95 = statistics.quantiles(taken, n=20)[-1]
    section.figure(
        f"drawn tile, {_VIEWERS} viewers",
        f"{statistics.median(taken):.0f}",
        f"{p95:.0f}",
        f"{max(taken):.0f}",
    )
    section.remarks.append(f"{_VIEWERS} viewers at once got {len(taken) / seconds:.0f} drawn tiles a second.")
    section.ratio("failed tiles of 32 viewers", len(failed), "", gate=0, at_most=True)


def _list(section: Section, server: Server, count: int) -> None:
    began, found, page = time.perf_counter(), 0, 0
    while entries := json.loads(_get(server, f"/pathdb/listofimages/2?_format=json&page={page}")[1]):
        found, page = found + len(entries), page + 1
    if found != count:
        raise RuntimeError(f"{found} slides listed in place of {count}")
    section.ratio(f"{count:,} slides by pages", found / (time.perf_counter() - began), "/s", gate=20_000)


def _download(section: Section, server: Server, number: int, original: Path) -> None:
    began = time.perf_counter()
    _, body = _get(server, f"/pathdb/system/files/wsi/{number}/Slides/{original.name}")
    if len(body) != original.stat().st_size:
        raise RuntimeError("the slide came short")
    section.ratio("download of a slide", len(body) / 1e6 / (time.perf_counter() - began), "MB/s")
