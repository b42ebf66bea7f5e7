"""What became of the files of one task."""

from __future__ import annotations

from dataclasses import dataclass, field

from filmroom.catalog import Refusal
from filmroom.ingest.candidates import Bystander
from filmroom.model.entities import IncomingInstance, ItemOutcome
from filmroom.model.slides import IncomingSlide


@dataclass(slots=True)
class Checked:
    """What became of a task's candidates, each list in their order.

    ``present`` are those whose bytes the archive already has; ``keys`` every object that was written;
    ``warnings`` are (source, sentence); ``bytes_read`` counts what was read.
    """

    incoming: list[IncomingInstance] = field(default_factory=list)
    slides: list[IncomingSlide] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    bystanders: list[Bystander] = field(default_factory=list)
    present: list[ItemOutcome] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bytes_read: int = 0

    @property
    def arrived(self) -> list[IncomingInstance | IncomingSlide]:
        """What the catalogue decides on, in the order of its outcomes."""
        return [*self.incoming, *self.slides]
