"""Which folder belongs to which series, where folders are not named by series alone.

::

    TARGET/.filmroom/folders/<digest of the path>    the UID of the series whose folder that is
    TARGET/.filmroom/placing.lock                    held while a folder is chosen

Two series whose names agree, also by a file system that sees no difference between ``a`` and ``A``, get two
folders: the second one's ends in its UID.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filmroom.client.identity import read_identity
from filmroom.client.layout import STATE, SeriesPlace, is_uid, write_durably, writing
from filmroom.client.receipt import located
from filmroom.errors import BadAnswer
from filmroom.file_lock import lock_file
from filmroom.model.naming import LONGEST_NAME, folded, made_plain, uid_digest


@contextmanager
def placing(target: Path) -> Iterator[None]:
    """Let one thread of one process at a time choose a folder in ``target``."""
    with writing(target):
        handle = os.open(
            target / STATE / "placing.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666
        )
    try:
        lock_file(handle)
        yield
    finally:
        os.close(handle)


def claimed_folder(place: SeriesPlace, wanted: str, names: Collection[str]) -> str:
    """Return the folder for a series, ``wanted`` where that is free, and note whose it is.

    The caller is :func:`placing`.

    :param names: files that the series will have there.
    """
    if not _is_free(place, wanted, names):
        parent, slash, last = wanted.rpartition("/")
        last = last.encode()[: LONGEST_NAME - len(place.uid) - 1].decode("utf-8", "ignore")
        wanted = f"{parent}{slash}{made_plain(f'{last}-{place.uid}')}"
    with writing(place.target):
        _claim(place, wanted)
        (place.target / wanted).parent.mkdir(parents=True, exist_ok=True)
    return wanted


def note_owner(place: SeriesPlace, write: Callable[[], object]) -> None:
    """Note that a folder with a series in it is the series' own, unless it is another's already.

    :param write: writes the receipt that proves it.
    """
    folder = place.relative or place.uid
    with placing(place.target), writing(place.target):
        if folder != place.uid and owner(place.target, folder) in {None, place.uid}:
            _claim(place, folder)
        write()


def owner(target: Path, folder: str) -> str | None:
    """Return the series whose folder it is; None where it is nobody's.

    A claim that a kill left before the series was there is nobody's.
    """
    try:
        uid = _claim_path(target, folder).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        uid = folder.partition("/")[0]  # a flat layout claims nothing: its folders are the UIDs
    if not is_uid(uid):
        return None
    found = located(SeriesPlace(target, uid)).relative
    return uid if found is not None and folded(found) == folded(folder) else None


def _claim(place: SeriesPlace, folder: str) -> None:
    path = _claim_path(place.target, folder)
    path.parent.mkdir(exist_ok=True)
    write_durably(path, place.uid.encode())


def _claim_path(target: Path, folder: str) -> Path:
    return target / STATE / "folders" / uid_digest(folded(folder)).hex()


def _is_free(place: SeriesPlace, wanted: str, names: Collection[str]) -> bool:
    holder = owner(place.target, wanted)
    if holder not in {None, place.uid}:
        return False
    own = holder == place.uid or place.relative == wanted
    return not _holds_others(place.target / wanted, place.uid, {folded(name) for name in names}, own=own)


def _holds_others(folder: Path, uid: str, names: Collection[str], *, own: bool) -> bool:
    """Whether a folder has files of somebody else that the series' files would replace.

    In a folder that is the series' ``own``, what cannot be read is its own too, and damaged.
    """
    if folder.is_symlink() or not folder.is_dir():
        return folder.is_symlink() or folder.exists()
    for entry in folder.iterdir():
        if folded(entry.name) in names:
            try:
                if read_identity(entry)[0] != uid:
                    return True
            except (BadAnswer, OSError):
                if not own:
                    return True
    return False
