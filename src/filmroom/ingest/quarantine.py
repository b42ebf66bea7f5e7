"""Deciding on refused objects: show, try again, drop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from filmroom.catalog import Catalog
from filmroom.errors import InvalidInput, NotFound, StoreError
from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Candidate
from filmroom.ingest.check import Checker
from filmroom.ingest.load import with_present_access, work_folder
from filmroom.ingest.spool import Spool
from filmroom.model.entities import Assignment, ItemOutcome, QuarantineItem
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.store.base import Store


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one item: ``stored`` or ``present`` (it has left the quarantine), or ``quarantined``."""

    item: QuarantineItem
    outcome: ItemOutcome


def retry(
    address: ArchiveAddress,
    ids: Sequence[int],
    *,
    collection: str | None = None,
    site: str | None = None,
) -> list[Retried]:
    """Read refused objects again and take in those that are in order now.

    Each goes where it was to go, or to ``collection`` (and ``site``, which defaults to its name). What
    succeeds leaves the quarantine; what is refused again stays there as it was.

    :raises NotFound: when an id is not in quarantine; nothing was changed.
    :raises InvalidInput: when an item has neither a copy nor a source file any more, or no collection.
    """
    with ExitStack() as stack:
        catalog = stack.enter_context(Catalog.open(address.database_url))
        store = open_store(address.store_url)
        spool = stack.enter_context(closing(Spool(work_folder(address))))
        items = [catalog.quarantine_item(item_id) for item_id in ids]
        results: list[Retried] = []
        for item in items:
            rules = with_present_access(_rules(item, collection, site), catalog)
            results.append(Retried(item, _retry_one(catalog, store, rules, item, spool)))
        return results


def drop(address: ArchiveAddress, ids: Sequence[int]) -> list[QuarantineItem]:
    """Forget refused objects and delete their kept bytes; files outside the archive stay.

    :raises NotFound: when an id is not in quarantine; nothing was changed.
    """
    with Catalog.open(address.database_url) as catalog:
        store = open_store(address.store_url)
        items = [catalog.quarantine_item(item_id) for item_id in ids]
        for item in items:
            _forget(catalog, store, item)
        return items


def read_copy(store: Store, item: QuarantineItem) -> bytes:
    """Return the kept bytes of an item, at most the first MiB. :raises NotFound: when none were kept."""
    location = item.location
    if location is None or location.in_place:
        raise NotFound(f"No copy was kept of quarantined object {item.id}.")
    return b"".join(store.read(location.key, location.offset, min(location.length, 1 << 20)))


def _forget(catalog: Catalog, store: Store, item: QuarantineItem) -> None:
    keys = catalog.drop_quarantine(item.id)
    if item.location is not None and item.location.in_place:
        return
    for key in keys:
        store.delete(key)


def _rules(item: QuarantineItem, collection: str | None, site: str | None) -> Rules:
    place: Assignment | None = item.assignment
    if place is None:
        if collection is None:
            raise InvalidInput(
                f"Quarantined object {item.id} was given no collection.",
                advice="Name one with --collection NAME.",
            )
        return Rules(collection=collection, site=site)
    return Rules(
        collection=collection or place.collection,
        site=site or (place.site if collection in {None, place.collection} else None),
        licence=place.licence,
        description_uri=place.description_uri,
        third_party_analysis=place.third_party_analysis,
        visibility=place.visibility,
        access=place.access,
        in_place=item.location is not None and item.location.in_place,
    )


def _retry_one(
    catalog: Catalog, store: Store, rules: Rules, item: QuarantineItem, spool: Spool
) -> ItemOutcome:
    candidate = _candidate(store, item, spool, rules)
    checked = Checker(catalog, store, rules, str(spool.folder)).check([candidate])
    if checked.refusals or checked.bystanders:
        _delete_unused(catalog, store, checked.keys)
        if checked.bystanders:
            reason = checked.bystanders[0].reason
            return ItemOutcome(item.source, "quarantined", reason, "It is not for the archive; drop it.")
        refusal = checked.refusals[0]
        return ItemOutcome(item.source, "quarantined", refusal.reason, refusal.message)
    if checked.present:
        outcome = checked.present[0]
    else:
        # A conflict again finds its row in quarantine: same source, reason and size.
        outcome = catalog.commit_batch(None, checked.incoming, slides=checked.slides)[0]
        _delete_unused(catalog, store, checked.keys)
    if outcome.outcome != "quarantined":
        _forget(catalog, store, item)
    return outcome


def _delete_unused(catalog: Catalog, store: Store, keys: Sequence[str]) -> None:
    for key in catalog.unreferenced(keys):
        store.delete(key)


def _candidate(store: Store, item: QuarantineItem, spool: Spool, rules: Rules) -> Candidate:
    """Return the item's bytes as a candidate under its original label."""
    location = item.location
    spooled = location is not None and not location.in_place
    if location is not None and not location.in_place:
        path, size = spool.write_chunks(store.read(location.key, location.offset, location.length))
        if size != item.size:
            raise StoreError(f"The kept copy of quarantined object {item.id} has not its size any more.")
        mtime_ns = 0
    else:
        path = item.source if location is None else location.key
        try:
            status = Path(path).stat()
        except (OSError, ValueError):
            raise InvalidInput(
                f"Quarantined object {item.id} has no copy, and its source is not there any more: {path}",
                advice=f"Drop it with: filmroom quarantine drop {item.id}",
            ) from None
        size, mtime_ns = status.st_size, status.st_mtime_ns
    return Candidate(
        source=item.source,
        kind="file",
        path=path,
        size=size,
        mtime_ns=mtime_ns,
        folder=rules.collection,
        group="",
        member=item.source if spooled else "",
        spooled=spooled,
    )
