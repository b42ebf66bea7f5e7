"""Series that other programs fetched: found by what the images say, compared with the server, taken over.

tcia_utils, NBIA's Data Retrievers and idc-index leave no receipts. What they left is compared by number, size
and MD5; where it is whole it gets a receipt, where little is wrong only that is fetched.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filmroom.client.claims import note_owner, owner
from filmroom.client.identity import read_identity
from filmroom.client.layout import STATE, SeriesPlace, is_uid
from filmroom.client.mending import fetch_object, md5_of, replace_file
from filmroom.client.receipt import (
    LICENCE_NAME,
    Receipt,
    ReceiptFile,
    known_receipt,
    licence_text,
    write_receipt,
)
from filmroom.client.sources.archive import Archive
from filmroom.client.templates import plain_dcm_name
from filmroom.errors import AccessDenied, BadAnswer, IncompleteTransfer, NotFound, ServerError
from filmroom.model.naming import is_plain_file_name

_DEEPEST = 8  # folders below the target; the Data Retriever makes four
_FEW = 0.5  # with a larger part of the files bad, the whole series is fetched: one request instead of many


@dataclass(frozen=True, slots=True)
class Found:
    """Files of one series that lie in a folder and are in no receipt.

    ``folder`` is relative, with slashes; ``files`` gives the SOP Instance UID by name; ``unreadable`` are
    other files there that claim to be images. ``shared``: the folder has images of other series, too.
    """

    folder: str
    files: dict[str, str]
    unreadable: tuple[str, ...] = ()
    shared: bool = False

    def paths(self, target: Path) -> tuple[Path, ...]:
        """Return where its files are, the unreadable ones too."""
        return tuple(target / self.folder / name for name in (*self.files, *self.unreadable))


def find_series(
    target: Path, wanted: Collection[str] | None = None, *, below: Path | None = None
) -> dict[str, Found]:
    """Return the series in a download folder that have no receipt, by Series Instance UID.

    Only files that end in ``.dcm`` are looked at. Where one series lies in several folders, the one with most
    files counts.

    :param wanted: look only for these; a folder whose first image is of another series is passed over.
    :param below: look only at and below this folder of it.
    """
    found: dict[str, Found] = {}
    for folder, names in _folders(target, wanted, below or target):
        for uid, each in _series_in(target, folder, names, wanted):
            if (wanted is None or uid in wanted) and (
                uid not in found or len(each.files) > len(found[uid].files)
            ):
                found[uid] = each
    return found


def _folders(target: Path, wanted: Collection[str] | None, start: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folders with images that are in no receipt, and the names of these."""
    for path, folders, names in os.walk(start):
        relative = Path(path).relative_to(target)
        folders[:] = sorted(name for name in folders if is_plain_file_name(name) and not name.startswith("."))
        if not relative.parts and wanted is not None:
            # Most of a large download lies in folders that are their series' own.
            folders[:] = [
                name for name in folders if name in wanted or not (target / STATE / f"{name}.json").is_file()
            ]
        if len(relative.parts) >= _DEEPEST:
            folders.clear()
        images = sorted(name for name in names if name.lower().endswith(".dcm") and is_plain_file_name(name))
        if relative.parts and images:
            folder = relative.as_posix()
            uid = owner(target, folder)
            receipt = known_receipt(SeriesPlace(target, uid)) if uid is not None else None
            known = {file.name for file in receipt.files} if receipt is not None else set()
            if not known.issuperset(images):
                yield folder, [name for name in images if name not in known]


def _series_in(
    target: Path, folder: str, names: list[str], wanted: Collection[str] | None
) -> Iterator[tuple[str, Found]]:
    by_series: dict[str, dict[str, str]] = defaultdict(dict)
    unreadable: list[str] = []
    for name in names:
        try:
            series, instance, _ = read_identity(target / folder / name)
        except (BadAnswer, OSError):
            unreadable.append(name)
            continue
        if wanted is not None and not by_series and series not in wanted:
            return
        if is_uid(series) and is_uid(instance):
            by_series[series][name] = instance
    shared = len(by_series) > 1 or owner(target, folder) is not None
    for series, files in by_series.items():
        # In a folder of several series nobody knows whose the unreadable ones are.
        yield series, Found(folder, files, () if shared else tuple(unreadable), shared)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the server says of found files.

    ``good`` are as the server has them; ``bad`` gives SOP Instance UID and right MD5 of files that are not,
    by name; ``missing`` gives the MD5 of objects that are not there, by UID.
    """

    good: tuple[ReceiptFile, ...]
    bad: dict[str, tuple[str, str]]
    missing: dict[str, str]

    @property
    def whole(self) -> bool:
        """Whether the series is there as the server has it."""
        return not self.bad and not self.missing

    @property
    def few(self) -> bool:
        """Whether what is wrong is better fetched file by file."""
        wrong = len(self.bad) + len(self.missing)
        return wrong <= _FEW * (wrong + len(self.good))


def compare(place: SeriesPlace, found: Found, archive: Archive) -> Comparison:
    """Compare files with what the server has: count, sizes, every MD5.

    :raises FilmroomError: when the server cannot be asked, or does not show the series.
    :raises StoreError: when a file cannot be read.
    """
    promise = archive.promise(place.uid)
    files: dict[str, ReceiptFile] = {}
    doubled: dict[str, ReceiptFile] = {}
    for name, instance in found.files.items():
        path = place.folder / name
        stat = path.stat()
        file = ReceiptFile(name, stat.st_size, md5_of(path), instance, stat.st_mtime_ns)
        (doubled if instance in files else files)[instance] = file
    whole = (len(files), sum(file.size for file in files.values())) == (promise.count, promise.bytes)
    if whole and not doubled and _told_digest(archive, place.uid) == _joined_digest(files.values()):
        return Comparison(tuple(files.values()), {}, {})
    told = {uid: archive.digest(uid).lower() for uid in files}
    if sum(map(bool, told.values())) < promise.count:
        told |= {uid: archive.digest(uid).lower() for uid in archive.instances(place.uid) if uid not in told}
    good: list[ReceiptFile] = []
    bad: dict[str, tuple[str, str]] = {}
    for uid, file in files.items():
        if file.md5 != told[uid] and uid in doubled:
            file = doubled[uid]  # noqa: PLW2901 - the other copy may be the good one
        if file.md5 == told[uid]:
            good.append(file)
        elif told[uid]:
            bad[file.name] = (uid, told[uid])
    missing = {uid: md5 for uid, md5 in told.items() if uid not in files and md5}
    if len(good) + len(bad) + len(missing) != promise.count:
        raise IncompleteTransfer(
            f"The server does not tell the MD5 of all {promise.count} objects of series {place.uid}."
        )
    return Comparison(tuple(good), bad, missing)


def _told_digest(archive: Archive, uid: str) -> str:
    """Return what the server says is the digest of a series; empty where it does not say."""
    try:
        return archive.series_digest(uid)
    except (NotFound, AccessDenied, ServerError):
        return ""


def _joined_digest(files: Collection[ReceiptFile]) -> str:
    """Return the digest of a series as NBIA makes it: the MD5 of its sorted, joined MD5s."""
    joined = "".join(sorted(file.md5 for file in files))
    return hashlib.md5(joined.encode(), usedforsecurity=False).hexdigest()


def take_over(place: SeriesPlace, found: Found, archive: Archive, compared: Comparison) -> Receipt:
    """Fetch what is wrong, and write a receipt. The caller holds the series' lock.

    :param place: with the folder where the files are.
    :raises FilmroomError: when a file cannot be had; what was mended before stays mended.
    """
    wrong = [(name, uid, md5) for name, (uid, md5) in compared.bad.items()]
    wrong += [(plain_dcm_name(uid), uid, md5) for uid, md5 in compared.missing.items()]
    files = list(compared.good)
    for name, uid, md5 in wrong:
        path = replace_file(place, name, md5, partial(fetch_object, archive, place.uid, uid))
        stat = path.stat()
        files.append(ReceiptFile(name, stat.st_size, md5, uid, stat.st_mtime_ns))
    licence = place.folder / LICENCE_NAME
    text = licence_text(licence)
    beside = []
    if text is not None:
        stat = licence.stat()
        beside = [ReceiptFile(LICENCE_NAME, stat.st_size, md5_of(licence), None, stat.st_mtime_ns)]
    elif "/" in found.folder:  # the Data Retriever leaves one for each collection
        text = licence_text(place.target / found.folder.partition("/")[0] / LICENCE_NAME)
    receipt = Receipt(
        series_instance_uid=place.uid,
        server=archive.connection.root,
        api=archive.api,
        etag=None,
        licence=text.splitlines()[0] if text else None,
        licence_text=text,
        count=len(files),
        bytes=sum(file.size for file in files),
        finished=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        files=(*beside, *sorted(files, key=lambda file: file.name)),
        folder="" if found.folder == place.uid else found.folder,
    )
    note_owner(place, lambda: write_receipt(place.receipt, receipt))
    return receipt
