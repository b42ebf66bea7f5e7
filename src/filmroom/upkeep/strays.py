"""What lies in the store and belongs to nobody: unknown objects, temporary files of dead writers."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from filmroom.catalog.inspection import Inspection
from filmroom.errors import ObjectMissing, StoreError
from filmroom.store import Store
from filmroom.store.local import LocalStore
from filmroom.upkeep.findings import Finding, State

_PAGE = 1_000
_SUSPICIOUS = 2_000


@dataclass(frozen=True, slots=True)
class StrayOptions:
    """``delete`` what is found; ``grace`` in seconds; ``many``: even if there are suspiciously many."""

    delete: bool
    grace: float
    many: bool = False


class Strays:
    """First :meth:`search`, then :meth:`findings`; close it.

    Orphans that outnumber what a catalogue knows are not deleted unless that is asked for: the catalogue
    may be an old backup, or another archive's.
    """

    def __init__(self, inspection: Inspection, store: Store, options: StrayOptions) -> None:
        self._inspection = inspection
        self._store = store
        self._options = options
        # On disk, for there may be millions.
        self._orphans = tempfile.TemporaryFile("w+", encoding="ascii", prefix="filmroom-")  # noqa: SIM115
        self._count = 0
        self.recent = 0

    def search(self) -> Iterator[int]:
        """Look for orphans; yield now and then how many objects were seen."""
        keys = self._store.keys()
        seen = 0
        while page := list(islice(keys, _PAGE)):
            seen += len(page)
            known = self._inspection.known_keys(page)
            for key in page:
                if key not in known:
                    self._examine(key)
            yield seen

    def _examine(self, key: str) -> None:
        try:
            modified_ns = self._store.stat(key).modified_ns
        except ObjectMissing:
            return  # it was just taken away
        if self._is_recent(modified_ns):
            self.recent += 1
        else:
            self._orphans.write(f"{key}\n")
            self._count += 1

    def _is_recent(self, modified_ns: int | None) -> bool:
        if modified_ns is None:
            return self._options.grace > 0
        return time.time() - modified_ns / 1e9 < self._options.grace

    def findings(self) -> Iterator[Finding]:
        """Delete what is to be deleted and tell of everything."""
        known = self._inspection.object_count()
        too_many = self._count > _SUSPICIOUS and 2 * self._count > known and not self._options.many
        detail = "the catalogue does not know it"
        if too_many and self._options.delete:
            detail += (
                f"; kept, for {self._count} of them against {known} known objects look like the store of "
                "another catalogue (--many-orphans deletes them)"
            )
        delete = self._options.delete and not too_many
        self._orphans.seek(0)
        keys = (line.rstrip("\n") for line in self._orphans)
        while page := list(islice(keys, _PAGE)):
            # Asked again, in a transaction: an ingest may have been quicker.
            gone = set(self._inspection.forget(page)) if delete else set[str]()
            still = self._inspection.known_keys(page)
            for key in page:
                if key in gone:
                    self._store.delete(key)
                if key not in still:
                    yield Finding("orphan", detail, key, state=_state(mended=key in gone))
        yield from self._leftovers()

    def _leftovers(self) -> Iterator[Finding]:
        if not isinstance(self._store, LocalStore):
            return
        for file, modified in _temporary_files(self._store.root / "tmp"):
            if time.time() - modified < self._options.grace:
                self.recent += 1
                continue
            if self._options.delete:
                try:
                    file.unlink(missing_ok=True)
                except OSError as error:
                    raise StoreError(f"{file} cannot be removed: {error.strerror or error}.") from error
            detail = "left by a writer that died"
            yield Finding("leftover", detail, f"tmp/{file.name}", state=_state(mended=self._options.delete))

    def close(self) -> None:
        """Let go of the notes."""
        self._orphans.close()


def _state(*, mended: bool) -> State:
    return "mended" if mended else "left"


def _temporary_files(folder: Path) -> Iterator[tuple[Path, float]]:
    """Yield the temporary files and the time of their last change, in POSIX seconds."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if entry.name.endswith(".part") and stat.S_ISREG(info.st_mode):
                yield Path(entry.path), info.st_mtime
