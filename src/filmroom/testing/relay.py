"""A TCP relay that breaks connections where a test says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType


class Relay:
    """Passes bytes between clients and one service, in threads; a context manager.

    :ivar url: address to give to clients.
    :ivar cuts: for each connection to come, after how many bytes of answers it is cut (None: never).
    :ivar connections: how many there were.
    :ivar before_cut: called when all bytes before a cut were passed on and none behind it.
    :ivar is_down: whether every new connection is closed at once.

    :param target: address of the service, ``http://host:port``.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts: list[int | None] = []
        self.connections = 0
        self.before_cut: Callable[[], object] = lambda: None
        self.is_down = False

    def __enter__(self) -> Relay:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.is_down:
                client.close()
                continue
            limit = self.cuts.pop(0) if self.cuts else None
            threading.Thread(target=self._serve, args=(client, limit), daemon=True).start()

    def _serve(self, client: socket.socket, limit: int | None) -> None:
        with client, socket.create_connection(self._target) as service:
            there = threading.Thread(target=_pass_on, args=(client, service), daemon=True)
            there.start()
            _pass_on(service, client, limit, self.before_cut)
            there.join()


def _pass_on(
    source: socket.socket,
    target: socket.socket,
    limit: int | None = None,
    before_cut: Callable[[], object] = lambda: None,
) -> None:
    """Copy until one end closes or so many bytes have passed; then close both."""
    passed = 0
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            if limit is not None and passed + len(data) > limit:
                target.sendall(data[: limit - passed])
                before_cut()
                break
            target.sendall(data)
            passed += len(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
