"""Which objects a run has begun to write, so that a killed run leaves nothing behind.

Objects are written before the transaction that shows them. A run that is killed in between leaves objects
that nothing refers to; the journal names them, and the run that goes on deletes them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from filmroom.errors import ArchiveInUse
from filmroom.file_lock import try_lock_file
from filmroom.ingest.patience import patiently
from filmroom.store.base import ObjectStat, Store


class KnowsReferences(Protocol):
    """What sweeping up asks the catalogue."""

    def unreferenced(self, keys: Sequence[str]) -> list[str]: ...


class Journal:
    """The journal of one run key: a folder with one file of keys per process, and a lock.

    :raises ArchiveInUse: when the same ingest already runs on this machine.
    """

    def __init__(self, parent: Path, run_key: str, patience: float = 2.0) -> None:
        # Patience (seconds), for another ingest may just be sweeping up after this one's earlier attempt.
        parent.mkdir(parents=True, exist_ok=True)
        self.folder = parent / f"run-{run_key[:32]}"
        self._lock = os.open(
            parent / f"run-{run_key[:32]}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        deadline = time.monotonic() + patience
        while not try_lock_file(self._lock):
            if time.monotonic() >= deadline:
                os.close(self._lock)
                raise ArchiveInUse(
                    "The same ingest is already running.",
                    advice="Wait for it, or interrupt it and start again.",
                )
            time.sleep(0.05)
        self.folder.mkdir(exist_ok=True)

    def keys(self) -> list[str]:
        """Return every key that an earlier attempt at this run began to write."""
        found: set[str] = set()
        for file in sorted(self.folder.glob("*.keys")):
            # A kill may cut the last line: a key that was not wholly noted was not yet written.
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            found.update(line[:-1] for line in lines if line.endswith("\n"))
        return sorted(found)

    def clear(self) -> None:
        """Forget what was noted."""
        for file in self.folder.glob("*.keys"):
            file.unlink()

    def finish(self, *, for_ever: bool = False) -> None:
        """Remove the journal of a run that is complete; its lock too if no other will have its key."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if for_ever:
            self.folder.with_name(f"{self.folder.name}.lock").unlink(missing_ok=True)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)


def sweep(journal: Journal, catalog: KnowsReferences, store: Store) -> None:
    """Delete what a run wrote and never committed, and forget its notes."""
    keys = journal.keys()
    for key in patiently(lambda: catalog.unreferenced(keys)):
        store.delete(key)
    journal.clear()


def sweep_abandoned(parent: Path, own: Journal, catalog: KnowsReferences, store: Store) -> None:
    """Sweep up after runs that were killed and that nobody has started again."""
    for folder in sorted(parent.glob("run-*")):
        if folder.is_dir() and folder != own.folder and any(folder.glob("*.keys")):
            try:
                journal = Journal(parent, folder.name.removeprefix("run-"), patience=0)
            except ArchiveInUse:
                continue  # it runs
            with closing(journal):
                sweep(journal, catalog, store)


class JournaledStore(Store):
    """A store that notes each key before it writes the object."""

    def __init__(self, store: Store, folder: Path | None) -> None:
        self._store = store
        self._file = None if folder is None else (folder / f"{os.getpid()}.keys").open("a", encoding="utf-8")

    def write(self, key: str, chunks: Iterable[bytes]) -> ObjectStat:
        if self._file is not None:
            # Reaches the kernel, enough against a kill; after a power cut a lost line costs only space.
            self._file.write(f"{key}\n")
            self._file.flush()
        return self._store.write(key, chunks)

    def stat(self, key: str) -> ObjectStat:
        return self._store.stat(key)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self._store.read(key, offset, length)

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def keys(self, prefix: str = "") -> Iterator[str]:
        return self._store.keys(prefix)

    def local_path(self, key: str) -> Path | None:
        return self._store.local_path(key)

    def close(self) -> None:
        """Close the journal's file."""
        if self._file is not None:
            self._file.close()
