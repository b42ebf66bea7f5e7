"""Records of DOIs kept on this machine, so that citations can be made without a network."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from filmroom import settings
from filmroom.client.layout import write_durably, writing
from filmroom.errors import StoreError
from filmroom.wire.datacite.record import Record, bare_doi


class _Copy(msgspec.Struct, frozen=True):
    """What lies in a file: ``data`` is that of the answer, ``fetched`` UTC in ISO 8601."""

    key: str
    source: str
    etag: str
    fetched: str
    data: Any


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record, where it was read and when it was last known to be so; ``etag`` is the server's."""

    record: Record
    source: str
    fetched: dt.datetime
    etag: str = ""
    is_copy: bool = False

    @property
    def age(self) -> dt.timedelta:
        """How old it is; zero for one that the server has just confirmed."""
        return max(dt.timedelta(), dt.datetime.now(dt.UTC) - self.fetched) if self.is_copy else dt.timedelta()


class StoredRecords:
    """A folder of copies.

    :param folder: default: the setting ``doi_records``, else ``dois`` in the user's data folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _default_folder()

    def find(self, source: str, doi: str) -> StoredRecord | None:
        """Return the copy of a record of one source; None where there is none that can be read."""
        copy = self._read(self._path(source, bare_doi(doi)))
        if copy is None or (copy.source, copy.key) != (source, bare_doi(doi)):
            return None
        if not isinstance(copy.data, dict):
            return None
        fetched = dt.datetime.fromisoformat(copy.fetched)
        return StoredRecord(Record.of(copy.data), source, fetched, copy.etag, is_copy=True)

    def keep(self, source: str, doi: str, data: dict[str, Any], etag: str) -> StoredRecord:
        """Keep what a server answered, where that can be written; an older copy is replaced."""
        now = dt.datetime.now(dt.UTC)
        key = bare_doi(doi)
        # A record is worth having also where no copy of it can be kept.
        with contextlib.suppress(StoreError):
            self._write(self._path(source, key), _Copy(key, source, etag, now.isoformat(), data))
        return StoredRecord(Record.of(data), source, now, etag)

    def confirm(self, copy: StoredRecord) -> StoredRecord:
        """Keep that a server says that a copy is still right."""
        found = self._read(self._path(copy.source, copy.record.doi))
        if found is None:
            return dataclasses.replace(copy, is_copy=False)
        return self.keep(copy.source, copy.record.doi, found.data, copy.etag)

    def find_selection(self, source: str, key: str) -> tuple[Any, dt.datetime] | None:
        """Return what was kept of a selection of series, and when; None where nothing was."""
        copy = self._read(self._path(source, f"selection {key}"))
        if copy is None or (copy.source, copy.key) != (source, key):
            return None
        return copy.data, dt.datetime.fromisoformat(copy.fetched)

    def keep_selection(self, source: str, key: str, data: Any) -> None:
        """Keep what is known of a selection of series, where that can be written."""
        now = dt.datetime.now(dt.UTC).isoformat()
        with contextlib.suppress(StoreError):
            self._write(self._path(source, f"selection {key}"), _Copy(key, source, "", now, data))

    def _path(self, source: str, key: str) -> Path:
        # Names of files: DOIs hold slashes, and are told apart without case.
        digest = hashlib.sha256(f"{source}\n{key}".encode()).hexdigest()
        return self.folder / f"{digest}.json"

    @staticmethod
    def _read(path: Path) -> _Copy | None:
        try:
            copy = msgspec.json.decode(path.read_bytes(), type=_Copy)
            moment = dt.datetime.fromisoformat(copy.fetched)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return None  # as good as none: it is fetched anew
        return copy if moment.tzinfo is not None else None

    def _write(self, path: Path, copy: _Copy) -> None:
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what a login sees is in it
            write_durably(path, msgspec.json.encode(copy))


def _default_folder() -> Path:
    chosen = settings.get("doi_records")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("filmroom", appauthor=False)) / "dois"
