"""What was measured of catalogues, as gates, figures and remarks."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

import mixed_load
from catalog_archives import SMALL
from catalog_asking import Timing
from harness import Section, number

CLIENTS = 64
"""How many ask at once."""


@dataclass(slots=True)
class Measured:
    """Everything about one engine."""

    timings: dict[str, Timing] = field(default_factory=dict)
    granted: dict[str, Timing] = field(default_factory=dict)
    plain: dict[str, float] = field(default_factory=dict)
    whole: dict[str, float] = field(default_factory=dict)
    first_byte: dict[str, float] = field(default_factory=dict)
    growth: float = 0.0
    slower: dict[str, float] = field(default_factory=dict)
    commit: float = 0.0
    load: dict[str, mixed_load.Answers] = field(default_factory=dict)
    load_seconds: float = 0.0
    ingested: tuple[int, float] = (0, 0.0)
    indexed: tuple[int, float] = (0, 0.0)


def report(section: Section, found: Mapping[str, Measured], orthanc: Mapping[str, float]) -> None:
    """Put gates, figures and remarks into the section."""
    section.header = (
        "question",
        "rows",
        *(f"{engine} {part}" for engine in found for part in ("p50 ms", "p95 ms", "plain SQL")),
        f"Orthanc, {SMALL:,} series",
    )
    for engine, measured in found.items():
        _gates(section, engine, measured)
    first = next(iter(found.values()))
    for what, timing in first.timings.items():
        cells: list[object] = [what, f"{timing.rows:,}"]
        for measured in found.values():
            each = measured.timings[what]
            plain = measured.plain.get(what)
            cells += [number(each.milliseconds(0.5)), number(each.milliseconds(0.95))]
            cells.append("" if plain is None else number(plain))
        section.figure(*cells, number(orthanc[what]) if what in orthanc else "")
    if "all series" in orthanc:
        section.remarks.append(
            f"Orthanc lists all of its {SMALL:,} series in {number(orthanc['all series'])} ms, "
            f"{number(SMALL / orthanc['all series'] * 1000)} series/s."
        )


def _gates(section: Section, engine: str, measured: Measured) -> None:
    def worst(timings: Mapping[str, Timing], kind: str, part: float) -> tuple[float, str]:
        return max((t.milliseconds(part), what) for what, t in timings.items() if t.kind == kind)

    for who, timings in (("the public", measured.timings), ("177 of 179 collections", measured.granted)):
        for kind, gate, goal in (("values", 10, 1), ("filtered values", 30, 10), ("simple search", 100, 30)):
            value, what = worst(timings, kind, 0.95)
            section.ratio(
                f"{kind}, p95, {who}, {engine}", value, "ms", gate=gate, goal=goal, at_most=True, note=what
            )
    value, what = worst(measured.timings, "look-up", 0.5)
    section.ratio(f"look-ups, p50, {engine}", value, "ms", gate=3, goal=1, at_most=True, note=what)
    for what, rate in measured.whole.items():
        section.ratio(f"{what}, rows/s, {engine}", rate, "/s", gate=100_000, goal=200_000)
        section.ratio(
            f"{what}, first byte, {engine}", measured.first_byte[what] * 1000, "ms", gate=50, at_most=True
        )
    section.ratio(f"memory for all rows, {engine}", measured.growth, "MiB", gate=64, at_most=True)
    slower, what = max((value, what) for what, value in measured.slower.items())
    note = f"{what}; median of all {number(statistics.median(measured.slower.values()))}"
    section.ratio(f"look-ups, all / 10,000 series, {engine}", slower, gate=1.5, at_most=True, note=note)
    look = measured.load["look-ups"]
    errors = [error for answers in measured.load.values() for error in answers.errors]
    section.ratio(
        f"{CLIENTS} clients and an ingest: errors, {engine}", len(errors), "", gate=0, at_most=True,
        note="; ".join(errors[:2]),
    )  # fmt: skip
    section.ratio(
        f"{CLIENTS} clients and an ingest: look-ups, p99, {engine}",
        look.percentile(0.99) * 1000,
        "ms",
        gate=250,
        at_most=True,
    )
    answered = ", ".join(
        f"{len(answers.seconds):,} {kind} (p50 {number(answers.percentile(0.5) * 1000)} ms, "
        f"p99 {number(answers.percentile(0.99) * 1000)} ms)"
        for kind, answers in measured.load.items()
        if answers.seconds
    )
    count, seconds = measured.ingested
    section.remarks.append(
        f"{engine}, {CLIENTS} clients in {number(measured.load_seconds)} s: {answered}; meanwhile {count:,} "
        f"files were ingested in {number(seconds)} s. While the whole lists were read, the slowest "
        f"commit of 100 instances took {number(measured.commit * 1000)} ms."
    )
    indexed, seconds_each = measured.indexed
    section.remarks.append(
        f"{engine}: text search looks at {indexed:,} series, indexed by what the catalogue says of them in "
        f"{number(seconds_each * 1000)} ms each."
    )
