"""What an ingest did: the summary, and the report file.

The report file is one JSON object::

    {
      "filmroom_ingest_report": 1,
      "items": [{"source", "outcome", "reason", "message", "sop_instance_uid"}, …],
      "state": "complete" | "interrupted" | "failed",
      "started", "ended": ISO 8601 in UTC,
      "paths": [absolute paths],
      "counts": {"stored", "present", "quarantined", "skipped", "finished_before"},
      "helpers": {machine: number of files that it did},
      "skipped": {reason: number of bystanders},
      "quarantined": {reason: number},
      "bytes_stored", "bytes_read": bytes; "seconds": duration; "files_per_second": rate,
      "collections": [{"collection", "site", "stored", "visibility", "access", "licence"}, …],
      "warnings": [{"message", "files", "first"}, …]
    }

``items`` holds everything that was not simply stored, in the order of the work; ``outcome`` is ``present``,
``quarantined`` or ``skipped``. Counts include what helpers did. ``finished_before`` counts what an
interrupted run of the same ingest did.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from filmroom.errors import InvalidInput
from filmroom.model.entities import ItemOutcome

_REMEMBERED = 1_000

State = Literal["complete", "interrupted", "failed"]


@dataclass(slots=True)
class CollectionTouched:
    """What an ingest stored in one ``collection//site``. ``access`` and ``licence`` as they are now."""

    collection: str
    site: str
    visibility: int
    stored: int = 0
    access: str = "public"
    licence: str | None = None


@dataclass(slots=True)
class BatchRecord:
    """What was done with a batch. ``items`` are the outcomes of all that was not simply stored;
    ``warnings`` are (source, sentence); ``helper`` is who did it, if not the machine that began the run.
    """

    helper: str = ""
    stored: int = 0
    bytes_stored: int = 0
    bytes_read: int = 0
    items: list[ItemOutcome] = field(default_factory=list)
    collections: dict[tuple[str, str], CollectionTouched] = field(default_factory=dict)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def files(self) -> int:
        """Number of files that were looked at."""
        return self.stored + len(self.items)

    def as_json(self) -> dict[str, Any]:
        """Return the record ready for JSON."""
        return asdict(self) | {"collections": [asdict(entry) for entry in self.collections.values()]}

    @classmethod
    def of_json(cls, record: dict[str, Any]) -> BatchRecord:
        """Return the record that :meth:`as_json` wrote down."""
        touched = [CollectionTouched(**entry) for entry in record["collections"]]
        return cls(
            **record
            | {
                "items": [ItemOutcome(**item) for item in record["items"]],
                "collections": {(entry.collection, entry.site): entry for entry in touched},
            }
        )


@dataclass(slots=True)
class Warned:
    """A sentence that holds for ``files`` files, or for the ingest as a whole; ``first`` is one of them."""

    message: str
    first: str
    files: int = 0


@dataclass(slots=True)
class IngestReport:
    """Summary of one ingest. ``problems`` are the first 1,000 quarantined items; times in seconds."""

    paths: tuple[str, ...]
    started: dt.datetime
    state: State = "complete"
    stored: int = 0
    present: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    finished_before: int = 0
    resumed: bool = False
    bytes_stored: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    collections: dict[tuple[str, str], CollectionTouched] = field(default_factory=dict)
    warnings: dict[str, Warned] = field(default_factory=dict)
    problems: list[ItemOutcome] = field(default_factory=list)
    helpers: Counter[str] = field(default_factory=Counter)

    @property
    def files(self) -> int:
        """Number of files looked at in this run."""
        return self.stored + self.present + self.skipped.total() + self.quarantined.total()

    @property
    def files_per_second(self) -> float:
        return self.files / self.seconds if self.seconds > 0 else 0.0

    def absorb(self, done: BatchRecord) -> None:
        """Count what was done with a batch."""
        self.stored += done.stored
        self.bytes_stored += done.bytes_stored
        self.bytes_read += done.bytes_read
        for key, entry in done.collections.items():
            mine = self.collections.setdefault(
                key, CollectionTouched(entry.collection, entry.site, entry.visibility)
            )
            mine.stored += entry.stored
        for outcome in done.items:
            self._count(outcome)
        for source, warning in done.warnings:
            self.warn(warning, source)
        if done.helper:
            self.helpers[done.helper] += done.files

    def _count(self, outcome: ItemOutcome) -> None:
        if outcome.outcome == "present":
            self.present += 1
        elif outcome.outcome == "skipped":
            self.skipped[outcome.reason] += 1
        else:
            self.quarantined[outcome.reason] += 1
            if len(self.problems) < _REMEMBERED:
                self.problems.append(outcome)

    def warn(self, text: str, source: str = "") -> None:
        """Count a sentence; of different ones the first 1,000 are kept."""
        if text not in self.warnings and len(self.warnings) >= _REMEMBERED:
            text, source = "There are more warnings than are listed.", ""
        self.warnings.setdefault(text, Warned(text, source)).files += 1

    def summary(self) -> dict[str, Any]:
        """Return the report without its items, ready for JSON."""
        return {
            "state": self.state,
            "started": _moment(self.started),
            "ended": _moment(self.started + dt.timedelta(seconds=self.seconds)),
            "paths": list(self.paths),
            "counts": {
                "stored": self.stored,
                "present": self.present,
                "quarantined": self.quarantined.total(),
                "skipped": self.skipped.total(),
                "finished_before": self.finished_before,
            },
            "helpers": dict(sorted(self.helpers.items())),
            "skipped": dict(sorted(self.skipped.items())),
            "quarantined": dict(sorted(self.quarantined.items())),
            "bytes_stored": self.bytes_stored,
            "bytes_read": self.bytes_read,
            "seconds": round(self.seconds, 3),
            "files_per_second": round(self.files_per_second, 1),
            "collections": [asdict(entry) for _, entry in sorted(self.collections.items())],
            "warnings": [asdict(warned) for warned in self.warnings.values()],
        }


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


class ReportFile:
    """Writes the report beside its place and moves it there at the end, whole.

    :raises InvalidInput: when the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._temporary = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex[:8]}.part")
        if self._path.is_dir():
            raise InvalidInput(f"The report {path} is a folder.")
        try:
            self._file = self._temporary.open("w", encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"The report {path} cannot be written: {error.strerror}.") from None
        self._file.write('{"filmroom_ingest_report": 1,\n"items": [')
        self._separator = "\n"

    def add(self, outcome: ItemOutcome) -> None:
        """Write one item that was not simply stored."""
        self._file.write(self._separator + json.dumps(asdict(outcome)))
        self._separator = ",\n"

    def finish(self, report: IngestReport) -> None:
        """Complete the file and put it in its place."""
        rest = json.dumps(report.summary(), indent=1)
        self._file.write("\n],\n" + rest.lstrip("{\n") + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)

    def discard(self) -> None:
        """Remove what was written so far; after :meth:`finish` there is nothing to remove."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._temporary.unlink()
