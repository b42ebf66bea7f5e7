"""What is known of a DOI's registration at DataCite."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from filmroom.model.dois import DoiRecord, DoiState

System = Literal["test", "production"]
PushState = Literal["waiting", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class Push:
    """One record that a worker was given to send. ``tries`` counts the failures since it last changed."""

    record: DoiRecord
    system: System
    tries: int


@dataclass(frozen=True, slots=True)
class PushStatus:
    """How far one record is; times are naive UTC.

    Waiting: it was never sent, was changed since, or is tried again at ``next_try``. Stopped: the other end
    refused it for good; it waits for a change, or for a person.
    """

    doi: str
    wanted: DoiState
    state: PushState
    tries: int = 0
    error: str | None = None
    next_try: dt.datetime | None = None
    done: dt.datetime | None = None
