"""Candidates from folders, files, archives and DICOMDIR sets, in a deterministic order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filmroom.dicom.directory import referenced_files
from filmroom.errors import DicomError, InvalidInput
from filmroom.ingest.candidates import Bystander, Candidate, Remark, ScanEvent, Trouble, label
from filmroom.ingest.containers import Container, container_kind, is_hidden, tar_members, zip_members
from filmroom.ingest.spool import Spool


def absolute_paths(paths: Sequence[Path]) -> list[Path]:
    """Return the paths made absolute, each once, in the order given.

    :raises InvalidInput: when there is none, or one does not exist or is neither file nor folder.
    """
    if not paths:
        raise InvalidInput("No path was given to ingest.")
    found: dict[str, None] = {}
    for path in paths:
        text = os.path.abspath(path)  # noqa: PTH100 - resolving links would change the labels
        try:
            mode = os.stat(text).st_mode  # noqa: PTH116
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InvalidInput(f"Cannot ingest {label(text)}: {reason}.") from None
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise InvalidInput(f"Cannot ingest {label(text)}: it is neither a file nor a folder.")
        found[text] = None
    return [Path(text) for text in found]


@dataclass
class Scanner:
    """Walks paths and yields what it finds.

    ``own`` are folders of the archive itself, never walked. ``finished`` tells which candidates an
    earlier, interrupted run has done.
    """

    spool: Spool
    own: tuple[Path, ...] = ()
    finished: Callable[[Candidate], bool] = lambda _candidate: False
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def scan(self, paths: Sequence[Path]) -> Iterator[ScanEvent]:
        """Yield candidates, bystanders, troubles and remarks.

        :param paths: absolute paths, as :func:`absolute_paths` returns them.
        """
        self._own = {_identity(os.stat(path)) for path in self.own if path.is_dir()}  # noqa: PTH116
        for path in paths:
            text = os.fspath(path)
            if path.is_dir():
                yield from self._folder(text)
            elif path.name.upper() == "DICOMDIR":
                yield from self._media_set(path)
            else:
                yield from self._file(text, None, given=True)

    def _folder(self, root: str) -> Iterator[ScanEvent]:
        stack: list[tuple[str, str | None]] = [(root, None)]
        while stack:
            path, folder = stack.pop()
            source = label(path)
            try:
                identity = _identity(os.stat(path))  # noqa: PTH116
                with os.scandir(path) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield _cannot_read(source, error)
                continue
            if identity in self._own:
                yield Bystander(source, "own-archive")
                continue
            if identity in self._seen:
                yield Bystander(source, "seen-before")
                continue
            self._seen.add(identity)
            folders: list[tuple[str, str | None]] = []
            for entry in entries:
                if is_hidden(entry.name):
                    yield Bystander(label(entry.path), "hidden")
                elif _is_folder(entry):
                    folders.append((entry.path, folder or entry.name))
                else:
                    yield from self._file(entry.path, folder, given=False)
            stack.extend(reversed(folders))

    def _file(self, path: str, folder: str | None, *, given: bool) -> Iterator[ScanEvent]:
        source = label(path)
        try:
            status = os.stat(path)  # noqa: PTH116
            if not stat.S_ISREG(status.st_mode):
                yield Bystander(source, "not-a-file")
                return
            kind = container_kind(path, by_content=given)
        except OSError as error:
            yield _cannot_read(source, error)
            return
        container = Container(path, source, status.st_size, status.st_mtime_ns, folder)
        if kind == "zip":
            yield from zip_members(container)
        elif kind == "tar":
            yield from tar_members(container, self.spool, self.finished)
        elif os.path.basename(path).upper() == "DICOMDIR":  # noqa: PTH119
            yield Bystander(source, "dicomdir")
            yield from _missing_of(Path(path))
        else:
            yield Candidate(
                source=source,
                kind="gzip" if kind == "gzip" else "file",
                path=path,
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                folder=folder,
                group=os.path.dirname(path),  # noqa: PTH120
            )

    def _media_set(self, path: Path) -> Iterator[ScanEvent]:
        """Yield the files that a DICOMDIR names (PS3.10 section 8)."""
        yield Bystander(label(os.fspath(path)), "dicomdir")
        try:
            listing = referenced_files(path)
        except (DicomError, OSError) as error:
            yield Trouble(
                label(os.fspath(path)), "dicomdir-unreadable", f"The DICOMDIR cannot be read: {error}"
            )
            return
        for file in listing.files:
            parts = file.relative_to(path.parent).parts
            yield from self._file(os.fspath(file), parts[0] if len(parts) > 1 else None, given=False)
        yield from _missing_remarks(path, listing.missing)


def _missing_of(path: Path) -> Iterator[ScanEvent]:
    try:
        listing = referenced_files(path)
    except (DicomError, OSError) as error:
        yield Remark(f"{label(os.fspath(path))} cannot be read as a DICOMDIR: {error}")
        return
    yield from _missing_remarks(path, listing.missing)


def _missing_remarks(path: Path, missing: Sequence[str]) -> Iterator[ScanEvent]:
    if missing:
        shown = ", ".join(label(name) for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        yield Remark(f"{label(os.fspath(path))} names {len(missing)} files that are not there: {shown}{more}")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that points to itself: reported when it is read


def _cannot_read(source: str, error: OSError) -> Trouble:
    return Trouble(source, "cannot-read", f"It cannot be read: {error.strerror or error}.")
