"""When is a series done? Count, bytes, every MD5 and every file's identity agree with what was promised."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from filmroom.client.identity import read_identity
from filmroom.client.intake import DIGESTS_NAME, NOT_IMAGES
from filmroom.client.journal import Arrived
from filmroom.client.layout import SeriesPlace
from filmroom.client.placement import FLAT_NAMING, Naming, chosen_folder, name_files
from filmroom.client.receipt import LICENCE_NAME, Receipt, ReceiptFile, licence_text, write_receipt
from filmroom.client.sources.base import Delivery, Promise
from filmroom.errors import BadAnswer, DigestMismatch, IncompleteTransfer

_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def accept(
    place: SeriesPlace,
    delivery: Delivery,
    *,
    server: str,
    api: str,
    addresses: tuple[str, ...],
    digest_of: Callable[[str], str],
    naming: Naming = FLAT_NAMING,
    replaced: Collection[Path] = (),
) -> Receipt:
    """Check a series in its partial folder, put it in its place and return its receipt.

    :param naming: what files and folder are to be called; a place that has a folder keeps it.
    :param replaced: files that go, because the series has them now in its folder.
    :param digest_of: asks the server for the MD5 (hex) of one SOP Instance UID; used where neither the
        source nor a list in the archive told the digests.
    :raises IncompleteTransfer, DigestMismatch, BadAnswer: when anything is not as promised.
    """
    arrival = delivery.arrival
    images = [each for each in arrival.arrived if each.name not in NOT_IMAGES]
    _check_amount(place.uid, images, delivery.promise)
    identities, warnings = _identities(place, images) if delivery.identified else ({}, [])
    listed = delivery.digests
    if listed is None:
        listed = _listed_digests(place.files / DIGESTS_NAME)
    for image in images:
        expected = digest_of(identities[image.name]) if listed is None else listed.pop(image.name, "")
        if not _MD5.fullmatch(expected):
            raise BadAnswer(f"The server gives no MD5 for {image.name} of series {place.uid}.")
        if expected.lower() != image.md5:
            raise DigestMismatch(f"{image.name} of series {place.uid} arrived damaged: its MD5 differs.")
    if listed:
        raise IncompleteTransfer(
            f"{next(iter(listed))[:80]!r} of series {place.uid} is listed but was not sent."
        )
    (place.files / DIGESTS_NAME).unlink(missing_ok=True)
    text = licence_text(place.files / LICENCE_NAME)
    former = name_files(place, identities, naming.layout)
    arrived = {each.name: each for each in arrival.arrived}
    first = next((name for name, old in former.items() if old in identities), None)
    with chosen_folder(place, former, first, naming) as chosen:
        source = arrival.source
        receipt = Receipt(
            series_instance_uid=place.uid,
            server=server,
            api=api,
            etag=source.etag if source else None,
            licence=text.splitlines()[0] if text else None,
            licence_text=text,
            count=len(images),
            bytes=sum(image.size for image in images),
            finished=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            files=tuple(
                ReceiptFile(
                    name,
                    arrived[old].size,
                    arrived[old].md5,
                    identities.get(old),
                    (place.files / name).stat().st_mtime_ns,
                )
                for name, old in sorted(former.items(), key=lambda pair: arrived[pair[1]].offset)
            ),
            warnings=(*warnings, *delivery.remarks),
            addresses=addresses,
            folder="" if chosen.relative == place.uid else chosen.relative or "",
            layout=naming.layout.text,
        )
        write_receipt(place.pending_receipt, receipt)
    for path in replaced:
        path.unlink(missing_ok=True)
    chosen.finish()
    return receipt


def _check_amount(uid: str, images: Sequence[Arrived], promise: Promise) -> None:
    size = sum(image.size for image in images)
    if len(images) != promise.count:
        raise IncompleteTransfer(
            f"Series {uid} has {promise.count} objects, but the server sent {len(images)}."
        )
    if size != promise.bytes:
        raise IncompleteTransfer(f"Series {uid} has {promise.bytes} bytes, but the server sent {size}.")


def _identities(place: SeriesPlace, images: Sequence[Arrived]) -> tuple[dict[str, str], list[str]]:
    """Return the SOP Instance UID of each image and remarks; every image must be of this series."""
    found: dict[str, str] = {}
    warnings: list[str] = []
    for image in images:
        series, instance, remark = read_identity(place.files / image.name)
        if series != place.uid:
            raise BadAnswer(f"{image.name} belongs to series {series[:80]!r}, not to {place.uid}.")
        found[image.name] = instance
        if remark:
            warnings.append(f"{image.name}: {remark}")
    if len(set(found.values())) != len(found):
        raise BadAnswer(f"The server sent an object of series {place.uid} twice.")
    return found, warnings


def _listed_digests(path: Path) -> dict[str, str] | None:
    """Return file name to MD5 hex of the archive's list; None when it brought none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BadAnswer(f"The archive's {DIGESTS_NAME} is not text.") from None
    listed: dict[str, str] = {}
    for line in text.splitlines():
        name, comma, digest = line.rpartition(",")
        name, digest = name.strip().strip('"'), digest.strip().strip('"')
        if not comma or not _MD5.fullmatch(digest):
            if line.strip() and digest != "MD5Hash":
                raise BadAnswer(f"The archive's {DIGESTS_NAME} has an illegible line: {line[:80]!r}.")
            continue
        if name not in NOT_IMAGES:
            listed[name] = digest
    return listed
