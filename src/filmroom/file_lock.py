"""Exclusive locks on open files, between processes of one machine; a lock dies with its process."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from filmroom.errors import StoreError

_TAKEN = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}


def lock_file(descriptor: int) -> None:
    """Take the lock, waiting for it. :raises StoreError: where the file system cannot lock."""
    with _explained():
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_lock_file(descriptor: int) -> bool:
    """Take the lock if it is free; return whether it was. :raises StoreError: as :func:`lock_file`."""
    with _explained():
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
    return True


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"The folder's file system cannot lock files: {error.strerror}.") from error
