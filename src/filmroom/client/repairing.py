"""Mends a download folder: fetches again only what is missing or damaged."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from filmroom.client.layout import SeriesPlace, held, writing
from filmroom.client.mending import fetch_object, replace_file
from filmroom.client.receipt import LICENCE_NAME, Receipt, ReceiptFile, read_receipt, write_receipt
from filmroom.client.report import Progress
from filmroom.client.sources.base import RemoteSeries
from filmroom.client.verifying import SeriesCheck, check_series, places
from filmroom.errors import FilmroomError, VerificationFailed

if TYPE_CHECKING:
    from filmroom.client.client import Client

Action = Literal["nothing", "adopted", "files", "series", "failed"]
_FEW = 0.5  # with a larger part of the files bad, the whole series is fetched: one request instead of many


@dataclass(frozen=True, slots=True)
class SeriesRepair:
    """What was done to one series: ``files`` replaced, or the whole ``series`` fetched; or why it failed.

    ``adopted``: it had no receipt, is as the server has it, and has one now.
    """

    series_instance_uid: str
    action: Action
    before: SeriesCheck
    files: tuple[str, ...] = ()
    error: FilmroomError | None = None


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was done to every series of a folder."""

    series: tuple[SeriesRepair, ...]

    @property
    def failed(self) -> tuple[SeriesRepair, ...]:
        """Series that are still not whole."""
        return tuple(each for each in self.series if each.action == "failed")

    def raise_for_failures(self) -> None:
        """Raise the error of the only series that failed, or VerificationFailed for several."""
        if len(self.failed) == 1 and self.failed[0].error is not None:
            raise self.failed[0].error
        if self.failed:
            raise VerificationFailed(
                f"{len(self.failed)} series are still not whole; the first: {self.failed[0].error}",
                advice="Run the same command again; it fetches only what is missing.",
            )


def repair(
    path: str | os.PathLike[str],
    client: Client | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> RepairReport:
    """Make every series below ``path`` whole again.

    Single files are fetched as single objects and replaced one by one; where the receipt or most files
    are gone, or the download was interrupted, the series is fetched (the interrupted one continued).

    :param client: the server to fetch from; default: the one that each receipt names, and for series
        without a receipt the one of :class:`~filmroom.client.client.Client`.
    :raises NotFound: when there is no download.
    """
    own: dict[tuple[str, str], Client] = {}
    try:
        return RepairReport(tuple(_mend(place, client, own, progress) for place in places(Path(path))))
    finally:
        for each in own.values():
            each.close()


def _mend(
    place: SeriesPlace,
    client: Client | None,
    own: dict[tuple[str, str], Client],
    progress: Callable[[Progress], None] | None,
) -> SeriesRepair:
    before = check_series(place)
    if before.ok:
        return SeriesRepair(place.uid, "nothing", before)
    try:
        receipt = None if before.state in {"no receipt", "incomplete"} else read_receipt(place.receipt)
        chosen = client or _client_of(receipt, own)
        bad = {*before.missing, *before.damaged}
        if receipt is None or len(bad) > _FEW * len(receipt.files):
            return _fetch_series(place, chosen, before, progress, receipt)
        with held(place):
            mended = _mend_files(place, receipt, bad, chosen)
    except FilmroomError as error:
        return SeriesRepair(place.uid, "failed", before, error=error)
    if not mended:
        return _fetch_series(place, chosen, before, progress, receipt)
    return SeriesRepair(place.uid, "files", before, tuple(sorted(bad)))


def _client_of(receipt: Receipt | None, own: dict[tuple[str, str], Client]) -> Client:
    from filmroom.client.client import Api, Client

    # Versions name files differently; of the newest, whichever the server now speaks.
    former: dict[str, Api] = {"v1": "v1", "v2": "v2"}
    of_server = receipt is not None and not receipt.addresses
    key = (receipt.server, receipt.api) if receipt is not None and of_server else ("", "v4")
    if key not in own:
        own[key] = Client(key[0] or None, api=former.get(key[1]))
    return own[key]


def _fetch_series(
    place: SeriesPlace,
    client: Client,
    before: SeriesCheck,
    progress: Callable[[Progress], None] | None,
    receipt: Receipt | None,
) -> SeriesRepair:
    series: str | RemoteSeries = place.uid
    if receipt is not None and receipt.addresses:
        series = RemoteSeries.of_key(place.uid, receipt.addresses)
    layout = receipt.layout if receipt is not None else "flat"
    try:
        overwrite = before.state not in {"incomplete", "no receipt"}
        report = client.download(series, place.target, overwrite=overwrite, progress=progress, layout=layout)
        report.raise_for_failures()
    except FilmroomError as error:
        return SeriesRepair(place.uid, "failed", before, error=error)
    return SeriesRepair(place.uid, "adopted" if report.skipped else "series", before)


def _mend_files(place: SeriesPlace, receipt: Receipt, bad: set[str], client: Client) -> bool:
    """Replace the bad files; False when one of them cannot be had alone. The caller holds the lock."""
    with writing(place.target):
        place.folder.mkdir(parents=True, exist_ok=True)
    mended: list[ReceiptFile] = []
    for file in receipt.files:
        if file.name not in bad:
            mended.append(file)
            continue
        write = _writer(place, receipt, file, client)
        if write is None:
            return False
        path = replace_file(place, file.name, file.md5, write)
        mended.append(msgspec.structs.replace(file, modified_ns=path.stat().st_mtime_ns))
    with writing(place.target):
        write_receipt(place.receipt, msgspec.structs.replace(receipt, files=tuple(mended)))
    return True


def _writer(
    place: SeriesPlace, receipt: Receipt, file: ReceiptFile, client: Client
) -> Callable[[Path], object] | None:
    """Return what writes the right content of one file, None when only the whole series brings it."""
    if file.name == LICENCE_NAME:
        text = (receipt.licence_text or "").encode()
        same = hashlib.md5(text, usedforsecurity=False).hexdigest() == file.md5
        return (lambda target: target.write_bytes(text)) if same else None
    if receipt.addresses:
        series = RemoteSeries.of_key(place.uid, receipt.addresses)
        return client.sources.writer(series, file.md5)
    uid = file.sop_instance_uid
    return None if uid is None else partial(fetch_object, client, place.uid, uid)
