"""``filmroom serve`` as a process: start, refusal to start, end; and answers that break off."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.errors import ArchiveInUse, InvalidInput
from filmroom.model.entities import Assignment
from filmroom.server import run
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server


@contextlib.contextmanager
def serving(data: Path, *options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command in a process of its own; give it and its URL."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FILMROOM_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "filmroom.cli.app", "serve", "--data", str(data), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | environment,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        match = re.fullmatch(r"Serving on (http://\S+)\n", line)
        if match is None:
            process.kill()
            pytest.fail(f"the server said {line!r}: {process.communicate()[1]}")
        yield process, match[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_empty_within_two_seconds_and_ends_with_success(
    tmp_path: Path, fetch: Any, number: int
) -> None:
    began = time.monotonic()
    with serving(tmp_path / "new" / "archive") as (process, url):
        # The interpreter's own start and a shared machine are in this figure: hence more than two seconds.
        assert time.monotonic() - began < 10
        assert fetch(url, "/up").text == "up"
        assert fetch(url, "/nbia-api/v4/getSeries").body == b""
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in errors
    assert (tmp_path / "new" / "archive" / "catalog.sqlite").is_file()


def test_several_workers_share_socket_archive_and_metrics(tmp_path: Path, fetch: Any) -> None:
    with serving(tmp_path, "--workers", "2", FILMROOM_LOG_FORMAT="json") as (process, url):
        for _ in range(20):
            assert fetch(url, "/nbia-api/v4/getCollectionValues").status == 200
        text = fetch(url, "/metrics").text
        assert re.search(
            r'filmroom_requests_total\{operation="v4/getCollectionValues",status="200"\} 20\.0', text
        )
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
        assert sum(line["message"] == "request" for line in lines) >= 21
        assert "Traceback" not in errors


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "filmroom.cli.app", "serve", "--data", str(tmp_path), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"Error: Port {port} of 127.0.0.1 is already in use.\nChoose another with --port.\n"
    )


@pytest.mark.parametrize(("host", "port"), [("no such host", 0), ("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_impossible_addresses(host: str, port: int) -> None:
    with pytest.raises(InvalidInput):
        run.bind(host, port)


def test_a_port_is_taken_once() -> None:
    with run.bind("127.0.0.1", 0) as first, pytest.raises(ArchiveInUse):
        run.bind("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://localhost:"), ("", "http://127")],
)
def test_urls_for_people(host: str, url: str) -> None:
    with run.bind(host or "0.0.0.0", 0) as bound:
        assert run.server_url(host, bound).startswith(url)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FILMROOM_LOG_FORMAT", "xml"),
        ("FILMROOM_LOG_LEVEL", "loud"),
        ("FILMROOM_METRICS_FROM_ANYWHERE", "perhaps"),
        ("FILMROOM_LEGACY_API", "perhaps"),
    ],
)
def test_wrong_settings_end_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput):
        run.serve(ArchiveAddress.resolve(data=tmp_path / "a"), "127.0.0.1", 0)
    assert not (tmp_path / "a").exists()


def test_a_wrong_setting_is_one_sentence_on_the_command_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", "serve", "--data", str(tmp_path / "a"), "--workers", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "Error: The number of workers must be at least 1.\n"
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("package", ["starlette", "sqlalchemy", "uvicorn"])
def test_a_missing_extra_is_one_sentence(tmp_path: Path, package: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None; "
        f"sys.argv = ['filmroom', 'serve', '--data', {str(tmp_path)!r}]; "
        "from filmroom.cli.app import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: This command needs the extra 'server'.\n")
    assert "pip install 'filmroom[server]'" in done.stderr


def test_settings_are_listed_without_passwords(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "filmroom.cli.app", "settings", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=os.environ
        | {"FILMROOM_DATABASE_URL": "postgresql://me:sesame@db/x", "FILMROOM_DATA": str(tmp_path)},
    )
    records = {record["variable"]: record for record in json.loads(done.stdout)}
    assert records["FILMROOM_DATABASE_URL"]["value"] == "postgresql://me:***@db/x"
    assert records["FILMROOM_DATA"]["from"] == "environment"
    assert records["FILMROOM_HOST"]["value"] == "127.0.0.1"
    assert "sesame" not in done.stdout


# Answers that break off -------------------------------------------------------------------------------


@pytest.fixture
def many(new_archive: Any) -> Any:
    """An archive with more series than one piece of an answer holds."""
    new_archive.add_many([f"1.5.{number}" for number in range(300)], Assignment("C", "C"))
    return new_archive


def test_long_lists_come_in_pieces_and_whole(many: Any, fetch: Any) -> None:
    with running_server(many.address) as url:
        for version in ("v1", "v4"):
            answer = fetch(url, f"/nbia-api/{version}/getSeries")
            assert len(json.loads(answer.body)) == 300
            assert answer.headers["transfer-encoding"] == "chunked"
            head = fetch(url, f"/nbia-api/{version}/getSeries", "HEAD")
            assert (head.status, head.body) == (200, b"")


def test_an_error_after_the_start_breaks_the_connection(
    many: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Catalog.rows

    def failing(self: Catalog, *asked: Any) -> Any:
        page = next(rows(self, *asked))
        yield from [page] * 5  # more than is held back until the whole is known
        raise RuntimeError("the database went away at /secret/path")

    def broken(_self: Catalog, *_asked: Any) -> Any:
        raise RuntimeError("no connection to /secret/path")

    monkeypatch.setattr(Catalog, "rows", failing)
    with running_server(many.address) as url:
        with pytest.raises(http.client.IncompleteRead) as caught:
            fetch(url, "/nbia-api/v4/getSeries")
        assert b"secret" not in caught.value.partial
        # An error before the start is an answer.
        monkeypatch.setattr(Catalog, "rows", broken)
        answer = fetch(url, "/nbia-api/v4/getSeries")
        assert answer.status == 500
        assert answer.text.startswith("Server was not able to process your request\n")
        assert "secret" not in answer.text
        assert fetch(url, "/up").text == "up"


def test_clients_that_leave_do_no_harm(many: Any, fetch: Any) -> None:
    with running_server(many.address) as url:
        host, port = url.removeprefix("http://").split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port))) as client:
                client.sendall(b"GET /nbia-api/v4/getSeries HTTP/1.1\r\nHost: x\r\n\r\n")
                client.recv(10)
        assert len(json.loads(fetch(url, "/nbia-api/v4/getSeries").body)) == 300
