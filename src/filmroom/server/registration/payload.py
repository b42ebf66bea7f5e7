"""What DataCite is sent of a record, and whether it has it already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filmroom.model.doi_metadata import METADATA, complete
from filmroom.model.dois import DoiRecord, DoiState
from filmroom.wire.datacite.change import document_of

# What the other end makes of other attributes where it is not sent.
_DERIVED = frozenset({"container"})


@dataclass(frozen=True, slots=True)
class FarRecord:
    """A record as the other end has it: its attributes, and the symbol of its repository in lower case."""

    attributes: Mapping[str, Any]
    repository: str

    @property
    def state(self) -> str:
        """Its state there."""
        return str(self.attributes.get("state") or "")


def event_for(wanted: DoiState, present: str | None) -> str | None:
    """Return the event that leads from a state at the other end to the one that is wanted.

    :param present: None where there is no record yet. :returns: None where nothing has to happen.
    """
    if present == wanted.value:
        return None
    if wanted is DoiState.FINDABLE:
        return "publish"
    return "hide" if present == DoiState.FINDABLE.value else "register"


def body_of(record: DoiRecord, event: str | None, symbol: str) -> dict[str, Any]:
    """Return the document that makes the other end's record like ours."""
    document = document_of(record)
    names = ("doi", "url", *METADATA, "schemaVersion", "reason")
    attributes: dict[str, Any] = {"event": event} if event else {}
    attributes |= {name: document[name] for name in names if not (name in _DERIVED and not document[name])}
    return {
        "data": {
            "type": "dois",
            "attributes": attributes,
            "relationships": {"client": {"data": {"type": "clients", "id": symbol}}},
        }
    }


def digest_of(document: Mapping[str, Any]) -> str:
    """Return a digest of a record's metadata and address, however absent parts and objects are written."""
    metadata = complete(document)
    for name in _DERIVED:
        metadata.pop(name)
    plain = _plain({**metadata, "url": document.get("url")})
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value without its empty parts."""
    if isinstance(value, Mapping):
        parts = {key: _plain(each) for key, each in value.items()}
        return {key: each for key, each in parts.items() if each not in (None, "", [], {})}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
