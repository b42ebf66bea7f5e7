"""Where things lie in a download folder, and how a finished series gets there.

::

    TARGET/1.2.3/1-01.dcm, …, LICENSE      a series, complete and checked; or where its layout says
    TARGET/.filmroom/1.2.3.json            its receipt
    TARGET/.filmroom/1.2.3.partial/        one that is still arriving: journal, files/
    TARGET/.filmroom/1.2.3.lock            held while a process works on it
    TARGET/.filmroom/1.2.3.old/            the former folder, for the moment of replacing it
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filmroom.errors import ArchiveInUse, FilmroomError, InvalidInput, StoreError, StoreFull
from filmroom.file_lock import try_lock_file

STATE = ".filmroom"
_SPARE = 64 << 20  # bytes that a download leaves free on the disk
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Return whether the text is a UID (PS3.5 section 9.1; leading zeros are let pass, they occur)."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def checked_uid(text: str) -> str:
    """Return the UID without surrounding space. :raises InvalidInput: when it is none."""
    uid = text.strip()
    if not is_uid(uid):
        raise InvalidInput(f"Not a Series Instance UID: {text[:80]!r}.")
    return uid


@dataclass(frozen=True, slots=True)
class SeriesPlace:
    """The paths of one series below a target folder.

    ``relative`` is its folder, with slashes; None where that is not known yet, and is the UID unless a layout
    says otherwise.
    """

    target: Path
    uid: str
    relative: str | None = None

    @property
    def state(self) -> Path:
        return self.target / STATE

    @property
    def folder(self) -> Path:
        return self.target / (self.relative or self.uid)

    def at(self, relative: str) -> SeriesPlace:
        """Return the place with that folder."""
        return replace(self, relative=relative)

    @property
    def receipt(self) -> Path:
        return self.state / f"{self.uid}.json"

    @property
    def partial(self) -> Path:
        return self.state / f"{self.uid}.partial"

    @property
    def files(self) -> Path:
        return self.partial / "files"

    @property
    def pending_receipt(self) -> Path:
        return self.partial / "receipt.json"

    @property
    def old(self) -> Path:
        return self.state / f"{self.uid}.old"

    @property
    def unfinished(self) -> bool:
        """Whether a finish was interrupted: everything is there, only not all in its place."""
        return self.old.exists() or self.pending_receipt.exists()

    @property
    def left_over(self) -> bool:
        """Whether the finish was interrupted after all was in its place: an empty partial folder stays."""
        return self.partial.is_dir() and not self.files.is_dir()

    def finish(self) -> None:
        """Put a series whose receipt is written in its place; completes an interrupted finish.

        The caller holds the lock. Every step can be the last one before a kill.
        """
        self._recover_old()
        if not self.pending_receipt.is_file():
            if self.left_over:
                shutil.rmtree(self.partial)
            return
        if self.files.is_dir():
            if self.folder.exists():
                self.folder.rename(self.old)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.files.rename(self.folder)
        self.pending_receipt.replace(self.receipt)
        self._recover_old()
        shutil.rmtree(self.partial)

    def _recover_old(self) -> None:
        """Bring back what a replaced folder held beside the series; nobody's own files are lost."""
        if not self.old.exists():
            return
        if not self.folder.exists():
            self.old.rename(self.folder)
            return
        for entry in self.old.iterdir():
            if not (self.folder / entry.name).exists() and entry.name != "md5hashes.csv":
                entry.rename(self.folder / entry.name)
        shutil.rmtree(self.old)


@contextmanager
def held(place: SeriesPlace) -> Iterator[None]:
    """Keep other processes and threads off a series; the lock dies with the process.

    :raises ArchiveInUse: when somebody else holds it.
    """
    with writing(place.target):
        place.state.mkdir(parents=True, exist_ok=True)
    path = place.state / f"{place.uid}.lock"
    while True:
        with writing(place.target):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if not try_lock_file(handle):
                raise ArchiveInUse(
                    f"Another process is working on series {place.uid} in {place.target}.",
                    advice="Wait until it is done, or choose another folder.",
                )
            if not _is_current(handle, path):
                continue  # the one before us removed the file between our open and our lock
            yield
            if os.name == "posix":
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _is_current(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what an operating system says about writing into our errors."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from error


def disk_error(error: OSError, folder: Path) -> FilmroomError:
    """Return our error for one of the file system."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StoreFull(
            f"No space is left in {folder}.",
            advice="Free some space and run the same command again; it goes on where it stopped.",
        )
    return StoreError(f"Cannot write to {error.filename or folder}: {error.strerror or error}.")


def check_space(folder: Path, needed: int) -> None:
    """See that so many bytes have room in a folder. :raises StoreFull: when they do not."""
    free = shutil.disk_usage(folder).free
    if needed and needed + _SPARE > free:
        raise StoreFull(
            f"The download needs {needed} bytes, but only {free} are free in {folder}.",
            advice="Free some space, choose another folder, or download less.",
        )


def write_durably(path: Path, data: bytes) -> None:
    """Write a small file so that it is there whole or not at all, also after a power cut."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
