"""The client: typed questions to an NBIA server, and downloads from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from filmroom.client.connection import Connection
from filmroom.client.download import Download, PlannedSeries, SeriesLike, listed
from filmroom.client.question import Blocking, Request, Steps, begin, go_on
from filmroom.client.questions import Questions
from filmroom.client.report import DownloadReport, Progress
from filmroom.client.sources.choose import Sources
from filmroom.client.transfer import SeriesRequest
from filmroom.errors import InvalidInput
from filmroom.net.retry import RetryPolicy
from filmroom.wire.operations import find_operation

Api = Literal["v1", "v4"]
R = TypeVar("R")


class Client(Questions, Blocking):
    """Speaks to one NBIA server: the public TCIA service, or any other, such as ``filmroom serve``.

    :param base_url: the server's root, with or without ``/nbia-api/services/v4``; default: the setting
        ``FILMROOM_SERVER``, else the public TCIA service.
    :param api: version of the NBIA API to speak.
    :param workers: series fetched at once by :meth:`download`.
    :param timeout: seconds without a single byte after which an answer is given up.
    :param retry: how patient to be with a busy or failing server.
    :param login: account to ask as, with its ``password``. :param token: an access token, instead of both.
    :param proxies: see :class:`~filmroom.client.connection.Connection`.

    A client may be shared among threads. Every method raises :class:`~filmroom.errors.ServerUnreachable`,
    :class:`~filmroom.errors.ServerError`, :class:`~filmroom.errors.AccessDenied` or
    :class:`~filmroom.errors.BadAnswer` when the server cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api: Api = "v4",
        workers: int = 8,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        if api not in {"v1", "v4"}:
            raise InvalidInput(f"There is no API version {api!r}; known are v1 and v4.")
        if workers < 1:
            raise InvalidInput("A client needs at least one worker.")
        self._api = api
        self.workers = workers
        self.connection = Connection(
            base_url,
            connections=workers,
            timeout=timeout,
            policy=retry,
            login=login,
            password=password,
            token=token,
            proxies=proxies,
        )

    def __repr__(self) -> str:
        return f"Client({self.base_url!r}, api={self.api!r})"

    @property
    def api(self) -> str:
        """Version of the NBIA API that is spoken."""
        return self._api

    @property
    def base_url(self) -> str:
        """Root of the server."""
        return self.connection.root

    @property
    def has_login(self) -> bool:
        """Whether the client asks as somebody."""
        return self.connection.has_login

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # downloads --------------------------------------------------------------------------------------
    def plan(
        self,
        series: SeriesLike,
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        overwrite: bool = False,
    ) -> list[PlannedSeries]:
        """Return what a download would do, without writing anything."""
        return self._download(path, None, None, overwrite).plan(listed(series))

    def download(
        self,
        series: SeriesLike,
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        overwrite: bool = False,
    ) -> DownloadReport:
        """Fetch series into ``path``, one folder each, every file checked.

        What is there and whole is skipped; what an earlier call left unfinished is continued. A series
        appears in its folder only when number, bytes and MD5 of all its files are right.

        :param series: a UID, a record of :meth:`series`, or many of them.
        :param progress: called with a :class:`Progress`, from other threads, one call at a time.
        :param overwrite: fetch also what is there already.
        :return: what became of each series. A series that fails does not stop the others and raises
            nothing; see :meth:`DownloadReport.raise_for_failures`.
        :raises InvalidInput: for something that is no series.
        :raises StoreFull, StoreError: when the disk is too small or cannot be written.
        """
        return self._download(path, workers, progress, overwrite).run(listed(series))

    def archive_request(self, series_instance_uid: str) -> SeriesRequest:
        """Return how the archive of a series is asked for: with licence and MD5 in v4, with MD5 in v1."""
        if self.api == "v4":
            operation = find_operation("v4", "getImage")
            wanted: dict[str, Any] = {"new_file_names": True, "include_md5": True}
        else:
            operation, wanted = find_operation("v1", "getImageWithMD5Hash"), {}
        wanted["series_instance_uid"] = series_instance_uid
        params = {
            parameter.name: parameter.kind.form.write(wanted[parameter.field])
            for parameter in operation.parameters
        }
        return SeriesRequest(operation.path, params)

    def instance_request(self, series_instance_uid: str, sop_instance_uid: str) -> SeriesRequest:
        """Return how one object is asked for."""
        operation = find_operation(self.api, "getSingleImage")
        wanted = {"series_instance_uid": series_instance_uid, "sop_instance_uid": sop_instance_uid}
        return SeriesRequest(
            operation.path, {parameter.name: wanted[parameter.field] for parameter in operation.parameters}
        )

    def _download(
        self,
        path: str | os.PathLike[str],
        workers: int | None,
        progress: Callable[[Progress], None] | None,
        overwrite: bool,  # noqa: FBT001 - private, passed on
    ) -> Download:
        number = self.workers if workers is None else workers
        if number < 1:
            raise InvalidInput("A download needs at least one worker.")
        target = Path(path).expanduser()
        return Download(Sources(self), target, workers=number, overwrite=overwrite, progress=progress)

    def _run(self, steps: Steps[R]) -> R:
        """Ask what a question requests, until it has its result."""
        step = begin(steps)
        while isinstance(step, Request):
            step = go_on(steps, step, self.connection.ask(step))
        return step.result
