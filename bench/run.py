"""Measure Filmroom beside its floors and peers, in one run, on one corpus.

    python bench/run.py [--quick] [--only ingest client …] [--markdown docs/design/measurements.md]

Everything runs on loopback in a temporary folder. Ways that are compared run in turns. A peer that is not
installed is named with the command that installs it, and left out.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import sys
import tempfile
import time
import traceback
from pathlib import Path

from harness import Context, Section, machine, ratio_table, table

SECTIONS = (
    "ingest",
    "growth",
    "delivery",
    "memory",
    "objects",
    "client",
    "startup",
    "layout",
    "catalog",
    "dois",
    "pathology",
)


def main() -> int:
    """Run the sections and print the tables; the exit code tells whether all of them ran."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller corpus: some six minutes")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--markdown", type=Path, help="write the tables into this document")
    parser.add_argument("--folder", type=Path, help="where to work; a few GB are needed")
    options = parser.parse_args()
    sections: list[Section] = []
    failed = 0
    with tempfile.TemporaryDirectory(prefix="filmroom-bench-", dir=options.folder) as name:
        context = Context(Path(name), options.quick, _log)
        for only in options.only:
            began = time.perf_counter()
            try:
                section = importlib.import_module(only).measure(context)
            except Exception:  # noqa: BLE001 - the other sections are still worth measuring
                traceback.print_exc()
                failed += 1
                continue
            _log(f"{section.title}: {time.perf_counter() - began:.0f} s")
            sections.append(section)
    text = report(sections, quick=options.quick)
    print(text)
    if options.markdown is not None:
        write_into(options.markdown, text)
    return 1 if failed else 0


def report(sections: list[Section], *, quick: bool) -> str:
    """Return all tables as Markdown, ratios first."""
    moment = dt.datetime.now(dt.UTC)
    corpus = "the small corpus" if quick else "the whole corpus"
    parts = [
        f"Measured {moment:%Y-%m-%d %H:%M} UTC on {machine()}; {corpus}; everything on loopback.",
        "### Against the gates",
        ratio_table(row for section in sections for row in section.ratios),
    ]
    for section in sections:
        if section.figures:
            parts += [f"### {section.title}", table(section.header, section.figures)]
        parts += section.remarks
    return "\n\n".join(parts) + "\n"


BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_into(path: Path, text: str) -> None:
    """Replace what lies between the marks of a document; the text around them is a person's."""
    before = path.read_text(encoding="utf-8") if path.exists() else "# Measurements\n"
    if BEGIN not in before:
        before += f"\n{BEGIN}\n{END}\n"
    head, _, rest = before.partition(BEGIN)
    tail = rest.partition(END)[2]
    path.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def _log(text: str) -> None:
    print(f"[{dt.datetime.now(dt.UTC):%H:%M:%S}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
