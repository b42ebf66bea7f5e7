"""What can be wrong with an archive, as one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Remedy = Literal["repair", "heal", "hand"]
"""What helps: ``--repair``; ``--heal`` with the files that were ingested; or a person's decision."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding. ``meaning`` and ``advice`` are for a person."""

    name: str
    meaning: str
    remedy: Remedy
    advice: str


_HEAL = "Read the original files again: filmroom fsck --heal PATH"
_REPAIR = "Run: filmroom fsck --repair"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("missing", "the object that holds the instance is gone", "heal", _HEAL),
        Kind("wrong-size", "the object has another size than was catalogued", "heal", _HEAL),
        Kind("damaged", "the stored bytes are not those that were catalogued", "heal", _HEAL),
        Kind("unreadable", "the object cannot be read", "heal", f"Check the disk or the service. {_HEAL}"),
        Kind("changed-time", "another time of change, the content is as catalogued", "repair", _REPAIR),
        Kind("orphan", "an object of the store that the catalogue does not know", "repair", _REPAIR),
        Kind("leftover", "a temporary file of a writer that died", "repair", _REPAIR),
        Kind("unused-object", "the catalogue knows an object that nothing refers to", "repair", _REPAIR),
        Kind("wrong-total", "a series' number of images or bytes is wrong", "repair", _REPAIR),
        Kind("wrong-count", "counts of values for search are wrong", "repair", _REPAIR),
        Kind("wrong-geometry", "simple search does not know what instances measure", "repair", _REPAIR),
        Kind("text-index", "text search does not know series", "repair", _REPAIR),
        Kind(
            "series-file",
            "a file of a series that is not DICOM is gone or not as it was catalogued",
            "hand",
            "Take it out and add the original again: filmroom series remove-file, filmroom series add-file",
        ),
        Kind(
            "slide",
            "the file of a slide is gone or not as it was catalogued",
            "hand",
            "Take it out and ingest the original again: filmroom slide remove COLLECTION NAME",
        ),
        Kind(
            "quarantine-lost",
            "the kept copy of a quarantined file is gone or has another size",
            "hand",
            "Ingest the file again, then drop the entry: filmroom quarantine drop NUMBER",
        ),
        Kind(
            "catalogue",
            "the database finds its own file damaged",
            "hand",
            "Restore the catalogue from a backup, then ingest again what came later.",
        ),
    )
}
"""Every kind, by name."""

State = Literal["left", "mended"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``key`` names the object: a key of the store, or a path when ``in_place``."""

    kind: str
    detail: str
    key: str | None = None
    in_place: bool = False
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    state: State = "left"
