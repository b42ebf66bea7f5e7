"""Files of a series that are not DICOM: into the archive and out of it, by hand.

An ingest passes such files over, for nothing in them says what series they belong to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filmroom.catalog import Catalog
from filmroom.catalog.series_files import is_there
from filmroom.dicom.digest import Digester, Digests, digest
from filmroom.errors import InvalidInput
from filmroom.model.entities import FileKind, Location, StoredFile
from filmroom.model.naming import LONGEST_NAME, folded, is_plain_file_name
from filmroom.settings import ArchiveAddress
from filmroom.store import Store, open_store
from filmroom.store.packs import new_key

_PIECE = 1 << 20
_OURS = {"license", "md5hashes.csv"}
"""What archives hold beside a series' files, in the spelling that takes no notice of case."""


@dataclass(frozen=True, slots=True)
class AddedFile:
    """What became of one file; ``is_new``: the series did not have it yet."""

    file: StoredFile
    is_new: bool


def add_files(
    address: ArchiveAddress, series_uid: str, paths: Sequence[Path], kind: FileKind
) -> Iterator[AddedFile]:
    """Copy files into the store and let them belong to a series, one after the other, under their names.

    Bytes are durable before the catalogue knows of them. The same file again is nothing to do.

    :raises NotFound: when there is no such series. :raises InvalidInput: for a name that cannot be
        delivered, a file that is DICOM, or none. :raises IdentityConflict: when the series has another file
        of that name. Before any of these nothing of that file, nor of those that follow, was changed.
    """
    names = [_checked_name(path) for path in paths]
    with Catalog.open(address.database_url) as catalog:
        store = open_store(address.store_url)
        for path, name in zip(paths, names, strict=True):
            with _opened(path) as source:
                yield _add(catalog, store, series_uid, _Incoming(path, name, kind, source))


def remove_files(address: ArchiveAddress, series_uid: str, names: Sequence[str]) -> None:
    """Forget files of a series and delete their bytes.

    :raises NotFound: when there is no such series, or one of the files; nothing was changed.
    """
    with Catalog.open(address.database_url) as catalog:
        store = open_store(address.store_url)
        for key in catalog.series_files().remove(series_uid, names):
            store.delete(key)


def _checked_name(path: Path) -> str:
    name = path.name
    if not is_plain_file_name(name):
        raise InvalidInput(
            f"The name cannot be delivered: {name[:80]!r}.",
            advice=f'A name is plain on every system: at most {LONGEST_NAME} bytes, no / \\ : * ? " < > |, '
            "no control characters, no name of a device.",
        )
    if folded(name) in _OURS or folded(name).endswith(".dcm"):
        raise InvalidInput(
            f"The name {name!r} is kept for what archives hold beside such files.",
            advice="Give the file another name; DICOM files are taken in with: filmroom ingest",
        )
    return name


@dataclass(frozen=True, slots=True)
class _Incoming:
    path: Path
    name: str
    kind: FileKind
    source: BinaryIO

    def stored(self, found: Digests, location: Location) -> StoredFile:
        return StoredFile(self.name, self.kind, found.size, found.md5, found.sha256, found.crc32, location)


def _add(catalog: Catalog, store: Store, series_uid: str, incoming: _Incoming) -> AddedFile:
    files = catalog.series_files()
    found = digest(_pieces(incoming.source))
    file = incoming.stored(found, Location("", 0, found.size, found.size))
    if is_there(files.of(series_uid), file):
        return AddedFile(file, is_new=False)
    incoming.source.seek(0)
    key, copied = new_key(series_uid, "file"), Digester()
    try:
        written = store.write(key, _noting(_pieces(incoming.source), copied))
        if copied.result() != found:
            raise InvalidInput(f"The file {incoming.path} is being changed; nothing of it was taken.")
        file = incoming.stored(found, Location(key, 0, found.size, written.size, written.modified_ns))
        is_new = files.add(series_uid, file)
    except BaseException:
        _delete_unused(catalog, store, key)
        raise
    if not is_new:  # somebody else has added it meanwhile
        _delete_unused(catalog, store, key)
    return AddedFile(file, is_new)


def _delete_unused(catalog: Catalog, store: Store, key: str) -> None:
    # Asked, for a commit may have succeeded of which the answer was lost.
    for unused in catalog.unreferenced([key]):
        store.delete(unused)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """:raises InvalidInput: when it is no regular file that can be read, or is DICOM."""
    try:
        # Opening a FIFO must not hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The file {path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidInput(f"Not a regular file: {path}.")
    with os.fdopen(descriptor, "rb") as source:
        if source.read(132)[128:] == b"DICM":
            raise InvalidInput(f"The file {path} is DICOM.", advice="Take it in with: filmroom ingest")
        source.seek(0)
        yield source


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece


def _noting(pieces: Iterator[bytes], digester: Digester) -> Iterator[bytes]:
    for piece in pieces:
        digester.update(piece)
        yield piece
