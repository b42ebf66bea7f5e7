"""A series that comes as one ZIP file, compared as a whole and then unpacked."""

from __future__ import annotations

import errno
import hashlib
import shutil
import zipfile
import zlib
from pathlib import Path

from filmroom.client.journal import Arrival, Arrived
from filmroom.client.layout import SeriesPlace
from filmroom.client.member_names import checked_member_name
from filmroom.errors import BadAnswer, StoreFull
from filmroom.model.naming import folded

_PIECE = 1 << 20
_SPARE = 64 << 20  # bytes that are left free on the disk
_MOST = 1_000_000  # members
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others say in words of their own what is wrong


def unpacked(place: SeriesPlace, arrival: Arrival) -> Arrival:
    """Return what came with the files of its archive instead of the archive, which is removed.

    Folders inside the archive are left out of the names. After a kill the archive is there for the next run.

    :raises BadAnswer: when it is no archive that can be read, or two members would share a name.
    :raises StoreFull: when the disk cannot hold what it unpacks to.
    """
    archive = place.files / arrival.arrived[0].name
    try:
        with zipfile.ZipFile(archive) as source:
            members = [info for info in source.infolist() if not info.is_dir()]
            names = _names(members, archive.name)
            _check_space(place, sum(info.file_size for info in members))
            arrived = [
                _written(source, info, place.files / name, name)
                for info, name in zip(members, names, strict=True)
            ]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, zlib.error) as error:
        raise _unreadable(archive.name, error) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is a place outside the file, which the archive names
            raise
        raise _unreadable(archive.name, error) from None
    archive.unlink()
    return Arrival(arrival.source, arrived)


def _unreadable(archive: str, error: Exception) -> BadAnswer:
    return BadAnswer(f"{archive} is no archive that can be unpacked: {error}.")


def _names(members: list[zipfile.ZipInfo], archive: str) -> list[str]:
    if not 0 < len(members) <= _MOST:
        raise BadAnswer(f"{archive} holds {len(members)} files.")
    if any(info.compress_type not in _METHODS for info in members):
        raise BadAnswer(f"{archive} is packed with another method than deflate.")
    names = [checked_member_name(info.filename.rpartition("/")[2]) for info in members]
    if len({folded(name) for name in [*names, archive]}) != len(names) + 1:
        raise BadAnswer(f"{archive} holds two files of the same name.")
    return names


def _check_space(place: SeriesPlace, needed: int) -> None:
    free = shutil.disk_usage(place.files).free
    if needed + _SPARE > free:
        raise StoreFull(
            f"An archive of series {place.uid} unpacks to {needed} bytes, but only {free} are free.",
            advice="Free some space and run the same command again; it goes on where it stopped.",
        )


def _written(source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> Arrived:
    md5 = hashlib.md5(usedforsecurity=False)
    left = info.file_size
    with source.open(info) as member, path.open("wb") as file:
        while piece := member.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise BadAnswer(f"{name} unpacks to more than its {info.file_size} bytes.")
            md5.update(piece)
            file.write(piece)
    if left:
        raise BadAnswer(f"{name} unpacks to less than its {info.file_size} bytes.")
    end = info.header_offset + info.compress_size
    return Arrived(
        name,
        info.header_offset,
        end,
        info.compress_type,
        info.compress_size,
        info.file_size,
        info.CRC,
        md5.hexdigest(),
    )
