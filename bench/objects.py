"""Series as ZIPs from an S3 store, beside obstore's own rate of the same objects."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack

import corpus
from delivery import IMAGE
from harness import Context, Section, filmroom, filmroom_server, interleaved, median, number, run
from load import load


def measure(context: Context) -> Section:
    """Measure against SeaweedFS on this machine: three parties share its cores."""
    section = Section(
        "S3-backed ZIPs", header=("way", "clients", "MB/s", "CPU s/GB of the server", "peak MiB")
    )
    try:
        import obstore  # noqa: F401

        from filmroom.testing.services import running_s3
    except ImportError as error:
        section.remarks.append(f"Absent: {error.name} (pip install 'filmroom[test]').")
        return section
    with ExitStack() as stack:
        service = stack.enter_context(running_s3())
        os.environ.update(service.environment)
        bucket = stack.enter_context(service.bucket())
        folder = context.folder("objects")
        files = corpus.ct(folder / "files", 200 if context.quick else 600)
        where = ["--data", str(folder / "archive"), "--store-url", f"s3://{bucket}/archive"]
        context.log("objects: ingest into S3")
        began = time.perf_counter()
        run(filmroom("ingest", *where, "--collection", "Bench", files.folder))
        section.remarks.append(
            f"Ingest into S3: {number(len(files.files) / (time.perf_counter() - began))} files/s of 527 KB, "
            "start-up included."
        )
        objects = _objects(bucket, service.endpoint)
        started = stack.enter_context(filmroom_server(folder / "archive", *where[2:]))
        paths = [IMAGE + uid for uid in files.series]
        seconds = 2.0 if context.quick else 5.0
        for clients in (1, 8):
            context.log(f"objects: {clients} clients")

            def ours(clients: int = clients) -> tuple[float, float]:
                before = started.cpu()
                outcome = load(started.port, paths, clients, seconds)
                cpu = (started.cpu() - before) / outcome.size * 1e9
                return outcome.size / outcome.seconds / 1e6, cpu

            def floor(clients: int = clients) -> tuple[float, float]:
                return asyncio.run(_get(bucket, service.endpoint, objects, clients, seconds))

            ours()
            results = interleaved(2 if context.quick else 3, [ours, floor])
            rates = []
            for name, found in zip(("Filmroom, ZIP", "obstore, GET"), results, strict=True):
                pairs = [each for each in found if isinstance(each, tuple)]
                rates.append(median(pair[0] for pair in pairs))
                peak = number(started.peak()) if name.startswith("F") else ""
                section.figure(name, clients, number(rates[-1]), number(median(p[1] for p in pairs)), peak)
            section.ratio(
                f"S3-backed ZIP / obstore's GET, MB/s, {clients} clients",
                rates[0] / rates[1],
                gate=0.6,
                goal=0.8,
            )
    return section


def _store(bucket: str, endpoint: str) -> object:
    from obstore.store import S3Store

    return S3Store(bucket, endpoint=endpoint, client_options={"allow_http": True})


def _objects(bucket: str, endpoint: str) -> list[str]:
    import obstore

    found = []
    for page in obstore.list(_store(bucket, endpoint)):  # type: ignore[arg-type]
        found += [entry["path"] for entry in page if entry["size"] > 1_000_000]
    return found


async def _get(
    bucket: str, endpoint: str, objects: Sequence[str], clients: int, seconds: float
) -> tuple[float, float]:
    """Read whole objects by streaming GETs, so many at once; return MB/s and CPU s/GB of this process."""
    import obstore

    store = _store(bucket, endpoint)
    total = 0
    began, used = time.perf_counter(), time.process_time()

    async def work(number_of: int) -> None:
        nonlocal total
        while time.perf_counter() - began < seconds:
            answer = await obstore.get_async(store, objects[number_of % len(objects)])  # type: ignore[arg-type]
            async for chunk in answer.stream(min_chunk_size=1 << 18):
                total += len(chunk)
            number_of += 1

    await asyncio.gather(*(work(number_of) for number_of in range(clients)))
    spent = time.perf_counter() - began
    return total / spent / 1e6, (time.process_time() - used) / total * 1e9
