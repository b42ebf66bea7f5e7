"""The programs beside which Filmroom is measured: where they come from, and how they run on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import Server, free_port, present, server

ORTHANC = "Orthanc (Debian: apt-get install --no-install-recommends orthanc)"
DICOMWEB = "Orthanc's DICOMweb plugin (Debian: apt-get install --no-install-recommends orthanc-dicomweb)"
NGINX = "nginx (Debian: apt-get install --no-install-recommends nginx-light)"
WGET = "wget (Debian: apt-get install wget)"
CURL = "curl (Debian: apt-get install curl)"
TCIA_UTILS = "tcia_utils==3.3.5"
NBIATOOLKIT = "nbiatoolkit==1.3.1"

_DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def orthanc() -> str | None:
    """Return Orthanc's program."""
    return present("Orthanc")


def has_dicomweb() -> bool:
    """Whether Orthanc's DICOMweb plugin is installed."""
    return _DICOMWEB_PLUGIN.exists()


@contextlib.contextmanager
def orthanc_server(program: str, folder: Path, *, dicomweb: bool = False) -> Iterator[Server]:
    """Run Orthanc with SQLite, uncompressed, reachable from this machine only."""
    port = free_port()
    settings = {
        "Name": "bench",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "StorageCompression": False,
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "KeepAlive": True,
        "TcpNoDelay": True,
        "HttpThreadsCount": 16,
        "Plugins": [str(_DICOMWEB_PLUGIN)] if dicomweb else [],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with server([program, folder / "orthanc.json"], port, "/system", cwd=folder) as started:
        yield started


def orthanc_version(started: Server) -> str:
    """Return the version of a running Orthanc."""
    connection = http.client.HTTPConnection("127.0.0.1", started.port)
    connection.request("GET", "/system")
    return str(json.load(connection.getresponse())["Version"])


def upload(started: Server, files: Sequence[Path], connections: int = 4) -> None:
    """Send files to Orthanc by REST over kept connections. :raises RuntimeError: when one is refused."""
    left = iter(files)
    lock = threading.Lock()
    failed: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", started.port)
        while not failed:
            with lock:
                path = next(left, None)
            if path is None:
                break
            connection.request("POST", "/instances", path.read_bytes(), {"Content-Type": "application/dicom"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(f"{path}: status {answer.status}")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"Orthanc refused {failed[0]}")


def orthanc_series(started: Server) -> dict[str, tuple[str, str]]:
    """Return Orthanc's identifier and the study of each series it holds, by Series Instance UID."""
    connection = http.client.HTTPConnection("127.0.0.1", started.port)

    def get(path: str) -> object:
        connection.request("GET", path)
        return json.load(connection.getresponse())

    found = {}
    studies: dict[str, str] = {}
    for entry in get("/series?expand"):  # type: ignore[attr-defined]
        parent = entry["ParentStudy"]
        if parent not in studies:
            study = get(f"/studies/{parent}")
            studies[parent] = study["MainDicomTags"]["StudyInstanceUID"]  # type: ignore[index]
        found[entry["MainDicomTags"]["SeriesInstanceUID"]] = (entry["ID"], studies[parent])
    return found


@contextlib.contextmanager
def nginx_server(program: str, folder: Path, root: Path) -> Iterator[Server]:
    """Run nginx with one worker, sending the files below ``root`` by sendfile."""
    port = free_port()
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir()
    paths = "".join(
        f"{name}_temp_path {folder / name.split('_')[0]};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ).replace(str(folder / "client"), str(folder / "body"))
    user = f"user {_user_name()};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"""daemon off; {user} worker_processes 1; pid {folder / "pid"}; error_log stderr;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; {paths}
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {root}; }} }}
"""
    )
    command = [program, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    with server(command, port) as started:
        yield started


def _user_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def cache_folder() -> Path:
    """Return the folder where peers from PyPI are kept between runs."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("filmroom-bench"))


def package(requirement: str, log: object = None) -> Path | None:
    """Return the Python of a virtual environment that has a package; None when it cannot be had."""
    folder = cache_folder() / requirement.replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True
        )
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement],
            check=True,
            capture_output=True,
            timeout=600,
        )
    except (subprocess.SubprocessError, OSError) as error:
        if callable(log):
            log(f"{requirement} cannot be installed: {error}")
        return None
    (folder / "complete").touch()
    return python
