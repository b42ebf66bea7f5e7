"""HTTP load over kept raw sockets: one thread, and bodies that Linux drops in the kernel (MSG_TRUNC)."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

_LIBC = ctypes.CDLL(None, use_errno=True)
_RECV = _LIBC.recv
_RECV.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_RECV.restype = ctypes.c_ssize_t
_MOST = 4 << 20


def drop(connection: socket.socket, most: int) -> int:
    """Receive and drop bytes; -1: none there yet. Where the kernel cannot drop, they are read."""
    if sys.platform != "linux":
        try:
            return len(connection.recv(min(most, 1 << 20)))
        except BlockingIOError:
            return -1
    count = int(_RECV(connection.fileno(), None, min(most, _MOST), socket.MSG_TRUNC))
    if count < 0:
        code = ctypes.get_errno()
        if code in {11, 4}:
            return -1
        raise OSError(code, os.strerror(code))
    return count


@dataclass(slots=True)
class Outcome:
    """What was received: ``size`` in bytes of bodies, ``requests`` answered, ``seconds``."""

    size: int = 0
    requests: int = 0
    seconds: float = 0.0


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    head: bytes = b""
    left: int = -1  # bytes of the body still to come; -1: in the head
    until_closed: bool = False
    chunks: bytes | None = None  # of a chunked body: the line that is being read
    began: float = field(default_factory=time.monotonic)


class Load:
    """Asks ``port`` of this machine for ``paths`` in turn, over some connections, for some seconds."""

    def __init__(self, port: int, paths: Sequence[str], connections: int, headers: str = "") -> None:
        self._port = port
        self._requests = cycle(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode() for path in paths
        )
        self._count = connections
        self._poll = select.epoll()
        self._by_number: dict[int, _Connection] = {}
        self.outcome = Outcome()

    def run(self, seconds: float, requests: int = sys.maxsize) -> Outcome:
        """Ask until the time is over or so many answers have come; answers that are begun are finished."""
        began = time.monotonic()
        end = began + seconds
        for _ in range(self._count):
            self._open()
        outcome = self.outcome
        while self._by_number:
            for descriptor, _ in self._poll.poll(60) or _stalled():
                connection = self._by_number[descriptor]
                if self._receive(connection):
                    outcome.requests += 1
                    if time.monotonic() >= end or outcome.requests > requests - len(self._by_number):
                        self._close(connection)
                    elif connection.until_closed:
                        self._close(connection)
                        self._open()
                    else:
                        self._ask(connection)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _open(self) -> None:
        connection = _Connection(socket.create_connection(("127.0.0.1", self._port)))
        self._by_number[connection.socket.fileno()] = connection
        self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        self._ask(connection)
        connection.socket.setblocking(False)

    def _close(self, connection: _Connection) -> None:
        self._poll.unregister(connection.socket.fileno())
        del self._by_number[connection.socket.fileno()]
        connection.socket.close()

    def _ask(self, connection: _Connection) -> None:
        connection.head, connection.left = b"", -1
        connection.socket.sendall(next(self._requests))

    def _receive(self, connection: _Connection) -> bool:
        """Take what has come; tell whether the answer is complete."""
        if connection.left < 0:
            piece = connection.socket.recv(8192)
            if not piece:
                raise ConnectionError("The server closed the connection before it answered.")
            connection.head += piece
            if b"\r\n\r\n" not in connection.head:
                return False
            self._read_head(connection)
            return not connection.until_closed and connection.left == 0
        if connection.chunks is not None:
            return self._receive_chunks(connection)
        for _ in range(8):  # then the others have their turn
            count = drop(connection.socket, _MOST if connection.until_closed else connection.left)
            if count < 0:
                return False
            if count == 0:
                if connection.until_closed:
                    return True
                raise ConnectionError("The server closed the connection inside a body.")
            self.outcome.size += count
            if not connection.until_closed:
                connection.left -= count
                if connection.left == 0:
                    return True
        return False

    def _read_head(self, connection: _Connection) -> None:
        fields, _, rest = connection.head.partition(b"\r\n\r\n")
        status = fields.split(b" ", 2)[1]
        if status != b"200":
            raise RuntimeError(f"Status {status.decode()}: {rest[:200]!r}")
        lowered = fields.lower()
        self.outcome.size += len(rest)
        if b"\r\ncontent-length:" in lowered:
            length = int(lowered.partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0])
            connection.left = length - len(rest)
        elif b"\r\ntransfer-encoding: chunked" in lowered:
            connection.left, connection.chunks = 1, rest
        else:
            connection.left, connection.until_closed = 1, True

    def _receive_chunks(self, connection: _Connection) -> bool:
        # Only the end has to be found; the peers' chunked bodies are not dropped in the kernel.
        piece = connection.socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("The server closed the connection inside a chunked body.")
        self.outcome.size += len(piece)
        tail = ((connection.chunks or b"")[-7:] + piece)[-7:]
        connection.chunks = tail
        if tail.endswith(b"\r\n0\r\n\r\n"):
            connection.chunks = None
            return True
        return False


def _stalled() -> list[tuple[int, int]]:
    raise TimeoutError("No byte has come for a minute.")


def load(port: int, paths: Sequence[str], connections: int, seconds: float, headers: str = "") -> Outcome:
    """Measure for some seconds."""
    return Load(port, paths, connections, headers).run(seconds)
