"""Series as ZIPs: Filmroom, nginx sending a ready ZIP, Orthanc; large series and tiny ones."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import corpus
import peers
from harness import Context, Section, Server, filmroom, filmroom_server, interleaved, median, number, run
from load import load

_PER_CORE = "a worker per core"
IMAGE = "/nbia-api/services/v1/getImage?SeriesInstanceUID="


@dataclass(frozen=True, slots=True)
class Speed:
    """MB/s, requests/s and CPU seconds of the server per GB and per request."""

    rate: float
    requests: float
    cpu_gb: float
    cpu_request: float


def measure(context: Context) -> Section:
    """Measure the delivery of large and tiny series."""
    section = Section(
        "Series as ZIPs",
        header=("series", "way", "clients", "MB/s", "requests/s", "CPU s/GB", "CPU us/request", "peak MiB"),
    )
    with ExitStack() as stack:
        folder = context.folder("delivery")
        large = corpus.ct(folder / "ct", 200 if context.quick else 400)
        tiny = corpus.tiny(folder / "tiny", 2_000 if context.quick else 20_000)
        context.log("delivery: ingest")
        for files in (large, tiny):
            run(filmroom("ingest", "--data", folder / "archive", "--collection", "Bench", files.folder))
        ours = stack.enter_context(filmroom_server(folder / "archive"))
        targets = [_Target("Filmroom", ours, [IMAGE + uid for uid in large.series])]
        cores = str(len(os.sched_getaffinity(0)))
        more = stack.enter_context(filmroom_server(folder / "archive", "--workers", cores))
        small = [
            _Target("Filmroom", ours, [IMAGE + uid for uid in tiny.series]),
            _Target(_PER_CORE, more, [IMAGE + uid for uid in tiny.series]),
        ]
        _nginx(stack, section, folder, ours, large, targets)
        _orthanc(context, stack, section, folder, (large, tiny), targets, small)
        seconds = 1.5 if context.quick else 4.0
        rounds = 2 if context.quick else 3
        for clients in (1, 8):
            context.log(f"delivery: {clients} clients")
            found = _compare(section, "100 x 527 KB", targets, clients, seconds, rounds)
            _large_ratios(section, found, clients)
            found = _compare(section, "2 x 3.1 KB", small, clients, seconds, rounds)
            if "Orthanc archive" in found:
                theirs = found["Orthanc archive"].requests
                for name in ("Filmroom", _PER_CORE):
                    section.ratio(
                        f"tiny ZIPs / Orthanc archive, requests/s, {clients} clients, {name}",
                        found[name].requests / theirs,
                        gate=1.5,
                        goal=3,
                    )
    section.remarks.append(
        "Filmroom (but for the row of workers) and nginx run in one process each, Orthanc in threads; "
        "access is checked, each delivery audited."
    )
    return section


@dataclass(frozen=True, slots=True)
class _Target:
    name: str
    server: Server
    paths: Sequence[str]
    headers: str = ""


def _nginx(
    stack: ExitStack,
    section: Section,
    folder: Path,
    ours: Server,
    large: corpus.Corpus,
    targets: list[_Target],
) -> None:
    program = peers.present("nginx")
    if program is None:
        section.remarks.append(f"Absent: {peers.NGINX}.")
        return
    root = folder / "ready"
    root.mkdir(parents=True)
    for uid in large.series:
        urllib.request.urlretrieve(ours.url + IMAGE + uid, root / f"{uid}.zip")
    started = stack.enter_context(peers.nginx_server(program, context_folder(folder, "nginx"), root))
    targets.append(_Target("nginx, ready ZIP", started, [f"/{uid}.zip" for uid in large.series]))


def context_folder(folder: Path, name: str) -> Path:
    """Return a new folder below another."""
    (folder / name).mkdir()
    return folder / name


def _orthanc(
    context: Context,
    stack: ExitStack,
    section: Section,
    folder: Path,
    both: tuple[corpus.Corpus, corpus.Corpus],
    targets: list[_Target],
    small: list[_Target],
) -> None:
    program = peers.orthanc()
    if program is None:
        section.remarks.append(f"Absent: {peers.ORTHANC}.")
        return
    if not peers.has_dicomweb():
        section.remarks.append(f"Absent: {peers.DICOMWEB}.")
    context.log("delivery: files into Orthanc")
    started = stack.enter_context(
        peers.orthanc_server(program, context_folder(folder, "orthanc"), dicomweb=peers.has_dicomweb())
    )
    large, tiny = both
    few = tiny.files[:2_000]  # Orthanc becomes slower with what it holds
    peers.upload(started, [*large.files, *few])
    section.remarks.append(
        f"Orthanc {peers.orthanc_version(started)}, SQLite, {len(large.files) + len(few):,} files held."
    )
    known = peers.orthanc_series(started)
    archives = [f"/series/{known[uid][0]}/archive" for uid in tiny.series if uid in known]
    small.append(_Target("Orthanc archive", started, archives))
    if peers.has_dicomweb():
        accept = quote("application/dicom", safe="/")
        targets.append(
            _Target(
                "Orthanc WADO-RS",
                started,
                [f"/dicom-web/studies/{known[uid][1]}/series/{uid}" for uid in large.series],
                f'Accept: multipart/related; type="{accept}"\r\n',
            )
        )


def _compare(
    section: Section, series: str, targets: Sequence[_Target], clients: int, seconds: float, rounds: int
) -> dict[str, Speed]:
    def speed_of(target: _Target) -> Callable[[], Speed]:
        return lambda: _speed(target, clients, seconds)

    for target in targets:
        load(target.server.port, target.paths, 1, 0.2, target.headers)
    results = interleaved(rounds, [speed_of(target) for target in targets])
    found: dict[str, Speed] = {}
    for target, speeds in zip(targets, results, strict=True):
        measured = [speed for speed in speeds if isinstance(speed, Speed)]
        speed = found[target.name] = Speed(
            *(median(getattr(s, name) for s in measured) for name in Speed.__dataclass_fields__)
        )
        section.figure(
            series,
            target.name,
            clients,
            number(speed.rate),
            number(speed.requests),
            number(speed.cpu_gb),
            number(speed.cpu_request * 1e6),
            number(target.server.peak()),
        )
    return found


def _speed(target: _Target, clients: int, seconds: float) -> Speed:
    before = target.server.cpu()
    outcome = load(target.server.port, target.paths, clients, seconds, target.headers)
    cpu = target.server.cpu() - before
    return Speed(
        outcome.size / outcome.seconds / 1e6,
        outcome.requests / outcome.seconds,
        cpu / outcome.size * 1e9,
        cpu / outcome.requests,
    )


def _large_ratios(section: Section, found: dict[str, Speed], clients: int) -> None:
    ours = found["Filmroom"]
    section.ratio(
        f"series ZIP, CPU, {clients} clients", ours.cpu_gb, "s/GB", gate=1.1, goal=0.4, at_most=True
    )
    if "nginx, ready ZIP" in found:
        ratio = ours.rate / found["nginx, ready ZIP"].rate
        section.ratio(
            f"series ZIP / nginx sendfile of a ready ZIP, MB/s, {clients} clients", ratio, gate=0.4, goal=0.8
        )
    if "Orthanc WADO-RS" in found:
        ratio = ours.rate / found["Orthanc WADO-RS"].rate
        section.ratio(f"series ZIP / Orthanc WADO-RS, MB/s, {clients} clients", ratio, gate=1.5)
