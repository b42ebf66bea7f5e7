"""Many clients that ask different things at once, each over a connection of its own: latencies and errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Request = tuple[str, str, bytes]
"""Method, path, form."""

_DROPPED_AT_ONCE = 1 << 20


@dataclass(slots=True)
class Answers:
    """What one kind of client saw: seconds to the end of each answer, and errors in words."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    size: int = 0

    def percentile(self, part: float) -> float:
        """Return the seconds within which this part of the answers was there."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def _answer(reader: asyncio.StreamReader, until: Callable[[], bool]) -> tuple[int, int] | None:
    """Read one answer; return its status and the bytes of its body, None when time is over before its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"\r\ncontent-length:" in head:
        size = left = int(head.partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0])
        while left:
            left -= len(await reader.readexactly(min(left, _DROPPED_AT_ONCE)))
        return status, size
    size = 0
    while length := int(await reader.readuntil(b"\r\n"), 16):
        size += length
        left = length + 2
        if until():
            return None
        while left:
            left -= len(await reader.readexactly(min(left, _DROPPED_AT_ONCE)))
    await reader.readexactly(2)
    return status, size


async def _client(
    port: int, requests: Iterable[Request], headers: str, until: Callable[[], bool], into: Answers
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        for method, path, form in requests:
            if until():
                return
            kind = "Content-Type: application/x-www-form-urlencoded\r\n" if method == "POST" else ""
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{kind}"
            head += f"Content-Length: {len(form)}\r\n" if form else ""
            began = time.perf_counter()
            writer.write(f"{head}\r\n".encode() + form)
            answer = await _answer(reader, until)
            if answer is None:
                return
            status, size = answer
            into.seconds.append(time.perf_counter() - began)
            into.size += size
            if status != 200:
                into.errors.append(f"{path}: status {status}")
    except (OSError, EOFError, ValueError) as error:
        into.errors.append(repr(error))
    finally:
        writer.close()


def run(
    port: int,
    clients: Sequence[tuple[str, Iterable[Request]]],
    until: Callable[[], bool],
    headers: str = "",
) -> dict[str, Answers]:
    """Let the clients ask, each one request after the other, until ``until`` says so; return answers by kind.

    :param clients: kind and requests of each.
    """
    found: dict[str, Answers] = {kind: Answers() for kind, _ in clients}

    async def all_of_them() -> None:
        await asyncio.gather(
            *(_client(port, requests, headers, until, found[kind]) for kind, requests in clients)
        )

    asyncio.run(all_of_them())
    return found
