"""A relay between an HTTP client and its server that makes things go wrong, by a seeded schedule.

It forwards requests and answers byte by byte, but for those that the schedule spoils: error statuses,
connections reset before, during or after a request, answers that end early, arrive late or arrive changed.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal[
    "error-500", "slow-down", "refuse", "cut-upload", "lose-answer", "reset", "truncate", "delay", "corrupt"
]

FAULTS: dict[Fault, str] = {
    "error-500": "500 InternalError in place of an answer",
    "slow-down": "503 SlowDown in place of an answer",
    "refuse": "connection reset when the request comes",
    "cut-upload": "connection reset in the middle of the request's body",
    "lose-answer": "request done, connection reset before its answer",
    "reset": "connection reset in the middle of the answer's body",
    "truncate": "connection closed in the middle of the answer's body",
    "delay": "the answer is late",
    "corrupt": "a bit of the answer's body is flipped",
}

_STATUS: dict[Fault, tuple[int, str, str]] = {
    "error-500": (500, "Internal Server Error", "InternalError"),
    "slow-down": (503, "Slow Down", "SlowDown"),
}
_PIECE = 64 << 10
_TIMEOUT = 60.0


@dataclass
class Schedule:
    """Which requests are spoiled, and how: a share ``rate`` of them, by one of ``faults``.

    The same seed gives the same sequence. ``done`` counts what was done. ``delay`` is in seconds.
    """

    seed: int
    rate: float
    faults: Sequence[Fault] = tuple(fault for fault in FAULTS if fault != "corrupt")
    delay: float = 0.3
    done: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._lock = threading.Lock()

    def next(self) -> Fault | None:
        """Return what is to happen to the next request."""
        with self._lock:
            self.requests += 1
            if self._chance.random() >= self.rate:
                return None
            fault = self._chance.choice(self.faults)
            self.done[fault] += 1
            return fault


class _Broken(Exception):
    """The connection is to be given up; ``reset``: abruptly."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class _Stream:
    """A socket that is read in lines and pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._rest = b""

    def head(self) -> bytes:
        """Return the bytes up to the empty line; nothing when the other side closed."""
        while b"\r\n\r\n" not in self._rest:
            piece = self.socket.recv(_PIECE)
            if not piece:
                return b""
            self._rest += piece
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def body(self, head: bytes) -> Iterator[bytes]:
        """Yield the body as it travels, framing included."""
        length = _header(head, b"content-length")
        if b"chunked" in _header(head, b"transfer-encoding").lower():
            yield from self._chunked()
        elif length:
            yield from self._exactly(int(length))

    def to_the_end(self) -> Iterator[bytes]:
        """Yield everything until the other side closes."""
        piece, self._rest = self._rest, b""
        while piece or (piece := self.socket.recv(_PIECE)):
            yield piece
            piece = b""

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self._rest[:length] or self.socket.recv(min(_PIECE, length))
            self._rest = self._rest[len(piece) :]
            if not piece:
                raise _Broken(reset=False)
            length -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while True:
            while b"\r\n" not in self._rest:
                piece = self.socket.recv(_PIECE)
                if not piece:
                    raise _Broken(reset=False)
                self._rest += piece
            line, _, self._rest = self._rest.partition(b"\r\n")
            yield line + b"\r\n"
            size = int(line.split(b";")[0], 16)
            yield from self._exactly(size + 2)
            if size == 0:
                return


class FaultyRelay:
    """The relay; as a context manager it listens on a free port of this machine.

    :param target: the server's address, ``http://host:port``.
    :ivar schedule: may be replaced at any time; None forwards everything.
    """

    def __init__(self, target: str, schedule: Schedule | None = None) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.schedule = schedule
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="faulty-relay", daemon=True)

    @property
    def url(self) -> str:
        """The address to give to the client."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> FaultyRelay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed: the end
            connection.settimeout(_TIMEOUT)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reset = False
        try:
            with socket.create_connection(self._target, timeout=_TIMEOUT) as upstream:
                with self._lock:
                    self._open |= {connection, upstream}
                client, server = _Stream(connection), _Stream(upstream)
                while head := client.head():
                    self._exchange(head, client, server)
        except _Broken as broken:
            reset = broken.reset
        except OSError:
            reset = True  # either side is gone: so is the other
        finally:
            with self._lock:
                self._open = {each for each in self._open if each is not connection and each.fileno() >= 0}
            if reset:
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def _exchange(self, head: bytes, client: _Stream, server: _Stream) -> None:
        """Forward one request and its answer, or spoil them. :raises _Broken: to end the connection."""
        schedule = self.schedule
        fault = schedule.next() if schedule is not None else None
        if fault == "refuse":
            raise _Broken(reset=True)
        if fault in _STATUS:
            for _ in client.body(head):
                pass
            client.socket.sendall(_error_answer(fault))
            return
        _forward_request(head, client, server, cut=fault == "cut-upload")
        answer = server.head()
        if not answer:
            raise _Broken(reset=False)
        if fault == "lose-answer":
            raise _Broken(reset=True)
        if fault == "delay" and schedule is not None:
            time.sleep(schedule.delay)
        client.socket.sendall(answer)
        _forward_answer(head, answer, client, server, fault)


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _error_answer(fault: Fault) -> bytes:
    status, reason, code = _STATUS[fault]
    body = f"<Error><Code>{code}</Code><Message>As the schedule says.</Message></Error>".encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _forward_request(head: bytes, client: _Stream, server: _Stream, *, cut: bool) -> None:
    server.socket.sendall(head)
    length = int(_header(head, b"content-length") or 0)
    sent = 0
    for piece in client.body(head):
        server.socket.sendall(piece)
        sent += len(piece)
        if cut and sent >= length // 2:
            break
    if cut:
        # Closing shows the server a request that ends early.
        server.socket.shutdown(socket.SHUT_RDWR)
        raise _Broken(reset=True)


def _forward_answer(
    head: bytes, answer: bytes, client: _Stream, server: _Stream, fault: Fault | None
) -> None:
    status = int(answer.split(b" ", 2)[1])
    if head.startswith(b"HEAD ") or status in {204, 304} or status < 200:
        return
    length = int(_header(answer, b"content-length") or 0)
    framed = _header(answer, b"content-length") or _header(answer, b"transfer-encoding")
    sent = 0
    for piece in server.body(answer) if framed else server.to_the_end():
        data = piece
        if fault == "corrupt" and sent == 0:
            middle = len(piece) // 2
            data = piece[:middle] + bytes([piece[middle] ^ 1]) + piece[middle + 1 :]
        if fault in {"reset", "truncate"} and sent + len(piece) > length // 2:
            client.socket.sendall(data[: max(0, length // 2 - sent)])
            raise _Broken(reset=fault == "reset")
        client.socket.sendall(data)
        sent += len(piece)
    if not framed:
        raise _Broken(reset=False)
