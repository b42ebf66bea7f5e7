"""A link with a long way: a relay that hands every byte on so many milliseconds after it came.

    python bench/far_link.py HOST:PORT MILLISECONDS    # prints its own port; ends with its standard input

A round trip takes the milliseconds once more; so does opening a connection. Its bandwidth is not limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 18


@contextlib.contextmanager
def far_link(port: int, milliseconds: float) -> Iterator[str]:
    """Run the relay in a process of its own before a service of this machine, and give its URL."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), f"127.0.0.1:{port}", str(milliseconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


async def _carry(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float, opened: float
) -> None:
    """Hand bytes on half a round trip after they came, and none before the connection would be open."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=4096)

    async def deliver() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    target.write_eof()
                    return
                target.write(data)
                await target.drain()

    delivering = asyncio.create_task(deliver())
    with contextlib.suppress(ConnectionError):
        while data := await source.read(_PIECE):
            await under_way.put((max(time.monotonic(), opened) + delay, data))
    await under_way.put((time.monotonic() + delay, b""))
    await delivering


async def _relay(host: str, port: int, round_trip: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = time.monotonic() + round_trip
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(
            _carry(reader, back, round_trip / 2, opened), _carry(there, writer, round_trip / 2, opened)
        )
        for end in (back, writer):
            end.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)
        os._exit(0)  # what is under way is of nobody's interest any more


if __name__ == "__main__":
    _host, _, _port = sys.argv[1].partition(":")
    asyncio.run(_relay(_host, int(_port), float(sys.argv[2]) / 1000))
