"""Run the server: bind, announce, serve, end in order."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from filmroom import settings
from filmroom.catalog import Catalog
from filmroom.errors import ArchiveInUse, InvalidInput
from filmroom.server.app import ServerOptions, create_app
from filmroom.server.logs import configure_logging
from filmroom.server.metrics import MULTIPROCESS_VARIABLE
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store

_BACKLOG = 2048
_GRACE_SECONDS = 30
_READY_SECONDS = 60


def serve(
    address: ArchiveAddress,
    host: str,
    port: int,
    workers: int = 1,
    *,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve an archive until SIGINT or SIGTERM; make an empty archive where none is.

    :param port: 0 for any free one. :param announce: called once with the URL, when requests are answered.
    :raises ArchiveInUse: when the port is taken. :raises InvalidInput: for a host or setting that cannot be.
    """
    if workers < 1:
        raise InvalidInput("The number of workers must be at least 1.")
    # Everything that can be wrong is found before a socket is bound or a worker started.
    options = ServerOptions.from_settings()
    configure_logging(settings.get("log_format"), settings.get("log_level"))
    with Catalog.create(address.database_url) as catalog:
        if options.oidc is not None:
            import filmroom.server.oidc  # noqa: F401 - whether its extra is installed

            catalog.identities().check(options.oidc.admission)
    open_store(address.store_url)
    bound = bind(host, port)
    url = options.public_url or server_url(host, bound)
    say = announce or (lambda _url: None)
    with contextlib.closing(bound):
        if workers == 1:
            archive_server(address, options, lambda: say(url)).run(sockets=[bound])
        else:
            _serve_with_workers(address, bound, workers, options, lambda: say(url))


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    :raises ArchiveInUse: when the port is taken. :raises InvalidInput: when host or port cannot be used.
    """
    if not 0 <= port <= 65_535:
        raise InvalidInput(f"A port is a number from 0 to 65535, not {port}.")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise InvalidInput(f"There is no address {host!r} to listen on.") from None
    bound = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise ArchiveInUse(
                f"Port {port} of {host} is already in use.", advice="Choose another with --port."
            ) from None
        raise InvalidInput(f"Cannot listen on port {port} of {host}: {error.strerror}.") from None
    bound.setblocking(False)
    bound.set_inheritable(True)
    return bound


def server_url(host: str, bound: socket.socket) -> str:
    """Return the URL under which a person on this machine reaches the server."""
    port = bound.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return (
        f"http://[{shown}]:{port}" if ":" in shown and not shown.startswith("[") else f"http://{shown}:{port}"
    )


def archive_app(address: ArchiveAddress, options: ServerOptions) -> Starlette:
    """Return the application over an existing archive, which it closes when it ends."""
    catalog = Catalog.open(address.database_url)
    return create_app(catalog, open_store(address.store_url), options=options, on_close=catalog.close)


def archive_server(address: ArchiveAddress, options: ServerOptions, on_ready: Callable[[], None]) -> Server:
    """Return a server of one process over an existing archive; ``run(sockets=[…])`` starts it."""
    return Server(_config(archive_app(address, options), options), on_ready)


def _config(app: Any, options: ServerOptions, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        # Without a proxy in front, whoever sends X-Forwarded-For would choose the address that is logged.
        proxy_headers=bool(options.public_url),
        **more,
    )


class Server(uvicorn.Server):
    """Uvicorn's server, which says when it is ready and ends with success when it is asked to end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The original raises the signal again at the end, which would make an orderly end look like a kill.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handler: Callable[[int, FrameType | None], None] = self.handle_exit
        previous = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, before in previous.items():
                signal.signal(number, before)


# Several processes -----------------------------------------------------------------------------------


def worker_app() -> Starlette:
    """Return the application of one worker process; everything comes from its environment."""
    configure_logging(settings.get("log_format"), settings.get("log_level"))
    return archive_app(ArchiveAddress.resolve(), ServerOptions.from_settings())


def _serve_with_workers(
    address: ArchiveAddress,
    bound: socket.socket,
    workers: int,
    options: ServerOptions,
    on_ready: Callable[[], None],
) -> None:
    with tempfile.TemporaryDirectory(prefix="filmroom-metrics-") as metrics:
        environment = {
            "FILMROOM_DATA": str(address.data),
            "FILMROOM_DATABASE_URL": address.database_url,
            "FILMROOM_STORE_URL": address.store_url,
            MULTIPROCESS_VARIABLE: metrics,
        }
        with _environment(environment):
            config = _config("filmroom.server.run:worker_app", options, factory=True, workers=workers)
            supervisor = Multiprocess(config, sockets=[bound])
            threading.Thread(target=_wait_until_up, args=(bound, on_ready), daemon=True).start()
            supervisor.run()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _wait_until_up(bound: socket.socket, on_ready: Callable[[], None]) -> None:
    """Call ``on_ready`` when a worker answers; the socket accepts connections before one does."""
    import http.client

    name = bound.getsockname()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name[0], name[0])  # noqa: S104
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(host, name[1], timeout=5)
        try:
            connection.request("GET", "/up")
            if connection.getresponse().status == 200:
                on_ready()
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    logging.getLogger("filmroom.server").error("no worker answered within %d seconds", _READY_SECONDS)
