"""Series of a download folder compared with what the server has now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from filmroom.client.adopt import Found, compare, take_over
from filmroom.client.layout import SeriesPlace, held, writing
from filmroom.client.receipt import known_receipt
from filmroom.client.sources.archive import Archive
from filmroom.errors import ArchiveInUse, BadAnswer, IncompleteTransfer, NotFound

if TYPE_CHECKING:
    from filmroom.client.verifying import SeriesCheck


def compared(place: SeriesPlace, check: SeriesCheck, archive: Archive, found: Found | None) -> SeriesCheck:
    """Return what is found when the server is asked as well.

    A series that another program fetched, and that is whole, gets a receipt.

    :raises ServerUnreachable, ServerError, AccessDenied: when the server cannot be asked.
    """
    try:
        if check.ok:
            return _current(place, check, archive)
        if check.state == "no receipt" and found is not None:
            with held(place), writing(place.target):
                return _adopted(place, check, archive, found)
    except (ArchiveInUse, BadAnswer, IncompleteTransfer) as error:
        return replace(check, message=str(error))
    except NotFound:
        root = archive.connection.root
        return replace(check, message=f"{root} does not have this series now, or does not show it.")
    return check


def _current(place: SeriesPlace, check: SeriesCheck, archive: Archive) -> SeriesCheck:
    promise, receipt = archive.promise(place.uid), known_receipt(place)
    if receipt is None or (receipt.count, receipt.bytes) == (promise.count, promise.bytes):
        return check
    message = (
        f"The server has {promise.count} objects now ({promise.bytes} bytes); download with --overwrite."
    )
    return replace(check, state="outdated", message=message)


def _adopted(place: SeriesPlace, check: SeriesCheck, archive: Archive, found: Found) -> SeriesCheck:
    result = compare(place, found, archive)
    files, size = len(result.good), sum(file.size for file in result.good)
    if result.whole:
        take_over(place, found, archive, result)
        message = "It has a receipt now."
        return replace(check, state="whole", files=files, bytes=size, message=message)
    return replace(
        check,
        state="damaged" if result.bad else "missing",
        files=files,
        bytes=size,
        damaged=tuple(sorted(result.bad)),
        missing=tuple(sorted(result.missing)),
        foreign=found.unreadable,
        message="Another program fetched it; repair fetches what is wrong.",
    )
