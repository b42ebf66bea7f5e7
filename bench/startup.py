"""How soon the program is there: imports, ``--help``, a server that answers."""

from __future__ import annotations

import subprocess
import sys
import time

from harness import Context, Section, filmroom, filmroom_server, interleaved, number

_ROUNDS = 9


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def measure(context: Context) -> Section:
    """Measure in turns, take the best of each, and subtract a bare interpreter."""
    section = Section("Start-up", header=("what", "seconds", "above a bare interpreter"))
    ways = {
        "bare interpreter": [sys.executable, "-c", "pass"],
        "import filmroom": [sys.executable, "-c", "import filmroom"],
        "import filmroom.client": [sys.executable, "-c", "import filmroom.client"],
        "filmroom --help": filmroom("--help"),
    }
    results = interleaved(_ROUNDS, [lambda command=command: _seconds(command) for command in ways.values()])
    found = {
        name: min(float(str(second)) for second in seconds)
        for name, seconds in zip(ways, results, strict=True)
    }
    bare = found["bare interpreter"]
    for name, seconds in found.items():
        section.figure(name, number(seconds), number(seconds - bare))
    folder = context.folder("startup")
    answers = []
    for number_of in range(4):
        began = time.perf_counter()
        with filmroom_server(folder / "archive"):
            answers.append(time.perf_counter() - began)
        if number_of == 0:
            section.figure("filmroom serve answers, new archive", number(answers.pop()), "")
    section.figure("filmroom serve answers, existing archive", number(min(answers)), "")
    section.ratio("import filmroom", found["import filmroom"] - bare, "s", gate=0.15, at_most=True)
    section.ratio("filmroom --help", found["filmroom --help"] - bare, "s", gate=0.3, goal=0.15, at_most=True)
    section.ratio("filmroom serve answers", min(answers), "s", gate=2, goal=1, at_most=True)
    return section
