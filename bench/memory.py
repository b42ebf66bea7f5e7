"""Peak memory of the server while eight clients download, for series of different size."""

from __future__ import annotations

from pathlib import Path

import corpus
from delivery import IMAGE
from harness import Context, Section, filmroom, filmroom_server, number, run
from load import Load


def measure(context: Context) -> Section:
    """Measure each series with a server of its own."""
    section = Section(
        "Memory of the server at eight downloads", header=("series", "MB", "idle MiB", "peak MiB", "MB/s")
    )
    slices = 500 if context.quick else 2_000
    many = 5_000 if context.quick else 20_000
    peaks: list[float] = []
    for name, count, side in (
        ("small: 100 x 527 KB", 100, 512),
        (f"large: {slices:,} x 527 KB", slices, 512),
        (f"many: {many:,} x 3.1 KB", many, 32),
    ):
        context.log(f"memory: {name}")
        folder = context.folder("memory")
        fillers = 127 if side == 512 else 0
        files = corpus.make(folder / "files", count, per_series=count, side=side, fillers=fillers, kind=3)
        _in_place(folder, files)
        with filmroom_server(folder / "archive") as started:
            idle = started.peak()
            path = IMAGE + files.series[0]
            outcome = Load(started.port, [path], 8).run(0.0 if count == slices else 2.0)
            peaks.append(started.peak())
            section.figure(
                name,
                number(files.size / 1e6),
                number(idle),
                number(peaks[-1]),
                number(outcome.size / outcome.seconds / 1e6),
            )
    section.ratio("server at 8 downloads, peak memory", max(peaks), "MiB", gate=150, goal=100, at_most=True)
    section.ratio("the same, large series / small series", peaks[1] / peaks[0], gate=1.15, at_most=True)
    section.remarks.append(
        "The files are catalogued where they lie, which opens one file to an instance: the dearer case."
    )
    return section


def _in_place(folder: Path, files: corpus.Corpus) -> None:
    data = ["--data", str(folder / "archive"), "--collection", "Bench", "--in-place"]
    run(filmroom("ingest", *data, files.folder))
