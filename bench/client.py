"""Downloads with every MD5 checked, beside other clients: large series, small ones far away, huge ones."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import corpus
import peers
from client_ways import TEN, Way, clients, way
from delivery import IMAGE
from far_link import far_link
from harness import (
    Context,
    Section,
    Used,
    filmroom,
    filmroom_server,
    interleaved,
    median,
    number,
    present,
    run,
)

_CHECKED = {"Filmroom": ("yes", "yes"), "tcia_utils": ("no", "yes"), "nbiatoolkit": ("yes", "yes")}
_FAR = 80  # milliseconds of a round trip
_SLICES = 400  # of 527 KB: a series of 200 MiB


def measure(context: Context) -> Section:
    """Measure all clients, each time against one server."""
    section = Section(
        "Download by a client", header=("way", "MB/s", "CPU s/GB", "peak MiB", "MD5 checked", "unpacked")
    )
    _large(context, section)
    _small_and_far(context, section)
    _huge(context, section)
    _imports(context, section)
    return section


def _archive(context: Context, name: str, files: corpus.Corpus) -> Path:
    folder = context.folder(name)
    run(filmroom("ingest", "--data", folder / "archive", "--collection", "Bench", files.folder))
    shutil.rmtree(files.folder)
    return folder


def _large(context: Context, section: Section) -> None:
    series = 6 if context.quick else 12
    context.log(f"client: {series} series")
    files = corpus.ct(context.folder("files"), series * 100)
    folder = _archive(context, "client", files)
    with ExitStack() as stack:
        started = stack.enter_context(filmroom_server(folder / "archive"))
        ways, remarks = clients(context, started.url, files.series, len(files.files))
        section.remarks += remarks
        ways |= _packed(context, section, [started.url + IMAGE + uid for uid in files.series], folder)
        found = _measured(context, ways)
    for name, best in found.items():
        speed, cost = files.size / best.seconds / 1e6, best.cpu / files.size * 1e9
        figures = (number(speed), number(cost), number(best.peak))
        section.figure(name, *figures, *_CHECKED.get(name, ("no", "no")))
    ours = found["Filmroom"]
    for name, gate, goal in (("tcia_utils", 4, 6), ("nbiatoolkit", 3, None)):
        if name in found:
            ratio = found[name].seconds / ours.seconds
            section.ratio(f"download / {name}, MB/s", ratio, gate=gate, goal=goal)
    if "wget" in found:
        ratio = found["wget"].seconds / ours.seconds
        section.ratio("download, unpacked and checked / wget, packed, MB/s", ratio, gate=1)


def _measured(context: Context, ways: Mapping[str, Way], rounds: int = 3) -> dict[str, Used]:
    """Run the ways in turns; return the medians, and the highest peak."""
    found: dict[str, Used] = {}
    results = interleaved(min(2, rounds) if context.quick else rounds, list(ways.values()))
    for name, runs in zip(ways, results, strict=True):
        used = [one for one in runs if isinstance(one, Used)]
        found[name] = Used(
            median(one.seconds for one in used),
            median(one.cpu for one in used),
            max(one.peak for one in used),
            "",
        )
    return found


def _packed(context: Context, section: Section, urls: list[str], folder: Path) -> dict[str, Way]:
    """Return the programs that store the archives as they come."""
    ways: dict[str, Way] = {}
    if present("wget"):
        listing = folder / "urls"
        listing.write_text("\n".join(urls))
        ways["wget"] = way(
            context,
            lambda target: ["wget", "-q", "--content-disposition", "-P", target, "-i", listing],
            len(urls),
        )
    else:
        section.remarks.append(f"Absent: {peers.WGET}.")
    if present("curl"):
        ways["curl, 4 at once"] = way(context, lambda target: _curl(urls, target), len(urls))
    else:
        section.remarks.append(f"Absent: {peers.CURL}.")
    return ways


def _curl(urls: list[str], target: Path) -> list[str | Path]:
    command: list[str | Path] = ["curl", "-s", "--parallel", "--parallel-max", "4"]
    for number_of, url in enumerate(urls):
        command += ["-o", target / f"{number_of}.zip", url]
    return command


def _small_and_far(context: Context, section: Section) -> None:
    """What a series costs rather than a byte: small ones, over a long way."""
    series = 50 if context.quick else 200
    context.log(f"client: {series} small series over {_FAR} ms")
    files = corpus.tiny(context.folder("files"), series * 2)
    folder = _archive(context, "far", files)
    with ExitStack() as stack:
        near = stack.enter_context(filmroom_server(folder / "archive"))
        url = stack.enter_context(far_link(near.port, _FAR))
        ways, _ = clients(context, url, files.series, len(files.files))
        found = _measured(context, ways)
    for name, best in found.items():
        speed = number(series / best.seconds)
        section.remarks.append(f"{name}: {speed} series/s, {series} small series over {_FAR} ms.")
    if "tcia_utils" in found:
        ratio = found["tcia_utils"].seconds / found["Filmroom"].seconds
        section.ratio(f"small series over {_FAR} ms / tcia_utils, series/s", ratio, gate=4, goal=6)


def _huge(context: Context, section: Section) -> None:
    """Ten series of 200 MiB at once: the memory of a client must not grow with them."""
    series = 3 if context.quick else TEN
    context.log(f"client: {series} series of 200 MiB")
    files = corpus.make(
        context.folder("files"), series * _SLICES, per_series=_SLICES, side=512, fillers=127, kind=3
    )
    folder = _archive(context, "huge", files)
    with filmroom_server(folder / "archive") as started:
        ways, _ = clients(context, started.url, files.series, len(files.files), workers=TEN)
        found = _measured(context, ways, rounds=1)
    for name, best in found.items():
        section.remarks.append(
            f"{name}: {number(best.peak)} MiB at most, {series} series of 200 MiB at once."
        )
    section.ratio(
        "client's peak memory, 200 MiB series", found["Filmroom"].peak, "MiB", gate=100, goal=60, at_most=True
    )


def _imports(context: Context, section: Section) -> None:
    """What a notebook waits for first."""
    ways = {"Filmroom": lambda: run([sys.executable, "-c", "from filmroom import nbia"])}
    python = peers.package(peers.TCIA_UTILS, context.log)
    if python is not None:
        ways["tcia_utils"] = lambda: run([python, "-c", "from tcia_utils import nbia"])
    found = _measured(context, ways, rounds=5)
    for name, best in found.items():
        cost = f"{number(best.seconds)} s, {number(best.cpu)} s of CPU, {number(best.peak)} MiB"
        section.remarks.append(f"Importing nbia of {name}: {cost}.")
    section.ratio("importing filmroom.nbia", found["Filmroom"].seconds, "s", gate=0.3, at_most=True)
