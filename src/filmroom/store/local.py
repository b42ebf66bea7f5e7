"""A store in a folder.

Layout below the root: ``objects/<key>`` and ``tmp/`` for what is being written. An object is written to
``tmp``, fsynced, hard-linked under its key (a link never overwrites, so two writers of one key cannot both
win) and its folders are fsynced: what is visible is whole and survives a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from filmroom.errors import InvalidInput, ObjectChanged, ObjectExists, ObjectMissing, StoreError, StoreFull
from filmroom.file_lock import lock_file
from filmroom.store.base import ObjectStat, Store, checked_key

_log = logging.getLogger(__name__)

READ_CHUNK = 1 << 20
_STALE_SECONDS = 24 * 3600
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEMBERED_FOLDERS = 16_384


@contextlib.contextmanager
def _store_errors(what: str) -> Iterator[None]:
    """Turn the operating system's errors into those of a store."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(f"No space is left in the store for {what}.") from error
        raise StoreError(f"The store cannot write {what}: {error.strerror or error}.") from error


class LocalStore(Store):
    """A store in a folder of a POSIX file system; any number of processes may use it at once.

    :param root: the store's folder, made when absent.
    :raises StoreError: when the folder cannot be made or used.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        self._objects = self.root / "objects"
        self._tmp = self.root / "tmp"
        with _store_errors(f"to {self.root}"):
            self._objects.mkdir(parents=True, exist_ok=True)
            self._tmp.mkdir(exist_ok=True)
            self._remove_stale()
        self._lock = threading.Lock()
        self._durable: set[str] = set()

    def write(self, key: str, chunks: Iterable[bytes]) -> ObjectStat:
        *folders, name = checked_key(key).split("/")
        with contextlib.ExitStack() as stack:
            with _store_errors(key):
                tmp_fd = os.open(self._tmp, _FOLDER)
                stack.callback(os.close, tmp_fd)
                folder_fd = self._open_folder(folders)
                stack.callback(os.close, folder_fd)
            if _exists(name, folder_fd):
                raise ObjectExists(f"The object {key} is already there.")
            tmp_name = f"{uuid.uuid4().hex}.part"
            with _store_errors(key):
                fd = os.open(
                    tmp_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=tmp_fd
                )
            stack.callback(_unlink_if_there, tmp_name, tmp_fd)
            stack.callback(os.close, fd)
            # The source's own errors pass through as they are: only ours are the store's.
            for chunk in chunks:
                with _store_errors(key):
                    _write_all(fd, chunk)
            with _store_errors(key):
                os.fsync(fd)
                info = os.fstat(fd)
                self._publish(key, tmp_name, tmp_fd, name, folder_fd)
                os.fsync(folder_fd)
            return ObjectStat(info.st_size, info.st_mtime_ns)

    def stat(self, key: str) -> ObjectStat:
        fd = self._open_object(key)
        try:
            info = os.fstat(fd)
        finally:
            os.close(fd)
        return ObjectStat(info.st_size, info.st_mtime_ns)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        if offset < 0 or (length is not None and length < 0):
            raise InvalidInput("A range cannot begin or extend below zero.")
        fd = self._open_object(key)
        try:
            size = os.fstat(fd).st_size
            end = size if length is None else offset + length
            if end > size or offset > size:
                raise ObjectChanged(f"The object {key} has {size} bytes, fewer than the range needs.")
            while offset < end:
                chunk = os.pread(fd, min(READ_CHUNK, end - offset), offset)
                if not chunk:
                    raise ObjectChanged(f"The object {key} ends early, at byte {offset}.")
                offset += len(chunk)
                yield chunk
        except OSError as error:
            raise StoreError(f"The object {key} cannot be read: {error.strerror or error}.") from error
        finally:
            os.close(fd)

    def delete(self, key: str) -> None:
        path = self.local_path(key)
        try:
            path.unlink()
            folder_fd = os.open(path.parent, _FOLDER)
            try:
                os.fsync(folder_fd)
            finally:
                os.close(folder_fd)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StoreError(f"The object {key} cannot be removed: {error.strerror or error}.") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        yield from _walk(self._objects, "", prefix)

    def local_path(self, key: str) -> Path:
        return self._objects / checked_key(key)

    def _open_object(self, key: str) -> int:
        path = self.local_path(key)
        try:
            # O_NONBLOCK: a FIFO planted under a key must not hang the reader.
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(f"The object {key} is not in the store.") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ObjectMissing(f"The object {key} is a symbolic link, not an object.") from None
            raise StoreError(f"The object {key} cannot be opened: {error.strerror or error}.") from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ObjectMissing(f"The object {key} is not a regular file.")
        return fd

    def _open_folder(self, folders: list[str]) -> int:
        """Open (and make) the folder of an object, never through a symbolic link below the root."""
        fd = os.open(self._objects, _FOLDER)
        path = ""
        try:
            for folder in folders:
                path = f"{path}/{folder}"
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o755, dir_fd=fd)
                below = os.open(folder, _FOLDER, dir_fd=fd)
                # A folder that another process made may not be durable yet: fsync its parent once each.
                try:
                    if path not in self._durable:
                        os.fsync(fd)
                        self._remember(path)
                finally:
                    os.close(fd)
                    fd = below
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _remember(self, path: str) -> None:
        with self._lock:
            if len(self._durable) >= _REMEMBERED_FOLDERS:
                self._durable.clear()
            self._durable.add(path)

    def _publish(self, key: str, tmp_name: str, tmp_fd: int, name: str, folder_fd: int) -> None:
        try:
            os.link(tmp_name, name, src_dir_fd=tmp_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
        except FileExistsError:
            raise ObjectExists(f"The object {key} is already there.") from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A file system without hard links: renaming would overwrite, so one lock orders the writers.
            lock_fd = os.open(".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=tmp_fd)
            try:
                lock_file(lock_fd)
                if _exists(name, folder_fd):
                    raise ObjectExists(f"The object {key} is already there.") from None
                os.rename(tmp_name, name, src_dir_fd=tmp_fd, dst_dir_fd=folder_fd)
            finally:
                os.close(lock_fd)

    def _remove_stale(self) -> None:
        """Remove what writers that died left in ``tmp`` more than a day ago."""
        limit = time.time() - _STALE_SECONDS
        with os.scandir(self._tmp) as entries:
            for entry in entries:
                if not entry.name.endswith(".part"):
                    continue
                try:
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        Path(entry.path).unlink(missing_ok=True)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    _log.warning("stale file %s cannot be removed: %s", entry.path, error)


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def _exists(name: str, folder_fd: int) -> bool:
    try:
        os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _unlink_if_there(name: str, folder_fd: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder_fd)


def _walk(folder: Path, base: str, prefix: str) -> Iterator[str]:
    """Yield the keys below a folder in ascending order, leaving out what cannot match the prefix."""
    try:
        with os.scandir(folder) as entries:
            # "a-b" sorts before "a/b": a folder has to be compared with its slash.
            found = sorted(
                (f"{base}{entry.name}/" if is_folder else f"{base}{entry.name}", Path(entry.path))
                for entry in entries
                if (is_folder := entry.is_dir(follow_symlinks=False)) or entry.is_file(follow_symlinks=False)
            )
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"The store's folder {base or '/'} cannot be listed: {error.strerror}.") from error
    for key, path in found:
        if key.endswith("/"):
            if key.startswith(prefix) or prefix.startswith(key):
                yield from _walk(path, key, prefix)
        elif key.startswith(prefix):
            yield key
