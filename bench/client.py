"""Download of twelve series with every MD5 checked: Filmroom's client, tcia_utils, wget, curl."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import corpus
import peers
from delivery import IMAGE
from harness import (
    Context,
    Section,
    Server,
    Used,
    filmroom,
    filmroom_server,
    interleaved,
    median,
    number,
    present,
    run,
)

_OURS = """
import sys
from filmroom import Client
with Client(sys.argv[1]) as client:
    client.download(sys.argv[3:], sys.argv[2]).raise_for_failures()
"""

_TCIA_UTILS = """
import sys
from tcia_utils import nbia
nbia.setApiUrl = lambda endpoint, api_url="": sys.argv[1] + "/nbia-api/services/v4/"
nbia.downloadSeries(sys.argv[3:], path=sys.argv[2], input_type="list")
"""


def measure(context: Context) -> Section:
    """Measure all clients against one server."""
    section = Section(
        "Download by a client", header=("way", "MB/s", "CPU s/GB", "peak MiB", "MD5 checked", "unpacked")
    )
    series = 6 if context.quick else 12
    folder = context.folder("client")
    context.log(f"client: {series} series")
    files = corpus.ct(folder / "files", series * 100)
    run(filmroom("ingest", "--data", folder / "archive", "--collection", "Bench", files.folder))
    shutil.rmtree(files.folder)
    with ExitStack() as stack:
        started = stack.enter_context(filmroom_server(folder / "archive"))
        ways = _ways(context, section, started, files, folder)
        results = interleaved(2 if context.quick else 3, [way for way, _, _ in ways.values()])
    found: dict[str, Used] = {}
    for (name, (_, checked, unpacked)), runs in zip(ways.items(), results, strict=True):
        used = [one for one in runs if isinstance(one, Used)]
        best = found[name] = Used(
            median(one.seconds for one in used),
            median(one.cpu for one in used),
            max(one.peak for one in used),
            "",
        )
        section.figure(
            name,
            number(files.size / best.seconds / 1e6),
            number(best.cpu / files.size * 1e9),
            number(best.peak),
            checked,
            unpacked,
        )
    _ratios(section, found)
    return section


def _ratios(section: Section, found: dict[str, Used]) -> None:
    ours = found["Filmroom"]
    if "tcia_utils" in found:
        ratio = found["tcia_utils"].seconds / ours.seconds
        section.ratio("download / tcia_utils, MB/s", ratio, gate=4, goal=6)
    if "wget" in found:
        section.ratio(
            "download, unpacked and checked / wget, packed, MB/s",
            found["wget"].seconds / ours.seconds,
            gate=1,
        )
    section.ratio("client's peak memory", ours.peak, "MiB", gate=100, goal=60, at_most=True)


_Way = tuple[Callable[[], Used], str, str]


def _ways(
    context: Context, section: Section, started: Server, files: corpus.Corpus, folder: Path
) -> dict[str, _Way]:
    def way(make: Callable[[Path], list[str | Path]], count: int) -> Callable[[], Used]:
        def measured() -> Used:
            target = context.folder("target")
            try:
                used = run(make(target))
                got = [path for path in target.rglob("*") if path.suffix in {".dcm", ".zip"}]
                assert len(got) == count, f"{len(got)} files instead of {count}: {used.output[-500:]}"
                return used
            finally:
                shutil.rmtree(target)

        return measured

    urls = [started.url + IMAGE + uid for uid in files.series]
    count = len(files.files)
    ways: dict[str, _Way] = {
        "Filmroom": (
            way(
                lambda target: [sys.executable, "-c", _OURS, started.url, target / "out", *files.series],
                count,
            ),
            "yes",
            "yes",
        )
    }
    python = peers.tcia_utils(context.log)
    if python is None:
        section.remarks.append(
            f"Absent: {peers.TCIA_UTILS} (it is installed from PyPI when that can be reached)."
        )
    else:
        ways["tcia_utils"] = (
            way(
                lambda target: [python, "-c", _TCIA_UTILS, started.url, target / "out", *files.series], count
            ),
            "no",
            "yes",
        )
        section.remarks.append(
            f"{peers.TCIA_UTILS}, its ten workers; its start-up is part of its time, as ours is."
        )
    if present("wget"):
        listing = folder / "urls"
        listing.write_text("\n".join(urls))
        ways["wget"] = (
            way(
                lambda target: ["wget", "-q", "--content-disposition", "-P", target, "-i", listing], len(urls)
            ),
            "no",
            "no",
        )
    else:
        section.remarks.append(f"Absent: {peers.WGET}.")
    if present("curl"):
        ways["curl, 4 at once"] = (way(lambda target: _curl(urls, target), len(urls)), "no", "no")
    else:
        section.remarks.append(f"Absent: {peers.CURL}.")
    return ways


def _curl(urls: list[str], target: Path) -> list[str | Path]:
    command: list[str | Path] = ["curl", "-s", "--parallel", "--parallel-max", "4"]
    for number_of, url in enumerate(urls):
        command += ["-o", target / f"{number_of}.zip", url]
    return command
