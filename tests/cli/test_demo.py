"""The demo as a newcomer meets it: run, run again, run twice at once, without the extra, on a busy port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest

FILMROOM = [sys.executable, "-m", "filmroom.cli.app"]


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FILMROOM_")}
    return kept | {"XDG_DATA_HOME": str(folder / "data"), "HOME": str(folder)}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FILMROOM, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(folder),
        check=False,
    )


def test_the_demo_checks_itself_and_can_be_repeated(tmp_path: Path) -> None:
    first = run(tmp_path, "demo", "--exit")
    assert first.returncode == 0, first.stderr
    assert "Everything works." in first.stdout
    again = run(tmp_path, "demo", "--exit")
    assert again.returncode == 0, again.stderr
    assert "0 files stored" in again.stdout


def test_a_running_demo_answers_refuses_a_second_and_ends_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    arguments = [*FILMROOM, "demo", "--data", str(folder), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment(tmp_path)) as demo:
        assert demo.stdout is not None
        lines: list[str] = []
        for line in demo.stdout:
            lines.append(line)
            if "End with Ctrl-C" in line:
                break
        try:
            url = next(line.split()[2] for line in lines if line.startswith("Serving on"))
            with urllib.request.urlopen(f"{url}/nbia-api/services/v4/getCollectionValues") as answer:
                assert b"Demo-Phantom" in answer.read()
            with urllib.request.urlopen(f"{url}/api/v2/collections?search=Demo-Phantom") as answer:
                assert b"10.5072/demo-phantom" in answer.read()
            shown = "".join(lines)
            assert f"FILMROOM_SERVER={url}" in shown
            assert "client.download(" in shown
            second = run(tmp_path, "demo", "--data", str(folder), "--exit")
            assert second.returncode == 1
            assert second.stderr.startswith("Error: A demo is already running")
        finally:
            demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=45) == 0
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=2)


def test_a_busy_port_gets_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path, "demo", "--exit", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"Error: Port {port} of 127.0.0.1 is already in use.",
        "Choose another port: filmroom demo --port N",
    ]


@pytest.mark.parametrize("command", ["demo", "serve", "ingest --collection X .", "upgrade"])
def test_without_the_extra_the_command_says_how_to_get_it(tmp_path: Path, command: str) -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; "
        f"sys.argv = ['filmroom', *{command.split()!r}]; from filmroom.cli.app import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    assert "pip install 'filmroom[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_ours_is_a_sentence_and_a_report(tmp_path: Path) -> None:
    code = "import filmroom.cli.app as app; app.app = lambda: 1 // 0; app.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "Traceback" not in done.stderr
    report = Path(done.stderr.split()[-1])
    assert "ZeroDivisionError" in report.read_text()
    report.unlink()


def test_every_command_has_help_with_an_example(tmp_path: Path) -> None:
    import typer.main

    from filmroom.cli.app import app

    def walk(command: object, path: list[str]) -> list[list[str]]:
        children = getattr(command, "commands", {})
        return (
            [path]
            if not children
            else [p for name, child in children.items() for p in walk(child, [*path, name])]
        )

    for path in walk(typer.main.get_command(app), []):
        done = run(tmp_path, *path, "--help")
        assert done.returncode == 0, path
        assert "Example" in done.stdout, path
        assert f"filmroom {' '.join(path)}" in " ".join(done.stdout.split()), path


def test_help_is_as_wide_as_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (60, 100):
        monkeypatch.setenv("COLUMNS", str(width))
        paragraphs = run(tmp_path, "sync", "--help").stdout.split("\n" + " " * width + "\n")
        [lines] = [each.splitlines() for each in paragraphs if "The first time lists" in each]
        assert len(lines) > 2
        for line, following in pairwise(lines):
            # Each line ends because the next word has no place on it.
            assert len(line.rstrip()) + 1 + len(following.split()[0]) > width - 2, lines
