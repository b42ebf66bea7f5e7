"""What a change of a DOI record is: its new version, and what the activity says of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from filmroom.model.doi_metadata import STORAGE_NAMES
from filmroom.model.dois import DoiRecord, DoiState


def storage_form(record: DoiRecord) -> dict[str, Any]:
    """Return a record under the names that activities use, in their order."""
    attributes = {stored: record.attributes.get(name) for name, stored in STORAGE_NAMES.items()}
    publisher, content_url = attributes.pop("publisher"), attributes.pop("content_url")
    return {
        "url": record.url,
        **attributes,
        "schema_version": record.schema_version,
        "content_url": content_url,
        "landing_page": None,  # the check of landing pages, which nobody does here
        "aasm_state": record.state.value,
        "source": record.source,
        "doi": record.doi.upper(),  # as DataCite stores it
        "reason": record.reason,
        "publisher": publisher,
    }


def changes(old: DoiRecord | None, new: DoiRecord) -> dict[str, Any]:
    """Return every value of a new record, of a changed one the old and new value of what differs."""
    after = storage_form(new)
    if old is None:
        return after
    before = storage_form(old)
    different = {name: [before[name], value] for name, value in after.items() if before[name] != value}
    if old.client != new.client:
        different["client_id"] = [old.client, new.client]
    return different


def next_version(old: DoiRecord | None, new: DoiRecord, moment: dt.datetime) -> DoiRecord:
    """Return the record as it is stored: times set, and the number of its metadata's version.

    An imported record keeps what it came with.
    """
    if new.imported_at is not None:
        return replace(new, created=new.created or moment, updated=new.updated or new.created or moment)
    was_draft = old is None or old.state is DoiState.DRAFT
    registered = old.registered if old is not None else None
    if was_draft and new.state is not DoiState.DRAFT and registered is None:
        registered = moment
    number = old.metadata_version if old is not None else 0
    if new.xml is not None and (old is None or old.xml != new.xml):
        number += 1
    return replace(
        new,
        created=old.created if old is not None else moment,
        registered=registered,
        updated=moment,
        metadata_version=number,
    )
