"""Every fault of a download ends as "failed", is told, leaves nothing that looks done; the next run mends it.

The table below is also the one in docs/guides/downloads.md; a test compares them.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from filmroom import Client, errors
from filmroom.cli.errors import exit_code_for, explain
from filmroom.client import verify
from filmroom.model.entities import Series

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "downloads.md"
KILLED = -signal.SIGKILL
CLI = [sys.executable, "-m", "filmroom.cli.app"]


@dataclass
class Scene:
    """A server that holds a series, and where it is to be put."""

    client: Client
    server: Any
    series: Any
    target: Path

    def command(self) -> list[str]:
        return [*CLI, "download", self.series.uid, "--server", self.server.url, "--to", str(self.target)]

    def under_way(self, sent: int) -> subprocess.Popen[str]:
        """Start a download in a process of its own; once so many bytes are sent, the server hesitates."""
        self.server.delay = 0.004
        already = self.server.sent
        process = subprocess.Popen(
            self.command(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        while self.server.sent - already < sent:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.01)
        self.server.delay = 1.0
        return process


Outcome = tuple[str, type[errors.FilmroomError] | int]
"""What a person is told, and the error; or how a process of its own ended."""
Run = Callable[[Scene], Outcome]


@dataclass(frozen=True)
class Fault:
    """``what`` goes wrong in ``run``; what is ``said`` of it (``…`` is anything), and what the next run does.

    ``resumed``: it goes on where this one stopped, if the server has ranges. ``one_server``: it is the same
    with servers that have none.
    """

    what: str
    run: Run
    said: str
    ends: type[errors.FilmroomError] | int
    resumed: bool = False
    is_large: bool = False
    one_server: bool = False

    @property
    def code(self) -> int:
        return self.ends if isinstance(self.ends, int) else exit_code_for(self.ends.__new__(self.ends))


def told(error: errors.FilmroomError) -> Outcome:
    return explain(error), type(error)


def answered(*faults: str) -> Run:
    """Let the server answer like that, always or once in turn; the client tries three times."""

    def run(scene: Scene) -> Outcome:
        scene.server.faults = list(faults) if len(faults) > 1 else [*faults] * 3
        report = scene.client.download(scene.series.uid, scene.target, workers=1)
        with pytest.raises(errors.FilmroomError) as caught:
            report.raise_for_failures()
        assert report.failed[0].error is caught.value
        return told(caught.value)

    return run


def killed(scene: Scene) -> Outcome:
    for sent in (600_000, 900_000):
        process = scene.under_way(sent)
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate(timeout=30)
    return said, process.returncode


def interrupted(scene: Scene) -> Outcome:
    process = scene.under_way(600_000)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    return said, process.returncode


def second_process(scene: Scene) -> Outcome:
    first = scene.under_way(300_000)
    second = subprocess.run(
        scene.command(), capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    assert first.poll() is None
    first.kill()
    first.communicate(timeout=30)
    return second.stderr, second.returncode


def full_disk(scene: Scene) -> Outcome:
    """A limit of the operating system on the size of files; a disk that is full is in the test below."""
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "sys.argv = ['filmroom', *sys.argv[1:]]\n"
        "from filmroom.cli.app import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script, *scene.command()[len(CLI) :]]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    return ended.stderr, ended.returncode


def small_disk(scene: Scene) -> Outcome:
    record = Series(scene.series.uid, image_count=3, file_size=10**18)
    with pytest.raises(errors.StoreFull) as caught:
        scene.client.download(record, scene.target)
    assert scene.server.archives_asked() == []
    return told(caught.value)


def named(name: str) -> Run:
    return answered(f"name:{name}")


ILLEGAL = "The archive holds a member whose name is not a plain file name: …"
BUSY = "… is busy or under maintenance (status …)."
BROKEN = "The connection to … broke: …"
ENDED = "The archive broke off after … bytes."
FAULTS = [
    Fault(
        "a byte of an image is wrong, the archive's CRC-32 tells",
        answered("crc"),
        "The archive's member … is damaged: its CRC-32…",
        errors.BadAnswer,
    ),
    Fault(
        "an image is not the one whose MD5 is listed",
        answered("md5"),
        "… arrived damaged: its MD5 differs.",
        errors.DigestMismatch,
    ),
    Fault(
        "the body is cut off, then the server is gone",
        answered("cut:30000", "reset", "reset"),
        BROKEN,
        errors.IncompleteTransfer,
        resumed=True,
    ),
    Fault("the body is cut off at once", answered("cut:50"), BROKEN, errors.IncompleteTransfer),
    Fault(
        "the body ends early as if that were all",
        answered("cut-archive"),
        ENDED,
        errors.IncompleteTransfer,
        resumed=True,
    ),
    Fault(
        "the archive is well-formed, but lacks an image",
        answered("short"),
        "… objects, but the server sent …",
        errors.IncompleteTransfer,
    ),
    Fault(
        "a web page with status 200",
        answered("html"),
        "… answered with a web page instead of an archive.",
        errors.BadAnswer,
    ),
    Fault("a JSON document with status 200", answered("json"), "… not a ZIP archive…", errors.BadAnswer),
    Fault("nothing with status 200", answered("empty"), ENDED, errors.IncompleteTransfer),
    Fault("status 500", answered("status:500"), "(the server's words)", errors.ServerError, one_server=True),
    Fault("status 503, again and again", answered("status:503"), BUSY, errors.ServerError, one_server=True),
    Fault("status 429, again and again", answered("status:429"), BUSY, errors.ServerError, one_server=True),
    Fault(
        "the connection is reset, again and again",
        answered("reset"),
        BROKEN,
        errors.IncompleteTransfer,
        one_server=True,
    ),
    Fault(
        "the server falls silent",
        answered("hang"),
        "No answer from …: it sent nothing for … seconds.",
        errors.ServerUnreachable,
        one_server=True,
    ),
    Fault(
        "an image of another series", answered("foreign"), "… belongs to series …, not to …", errors.BadAnswer
    ),
    Fault(
        "an image twice, another one not at all",
        answered("twice"),
        "The server sent an object of series … twice.",
        errors.BadAnswer,
    ),
    Fault("a name that leads out of the folder (`../x`)", named("../../out.dcm"), ILLEGAL, errors.BadAnswer),
    Fault("an absolute name (`/x`)", named("/tmp/out.dcm"), ILLEGAL, errors.BadAnswer),
    Fault("a drive in a name (`C:\\x`)", named("C:\\out.dcm"), ILLEGAL, errors.BadAnswer),
    Fault("the name of a device (`CON`)", named("CON.dcm"), ILLEGAL, errors.BadAnswer),
    Fault("control characters in a name", named("1-02\x1b[2J.dcm"), ILLEGAL, errors.BadAnswer),
    Fault("a name of 10,000 characters", named("x" * 10_000), ILLEGAL, errors.BadAnswer),
    Fault("two files of one name", named("1-01.dcm"), "… twice…", errors.BadAnswer),
    Fault("two names that differ in case alone", named("1-01.DCM"), "… twice…", errors.BadAnswer),
    Fault(
        "the disk is too small",
        small_disk,
        "The download needs … bytes, but only … are free in …",
        errors.StoreFull,
        one_server=True,
    ),
    Fault(
        "the disk fills up",
        full_disk,
        "No space is left in …",
        1,
        resumed=True,
        is_large=True,
        one_server=True,
    ),
    Fault(
        "another process fetches the series there",
        second_process,
        "Another process is working on series …",
        1,
        resumed=True,
        is_large=True,
        one_server=True,
    ),
    Fault(
        "Ctrl-C",
        interrupted,
        "Interrupted; what was finished is kept, run the same command again to go on.",
        130,
        resumed=True,
        is_large=True,
        one_server=True,
    ),
    Fault("`kill -9`, a power cut", killed, "", KILLED, resumed=True, is_large=True),
]
CASES = [(fault, ranges) for fault in FAULTS for ranges in (True, False) if ranges or not fault.one_server]


def pattern(said: str) -> str:
    if said == "(the server's words)":
        return "Server was not able to process"
    return ".*".join(map(re.escape, said.split("…")))


def looks_done(target: Path) -> list[Path]:
    """Return images and receipts outside what is marked as unfinished."""
    return [
        path
        for path in target.rglob("*")
        if path.is_file()
        and not any(part.endswith(".partial") for part in path.parts)
        and path.suffix in {".dcm", ".json", ".csv"}
    ]


@pytest.mark.parametrize(
    ("fault", "ranges"),
    CASES,
    ids=[f"{fault.what}{'' if ranges else ', no ranges'}" for fault, ranges in CASES],
)
def test_fails_says_so_and_the_next_run_mends_it(
    client: Client, old_nbia: Any, held: Any, large: Any, tmp_path: Path, fault: Fault, ranges: bool
) -> None:
    series, other = (large, held) if fault.is_large else (held, large)
    old_nbia.ranges = ranges
    target = tmp_path / "target"
    scene = Scene(client, old_nbia, series, target)

    said, ends = fault.run(scene)
    assert re.search(pattern(fault.said), said), said
    assert ends == fault.ends
    assert "Traceback" not in said
    assert looks_done(target) == []
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    with pytest.raises((errors.VerificationFailed, errors.NotFound)):
        verify(target).raise_for_damage()

    old_nbia.faults, old_nbia.delay = [], 0
    report = client.download([series.uid, other.uid], target)
    report.raise_for_failures()
    resumed = {result.series_instance_uid: result.resumed_bytes for result in report.ok}
    assert (resumed[series.uid] > 0) == (fault.resumed and ranges)
    for each in (series, other):
        found = {path.name: path.read_bytes() for path in (target / each.uid).iterdir()}
        found.pop("LICENSE")
        assert found == each.files
    assert verify(target).ok
    assert not list((target / ".filmroom").glob("*.partial"))


def test_the_guide_has_this_table() -> None:
    rows = ["| what happens | what is said | exit code | the next run |", "| --- | --- | --- | --- |"]
    for fault in FAULTS:
        code = str(fault.code) if fault.code >= 0 else "-"
        mends = "goes on where it stopped" if fault.resumed else "fetches the series"
        rows.append(f"| {fault.what} | {fault.said or '-'} | {code} | {mends} |")
    table = "\n".join(rows)
    assert table in GUIDE.read_text(), f"Put this table into {GUIDE}:\n{table}"


def test_a_disk_that_is_really_full(client: Client, large: Any, tmp_path: Path) -> None:
    """Something else fills a small file system while a series arrives; once there is space, it goes on.

    Where no file system may be mounted, a limit on the size of files stands for it.
    """
    script = tmp_path / "script.py"
    script.write_text(
        "import contextlib, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from filmroom import Client, errors\n"
        "from filmroom.client import verify\n"
        "target, filler = Path(sys.argv[1]), Path(sys.argv[1], 'filler')\n"
        "limits = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "def fill(state):\n"
        "    if sys.argv[2] == 'limit':\n"
        "        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))\n"
        "    elif not filler.exists():\n"
        "        with contextlib.suppress(OSError), filler.open('wb', buffering=0) as file:\n"
        "            while True:\n"
        "                file.write(bytes(65536))\n"
        f"client = Client({client.base_url!r})\n"
        f"report = client.download({large.uid!r}, target, progress=fill)\n"
        "assert isinstance(report.failed[0].error, errors.StoreFull), report\n"
        f"assert not (target / {large.uid!r}).exists()\n"
        "filler.unlink(missing_ok=True)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"
        f"client.download({large.uid!r}, target).raise_for_failures()\n"
        "assert verify(target).ok\n"
    )
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=80m none {disk}"
    may = (
        subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode
        == 0
    )
    command = [sys.executable, str(script), str(disk), "disk" if may else "limit"]
    if may:
        command = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
