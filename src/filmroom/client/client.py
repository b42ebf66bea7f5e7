"""The client: typed questions to an NBIA server, and downloads from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, get_args

from filmroom.client.connection import Connection
from filmroom.client.credentials import Credentials, chosen_credentials
from filmroom.client.delivery import archive_request, instance_request
from filmroom.client.download import Download
from filmroom.client.planned import PlannedSeries, SeriesLike, listed
from filmroom.client.question import Blocking
from filmroom.client.questions import Questions
from filmroom.client.report import DownloadReport, Progress
from filmroom.client.servers import siblings
from filmroom.client.slide_fetching import SlideFetching
from filmroom.client.snapshot.opening import Chosen, opened, server_of
from filmroom.client.snapshot.sync import Sync, SyncProgress, SyncReport
from filmroom.client.sources.choose import SourceName, Sources, is_tcia
from filmroom.client.steps import Request, Steps, begin, fail, go_on
from filmroom.client.templates import Layout
from filmroom.client.transfer import SeriesRequest
from filmroom.errors import FilmroomError, InvalidInput, NotOffline
from filmroom.model.entities import Series
from filmroom.net.endpoint import chosen_root
from filmroom.net.retry import RetryPolicy

if TYPE_CHECKING:
    from filmroom.client.citations import Citations
    from filmroom.client.datacite import Datacite

Api = Literal["v1", "v2", "v4"]
R = TypeVar("R")
WORKERS, SMALL_WORKERS = 8, 32


class Client(Questions, SlideFetching, Blocking):
    """Speaks to one NBIA server: the public TCIA service, or any other, such as ``filmroom serve``.

    :param base_url: the server's root, with or without ``/nbia-api/services/v4``; default: the setting
        ``FILMROOM_SERVER``, else the public TCIA service.
    :param api: version of the NBIA API to speak; default: the newest that the server knows. ``v2`` is ``v1``
        for whoever has a login.
    :param workers: series fetched at once by :meth:`download`; default: 8, and 32 of series below a
        mebibyte, but for TCIA's own servers.
    :param timeout: seconds without a single byte after which an answer is given up.
    :param retry: how patient to be with a busy or failing server.
    :param login: account to ask as, with its ``password``. :param token: an access token, instead of both.
        Without any of them, the login that the environment has for the server, or that was put aside for it
        with ``filmroom login``.
    :param proxies: see :class:`~filmroom.client.connection.Connection`.
    :param source: where :meth:`download` fetches from: ``nbia``, the server; ``idc``, the public buckets of
        Imaging Data Commons (extra ``idc``); ``auto``, the buckets for what TCIA has there too.
    :param gen3_key: file with the API key for controlled data; default: the setting ``FILMROOM_GEN3_KEY``.
    :param others: servers that are asked, as nobody, for series that this one does not have; default: for one
        of TCIA's two servers the other.
    :param anonymous: ask as nobody, whatever login there is.
    :param snapshot: answer from a snapshot that :meth:`sync` made, without a network: True for the one in the
        user's data folder, or a file. What it cannot answer raises :class:`~filmroom.errors.NotOffline`.

    A client may be shared among threads. Every method raises :class:`~filmroom.errors.ServerUnreachable`,
    :class:`~filmroom.errors.ServerError`, :class:`~filmroom.errors.AccessDenied` or
    :class:`~filmroom.errors.BadAnswer` when the server cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api: Api | None = None,
        workers: int | None = None,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        proxies: Mapping[str, str] | None = None,
        source: SourceName = "nbia",
        gen3_key: str | os.PathLike[str] | None = None,
        others: str | Iterable[str] | None = None,
        anonymous: bool = False,
        snapshot: Chosen = False,
    ) -> None:
        if api not in {None, *get_args(Api)}:
            raise InvalidInput(f"There is no API version {api!r}; known are {', '.join(get_args(Api))}.")
        if workers is not None and workers < 1:
            raise InvalidInput("A client needs at least one worker.")
        self._api: str | None = api
        self.workers = workers or WORKERS
        root = chosen_root(base_url or server_of(snapshot))
        who = chosen_credentials(root, Credentials(login, password, token), anonymous=anonymous)
        way: dict[str, Any] = {"timeout": timeout, "proxies": proxies}
        self._small_workers = None if workers or is_tcia(root) else SMALL_WORKERS
        connections = self._small_workers or self.workers
        options = {**way, "connections": connections, "policy": retry}
        self.connection = Connection(root, **options, **who.arguments)
        self.snapshot = opened(snapshot, self.connection, api) if snapshot else None
        if self.snapshot is not None:
            self._api, others = self.snapshot.info.api, ()
        self.sources = Sources(self, source, gen3_key=gen3_key, **options)
        self._others = siblings(root, others)
        self._elsewhere: dict[str, str] = {}
        self._at: dict[str, Client] = {}
        self._like_this = {**way, "api": api, "workers": workers, "retry": retry}
        self._making = threading.Lock()

    def __repr__(self) -> str:
        return f"Client({self.base_url!r}, api={self.api!r})"

    @property
    def chosen_api(self) -> str | None:
        """Version of the NBIA API that was given by hand."""
        return self._api

    @property
    def others(self) -> tuple[str, ...]:
        """Roots of the servers that are asked for series that this one does not have."""
        return self._others

    def at(self, root: str) -> Client:
        """Return a client like this one for another server, which it asks as nobody."""
        with self._making:
            if root not in self._at:
                self._at[root] = Client(root, **self._like_this, others=(), anonymous=True)
            return self._at[root]

    def note_elsewhere(self, uids: Iterable[str], root: str) -> None:
        """Take note of a server that has some series; they are fetched from there."""
        self._elsewhere.update(dict.fromkeys(uids, root))

    def archive_of(self, series_instance_uid: str) -> Client:
        """Return the client that a series is fetched with: of the server that was found to have it."""
        root = self._elsewhere.get(series_instance_uid)
        return self if root is None else self.at(root)

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
        self.sources.close()
        if self.snapshot is not None:
            self.snapshot.close()
        for other in self._at.values():
            other.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # citations --------------------------------------------------------------------------------------
    def cite(
        self,
        series: str | Series | Iterable[str | Series] = (),
        *,
        dois: str | Iterable[str] = (),
        collections: str | Iterable[str] = (),
        manifests: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        folders: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        offline: bool = False,
        datacite: Datacite | None = None,
    ) -> Citations:
        """Return what is to be cited of data, with its licences and what they ask for.

        :param series: a UID, a record of :meth:`series`, or many of them.
        :param dois: in any form. :param collections: by name. :param manifests: files that list series.
        :param folders: of downloads.
        :param offline: ask nobody: records and selections are known that were cited before.
        :param datacite: where records are read that the archive does not have itself.
        :raises InvalidInput: when nothing is named, or something that is no DOI, no series, no manifest.
        :raises NotFound: for a collection or a folder that is not there.
        """
        from filmroom.client.citing import Asked, cite
        from filmroom.client.naming import several

        asked = Asked(
            several(series), several(dois), several(collections), several(manifests), several(folders)
        )
        return cite(self, asked, offline=offline, datacite=datacite)

    # downloads --------------------------------------------------------------------------------------
    def plan(
        self,
        series: SeriesLike,
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        overwrite: bool = False,
    ) -> list[PlannedSeries]:
        """Return what a download would do, without writing anything."""
        target = Path(path).expanduser()
        return Download(self.sources, target, workers=self.workers, overwrite=overwrite).plan(listed(series))

    def download(
        self,
        series: SeriesLike,
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        overwrite: bool = False,
        layout: str = "flat",
        metadata: bool = False,
        per_host: int | None = None,
        stop: threading.Event | None = None,
    ) -> DownloadReport:
        """Fetch series into ``path``, one folder each, every file checked.

        What is there and whole is skipped; what an earlier call left unfinished is continued. A series
        appears in its folder only when number, bytes and MD5 of all its files are right.

        :param series: a UID, a record of :meth:`series`, many of them, or the path of a manifest
            (``.tcia``, or a table with a column of UIDs).
        :param progress: called with a :class:`Progress`, from other threads, one call at a time.
        :param overwrite: fetch also what is there already.
        :param layout: how folders and files are named: ``flat``, ``classic``, ``descriptive``, ``idc``, or a
            template such as ``%PatientID/%Modality-%SeriesNumber/%InstanceNumber.dcm``; see
            :mod:`filmroom.client.templates`. A series that is there stays where it is.
        :param per_host: series fetched at once from one server, where they come from several; default: as
            many as there are workers.
        :param metadata: leave ``metadata.csv`` there, with the columns of NBIA's Data Retriever.
        :param stop: set it from another thread to end soon; what arrived is kept for the next call.
        :return: what became of each series. A series that fails does not stop the others and raises
            nothing; see :meth:`DownloadReport.raise_for_failures`.
        :raises InvalidInput: for something that is no series.
        :raises StoreFull, StoreError: when the disk is too small or cannot be written.
        :raises Stopped: when ``stop`` was set.
        :raises NotOffline: when this client answers from a snapshot.
        """
        if self.snapshot is not None:
            raise NotOffline("Files come from the server alone.", advice="Leave snapshot= out.")
        download = Download(
            self.sources,
            Path(path).expanduser(),
            workers=self.workers if workers is None else workers,
            small_workers=self._small_workers if workers is None else None,
            overwrite=overwrite,
            progress=progress,
            layout=Layout.parse(layout),
            metadata=metadata,
            per_host=per_host,
            stop=stop,
        )
        return download.run(listed(series))

    def sync(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        full: bool = False,
        progress: Callable[[SyncProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> SyncReport:
        """Keep a snapshot of the server's catalogue, from which ``Client(snapshot=True)`` answers.

        Asked is for what changed since the last one: what an archivist changed of a series that was there
        before, without releasing it anew, shows only with a full one. It can be interrupted and called again.

        :param path: a file; default: one for this server and login, in the user's data folder.
        :param full: list everything anew. :param progress: called with a :class:`SyncProgress`.
        :param stop: set it from another thread to end soon; the next call goes on there.
        :raises ArchiveInUse: when another process makes the same one.
        :raises InvalidInput: when this client itself answers from a snapshot.
        :raises Stopped: when ``stop`` was set. :raises StoreFull, StoreError: when it cannot be written.
        """
        if self.snapshot is not None:
            raise InvalidInput("A client that answers from a snapshot cannot make one.")
        target = None if path is None else Path(path).expanduser()
        return Sync(self, target, full=full, progress=progress, stop=stop).run()

    def archive_request(self, series_instance_uid: str) -> SeriesRequest:
        """Return how the archive of a series is asked for."""
        return archive_request(self.api, series_instance_uid)

    def instance_request(self, series_instance_uid: str, sop_instance_uid: str) -> SeriesRequest:
        """Return how one object is asked for."""
        return instance_request(self.api, series_instance_uid, sop_instance_uid)

    def _run(self, steps: Steps[R]) -> R:
        """Ask what a question requests, until it has its result."""
        step = begin(steps)
        while isinstance(step, Request):
            try:
                outcome = self._outcome(step)
            except FilmroomError as error:
                step = fail(steps, error)
            else:
                step = go_on(steps, outcome)
        return step.result

    def _outcome(self, request: Request) -> Any:
        if self.snapshot is not None:
            return self.snapshot.outcome(request)
        client = self if request.root is None else self.at(request.root)
        return request.read(client.connection.ask(request))
