"""A snapshot as a file: where it lies, whose it is, and how it is opened to be read."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from filmroom import settings
from filmroom.client.snapshot.tables import FORMAT
from filmroom.errors import InvalidInput, NotFound, StoreError, StoreFull
from filmroom.net.endpoint import Endpoint

PUBLIC = ""
"""The account of who has no login."""


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """What a snapshot is: of which server, as whom, in which version of the API, and as of when.

    ``account`` is empty for who has no login, else ``login …`` or ``token`` with a digest of it. ``taken`` is
    when the server was begun to be asked, in UTC; ``bytes`` is the size of the file.
    """

    path: Path
    server: str
    account: str
    api: str
    taken: dt.datetime
    collections: int
    patients: int
    studies: int
    series: int
    bytes: int
    has_records: bool
    """Whether the question about many series was answered."""

    @property
    def age(self) -> dt.timedelta:
        """How old the answers are."""
        return dt.datetime.now(dt.UTC) - self.taken

    @property
    def age_in_words(self) -> str:
        """How old the answers are, for people."""
        seconds = max(0, int(self.age.total_seconds()))
        for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
            if seconds >= size:
                return f"{seconds // size} {name}{'s' if seconds // size > 1 else ''} old"
        return "just taken"


def account_of(endpoint: Endpoint) -> str:
    """Return as whom an endpoint asks; a token is not told, but a digest of it."""
    return PUBLIC if endpoint.login is None else endpoint.login.account


def default_path(server: str, account: str) -> Path:
    """Return where the snapshot of a server and an account lies: in the user's data folder.

    The setting ``snapshot`` names another file, for all of them.
    """
    if named := settings.get("snapshot"):
        return Path(named).expanduser()
    import platformdirs

    host = re.sub(r"[^A-Za-z0-9.-]+", "_", urlsplit(server).netloc)[:80]
    digest = hashlib.sha256(f"{server}\n{account}".encode()).hexdigest()[:16]
    folder = platformdirs.user_data_path("filmroom", appauthor=False) / "snapshots"
    return folder / f"{host}-{digest}.sqlite"


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a snapshot that is finished.

    :raises NotFound: when there is none. :raises InvalidInput: when it is something else, or of another
        version of this program.
    """
    if not path.is_file():
        raise NotFound(f"There is no snapshot {path}.", advice="Make one: filmroom sync")
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        finished = found == FORMAT and "finished" in about(connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise InvalidInput(f"{path} is no snapshot: {error}.") from error
    if not finished:
        connection.close()
        raise InvalidInput(
            f"{path} is no snapshot that this version of filmroom reads.",
            advice="Make it anew: filmroom sync",
        )
    return connection


def about(connection: sqlite3.Connection) -> dict[str, str]:
    """Return what a snapshot says of itself."""
    return dict(connection.execute("SELECT name, value FROM about"))


def describe(connection: sqlite3.Connection, path: Path) -> SnapshotInfo:
    """Return what a finished snapshot is."""
    said = about(connection)
    return SnapshotInfo(
        path=path,
        server=said["server"],
        account=said["account"],
        api=said["api"],
        taken=dt.datetime.fromisoformat(said["taken"]),
        collections=int(said["collections"]),
        patients=int(said["patients"]),
        studies=int(said["studies"]),
        series=int(said["series"]),
        bytes=path.stat().st_size,
        has_records=said["has_records"] == "1",
    )


def check_owner(info: SnapshotInfo, server: str, account: str) -> None:
    """See that a snapshot is of a server, and of who asks. :raises InvalidInput: when it is not."""
    if info.server != server:
        raise InvalidInput(f"The snapshot {info.path} is of {info.server}, not of {server}.")
    if info.account != account:
        raise InvalidInput(
            f"The snapshot {info.path} was not made by who asks now.",
            advice="Each login has a snapshot of its own; make one: filmroom sync",
        )


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a file into our errors."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StoreFull(
                f"No space is left in {path.parent}.", advice="Free some space and run it again: it goes on."
            ) from error
        raise StoreError(f"The snapshot {path} cannot be read or written: {error}.") from error


def private_folder(path: Path) -> None:
    """Make the folder of a snapshot; one that is made anew is the user's alone."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)


def private_file(path: Path) -> None:
    """Make an empty file that the user alone can read, if there is none."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600))
    path.chmod(0o600)
