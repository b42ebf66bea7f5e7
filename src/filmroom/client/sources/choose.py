"""Which source a series comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from filmroom import settings
from filmroom.client.layout import checked_uid
from filmroom.client.sources.addresses import WebFiles
from filmroom.client.sources.archive import Archive, ServerSource
from filmroom.client.sources.base import Promise, RemoteFile, RemoteSeries, SeriesSource
from filmroom.client.sources.bucket import BucketFiles
from filmroom.client.sources.drs import DrsFiles
from filmroom.client.sources.files import FileService, FilesSource
from filmroom.client.sources.gen3_key import Gen3Key
from filmroom.client.sources.idc_index import find_series, has_index, name_series
from filmroom.client.sources.origins import Origins, OwnOrigins
from filmroom.errors import FilmroomError, InvalidInput, NotFound
from filmroom.model.entities import Series

SourceName = Literal["nbia", "idc", "auto"]
"""``nbia``: the server that the client speaks to; ``idc``: the buckets of Imaging Data Commons; ``auto``: the
buckets for series of TCIA that the index knows, where the extra ``idc`` is installed, else the server."""
_MANY = 2  # series whose sizes are worth one question more
_TCIA = "cancerimagingarchive.net"


def is_tcia(root: str) -> bool:
    """Whether a server is one of the Cancer Imaging Archive's."""
    host = urlsplit(root).hostname or ""
    return host == _TCIA or host.endswith(f".{_TCIA}")


class Sources:
    """The sources of one client.

    :param archive: the server that it speaks to. :param source: where series come from that are named by
        their UIDs; those that are named by addresses come from there.
    :param gen3_key: file with the API key for controlled data; default: the setting ``gen3_key``.
    :param options: of the connections to other places than the server.
    :raises InvalidInput: for a source that does not exist.
    """

    def __init__(
        self,
        archive: Archive,
        source: SourceName = "nbia",
        *,
        gen3_key: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        if source not in {"nbia", "idc", "auto"}:
            raise InvalidInput(f"There is no source {source!r}; known are nbia, idc and auto.")
        self._server = ServerSource(archive)
        is_theirs = is_tcia(archive.connection.root)
        self._uses_index = source == "idc" or (source == "auto" and is_theirs and has_index())
        self._index_alone = source == "idc"
        self._gen3_key = gen3_key or settings.get("gen3_key")
        self._origins = Origins(**options)
        self._own = OwnOrigins(archive.connection, **options)
        self._found: dict[str, tuple[RemoteSeries, Promise]] = {}

    def prepare(self, series: Sequence[str | Series | RemoteSeries]) -> list[str | Series | RemoteSeries]:
        """Look many series up at once; :meth:`of` then answers for them.

        :return: them, where folders of a bucket are of a known series with its UID.
        :raises MissingExtra: when the index is needed and not installed.
        """
        if self._uses_index:
            uids = (_uid(each) for each in series if not isinstance(each, RemoteSeries))
            self._found.update(find_series(uid for uid in uids if uid not in self._found))
        nameless = [each for each in series if isinstance(each, RemoteSeries) and each.is_folder]
        if not nameless:
            return list(series)
        named: dict[RemoteSeries, RemoteSeries] = name_series(nameless) if has_index() else {}
        for each in nameless:
            if each not in named:
                named[each] = self._named(each)
        return [named.get(each, each) if isinstance(each, RemoteSeries) else each for each in series]

    def _named(self, series: RemoteSeries) -> RemoteSeries:
        """Return a folder of a bucket as the series of its first image, or as it is when that has none."""
        try:
            uid = self._any_bucket.series_instance_uid(series.addresses[0])
            return RemoteSeries(series.addresses, uid)
        except FilmroomError:
            return series  # what is wrong is told when it is fetched

    def records(self, series: Sequence[str | Series | RemoteSeries]) -> dict[str, Series]:
        """Return what the server tells of series whose sizes are not known, asked for many at once.

        Nothing where it cannot be asked so, or there are few: each is asked for alone then, and tells why
        it cannot be had.
        """
        unknown = [
            _uid(each)
            for each in series
            if not isinstance(each, RemoteSeries)
            and _uid(each) not in self._found
            and (isinstance(each, str) or each.image_count is None or each.file_size is None)
        ]
        if len(unknown) < _MANY or self._index_alone:
            return {}
        try:
            told = self._server.archive.series_records(unknown)
        except FilmroomError:
            return {}
        return {each.series_instance_uid: each for each in told}

    def of(self, series: str | Series | RemoteSeries) -> SeriesSource:
        """Return where a series comes from, after :meth:`prepare`.

        :raises NotFound: when the index alone is asked and does not know it.
        :raises InvalidInput: when the API key that is needed cannot be used.
        """
        if isinstance(series, RemoteSeries):
            return FilesSource(self._service(series.addresses[0]), series)
        found = self._found.get(_uid(series))
        if found is not None:
            return FilesSource(self.buckets, *found)
        if self._index_alone:
            raise NotFound(
                f"Imaging Data Commons has no series {_uid(series)}, as far as the installed index knows.",
                advice="A newer index: pip install --upgrade idc-index-data",
            )
        return self._server

    def writer(self, series: RemoteSeries, md5: str) -> Callable[[Path], object] | None:
        """Return what fetches the file with an MD5 (hex); None when no file is told to have it."""
        service = self._service(series.addresses[0])
        for file in service.files(series.addresses):
            if file.checksums.get("md5") == md5:
                return partial(self.write, service, file)
        return None

    def write(self, service: FileService, file: RemoteFile, target: Path) -> None:
        """Fetch one file, with retries. :raises FilmroomError: when patience ends."""

        def once() -> None:
            with service.get(file, {"Accept-Encoding": "identity"}) as response, target.open("wb") as stream:
                for chunk in response.iter_raw():
                    stream.write(chunk)

        self._server.archive.connection.patiently(once)

    def close(self) -> None:
        """Close the connections to other places than the server."""
        self._origins.close()
        self._own.close()

    def _service(self, address: str) -> FileService:
        scheme = address.partition(":")[0].lower()
        return self._any_bucket if scheme == "s3" else self._drs if scheme == "drs" else self._web

    @cached_property
    def _web(self) -> WebFiles:
        return WebFiles(self._origins)

    @cached_property
    def listed(self) -> WebFiles:
        """Files that the server itself names."""
        return WebFiles(self._own)

    @cached_property
    def _any_bucket(self) -> BucketFiles:
        return BucketFiles(self._origins)

    @cached_property
    def buckets(self) -> BucketFiles:
        """The buckets of Imaging Data Commons."""
        return BucketFiles(self._origins, api="idc")

    @cached_property
    def _drs(self) -> DrsFiles:
        return DrsFiles(self._origins, Gen3Key(self._gen3_key) if self._gen3_key else None)


def _uid(series: str | Series) -> str:
    return checked_uid(series if isinstance(series, str) else series.series_instance_uid)
