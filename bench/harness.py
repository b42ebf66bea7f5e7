"""What every measurement shares: rows and gates, processes with their CPU seconds and peak memory."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. ``gate``: what it must reach; ``goal``: what it should; None for neither."""

    what: str
    value: float
    unit: str
    gate: float | None = None
    goal: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether gate and goal are met, or by how much the gate is missed."""
        if self.gate is None:
            return ""
        if self._meets(self.gate):
            return "goal" if self.goal is not None and self._meets(self.goal) else "gate"
        return f"MISSED by {abs(self.value / self.gate - 1):.0%}"

    def _meets(self, bound: float) -> bool:
        return self.value <= bound if self.at_most else self.value >= bound


@dataclass(slots=True)
class Section:
    """A measured area: ratios against gates first, then the figures they come from, then remarks."""

    title: str
    ratios: list[Row] = field(default_factory=list)
    header: tuple[str, ...] = ()
    figures: list[tuple[str, ...]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def ratio(self, what: str, value: float, unit: str = "x", **bounds: float | bool | str | None) -> None:
        """Add a value that is compared with a gate (and, in brackets, a goal)."""
        self.ratios.append(Row(what, value, unit, **bounds))  # type: ignore[arg-type]

    def figure(self, *cells: object) -> None:
        """Add a line of measured figures."""
        self.figures.append(tuple(str(cell) for cell in cells))


@dataclass(slots=True)
class Context:
    """Where and how much to measure."""

    work: Path
    quick: bool
    log: Callable[[str], None]

    def folder(self, name: str) -> Path:
        """Return a new empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))


@dataclass(frozen=True, slots=True)
class Used:
    """What a finished command used: wall and CPU seconds, peak memory in MiB of its largest process."""

    seconds: float
    cpu: float
    peak: float
    output: str


_REAPER = """
import ctypes, json, os, resource, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: processes left behind are counted too
began = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
seconds = time.perf_counter() - began
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
answer = {"code": done.returncode, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime,
          "peak": used.ru_maxrss / 1024, "output": done.stdout.decode("utf-8", "replace")}
open(sys.argv[1], "w").write(json.dumps(answer))
"""


def run(
    command: Sequence[str | Path], timeout: float = 900, environment: dict[str, str] | None = None
) -> Used:
    """Run a command with all its descendants. :raises RuntimeError: when it fails."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        subprocess.run(
            [sys.executable, "-c", _REAPER, answer.name, *map(str, command)],
            check=True,
            timeout=timeout,
            env=os.environ | (environment or {}),
        )
        found = json.loads(Path(answer.name).read_text())
    if found["code"]:
        raise RuntimeError(
            f"{command[0]} {command[1:3]}: exit code {found['code']}\n{found['output'][-2000:]}"
        )
    return Used(found["seconds"], found["cpu"], found["peak"], found["output"])


def filmroom(*arguments: str | Path) -> list[str]:
    """Return the command line of this project's program."""
    return [sys.executable, "-m", "filmroom.cli.app", *map(str, arguments)]


# -- servers ---------------------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A server process with its children."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def cpu(self) -> float:
        """Return the CPU seconds used so far."""
        total = 0
        for pid in _family(self.process.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def peak(self) -> float:
        """Return the peak memory of all its processes together, in MiB."""
        total = 0
        for pid in _family(self.process.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM"):
                        total += int(line.split()[1])
        return total / 1024


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


@contextlib.contextmanager
def server(
    command: Sequence[str | Path],
    port: int,
    path: str = "/",
    *,
    patience: float = 60,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server in a session of its own until the end of the block; it must answer HTTP at ``path``."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}{path}", process, patience)
            yield Server(process, port)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode("utf-8", "replace"))
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], patience: float) -> float:
    """Wait until a URL answers, with whatever status; return the seconds it took."""
    began = time.perf_counter()
    while time.perf_counter() - began < patience:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it answered.")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.02)
            continue
        break
    else:
        raise RuntimeError(f"{url} does not answer.")
    return time.perf_counter() - began


@contextlib.contextmanager
def filmroom_server(data: Path, *more: str) -> Iterator[Server]:
    """Serve an archive with one worker."""
    port = free_port()
    command = filmroom("serve", "--data", data, "--port", str(port), *more)
    with server(command, port, "/up") as started:
        yield started


# -- interleaving ----------------------------------------------------------------------------------------


def interleaved(rounds: int, ways: Sequence[Callable[[], object]]) -> list[list[object]]:
    """Run several ways in turn, so that a busy machine is busy for all; return the results of each."""
    results: list[list[object]] = [[] for _ in ways]
    for number in range(rounds):
        order = list(enumerate(ways))
        for index, way in order if number % 2 == 0 else reversed(order):
            results[index].append(way())
    return results


def median(values: Iterable[float]) -> float:
    """Return the middle value."""
    return statistics.median(list(values))


# -- output ----------------------------------------------------------------------------------------------


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    rows = [tuple(header), *lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]

    def text(row: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    return "\n".join([text(rows[0]), text(["-" * width for width in widths]), *map(text, rows[1:])])


def number(value: float) -> str:
    """Return a value with a sensible number of digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def bound(row: Row) -> str:
    """Return gate and goal as text."""
    if row.gate is None:
        return ""
    sign = "≤" if row.at_most else "≥"
    goal = f" ({row.goal:g})" if row.goal is not None else ""
    return f"{sign} {row.gate:g}{goal}"


def ratio_table(rows: Iterable[Row]) -> str:
    """Return the table of what has a gate."""
    lines = [
        (row.what, f"{number(row.value)} {row.unit}".strip(), bound(row), row.verdict, row.note)
        for row in rows
    ]
    return table(("measured", "value", "gate (goal)", "verdict", "note"), lines)


def machine() -> str:
    """Describe the machine in a sentence."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def present(program: str) -> str | None:
    """Return the path of an installed program, also of those that lie outside an ordinary user's path."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
