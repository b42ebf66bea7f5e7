"""The receipt of a series: what was fetched, from where, and what every file must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from filmroom.client.layout import SeriesPlace, is_uid, write_durably
from filmroom.client.member_names import checked_member_name
from filmroom.errors import BadAnswer, VerificationFailed

LICENCE_NAME = "LICENSE"
_LONGEST_LICENCE = 4 << 20


class ReceiptFile(msgspec.Struct, frozen=True):
    """One file: ``size`` in bytes, ``md5`` as hex; ``modified_ns`` is its time when it was checked."""

    name: str
    size: int
    md5: str
    sop_instance_uid: str | None
    modified_ns: int


class Receipt(msgspec.Struct, frozen=True):
    """The receipt as it lies in ``.filmroom/<uid>.json``.

    ``count`` and ``bytes`` are those of the DICOM files; ``licence`` is the first line of the series'
    LICENSE and ``licence_text`` all of it; ``finished`` is UTC in ISO 8601. ``addresses`` are those of a
    :class:`~filmroom.client.sources.base.RemoteSeries`. ``folder`` is where the series lies below the
    target, with slashes, empty where its UID is the folder; ``layout`` named folder and files.
    """

    series_instance_uid: str
    server: str
    api: str
    etag: str | None
    licence: str | None
    licence_text: str | None
    count: int
    bytes: int
    finished: str
    files: tuple[ReceiptFile, ...]
    warnings: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    format: int = 1
    folder: str = ""
    layout: str = "flat"


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write a receipt durably."""
    write_durably(path, msgspec.json.format(msgspec.json.encode(receipt), indent=1) + b"\n")


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt, or None where there is none.

    :raises VerificationFailed: when the file is no receipt, or one of a later program.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        receipt = msgspec.json.decode(raw, type=Receipt)
        if receipt.format != 1 or not is_uid(receipt.series_instance_uid):
            raise VerificationFailed(f"The receipt {path} is of a kind that this program does not know.")
        # A receipt may have been copied from anywhere: its names must not lead out of the folder.
        for file in receipt.files:
            checked_member_name(file.name)
        for part in receipt.folder.split("/") if receipt.folder else ():
            if checked_member_name(part).startswith("."):
                raise VerificationFailed(f"The receipt {path} names a folder that no download makes.")
    except (msgspec.DecodeError, UnicodeDecodeError, BadAnswer) as error:
        raise VerificationFailed(f"The receipt {path} cannot be read: {error}.") from error
    return receipt


def known_receipt(place: SeriesPlace) -> Receipt | None:
    """Return the receipt of a series, also one that waits for its files to be put in place.

    None where there is none, or none that can be used.
    """
    for path in (place.pending_receipt, place.receipt):
        try:
            receipt = read_receipt(path)
        except VerificationFailed:
            continue
        if receipt is not None and receipt.series_instance_uid == place.uid:
            return receipt
    return None


def located(place: SeriesPlace) -> SeriesPlace:
    """Return the place with the folder that the receipt names; as it is where there is no receipt."""
    receipt = known_receipt(place)
    return place if receipt is None else place.at(receipt.folder or place.uid)


def whole_receipt(place: SeriesPlace) -> Receipt | None:
    """Return the receipt of a series that is there and as it was when it was checked."""
    receipt = known_receipt(place)
    if receipt is None:
        return None
    return receipt if unchanged(place.at(receipt.folder or place.uid).folder, receipt) else None


def unchanged(folder: Path, receipt: Receipt) -> bool:
    """Return whether all files are there with the size and time they had when they were checked."""
    for file in receipt.files:
        try:
            stat = (folder / file.name).stat()
        except OSError:
            return False
        if (stat.st_size, stat.st_mtime_ns) != (file.size, file.modified_ns):
            return False
    return True


def licence_text(path: Path) -> str | None:
    """Return what a LICENSE says, its first 4 MiB; None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_LICENCE).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def as_dict(receipt: Receipt) -> dict[str, Any]:
    """Return the receipt as plain data."""
    plain: dict[str, Any] = msgspec.to_builtins(receipt)
    return plain
