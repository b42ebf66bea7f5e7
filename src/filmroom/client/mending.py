"""Single files of a series: fetched alone, checked, and put in the place of what is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filmroom.client.layout import SeriesPlace, writing
from filmroom.errors import DigestMismatch, VerificationFailed

if TYPE_CHECKING:
    from filmroom.client.sources.archive import Archive


def md5_of(path: Path) -> str:
    """Return the MD5 (hex) of a file. :raises OSError:"""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def replace_file(place: SeriesPlace, name: str, md5: str, write: Callable[[Path], object]) -> Path:
    """Put what ``write`` writes in the place of a file of the series, if it has the right MD5.

    The caller holds the series' lock.

    :raises DigestMismatch: when it has not; the file stays as it is.
    :raises VerificationFailed: when a folder has that name. :raises StoreError: when it cannot be written.
    """
    temporary = place.state / f"{place.uid}.mending"
    with writing(place.target):
        try:
            write(temporary)
            if md5_of(temporary) != md5:
                raise DigestMismatch(
                    f"{name} of series {place.uid} is not what the server sends now: its MD5 differs.",
                    advice="The series may have changed at the server: download it anew with --overwrite.",
                )
            target = place.folder / name
            if target.is_dir() and not target.is_symlink():
                raise VerificationFailed(f"{target} is a folder; remove it, then repair again.")
            temporary.replace(target)
            return target
        finally:
            temporary.unlink(missing_ok=True)


def fetch_object(archive: Archive, series_uid: str, sop_uid: str, target: Path) -> None:
    """Fetch one object into a file. :raises FilmroomError: when patience ends."""
    archive = archive.archive_of(series_uid)
    request = archive.instance_request(series_uid, sop_uid)

    def once() -> None:
        with (
            archive.connection.stream(request.path, request.params, denial=True) as response,
            target.open("wb") as stream,
        ):
            for chunk in response.iter_bytes():
                stream.write(chunk)

    archive.connection.patiently(once)
