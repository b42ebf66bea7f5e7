"""Bodies come from the socket in pieces large enough to be cheap."""

from __future__ import annotations

import socket
import threading

from filmroom.client.connection import Connection

_BODY = 4 << 20


def _send(listener: socket.socket, sent: threading.Event) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.recv(1 << 16)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _BODY + bytes(512 * 1024))
        sent.set()
        peer.sendall(bytes(_BODY - 512 * 1024))


def test_a_large_body_is_read_in_large_pieces() -> None:
    with socket.socket() as listener:
        # The kernel holds as much before anybody reads.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 << 20)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sent = threading.Event()
        sender = threading.Thread(target=_send, args=(listener, sent))
        sender.start()
        connection = Connection(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with connection.stream("/body", {}) as response:
            assert sent.wait(30)
            pieces = [len(piece) for piece in response.iter_raw()]
        sender.join()
        connection.close()
    assert sum(pieces) == _BODY
    assert max(pieces) > 64 * 1024
