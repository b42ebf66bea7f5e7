"""The client of event loops: the same questions, many at once, cancelled, at servers that are overrun."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import inspect
import json
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from filmroom import AsyncClient, Client, errors
from filmroom.catalog import Catalog
from filmroom.catalog.schema_access import token
from filmroom.client import DownloadReport, Progress, verify
from filmroom.client.questions import Questions
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant
from filmroom.net.retry import RetryPolicy
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_files

HASTY = RetryPolicy(attempts=4, first_wait=0.01, longest_wait=0.05)


def public(of: type) -> set[str]:
    return {name for name in dir(of) if not name.startswith("_")}


def test_both_clients_have_the_same_surface() -> None:
    assert public(AsyncClient) - public(Client) == set()
    # What downloads ask of a client, which are in threads.
    inner = {"archive_of", "archive_request", "at", "instance_request"}
    assert public(Client) - public(AsyncClient) == inner
    for name in sorted(public(Client) & public(AsyncClient)):
        one, other = inspect.getattr_static(Client, name), inspect.getattr_static(AsyncClient, name)
        if callable(one):
            assert inspect.signature(one) == inspect.signature(other), name
            assert inspect.getdoc(one), name
            assert name == "close" or inspect.getdoc(one) == inspect.getdoc(other), name
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    assert {name for name in public(Questions) if inspect.isfunction(getattr(Questions, name))} <= public(
        Client
    )


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("collections", {}),
    ("modalities", {"collection": "Demo-MR"}),
    ("body_parts", {}),
    ("manufacturers", {"collection": "Demo-CT"}),
    ("patients", {"collection": "Large"}),
    ("patients", {"collection": "Large", "modality": "CT"}),
    ("studies", {"collection": "Large"}),
    ("series", {}),
    ("series", {"modality": "CT"}),
    ("updated_series", {"since": dt.date(2020, 1, 1)}),
    ("new_patients", {"collection": "Large", "since": dt.date(2020, 1, 1)}),
    ("new_studies", {"collection": "Large", "since": dt.date(2020, 1, 1)}),
    ("series_size", {"series_instance_uid": "1.2.826.0.1.3680043.10.999.1"}),
    ("instances", {"series_instance_uid": "1.2.826.0.1.3680043.10.999.1"}),
    ("series_metadata", {"series_instance_uid": "1.2.826.0.1.3680043.10.999.1"}),
    ("digest", {"sop_instance_uid": "1.2.826.0.1.3680043.10.999.1.1"}),
)


@pytest.mark.parametrize("api", ["v4", "v1"])
def test_both_are_answered_alike(real: Any, api: Any) -> None:
    async def ask() -> list[Any]:
        async with AsyncClient(real.url, api=api) as client:
            return await asyncio.gather(*(getattr(client, name)(**how) for name, how in ASKED))

    with Client(real.url, api=api) as client:
        expected = [getattr(client, name)(**how) for name, how in ASKED]
    assert asyncio.run(ask()) == expected
    assert all(expected)


def test_a_hundred_questions_at_once(real: Any) -> None:
    async def ask() -> tuple[list[int], list[str]]:
        async with AsyncClient(real.url) as client:
            many = await asyncio.gather(*(client.series(collection="Demo-CT") for _ in range(100)))
            return [len(each) for each in many], await client.collections()

    counts, collections = asyncio.run(ask())
    assert len(set(counts)) == 1 and counts[0] > 1
    assert collections == ["Demo-CT", "Demo-MR", "Large"]


def test_errors_are_those_of_the_other_client(real: Any) -> None:
    async def ask() -> None:
        async with AsyncClient(real.url) as client:
            with pytest.raises(errors.NotFound):
                await client.series_size("9.9.9")
            with pytest.raises(errors.InvalidInput):
                await client.instances("not a UID")
            with pytest.raises(errors.InvalidInput):
                await client.patients(modality="CT")

    asyncio.run(ask())
    for wrong in ({"api": "v9"}, {"workers": 0}, {"login": "alice"}, {"base_url": "ftp://x"}):
        with pytest.raises(errors.InvalidInput):
            AsyncClient(**wrong)


# a server that is overrun -----------------------------------------------------------------------------
@dataclass
class Overrun:
    """Answers tables, after taking one of ``faults`` off the front: a status, ``reset`` or ``hang``."""

    faults: list[str] = field(default_factory=list)
    url: str = ""
    asked: int = 0
    open: int = 0
    most: int = 0
    patient: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.open += 1
                self.most = max(self.most, self.open)
                try:
                    await self._answer(writer)
                finally:
                    self.open -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        fault = self.faults.pop(0) if self.faults else ""
        body = json.dumps([{"Collection": "A"}]).encode()
        if fault == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionError
        if fault == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + body)
            writer.write_eof()
            raise ConnectionError
        if fault == "hang":
            await self.patient.wait()
        status = fault if fault.isdigit() else "200"
        head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nRetry-After: 0\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()


@contextlib.asynccontextmanager
async def overrun(*faults: str) -> AsyncIterator[Overrun]:
    state = Overrun(list(faults))
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield state
        state.patient.set()
        await asyncio.gather(*filter(None, state.tasks))


@pytest.mark.parametrize("fault", ["429", "503", "502", "reset", "half"])
def test_bursts_of_failures_are_waited_out(fault: str) -> None:
    async def ask() -> None:
        # No question can meet more of them than it has attempts.
        async with overrun(*[fault] * 3) as server, AsyncClient(server.url, retry=HASTY) as client:
            many = await asyncio.gather(*(client.collections() for _ in range(30)))
            assert many == [["A"]] * 30
            assert server.asked == 33

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("fault", "error"),
    [("503", errors.ServerError), ("500", errors.ServerError), ("reset", errors.IncompleteTransfer)],
)
def test_patience_ends(fault: str, error: type[Exception]) -> None:
    async def ask() -> None:
        async with overrun(*[fault] * 4) as server, AsyncClient(server.url, retry=HASTY) as client:
            with pytest.raises(error):
                await client.collections()
            server.faults.clear()
            assert await client.collections() == ["A"]

    asyncio.run(ask())


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def ask() -> None:
            async with AsyncClient(address, retry=HASTY) as client:
                with pytest.raises(errors.ServerUnreachable):
                    await client.collections()

        asyncio.run(ask())


def test_no_more_than_the_limit_at_once() -> None:
    async def ask() -> None:
        async with overrun(*["hang"] * 5) as server, AsyncClient(server.url, workers=5) as client:
            tasks = [asyncio.create_task(client.collections()) for _ in range(100)]
            while server.open < 5:
                await asyncio.sleep(0)
            server.patient.set()
            assert await asyncio.gather(*tasks) == [["A"]] * 100
            assert server.most == 5

    asyncio.run(ask())


def test_a_cancelled_question_leaves_the_pool_sound() -> None:
    async def ask() -> None:
        async with overrun(*["hang"] * 4) as server, AsyncClient(server.url, workers=4) as client:
            for _ in range(5):
                # Four are under way, the others wait for their turn.
                server.faults[:] = ["hang"] * 4
                tasks = [asyncio.create_task(client.collections()) for _ in range(10)]
                before = server.asked
                while server.asked < before + 4:
                    await asyncio.sleep(0)
                for each in tasks:
                    each.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(each) for each in ended} == {asyncio.CancelledError}
            server.patient.set()
            server.faults.clear()
            assert await asyncio.gather(*(client.collections() for _ in range(20))) == [["A"]] * 20

    asyncio.run(asyncio.wait_for(ask(), 60))


def test_a_proxy_is_asked_instead(real: Any) -> None:
    async def ask() -> list[str]:
        # A server that is asked as a proxy answers for its own paths: the request went through it.
        async with AsyncClient("http://archive.invalid", proxies={"http": real.url}) as client:
            return await client.collections()

    assert asyncio.run(ask()) == ["Demo-CT", "Demo-MR", "Large"]


# logged in ----------------------------------------------------------------------------------------------
def test_one_token_for_all_who_ask(tmp_path: Path) -> None:
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest_paths(address, sample_files("Demo-MR"), IngestOptions(Rules(collection="Shut"), 1))
    with Catalog.open(address.database_url) as catalog:
        catalog.set_collection("Shut", access="restricted")
        catalog.accounts().add("alice", "correct horse battery")
        catalog.grants().add(Grant("Shut", None, Role.READ.value, user="alice"))

        def issued() -> int:
            with catalog._database.reading() as connection:
                return connection.scalar(sa.select(sa.func.max(token.c.id))) or 0

        def age() -> None:
            with catalog._database.writing() as connection:
                old = {"expires": dt.datetime(2020, 1, 1)}
                connection.execute(sa.update(token).where(token.c.kind == "access").values(**old))

        async def ask(url: str) -> None:
            async with AsyncClient(url, login="alice", password="correct horse battery") as client:
                assert await asyncio.gather(*(client.collections() for _ in range(40))) == [["Shut"]] * 40
                assert issued() == 2  # an access and a refresh token
                await asyncio.to_thread(age)
                assert await asyncio.gather(*(client.collections() for _ in range(40))) == [["Shut"]] * 40
                assert issued() == 4
                report = await client.download(await client.series(), tmp_path / "got")
                report.raise_for_failures()
                assert issued() == 4  # downloads ask with the same tokens
            async with AsyncClient(url, login="alice", password="wrong", retry=HASTY) as client:
                asked = (client.collections() for _ in range(20))
                refused = await asyncio.gather(*asked, return_exceptions=True)
                assert {type(each) for each in refused} == {errors.AccessDenied}
            # Twenty refusals would have locked the account.
            async with AsyncClient(url, login="alice", password="correct horse battery") as client:
                assert await client.collections() == ["Shut"]

        with running_server(address) as url:
            asyncio.run(ask(url))


# downloads ----------------------------------------------------------------------------------------------
def test_a_download_and_its_progress(real: Any, tmp_path: Path) -> None:
    async def fetch() -> tuple[list[Progress], DownloadReport, DownloadReport]:
        async with AsyncClient(real.url) as client:
            series = await client.series(collection="Demo-CT")
            planned = await client.plan(series, tmp_path)
            assert len(planned) == len(series)
            download = client.download(series, tmp_path)
            states = [state async for state in download]
            return states, await download, await client.download(series, tmp_path)

    states, report, again = asyncio.run(fetch())
    report.raise_for_failures()
    assert [state.finished for state in states if state.finished] != []
    assert {state.finished for state in states if state.finished} == set(report.results)
    assert states[-1].series_done == states[-1].series_total == len(report.ok)
    assert {each.status for each in again.results} == {"skipped"}
    assert verify(tmp_path).ok


@pytest.mark.parametrize("how", ["await", "loop", "break"])
def test_a_cancelled_download_is_continued(old_nbia: Any, large: Any, tmp_path: Path, how: str) -> None:
    old_nbia.delay = 0.002

    async def fetch() -> None:
        client = AsyncClient(old_nbia.url, retry=HASTY)
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def told(state: Progress) -> None:
            if state.bytes_done > 100_000:
                loop.call_soon_threadsafe(begun.set)

        download = client.download(large.uid, tmp_path, progress=told)

        async def follow() -> None:
            async for state in download:
                if how == "break" and state.bytes_done > 100_000:
                    break

        async def wait() -> None:
            await download

        task = asyncio.create_task(wait() if how == "await" else follow())
        if how == "break":
            await task
            await asyncio.get_running_loop().shutdown_asyncgens()
        else:
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await client.close()

    asyncio.run(fetch())
    assert not (tmp_path / large.uid).exists()
    old_nbia.delay = 0.0
    with Client(old_nbia.url) as client:
        report = client.download(large.uid, tmp_path)
    report.raise_for_failures()
    assert report.results[0].resumed_bytes > 0
    assert verify(tmp_path).ok
