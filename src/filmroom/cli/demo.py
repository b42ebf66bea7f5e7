"""``filmroom demo``: an archive with sample data, used once as a person would, then left running."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from filmroom.cli.output import human_size, remark, say
from filmroom.errors import ArchiveInUse, FilmroomError, VerificationFailed

if TYPE_CHECKING:
    from filmroom.client import Client
    from filmroom.settings import ArchiveAddress

_EPILOG = """\
Examples:

  filmroom demo

  filmroom demo --port 9000

  filmroom demo --exit     (check that everything works, then end)
"""

PHANTOM = "Demo-Phantom"
_READY_SECONDS = 30


def demo(
    leave: Annotated[
        bool,
        typer.Option("--exit", help="End after the check instead of serving on; exit code 0 if all is well."),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the demo server.  [default: 8080; with --exit any free one]", show_default=False
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the demo archive.", show_default=False)] = None,
) -> None:
    """Make an archive from sample DICOM, serve it, search it, download from it and verify the download."""
    from filmroom import settings

    folder = (data or _default_folder()).expanduser().absolute()
    address = settings.ArchiveAddress.resolve(folder)
    with _only_one(folder):
        _fill(address, folder)
        with _served(folder, _chosen_port(port, leave)) as (server, url):
            _use(url)
            if leave:
                say("Everything works.")
                return
            _what_next(url, folder)
            _serve_on(server)


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("filmroom-demo", appauthor=False))


def _chosen_port(port: int | None, leave: bool) -> int:
    if port is not None:
        return port
    from filmroom import settings

    return 0 if leave else settings.get_integer("port")


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the demo's folder: a second demo in it gets a sentence instead of a mess."""
    from filmroom.file_lock import try_lock_file

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "demo.lock").open("a") as lock:
        if not try_lock_file(lock.fileno()):
            raise ArchiveInUse(
                f"A demo is already running with the folder {folder}.",
                advice="Use that one, end it with Ctrl-C, or start another: "
                "filmroom demo --data FOLDER --port N",
            )
        yield


def _fill(address: ArchiveAddress, folder: Path) -> None:
    """Take the samples in; files that are there already are recognised and cost only their reading."""
    from filmroom.cli.demo_datasets import publish_datasets
    from filmroom.ingest.assign import Rules
    from filmroom.ingest.load import IngestOptions, ingest_paths
    from filmroom.model.policy import find_licence
    from filmroom.testing.phantom import write_phantom
    from filmroom.testing.samples import SAMPLES, sample_files

    say("Taking in sample DICOM: files that come with pydicom, and a generated CT + MR + SEG phantom.")
    generated = folder / "phantom"
    shutil.rmtree(generated, ignore_errors=True)
    groups = {name: sample_files(name) for name in SAMPLES} | {PHANTOM: write_phantom(generated)}
    stored = present = 0
    for name, files in groups.items():
        rules = Rules(
            collection=name,
            licence=find_licence("CC BY 4.0" if name == PHANTOM else "MIT"),
        )
        report = ingest_paths(address, files, IngestOptions(rules, processes=1))
        stored, present = stored + report.stored, present + report.present
        if report.quarantined:
            raise VerificationFailed(
                f"{report.quarantined} sample files of {name} were refused; this installation is broken.",
                advice=f"See why: filmroom quarantine list --data {folder}",
            )
    shutil.rmtree(generated, ignore_errors=True)
    say(f"  {stored} files stored, {present} were there already, in {len(groups)} collections.")
    publish_datasets(address, groups)


@contextlib.contextmanager
def _served(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``filmroom serve`` as a process of its own, as a person would."""
    command = [sys.executable, "-m", "filmroom.cli.app", "serve", "--data", str(folder), "--port", str(port)]
    began = time.monotonic()
    log = (folder / "server.log").open("w", encoding="utf-8")
    with log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as server:  # noqa: S603 - own command
        try:
            url = _first_url(server, folder)
            say(f"Serving on {url} (ready after {time.monotonic() - began:.1f} s).")
            yield server, url
        finally:
            _end(server)


def _first_url(server: subprocess.Popen[str], folder: Path) -> str:
    """Wait for the line that says where the server is.

    :raises FilmroomError: with the server's own words when it ends instead.
    """
    stdout = server.stdout
    assert stdout is not None  # noqa: S101 - opened as a pipe above
    watchdog = threading.Timer(_READY_SECONDS, server.kill)
    watchdog.start()
    try:
        for line in stdout:
            if "http://" in line:
                return "http://" + line.split("http://", 1)[1].split()[0]
    finally:
        watchdog.cancel()
    server.wait()
    said = (folder / "server.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    first = next((line.removeprefix("Error: ") for line in said if line.startswith("Error: ")), None)
    if first is None:
        raise FilmroomError(
            f"The server did not start within {_READY_SECONDS} s.", advice=f"Its log: {folder / 'server.log'}"
        )
    raise ArchiveInUse(first, advice="Choose another port: filmroom demo --port N")


def _use(url: str) -> None:
    """Search, download and verify through the client.

    :raises VerificationFailed: when anything is not as it should be.
    """
    from filmroom.client import Client
    from filmroom.client.verifying import verify

    with tempfile.TemporaryDirectory(prefix="filmroom-demo-") as scratch, Client(url) as client:
        _show(client)
        report = client.download(client.series(collection=PHANTOM), Path(scratch))
        report.raise_for_failures()
        say(
            f"Downloaded {len(report.ok)} series of {PHANTOM} "
            f"({sum(result.files for result in report.ok)} files, {human_size(report.bytes)})."
        )
        verified = verify(Path(scratch))
        if not verified.ok or len(verified.series) != len(report.ok):
            raise VerificationFailed("What was downloaded is not what the archive holds.")
        say(f"Verified every file against its MD5: {len(verified.series)} series whole.")


def _show(client: Client) -> None:
    collections = list(client.collections())
    if PHANTOM not in collections:
        raise VerificationFailed(f"The collection {PHANTOM} is not in the server's answer.")
    say(f"Collections: {', '.join(collections)}")
    for series in client.series(collection=PHANTOM):
        size = human_size(series.file_size or 0)
        say(f"  {series.modality:<4} {series.image_count:>3} images  {size:>10}  {series.series_desc}")


def _what_next(url: str, folder: Path) -> None:
    say(
        f"""
Now try this.

  In a browser      {url}        API page: {url}/docs

  In another shell  export FILMROOM_SERVER={url}
                    {_command()} series --collection {PHANTOM}
                    {_command()} download --collection {PHANTOM} --to phantom
                    {_command()} verify phantom

  In Python         from filmroom import Client
                    client = Client("{url}")
                    client.download(client.series(modality="MR"), "mr")

The archive lies in {folder}. End with Ctrl-C."""
    )
    sys.stdout.flush()


def _command() -> str:
    """How a person calls this program from where they are."""
    if shutil.which("filmroom"):
        return "filmroom"
    return os.path.relpath(Path(sys.executable).with_name("filmroom"))


def _serve_on(server: subprocess.Popen[str]) -> None:
    """Stay until the server ends or a person ends it."""

    def stop(_signal: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        code = server.wait()
    except KeyboardInterrupt:
        _end(server)
        remark("Ended.")
        return
    raise FilmroomError(f"The server ended by itself with exit code {code}.")


def _end(server: subprocess.Popen[str]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(timeout=40)
        except subprocess.TimeoutExpired:
            server.kill()


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("demo", epilog=_EPILOG)(demo)
